"""Coherent labels: one blur radius per pixel that fits the evidence and changes only where the picture does.

The energy (14) is the sum of a data term and, over all pairs of 8-neighbours, a weight (16) times the difference
of their labels. Its minimum is sought by moves: each proposes a second label to every pixel, and one minimum cut finds
which pixels should take it [1]_ [2]_.

References
----------
.. [1] Y. Boykov, O. Veksler, R. Zabih, "Fast Approximate Energy Minimization via Graph Cuts", IEEE TPAMI 23(11),
   2001. https://doi.org/10.1109/34.969114
.. [2] O. Veksler, "Efficient Graph-Based Energy Minimization Methods in Computer Vision", thesis, Cornell, 1999
   (jump moves).
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
    from numpy.typing import NDArray

    from defocus.progress import Progress

__all__ = ["coherent_labels"]

_UNIT = 2.0**-10  # costs are counted in whole numbers of this many nats, so that cuts and energies are exact
_BLOCK = 8  # samples on a side of the blocks that choose the labels to expand
_FIRST_LABELS = 16  # how many are expanded first
_IN_USE = 12  # how many of the labels that most pixels have are expanded in the end
_STAGE = "making the map coherent"


@compiled(nogil=True)
def _build_move(labels, proposal, data_term, weights, capacity, terminal):  # type: ignore[no-untyped-def]
    """Fill the graph whose source side takes what is proposed; all arrays but the data term are padded."""
    height, width, _ = data_term.shape
    scale = np.float32(2.0) / np.float32(_UNIT)
    limit = np.float32(2.0**29)  # room for the weights in 32 bits
    down = (0, 1, 1, 1)
    right = (1, 0, 1, -1)
    terminal[:] = 0
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            gain = data_term[y - 1, x - 1, labels[y, x]] - data_term[y - 1, x - 1, proposal[y, x]]
            terminal[y, x] += np.int32(min(max(np.rint(gain * scale), -limit), limit))
            for k in range(4):
                weight = weights[k, y, x]
                v = y + down[k]
                u = x + right[k]
                keep = abs(np.int32(labels[y, x]) - labels[v, u])
                first = abs(np.int32(proposal[y, x]) - labels[v, u])
                second = abs(np.int32(labels[y, x]) - proposal[v, u])
                both = abs(np.int32(proposal[y, x]) - proposal[v, u])
                # Twice the energy, so that both directions can share the excess over a sum of two costs:
                # one-way edges would send flow across the whole picture only to cancel
                terminal[y, x] -= weight * (first - second + both - keep)
                terminal[v, u] -= weight * (second - first + both - keep)
                excess = weight * (first + second - keep - both)
                capacity[y, x, 2 * k] = excess
                capacity[v, u, 2 * k + 1] = excess


@compiled(nogil=True)
def _accept(labels, proposal, moved):  # type: ignore[no-untyped-def]
    """Give the moved pixels what was proposed; return how many changed."""
    count = 0
    height, width = moved.shape
    for y in range(height):
        for x in range(width):
            if moved[y, x] and labels[y + 1, x + 1] != proposal[y + 1, x + 1]:
                labels[y + 1, x + 1] = proposal[y + 1, x + 1]
                count += 1
    return count


class _Moves:
    """One labelling that is improved by moves, with the graph they share."""

    def __init__(self, data_term: NDArray[np.float32], weights: NDArray[np.float32], start: int) -> None:
        height, width, self.count = data_term.shape
        self.data_term = data_term
        self.weights = np.zeros((4, height + 2, width + 2), np.int32)
        self.weights[:, 1:-1, 1:-1] = integer_weights(weights, _UNIT)
        self.graph = GridGraph(height, width)
        self.labels = np.full((height + 2, width + 2), start, np.int16)

    def propose(self, proposal: NDArray[np.int16], pool: ThreadPoolExecutor, progress: Progress) -> int:
        """Let each pixel take what is proposed if that lowers the energy; return how many changed.

        The energy must be submodular in the choices: one label for all, or all proposals on the same side
        of the labels they would replace.
        """
        graph = self.graph
        _build_move(self.labels, proposal, self.data_term, self.weights, graph.capacity, graph.terminal)
        return int(_accept(self.labels, proposal, solve_watched(graph, pool, progress, 0.0, _STAGE)))

    def make(self, plan: list[tuple[str, int]], pool: ThreadPoolExecutor, progress: Progress) -> None:
        """Make some moves."""
        for done, (kind, value) in enumerate(plan):

            def report(_: float, stage: str, fraction: float = done / len(plan)) -> None:
                progress(fraction, stage)

            (self.expand if kind == "expand" else self.jump)(value, pool, report)

    def expand(self, label: int, pool: ThreadPoolExecutor, progress: Progress = ignore_progress) -> int:
        """Offer one label to every pixel."""
        return self.propose(np.full_like(self.labels, label), pool, progress)

    def jump(self, step: int, pool: ThreadPoolExecutor, progress: Progress = ignore_progress) -> int:
        """Offer every pixel the label `step` above its own (below, if negative)."""
        proposal = np.clip(self.labels + np.int16(step), 0, self.count - 1).astype(np.int16)
        return self.propose(proposal, pool, progress)


def _widely_suited_labels(data_term: NDArray[np.float32], number: int) -> list[int]:
    """Return a few labels, rising, of which most small blocks of pixels find one that suits them.

    Greedy: each time, the label that saves most. Blocks stand for the smoothness that the map will have.
    """
    height, width, count = data_term.shape
    tall, wide = max(height // _BLOCK, 1), max(width // _BLOCK, 1)
    rows, columns = np.arange(tall) * height // tall, np.arange(wide) * width // wide
    blocks = np.add.reduceat(np.add.reduceat(data_term, rows, axis=0), columns, axis=1).reshape(-1, count)
    chosen = [int(blocks.sum(axis=0).argmin())]
    cost = blocks[:, chosen[0]]
    while len(chosen) < number:
        saved = np.maximum(cost[:, np.newaxis] - blocks, 0).sum(axis=0)
        best = int(saved.argmax())
        if saved[best] <= 0:
            break
        chosen.append(best)
        cost = np.minimum(cost, blocks[:, best])
    return sorted(chosen)


def _jumps(count: int, *steps: int) -> list[tuple[str, int]]:
    return [("jump", sign * step) for step in steps if step < count for sign in (1, -1)]


def _first_moves(first: list[int], count: int) -> list[tuple[str, int]]:
    """Return moves that find the right neighbourhood of labels, cheapest for their energy of many such sequences."""
    return [("expand", label) for label in first[1:]] + _jumps(count, 8, 4, 2, 1)


def _last_moves(labels: NDArray[np.integer], count: int) -> list[tuple[str, int]]:
    """Return moves that go on from labels: labels that many pixels have by now may suit many more."""
    used = np.bincount(labels.ravel(), minlength=count)
    most = np.argsort(-used, kind="stable")[:_IN_USE]
    chosen = sorted({*range(0, count, 4), *most[used[most] > 0].tolist()})
    return [("expand", label) for label in chosen] + _jumps(count, 4, 2, 1)


def coherent_labels(
    data_term: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    progress: Progress = ignore_progress,
) -> NDArray[np.int16]:
    """Return labels of low energy (14), with the cost |a - b| between neighbours' labels.

    Expansion moves for a few labels that suit many pixels find the right neighbourhood, jump moves (each pixel may
    step up, or down, by so many labels) the label itself. No move ever raises the energy.

    Parameters
    ----------
    data_term : float32 (H, W, L)
        Cost of each label at each pixel, finite.
    weights : float32 (4, H, W)
        From `contrast_weights`; multiplied by the difference of two neighbours' labels.
    progress : callable, optional

    Returns
    -------
    int16 (H, W)
        The same for any number of threads.

    Examples
    --------
    >>> costs = np.array([[[0, 5, 5], [2, 1, 2], [0, 5, 5]]], np.float32)
    >>> coherent_labels(costs, np.ones((4, 1, 3), np.float32))
    array([[0, 0, 0]], dtype=int16)
    """
    data_term = np.ascontiguousarray(data_term, np.float32)
    first = _widely_suited_labels(data_term, _FIRST_LABELS)
    moves = _Moves(data_term, weights, first[0])
    with ThreadPoolExecutor(3) as pool:
        moves.make(_first_moves(first, moves.count), pool, sub_progress(progress, 0, 0.5))
        last = _last_moves(moves.labels[1:-1, 1:-1], moves.count)
        moves.make(last, pool, sub_progress(progress, 0.5, 1))
    progress(1.0, _STAGE)
    return moves.labels[1:-1, 1:-1].copy()
