"""Picture files of every format that we claim to read, and damage done to them, the same for the same seed."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from PIL import Image, features

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPE = (48, 64)


def whole_files() -> dict[str, bytes]:
    """Return small whole files by name."""
    random_numbers = np.random.default_rng(5)
    rgb = random_numbers.integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    rgb[:24] = np.linspace(0, 255, SHAPE[1], dtype=np.uint8)[:, np.newaxis]
    deep = rgb.astype(np.uint16) * 257
    linear = (rgb / 255).astype(np.float32)
    picture, grey = Image.fromarray(rgb), Image.fromarray(rgb[..., 0])
    exif = Image.Exif()
    exif[0x0112] = 6
    files: dict[str, bytes] = {}

    def pillow(name: str, image: Image.Image, **options: object) -> None:
        stream = io.BytesIO()
        image.save(stream, Image.registered_extensions()[f".{name.rpartition('.')[2]}"], **options)
        files[name] = stream.getvalue()

    def tiff(name: str, array: np.ndarray, **options: object) -> None:
        stream = io.BytesIO()
        tifffile.imwrite(stream, array, **options)
        files[name] = stream.getvalue()

    pillow("color.png", picture)
    pillow("alpha.png", Image.fromarray(np.dstack([rgb, rgb[..., 1]])))
    pillow("palette.png", picture.convert("P", palette=Image.Palette.ADAPTIVE), transparency=3)
    pillow("turned.png", picture, exif=exif)
    pillow("deep.png", Image.fromarray(deep[..., 0]))
    pillow("color.jpg", picture, quality=90, exif=exif)
    pillow("progressive.jpg", picture, progressive=True)
    pillow("cmyk.jpg", picture.convert("CMYK"))
    pillow("color.webp", picture)
    pillow("lossless.webp", picture, lossless=True)
    for ending in ("bmp", "gif", "ppm", "tga", "pcx", "sgi", "ico", "dds"):
        pillow(f"color.{ending}", picture)
    for ending, feature in (("jp2", "jpg_2000"), ("avif", "avif")):
        if features.check(feature):
            pillow(f"color.{ending}", picture)
    pillow("pillow.tif", picture, compression="tiff_lzw")
    pillow("grey.tif", grey, compression="packbits")
    tiff("color.tif", rgb, photometric="rgb")
    tiff("deep.tif", deep, photometric="rgb", compression="zlib", predictor=True)
    tiff("float.tif", linear, photometric="rgb")
    tiff("double.tif", linear[..., 0].astype(float))
    tiff("planar.tif", np.moveaxis(rgb, -1, 0), photometric="rgb", planarconfig="separate")
    tiff("tiled.tif", deep[..., 0], tile=(16, 16))
    tiff("big.tif", rgb, photometric="rgb", bigtiff=True, byteorder=">")
    return files


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return a file with one to four kinds of damage; three in four lie in the first 400 bytes, where headers are."""
    out = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        end = len(out) if chance.random() < 0.25 else min(len(out), 400)
        place = chance.randrange(max(end, 1))
        kind = chance.randrange(7)
        if kind == 0:
            out[place : place + 1] = bytes([chance.randrange(256)])
        elif kind == 1 and out:
            place = min(place, len(out) - 1)
            out[place] ^= 1 << chance.randrange(8)
        elif kind == 2:
            out[place : place + 4] = chance.choice(
                [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x80"]
            )
        elif kind == 3:
            del out[place : place + chance.randint(1, 40)]
        elif kind == 4:
            out[place:place] = chance.randbytes(chance.randint(1, 40))
        elif kind == 5:
            del out[chance.randrange(len(out) + 1) :]
        else:
            other = chance.randrange(len(out) + 1)
            out[place : place + 20] = out[other : other + 20]
    return bytes(out)


def damaged_files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents, all formats in turn."""
    whole = list(whole_files().items())
    chance = random.Random(seed)
    for number in range(count):
        name, content = whole[number % len(whole)]
        stem, _, ending = name.partition(".")
        yield f"{number:05d}-{stem}.{ending}", damaged(content, chance)
