"""Pictures: every kind of array, and files written by Pillow and tifffile; broken ones are refused in one line."""

from __future__ import annotations

import os
import subprocess
import warnings

import numpy as np
import pytest
import tifffile
from PIL import Image

from defocus import InputError, Picture, as_picture, load_image
from defocus.pictures import reading
from defocus.pictures.reading import read_stack

# Of the kinds that are read, those that Pillow writes
WRITTEN = (
    *("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000", "AVIF"),
    *("PPM", "TGA", "SGI", "DDS", "DIB", "PCX", "ICO", "ICNS"),
)

SHAPE = (48, 64)


@pytest.fixture
def values():
    """Random RGB that holds both ends of the range."""
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    rgb[0, 0], rgb[0, 1] = 0, 255
    return rgb


@pytest.fixture
def deep():
    """Random 16-bit values, so that the low bytes tell something."""
    rng = np.random.default_rng(2)
    grey = rng.integers(0, 65536, SHAPE, dtype=np.uint16)
    grey[0, 0] = 65535
    return grey


# ---- arrays


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64, np.float16])
def test_the_same_scene_in_any_type_is_the_same_picture(kind):
    scene = np.linspace(0, 1, 3000).reshape(50, 60)
    top = np.iinfo(kind).max if np.issubdtype(kind, np.integer) else 1
    picture = as_picture(np.round(scene * top).astype(kind) if top > 1 else scene.astype(kind))
    assert picture.color.dtype == np.float32
    assert picture.color.shape == (50, 60, 3)
    assert picture.gray
    np.testing.assert_allclose(picture.luminance, scene, atol=1 / 255 if kind == np.uint8 else 1e-3)
    assert picture.bit_depth == {np.uint8: 8, np.uint16: 16}.get(kind, 32)


def test_twelve_bits_in_sixteen_fill_the_range_but_dark_pictures_stay_dark():
    twelve = np.array([[0, 4095], [2048, 1000]], np.uint16)
    assert as_picture(twelve).color.max() == 1
    assert as_picture(twelve).white == 4095
    dark = np.full((2, 2), 51, np.uint8)
    np.testing.assert_allclose(as_picture(dark).color, 0.2)


def test_numbers_of_no_fixed_range_are_stretched_and_say_how():
    picture = as_picture(np.array([[-100.0, 100.0], [0.0, 300.0]]))
    np.testing.assert_allclose(picture.luminance, [[0, 0.5], [0.25, 1]])
    assert (picture.black, picture.white) == (-100, 300)
    signed = as_picture(np.array([[-400, 400]], np.int32))
    np.testing.assert_allclose(signed.luminance, [[0, 1]])
    assert np.isfinite(as_picture(np.full((3, 3), 7.0)).color).all()


def test_bool_is_black_and_white():
    np.testing.assert_array_equal(as_picture(np.eye(3, dtype=bool)).luminance, np.eye(3))


def test_luminance_is_that_of_pillow(values):
    expected = np.asarray(Image.fromarray(values).convert("L"), float) / 255
    np.testing.assert_allclose(as_picture(values).luminance, expected, atol=0.6 / 255)


def test_channels_that_are_alpha(values):
    opacity = np.linspace(0, 255, SHAPE[0] * SHAPE[1]).reshape(SHAPE).astype(np.uint8)
    rgba = as_picture(np.dstack([values, opacity]))
    np.testing.assert_allclose(rgba.color, values / 255, atol=1e-6)
    np.testing.assert_allclose(rgba.alpha, opacity / 255, atol=1e-6)
    la = as_picture(np.dstack([values[..., 0], opacity]))
    assert la.gray
    np.testing.assert_allclose(la.alpha, opacity / 255, atol=1e-6)
    both = as_picture(np.dstack([values, opacity]), alpha=np.full(SHAPE, 0.5))
    np.testing.assert_allclose(both.alpha, opacity / 510, atol=1e-6)
    assert as_picture(np.dstack([values, np.full(SHAPE, 255, np.uint8)])).alpha is None
    hidden = as_picture(values, alpha=np.zeros(SHAPE, bool))
    assert hidden.alpha.max() == 0


def test_a_picture_is_taken_as_it_is(values):
    picture = as_picture(values)
    assert isinstance(picture, Picture)
    assert as_picture(picture) is picture
    assert picture.shape == SHAPE


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((5, 6, 7)), "shape"),
        (np.zeros((2, 3, 4, 5)), "shape"),
        (np.zeros(9), "shape"),
        (np.float32(3), "shape"),
        (np.zeros((0, 5)), "empty"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.array([[np.nan, np.inf]]), "infinite"),
        (np.zeros((4, 4), complex), "complex128"),
        (np.array([["a", "b"]]), "real numbers"),
        ([[1, 2], [3]], "not an array"),
    ],
)
def test_arrays_that_are_no_pictures(array, reason):
    with pytest.raises(InputError, match=reason) as caught:
        as_picture(array, source="plate 7")
    assert_one_line(caught, "plate 7")


@pytest.mark.parametrize(
    ("alpha", "reason"), [(np.ones((3, 3)), "alpha"), (np.full(SHAPE, np.nan), "alpha"), ([[1], [2, 3]], "alpha")]
)
def test_an_alpha_that_does_not_fit(values, alpha, reason):
    with pytest.raises(InputError, match=reason) as caught:
        as_picture(values, alpha, source="plate 7")
    assert_one_line(caught, "plate 7")


@pytest.mark.parametrize(
    ("dtype", "white"),
    [
        (np.int16, 32767),
        (np.int32, 255),
        (np.int32, 65535),
        (np.int64, 4095),
        (np.uint16, 4095),
        (np.uint32, 65535),
        (np.float32, 255),
        (np.float64, 1),
        (np.float64, 9e307),
    ],
)
def test_alpha_of_any_kind_of_number(values, dtype, white):
    color = values / 255 * white
    color = (np.round(color) if np.issubdtype(dtype, np.integer) else color).astype(dtype)
    for opacity in (1.0, 100 / 255):
        alpha = np.full(SHAPE, opacity * white)
        picture = as_picture(np.dstack([color, alpha.astype(dtype)]))
        if opacity == 1:
            assert picture.alpha is None
        else:
            np.testing.assert_allclose(picture.alpha, opacity, atol=0.005)
        np.testing.assert_allclose(picture.color, values / 255, atol=2 / 255)


def test_pixels_that_are_not_finite_are_transparent(values):
    holed = values.astype(np.float32) / 255
    holed[3, 3, 1], holed[5, 5, 0], holed[6, 6, 2] = np.nan, np.inf, -np.inf
    picture = as_picture(holed)
    assert np.isfinite(picture.color).all()
    assert np.argwhere(picture.alpha == 0).tolist() == [[3, 3], [5, 5], [6, 6]]
    known = picture.alpha == 1
    np.testing.assert_array_equal(picture.color[known], as_picture(values.astype(np.float32) / 255).color[known])


@pytest.mark.parametrize("size", [1e30, 1e38, 1e300])
def test_values_of_any_finite_size_are_a_picture(size):
    scene = np.linspace(-0.5, 0.5, 3000).reshape(50, 60)
    np.testing.assert_allclose(as_picture(scene * size).luminance, scene + 0.5, atol=0.05)


def test_values_too_far_apart_are_one_line():
    with pytest.raises(InputError, match="too far apart"):
        as_picture(np.array([[-1.7e308, 1.7e308]]))


# ---- files


def test_png_and_lossless_files_of_pillow(tmp_path, values):
    for ending in ("png", "bmp", "tif", "webp", "ppm"):
        file = tmp_path / f"picture.{ending}"
        Image.fromarray(values).save(file, **({"lossless": True} if ending == "webp" else {}))
        picture = load_image(file)
        np.testing.assert_allclose(picture.color * 255, values, atol=1e-3, err_msg=ending)
        assert not picture.gray
        assert picture.bit_depth == 8
        assert picture.alpha is None
        assert picture.source == f"picture.{ending}"


def test_jpeg_grey_and_color(tmp_path):
    smooth = np.dstack(np.broadcast_arrays(*np.ix_(np.linspace(0, 255, 48), np.linspace(255, 0, 64)), 90))
    smooth = smooth.astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "c.jpg", quality=98)
    Image.fromarray(smooth[..., 0]).save(tmp_path / "g.jpg", quality=98)
    np.testing.assert_allclose(load_image(tmp_path / "c.jpg").color, smooth / 255, atol=0.04)
    grey = load_image(str(tmp_path / "g.jpg"))
    assert grey.gray
    np.testing.assert_allclose(grey.luminance, smooth[..., 0] / 255, atol=0.02)


def test_palette_one_bit_and_cmyk(tmp_path, values):
    few = values // 128 * 255
    Image.fromarray(few).convert("P", palette=Image.Palette.ADAPTIVE, colors=16).save(tmp_path / "p.png")
    np.testing.assert_allclose(load_image(tmp_path / "p.png").color, few / 255, atol=0.01)

    Image.fromarray(values[..., 0] > 127).save(tmp_path / "b.png")
    np.testing.assert_array_equal(load_image(tmp_path / "b.png").luminance, values[..., 0] > 127)
    assert load_image(tmp_path / "b.png").gray

    cmyk = Image.fromarray(values).convert("CMYK")
    cmyk.save(tmp_path / "k.tif")
    np.testing.assert_allclose(load_image(tmp_path / "k.tif").color, values / 255, atol=0.01)
    Image.fromarray(np.full((*SHAPE, 3), (200, 40, 90), np.uint8)).convert("CMYK").save(tmp_path / "k.jpg", quality=98)
    np.testing.assert_allclose(load_image(tmp_path / "k.jpg").color[20, 20] * 255, (200, 40, 90), atol=4)


def test_files_with_transparency(tmp_path, values):
    hole = np.full(SHAPE, 255, np.uint8)
    hole[10:20, 30:40] = 0
    hole[30, 30] = 128
    for ending in ("png", "tif", "webp"):
        file = tmp_path / f"a.{ending}"
        Image.fromarray(np.dstack([values, hole])).save(file, **({"lossless": True} if ending == "webp" else {}))
        picture = load_image(file)
        np.testing.assert_allclose(picture.alpha * 255, hole, atol=1e-3, err_msg=ending)
        np.testing.assert_allclose((picture.color * 255)[hole > 0], values[hole > 0], atol=1e-3, err_msg=ending)
    Image.fromarray(np.dstack([values[..., 0], hole])).save(tmp_path / "la.png")
    grey = load_image(tmp_path / "la.png")
    assert grey.gray
    np.testing.assert_allclose(grey.alpha * 255, hole, atol=1e-3)

    paletted = Image.fromarray((values[..., 0] // 128).astype(np.uint8), "P")
    paletted.putpalette([9, 9, 9, 250, 250, 250])
    paletted.save(tmp_path / "t.png", transparency=1)
    np.testing.assert_array_equal(load_image(tmp_path / "t.png").alpha, values[..., 0] < 128)
    Image.fromarray(values).save(tmp_path / "keyed.png", transparency=tuple(int(v) for v in values[5, 5]))
    keyed = load_image(tmp_path / "keyed.png")
    np.testing.assert_array_equal(keyed.alpha == 0, (values == values[5, 5]).all(axis=2))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_the_exif_orientation_is_undone(tmp_path, orientation, ending):
    # Four patches; where each of them lies in the file is given by the table of the EXIF standard
    upright = np.kron(np.array([[20, 80, 140], [180, 220, 250]]), np.ones((16, 16))).astype(np.uint8)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: upright.T[::-1],
        7: upright.T[::-1, ::-1],
        8: upright.T[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / f"o.{ending}", exif=exif)
    np.testing.assert_allclose(load_image(tmp_path / f"o.{ending}").luminance * 255, upright, atol=3)


def test_sixteen_bit_grey(tmp_path, deep):
    Image.fromarray(deep).save(tmp_path / "g.png")
    tifffile.imwrite(tmp_path / "g.tif", deep)
    for name in ("g.png", "g.tif"):
        picture = load_image(tmp_path / name)
        assert picture.gray
        assert picture.bit_depth == 16
        np.testing.assert_allclose(picture.luminance * 65535, deep, atol=0.01, err_msg=name)


def test_float_tiff_is_taken_as_it_is(tmp_path):
    linear = np.random.default_rng(3).random((*SHAPE, 3), dtype=np.float32)
    tifffile.imwrite(tmp_path / "f.tif", linear, photometric="rgb")
    picture = load_image(tmp_path / "f.tif")
    np.testing.assert_array_equal(picture.color, linear)
    assert picture.bit_depth == 32
    Image.fromarray(linear[..., 0]).save(tmp_path / "pillow.tif")
    np.testing.assert_array_equal(load_image(tmp_path / "pillow.tif").luminance, linear[..., 0])


def test_tiffs_of_other_layouts(tmp_path, values, deep):
    tifffile.imwrite(tmp_path / "planar.tif", np.moveaxis(values, -1, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_allclose(load_image(tmp_path / "planar.tif").color * 255, values, atol=1e-3)
    tifffile.imwrite(tmp_path / "negative.tif", 255 - values[..., 0], photometric="miniswhite")
    np.testing.assert_allclose(load_image(tmp_path / "negative.tif").luminance * 255, values[..., 0], atol=1e-3)
    tifffile.imwrite(tmp_path / "single.tif", deep[np.newaxis, np.newaxis], imagej=True)
    np.testing.assert_allclose(load_image(tmp_path / "single.tif").luminance * 65535, deep, atol=0.01)
    tifffile.imwrite(tmp_path / "deep.tif", np.dstack([deep] * 3), photometric="rgb", compression="zlib")
    np.testing.assert_allclose(load_image(tmp_path / "deep.tif").color[..., 1] * 65535, deep, atol=0.01)
    Image.fromarray(values).save(tmp_path / "lzw.tif", compression="tiff_lzw")  # tifffile leaves it to Pillow
    np.testing.assert_allclose(load_image(tmp_path / "lzw.tif").color * 255, values, atol=1e-3)


# ---- files that cannot be used


def assert_one_line(caught, name):
    text = str(caught.value)
    assert text.startswith(f"{name}: ")
    assert "\n" not in text
    assert len(text) < 200


def broken_files(folder, values):
    """Write the files; return {name: reason}."""
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("This is no picture.\n" * 20)
    (folder / "noise.jpg").write_bytes(np.random.default_rng(0).bytes(500))
    Image.fromarray(values).save(folder / "whole.jpg")
    Image.fromarray(values).save(folder / "whole.png")
    tifffile.imwrite(folder / "whole.tif", values)
    for ending in ("jpg", "png", "tif"):
        content = (folder / f"whole.{ending}").read_bytes()
        (folder / f"cut.{ending}").write_bytes(content[: len(content) // 2])
        (folder / f"stub.{ending}").write_bytes(content[:12])
    tifffile.imwrite(folder / "stack.tif", np.zeros((5, *SHAPE), np.uint8), photometric="minisblack")
    tifffile.imwrite(folder / "color-stack.tif", np.zeros((5, *SHAPE, 3), np.uint8), photometric="rgb")
    tifffile.imwrite(folder / "nan.tif", np.full(SHAPE, np.nan, np.float32))
    tifffile.imwrite(folder / "inf.tif", np.full(SHAPE, np.inf, np.float32))
    black = np.zeros((40, 40), np.uint8)
    tifffile.imwrite(folder / "hollow.tif", black, rowsperstrip=10)
    with tifffile.TiffFile(folder / "hollow.tif", mode="r+b") as opened:
        opened.pages[0].tags["StripOffsets"].overwrite([0, 0, 0, 0])
    tifffile.imwrite(folder / "complex.tif", np.ones(SHAPE, np.complex64))
    (folder / "folder.png").mkdir()
    return {
        "empty.png": "empty",
        "text.png": "not an image",
        "noise.jpg": "not an image",
        "cut.jpg": "truncated",
        "cut.png": "truncated",
        "cut.tif": "truncated",
        "stub.jpg": "(not an image|damaged)",
        "stub.png": "(not an image|damaged)",
        "stub.tif": "(not an image|damaged)",
        "stack.tif": "more than two spatial dimensions",
        "color-stack.tif": "more than two spatial dimensions",
        "hollow.tif": "holds no data",
        "nan.tif": "NaN",
        "inf.tif": "infinite",
        "complex.tif": "complex64",
        "folder.png": "folder",
        "missing.png": "No such file",
    }


def test_each_bad_file_gives_one_line_with_its_name_and_reason(tmp_path, values):
    for name, reason in broken_files(tmp_path, values).items():
        with pytest.raises(InputError, match=reason) as caught:
            load_image(tmp_path / name)
        assert_one_line(caught, name)


@pytest.mark.parametrize("ending", ["png", "tif", "jpg"])
def test_too_many_pixels_are_refused_before_they_are_read(tmp_path, values, ending):
    file = tmp_path / f"bomb.{ending}"
    Image.fromarray(values).save(file)
    with pytest.raises(InputError, match=r"more than 0\.003 megapixels") as caught:
        load_image(file, max_pixels=3000)
    assert_one_line(caught, file.name)
    assert load_image(file, max_pixels=values.shape[0] * values.shape[1]).shape == values.shape[:2]


def test_the_limit_of_pillow_is_not_ours(tmp_path, values, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # in proportion, a photograph of 200 megapixels
    Image.fromarray(values).save(tmp_path / "large.png")
    assert load_image(tmp_path / "large.png").shape == values.shape[:2]
    assert Image.MAX_IMAGE_PIXELS == 100  # whose else is using Pillow in this process keeps it


def test_what_is_no_whole_stack_gives_one_line(tmp_path, values):
    reasons = broken_files(tmp_path, values)
    planes = np.zeros((5, 40, 40), np.uint8)
    tifffile.imwrite(tmp_path / "gap.tif", planes, photometric="minisblack", rowsperstrip=10, metadata=None)
    with tifffile.TiffFile(tmp_path / "gap.tif", mode="r+b") as opened:
        opened.pages[3].tags["StripByteCounts"].overwrite([0, 0, 0, 0])
    reasons |= {"gap.tif": "holds no data", "stub.tif": "damaged", "whole.jpg": "no TIFF"}
    reasons |= dict.fromkeys(("whole.tif", "cut.tif", "color-stack.tif"), "in colour")
    reasons |= dict.fromkeys(("text.png", "noise.jpg", "cut.jpg", "cut.png", "stub.jpg", "stub.png"), "no TIFF")
    reasons |= dict.fromkeys(("nan.tif", "inf.tif", "complex.tif"), "Z x H x W")
    del reasons["stack.tif"]
    for name, reason in reasons.items():
        with pytest.raises(InputError, match=reason) as caught:
            read_stack(tmp_path / name)
        assert_one_line(caught, name)
    assert read_stack(tmp_path / "stack.tif").shape == (5, *SHAPE)
    with pytest.raises(InputError, match="megapixels"):
        read_stack(tmp_path / "stack.tif", max_pixels=4 * SHAPE[0] * SHAPE[1])


def test_a_pipe_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError, match="no ordinary file"):
        load_image(tmp_path / "pipe.png")


@pytest.mark.parametrize(
    "raised", [RuntimeError("decoder\nsays no"), KeyError(b"IHDR"), OverflowError(), TypeError("x")]
)
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_whatever_a_decoder_raises_is_one_line(tmp_path, values, monkeypatch, raised, ending):
    Image.fromarray(values).save(tmp_path / f"odd.{ending}")

    def fail(*arguments, **options):
        raise raised

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", fail)
    monkeypatch.setattr(Image.Image, "load", fail)
    with pytest.raises(InputError, match="damaged") as caught:
        load_image(tmp_path / f"odd.{ending}")
    assert_one_line(caught, f"odd.{ending}")


def test_an_odd_orientation_is_none(tmp_path, values):
    tifffile.imwrite(tmp_path / "o.tif", values, extratags=[(274, "H", 2, (6, 1), True)])
    np.testing.assert_allclose(load_image(tmp_path / "o.tif").color * 255, values, atol=1e-3)


def test_reading_leaves_no_file_open(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", values)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for name in ("a.png", "a.tif"):
            load_image(tmp_path / name)
            (tmp_path / name).unlink()


# ---- files of strangers


@pytest.fixture
def no_programs(monkeypatch):
    """Whoever starts a program fails."""

    def refuse(*arguments, **options):
        pytest.fail(f"started {arguments}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(os, "system", refuse)


LOOP = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\n{ } loop\n%%EOF\n"
EMF = (1).to_bytes(4, "little") + bytes(36) + b" EMF" + bytes(100)  # Windows would draw it


@pytest.mark.parametrize("ending", ["eps", "png", "jpg", "tif"])
@pytest.mark.parametrize("start", [b"", b"\xc5\xd0\xd3\xc6" + bytes([30, 0, 0, 0, 94, 0, 0, 0]) + bytes(18)])
def test_postscript_is_refused_by_name_whatever_its_ending_says(tmp_path, ending, start, no_programs):
    file = tmp_path / f"picture.{ending}"
    file.write_bytes(start + LOOP)
    with pytest.raises(InputError, match=rf"^picture\.{ending}: is PostScript \(EPS\)"):
        load_image(file)


def test_what_other_programs_would_have_to_read_is_not_read(tmp_path, no_programs):
    for name, content in {"a.emf": EMF, "b.png": EMF, "c.grib": b"GRIB" + bytes(4) + b"\1" + bytes(99)}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"^{name}: not an image, or of a kind that is not known$"):
            load_image(tmp_path / name)


@pytest.mark.parametrize("kind", [kind for kind in reading._FORMATS if kind in WRITTEN])
def test_kinds_that_are_read_start_no_program(tmp_path, values, kind, no_programs):
    file = tmp_path / "picture.bin"  # its ending says nothing
    Image.fromarray(values[:32, :32]).save(file, kind)
    assert min(load_image(file).shape) >= 32  # an icon holds larger copies
