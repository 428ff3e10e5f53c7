"""Formats for other programs: what they read of the files that the command writes."""

from __future__ import annotations

import shutil
import subprocess
import sys

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
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


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


def gray_of(file):
    """Return a grey picture, float (H, W) in [0, 1]."""
    with Image.open(file) as opened:
        return np.asarray(opened) / 255


def read_by_imagemagick(file, *options):
    """Return a grey picture, or what options make of another, as ImageMagick reads it, float (H, W) in [0, 1]."""
    command = [IMAGEMAGICK, file, *options, "-depth", "16", "-endian", "LSB", "gray:-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
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


@needs_imagemagick
@pytest.mark.parametrize("bits", [8, 16])
def test_a_psd_holds_the_picture_with_its_layer_mask(photo, tmp_path, bits):
    pytest.importorskip("psd_tools")
    scene = np.dstack([gray_of(photo)] * 3) * [1, 0.5, 0.25]
    file = tmp_path / "colors.tif"
    tifffile.imwrite(file, np.rint(scene * (2**bits - 1)).astype(f"uint{bits}"), photometric="rgb")
    assert run("mask", file, "-o", tmp_path, "--psd", "--softness", 6, "--threshold", 2) == 0
    with Image.open(tmp_path / "colors_mask.png") as opened:
        mask = np.asarray(opened) / 255
    layer = f"{tmp_path / 'colors_mask.psd'}[1]"  # [0] is what all layers give together
    np.testing.assert_allclose(read_by_imagemagick(layer, "-alpha", "extract"), mask, atol=1e-3)
    for channel, share in (("R", 1), ("G", 0.5), ("B", 0.25)):
        seen = read_by_imagemagick(layer, "-alpha", "off", "-channel", channel, "-separate")
        np.testing.assert_allclose(seen, share * scene[..., 0], atol=0.6 / (2**bits - 1) + 1e-4)


@needs_ffmpeg
@pytest.mark.parametrize("gray", [False, True])
def test_a_tiff_holds_the_mask_as_a_channel_more(photo, tmp_path, gray):
    file = tmp_path / "scene.png"
    scene = np.rint(255 * gray_of(photo)).astype(np.uint8)
    Image.fromarray(scene if gray else np.dstack([scene, scene // 2, scene // 4])).save(file)
    assert run("mask", file, "-o", tmp_path, "--tiff", "--threshold", 2) == 0
    with Image.open(tmp_path / "scene_mask.png") as opened:
        mask = np.asarray(opened)
    with tifffile.TiffFile(tmp_path / "scene_mask.tif") as tiff:
        assert tiff.pages[0].extrasamples == (0,)  # a channel, and no opacity
    # ffmpeg reads any further channel as it stands, which newer releases of ImageMagick do not
    read = ["ffmpeg", "-v", "error", "-i", tmp_path / "scene_mask.tif", "-f", "rawvideo", "-"]
    raw = subprocess.run(read, capture_output=True, check=True).stdout
    seen = np.frombuffer(raw, np.uint8).reshape(120, 160, 2 if gray else 4)
    np.testing.assert_array_equal(seen[..., -1], mask)
    np.testing.assert_array_equal(seen[..., 0], scene)


@needs_ffmpeg
def test_an_openexr_map_holds_radii_in_px(photo, tmp_path):
    pytest.importorskip("OpenEXR")
    assert run("map", photo, "-o", tmp_path, "--exr", "--max-radius", 8) == 0
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        tmp_path / "photo_blur.exr",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "grayf32le",
        "-",
    ]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    radius = tifffile.imread(tmp_path / "photo_blur.tif")
    np.testing.assert_allclose(np.frombuffer(raw, "<f4").reshape(120, 160), radius, rtol=1e-6)


@pytest.mark.parametrize(("command", "package"), [("mask --psd", "psd_tools"), ("map --exr", "OpenEXR")])
def test_a_missing_extra_is_told_before_the_work_begins(photo, tmp_path, monkeypatch, command, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr("defocus.command.line._write", None)
    command, option = command.split()
    with pytest.raises(InputError, match=r"pip install .napari-defocus"):
        run(command, photo, "-o", tmp_path, option)


def test_two_results_of_one_name_are_refused(photo, tmp_path):
    with pytest.raises(InputError, match="one name"):
        run("mask", photo, "-o", tmp_path, "--layer", "--names", "{name}")
    assert not list(tmp_path.iterdir())
