"""Edge: the rim of a mask as people retouch it, and the colours of what is cut out by it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from defocus.answer.matte import guided_filter, soft_edge
from defocus.effects.foreground import subject_colors

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["contrasted", "cut_out", "found_anew", "shifted"]

_CONTRAST = 2.0  # of the guided filter's answer, which is too soft at hard edges
_MIXED = 4.0  # px to either side of a hard edge whose colours may be those of both sides
_ROWS = 512  # of a mask that are moved at a time
_BEYOND = 32  # px around them of what a soft edge is measured from


def found_anew(
    mask: NDArray[np.float32], color: NDArray[np.float32], band: NDArray[np.bool_], reach: int
) -> NDArray[np.float32]:
    """Return a mask that follows the picture's colours in a band that somebody painted along its rim.

    Parameters
    ----------
    mask : float32 (H, W)
        In [0, 1].
    color : float32 (H, W, 3)
        In [0, 1].
    band : bool (H, W)
    reach : int
        From how far around colours tell, in px.

    Returns
    -------
    float32 (H, W)
        In [0, 1]; exactly the mask beyond the band.
    """
    found = guided_filter(mask >= 0.5, color, reach, wanted=band)
    return np.where(band, contrasted(found, _CONTRAST), mask)


def contrasted(mask: NDArray[np.float32], contrast: float) -> NDArray[np.float32]:
    """Return a mask, in [0, 1], whose soft edge is so many times as steep; its middle stays where it is."""
    return np.clip((mask - np.float32(0.5)) * np.float32(contrast) + np.float32(0.5), 0, 1)


def shifted(mask: NDArray[np.float32], shift: float) -> NDArray[np.float32]:
    """Return a mask whose edge lies so many px farther out, or in if they are negative, as soft as it was.

    Every pixel near the edge takes the largest (or smallest) value that there is on its way to the edge, as far as the
    shift goes: what a disc of that radius would dilate (or erode) where the edge is no narrower than that.

    Parameters
    ----------
    mask : float32 (H, W)
        In [0, 1].
    shift : float
        In px.

    Returns
    -------
    float32 (H, W)
    """
    if shift < 0:
        return 1 - shifted(1 - mask, -shift)
    if shift == 0:
        return mask
    moved = mask.copy()
    margin = math.ceil(shift) + _BEYOND
    for top in range(0, mask.shape[0], _ROWS):
        start, end = max(0, top - margin), min(mask.shape[0], top + _ROWS + margin)
        part = _shifted(mask[start:end], shift)
        inner = slice(top - start, top - start + min(_ROWS, mask.shape[0] - top))
        moved[top : top + _ROWS] = part[inner]
    return moved


def _shifted(mask: NDArray[np.float32], shift: float) -> NDArray[np.float32]:
    """Move the edge of some rows outwards."""
    inside = mask >= 0.5
    if inside.all() or not inside.any():
        return mask
    outside, nearest = ndimage.distance_transform_edt(mask <= 0, return_indices=True)
    moving = (mask < 1) & (outside <= shift)
    here = np.stack(np.nonzero(moving))
    values = np.maximum(mask[moving], mask[tuple(nearest[:, moving])])
    signed = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    inward = np.stack(np.gradient(ndimage.gaussian_filter(signed, 1.0)))[:, moving]
    inward /= np.maximum(np.hypot(*inward), 1e-6)
    for length in (*range(1, math.floor(shift) + 1), shift):
        there = here + length * inward
        values = np.maximum(values, ndimage.map_coordinates(mask, there, order=1, mode="nearest"))
    moved = mask.copy()
    moved[moving] = values
    return moved


def cut_out(
    color: NDArray[np.float32], mask: NDArray[np.float32], wide: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the colours of what a mask cuts out: the subject's alone at its rim, so that nothing rings it elsewhere.

    Parameters
    ----------
    color : float32 (H, W, 3)
        In [0, 1].
    mask : float32 (H, W)
        In [0, 1]. Of a hard one, whose pixels at the rim have the colours of both sides, the share of each is found.
    wide : float32 (H, W, 3), optional
        The colours before they were clipped, which stay where nothing is mixed.

    Returns
    -------
    float32 (H, W, 3)
    """
    soft = (mask > 0) & (mask < 1)
    shares = mask if soft.any() else np.minimum(soft_edge(mask >= 0.5, color, _MIXED), mask)
    own = subject_colors(color, shares)
    mixed = (shares > 0) & (shares < 1)
    return np.where(mixed[..., np.newaxis], own, color if wide is None else wide)
