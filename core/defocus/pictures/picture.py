"""Pictures: from any file or array to colour in [0, 1], luminance and transparency."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from defocus.errors import InputError
from defocus.parallel import run_parts
from defocus.pictures.png import is_png16, read_png16

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Picture", "as_laid_out", "as_picture", "load_image", "value_range"]

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in rgb2gray of the paper's code
_STRIP = 256  # rows scaled at a time
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION_TAG = 274


@dataclass(frozen=True)
class Picture:
    """One picture, ready to be analysed.

    Attributes
    ----------
    color : float32 (H, W, 3)
        RGB in [0, 1], encoded as the file or array was; a grey picture has three equal channels.
    alpha : float32 (H, W) or None
        Opacity in [0, 1]; None where everything is opaque. Transparent pixels carry no evidence.
    gray : bool
        Whether the picture came without colour.
    white : float
        The value in the source that became 1.
    black : float
        The value in the source that became 0.
    bit_depth : int
        8, 16 or 32: what a result must be written with to lose nothing.
    source : str
        Name for messages.
    """

    color: NDArray[np.float32]
    alpha: NDArray[np.float32] | None = None
    gray: bool = False
    white: float = 1.0
    black: float = 0.0
    bit_depth: int = 8
    source: str = "the picture"

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in px."""
        return self.color.shape[0], self.color.shape[1]

    @property
    def luminance(self) -> NDArray[np.float32]:
        """Weighted sum of the channels, float32 (H, W) in [0, 1]."""
        if self.gray:
            return np.ascontiguousarray(self.color[..., 0])
        return self.color @ _LUMINANCE


def as_picture(array: ArrayLike | Picture, alpha: ArrayLike | None = None, *, source: str = "the picture") -> Picture:
    """Return an array as a `Picture`.

    Parameters
    ----------
    array : array_like (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4)
        Grey, grey with alpha, RGB or RGBA. Floats in [0, 1] and 8-bit integers are taken as they are; wider unsigned
        integers are scaled by the smallest whole number of bits that holds their largest value, so that 12-bit data in
        16-bit files fills the range; any other numbers are stretched from their own minimum and maximum.
    alpha : array_like (H, W), optional
        Opacity, in addition to the array's own; bool, or a float in [0, 1].
    source : str
        Name for messages.

    Raises
    ------
    InputError
        If the array has another shape, is empty, or it or its alpha holds NaN or infinite values.

    Examples
    --------
    >>> as_picture(np.zeros((50, 60), np.uint8)).shape
    (50, 60)
    """
    if isinstance(array, Picture):
        return array
    try:
        values = np.asarray(array)
    except (ValueError, TypeError) as error:
        raise InputError(f"{source}: not an array of numbers") from error
    if values.ndim == 2:
        values = values[..., np.newaxis]
    if values.ndim != 3 or not 1 <= values.shape[2] <= 4:
        raise InputError(
            f"{source}: an array of shape {np.shape(array)}, but a picture is H x W, with 1 to 4 channels last"
        )
    if 0 in values.shape:
        raise InputError(f"{source}: empty, {values.shape[1]} x {values.shape[0]} px")
    if values.dtype.kind not in "buif":
        raise InputError(f"{source}: values of type {values.dtype}, but a picture holds real numbers")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(np.count_nonzero(~np.isfinite(values)))
        raise InputError(f"{source}: {bad} values are NaN or infinite")

    channels = values.shape[2]
    has_alpha = channels in (2, 4)
    black, white = value_range(values[..., : channels - has_alpha])
    color = _scaled(values[..., : channels - has_alpha], black, white)
    opacity = values[..., -1].astype(np.float32) / np.float32(_alpha_white(values.dtype)) if has_alpha else None
    if alpha is not None:
        given = np.asarray(alpha, np.float32)
        if given.shape != values.shape[:2]:
            raise InputError(f"{source}: alpha of shape {given.shape} for a picture of {values.shape[:2]}")
        if not np.isfinite(given).all():
            raise InputError(f"{source}: alpha holds NaN or infinite values")
        opacity = given if opacity is None else opacity * given
    if opacity is not None and bool((opacity >= 1).all()):
        opacity = None
    gray = color.shape[2] == 1
    depth = 8 if values.dtype in (np.uint8, np.bool_) else 16 if values.dtype == np.uint16 else 32
    color = np.ascontiguousarray(np.broadcast_to(color, (*color.shape[:2], 3)) if gray else color)
    return Picture(color, opacity, gray, white, black, depth, source)


def as_laid_out(color: NDArray[np.float32], image: ArrayLike | Picture, picture: Picture) -> NDArray[np.float32]:
    """Return a result (H, W, 1 or 3) with the axes and the alpha of the image it was made from."""
    if isinstance(image, Picture):
        return np.ascontiguousarray(np.broadcast_to(color, (*color.shape[:2], 3)))
    shape = np.shape(image)
    if len(shape) == 2:
        return np.ascontiguousarray(color[..., 0])
    if shape[2] in (2, 4):
        alpha = np.ones(picture.shape, np.float32) if picture.alpha is None else picture.alpha
        color = np.dstack([color, alpha])
    return np.ascontiguousarray(color)


def _scaled(values: NDArray[Any], black: float, white: float) -> NDArray[np.float32]:
    """Return float32 in which `black` is 0 and `white` is 1; strips on two threads, without temporary arrays."""
    out = np.empty(values.shape, np.float32)

    def scale(top: int) -> None:
        strip = out[top : top + _STRIP]
        strip[...] = values[top : top + _STRIP]
        if black != 0:
            strip -= np.float32(black)
        if white - black != 1:
            strip /= np.float32(white - black)

    run_parts(scale, range(0, len(values), _STRIP))
    return out


def _alpha_white(dtype: np.dtype[Any]) -> float:
    return float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0


def value_range(values: NDArray[Any]) -> tuple[float, float]:
    """Return the values that become 0 and 1."""
    if values.dtype == np.bool_:
        return 0.0, 1.0
    if values.dtype == np.uint8:
        return 0.0, 255.0
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "u":
        bits = max(8, int(high).bit_length())
        return 0.0, float(2**bits - 1)
    if low >= 0.0 and high <= 1.0 and values.dtype.kind == "f":
        return 0.0, 1.0
    return (low, high) if high > low else (low, low + 1.0)


def load_image(path: str | PathLike[str]) -> Picture:
    """Read a picture file.

    Everything that Pillow and tifffile read: grey, palette, RGB, CMYK, with or without alpha, 8, 16 or 32 bits, float.
    The EXIF orientation is applied.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        If the file is missing, not an image, damaged, or has more than two spatial dimensions; names the file.
    """
    file = Path(path)
    name = file.name
    try:
        with file.open("rb") as stream:
            head = stream.read(25)
    except IsADirectoryError as error:
        raise InputError(f"{name}: is a folder, not a picture") from error
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror or error})") from error
    if not head:
        raise InputError(f"{name}: the file is empty")
    array = _read_tiff(file) if head[:4] in _TIFF else None
    if array is None:
        array = _read_with_pillow(file, _read_png16 if is_png16(head) else _read_any)
    return as_picture(array, source=name)


def _read_tiff(file: Path) -> NDArray[Any] | None:
    """Return a TIFF's array, or None if Pillow should try (compressions that tifffile leaves to other packages)."""
    import tifffile

    try:
        with tifffile.TiffFile(file) as tiff:
            series = tiff.series[0]
            page = series.keyframe
            if page.photometric not in (0, 1, 2):  # palette, CMYK and YCbCr: Pillow converts them
                return None
            axes, shape = series.axes, series.shape
            spatial = [size for axis, size in zip(axes, shape, strict=True) if axis not in "SC" and size > 1]
            if len(spatial) > 2 or len(tiff.series) == 0:
                raise InputError(f"{file.name}: {' x '.join(map(str, shape))} values, more than two spatial dimensions")
            array = np.asarray(series.asarray())
            orientation = page.tags.get(_ORIENTATION_TAG)
    except InputError:
        raise
    except Exception:
        return None
    keep = [i for i, axis in enumerate(axes) if axis in "SC" or array.shape[i] > 1 or axis in "YX"]
    array = array.reshape([array.shape[i] for i in keep])
    axes = "".join(axes[i] for i in keep)
    channel = next((i for i, axis in enumerate(axes) if axis in "SC"), None)
    if channel is not None:
        array = np.moveaxis(array, channel, -1)
    if page.photometric == 0 and array.dtype.kind == "u":  # white is zero
        array = np.iinfo(array.dtype).max - array
    return _oriented(array, int(orientation.value) if orientation is not None else 1)


def _oriented(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        array = np.swapaxes(array, 0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)


def _read_with_pillow(file: Path, read: Callable[[Path], NDArray[Any]]) -> NDArray[Any]:
    """Return what `read` makes of a file, with errors in plain words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata that we do not use
            return read(file)
    except UnidentifiedImageError as error:
        raise InputError(f"{file.name}: not an image, or of a kind that is not known") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{file.name}: too many pixels ({error})") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"{file.name}: damaged or truncated ({error})") from error


def _read_any(file: Path) -> NDArray[Any]:
    with Image.open(file) as opened:
        opened.load()
        image = ImageOps.exif_transpose(opened)
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


def _read_png16(file: Path) -> NDArray[np.uint16]:
    return _oriented(*read_png16(file))
