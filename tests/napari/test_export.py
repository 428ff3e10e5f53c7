"""Exported files: size and unit of the pixels, axes and names, read back by other programs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from defocus import InputError
from defocus.pictures.tiff import pixel_size
from napari_defocus.layers.export import file_name, save_result

ABOUT = {"kind": "blur_map", "request": "blur_map", "unit": "px", "name": "cells blur radius (px)"}


def result(shape, **place):
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    values[..., 0, 0] = np.nan
    return Image(values, name="cells blur radius (px)", metadata={"defocus": dict(ABOUT)}, **place)


def test_a_tiff_holds_the_size_of_its_pixels(tmp_path):
    save_result(result((30, 40), scale=(0.1, 0.2), units=("um", "um")), tmp_path / "map.tif")
    with tifffile.TiffFile(tmp_path / "map.tif") as tiff:
        size = pixel_size(tiff)
        page = tiff.pages[0]
        assert page.tags["ResolutionUnit"].value == 3  # cm
        above, below = page.tags["XResolution"].value
    assert (size.y, size.x) == (pytest.approx(0.1), pytest.approx(0.2))
    assert above / below == pytest.approx(50_000)
    from PIL import Image as PillowImage

    with PillowImage.open(tmp_path / "map.tif") as opened:
        assert opened.info["dpi"] == (pytest.approx(127_000), pytest.approx(254_000))  # per inch


def test_without_a_unit_nothing_is_made_up(tmp_path):
    save_result(result((30, 40), scale=(0.1, 0.2)), tmp_path / "map.tif")
    with tifffile.TiffFile(tmp_path / "map.tif") as tiff:
        assert pixel_size(tiff) is None


def test_ome_tiff_read_back_by_ome_types(tmp_path):
    ome_types = pytest.importorskip("ome_types")
    place = {"scale": (0.5, 0.1, 0.1), "units": ("um", "um", "um"), "axis_labels": ("z", "y", "x")}
    layer = result((5, 30, 40), **place)
    save_result(layer, tmp_path / "map.ome.tif")
    image = ome_types.from_tiff(tmp_path / "map.ome.tif").images[0]
    pixels = image.pixels
    assert (pixels.size_z, pixels.size_y, pixels.size_x, pixels.size_c) == (5, 30, 40, 1)
    assert (pixels.physical_size_x, pixels.physical_size_y) == (pytest.approx(0.1), pytest.approx(0.1))
    assert pixels.physical_size_z == pytest.approx(0.5)
    assert pixels.physical_size_x_unit.value == "µm"
    assert pixels.type.value == "float"
    assert image.name == layer.name
    assert pixels.channels[0].name == layer.name
    assert json.loads(image.description)["unit"] == "px"
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "map.ome.tif"), layer.data)


def test_axes_of_ome_tiff_are_those_of_the_layer(tmp_path):
    place = {
        "scale": (1, 1, 200, 200),
        "units": ("s", "pixel", "nm", "nm"),
        "axis_labels": ("time", "channel", "y", "x"),
    }
    save_result(result((3, 2, 30, 40), **place), tmp_path / "map.ome.tif")
    with tifffile.TiffFile(tmp_path / "map.ome.tif") as tiff:
        assert tiff.series[0].axes == "TCYX"
        size = pixel_size(tiff)
    assert (size.y, size.x, size.z) == (pytest.approx(0.2), pytest.approx(0.2), None)
    with pytest.raises(InputError, match=r"name the file \.tif"):
        save_result(result((2, 2, 2, 2, 8, 8)), tmp_path / "many.ome.tif")
    assert not (tmp_path / "many.ome.tif").exists()


def test_what_has_a_size_is_suggested_as_ome_tiff():
    assert file_name(result((30, 40), scale=(0.1, 0.1), units=("um", "um"))).endswith(".ome.tif")
    assert file_name(result((30, 40))) == "cells_blur_radius_px.tif"


def test_ome_zarr_as_the_specification_has_it(tmp_path):
    """Metadata as version 0.5 of the specification writes them, read as plain JSON."""
    import zarr

    place = {
        "scale": (0.5, 0.1, 0.1), "translate": (1, 2, 3), "units": ("um", "um", "um"), "axis_labels": ("z", "y", "x"),
    }  # fmt: skip
    layer = result((5, 30, 40), **place)
    folder = tmp_path / "map.ome.zarr"
    save_result(layer, folder)
    about = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))
    assert (about["zarr_format"], about["node_type"]) == (3, "group")
    assert about["attributes"]["ome"] == {
        "version": "0.5",
        "multiscales": [
            {
                "name": layer.name,
                "axes": [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"],
                "datasets": [
                    {
                        "path": "0",
                        "coordinateTransformations": [
                            {"type": "scale", "scale": [0.5, 0.1, 0.1]},
                            {"type": "translation", "translation": [1, 2, 3]},
                        ],
                    }
                ],
            }
        ],
    }
    assert about["attributes"]["defocus"]["unit"] == "px"
    array = zarr.open_array(folder / "0", mode="r")
    np.testing.assert_array_equal(array[...], layer.data)
    assert json.loads((folder / "0" / "zarr.json").read_text(encoding="utf-8"))["dimension_names"] == ["z", "y", "x"]
    with pytest.raises(InputError, match="is there already"):
        save_result(layer, folder)
    assert [one.name for one in tmp_path.iterdir()] == ["map.ome.zarr"]
