"""Reference: the same labellings by PyMaxflow's minimum cuts, as published, many times slower than the suite's own.

`method="paper"` runs on them; for everything else they are what `labeling` and `grid_cut` are tested against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.cuts.neighbors import NEIGHBORS, pair_slices
from defocus.errors import DefocusError
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.progress import Progress

__all__ = ["alpha_expansion", "energy", "maxflow_cut"]


def _maxflow() -> Any:
    """Return PyMaxflow, which everything else does without."""
    try:
        import maxflow
    except ImportError as error:
        raise DefocusError("method='paper' needs PyMaxflow: pip install PyMaxflow (not yet for Python 3.14)") from error
    return maxflow


def energy(labels: NDArray[np.integer], data_term: NDArray[np.float32], weights: NDArray[np.float32]) -> float:
    """Return the energy (14) of a labelling.

    Parameters
    ----------
    labels : int (H, W)
    data_term : float32 (H, W, L)
        Cost of each label at each pixel.
    weights : float32 (4, H, W)
        From `contrast_weights`; multiplied by the difference of two neighbours' labels.

    Returns
    -------
    float
    """
    chosen = np.asarray(labels).astype(np.int64)
    total = float(np.take_along_axis(data_term, chosen[..., np.newaxis], 2).sum(dtype=np.float64))
    for plane, step in zip(weights, NEIGHBORS, strict=True):
        here, there = pair_slices(chosen.shape, step)
        total += float((plane[here] * np.abs(chosen[here] - chosen[there])).sum(dtype=np.float64))
    return total


def alpha_expansion(
    data_term: NDArray[np.float32],
    weights: NDArray[np.float32],
    *,
    cycles: int = 10,
    start: NDArray[np.int16] | None = None,
    progress: Progress = ignore_progress,
) -> NDArray[np.int16]:
    """Return the labels that alpha-expansion reaches: the slow reference for `coherent_labels`.

    Boykov, Veksler and Zabih's algorithm, cut by PyMaxflow, over all labels in turn until none changes a pixel.

    Parameters
    ----------
    data_term : float32 (H, W, L)
    weights : float32 (4, H, W)
    cycles : int
        Most cycles over all labels.
    start : int (H, W), optional
        Labels to go on from; unless given, each pixel's cheapest.
    progress : callable, optional

    Returns
    -------
    int16 (H, W)
    """
    maxflow = _maxflow()

    height, width, count = data_term.shape
    labels = data_term.argmin(axis=2) if start is None else start.astype(np.int64)
    for cycle in range(cycles):
        before = labels
        for label in range(count):
            progress((cycle * count + label) / (cycles * count), "alpha-expansion")
            graph = maxflow.Graph[float](height * width, 4 * height * width)
            nodes = graph.add_grid_nodes((height, width))
            gain = np.take_along_axis(data_term, labels[..., np.newaxis], 2)[..., 0] - data_term[..., label]
            gain = gain.astype(np.float64)
            for plane, step in zip(weights, NEIGHBORS, strict=True):
                here, there = pair_slices((height, width), step)
                weight = plane[here].astype(np.float64)
                one, other = np.abs(labels[here] - label), np.abs(labels[there] - label)
                keep = np.abs(labels[here] - labels[there])
                gain[here] -= weight * (other - keep)
                gain[there] += weight * other
                # Falls due where the neighbour takes the label and this pixel does not
                due = weight * (one + other - keep)
                graph.add_edges(nodes[here].ravel(), nodes[there].ravel(), due.ravel(), np.zeros(due.size))
            # Pixels to which both are equal stay on the source's side, which keeps its labels
            graph.add_grid_tedges(nodes, np.maximum(-gain, 0), np.maximum(gain, 0))
            graph.maxflow()
            moves = graph.get_grid_segments(nodes)
            labels = np.where(moves, label, labels)
        if np.array_equal(labels, before):
            break
    progress(1.0, "alpha-expansion")
    return labels.astype(np.int16)


def maxflow_cut(
    preference: NDArray[np.floating], weights: NDArray[np.floating], *, progress: Progress = ignore_progress
) -> NDArray[np.bool_]:
    """Return the binary labelling of least energy (18), cut by PyMaxflow.

    Parameters
    ----------
    preference : float (H, W)
        How much less True costs than False. Large finite values make a pixel certain.
    weights : float (4, H, W)
        From `defocus.cuts.neighbors.contrast_weights`.
    progress : callable, optional

    Returns
    -------
    bool (H, W)

    Examples
    --------
    >>> maxflow_cut(np.array([[-1.0, -1.0, 3.0]]), np.zeros((4, 1, 3)))
    array([[False, False,  True]])
    """
    maxflow = _maxflow()

    progress(0.0, "cutting the mask")
    graph = maxflow.Graph[float](preference.size, 4 * preference.size)
    nodes = graph.add_grid_nodes(preference.shape)
    for plane, step in zip(weights, NEIGHBORS, strict=True):
        here, there = pair_slices((preference.shape[0], preference.shape[1]), step)
        both = plane[here].astype(np.float64).ravel()
        graph.add_edges(nodes[here].ravel(), nodes[there].ravel(), both, both)
    wanted = preference.astype(np.float64)
    # Pixels to which both are equal stay on the source's side, which is False
    graph.add_grid_tedges(nodes, np.maximum(-wanted, 0), np.maximum(wanted, 0))
    graph.maxflow()
    progress(1.0, "cutting the mask")
    return np.asarray(graph.get_grid_segments(nodes))
