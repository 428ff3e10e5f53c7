"""Semi-global matching of labels: each pixel's costs, summed along paths that reach it from eight sides.

A fast substitute for the minimum of the energy (14): every path is solved exactly by dynamic programming, and the sum
over paths is a smooth cost from which a radius between two labels can be read. Hirschmueller, IEEE PAMI 30(2), 2008,
https://doi.org/10.1109/TPAMI.2007.1166.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from defocus.compiled import told_of_compiling
from defocus.parallel import run_parts
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.progress import Progress

__all__ = ["between_labels", "path_costs"]

_PATHS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))  # steps as (rows, columns)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _advance(before, weight, cost, after):  # type: ignore[no-untyped-def]
    """One step of a path: after = cost + min over labels of (before + weight |a - b|), less its own minimum."""
    count = len(cost)
    least = before[0]
    after[0] = before[0]
    for label in range(1, count):
        least = min(least, before[label])
        after[label] = min(before[label], after[label - 1] + weight)
    for label in range(count - 2, -1, -1):
        after[label] = min(after[label], after[label + 1] + weight)
    for label in range(count):
        after[label] += cost[label] - least


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _walk(data_term, weights, down, right, total):  # type: ignore[no-untyped-def]
    """Add the costs of all paths in one direction to `total`; only two rows of them exist at a time."""
    height, width, count = data_term.shape
    rows = np.zeros((2, width, count), np.float32)
    for i in range(height):
        y = i if down >= 0 else height - 1 - i
        current = rows[i % 2]
        above = rows[(i + 1) % 2]
        for j in range(width):
            x = j if right >= 0 else width - 1 - j
            v, u = y - down, x - right
            if v < 0 or v >= height or u < 0 or u >= width:
                current[x] = data_term[y, x]
            else:
                if down == 0:
                    weight = weights[0, y, min(x, u)]
                elif right == 0:
                    weight = weights[1, min(y, v), x]
                elif down == right:
                    weight = weights[2, min(y, v), min(x, u)]
                else:
                    weight = weights[3, min(y, v), max(x, u)]
                _advance(current[u] if down == 0 else above[u], weight, data_term[y, x], current[x])
            for label in range(count):
                total[y, x, label] += current[x, label]


def path_costs(
    data_term: NDArray[np.float32], weights: NDArray[np.float32], *, progress: Progress = ignore_progress
) -> NDArray[np.float32]:
    """Return every label's cost at every pixel, summed over paths from eight sides.

    Parameters
    ----------
    data_term : float32 (H, W, L)
        Cost of each label at each pixel, in nats.
    weights : float32 (4, H, W)
        From `defocus.labeling.contrast_weights`: cost of a difference of one label to the neighbour right, below,
        below-right and below-left.
    progress : callable, optional

    Returns
    -------
    float32 (H, W, L)
        The label of least cost is the answer; a pixel's own data term counts once.
    """
    progress = told_of_compiling(progress, _walk)
    halves = [np.zeros_like(data_term), np.zeros_like(data_term)]

    finished: list[int] = []
    stopped: list[bool] = []

    # Two threads at the most, each with its own sum in a fixed order: the result is the same for any number of cores
    def walk(half: int) -> None:
        for down, right in _PATHS[half::2]:
            if not stopped:
                _walk(data_term, weights, down, right, halves[half])
                finished.append(half)

    def report(_: float, stage: str) -> None:
        try:
            progress(len(finished) / len(_PATHS), stage)
        except BaseException:
            stopped.append(True)
            raise

    run_parts(walk, (0, 1), progress=report, stage="making the map coherent")
    total = halves[0]
    total += halves[1]
    total -= 7 * data_term
    return total


def between_labels(costs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the label of least cost of each pixel, as a fraction: the vertex of the parabola through its neighbours.

    Parameters
    ----------
    costs : float32 (H, W, L)

    Returns
    -------
    float32 (H, W)
        In [0, L - 1].
    """
    count = costs.shape[2]
    best = costs.argmin(axis=2)
    middle = np.clip(best, 1, count - 2)
    left, center, right = (
        np.take_along_axis(costs, (middle + step)[..., np.newaxis], 2)[..., 0] for step in (-1, 0, 1)
    )
    bend = left - 2 * center + right
    shift = 0.5 * (left - right) / np.maximum(bend, 1e-6)
    # A plateau, or an end of the range, has no vertex
    shift = np.where((bend > 1e-6) & (best == middle), np.clip(shift, -0.5, 0.5), best - middle)
    return (middle + shift).astype(np.float32)
