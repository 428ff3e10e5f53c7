"""PNG files of 16 bits per channel, of which Pillow by itself keeps 8 in colour pictures."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["is_png16", "read_png16"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ORIENTATION_TAG = 274
# Colour types of the format (grey, RGB, grey with alpha, RGBA), each with a mode of Pillow and raw modes of as many
# bits in which Pillow's decoder gives away all bytes: both of a value side by side, or the high ones, then the low ones
_MODES = {
    0: ("LA", ("LA",)),
    2: ("RGB", ("RGB;16B", "RGB;16L")),
    4: ("RGBA", ("RGBA",)),
    6: ("RGBA", ("RGBA;16B", "RGBA;16L")),
}


def is_png16(head: bytes) -> bool:
    """Return whether a file that begins with `head`, 25 bytes or more, is a PNG of 16 bits per channel."""
    return head[:8] == _SIGNATURE and head[24:25] == b"\x10"


def read_png16(file: Path) -> tuple[NDArray[np.uint16], int]:
    """Read a PNG of 16 bits per channel.

    Parameters
    ----------
    file : Path

    Returns
    -------
    array : uint16 (H, W, C)
        Grey, grey and alpha, RGB or RGBA.
    orientation : int
        EXIF orientation, 1 to 8, that is yet to be undone.

    Raises
    ------
    OSError, SyntaxError, ValueError
        If the file is damaged.
    """
    with Image.open(file, formats=("PNG",)) as opened:  # checks the header and the number of pixels
        width, height = opened.size
    chunks = _chunks(file.read_bytes())
    kind, interlaced = chunks[b"IHDR"][9], chunks[b"IHDR"][12]
    mode, raw_modes = _MODES[kind]
    planes = [
        np.asarray(Image.frombytes(mode, (width, height), chunks.get(b"IDAT", b""), "zip", raw, interlaced))
        for raw in raw_modes
    ]
    if len(planes) == 1:
        array = planes[0].view(">u2").astype(np.uint16)
    else:
        array = planes[0].astype(np.uint16) << 8 | planes[1]
    if b"tRNS" in chunks and kind in (0, 2):  # one colour is transparent
        transparent = (array == np.frombuffer(chunks[b"tRNS"], ">u2")).all(axis=2)
        array = np.dstack([array, np.where(transparent, 0, 65535).astype(np.uint16)])
    exif = Image.Exif()
    if b"eXIf" in chunks:
        exif.load(b"Exif\0\0" + chunks[b"eXIf"])
    return array, int(exif.get(_ORIENTATION_TAG, 1))


def _chunks(content: bytes) -> dict[bytes, bytes]:
    """Return the data of each kind of chunk; those of the same kind are joined."""
    parts: dict[bytes, list[bytes]] = {}
    place = len(_SIGNATURE)
    while b"IEND" not in parts:
        if len(content) < place + 12:
            raise ValueError("the file ends too early")
        length, kind = struct.unpack_from(">I4s", content, place)
        data = content[place + 8 : place + 8 + length]
        check = content[place + 8 + length : place + 12 + length]
        if len(check) < 4:
            raise ValueError("the file ends too early")
        if check != struct.pack(">I", zlib.crc32(kind + data)):
            raise ValueError(f"broken checksum in its {kind.decode('latin-1')} part")
        parts.setdefault(kind, []).append(data)
        place += length + 12
    return {kind: b"".join(data) for kind, data in parts.items()}
