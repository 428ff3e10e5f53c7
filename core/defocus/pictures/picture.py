"""Pictures: from any file or array to colour in [0, 1], luminance and transparency."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.limits import MAX_PIXELS
from defocus.memory import require_memory
from defocus.parallel import run_parts
from defocus.pictures.intensity import checked_limits, found_range, mended, opacity_white
from defocus.pictures.reading import WHOLE, read_array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from defocus.pictures.part import Part

__all__ = ["Picture", "as_laid_out", "as_picture", "load_image"]

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in rgb2gray of the paper's code
_STRIP = 256  # rows scaled at a time
_FAR = 1e6  # times the range: far enough for the worst of defects, and never infinite


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

    Examples
    --------
    >>> picture = defocus.as_picture(np.full((30, 40), 0.5), source="grey card")
    >>> picture
    <Picture grey card: 40 x 30 px, grey, 32 bits>
    >>> picture.shape, picture.luminance.dtype
    ((30, 40), dtype('float32'))
    """

    color: NDArray[np.float32]
    alpha: NDArray[np.float32] | None = None
    gray: bool = False
    white: float = 1.0
    black: float = 0.0
    bit_depth: int = 8
    source: str = "the picture"

    def __repr__(self) -> str:
        """Say what it is in one line; arrays would fill pages."""
        height, width = self.shape
        colors = "grey" if self.gray else "RGB"
        opacity = "" if self.alpha is None else " with alpha"
        return f"<Picture {self.source}: {width} x {height} px, {colors}{opacity}, {self.bit_depth} bits>"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return `color` as an array, for ``np.asarray(picture)``."""
        return np.array(self.color, dtype, copy=copy)

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

    @property
    def own_color(self) -> NDArray[np.float32]:
        """Colour in as many channels as it came in, float32 (H, W, 1) of grey, else (H, W, 3)."""
        return self.color[..., :1] if self.gray else self.color


def as_picture(
    array: ArrayLike | Picture,
    alpha: ArrayLike | None = None,
    *,
    source: str = "the picture",
    limits: tuple[float, float] | None = None,
    measured: bool = True,
) -> Picture:
    """Return an array as a `Picture`.

    Parameters
    ----------
    array : array_like (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4)
        Grey, grey with alpha, RGB or RGBA. Floats that fill [0, 1] and integers that fill 8, 12 or any other number of
        bits are taken as they are; what fills less than half of its kind's range, or has none, is stretched, see
        `defocus.pictures.intensity.value_range`. Where a range is measured, hot and dead pixels take the median of
        their neighbours. Pixels that are NaN or infinite become transparent.
    alpha : array_like (H, W), optional
        Opacity, in addition to the array's own; bool, or a float in [0, 1].
    source : str
        Name for messages.
    limits : tuple of float, optional
        The values that become 0 and 1, in place of all that; what lies beyond is cut off.
    measured : bool
        Whether black and white may be measured; False takes those of the kind of number, for results in its units.

    Raises
    ------
    InputError
        If the array has another shape, is empty, holds no finite value, or the alpha given holds one that is not.

    Examples
    --------
    >>> as_picture(np.zeros((50, 60), np.uint8)).shape
    (50, 60)
    """
    if isinstance(array, Picture):
        return array
    if isinstance(array, str | PathLike):
        name = str(array)[:60]
        raise InputError(f"{name!r} is the name of a file, not a picture: defocus.load_image reads it")
    try:
        values = np.asarray(array)
    except (ValueError, TypeError) as error:
        raise InputError(f"{source}: not an array of numbers") from error
    if values.ndim == 2:
        values = values[..., np.newaxis]
    if values.ndim != 3 or not 1 <= values.shape[2] <= 4:
        first = values.ndim == 3 and 1 <= len(values) <= 4
        instead = "; np.moveaxis(array, 0, -1) puts the channels last" if first else ""
        raise InputError(
            f"{source}: an array of shape {np.shape(array)}, but a picture is H x W, with 1 to 4 channels last{instead}"
        )
    if 0 in values.shape:
        raise InputError(f"{source}: empty, {values.shape[1]} x {values.shape[0]} px")
    if values.dtype.kind not in "buif":
        raise InputError(f"{source}: values of type {values.dtype}, but a picture holds real numbers")
    channels = values.shape[2]
    has_alpha = channels in (2, 4)
    size = values.shape[0] * values.shape[1] * np.dtype(np.float32).itemsize
    require_memory(3 * size, f"{source}: {values.shape[1]} x {values.shape[0]} px")
    light = values[..., : channels - has_alpha]
    known = _known_pixels(light)
    if known is not None and not known.any():
        raise InputError(f"{source}: all values are NaN or infinite")
    within = False
    if limits is None:
        black, white, within = found_range(light, measured=measured)
    else:
        black, white = checked_limits(limits)
    if not np.isfinite(white - black):
        raise InputError(f"{source}: values from {black:g} to {white:g} are too far apart for a picture")
    color = _scaled(light, (black, white), known, within)
    opacity = None
    if has_alpha:
        opacity = _opacity(values[..., -1], white)
    if alpha is not None:
        try:
            given = np.asarray(alpha, np.float32)
        except (TypeError, ValueError) as error:
            raise InputError(f"{source}: alpha is not an array of numbers") from error
        if given.shape != values.shape[:2]:
            raise InputError(f"{source}: alpha of shape {given.shape} for a picture of {values.shape[:2]}")
        if not np.isfinite(given).all():
            raise InputError(f"{source}: alpha holds NaN or infinite values")
        opacity = given if opacity is None else opacity * given
    if known is not None:
        opacity = known.astype(np.float32) if opacity is None else opacity * known
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


def _opacity(alpha: NDArray[Any], white: float) -> NDArray[np.float32]:
    """Return an alpha channel that goes with colours up to `white` as float32 in [0, 1]; what is NaN is transparent."""
    small = alpha.dtype.itemsize <= 2
    wide = np.asarray(alpha, np.float32 if small else np.float64) / np.asarray(
        opacity_white(alpha, white), np.float32 if small else np.float64
    )
    return np.asarray(np.clip(np.nan_to_num(wide, nan=0.0), 0, 1), np.float32)


def _known_pixels(values: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return where all channels are finite, bool (H, W); None if they are everywhere."""
    if values.dtype.kind != "f" or bool(np.isfinite(values).all()):
        return None
    return np.asarray(np.isfinite(values).all(axis=2))


def _scaled(
    values: NDArray[Any], limits: tuple[float, float], known: NDArray[np.bool_] | None, within: bool
) -> NDArray[np.float32]:
    """Return float32 in which black is 0 and white is 1; strips on two threads, without temporary arrays."""
    black, white = limits
    out = np.empty(values.shape, np.float32)
    # Counts with an offset, and doubles, lose what tells them apart where they become floats first
    exact = black != 0 or values.dtype.itemsize > 4
    within = within or values.dtype == np.bool_ or (values.dtype == np.uint8 and black <= 0 and white >= 255)
    outside = [False]

    def scale(top: int) -> None:
        strip, part = out[top : top + _STRIP], values[top : top + _STRIP]
        if known is not None:
            part = np.where(known[top : top + _STRIP, :, np.newaxis], part, part.dtype.type(0))
        if exact:
            with np.errstate(over="ignore"):
                strip[...] = np.clip((part.astype(np.float64) - black) / (white - black), -_FAR, _FAR)
        elif white == 1:
            strip[...] = part
        else:  # in one go through the memory
            np.divide(part, np.float32(white), out=strip, dtype=np.float32, casting="unsafe")
        if not within:
            outside[0] |= bool(strip.min() < 0 or strip.max() > 1)

    run_parts(scale, range(0, len(values), _STRIP))
    return mended(out) if outside[0] else out


def load_image(
    path: str | PathLike[str],
    *,
    limits: tuple[float, float] | None = None,
    measured: bool = True,
    max_pixels: int = MAX_PIXELS,
    part: Part = WHOLE,
) -> Picture:
    """Read a picture file.

    Everything that Pillow and tifffile read: grey, palette, RGB, CMYK, with or without alpha, 8, 16 or 32 bits, float.
    The EXIF orientation is applied.

    Parameters
    ----------
    path : path-like
    limits, measured
        What becomes black and white; see `as_picture`.
    max_pixels : int
        A file with more pixels is refused before they are read.
    part : defocus.pictures.part.Part
        Of a TIFF with several pictures, planes or channels: which one.

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        If the file is missing, not an image, damaged, too large, or holds several pictures, planes or channels and
        `part` does not say which; names the file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "card.png")
    ...     Image.new("L", (40, 30), 128).save(file)
    ...     defocus.load_image(file)
    <Picture card.png: 40 x 30 px, grey, 8 bits>
    """
    file = Path(path)
    return as_picture(read_array(file, max_pixels, part), source=file.name, limits=limits, measured=measured)
