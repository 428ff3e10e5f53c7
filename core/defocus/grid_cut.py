"""Minimum cuts on picture-shaped graphs: every pixel joined to its eight neighbours and to the two terminals.

The algorithm is Boykov and Kolmogorov's [1]_, written for the grid itself: neighbours are found by adding a constant to
a node's number, so that no edge list exists, and a node's eight residual capacities fill half a cache line. Capacities
are 32-bit integers, which makes the arithmetic exact, and the answer is the smallest of all minimum cuts. That one does
not depend on the order of the work, so neither threads nor a warm start can change it. As in [2]_, strips of
rows are cut side by side first and then joined.

References
----------
.. [1] Y. Boykov, V. Kolmogorov, "An Experimental Comparison of Min-Cut/Max-Flow Algorithms for Energy Minimization in
   Vision", IEEE TPAMI 26(9), 2004. https://doi.org/10.1109/TPAMI.2004.60
.. [2] J. Liu, J. Sun, "Parallel graph-cuts by adaptive bottom-up merging", CVPR 2010.
   https://doi.org/10.1109/CVPR.2010.5539898
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import numba
import numpy as np

from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from defocus.progress import Progress

__all__ = ["GridGraph", "fill_symmetric", "minimum_cut"]

# A node's tree, and its way to the root: directions 0 to 7, or one of these
_FREE, _SOURCE, _SINK = 0, 1, 2
_ROOT, _ORPHAN, _NONE = 8, 9, 10
# Entries of a strip's state: ends of the queue of active nodes, the clock of the distance marks, a request to stop
_FIRST, _LAST, _CLOCK, _STOP = 0, 1, 2, 3

_STRIP_NODES = 15_000  # smaller graphs are not worth a second thread
_POLL = 0.05  # seconds between two looks at the progress callback
_LARGEST_TERMINAL = 2**30


@numba.njit(cache=True, nogil=True)
def _activate(node, following, state):  # type: ignore[no-untyped-def]
    """Append a node to the queue of active nodes; the last one's follower is itself."""
    if following[node] == 0:
        following[node] = node
        if state[_LAST] != 0:
            following[state[_LAST]] = node
        else:
            state[_FIRST] = node
        state[_LAST] = node


@numba.njit(cache=True, nogil=True)
def _next_active(parent, following, state):  # type: ignore[no-untyped-def]
    """Take the first node that still is in a tree off the queue; 0 when there is none."""
    while state[_FIRST] != 0:
        node = state[_FIRST]
        if following[node] == node:
            state[_FIRST] = state[_LAST] = 0
        else:
            state[_FIRST] = following[node]
        following[node] = 0
        if parent[node] != _NONE:
            return node
    return 0


@numba.njit(cache=True, nogil=True)
def _plant(surplus, parent, tree, mark, distance, following, state, first, last):  # type: ignore[no-untyped-def]
    """Make every node of first..last with something left at a terminal the root of a tree."""
    for node in range(first, last):
        mark[node] = 0
        following[node] = 0
        distance[node] = 1
        if surplus[node] == 0:
            parent[node] = _NONE
            tree[node] = _FREE
        else:
            parent[node] = _ROOT
            tree[node] = _SOURCE if surplus[node] > 0 else _SINK
            _activate(node, following, state)


@numba.njit(cache=True, nogil=True)
def _grow(node, capacity, parent, tree, mark, distance, following, state, steps):  # type: ignore[no-untyped-def]
    """Claim the free neighbours of an active node; return the direction of the other tree, or -1."""
    mine = tree[node]
    for d in range(8):
        other = node + steps[d]
        residual = capacity[node, d] if mine == _SOURCE else capacity[other, d ^ 1]
        if residual > 0:
            if parent[other] == _NONE:
                tree[other] = mine
                parent[other] = d ^ 1
                mark[other] = mark[node]
                distance[other] = distance[node] + 1
                _activate(other, following, state)
            elif tree[other] != mine:
                return d
            elif mark[other] <= mark[node] and distance[other] > distance[node]:
                # A shorter way to the root
                parent[other] = d ^ 1
                mark[other] = mark[node]
                distance[other] = distance[node] + 1
    return -1


@numba.njit(cache=True, nogil=True)
def _augment(a, b, d, capacity, surplus, parent, steps, orphans):  # type: ignore[no-untyped-def]
    """Send what fits from the source through a, edge d, b to the sink; return how many nodes lost their parents."""
    flow = capacity[a, d]
    node = a
    while parent[node] != _ROOT:
        way = parent[node]
        node += steps[way]
        flow = min(flow, capacity[node, way ^ 1])
    flow = min(flow, surplus[node])
    node = b
    while parent[node] != _ROOT:
        flow = min(flow, capacity[node, parent[node]])
        node += steps[parent[node]]
    flow = min(flow, -surplus[node])

    count = 0
    capacity[a, d] -= flow
    capacity[b, d ^ 1] += flow
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
    surplus[node] -= flow
    if surplus[node] == 0:
        parent[node] = _ORPHAN
        orphans[count] = node
        count += 1
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
    surplus[node] += flow
    if surplus[node] == 0:
        parent[node] = _ORPHAN
        orphans[count] = node
        count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _root_distance(node, parent, mark, distance, steps, clock):  # type: ignore[no-untyped-def]
    """Steps from a node to its root, or -1 if the way ends in an orphan; remembers the answer along the way."""
    count = 0
    place = node
    while mark[place] != clock:
        way = parent[place]
        count += 1
        if way == _ROOT:
            mark[place] = clock
            distance[place] = 1
            break
        if way == _ORPHAN:
            return -1
        place += steps[way]
    else:
        count += distance[place]
    total = count
    place = node
    while mark[place] != clock:
        mark[place] = clock
        distance[place] = count
        count -= 1
        place += steps[parent[place]]
    return total


@numba.njit(cache=True, nogil=True)
def _adopt(count, capacity, parent, tree, mark, distance, following, state, steps, orphans):  # type: ignore[no-untyped-def]
    """Find a new parent, nearest to a root, for each orphan; set it free if there is none."""
    clock = state[_CLOCK]
    size = len(orphans)
    first = 0
    while count > 0:
        node = orphans[first]
        first = (first + 1) % size
        count -= 1
        mine = tree[node]
        best = _NONE
        nearest = np.int64(1) << 30
        for d in range(8):
            other = node + steps[d]
            if tree[other] == mine and parent[other] < _NONE:
                residual = capacity[other, d ^ 1] if mine == _SOURCE else capacity[node, d]
                if residual > 0:
                    length = _root_distance(other, parent, mark, distance, steps, clock)
                    if 0 <= length < nearest:
                        nearest = length
                        best = d
        parent[node] = best
        if best != _NONE:
            mark[node] = clock
            distance[node] = nearest + 1
            continue
        for d in range(8):
            other = node + steps[d]
            if tree[other] == mine and parent[other] < _NONE:
                residual = capacity[other, d ^ 1] if mine == _SOURCE else capacity[node, d]
                if residual > 0:
                    _activate(other, following, state)
                if parent[other] == d ^ 1:
                    parent[other] = _ORPHAN
                    orphans[(first + count) % size] = other
                    count += 1
        tree[node] = _FREE


@numba.njit(cache=True, nogil=True)
def _run(capacity, surplus, parent, tree, mark, distance, following, state, steps, orphans):  # type: ignore[no-untyped-def]
    """Grow both trees, send flow where they meet, adopt the orphans; until no node is active."""
    node = 0
    while state[_STOP] == 0:
        if node == 0:
            node = _next_active(parent, following, state)
            if node == 0:
                return
        d = _grow(node, capacity, parent, tree, mark, distance, following, state, steps)
        state[_CLOCK] += 1
        if d < 0:
            node = 0
            continue
        following[node] = node  # it stays active, but is in no list
        other = node + steps[d]
        if tree[node] == _SOURCE:
            count = _augment(node, other, d, capacity, surplus, parent, steps, orphans)
        else:
            count = _augment(other, node, d ^ 1, capacity, surplus, parent, steps, orphans)
        _adopt(count, capacity, parent, tree, mark, distance, following, state, steps, orphans)
        following[node] = 0
        if parent[node] == _NONE:
            node = 0


class GridGraph:
    """A graph of `height` x `width` pixels that is filled and cut many times without new memory.

    Attributes
    ----------
    capacity : int32 (H + 2, W + 2, 8)
        Capacity from each node to its neighbours, in the order right, left, below, above, below-right, above-left,
        below-left, above-right. The border of padding must stay 0, as must what leads to it.
    surplus : int32 (H + 2, W + 2)
        Capacity from the source, less the capacity to the sink.
    """

    def __init__(self, height: int, width: int) -> None:
        pitch = width + 2
        nodes = (height + 2) * pitch
        self.height, self.width = height, width
        self.capacity = np.zeros((height + 2, pitch, 8), np.int32)
        self.surplus = np.zeros((height + 2, pitch), np.int32)
        self._steps = np.array([1, -1, pitch, -pitch, pitch + 1, -pitch - 1, pitch - 1, 1 - pitch], np.int64)
        self._parent = np.full(nodes, _NONE, np.int8)
        self._tree = np.zeros(nodes, np.int8)
        self._mark = np.zeros(nodes, np.int32)
        self._distance = np.zeros(nodes, np.int32)
        self._following = np.zeros(nodes, np.int32)
        strips = 2 if height * width >= 2 * _STRIP_NODES and height >= 4 else 1
        cuts = [1 + round(height * k / strips) for k in range(strips + 1)]
        self._strips = list(zip(cuts[:-1], cuts[1:], strict=True))
        self._orphans = [np.zeros((last - first) * pitch + 1, np.int32) for first, last in self._strips]
        self._state = np.zeros((strips, 4), np.int64)

    def stop(self) -> None:
        """Make a running `solve` return soon, without a result."""
        self._state[:, _STOP] = 1

    def solve(self, pool: ThreadPoolExecutor | None = None) -> NDArray[np.bool_]:
        """Return the smallest source side of all minimum cuts; capacities and surpluses become residual ones.

        Parameters
        ----------
        pool : ThreadPoolExecutor, optional
            Where strips are cut side by side; the result does not depend on it.

        Returns
        -------
        bool (H, W)
            True on the source's side.
        """
        self._state[:] = 0
        # All trees are planted before any strip starts: strips look at each other's nodes where they touch
        for strip in range(len(self._strips)):
            self._plant_strip(strip)
        if len(self._strips) == 1:
            self._cut_strip(0)
        else:
            boundary = self._strips[0][1]
            down, up = self.capacity[boundary - 1, :, 2:8:2], self.capacity[boundary, :, 3:8:2]
            kept = down.copy(), up.copy()
            down[:] = up[:] = 0
            if pool is None:
                for strip in range(2):
                    self._cut_strip(strip)
            else:
                wait([pool.submit(self._cut_strip, 1), pool.submit(self._cut_strip, 0)])
            down[:], up[:] = kept
            self._join(boundary)
        return self._tree.reshape(self.height + 2, -1)[1:-1, 1:-1] == _SOURCE

    def _plant_strip(self, strip: int) -> None:
        pitch = self.width + 2
        first, last = (row * pitch for row in self._strips[strip])
        state = self._state[strip]
        arrays = (self._parent, self._tree, self._mark, self._distance, self._following, state)
        _plant(self.surplus.reshape(-1), *arrays, first, last)

    def _cut_strip(self, strip: int) -> None:
        self._run(self._state[strip], self._orphans[strip])

    def _join(self, boundary: int) -> None:
        """Go on where the strips touch."""
        pitch = self.width + 2
        state = self._state[0]
        state[_CLOCK] = self._state[:, _CLOCK].max() + 1
        state[_STOP] = self._state[:, _STOP].max()
        nodes = np.arange((boundary - 1) * pitch, (boundary + 1) * pitch)
        nodes = nodes[self._parent[nodes] != _NONE]
        if len(nodes) == 0:
            return
        self._following[nodes[:-1]] = nodes[1:]
        self._following[nodes[-1]] = nodes[-1]
        state[_FIRST], state[_LAST] = nodes[0], nodes[-1]
        self._run(state, np.concatenate(self._orphans))

    def _run(self, state: NDArray[np.int64], orphans: NDArray[np.int32]) -> None:
        _run(
            self.capacity.reshape(-1, 8),
            self.surplus.reshape(-1),
            self._parent,
            self._tree,
            self._mark,
            self._distance,
            self._following,
            state,
            self._steps,
            orphans,
        )


def fill_symmetric(graph: GridGraph, weights: NDArray[np.int32]) -> None:
    """Set the capacities of both directions of every edge to its weight, int32 (4, H, W), 0 across the border."""
    right, below, below_right, below_left = weights
    capacity = graph.capacity
    capacity[1:-1, 1:-1, 0::2] = np.moveaxis(weights, 0, -1)
    capacity[1:-1, 2:-1, 1] = right[:, :-1]
    capacity[2:-1, 1:-1, 3] = below[:-1]
    capacity[2:-1, 2:-1, 5] = below_right[:-1, :-1]
    capacity[2:-1, 1:-2, 7] = below_left[:-1, 1:]


def minimum_cut(
    cost_false: ArrayLike, cost_true: ArrayLike, weights: ArrayLike, *, progress: Progress = ignore_progress
) -> NDArray[np.bool_]:
    """Return the binary labelling of least energy.

    The energy is the sum of each pixel's cost and of the weights between neighbours that differ. Costs are rounded to a
    millionth of the largest weight. Of several optima, the one with fewest True pixels is returned.

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
    edges = np.asarray(weights, np.float32)
    surplus = np.subtract(cost_false, cost_true, dtype=np.float64)
    height, width = surplus.shape
    unit = float(edges.max(initial=0)) / 2**20 or float(np.abs(surplus).max(initial=0)) / 2**20 or 1.0
    graph = GridGraph(height, width)
    fill_symmetric(graph, np.rint(edges / np.float32(unit)).astype(np.int32))
    graph.surplus[1:-1, 1:-1] = np.clip(np.rint(surplus / unit), -_LARGEST_TERMINAL, _LARGEST_TERMINAL)
    with ThreadPoolExecutor(2) as pool:
        if height * width < 2 * _STRIP_NODES:
            mask = graph.solve()
        else:
            mask = _solve_in(graph, pool, progress)
    progress(1.0, "cutting the mask")
    return mask


def _solve_in(graph: GridGraph, pool: ThreadPoolExecutor, progress: Progress) -> NDArray[np.bool_]:
    with ThreadPoolExecutor(1) as outer:
        future = outer.submit(graph.solve, pool)
        try:
            while not future.done():
                wait([future], timeout=_POLL)
                progress(0.0, "cutting the mask")
        except BaseException:
            graph.stop()
            wait([future])
            raise
        return future.result()
