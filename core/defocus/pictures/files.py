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
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from defocus.errors import DefocusError
from defocus.pictures.intensity import whole_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from defocus.pictures.metadata import Metadata
    from defocus.pictures.part import PixelSize

__all__ = ["refuse_existing", "remove_unfinished", "sweep", "write_blur_map", "write_picture", "written_whole"]

_UM_PER_CM = 10_000.0
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


def write_blur_map(
    path: Path, radius: NDArray[np.float32], *, overwrite: bool = True, size: PixelSize | None = None
) -> None:
    """Write a blur map as a TIFF of 32-bit floats that Pillow, tifffile and ImageJ read.

    Parameters
    ----------
    path : Path
    radius : float32 (H, W)
        Disc radius in px.
    overwrite : bool
        See `written_whole`.
    size : PixelSize, optional
        Of the pixels, to be said in the file.
    """
    import tifffile

    about: dict[str, Any] = {"photometric": "minisblack", "description": "blur radius in px"}
    if size is not None:
        about |= {"resolution": (_UM_PER_CM / size.x, _UM_PER_CM / size.y), "resolutionunit": "CENTIMETER"}
    with written_whole(path, overwrite=overwrite) as beside:
        tifffile.imwrite(beside, radius.astype(np.float32), **about)


def write_picture(
    path: Path,
    values: NDArray[np.floating],
    *,
    bit_depth: int = 8,
    overwrite: bool = True,
    metadata: Metadata | None = None,
) -> None:
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
    metadata : Metadata, optional
        What to say beside the pixels.
    """
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    whole = whole_numbers(values, f"uint{bit_depth}")
    if metadata is not None and metadata.profile is not None and values.ndim == 2:
        metadata = replace(metadata, profile=None)  # a profile of colours is none for grey
    with written_whole(path, overwrite=overwrite) as beside:
        if bit_depth == 8:
            Image.fromarray(whole).save(beside, **_beside_the_pixels(metadata))
        else:
            beside.write_bytes(_png16(whole.astype(">u2"), metadata))


def _beside_the_pixels(metadata: Metadata | None) -> dict[str, Any]:
    """Return metadata as Pillow's PNG writer takes it."""
    if metadata is None:
        return {}
    chunks = PngInfo()
    if metadata.xmp is not None:
        chunks.add(b"iTXt", _XMP_HEAD + metadata.xmp)
    return {"icc_profile": metadata.profile, "exif": metadata.exif, "pnginfo": chunks}


_XMP_HEAD = b"XML:com.adobe.xmp\0\0\0\0\0"  # not compressed, no language


def _png16(values: NDArray[np.unsignedinteger], metadata: Metadata | None) -> bytes:
    """Return a 16-bit PNG file; Pillow writes colour with 8 bits only."""
    height, width = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    lines = np.ascontiguousarray(values).view(np.uint8).reshape(height, -1)
    unfiltered = np.concatenate([np.zeros((height, 1), np.uint8), lines], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOR_TYPES[channels], 0, 0, 0)
    said = []
    if metadata is not None:
        if metadata.profile is not None:
            said.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.profile)))
        if metadata.exif is not None:
            said.append((b"eXIf", metadata.exif))
        if metadata.xmp is not None:
            said.append((b"iTXt", _XMP_HEAD + metadata.xmp))
    parts = [(b"IHDR", header), *said, (b"IDAT", zlib.compress(unfiltered, 6)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
