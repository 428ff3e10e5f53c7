"""Files: results written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import platform
import secrets
import struct
import time
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from defocus.errors import DefocusError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["refuse_existing", "remove_unfinished", "sweep", "write_blur_map", "write_picture", "written_whole"]

_PNG_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels to the format's numbers


@contextmanager
def written_whole(path: Path, *, overwrite: bool = True) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it there at the end, or remove it if anything went wrong.

    What a process that was killed left in the folder is removed first, see `sweep`.

    Parameters
    ----------
    path : Path
        Where the file shall appear.
    overwrite : bool
        Whether it may replace a file that is there already.

    Raises
    ------
    DefocusError
        If the folder cannot be written to, the disk is full, or the file is there and may not be replaced; names it.
    """
    beside = path.parent / f"{_MARK}{_host()}-{os.getpid()}-{secrets.token_hex(8)}{path.suffix}"
    try:
        _unfinished.add(beside)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep(path.parent)
            beside.touch(exist_ok=False)
        except ValueError as error:
            raise DefocusError(f"{path}: cannot be written ({error})") from error
        yield beside
        if overwrite:
            beside.replace(path)
        else:
            _appear(beside, path)
    except OSError as error:
        # numpy says of a write cut short how much was lost, and not why
        reason = error.strerror or (os.strerror(errno.ENOSPC) if error.errno is None else str(error))
        raise DefocusError(f"{path}: cannot be written ({reason})") from error
    finally:
        with contextlib.suppress(OSError, ValueError):  # it is renamed, or could not be made
            beside.unlink()
        _unfinished.discard(beside)


_unfinished: set[Path] = set()


def remove_unfinished() -> None:
    """Remove the temporary files of this process: a signal can end it anywhere, in the midst of tidying up, too."""
    for beside in _unfinished:
        beside.unlink(missing_ok=True)


def refuse_existing(path: Path) -> DefocusError:
    """Return the error for a file that is there and may not be replaced."""
    return DefocusError(f"{path}: is there already (--overwrite replaces it)")


def _appear(beside: Path, path: Path) -> None:
    """Give a file its name unless another has it, even one that appears at this moment."""
    try:
        os.link(beside, path)  # unlike a rename this fails if the name is taken
    except FileExistsError:
        raise refuse_existing(path) from None
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise refuse_existing(path) from None
        beside.replace(path)


_MARK = ".defocus-"  # then host, process and chance: whose temporary file it is
_ABANDONED = 24 * 3600.0  # seconds after which a file of another machine is taken for abandoned
_swept: set[Path] = set()


@functools.cache
def _host() -> str:
    """Return a short name of this machine, without characters that names of files may not hold."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def sweep(folder: Path) -> None:
    """Remove temporary files that killed processes left in a folder; once for each folder and process."""
    if folder in _swept:
        return
    _swept.add(folder)
    for file in folder.glob(f"{_MARK}????????-*-*"):
        _, host, process, *_ = file.name.removeprefix(".").split("-")
        with contextlib.suppress(OSError, ValueError):
            old = time.time() - file.lstat().st_mtime > _ABANDONED
            if old or (host == _host() and not _is_running(int(process))):
                file.unlink()


def _is_running(process: int) -> bool:
    if os.name != "posix":  # elsewhere asking may end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def write_blur_map(path: Path, radius: NDArray[np.float32], *, overwrite: bool = True) -> None:
    """Write a blur map as a TIFF of 32-bit floats that Pillow, tifffile and ImageJ read.

    Parameters
    ----------
    path : Path
    radius : float32 (H, W)
        Disc radius in px.
    overwrite : bool
        See `written_whole`.
    """
    import tifffile

    with written_whole(path, overwrite=overwrite) as beside:
        tifffile.imwrite(beside, radius.astype(np.float32), photometric="minisblack", description="blur radius in px")


def write_picture(path: Path, values: NDArray[np.floating], *, bit_depth: int = 8, overwrite: bool = True) -> None:
    """Write a picture as PNG.

    Parameters
    ----------
    path : Path
    values : float (H, W) or (H, W, C)
        In [0, 1]; grey, grey and alpha, RGB or RGBA.
    bit_depth : {8, 16}
        Bits per channel.
    overwrite : bool
        See `written_whole`.
    """
    top = 2**bit_depth - 1
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    whole = np.rint(np.clip(values, 0, 1) * top)
    with written_whole(path, overwrite=overwrite) as beside:
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
