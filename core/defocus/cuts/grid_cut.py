"""In-focus masks as minimum cuts: the binary labelling (17) of least energy, exact or by a pyramid.

The pyramid cuts a picture reduced until it is small, and on each finer level only a band around the boundary found so
far [1]_. Reducing adds up the costs of 2 x 2 pixels and the weights that cross between them, so that a mask made of
such blocks has the same energy on both levels.

References
----------
.. [1] H. Lombaert, Y. Sun, L. Grady, C. Xu, "A Multilevel Banded Graph Cuts Method for Fast Image Segmentation", ICCV
   2005. https://doi.org/10.1109/ICCV.2005.13
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from defocus.compiled import compiled
from defocus.cuts.grid_flow import GridGraph, solve_watched
from defocus.cuts.neighbors import integer_weights
from defocus.progress import ignore_progress, sub_progress

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from defocus.progress import Progress

__all__ = ["BandedCut", "ExactCut", "minimum_cut"]

_LARGEST_TERMINAL = 2**29  # the difference of two of them still fits 32 bits
_COARSEST = 320_000  # pixels of the level that is cut as a whole: coarser ones lose thin parts
_BAND = 8  # px on each side of a boundary that the next finer level may move
_TILE = 1024  # px; a level is cut in tiles of this side, which bounds the memory
_STAGE = "cutting the mask"


class ExactCut:
    """Binary labellings of one picture for changing costs; each cut goes on from the flow of the one before.

    Parameters
    ----------
    weights : float (4, H, W)
        Cost >= 0 of differing from the neighbour right, below, below-right and below-left; 0 where there is none.
    """

    def __init__(self, weights: ArrayLike) -> None:
        edges = np.asarray(weights, np.float32)
        _, height, width = edges.shape
        self._largest = float(edges.max(initial=0))
        self._unit = self._largest / 2**20 or 2.0**-20
        self._graph = GridGraph(height, width)
        self._terminal = np.zeros((height, width), np.int32)
        whole = integer_weights(edges, self._unit)
        capacity = self._graph.capacity
        capacity[1:-1, 1:-1, 0::2] = np.moveaxis(whole, 0, -1)
        capacity[1:-1, 2:-1, 1] = whole[0, :, :-1]
        capacity[2:-1, 1:-1, 3] = whole[1, :-1]
        capacity[2:-1, 2:-1, 5] = whole[2, :-1, :-1]
        capacity[2:-1, 1:-2, 7] = whole[3, :-1, 1:]

    def cut(
        self, cost_false: ArrayLike, cost_true: ArrayLike, *, progress: Progress = ignore_progress
    ) -> NDArray[np.bool_]:
        """Return the labelling of least energy; see `minimum_cut`.

        Parameters
        ----------
        cost_false, cost_true : float (H, W)
            Cost of False and True; only the difference counts.
        progress : callable, optional

        Returns
        -------
        bool (H, W)
        """
        wanted = np.subtract(cost_false, cost_true, dtype=np.float64)
        wanted /= self._unit
        terminal = np.clip(np.rint(wanted, out=wanted), -_LARGEST_TERMINAL, _LARGEST_TERMINAL).astype(np.int32)
        self._graph.terminal[1:-1, 1:-1] += terminal - self._terminal
        self._terminal = terminal
        with ThreadPoolExecutor(3) as pool:
            mask = solve_watched(self._graph, pool, progress, 0.0, _STAGE)
        progress(1.0, _STAGE)
        return mask


def minimum_cut(
    cost_false: ArrayLike, cost_true: ArrayLike, weights: ArrayLike, *, progress: Progress = ignore_progress
) -> NDArray[np.bool_]:
    """Return the binary labelling of least energy.

    The energy is the sum of each pixel's cost and of the weights between neighbours that differ. Costs are rounded to
    a millionth of the largest weight. Of several optima, the one with fewest True pixels is returned.

    Parameters
    ----------
    cost_false, cost_true : float (H, W)
        Cost of False and True; only the difference counts. Large finite values make a pixel certain.
    weights : float (4, H, W)
        Cost >= 0 of differing from the neighbour right, below, below-right and below-left; 0 where there is none.
    progress : callable, optional

    Returns
    -------
    bool (H, W)

    Examples
    --------
    >>> minimum_cut([[0, 0, 3.0]], [[1, 1, 0.0]], np.zeros((4, 1, 3)))
    array([[False, False,  True]])
    """
    return ExactCut(weights).cut(cost_false, cost_true, progress=progress)


def _even(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (..., H, W) with an even number of rows and columns, zeros added."""
    height, width = values.shape[-2:]
    if height % 2 == 0 and width % 2 == 0:
        return values
    return np.pad(values, [(0, 0)] * (values.ndim - 2) + [(0, height % 2), (0, width % 2)])


def _reduced_preference(preference: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the preferences of blocks of 2 x 2 pixels."""
    even = _even(preference)
    return np.asarray(even.reshape(even.shape[0] // 2, 2, -1, 2).sum(axis=(1, 3)))


def _reduced_weights(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weights between blocks of 2 x 2 pixels."""
    right, below, below_right, below_left = _even(weights)
    out = np.empty((4, right.shape[0] // 2, right.shape[1] // 2), np.float32)
    out[0] = right[0::2, 1::2] + right[1::2, 1::2] + below_right[0::2, 1::2]
    out[0, :, :-1] += below_left[0::2, 2::2]
    out[1] = below[1::2, 0::2] + below[1::2, 1::2] + below_right[1::2, 0::2] + below_left[1::2, 1::2]
    out[2] = below_right[1::2, 1::2]
    out[3] = below_left[1::2, 0::2]
    return out


@compiled(nogil=True)
def _near_boundary(mask, reach, out):  # type: ignore[no-untyped-def]
    """Set in `out` which pixels have a pixel of the other kind within `reach` rows and columns."""
    height, width = mask.shape
    for y in range(height):
        for x in range(width):
            here = mask[y, x]
            right = x + 1 < width and mask[y, x + 1] != here
            below = y + 1 < height and mask[y + 1, x] != here
            if right or below:
                bottom = min(y + reach + 1 + below, height)
                end = min(x + reach + 1 + right, width)
                out[max(y - reach, 0) : bottom, max(x - reach, 0) : end] = True


@compiled(nogil=True)
def _fill_band(mask, free, preference, weights, scale, limit, capacity, terminal):  # type: ignore[no-untyped-def]
    """Fill a graph of the free pixels; the others keep their value, which draws the free ones beside them."""
    height, width = mask.shape
    down = (0, 1, 1, 1)
    right = (1, 0, 1, -1)
    capacity[:] = 0
    terminal[:] = 0
    for y in range(height):
        for x in range(width):
            if free[y, x]:
                terminal[y + 1, x + 1] += np.int32(min(max(np.rint(preference[y, x] * scale), -limit), limit))
            for k in range(4):
                v = y + down[k]
                u = x + right[k]
                if v >= height or u < 0 or u >= width or not (free[y, x] or free[v, u]):
                    continue
                weight = np.int32(np.rint(weights[k, y, x] * scale))
                if free[y, x] and free[v, u]:
                    capacity[y + 1, x + 1, 2 * k] = weight
                    capacity[v + 1, u + 1, 2 * k + 1] = weight
                elif free[y, x]:
                    terminal[y + 1, x + 1] += weight if mask[v, u] else -weight
                else:
                    terminal[v + 1, u + 1] += weight if mask[y, x] else -weight


def _refine(
    mask: NDArray[np.bool_],
    preference: NDArray[np.float32],
    weights: NDArray[np.float32],
    pool: ThreadPoolExecutor,
    progress: Progress,
) -> None:
    """Move the boundary of a mask within its band, in place, tile by tile."""
    height, width = mask.shape
    largest = float(weights.max(initial=0))
    scale = np.float32(2**20 / largest if largest > 0 else 2**20)
    tiles = [(y, x) for y in range(0, height, _TILE) for x in range(0, width, _TILE)]
    graph = GridGraph(min(height, _TILE + 2), min(width, _TILE + 2))
    for done, (y, x) in enumerate(tiles):
        progress(done / len(tiles), _STAGE)
        # One pixel more than the tile on each side, which stays as it is
        rows = slice(max(y - 1, 0), min(y + _TILE + 1, height))
        columns = slice(max(x - 1, 0), min(x + _TILE + 1, width))
        part = mask[rows, columns]
        # Kernels are compiled for whole arrays only, not for a part of the rows of one
        whole = np.ascontiguousarray(part)
        free = np.zeros(part.shape, np.bool_)
        _near_boundary(whole, _BAND, free)
        free[: y - rows.start] = False
        free[:, : x - columns.start] = False
        free[y + _TILE - rows.start :] = False
        free[:, x + _TILE - columns.start :] = False
        if not free.any():
            continue
        if (graph.height, graph.width) != part.shape:
            graph = GridGraph(*part.shape)
        _fill_band(
            whole,
            free,
            np.ascontiguousarray(preference[rows, columns]),
            np.ascontiguousarray(weights[:, rows, columns]),
            scale,
            np.float32(_LARGEST_TERMINAL),
            graph.capacity,
            graph.terminal,
        )
        found = solve_watched(graph, pool, progress, done / len(tiles), _STAGE)
        part[free] = found[free]


class BandedCut:
    """Binary labellings of nearly the least energy, quick for large pictures, for one picture and changing costs.

    Boundaries are found on a reduced picture and then follow the full-size one. Features of which nothing is left in
    the reduced picture are not found: use `minimum_cut` where a single pixel counts.

    Parameters
    ----------
    weights : float (4, H, W)
        Cost >= 0 of differing from the neighbour right, below, below-right and below-left; 0 where there is none.
    coarsest : int
        Pictures of up to so many pixels are cut as a whole, as `minimum_cut` does.

    Examples
    --------
    >>> preference = np.where(np.arange(400) < 123, 1.0, -1.0) * np.ones((300, 1))
    >>> mask = BandedCut(np.full((4, 300, 400), 2.0), coarsest=10_000).cut(preference)
    >>> bool(np.array_equal(mask, preference > 0))
    True
    """

    def __init__(self, weights: ArrayLike, *, coarsest: int = _COARSEST) -> None:
        self._weights = [np.ascontiguousarray(weights, dtype=np.float32)]
        while self._weights[-1][0].size > coarsest and min(self._weights[-1][0].shape) > 2:
            self._weights.append(_reduced_weights(self._weights[-1]))
        self._coarsest = ExactCut(self._weights[-1])

    def cut(self, preference: ArrayLike, *, progress: Progress = ignore_progress) -> NDArray[np.bool_]:
        """Return the labelling; each goes on from the one before, which does not change it.

        Parameters
        ----------
        preference : float (H, W)
            How much less True costs than False. Large finite values make a pixel certain.
        progress : callable, optional

        Returns
        -------
        bool (H, W)
        """
        progress(0.0, _STAGE)
        levels = [np.asarray(preference, np.float32)]
        for _ in self._weights[1:]:
            levels.append(_reduced_preference(levels[-1]))
        share = 0.5 if len(levels) > 1 else 1
        mask = self._coarsest.cut(levels[-1], 0, progress=sub_progress(progress, 0, share))
        total = sum(level.size for level in levels[:-1])
        done = 0
        with ThreadPoolExecutor(3) as pool:
            for level, edges in list(zip(levels, self._weights, strict=True))[-2::-1]:
                height, width = level.shape
                mask = np.repeat(np.repeat(mask, 2, axis=0), 2, axis=1)[:height, :width].copy()
                begin, done = 0.5 + done / total / 2, done + level.size
                _refine(mask, level, edges, pool, sub_progress(progress, begin, 0.5 + done / total / 2))
        progress(1.0, _STAGE)
        return mask
