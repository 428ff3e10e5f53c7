"""Focus over z: what the blur maps of a stack's slices say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["FocusCurve", "composite", "focus_curve", "height_map"]


@dataclass(frozen=True)
class FocusCurve:
    """How much of each slice is in focus.

    Attributes
    ----------
    in_focus_share : float64 (Z,)
        Share of the pixels with evidence whose radius is at most the threshold, in [0, 1].
    median_radius : float64 (Z,)
        Median radius in px of the pixels with evidence.
    threshold : float
        Px.
    sharpest : int
        The slice with the largest share; of equal ones that with the smallest median.
    """

    in_focus_share: NDArray[np.float64]
    median_radius: NDArray[np.float64]
    threshold: float
    sharpest: int


def focus_curve(radii: ArrayLike, confidence: ArrayLike, threshold: float) -> FocusCurve:
    """Summarise each slice's blur map.

    Parameters
    ----------
    radii : array_like (Z, H, W)
        Blur radius in px.
    confidence : array_like (Z, H, W)
        How much evidence each pixel had, in [0, 1]; weighs the pixels.
    threshold : float
        Largest radius in px that counts as in focus.

    Returns
    -------
    FocusCurve
    """
    maps, weights = np.asarray(radii), np.asarray(confidence)
    share = np.empty(len(maps))
    median = np.empty(len(maps))
    for z, (radius, weight) in enumerate(zip(maps, weights, strict=True)):
        weight = weight if weight.sum() > 0 else np.ones_like(radius)
        share[z] = float(weight[radius <= threshold].sum(dtype=np.float64) / weight.sum(dtype=np.float64))
        order = np.argsort(radius, axis=None)
        cumulated = np.cumsum(weight.ravel()[order], dtype=np.float64)
        median[z] = radius.ravel()[order[np.searchsorted(cumulated, cumulated[-1] / 2)]]
    best = np.lexsort((median, -share))
    return FocusCurve(share, median, float(threshold), int(best[0]))


def height_map(radii: ArrayLike, confidence: ArrayLike, *, smoothing: float = 1.0) -> NDArray[np.uint16]:
    """Return the index of the sharpest slice at every pixel.

    The radii are smoothed along z, so that among slices equally sharp the middle one wins. Pixels that had no
    evidence in any slice take the answer of the nearest pixel that had.

    Parameters
    ----------
    radii : array_like (Z, H, W)
        Blur radius in px.
    confidence : array_like (Z, H, W)
        How much evidence each pixel had, in [0, 1].
    smoothing : float
        Standard deviation in slices.

    Returns
    -------
    uint16 (H, W)

    Raises
    ------
    InputError
        If there is only one slice.
    """
    from scipy import ndimage

    maps, weights = np.asarray(radii, np.float32), np.asarray(confidence, np.float32)
    if maps.ndim != 3 or len(maps) < 2:
        raise InputError("a height map needs two slices at least")
    smooth = ndimage.gaussian_filter1d(maps, smoothing, axis=0, mode="nearest") if smoothing > 0 else maps
    best = smooth.argmin(axis=0)
    # What the sharpest slice shows is what there is to be seen; noise alone is seen in none
    known = np.take_along_axis(weights, best[np.newaxis], axis=0)[0] >= 0.2
    if known.any() and not known.all():
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        best = best[tuple(nearest)]
    return ndimage.median_filter(best.astype(np.uint16), size=5, mode="nearest")


def composite(stack: NDArray[Any], heights: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Return the all-in-focus picture: every pixel from the slice that is sharpest there.

    Parameters
    ----------
    stack : array (Z, H, W) or (Z, H, W, channels)
    heights : integer array (H, W)
        From `height_map`.

    Returns
    -------
    array (H, W) or (H, W, channels)
        Of the stack's type, values unchanged.
    """
    result = np.empty(stack.shape[1:], stack.dtype)
    for z in range(len(stack)):  # slice by slice, so that a lazy stack is never in memory whole
        here = heights == z
        if here.any():
            result[here] = np.asarray(stack[z])[here]
    return result
