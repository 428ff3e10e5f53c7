"""Spots: the light of a point, as pictures of it out of focus show it, measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

from defocus.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.pictures.picture import Picture

__all__ = ["measure_spot"]

_SMALLEST = 0.6  # px; a smaller disc lies within a pixel
_PIXEL = 1 / 12  # px^2; variance of a pixel's own extent
_SQUARE = np.ones((3, 3), np.bool_)  # all eight neighbours
_SMOOTH = 2  # px; half side of the square means in which faint light is looked for
_ROUNDS = 2  # of telling the light from the ground by the other
_VISIBLE = 6.0  # standard deviations of the noise above the ground
_FAINTEST = 0.002  # of the peak
_SECOND = 0.1  # of the spot's light, in another one
_OVEREXPOSED = 0.995  # recorded values from here up may have been any larger


def measure_spot(picture: Picture) -> tuple[float, NDArray[np.float64]]:
    """Return the radius in px and the kernel of the light that a picture shows.

    The radius is twice the standard deviation of the light along one axis, which for a disc is its radius; the
    pixels' own extent is taken off.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    radius : float
        In px.
    kernel : float64 (S, S)
        Centred, odd side, sum 1.

    Raises
    ------
    InputError
        If there is no light, more than one, or it is overexposed or cut off by the picture's border.
    """
    values = picture.luminance.astype(float)
    rounding = 0.5 / (2 ** min(picture.bit_depth, 16) - 1)
    smooth = ndimage.uniform_filter(values, 2 * _SMOOTH + 1, mode="nearest")
    dark = np.ones(values.shape, np.bool_)
    for _ in range(_ROUNDS):
        ground = float(np.median(smooth[dark]))
        noise = max(1.4826 * float(np.median(np.abs(smooth[dark] - ground))), rounding / _VISIBLE)
        lit = smooth - ground > max(_VISIBLE * noise, _FAINTEST * float(smooth.max() - ground))
        dark = ~ndimage.binary_dilation(lit, _SQUARE, 2 * _SMOOTH)  # the next ground is that outside of the light
        if np.count_nonzero(dark) < dark.size // 10:
            raise InputError(f"{picture.source}: the light fills the picture: leave more of the dark around it")
    if not lit.any() or values.max() - ground < 4 / 255:
        raise InputError(f"{picture.source}: shows no light on a dark ground")
    light = values - ground
    groups, _ = ndimage.label(lit, _SQUARE)
    spot = groups == groups[np.unravel_index(int(smooth.argmax()), light.shape)]
    bright = picture.color.max(axis=2) >= _OVEREXPOSED
    if np.count_nonzero(bright & spot) >= 4 and picture.bit_depth < 32:
        raise InputError(f"{picture.source}: the light is overexposed: its shape cannot be measured")
    if light[lit & ~spot].sum() > _SECOND * light[spot].sum():
        raise InputError(f"{picture.source}: shows more than one light: crop it to one")
    if spot[0].any() or spot[-1].any() or spot[:, 0].any() or spot[:, -1].any():
        raise InputError(f"{picture.source}: the light is cut off by the border")
    rows, columns = np.flatnonzero(spot.any(axis=1)), np.flatnonzero(spot.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    light = np.where(spot[box], light[box], 0)
    light /= light.sum()
    y, x = np.indices(light.shape)
    middle = float((light * y).sum()), float((light * x).sum())
    variance = float((light * ((y - middle[0]) ** 2 + (x - middle[1]) ** 2)).sum()) / 2
    radius = 2 * math.sqrt(max(variance - _PIXEL, 0))
    if radius < _SMALLEST:
        raise InputError(f"{picture.source}: the light is a point, in focus: there is no blur to measure")
    ends = zip(light.shape, middle, strict=True)
    half = math.ceil(max(max(center, size - 1 - center) for size, center in ends))
    return radius, _centered(light, middle, half)


def _centered(light: NDArray[np.float64], middle: tuple[float, float], half: int) -> NDArray[np.float64]:
    """Return the square around a point, shifted by part of a pixel so that the point is its centre."""
    side = 2 * half + 1
    picture = Image.fromarray(np.pad(light, half + 2).astype(np.float32))
    left, top = middle[1] + 2, middle[0] + 2  # of the square, in the padded picture
    shift = (1, 0, left, 0, 1, top)
    kernel = np.asarray(picture.transform((side, side), Image.Transform.AFFINE, shift, Image.Resampling.BICUBIC), float)
    kernel = np.maximum(kernel, 0)
    return kernel / kernel.sum()
