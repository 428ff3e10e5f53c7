"""Minimum cuts on picture-shaped graphs: every pixel joined to its eight neighbours and to the two terminals.

The algorithm grows breadth-first trees from both terminals and repairs them after each augmentation (IBFS, [1]_). It is
written for the grid itself: a neighbour is found by adding a constant to a node's number, so that no edge list exists,
and a node's eight residual capacities fill half a cache line. Capacities are 32-bit integers, which makes the
arithmetic exact, and the answer is the smallest of all minimum cuts. That one does not depend on the order of the
work, so neither threads nor a warm start can change it. Strips of rows are cut side by side first and then joined,
as in [2]_.

References
----------
.. [1] A. V. Goldberg, S. Hed, H. Kaplan, R. E. Tarjan, R. F. Werneck, "Maximum Flows by Incremental Breadth-First
   Search", ESA 2011. https://doi.org/10.1007/978-3-642-23719-5_39
.. [2] J. Liu, J. Sun, "Parallel graph-cuts by adaptive bottom-up merging", CVPR 2010.
   https://doi.org/10.1109/CVPR.2010.5539898
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import numpy as np

from defocus.compiled import compiled
from defocus.parallel import told_of_compiling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.progress import Progress

__all__ = ["GridGraph", "solve_watched"]

# A node's tree, and the way to its parent: directions 0 to 7, or one of these
_FREE, _SOURCE, _SINK = 0, 1, 2
_ROOT, _ORPHAN, _NONE = 8, 9, 10

_STRIP_NODES = 15_000  # smaller graphs are not worth a second thread
_POLL = 0.05  # seconds between two looks at the progress callback


@compiled(nogil=True)
def _augment(a, b, d, capacity, terminal, parent, steps, orphans):  # type: ignore[no-untyped-def]
    """Send what fits from the source by a and its edge d to b and the sink.

    Nodes that are cut off from their parents become orphans; returns how many on the source's side, and in all.
    """
    flow = capacity[a, d]
    node = a
    while parent[node] != _ROOT:
        way = parent[node]
        node += steps[way]
        flow = min(flow, capacity[node, way ^ 1])
    flow = min(flow, terminal[node])
    node = b
    while parent[node] != _ROOT:
        flow = min(flow, capacity[node, parent[node]])
        node += steps[parent[node]]
    flow = min(flow, -terminal[node])

    capacity[a, d] -= flow
    capacity[b, d ^ 1] += flow
    count = 0
    node = a
    while parent[node] != _ROOT:
        way = parent[node]
        above = node + steps[way]
        capacity[node, way] += flow
        capacity[above, way ^ 1] -= flow
        if capacity[above, way ^ 1] == 0:
            parent[node] = _ORPHAN
            orphans[count] = node
            count += 1
        node = above
    terminal[node] -= flow
    if terminal[node] == 0:
        parent[node] = _ORPHAN
        orphans[count] = node
        count += 1
    on_source_side = count
    node = b
    while parent[node] != _ROOT:
        way = parent[node]
        above = node + steps[way]
        capacity[above, way ^ 1] += flow
        capacity[node, way] -= flow
        if capacity[node, way] == 0:
            parent[node] = _ORPHAN
            orphans[count] = node
            count += 1
        node = above
    terminal[node] += flow
    if terminal[node] == 0:
        parent[node] = _ORPHAN
        orphans[count] = node
        count += 1
    return on_source_side, count


@compiled(nogil=True)
def _adopt(  # type: ignore[no-untyped-def]
    first, last, side, highest, capacity, parent, tree, distance, listed, queues, queued, steps, orphans
):
    """Give each orphan the parent nearest to the terminal; set it free where that is farther than `highest`.

    Those of `orphans` from `first` to `last` are seen to, and what they orphan; the room from `first` on is a ring.
    Nodes that come to lie at distance `highest` are still to be grown from: they join the queue, whose new end is
    returned.
    """
    mine = side + 1
    size = len(orphans)
    # The path was walked away from where the trees met; nodes near the terminal go first
    for i in range((last - first) // 2):
        orphans[first + i], orphans[last - 1 - i] = orphans[last - 1 - i], orphans[first + i]
    head = first
    tail = last if last < size else first
    while head != tail:
        node = orphans[head]
        head = head + 1 if head + 1 < size else first
        best = _NONE
        nearest = highest
        for d in range(8):
            other = node + steps[d]
            if tree[other] == mine and distance[other] < nearest:
                residual = capacity[other, d ^ 1] if side == 0 else capacity[node, d]
                if residual > 0:
                    nearest = distance[other]
                    best = d
                    if nearest < distance[node]:
                        break
        if best != _NONE and nearest == distance[node] - 1:
            parent[node] = best
            continue
        for d in range(8):
            other = node + steps[d]
            if tree[other] == mine and parent[other] == d ^ 1:
                parent[other] = _ORPHAN
                orphans[tail] = other
                tail = tail + 1 if tail + 1 < size else first
        parent[node] = best
        if best == _NONE:
            tree[node] = _FREE
            continue
        distance[node] = nearest + 1
        if nearest + 1 == highest and listed[side, node] != highest:
            listed[side, node] = highest
            queues[queued] = node
            queued += 1
    return queued


@compiled(nogil=True)
def _run(capacity, terminal, parent, tree, distance, listed, queues, tips, steps, orphans, stop):  # type: ignore[no-untyped-def]
    """Grow one tree at a time by one level, send flow wherever it meets the other, until the source's is complete.

    The nodes at the tips of each side's tree stand in `queues` from tips[0, side] to tips[1, side]; tips[2, side] is
    where its next level may be written, and tips[3, side] how far from the terminal its tips are.
    """
    while tips[1, 0] > tips[0, 0]:
        sources, sinks = tips[1, 0] - tips[0, 0], tips[1, 1] - tips[0, 1]
        side = 1 if 0 < sinks < sources else 0
        mine = side + 1
        next_level = tips[3, side] + 1
        end = tips[2, side]
        for tip in range(tips[0, side], tips[1, side]):
            if stop[0] != 0:
                return
            node = queues[tip]
            d = 0
            while d < 8 and tree[node] == mine and distance[node] < next_level:
                other = node + steps[d]
                residual = capacity[node, d] if side == 0 else capacity[other, d ^ 1]
                if residual == 0 or tree[other] == mine:
                    d += 1
                elif tree[other] == _FREE:
                    tree[other] = mine
                    parent[other] = d ^ 1
                    distance[other] = next_level
                    if listed[side, other] != next_level:
                        listed[side, other] = next_level
                        queues[end] = other
                        end += 1
                    d += 1
                else:
                    a, b, way = (node, other, d) if side == 0 else (other, node, d ^ 1)
                    first, last = _augment(a, b, way, capacity, terminal, parent, steps, orphans)
                    # The sink's orphans stand behind the source's, and leave them alone
                    for adopting in range(1, -1, -1):
                        growing = adopting == side
                        if first < last:
                            queued = _adopt(
                                first, last, adopting, next_level if growing else tips[3, adopting],
                                capacity, parent, tree, distance, listed, queues,
                                end if growing else tips[1, adopting], steps, orphans,
                            )  # fmt: skip
                            if growing:
                                end = queued
                            else:
                                tips[1, adopting] = queued
                        first, last = 0, first
        tips[0, side], tips[2, side] = tips[2, side], tips[0, side]
        tips[1, side] = end
        tips[3, side] = next_level


class GridGraph:
    """A graph of `height` x `width` pixels that is filled and cut many times without new memory.

    Attributes
    ----------
    capacity : int32 (H + 2, W + 2, 8)
        Capacity from each node to its neighbours, in the order right, left, below, above, below-right, above-left,
        below-left, above-right. The border of padding must stay 0, as must what leads to it.
    terminal : int32 (H + 2, W + 2)
        Capacity from the source, less the capacity to the sink.
    """

    def __init__(self, height: int, width: int) -> None:
        pitch = width + 2
        nodes = (height + 2) * pitch
        self.height, self.width = height, width
        self.capacity = np.zeros((height + 2, pitch, 8), np.int32)
        self.terminal = np.zeros((height + 2, pitch), np.int32)
        self._steps = np.array([1, -1, pitch, -pitch, pitch + 1, -pitch - 1, pitch - 1, 1 - pitch], np.int64)
        self._parent = np.full(nodes, _NONE, np.int8)
        self._tree = np.zeros(nodes, np.int8)
        self._distance = np.zeros(nodes, np.int32)
        self._listed = np.zeros((2, nodes), np.int32)
        self._queues = np.zeros(4 * nodes, np.int32)  # the tips of both trees, and room for their next levels
        self._orphans = np.zeros(nodes, np.int32)
        self._stop = np.zeros(1, np.int8)
        strips = 2 if height * width >= 2 * _STRIP_NODES and height >= 4 else 1
        rows = [round((height + 2) * k / strips) for k in range(strips + 1)]
        self._strips = list(itertools.pairwise(rows))

    @property
    def large(self) -> bool:
        """Whether a second thread is worth its while."""
        return len(self._strips) > 1

    def stop(self) -> None:
        """Make a running `solve` return soon, with a result of no meaning."""
        self._stop[0] = 1

    def solve(self, pool: ThreadPoolExecutor | None = None) -> NDArray[np.bool_]:
        """Return the smallest source side of all minimum cuts; capacities and surpluses become residual ones.

        Changing the terminal afterwards and solving again continues from the flow that was found.

        Parameters
        ----------
        pool : ThreadPoolExecutor, optional
            Where strips are cut side by side; the result does not depend on it.

        Returns
        -------
        bool (H, W)
            True on the source's side.
        """
        self._stop[0] = 0
        if self.large and pool is not None:
            self._solve_strips(pool)
        self._run((0, self.height + 2), self._plant((0, self.height + 2)))
        return self._tree.reshape(self.height + 2, -1)[1:-1, 1:-1] == _SOURCE

    def _solve_strips(self, pool: ThreadPoolExecutor) -> None:
        boundary = self._strips[0][1]
        down, up = self.capacity[boundary - 1, :, 2:8:2], self.capacity[boundary, :, 3:8:2]
        kept = down.copy(), up.copy()
        down[:] = up[:] = 0
        # All trees are planted before any grows: strips look at each other's nodes where they touch
        tips = [self._plant(strip) for strip in self._strips]
        wait([pool.submit(self._run, *job) for job in zip(self._strips, tips, strict=True)])
        down[:], up[:] = kept

    def _plant(self, rows: tuple[int, int]) -> NDArray[np.int64]:
        """Make every node with something left at a terminal the root of a tree; return what `_run` calls tips."""
        first, last = (row * (self.width + 2) for row in rows)
        left = self.terminal.reshape(-1)[first:last]
        some = left != 0
        self._parent[first:last] = np.where(some, np.int8(_ROOT), np.int8(_NONE))
        self._distance[first:last][some] = 1
        tree, listed = self._tree[first:last], self._listed[:, first:last]
        nodes = self._tree.size
        tips = np.empty((4, 2), np.int64)
        tips[3] = 1
        tree[:] = _FREE
        for side, planted in enumerate((left > 0, left < 0)):
            tree[planted] = side + 1
            listed[side] = planted
            roots = np.flatnonzero(planted)
            begin = side * nodes + first
            self._queues[begin : begin + len(roots)] = roots + first
            tips[:3, side] = begin, begin + len(roots), begin + 2 * nodes
        return tips

    def _run(self, rows: tuple[int, int], tips: NDArray[np.int64]) -> None:
        first, last = (row * (self.width + 2) for row in rows)
        _run(
            self.capacity.reshape(-1, 8),
            self.terminal.reshape(-1),
            self._parent,
            self._tree,
            self._distance,
            self._listed,
            self._queues,
            tips,
            self._steps,
            self._orphans[first:last],
            self._stop,
        )


def solve_watched(
    graph: GridGraph, pool: ThreadPoolExecutor, progress: Progress, fraction: float, stage: str
) -> NDArray[np.bool_]:
    """Cut in other threads while this one calls `progress`, which may raise to stop the cut.

    Parameters
    ----------
    graph : GridGraph
    pool : ThreadPoolExecutor
        With at least three threads: one that waits for two strips.
    progress : callable
    fraction, stage : float, str
        What to report.

    Returns
    -------
    bool (H, W)
    """
    progress = told_of_compiling(progress, _run)
    if not graph.large:
        progress(fraction, stage)
        return graph.solve()
    future = pool.submit(graph.solve, pool)
    try:
        while not future.done():
            wait([future], timeout=_POLL)
            progress(fraction, stage)
    except BaseException:
        graph.stop()
        wait([future])
        raise
    return future.result()
