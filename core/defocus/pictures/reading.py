"""Reading: from any picture file to an array, or one line that says why not."""

from __future__ import annotations

import contextlib
import logging
import math
import stat
import threading
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from defocus.errors import InputError
from defocus.limits import MAX_PIXELS
from defocus.memory import require_memory
from defocus.pictures.decoders import more_decoders
from defocus.pictures.omezarr import is_zarr, open_zarr
from defocus.pictures.part import Part
from defocus.pictures.png import is_png16, read_png16
from defocus.pictures.raw import hint, is_raw, is_raw_tiff, read_raw
from defocus.pictures.tiff import chosen_series, one_picture, pixel_size, planes_of, series_of, stack_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from tifffile import TiffFile, TiffPageSeries

    from defocus.pictures.part import PixelSize

__all__ = [
    "WHOLE",
    "check_picture_size",
    "is_series",
    "is_stack",
    "is_tiff",
    "opened_picture",
    "quietly_opened",
    "read_array",
    "read_pixel_size",
    "read_planes",
    "read_series",
    "read_stack",
    "upright",
    "without_limit_of_pillow",
]

Taken = TypeVar("Taken")

WHOLE = Part()
"""No part of a file that holds one picture."""

# Kinds of files that Pillow's own code takes apart. Others it hands to a program (EPS to ghostscript, whatever the
# file's name ends in), to the system (WMF) or to another package; no stranger's file shall start any of these
_FORMATS = (
    "JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "MPO", "JPEG2000", "AVIF", "PPM", "PSD", "TGA", "SGI", "DDS", "DIB",
    "PCX", "ICO", "ICNS", "QOI", "FITS", "SUN", "HEIF", "JXL",
)  # fmt: skip
_POSTSCRIPT = (b"%!PS", b"\xc5\xd0\xd3\xc6")

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LOG = logging.getLogger(__name__)
_ORIENTATION_TAG = 274
_MADE = 12  # bytes of a pixel's colour once it is float32


def check_picture_size(name: str, width: int, height: int, stored: int, max_pixels: int) -> None:
    """Raise `InputError` if a picture has more pixels than are allowed, or than fit into memory.

    Parameters
    ----------
    name : str
        Of the file.
    width, height : int
        In px.
    stored : int
        Bytes of a pixel in the file when it is unpacked.
    max_pixels : int
    """
    if width * height > max_pixels:
        raise InputError(
            f"{name}: {width} x {height} px are more than {max_pixels / 1e6:g} megapixels (--max-pixels allows more)"
        )
    require_memory(width * height * (stored + _MADE), f"{name}: {width} x {height} px")


def read_array(file: Path, max_pixels: int, part: Part = WHOLE) -> NDArray[Any]:
    """Return the array (H, W) or (H, W, C) of a picture file or an OME-Zarr folder, upright.

    Parameters
    ----------
    file : Path
    max_pixels : int
    part : Part
        Of a TIFF or OME-Zarr: which of its pictures, planes and channels.

    Raises
    ------
    InputError
        If the file is missing, not a picture, damaged, larger than allowed, or holds several pictures, planes or
        channels and `part` does not say which.
    """
    if is_zarr(file):
        return open_zarr(file, part).plane(part, _checked(max_pixels))
    head = _head(file)
    if is_raw(file):
        return read_raw(file)
    array = _read_tiff(file, max_pixels, part) if head[:4] in _TIFF else None
    if array is None:
        array = _read_with_pillow(file, _read_png16 if is_png16(head) else _read_any, max_pixels)
    return array


def _checked(max_pixels: int) -> Callable[[str, int, int, int], None]:
    """Return `check_picture_size` with a limit."""

    def check(name: str, width: int, height: int, stored: int) -> None:
        check_picture_size(name, width, height, stored, max_pixels)

    return check


def _first_lengths(file: Path) -> list[tuple[str, int]]:
    """Return the axes of a file's first picture with their lengths; none of what has no axes or cannot be read."""
    try:
        if is_zarr(file):
            found = open_zarr(file, Part(series=0))
            return list(zip(found.axes, found.array.shape, strict=True))
        if not is_tiff(file):
            return []
        import tifffile

        with tifffile.TiffFile(file) as tiff:
            return list(zip(tiff.series[0].axes, tiff.series[0].shape, strict=True))
    except Exception:  # whoever reads it will say what is wrong
        return []


def is_stack(file: Path) -> bool:
    """Whether a file's first picture has planes along time or depth; False for what cannot be read.

    Parameters
    ----------
    file : Path
    """
    return any(size > 1 and axis not in "YXSC" for axis, size in _first_lengths(file))


def is_series(file: Path) -> bool:
    """Whether a file's first picture has planes along time and depth, both; False for what cannot be read.

    Parameters
    ----------
    file : Path
    """
    sizes = dict(_first_lengths(file))
    return min(sizes.get("T", 1), sizes.get("Z", 1)) > 1


def read_pixel_size(file: Path, part: Part = WHOLE) -> PixelSize | None:
    """Return how large the pixels of a TIFF or an OME-Zarr folder are; None where it does not say, or is another kind.

    Parameters
    ----------
    file : Path
    part : Part
    """
    try:
        if is_zarr(file):
            return open_zarr(file, part).pixel_size
        if not is_tiff(file):
            return None
        import tifffile

        with tifffile.TiffFile(file) as tiff:
            return pixel_size(tiff)
    except Exception:  # the picture itself was read
        return None


def _head(file: Path) -> bytes:
    """Return a file's first bytes, which tell its kind; raise `InputError` if it is none that can be read."""
    name = file.name
    try:
        kind = file.stat().st_mode
        if not stat.S_ISREG(kind):  # reading a pipe would wait for whoever writes into it
            raise InputError(f"{name}: is {'a folder' if stat.S_ISDIR(kind) else 'no ordinary file'}, not a picture")
        with file.open("rb") as stream:
            head = stream.read(25)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if not head:
        raise InputError(f"{name}: the file is empty")
    return head


def is_tiff(file: Path) -> bool:
    """Whether a file is a TIFF, by its first bytes; raises `InputError` if it cannot be read."""
    return _head(file)[:4] in _TIFF


def _spatial(series: TiffPageSeries) -> list[int]:
    """Return how far a series reaches along its axes but those of colour."""
    return [size for size in _sizes_but(series, "SC") if size > 1]


def _sizes_but(series: TiffPageSeries, axes: str) -> list[int]:
    """Return how far a series reaches along its axes but some."""
    return [size for axis, size in zip(series.axes, series.shape, strict=True) if axis not in axes]


def _values(name: str, series: TiffPageSeries, max_pixels: int) -> NDArray[Any]:
    """Return what a series of a TIFF holds; raise `InputError` if that is too much, or parts have no data."""
    spatial = _spatial(series)
    if spatial:
        rows = math.prod(spatial[:-1])
        check_picture_size(name, spatial[-1], rows, series.nbytes // max(1, rows * spatial[-1]), max_pixels)
    for page in series.pages:
        if page is None or 0 in page.dataoffsets or 0 in page.databytecounts:  # tifffile would fill it with black
            raise InputError(f"{name}: damaged or truncated (a part of it holds no data)")
    return np.asarray(series.asarray())


def _read_tiff(file: Path, max_pixels: int, part: Part) -> NDArray[Any] | None:
    """Return a TIFF's array, or None if Pillow should try (compressions that tifffile leaves to other packages)."""
    import tifffile

    plain = True
    try:
        with tifffile.TiffFile(file) as tiff:
            if is_raw_tiff(tiff):  # its first page is a thumbnail
                return read_raw(file)
            if len(tiff.series) == 0:
                return None
            series = chosen_series(tiff, file.name, part)
            page = series.keyframe
            plain = part == WHOLE and math.prod(_sizes_but(series, "YXS")) == 1
            if page.photometric not in (0, 1, 2) and plain:  # palette, CMYK and YCbCr: Pillow converts them
                return None
            array = one_picture(tiff, series, _values(file.name, series, max_pixels), file.name, part)
            tag = page.tags.get(_ORIENTATION_TAG)
    except (InputError, MemoryError):
        raise
    except Exception as error:
        if not plain:  # Pillow would read the first page, whatever is meant
            raise InputError(
                f"{file.name}: damaged, or compressed in a way that needs imagecodecs ({error})"
            ) from error
        return None
    return _oriented(array, tag.value if tag is not None else 1)


def _tell_more(file: Path, count: int) -> None:
    """Say it where a file holds more pictures than the one that is read."""
    if count > 1:
        _LOG.warning("%s: the first of %d pictures in the file is read", file.name, count)


def _oriented(array: NDArray[Any], orientation: object) -> NDArray[Any]:
    """Undo an EXIF orientation, 1 to 8; anything else is none."""
    if orientation in (5, 6, 7, 8):
        array = np.swapaxes(array, 0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)


_limit_lock = threading.Lock()
_limit_users = 0
_limit_before: int | None = None


@contextlib.contextmanager
def without_limit_of_pillow() -> Iterator[None]:
    """Lift Pillow's own limit of pixels, which is one number for the whole process, while any thread reads.

    Yields
    ------
    None
    """
    global _limit_users, _limit_before
    with _limit_lock:
        if _limit_users == 0:
            _limit_before = Image.MAX_IMAGE_PIXELS
            Image.MAX_IMAGE_PIXELS = None
        _limit_users += 1
    try:
        yield
    finally:
        with _limit_lock:
            _limit_users -= 1
            if _limit_users == 0:
                Image.MAX_IMAGE_PIXELS = _limit_before


def opened_picture(file: Path) -> Image.Image:
    """Return a picture file opened with nothing but decoders that parse it themselves.

    Parameters
    ----------
    file : Path

    Raises
    ------
    InputError
        If it is PostScript, which is a program.
    """
    with file.open("rb") as stream:
        if stream.read(4) in _POSTSCRIPT:
            raise InputError(f"{file.name}: is PostScript (EPS), a program and not a picture; export it as PNG or TIFF")
    more_decoders()
    Image.preinit()
    try:
        return Image.open(file, formats=_registered())
    except UnidentifiedImageError:
        Image.init()  # every decoder that there is; that takes as long as reading a picture
        return Image.open(file, formats=_registered())


@contextlib.contextmanager
def quietly_opened(file: Path) -> Iterator[Image.Image]:
    """Give a picture file as `opened_picture` does, without Pillow's warnings of odd metadata until it is closed.

    Parameters
    ----------
    file : Path

    Yields
    ------
    PIL.Image.Image
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with opened_picture(file) as opened:
            yield opened


def _registered() -> tuple[str, ...]:
    """Return the kinds of files that Pillow knows by now, of those that may be read."""
    return tuple(kind for kind in _FORMATS if kind in Image.OPEN)


def _read_with_pillow(file: Path, read: Callable[[Path], NDArray[Any]], max_pixels: int) -> NDArray[Any]:
    """Return what `read` makes of a file, with errors in plain words."""
    try:
        with warnings.catch_warnings(), without_limit_of_pillow():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata that we do not use
            with opened_picture(file) as opened:
                check_picture_size(file.name, *opened.size, len(opened.getbands()), max_pixels)
            return read(file)
    except (InputError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{file.name}: {hint(file) or 'not an image, or of a kind that is not known'}") from error
    except Exception as error:  # decoders of damaged files raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{file.name}: damaged or truncated ({reason})") from error


def _read_any(file: Path) -> NDArray[Any]:
    with opened_picture(file) as opened:
        if opened.format != "MPO":  # whose first is the picture, the others see it from elsewhere or are smaller
            _tell_more(file, getattr(opened, "n_frames", 1))
        opened.load()
        image = upright(opened)
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "LA", "RGB", "RGBA", "F") and not image.mode.startswith("I"):
        image = image.convert("RGBA" if "A" in image.mode or "a" in image.mode else "RGB")
    array = np.asarray(image)
    if image.mode == "I" and array.size and array.min() >= 0 and array.max() < 65536:
        array = array.astype(np.uint16)  # Pillow reads 16-bit files of some kinds as 32-bit integers
    return array


def upright(opened: Image.Image) -> Image.Image:
    """Load a picture, turn it as its EXIF says that it stands, unless that is damaged, and return it; not a copy."""
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(opened, in_place=True)
    opened.load()  # a fault of the picture itself
    return opened


def _read_png16(file: Path) -> NDArray[np.uint16]:
    return _oriented(*read_png16(file))


def read_stack(file: Path, *, max_pixels: int = MAX_PIXELS, part: Part = WHOLE) -> NDArray[Any]:
    """Return the slices of a TIFF file or an OME-Zarr folder, (Z, H, W).

    Parameters
    ----------
    file : Path
    max_pixels : int
        A file with more pixels is refused before they are read.
    part : Part
        Which of its series and channels.

    Raises
    ------
    InputError
        If the file is missing, no TIFF, damaged, too large, no grey stack, or holds several series or channels and
        `part` does not say which; names the file.
    """
    if is_zarr(file):
        return open_zarr(file, part).stack(part, _checked(max_pixels))
    return _of_series(file, max_pixels, part, "a stack is Z x H x W", stack_of)


def read_planes(file: Path, *, max_pixels: int = MAX_PIXELS, part: Part = WHOLE) -> list[tuple[str, NDArray[Any]]]:
    """Return the planes along time and depth, (planes, H, W), of each channel by its name or number.

    Parameters
    ----------
    file : Path
        A TIFF or an OME-Zarr folder.
    max_pixels, part
        As for `read_stack`; all channels unless `part` names one.

    Raises
    ------
    InputError
        As `read_stack`.
    """
    if is_zarr(file):
        return open_zarr(file, part).planes(part, _checked(max_pixels))
    return _of_series(file, max_pixels, part, "frames are grey", planes_of)


def read_series(file: Path, *, max_pixels: int = MAX_PIXELS, part: Part = WHOLE) -> tuple[NDArray[Any], list[str]]:
    """Return a grey series of stacks as (T, Z, C, H, W), and the names of its channels, none where the file has none.

    Parameters
    ----------
    file : Path
        A TIFF or an OME-Zarr folder.
    max_pixels, part
        As for `read_stack`; always with all channels.

    Raises
    ------
    InputError
        As `read_stack`.
    """
    if is_zarr(file):
        return open_zarr(file, part).series(_checked(max_pixels))
    return _of_series(file, max_pixels, part, "a series is grey", series_of)


def _of_series(
    file: Path,
    max_pixels: int,
    part: Part,
    wanted: str,
    take: Callable[[TiffFile, TiffPageSeries, NDArray[Any], str, Part], Taken],
) -> Taken:
    """Return what is taken of the grey series of a TIFF that is meant; `wanted` tells why colours are refused."""
    import tifffile

    if not is_tiff(file):
        raise InputError(f"{file.name}: no TIFF, and no stack")
    try:
        with tifffile.TiffFile(file) as tiff:
            series = chosen_series(tiff, file.name, part)
            if "S" in series.axes:
                raise InputError(f"{file.name}: is in colour, but {wanted}")
            return take(tiff, series, _values(file.name, series, max_pixels), file.name, part)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # decoders of damaged files raise anything
        raise InputError(f"{file.name}: damaged or truncated ({' '.join(str(error).split())})") from error
