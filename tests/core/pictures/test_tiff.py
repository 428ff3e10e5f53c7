"""TIFF files of microscopes: channels are no opacity, planes and series are chosen, pixel sizes are read."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import tifffile

from defocus import InputError, load_image
from defocus.pictures.part import Part
from defocus.pictures.reading import read_array, read_stack
from defocus.pictures.tiff import channel_names, pixel_size

RNG = np.random.default_rng(0)
TWO = RNG.integers(100, 60000, (2, 40, 50), dtype=np.uint16)
ANY = 10**9


def array(file, **part):
    return read_array(file, ANY, Part(**part))


@pytest.fixture
def cyx(tmp_path):
    file = tmp_path / "cells.ome.tif"
    metadata = {
        "axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]},
        "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 200, "PhysicalSizeYUnit": "nm",
    }  # fmt: skip
    tifffile.imwrite(file, TWO, photometric="minisblack", metadata=metadata)
    return file


def test_channels_are_chosen_by_number_or_name_and_are_never_opacity(cyx):
    with pytest.raises(InputError, match="holds 2 channels, 0: DAPI; 1: GFP: choose one with --channel"):
        load_image(cyx)
    np.testing.assert_array_equal(array(cyx, channel=1), TWO[1])
    np.testing.assert_array_equal(array(cyx, channel="DAPI"), TWO[0])
    np.testing.assert_array_equal(array(cyx, channel="1"), TWO[1])
    assert load_image(cyx, part=Part(channel="GFP")).alpha is None
    with pytest.raises(InputError, match="no channel RFP; it has DAPI, GFP"):
        array(cyx, channel="RFP")


@pytest.mark.parametrize("count", [3, 4, 5])
def test_many_channels_are_no_colours(tmp_path, count):
    planes = RNG.integers(0, 255, (count, 40, 50), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "c.ome.tif", planes, photometric="minisblack", metadata={"axes": "CYX"})
    with pytest.raises(InputError, match=f"holds {count} channels"):
        load_image(tmp_path / "c.ome.tif")
    np.testing.assert_array_equal(array(tmp_path / "c.ome.tif", channel=2), planes[2])


@pytest.mark.parametrize(("kind", "opaque"), [(0, False), (1, True), (2, True)])
def test_extra_samples_are_opacity_only_where_the_file_says_so(tmp_path, kind, opaque):
    colors = RNG.integers(0, 255, (40, 50, 4), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "s.tif", colors, photometric="rgb", extrasamples=[kind])
    picture = load_image(tmp_path / "s.tif")
    assert (picture.alpha is not None) == opaque
    np.testing.assert_allclose(picture.color * 255, colors[..., :3], atol=1e-3)
    gray = colors[..., :2]
    tifffile.imwrite(tmp_path / "g.tif", gray, photometric="minisblack", planarconfig="contig", extrasamples=[kind])
    if opaque:
        np.testing.assert_allclose(load_image(tmp_path / "g.tif").alpha * 255, gray[..., 1], atol=1e-3)
    else:
        with pytest.raises(InputError, match="choose one with --channel 0 to 1"):
            load_image(tmp_path / "g.tif")
        np.testing.assert_array_equal(array(tmp_path / "g.tif", channel=1), gray[..., 1])


def test_planes_are_chosen_along_time_and_depth(tmp_path):
    planes = RNG.integers(0, 60000, (2, 3, 2, 40, 50), dtype=np.uint16)
    file = tmp_path / "t.ome.tif"
    tifffile.imwrite(file, planes, photometric="minisblack", metadata={"axes": "TZCYX"})
    with pytest.raises(InputError, match="2 along T x 3 along Z: choose one with --page 0 to 5"):
        load_image(file)
    np.testing.assert_array_equal(array(file, page=4, channel=1), planes[1, 1, 1])
    with pytest.raises(InputError, match="no page 6; it has pages 0 to 5"):
        array(file, page=6, channel=1)
    with pytest.raises(InputError, match="holds 2 channels"):
        array(file, page=0)


def test_a_thumbnail_before_the_picture_is_never_taken(tmp_path):
    picture, small = TWO[0], TWO[0, ::8, ::8]
    with tifffile.TiffWriter(tmp_path / "marked.tif") as writer:
        writer.write(small, subfiletype=1, metadata=None)
        writer.write(picture, metadata=None)
    np.testing.assert_array_equal(array(tmp_path / "marked.tif"), picture)
    with tifffile.TiffWriter(tmp_path / "unmarked.tif") as writer:
        writer.write(small, metadata=None)
        writer.write(picture, metadata=None)
    with pytest.raises(InputError, match=r"holds 2 pictures, 0: .* 5 x 7; 1: .* 40 x 50: choose one with --series"):
        load_image(tmp_path / "unmarked.tif")
    np.testing.assert_array_equal(array(tmp_path / "unmarked.tif", series=1), picture)
    with pytest.raises(InputError, match="no series 2"):
        array(tmp_path / "unmarked.tif", series=2)


def test_twelve_bits_where_white_is_zero(tmp_path):
    dark = RNG.integers(0, 4096, (40, 50), dtype=np.uint16)
    tifffile.imwrite(
        tmp_path / "w.tif", 4095 - dark, photometric="miniswhite", extratags=[(281, "H", 1, 4095, True)], metadata=None
    )
    np.testing.assert_array_equal(array(tmp_path / "w.tif"), dark)
    # The same with the bits of the file, as a program would pack them
    values = 4095 - dark.astype(int)
    bits = "".join(format(value, "012b") for value in values.ravel())
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    tags = [
        (256, 4, 1, 50), (257, 4, 1, 40), (258, 3, 1, 12), (259, 3, 1, 1), (262, 3, 1, 0), (273, 4, 1, 8),
        (277, 3, 1, 1), (278, 4, 1, 40), (279, 4, 1, len(packed)),
    ]  # fmt: skip
    head = struct.pack("<2sHI", b"II", 42, 8 + len(packed))
    directory = struct.pack("<H", len(tags)) + b"".join(
        struct.pack("<HHI", *tag[:3]) + (struct.pack("<HH", tag[3], 0) if tag[1] == 3 else struct.pack("<I", tag[3]))
        for tag in tags
    )
    (tmp_path / "packed.tif").write_bytes(head + packed + directory + bytes(4))
    pytest.importorskip("imagecodecs", reason="tifffile unpacks 12 bits by it")
    np.testing.assert_array_equal(array(tmp_path / "packed.tif"), dark)


def test_pixel_sizes_and_names(cyx, tmp_path):
    with tifffile.TiffFile(cyx) as tiff:
        size = pixel_size(tiff)
        assert channel_names(tiff) == ["DAPI", "GFP"]
    assert (size.x, size.y, size.z) == (pytest.approx(0.1), pytest.approx(0.2), None)
    about = {"unit": "um", "spacing": 0.5}
    tifffile.imwrite(tmp_path / "j.tif", TWO, imagej=True, resolution=(10, 5), metadata=about)
    with tifffile.TiffFile(tmp_path / "j.tif") as tiff:
        size = pixel_size(tiff)
    assert (size.x, size.y, size.z) == (pytest.approx(0.1), pytest.approx(0.2), pytest.approx(0.5))
    tifffile.imwrite(tmp_path / "r.tif", TWO[0], resolution=(100000, 50000), resolutionunit="CENTIMETER")
    with tifffile.TiffFile(tmp_path / "r.tif") as tiff:
        size = pixel_size(tiff)
    assert (size.x, size.y, size.z) == (pytest.approx(0.1), pytest.approx(0.2), None)
    tifffile.imwrite(tmp_path / "n.tif", TWO[0])
    with tifffile.TiffFile(tmp_path / "n.tif") as tiff:
        assert pixel_size(tiff) is None


def test_a_stack_is_of_one_channel(tmp_path):
    planes = RNG.integers(0, 60000, (3, 2, 40, 50), dtype=np.uint16)
    file = tmp_path / "z.ome.tif"
    tifffile.imwrite(file, planes, photometric="minisblack", metadata={"axes": "ZCYX"})
    with pytest.raises(InputError, match="holds 2 channels"):
        read_stack(file)
    np.testing.assert_array_equal(read_stack(file, part=Part(channel=1)), planes[:, 1])


def test_compressed_channels_are_not_read_as_the_first_of_them(tmp_path, monkeypatch):
    """Pillow would read the first page, whatever is meant."""
    file = tmp_path / "l.ome.tif"
    tifffile.imwrite(file, TWO, photometric="minisblack", metadata={"axes": "CYX"}, compression="zlib")

    def fail(*_, **__):
        raise ValueError("requires the imagecodecs package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", fail)
    with pytest.raises(InputError, match="needs imagecodecs"):
        array(file, channel=1)
