"""16-bit PNG files, written here byte by byte after the standard: all colour types, filters and both orders."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from defocus import InputError, load_image

TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels to colour types
PASSES = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]  # Adam7


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def paeth(left, above, corner):
    guess = left + above - corner
    distances = abs(guess - left), abs(guess - above), abs(guess - corner)
    return (left, above, corner)[distances.index(min(distances))]


def filtered(values, filters):
    """Scan lines of big-endian bytes, each with the next of `filters` (0 to 4) applied."""
    height, _, channels = values.shape
    step = 2 * channels
    lines = values.astype(">u2").reshape(height, -1).view(np.uint8).astype(int)
    out = bytearray()
    for y, line in enumerate(lines):
        above = lines[y - 1] if y else np.zeros_like(line)
        kind = filters[y % len(filters)]
        out.append(kind)
        for x, byte in enumerate(line):
            left = line[x - step] if x >= step else 0
            corner = above[x - step] if x >= step else 0
            guess = (0, left, above[x], (left + above[x]) // 2, paeth(left, above[x], corner))[kind]
            out.append((byte - guess) % 256)
    return bytes(out)


def png(values, *, filters=(0,), interlaced=False, extra=b"", pieces=1):
    height, width, channels = values.shape
    if interlaced:
        parts = [values[y::dy, x::dx] for y, x, dy, dx in PASSES]
        content = b"".join(filtered(part, filters) for part in parts if part.size)
    else:
        content = filtered(values, filters)
    content = zlib.compress(content)
    size = -(-len(content) // pieces)
    header = struct.pack(">IIBBBBB", width, height, 16, TYPES[channels], 0, 0, int(interlaced))
    data = b"".join(chunk(b"IDAT", content[i : i + size]) for i in range(0, len(content), size))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


@pytest.fixture
def values():
    rng = np.random.default_rng(4)
    smooth = np.cumsum(rng.integers(0, 1500, (23, 29, 4)), axis=1)
    smooth[:2, :2] = 65535  # a whole bright spot: a single pixel would be a defect
    return smooth.astype(np.uint16)


def assert_same(picture, values):
    channels = values.shape[2]
    assert picture.bit_depth == 16
    assert picture.gray == (channels < 3)
    colors = values[..., :3] if channels > 2 else values[..., :1]
    np.testing.assert_allclose(picture.color * 65535, np.broadcast_to(colors, (*values.shape[:2], 3)), atol=0.01)
    if channels in (2, 4):
        np.testing.assert_allclose(picture.alpha * 65535, values[..., -1], atol=0.01)
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("interlaced", [False, True])
def test_all_sixteen_bits_are_kept(tmp_path, values, channels, interlaced):
    some = values[..., :channels]
    file = tmp_path / "deep.png"
    file.write_bytes(png(some, filters=(0, 1, 2, 3, 4), interlaced=interlaced, pieces=3))
    with Image.open(file) as opened:  # another program agrees that it is this picture, as far as it reads it
        high = (
            np.asarray(opened.convert("RGBA" if channels in (2, 4) else "RGB")) if channels > 1 else some[..., [0]] >> 8
        )
    np.testing.assert_array_equal(high[..., -1], some[..., -1] >> 8)
    assert_same(load_image(file), some)


def test_a_colour_marked_as_transparent(tmp_path, values):
    for channels in (1, 3):
        some = values[..., :channels]
        key = struct.pack(f">{channels}H", *some[4, 5])
        (tmp_path / "keyed.png").write_bytes(png(some, extra=chunk(b"tRNS", key)))
        picture = load_image(tmp_path / "keyed.png")
        np.testing.assert_array_equal(picture.alpha == 0, (some == some[4, 5]).all(axis=2))


def test_the_orientation_is_undone(tmp_path, values):
    exif = Image.Exif()
    exif[0x0112] = 6
    block = chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    (tmp_path / "turned.png").write_bytes(png(np.swapaxes(values, 0, 1)[::-1], extra=block))
    assert_same(load_image(tmp_path / "turned.png"), values)


def spoiled(values):
    whole = png(values)
    place = whole.index(b"IDAT") + 20
    lost = whole[: whole.index(b"IDAT") - 4] + chunk(b"IEND", b"")
    garbled = whole[: whole.index(b"IDAT") - 4] + chunk(b"IDAT", b"nonsense" * 9) + chunk(b"IEND", b"")
    few = zlib.compress(bytes(100))
    short = whole[: whole.index(b"IDAT") - 4] + chunk(b"IDAT", few) + chunk(b"IEND", b"")
    return {
        "half": whole[: len(whole) // 2],
        "without its end": whole[:-12],
        "in the last number": whole[:-14],
        "a wrong byte": whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
        "a wrong checksum": whole[:-16] + bytes([whole[-16] ^ 1]) + whole[-15:],
        "no data": lost,
        "no zlib data": garbled,
        "too few rows": short,
    }


def test_damaged_files_are_refused_in_one_line(tmp_path, values):
    for name, content in spoiled(values).items():
        (tmp_path / "bad.png").write_bytes(content)
        with pytest.raises(InputError, match=r"bad\.png: (damaged|not an image)") as caught:
            load_image(tmp_path / "bad.png")
        assert "\n" not in str(caught.value), name
