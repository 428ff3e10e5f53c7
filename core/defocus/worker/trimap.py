"""Trimap: a mask whose boundary is left open, for programs that find the edge themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["trimap"]


def trimap(mask: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Return 1 where the mask surely holds, 0 where it surely does not, and 0.5 near its boundary.

    Parameters
    ----------
    mask : float32 (H, W)
        In [0, 1].
    reach : int
        How far the open band extends to either side, in px.
    """
    reach = min(reach, max(mask.shape))  # farther there is nothing, and it would take memory
    inside = _all_around(mask >= 0.5, reach)
    outside = _all_around(mask < 0.5, reach)
    return np.where(inside, np.float32(1), np.where(outside, np.float32(0), np.float32(0.5)))


def _all_around(area: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return where all of a square of side 2 reach + 1 lies in an area, which goes on beyond the picture's border."""
    for axis in (0, 1):
        padded = np.pad(~area, [(reach + 1, reach) if axis == own else (0, 0) for own in (0, 1)], mode="edge")
        sums = np.cumsum(padded, axis=axis, dtype=np.int32)
        size = area.shape[axis]
        upper = np.take(sums, np.arange(2 * reach + 1, 2 * reach + 1 + size), axis)
        area = upper - np.take(sums, np.arange(size), axis) == 0
    return area
