"""Refinement: radii between the labels, from labels that were found on a coarser grid.

Labels are steps, but radii of tilted things change smoothly. So the labels are only a start: every sample's costs near
its label are described by a parabola, neighbours are tied by a cost that is quadratic for differences of less than a
label and linear beyond (Huber), and the least sum of both is approached by weighted averaging of neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.cuts.neighbors import NEIGHBORS, pair_slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["refined_labels"]

_SMOOTH = 1.0  # labels; smaller differences between neighbours cost by their square
_REACH = 8.0  # labels that a sample may move: it stays in the hollow of the costs that was chosen for it
_PARABOLAS = 3  # times that the parabolas are laid anew
_AVERAGES = 12  # passes with each


def refined_labels(
    costs: NDArray[np.float32], labels: NDArray[np.integer], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return labels as fractions.

    Parameters
    ----------
    costs : float32 (H, W, L)
        Cost of each label at each sample; at least five labels.
    labels : int (H, W)
        Where to start.
    weights : float32 (4, H, W)
        From `defocus.cuts.neighbors.contrast_weights`.

    Returns
    -------
    float32 (H, W)
        In [0, L - 1], at most 8 from `labels`.

    Examples
    --------
    >>> costs = (np.arange(9, dtype=np.float32) - 3.5) ** 2 + np.zeros((2, 2, 1), np.float32)
    >>> refined_labels(costs, np.full((2, 2), 4), np.ones((4, 2, 2), np.float32)).round(1)
    array([[3.5, 3.5],
           [3.5, 3.5]], dtype=float32)
    """
    start = labels.astype(np.float32)
    lowest, highest = np.maximum(start - _REACH, 0), np.minimum(start + _REACH, costs.shape[2] - 1)
    result = start
    for _ in range(_PARABOLAS):
        vertex, bend = _parabolas(costs, result)
        for _ in range(_AVERAGES):
            wanted, certainty = vertex * bend, bend.copy()
            for plane, step in zip(weights, NEIGHBORS, strict=True):
                here, there = pair_slices(start.shape, step)
                tie = plane[here] / np.maximum(np.abs(result[here] - result[there]), np.float32(_SMOOTH))
                wanted[here] += tie * result[there]
                wanted[there] += tie * result[here]
                certainty[here] += tie
                certainty[there] += tie
            alone = certainty <= 0
            certainty[alone] = 1
            wanted[alone] = result[alone]
            # Half steps: all samples move at once, whole ones could swing for ever
            result = np.clip((result + wanted / certainty) / 2, lowest, highest)
    return result


def _parabolas(
    costs: NDArray[np.float32], labels: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return vertex and bend of the parabola through the five labels around each sample's; bend 0 if not upward."""
    middle = np.clip(np.rint(labels), 2, costs.shape[2] - 3).astype(np.intp)
    five = np.take_along_axis(costs, middle[..., np.newaxis] + np.arange(-2, 3), 2)
    # Least squares on -2 ... 2
    with np.errstate(invalid="ignore"):  # said at times of products of so few, whose numbers are all valid
        slope = five @ (np.arange(-2, 3, dtype=np.float32) / 10)
        bend = five @ (np.array([2, -1, -2, -1, 2], np.float32) / 7)
    bend[bend < 1e-3] = 0
    vertex = middle - np.divide(slope, bend, out=np.zeros_like(slope), where=bend > 0)
    return vertex.astype(np.float32), bend.astype(np.float32, copy=False)
