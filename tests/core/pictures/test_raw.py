"""Raw files and pictures that need an extra: never a thumbnail in silence, and a line that says what reads them."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from defocus.errors import InputError
from defocus.pictures.picture import load_image

GRAIN = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)


def raw_file(file, *, preview=None):
    """A raw file as cameras write it: a thumbnail first, the mosaic in a sub-file, and a JPEG if there is a preview."""
    mosaic = np.random.default_rng(1).integers(600, 4000, (480, 640), np.uint16)
    calibration = [
        (50706, 1, 4, bytes([1, 4, 0, 0]), False),
        (50708, 2, 0, "Camera of a test", False),
        (50721, 10, 9, [1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1], False),
        (50778, 3, 1, 21, False),
    ]
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(GRAIN, photometric="rgb", subfiletype=1, subifds=1, extratags=calibration)
        tiff.write(
            mosaic,
            photometric=32803,
            subfiletype=0,
            extratags=[(33421, 3, 2, (2, 2), False), (33422, 1, 4, bytes([0, 1, 1, 2]), False)],
        )
    return file


@pytest.mark.parametrize("name", ["a.dng", "a.nef", "a.tif"])
def test_a_raw_file_is_never_its_thumbnail(tmp_path, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", None)  # as if the extra were missing
    with pytest.raises(InputError, match=r'a\..*: a raw file of a camera: the extra "raw" reads it'):
        load_image(raw_file(tmp_path / name))


def test_the_extra_reads_a_raw_file_in_full(tmp_path):
    pytest.importorskip("rawpy")
    found = load_image(raw_file(tmp_path / "a.dng"))
    assert found.shape == (480, 640)
    (tmp_path / "b.nef").write_bytes(b"nothing of the kind" * 10)
    with pytest.raises(InputError, match=r"b\.nef: damaged, or a raw file that is not known \([A-Z]"):
        load_image(tmp_path / "b.nef")


@pytest.mark.parametrize(("ending", "extra"), [("heic", "heif"), ("jxl", "jxl")])
def test_what_an_extra_reads_is_said_without_it(tmp_path, ending, extra):
    (tmp_path / f"a.{ending}").write_bytes(b"\0\0\0\x18ftypnone" + bytes(100))
    with pytest.raises(InputError, match=f'napari-defocus\\[{extra}\\]"'):
        load_image(tmp_path / f"a.{ending}")


@pytest.mark.parametrize(("ending", "module"), [("heic", "pillow_heif"), ("avif", "PIL"), ("jxl", "pillow_jxl")])
def test_the_extras_read_what_they_are_for(tmp_path, ending, module):
    pytest.importorskip(module)
    from defocus.pictures.decoders import more_decoders

    more_decoders()
    Image.fromarray(GRAIN).save(tmp_path / f"a.{ending}", quality=90)
    found = load_image(tmp_path / f"a.{ending}")
    assert found.shape == (90, 120)
    assert abs(found.color.mean() - GRAIN.mean() / 255) < 0.02


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_that_a_file_holds_more_pictures_is_said(tmp_path, caplog, ending):
    pages = [Image.fromarray(GRAIN[:, :, 0] // 2 + 40 * i) for i in range(3)]
    pages[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=pages[1:])
    with caplog.at_level(logging.WARNING, "defocus"):
        load_image(tmp_path / f"a.{ending}")
    assert [f"a.{ending}: the first of 3 pictures in the file is read"] == [one.getMessage() for one in caplog.records]
    caplog.clear()
    pages[0].save(tmp_path / f"b.{ending}")
    with caplog.at_level(logging.WARNING, "defocus"):
        load_image(tmp_path / f"b.{ending}")
    assert not caplog.records
