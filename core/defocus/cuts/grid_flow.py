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
def _plant(terminal, parent, tree, distance, listed, sources, sinks, counts, first, last):  # type: ignore[no-untyped-def]
    """Make every node of first..last with something left at a terminal the root of a tree."""
    counts[:] = 0
    for node in range(first, last):
        listed[0, node] = listed[1, node] = 0
        if terminal[node] == 0:
            parent[node] = _NONE
            tree[node] = _FREE
            continue
        parent[node] = _ROOT
        distance[node] = 1
        side = 0 if terminal[node] > 0 else 1
        tree[node] = side + 1
        listed[side, node] = 1
        if side == 0:
            sources[counts[0]] = node
        else:
            sinks[counts[1]] = node
        counts[side] += 1


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
    first, last, side, highest, capacity, parent, tree, distance, listed, queue, queued, steps, orphans
):
    """Give each orphan the parent nearest to the terminal; set it free where that is farther than `highest`.

    Nodes that come to lie at distance `highest` are still to be grown from: they join the queue, whose new length is
    returned.
    """
    mine = side + 1
    size = len(orphans)
    # The path was walked away from where the trees met; nodes near the terminal go first
    orphans[first:last] = orphans[first:last][::-1].copy()
    head = first
    tail = last % size
    while head != tail:
        node = orphans[head]
        head = (head + 1) % size
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
                tail = (tail + 1) % size
        parent[node] = best
        if best == _NONE:
            tree[node] = _FREE
            continue
        distance[node] = nearest + 1
        if nearest + 1 == highest and listed[side, node] != highest:
            listed[side, node] = highest
            queue[queued] = node
            queued += 1
    return queued


@compiled(nogil=True)
def _run(capacity, terminal, parent, tree, distance, listed, queues, counts, steps, orphans, stop):  # type: ignore[no-untyped-def]
    """Grow one tree at a time by one level, send flow wherever it meets the other, until the source's is complete.

    `queues` holds the nodes at the tips of source tree and sink tree, then room for their next levels.
    """
    level = np.ones(2, np.int32)
    now = np.array([0, 1])
    then = np.array([2, 3])
    while counts[0] > 0:
        side = 1 if 0 < counts[1] < counts[0] else 0
        mine = side + 1
        tips = queues[now[side]]
        grown = queues[then[side]]
        next_level = level[side] + 1
        count = 0
        for tip in range(counts[side]):
            if stop[0] != 0:
                return
            node = tips[tip]
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
                        grown[count] = other
                        count += 1
                    d += 1
                else:
                    if side == 0:
                        middle, end = _augment(node, other, d, capacity, terminal, parent, steps, orphans)
                    else:
                        middle, end = _augment(other, node, d ^ 1, capacity, terminal, parent, steps, orphans)
                    waiting = orphans[:middle].copy()
                    for adopting in (1, 0):
                        if adopting == 0:
                            orphans[:middle] = waiting
                        start = middle if adopting == 1 else 0
                        stop_at = end if adopting == 1 else middle
                        if start == stop_at:
                            continue
                        if adopting == side:
                            count = _adopt(
                                start, stop_at, adopting, next_level, capacity, parent, tree, distance,
                                listed, grown, count, steps, orphans,
                            )  # fmt: skip
                        else:
                            counts[adopting] = _adopt(
                                start, stop_at, adopting, level[adopting], capacity, parent, tree, distance,
                                listed, queues[now[adopting]], counts[adopting], steps, orphans,
                            )  # fmt: skip
        level[side] = next_level
        now[side], then[side] = then[side], now[side]
        counts[side] = count


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
        self._queues = [np.zeros(nodes, np.int32) for _ in range(4)]
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
        counts = self._plant((0, self.height + 2))
        self._run((0, self.height + 2), counts)
        return self._tree.reshape(self.height + 2, -1)[1:-1, 1:-1] == _SOURCE

    def _solve_strips(self, pool: ThreadPoolExecutor) -> None:
        boundary = self._strips[0][1]
        down, up = self.capacity[boundary - 1, :, 2:8:2], self.capacity[boundary, :, 3:8:2]
        kept = down.copy(), up.copy()
        down[:] = up[:] = 0
        # All trees are planted before any grows: strips look at each other's nodes where they touch
        counts = [self._plant(strip) for strip in self._strips]
        wait([pool.submit(self._run, *job) for job in zip(self._strips, counts, strict=True)])
        down[:], up[:] = kept

    def _plant(self, rows: tuple[int, int]) -> NDArray[np.int64]:
        first, last = (row * (self.width + 2) for row in rows)
        counts = np.zeros(2, np.int64)
        queues = [queue[first:last] for queue in self._queues]
        arrays = (self._parent, self._tree, self._distance, self._listed, queues[0], queues[1], counts)
        _plant(self.terminal.reshape(-1), *arrays, first, last)
        return counts

    def _run(self, rows: tuple[int, int], counts: NDArray[np.int64]) -> None:
        first, last = (row * (self.width + 2) for row in rows)
        _run(
            self.capacity.reshape(-1, 8),
            self.terminal.reshape(-1),
            self._parent,
            self._tree,
            self._distance,
            self._listed,
            tuple(queue[first:last] for queue in self._queues),
            counts,
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
