"""Raw files: what cameras store before it is a picture; read by the extra ``raw``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defocus.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tifffile import TiffFile

__all__ = ["RAW_ENDINGS", "hint", "is_raw", "is_raw_tiff", "read_raw"]

_RAW = """
.3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl
.sr2 .srf .srw .x3f
"""
RAW_ENDINGS = frozenset(_RAW.split())
"""How raw files' names end, in small letters."""
_EXTRAS = {
    ".heic": ("heif", "a HEIF picture"),
    ".heif": ("heif", "a HEIF picture"),
    ".hif": ("heif", "a HEIF picture"),
    ".avif": ("heif", "an AVIF picture"),
    ".jxl": ("jxl", "a JPEG XL picture"),
}
_DNG_VERSION, _SUB_FILES, _NEW_SUBFILE_TYPE = 50706, 330, 254
_REDUCED = 1  # bit of the tag: a smaller copy of another picture in the file
_MOSAIC = (32803, 34892)  # photometric interpretations of what is not yet developed


def is_raw(file: Path) -> bool:
    """Return whether a file is called as raw files are."""
    return file.suffix.lower() in RAW_ENDINGS


def is_raw_tiff(tiff: TiffFile) -> bool:
    """Return whether a TIFF is a raw file, whose first page is but a thumbnail of the picture."""
    tags = tiff.pages[0].tags  # type: ignore[union-attr]
    if _DNG_VERSION in tags:
        return True
    kind = tags.get(_NEW_SUBFILE_TYPE)
    photometric = tags.get(262)
    if photometric is not None and int(photometric.value) in _MOSAIC:
        return True
    return kind is not None and bool(int(kind.value) & _REDUCED) and _SUB_FILES in tags


def hint(file: Path) -> str | None:
    """Return which extra reads a file that cannot be read as it is, or None if none does."""
    ending = file.suffix.lower()
    if ending in _EXTRAS:
        extra, what = _EXTRAS[ending]
        return f'{what}: the extra "{extra}" reads it, pip install "napari-defocus[{extra}]"'
    return None


def read_raw(file: Path) -> NDArray[Any]:
    """Return a raw file's picture: the camera's own, if the file holds it in full size, else developed.

    Parameters
    ----------
    file : Path

    Returns
    -------
    uint8 (H, W, 3)
        Upright.

    Raises
    ------
    InputError
        If the extra is missing, or the file is damaged.
    """
    try:
        import rawpy
    except ImportError as error:
        raise InputError(
            f'{file.name}: a raw file of a camera: the extra "raw" reads it, pip install "napari-defocus[raw]"'
        ) from error
    import io

    import numpy as np
    from PIL import Image, ImageOps

    try:
        with rawpy.imread(str(file)) as raw:
            try:
                thumbnail = raw.extract_thumb()
            except rawpy.LibRawError:
                thumbnail = None
            if thumbnail is not None and thumbnail.format == rawpy.ThumbFormat.JPEG:
                with Image.open(io.BytesIO(bytes(thumbnail.data)), formats=["JPEG"]) as opened:
                    if max(opened.size) >= _FULL * max(raw.sizes.width, raw.sizes.height):
                        return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
            return np.asarray(raw.postprocess(use_camera_wb=True, no_auto_bright=True))
    except (rawpy.LibRawError, OSError, ValueError) as error:
        said = error.args[0] if error.args else ""
        reason = said.decode(errors="replace") if isinstance(said, bytes) else str(error)  # LibRaw says it in bytes
        raise InputError(f"{file.name}: damaged, or a raw file that is not known ({reason})") from error


_FULL = 0.9  # of the sensor's length: cameras cut some pixels off
