"""OME-Zarr folders: what is in them is chosen, not guessed; sizes and names are those of the specification."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from defocus import InputError, load_image
from defocus.command.line import app
from defocus.pictures.part import Part, PixelSize
from defocus.pictures.reading import is_stack, read_array, read_pixel_size, read_planes, read_stack

zarr = pytest.importorskip("zarr")

RNG = np.random.default_rng(0)
ANY = 10**9


def run(*arguments):
    return app([str(word) for word in arguments], result_action="return_value")


def array(folder, **part):
    return read_array(folder, ANY, Part(**part))


def written(folder, values, axes, *, version="0.5", unit="micrometer", scale=0.1, channels=(), fine_scale=1.0):
    """Write a folder by the letter of the specification, with a smaller copy behind the picture."""
    group = zarr.open_group(folder, mode="w", zarr_format=3 if version == "0.5" else 2)
    kinds = {"t": "time", "c": "channel"}
    spatial = [axis in "zyx" for axis in axes]
    levels = [("full", fine_scale), ("half", 2.0)]
    image = {
        "name": "cells",
        "axes": [
            {"name": axis, "type": kinds.get(axis, "space"), **({"unit": unit} if axis in "zyx" and unit else {})}
            for axis in axes
        ],
        "datasets": [
            {
                "path": name,
                "coordinateTransformations": [
                    {"type": "scale", "scale": [(scale if here else 1.0) * factor if here else 1.0 for here in spatial]}
                ],
            }
            for name, factor in levels
        ],
    }
    ome = {"multiscales": [image], "omero": {"channels": [{"label": name} for name in channels]}}
    if version == "0.5":
        group.attrs["ome"] = {"version": "0.5", **ome}
    else:
        image["version"] = "0.4"
        group.attrs.update(ome)
    group.create_array("full", data=values, chunks=(1,) * (values.ndim - 2) + (16, 16))
    group.create_array("half", data=values[..., ::2, ::2])
    return folder


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plane_is_read_in_its_finest_resolution_with_its_size(tmp_path, version):
    values = RNG.integers(0, 60000, (40, 50), dtype=np.uint16)
    folder = written(tmp_path / "cells.ome.zarr", values, "yx", version=version)
    np.testing.assert_array_equal(array(folder), values)
    assert read_pixel_size(folder) == PixelSize(0.1, 0.1)
    assert load_image(folder).shape == (40, 50)
    assert not is_stack(folder)


def test_units_and_the_scale_of_the_finest_level_count(tmp_path):
    values = RNG.integers(0, 255, (3, 40, 50), dtype=np.uint8)
    folder = written(tmp_path / "a.zarr", values, "zyx", unit="nanometer", scale=50, fine_scale=2.0)
    assert read_pixel_size(folder) == PixelSize(0.1, 0.1, 0.1)
    assert read_pixel_size(written(tmp_path / "b.zarr", values, "zyx", unit="")) is None
    group = zarr.open_group(folder)
    ome = group.attrs["ome"]
    ome["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [10.0, 3.0, 2.0]}]
    group.attrs["ome"] = ome
    size = read_pixel_size(folder)
    assert (size.y, size.x, size.z) == pytest.approx((0.3, 0.2, 1.0))


def test_channels_and_planes_are_chosen_or_refused_with_a_list(tmp_path):
    values = RNG.integers(0, 60000, (2, 3, 40, 50), dtype=np.uint16)
    folder = written(tmp_path / "cells.ome.zarr", values, "czyx", channels=("DAPI", "GFP"))
    with pytest.raises(InputError, match=r"planes 3 along Z: choose one with --page 0 to 2"):
        array(folder)
    with pytest.raises(InputError, match=r"holds 2 channels, 0: DAPI; 1: GFP: choose one with --channel"):
        array(folder, page=1)
    np.testing.assert_array_equal(array(folder, page=1, channel="GFP"), values[1, 1])
    np.testing.assert_array_equal(array(folder, page=2, channel=0), values[0, 2])
    with pytest.raises(InputError, match="no page 3; it has pages 0 to 2"):
        array(folder, page=3, channel=0)
    with pytest.raises(InputError, match="no channel RFP; it has DAPI, GFP"):
        array(folder, page=0, channel="RFP")
    np.testing.assert_array_equal(read_stack(folder, part=Part(channel="GFP")), values[1])
    with pytest.raises(InputError, match="choose one with --channel"):
        read_stack(folder)
    assert [name for name, _ in read_planes(folder)] == ["DAPI", "GFP"]
    np.testing.assert_array_equal(read_planes(folder, part=Part(channel=1))[0][1], values[1])
    assert is_stack(folder)


def test_only_the_chunks_of_the_chosen_plane_are_read(tmp_path):
    values = RNG.integers(0, 60000, (4, 40, 50), dtype=np.uint16)
    folder = written(tmp_path / "t.ome.zarr", values, "tyx")
    for chunk in (folder / "full" / "c").iterdir():  # spoil all other planes
        if chunk.name != "2":
            for file in chunk.rglob("*"):
                if file.is_file():
                    file.write_bytes(b"spoilt")
    np.testing.assert_array_equal(array(folder, page=2), values[2])
    with pytest.raises(InputError, match=r"t\.ome\.zarr: damaged"):
        array(folder, page=0)


def test_too_many_pixels_are_refused_before_they_are_read(tmp_path):
    folder = written(tmp_path / "a.zarr", np.zeros((40, 50), np.uint8), "yx")
    with pytest.raises(InputError, match=r"are more than 0\.001 megapixels"):
        read_array(folder, 1000)


def test_other_folders_say_what_they_lack(tmp_path):
    zarr.open_group(tmp_path / "plain.zarr", mode="w")
    with pytest.raises(InputError, match="no picture by the rules of OME-Zarr"):
        array(tmp_path / "plain.zarr")
    folder = written(tmp_path / "bad.zarr", np.zeros((40, 50), np.uint8), "yx")
    (folder / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="or damaged"):
        array(folder)


def test_the_command_measures_a_folder_of_zarr_and_keeps_its_pixel_size(tmp_path, capsys):
    sharp = np.kron(RNG.integers(40, 200, (30, 40)), np.ones((4, 4))).astype(np.uint8)
    (tmp_path / "in").mkdir()
    folder = written(tmp_path / "in" / "cells.ome.zarr", sharp, "yx")
    quick = ("--window", "21", "--spacing", "8", "--max-radius", "4")
    assert run("map", folder, "-o", tmp_path / "out", *quick) == 0
    (made,) = (tmp_path / "out").glob("*blur.tif")
    with tifffile.TiffFile(made) as tiff:
        page = tiff.pages.first
        assert page.shape == (120, 160)
        above, below = page.tags["XResolution"].value
        assert above / below == pytest.approx(100_000)  # px in a cm, of 0.1 um each
        assert page.tags["ResolutionUnit"].value == 3
    capsys.readouterr()
    # A folder of pictures holds it as one of them, and none of its chunks
    assert run("info", tmp_path / "in", "--json", *quick) == 0
    assert [json.loads(line)["input"] for line in capsys.readouterr().out.splitlines()] == [str(folder)]
