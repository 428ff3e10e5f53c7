"""Matte: a soft edge for a hard mask, following the picture's own edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.parallel import run_parts
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.progress import Progress

__all__ = ["guided_filter", "soft_edge"]

_TILE = 96  # px; side of what is filtered at a time, at least
_TILE_RADII = 8  # and so many radii, or tiles would be mostly margin
_DETAIL = 1e-4  # variance of colour below which the picture counts as flat
_STAGE = "softening the edge"


def guided_filter(
    values: NDArray[np.floating] | NDArray[np.bool_],
    color: NDArray[np.float32],
    radius: int,
    detail: float = _DETAIL,
    *,
    wanted: NDArray[np.bool_] | None = None,
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Return `values` smoothed so that they follow the edges of a colour picture.

    Guided filter (He, Sun, Tang, IEEE PAMI 35(6), 2013, https://doi.org/10.1109/TPAMI.2012.213): in each square,
    the result is the linear function of colour that fits best.

    Parameters
    ----------
    values : float (H, W)
    color : float32 (H, W, 3)
        The guide, in [0, 1].
    radius : int
        Half the side of the squares in px.
    detail : float
        Variance of colour below which an edge is ignored.
    wanted : bool (H, W), optional
        Where the result is needed; elsewhere it is `values`. Everywhere unless given.
    progress : callable, optional

    Returns
    -------
    float32 (H, W)
    """
    height, width = values.shape
    side, margin = max(_TILE, _TILE_RADII * radius), 2 * radius
    out = np.array(values, np.float32)

    def tile(corner: tuple[int, int]) -> None:
        inner = tuple(slice(start, start + side) for start in corner)
        if wanted is not None and not wanted[inner].any():
            return
        outer = tuple(slice(max(0, start - margin), start + side + margin) for start in corner)
        part = _guided(values[outer], color[outer], radius, detail)
        top, left = (start - cut.start for start, cut in zip(corner, outer, strict=True))
        filtered = part[top : top + side, left : left + side]
        out[inner] = filtered if wanted is None else np.where(wanted[inner], filtered, out[inner])

    corners = [(y, x) for y in range(0, height, side) for x in range(0, width, side)]
    run_parts(tile, corners, progress=progress, stage=_STAGE)
    return out


def _guided(
    values: NDArray[np.floating] | NDArray[np.bool_], color: NDArray[np.float32], radius: int, detail: float
) -> NDArray[np.float64]:
    """Filter one tile; float64, because variances are small differences of large sums."""
    from scipy import ndimage  # here, as its import takes as long as the measuring

    size = 2 * radius + 1
    rows, columns = (_counts(length, radius) for length in values.shape)
    share = size * size / (rows[:, np.newaxis] * columns)  # squares are cut off at the borders

    def means(planes: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(ndimage.uniform_filter(planes, (1, size, size), mode="constant")) * share

    guide = np.moveaxis(color.astype(np.float64), 2, 0)
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    products = np.stack([*guide, values, *(guide[i] * guide[j] for i, j in pairs), *(guide * values)])
    found = means(products)
    mean, mean_values = found[:3], found[3]
    covariance = [found[4 + k] - mean[i] * mean[j] + detail * (i == j) for k, (i, j) in enumerate(pairs)]
    slope = _solved(covariance, found[10:] - mean * mean_values)
    averaged = means(np.stack([*slope, mean_values - (slope * mean).sum(axis=0)]))
    return np.asarray((averaged[:3] * guide).sum(axis=0) + averaged[3])


def _counts(length: int, radius: int) -> NDArray[np.float64]:
    """Return how much of the window around each place of a line lies on it."""
    places = np.arange(length)
    return (np.minimum(places + radius, length - 1) - np.maximum(places - radius, 0) + 1).astype(np.float64)


def _solved(upper: list[NDArray[np.float64]], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve positive definite 3 x 3 systems, one a pixel, by their factors L D L'.

    Parameters
    ----------
    upper : list of float64 (H, W)
        The entries 00, 01, 02, 11, 12, 22.
    right : float64 (3, H, W)

    Returns
    -------
    float64 (3, H, W)
    """
    d0, a01, a02, a11, a12, a22 = upper
    l1, l2 = a01 / d0, a02 / d0
    d1 = a11 - l1 * a01
    rest = a12 - l1 * a02
    l3 = rest / d1
    d2 = a22 - l2 * a02 - l3 * rest
    y1 = right[1] - l1 * right[0]
    x2 = (right[2] - l2 * right[0] - l3 * y1) / d2
    x1 = y1 / d1 - l3 * x2
    return np.stack([right[0] / d0 - l1 * x1 - l2 * x2, x1, x2])


def soft_edge(
    mask: NDArray[np.bool_], color: NDArray[np.float32], softness: float, *, progress: Progress = ignore_progress
) -> NDArray[np.float32]:
    """Return an alpha matte: the mask, soft in a band around its boundary.

    Parameters
    ----------
    mask : bool (H, W)
        True in focus.
    color : float32 (H, W, 3)
        RGB in [0, 1].
    softness : float
        Half width of the band in px; beyond it the matte equals the mask.
    progress : callable, optional

    Returns
    -------
    float32 (H, W)
        In [0, 1], 1 in focus.
    """
    reach = max(1, round(softness))
    band = _near_boundary(mask, reach)
    matte = guided_filter(mask, color, reach, wanted=band, progress=progress)
    return np.clip(matte, 0, 1, out=matte)


def _near_boundary(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return where the square of side 2 reach + 1, cut off at the borders, holds pixels of both kinds.

    Then it holds two neighbours that differ, one of them below or right of the other.
    """
    side = 2 * reach + 1
    below = _any_within(_any_within(mask[1:] != mask[:-1], reach, side - 1, 0), reach, side, 1)
    beside = _any_within(_any_within(mask[:, 1:] != mask[:, :-1], reach, side - 1, 1), reach, side, 0)
    return below | beside


def _any_within(area: NDArray[np.bool_], before: int, size: int, axis: int) -> NDArray[np.bool_]:
    """Return whether anything holds in the window of `size` places that begins so many before each place."""
    found = np.pad(area, [(before, before) if axis == own else (0, 0) for own in (0, 1)])
    reached = 1
    while reached < size:
        step = min(reached, size - reached)
        start, end = (np.moveaxis(found, axis, 0)[part] for part in (slice(None, -step), slice(step, None)))
        found = np.moveaxis(start | end, 0, axis)
        reached += step
    return found
