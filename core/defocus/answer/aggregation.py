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
    from numpy.typing import NDArray

__all__ = ["aggregated"]

_ROUNDS = 3  # of rows and columns, each with half the reach of the one before
_STRIP = 16  # rows or columns done at a time


@compiled(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _along(values, keep, first, lines, line_step, length, step, back):  # type: ignore[no-untyped-def]
    """Move samples, in place, towards those `back` places before them: `lines` times `length` of them, from `first` on.

    `keep` is what a sample takes over from the one to its left, or above it, and the other way round.
    """
    for line in range(lines):
        for place in range(length):
            here = first + line * line_step + place * step
            weight = keep[here if back > 0 else here - back]
            for k in range(values.shape[1]):
                values[here, k] += weight * (values[here - back, k] - values[here, k])


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
    height, width, count = out.shape
    samples = out.reshape(-1, count)
    for number in range(_ROUNDS):
        # All rounds together have the variance that is wanted
        own = reach * math.sqrt(3) * 2.0 ** (_ROUNDS - number - 1) / math.sqrt(4.0**_ROUNDS - 1)
        keep_across, keep_down = (
            np.exp(distance * np.float32(-math.sqrt(2) / own)).reshape(-1) for distance in (across, down)
        )

        def rows(top: int, keep: NDArray[np.float32] = keep_across) -> None:
            """Filter each row forth and back."""
            lines = min(_STRIP, height - top)
            _along(samples, keep, top * width + 1, lines, width, width - 1, 1, 1)
            _along(samples, keep, top * width + width - 2, lines, width, width - 1, -1, -1)

        def columns(left: int, keep: NDArray[np.float32] = keep_down) -> None:
            """Filter each column down and up."""
            length = min(_STRIP, width - left)
            _along(samples, keep, width + left, height - 1, width, length, 1, width)
            _along(samples, keep, (height - 2) * width + left, height - 1, -width, length, 1, -width)

        run_parts(rows, range(0, height, _STRIP), threads=threads)
        run_parts(columns, range(0, width, _STRIP), threads=threads)
    return out
