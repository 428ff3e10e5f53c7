"""Aggregation: what every sample's neighbours on the same surface say, too.

A window says little; many on one surface say more. Costs are averaged by a recursive edge-preserving filter [1]_ along
rows and columns, whose reach ends where a guide changes: the learned prior, which tells surfaces apart, and the colour.
On a tilted surface it reaches along lines of equal radius, not across them.

References
----------
.. [1] E. S. L. Gastal, M. M. Oliveira, "Domain Transform for Edge-Aware Image and Video Processing", ACM Transactions
   on Graphics 30(4), 2011. https://doi.org/10.1145/2010324.1964964
   Averaging costs in place of labels: A. Hosni et al., "Fast Cost-Volume Filtering for Visual Correspondence and
   Beyond", IEEE TPAMI 35(2), 2013. https://doi.org/10.1109/TPAMI.2012.156
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defocus.compiled import compiled
from defocus.parallel import run_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["aggregated"]

_ROUNDS = 3  # of rows and columns, each with half the reach of the one before
_STRIP = 16  # rows or columns done at a time


@compiled(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _along_rows(values, keep):  # type: ignore[no-untyped-def]
    """Filter each row forth and back, in place; `keep` is what a sample takes over from the one to its left."""
    height, width, count = values.shape
    for y in range(height):
        for x in range(1, width):
            weight = keep[y, x]
            for k in range(count):
                values[y, x, k] += weight * (values[y, x - 1, k] - values[y, x, k])
        for x in range(width - 2, -1, -1):
            weight = keep[y, x + 1]
            for k in range(count):
                values[y, x, k] += weight * (values[y, x + 1, k] - values[y, x, k])


@compiled(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _along_columns(values, keep):  # type: ignore[no-untyped-def]
    """Filter each column down and up, in place; `keep` is what a sample takes over from the one above."""
    height, width, count = values.shape
    for y in range(1, height):
        for x in range(width):
            weight = keep[y, x]
            for k in range(count):
                values[y, x, k] += weight * (values[y - 1, x, k] - values[y, x, k])
    for y in range(height - 2, -1, -1):
        for x in range(width):
            weight = keep[y + 1, x]
            for k in range(count):
                values[y, x, k] += weight * (values[y + 1, x, k] - values[y, x, k])


def aggregated(
    costs: NDArray[np.float32], guide: NDArray[np.float32], reach: float, *, threads: int | None = None
) -> NDArray[np.float32]:
    """Return costs averaged over each sample's surroundings, as far as a guide stays the same.

    Parameters
    ----------
    costs : float32 (h, w, R)
    guide : float32 (h, w, G)
        A change by 1 of one of its planes ends the reach.
    reach : float
        Standard deviation of the average in samples where the guide does not change; 0 for none.
    threads : int, optional
        As many as there are cores unless given; the result does not depend on it.

    Returns
    -------
    float32 (h, w, R)

    Examples
    --------
    >>> costs = np.zeros((1, 4, 1), np.float32)
    >>> costs[0, :2] = 8
    >>> aggregated(costs, np.array([[[0], [0], [9], [9]]], np.float32), 5.0).round()[0, :, 0]
    array([8., 8., 0., 0.], dtype=float32)
    """
    out = np.array(costs, np.float32)
    if reach <= 0:
        return out
    across, down = np.ones(costs.shape[:2], np.float32), np.ones(costs.shape[:2], np.float32)
    across[:, 1:] += np.float32(reach) * np.abs(np.diff(guide, axis=1)).sum(axis=2)
    down[1:] += np.float32(reach) * np.abs(np.diff(guide, axis=0)).sum(axis=2)
    rows, columns = (range(0, size, _STRIP) for size in out.shape[:2])
    for number in range(_ROUNDS):
        # All rounds together have the variance that is wanted
        own = reach * math.sqrt(3) * 2.0 ** (_ROUNDS - number - 1) / math.sqrt(4.0**_ROUNDS - 1)
        keep_across, keep_down = (np.exp(distance * np.float32(-math.sqrt(2) / own)) for distance in (across, down))
        run_parts(_strips_of_rows(out, keep_across), rows, threads=threads)
        run_parts(_strips_of_columns(out, keep_down), columns, threads=threads)
    return out


def _strips_of_rows(values: NDArray[np.float32], keep: NDArray[np.float32]) -> Callable[[int], None]:
    return lambda y: _along_rows(values[y : y + _STRIP], keep[y : y + _STRIP])


def _strips_of_columns(values: NDArray[np.float32], keep: NDArray[np.float32]) -> Callable[[int], None]:
    return lambda x: _along_columns(values[:, x : x + _STRIP], keep[:, x : x + _STRIP])
