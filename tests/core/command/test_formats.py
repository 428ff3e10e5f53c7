"""Formats for other programs: what they read of the files that the command writes."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from defocus.command.line import app
from defocus.errors import InputError
from defocus.psf.simulation import simulate_blur

IMAGEMAGICK = next(filter(None, map(shutil.which, ("magick", "convert-im6.q16", "convert"))), None)
needs_imagemagick = pytest.mark.skipif(IMAGEMAGICK is None, reason="ImageMagick is not installed")


@pytest.fixture(autouse=True)
def _own_log(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A picture whose left half is sharp and whose right half is blurred."""
    rng = np.random.default_rng(3)
    texture = ndimage.gaussian_filter(rng.standard_normal((120, 160)), 0.6)
    texture = np.clip(0.5 + 0.15 * texture / texture.std(), 0, 1).astype(np.float32)
    values = texture.copy()
    values[:, 80:] = simulate_blur(texture, 3.0)[:, 80:]
    file = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(np.rint(values * 255).astype(np.uint8)).save(file)
    return file


def run(*arguments):
    return app([str(item) for item in arguments], result_action="return_value", exit_on_error=False)


def read_by_imagemagick(file):
    """Return a grey picture as ImageMagick reads it, float (H, W) in [0, 1]."""
    raw = subprocess.run(
        [IMAGEMAGICK, file, "-depth", "16", "-endian", "LSB", "gray:-"], capture_output=True, check=True
    ).stdout
    return np.frombuffer(raw, "<u2").reshape(120, 160) / 65535


@needs_imagemagick
def test_a_float_map_is_the_mask_the_right_way_up(photo, tmp_path):
    assert run("mask", photo, "-o", tmp_path, "--pfm", "--softness", 6, "--threshold", 2) == 0
    with Image.open(tmp_path / "photo_mask.png") as opened:
        mask = np.asarray(opened) / 255
    assert len(np.unique(mask)) > 5  # a soft edge
    np.testing.assert_allclose(read_by_imagemagick(tmp_path / "photo_mask.pfm"), mask, atol=0.5 / 255 + 1e-4)
    header, size, order, values = (tmp_path / "photo_mask.pfm").read_bytes().split(b"\n", 3)
    assert (header, size) == (b"Pf", b"160 120")  # grey, 32-bit floats
    floats = np.frombuffer(values, "<f4" if float(order) < 0 else ">f4").reshape(120, 160)
    np.testing.assert_allclose(floats[::-1], mask, atol=0.5 / 255 + 1e-6)  # from the last row up


@needs_imagemagick
def test_a_grey_map_grows_with_the_radius(photo, tmp_path):
    assert run("map", photo, "-o", tmp_path, "--gray", "--preview", "--max-radius", 8) == 0
    assert (tmp_path / "photo_gray.png").read_bytes()[24:26] == bytes([16, 0])  # bits, grey
    gray = read_by_imagemagick(tmp_path / "photo_gray.png")
    np.testing.assert_allclose(gray * 8, tifffile.imread(tmp_path / "photo_blur.tif"), atol=8 / 65535)
    assert gray[:, :60].mean() < 0.15 < 0.2 < gray[:, 100:].mean()


def test_two_results_of_one_name_are_refused(photo, tmp_path):
    with pytest.raises(InputError, match="one name"):
        run("mask", photo, "-o", tmp_path, "--layer", "--names", "{name}")
    assert not list(tmp_path.iterdir())
