"""How low a labelling's energy could be at best: a lower bound by sequential tree-reweighted message passing.

TRW-S [1]_ with the cost |a - b|. The picture is split into two halves whose rows are visited from the outside towards
the middle one, and back; in that order the halves need nothing of each other, so two threads work at once.

References
----------
.. [1] V. Kolmogorov, "Convergent Tree-Reweighted Message Passing for Energy Minimization", IEEE TPAMI 28(10), 2006.
   https://doi.org/10.1109/TPAMI.2006.200
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numba
import numpy as np

from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.progress import Progress

__all__ = ["lower_bound"]

_DOWN = (0, 0, 1, -1, 1, -1, 1, -1)
_RIGHT = (1, -1, 0, 0, 1, -1, -1, 1)
_FAR = np.float32(1e30)


@numba.njit(cache=True, nogil=True, fastmath={"nnan", "ninf", "nsz", "contract"}, error_model="numpy")
def _send(source, share, weight, message, first, second):  # type: ignore[no-untyped-def]
    """Replace a message by min over a of (share source(a) - message(a) + weight |a - b|), less its minimum.

    Returns that minimum. The labels lie in the middle third of the two buffers, the rest is far away. Steps of 1, 2,
    4, ... labels reach every distance and, unlike a scan along the labels, are done for many labels at once.
    """
    count = len(source)
    lowest, highest = _FAR, -_FAR
    inside = first[count : 2 * count]
    for label in range(count):
        value = share * source[label] - message[label]
        inside[label] = value
        lowest = min(lowest, value)
        highest = max(highest, value)
    step = 1
    while step < count and weight * np.float32(step) < highest - lowest:
        cost = weight * np.float32(step)
        below = first[count - step : 2 * count - step]
        same = first[count : 2 * count]
        above = first[count + step : 2 * count + step]
        out = second[count : 2 * count]
        for label in range(count):
            out[label] = min(same[label], min(below[label], above[label]) + cost)
        first, second = second, first
        step *= 2
    result = first[count : 2 * count]
    for label in range(count):
        message[label] = result[label] - lowest
    return lowest


@numba.njit(cache=True, nogil=True)
def _visit_rows(rows, inward, forward, data_term, weights, messages):  # type: ignore[no-untyped-def]
    """Visit the pixels of some rows and send messages on; returns the part of the bound that a way back yields.

    `inward` is the direction (1 down, -1 up, 0 for the middle row) in which later rows lie. An edge's message is kept
    at its upper or left pixel and points towards the pixel visited next.
    """
    height, width, count = data_term.shape
    total = np.empty(count, np.float32)
    first = np.full(3 * count, _FAR, np.float32)
    second = np.full(3 * count, _FAR, np.float32)
    bound = 0.0
    for y in rows:
        for step in range(width):
            x = step if forward else width - 1 - step
            total[:] = data_term[y, x]
            earlier = later = 0
            for d in range(8):
                v, u = y + _DOWN[d], x + _RIGHT[d]
                if 0 <= v < height and 0 <= u < width:
                    total += messages[v, u, d >> 1] if d & 1 else messages[y, x, d >> 1]
                    if (_RIGHT[d] > 0) if v == y else (_DOWN[d] == inward):
                        later += 1
                    else:
                        earlier += 1
            if max(earlier, later) == 0:
                if not forward:
                    bound += total.min()
                continue
            share = np.float32(1.0) / np.float32(max(earlier, later))
            if not forward:
                lowest = total.min()
                total -= lowest
                bound += lowest
            for d in range(8):
                v, u = y + _DOWN[d], x + _RIGHT[d]
                if 0 <= v < height and 0 <= u < width:
                    is_later = (_RIGHT[d] > 0) if v == y else (_DOWN[d] == inward)
                    if is_later == forward:
                        message = messages[v, u, d >> 1] if d & 1 else messages[y, x, d >> 1]
                        weight = weights[d >> 1, v, u] if d & 1 else weights[d >> 1, y, x]
                        sent = _send(total, share, weight, message, first, second)
                        if not forward:
                            bound += sent
    return bound


def lower_bound(
    data_term: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    iterations: int = 50,
    progress: Progress = ignore_progress,
) -> float:
    """Return a number that no labelling's energy (14) is below.

    Parameters
    ----------
    data_term : float32 (H, W, L)
        Cost of each label at each pixel.
    weights : float32 (4, H, W)
        From `defocus.cuts.neighbors.contrast_weights`.
    iterations : int
        Passes over the picture, there and back; more give a tighter bound. Takes 16 L bytes of memory a pixel.
    progress : callable, optional

    Returns
    -------
    float
        Up to the rounding of single precision.
    """
    data_term = np.ascontiguousarray(data_term, np.float32)
    weights = np.ascontiguousarray(weights, np.float32)
    height, width, count = data_term.shape
    messages = np.zeros((height, width, 4, count), np.float32)
    middle = height // 2
    upper, lower = np.arange(middle), np.arange(height - 1, middle, -1)
    best = -np.inf

    def visit(rows: NDArray[np.int64], inward: int, forward: bool) -> float:
        return float(_visit_rows(rows, inward, forward, data_term, weights, messages))

    with ThreadPoolExecutor(2) as pool:
        for iteration in range(iterations):
            progress(iteration / iterations, "bounding the energy")
            list(pool.map(visit, (upper, lower), (1, -1), (True, True)))
            visit(np.array([middle]), 0, True)
            bound = visit(np.array([middle]), 0, False)
            bound += sum(pool.map(visit, (upper[::-1].copy(), lower[::-1].copy()), (1, -1), (False, False)))
            best = max(best, bound)
    progress(1.0, "bounding the energy")
    return best
