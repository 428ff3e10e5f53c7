"""Files: results written whole or not at all."""

from __future__ import annotations

import os
import struct
import tempfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from defocus.errors import DefocusError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["write_blur_map", "write_picture", "written_whole"]

_PNG_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels to the format's numbers


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there at the end, or remove it if anything went wrong.

    Parameters
    ----------
    path : Path
        Where the file shall appear.

    Raises
    ------
    DefocusError
        If the folder cannot be written to, or the disk is full; names the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise DefocusError(f"{path}: cannot be written ({error.strerror or error})") from error
    beside = Path(name)
    try:
        yield beside
        umask = os.umask(0)
        os.umask(umask)
        beside.chmod(0o666 & ~umask)  # mkstemp makes files that only their owner may read
        beside.replace(path)
    except OSError as error:
        raise DefocusError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        beside.unlink(missing_ok=True)


def write_blur_map(path: Path, radius: NDArray[np.float32]) -> None:
    """Write a blur map as a TIFF of 32-bit floats that Pillow, tifffile and ImageJ read.

    Parameters
    ----------
    path : Path
    radius : float32 (H, W)
        Disc radius in px.
    """
    import tifffile

    with written_whole(path) as beside:
        tifffile.imwrite(beside, radius.astype(np.float32), photometric="minisblack", description="blur radius in px")


def write_picture(path: Path, values: NDArray[np.floating], *, bit_depth: int = 8) -> None:
    """Write a picture as PNG.

    Parameters
    ----------
    path : Path
    values : float (H, W) or (H, W, C)
        In [0, 1]; grey, grey and alpha, RGB or RGBA.
    bit_depth : {8, 16}
        Bits per channel.
    """
    top = 2**bit_depth - 1
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    whole = np.rint(np.clip(values, 0, 1) * top)
    with written_whole(path) as beside:
        if bit_depth == 8:
            Image.fromarray(whole.astype(np.uint8)).save(beside)
        else:
            beside.write_bytes(_png16(whole.astype(">u2")))


def _png16(values: NDArray[np.unsignedinteger]) -> bytes:
    """Return a 16-bit PNG file; Pillow writes colour with 8 bits only."""
    height, width = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    lines = np.ascontiguousarray(values).view(np.uint8).reshape(height, -1)
    unfiltered = np.concatenate([np.zeros((height, 1), np.uint8), lines], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOR_TYPES[channels], 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(unfiltered, 6)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
