"""In-focus masks as minimum cuts: the binary labelling (17) of least energy, exact or by a pyramid."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from defocus.grid_flow import GridGraph, solve_watched
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from defocus.progress import Progress

__all__ = ["MaskCut", "minimum_cut"]

_LARGEST_TERMINAL = 2**29  # the difference of two of them still fits 32 bits
_STAGE = "cutting the mask"


class MaskCut:
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
        self._surplus = np.zeros((height, width), np.int32)
        whole = np.rint(edges / np.float32(self._unit)).astype(np.int32)
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
        surplus = np.clip(np.rint(wanted, out=wanted), -_LARGEST_TERMINAL, _LARGEST_TERMINAL).astype(np.int32)
        self._graph.surplus[1:-1, 1:-1] += surplus - self._surplus
        self._surplus = surplus
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
    return MaskCut(weights).cut(cost_false, cost_true, progress=progress)
