"""Segmentation: the in-focus mask, a cut between radii up to a threshold and radii above it (equations 17, 18)."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from defocus.labeling import contrast_weights
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    from defocus.grid_cut import PyramidCut
    from defocus.progress import Progress

__all__ = [
    "Recut",
    "coarse_weights",
    "color_preference",
    "cut",
    "focus_cost",
    "focus_preference",
    "probable_thresholds",
]

_CONTRAST = 0.75  # strength of the prior on contrast
_CLIP = 23.0  # nats: no window is surer than 1 in 10^10
_EDGE_SCALE = 0.04  # sigma_lambda of the paper's cut
_COARSE_SMOOTHNESS = 100.0  # lambda_0 on a grid of _COARSE_NODES samples
_COARSE_NODES = 17_000
_BINS = 16  # colour histogram: bins per channel
_COLOR_CLIP = 4.0  # nats: colours hint, they do not decide
_CANDIDATES = np.array([0.9, 1.1, 1.3, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.2, 2.4, 2.6, 2.9, 3.3, 3.7, 4.2])
_USUAL, _SPREAD = 1.65, 0.25  # px on a web-size picture, and how far (in log) thresholds stray from it
_WEB_DIAGONAL = 769.0  # px
_STABILITY = 0.1  # how much agreement with neighbouring thresholds it takes to be e times as probable


def focus_cost(profile: NDArray[np.float32], log_variance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cost of each radius that the mask is cut from, float32 (h, w, R) in nats.

    The negative log-likelihood less 3/4 of the logarithm of the gradient variance: a weak prior that real things have
    contrast, so that what looks smooth is more likely blurred.

    Parameters
    ----------
    profile, log_variance : float32 (h, w, R)
        From `defocus.evidence.Evidence`.
    """
    return profile - np.float32(_CONTRAST) * log_variance


def focus_preference(cost: NDArray[np.float32], radii: NDArray[np.float64], threshold: float) -> NDArray[np.float32]:
    """Return how much each sample prefers being in focus, equation (17), float32 (h, w) in nats, positive = in focus.

    Parameters
    ----------
    cost : float32 (h, w, R)
        From `focus_cost`.
    radii : float64 (R,)
        Radii in px.
    threshold : float
        Largest radius that counts as in focus, in px.
    """
    split = int(np.clip(np.searchsorted(radii, threshold + 1e-6), 1, len(radii) - 1))
    return np.clip(cost[..., split:].min(axis=2) - cost[..., :split].min(axis=2), -_CLIP, _CLIP)


def coarse_weights(colors: NDArray[np.float32], smoothness: float, edge_sensitivity: float) -> NDArray[np.float32]:
    """Return contrast weights (16) that keep a boundary's cost the same whatever the grid's fineness."""
    nodes = colors.shape[0] * colors.shape[1]
    weight = _COARSE_SMOOTHNESS * smoothness * np.sqrt(nodes / _COARSE_NODES)
    return contrast_weights(colors, float(weight), _EDGE_SCALE / edge_sensitivity)


def cut(
    preference: NDArray[np.float32], weights: NDArray[np.float32], progress: Progress = ignore_progress
) -> NDArray[np.bool_]:
    """Return the mask of least energy (18) for a preference in nats, positive = in focus."""
    from defocus.grid_cut import PyramidCut

    return PyramidCut(weights).cut(preference, progress=progress)


class Recut:
    """Cuts one picture again and again: where little has changed, each cut finds most of its work done.

    Calls from several threads wait for each other.
    """

    def __init__(self) -> None:
        self._made_for: Hashable = None
        self._cutter: PyramidCut | None = None
        self._alone = threading.Lock()

    def cut(
        self,
        preference: NDArray[np.float32],
        weights: Callable[[], NDArray[np.float32]],
        made_for: Hashable,
        progress: Progress = ignore_progress,
    ) -> NDArray[np.bool_]:
        """Return the mask of least energy (18).

        Parameters
        ----------
        preference : float32 (H, W)
            In nats, positive = in focus.
        weights : callable
            Returns the weights, float32 (4, H, W); called when `made_for` is not what it was.
        made_for : hashable
            What the weights depend on.
        progress : callable, optional

        Returns
        -------
        bool (H, W)
        """
        from defocus.grid_cut import PyramidCut

        with self._alone:
            if self._cutter is None or self._made_for != made_for:
                self._cutter, self._made_for = PyramidCut(weights()), made_for
            return self._cutter.cut(preference, progress=progress)


def _agreement(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks, or of their complements if that is less."""
    both, either = int(np.count_nonzero(first & second)), int(np.count_nonzero(first | second))
    neither = first.size - either
    return min(both / max(either, 1), neither / max(first.size - both, 1))


def _masks(
    cost: NDArray[np.float32],
    radii: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    weights: NDArray[np.float32],
) -> list[NDArray[np.bool_]]:
    """Return the mask of each threshold; two threads, and each cut goes on from the one before."""
    from defocus.grid_cut import MaskCut

    def cut_some(some: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
        cutter = MaskCut(weights)
        return [cutter.cut(focus_preference(cost, radii, tau), 0) for tau in some]

    with ThreadPoolExecutor(2) as pool:
        return list(itertools.chain.from_iterable(pool.map(cut_some, np.array_split(thresholds, 2))))


def probable_thresholds(
    cost: NDArray[np.float32], radii: NDArray[np.float64], weights: NDArray[np.float32], diagonal: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return thresholds and how probable each is for this picture.

    A threshold between two depths can move without changing the mask, one within a depth cannot. So each candidate is
    judged by how well its mask agrees with those of its neighbours, and by its nearness to the usual one, 1.65 px on
    web-size pictures and more, by the square root of the size, on larger ones. Masks that hold nearly nothing or
    everything are not trusted.

    Parameters
    ----------
    cost : float32 (h, w, R)
        From `focus_cost`.
    radii : float64 (R,)
    weights : float32 (4, h, w)
        From `coarse_weights`.
    diagonal : float
        Of the picture in px.

    Returns
    -------
    thresholds : float64 (T,)
        In px.
    probabilities : float64 (T,)
        Sum 1.
    """
    scale = max(1.0, diagonal / _WEB_DIAGONAL) ** 0.5
    thresholds = _CANDIDATES * scale
    thresholds = thresholds[thresholds < radii[-1] - 1e-6]
    if len(thresholds) < 2:
        return np.array([radii[-1] / 2]), np.ones(1)
    masks = _masks(cost, radii, thresholds, weights)
    score = np.empty(len(masks))
    for i, mask in enumerate(masks):
        near = [j for j in range(max(0, i - 3), min(len(masks), i + 4)) if j != i]
        score[i] = np.mean([_agreement(mask, masks[j]) for j in near])
        if not 0.02 <= mask.mean() <= 0.97:
            score[i] -= 1.0
    deviation = np.log(thresholds / (_USUAL * scale)) / _SPREAD
    score = score / _STABILITY - deviation**2 / 2
    probability = np.exp(score - score.max())
    return thresholds, probability / probability.sum()


def color_preference(
    color: NDArray[np.float32], sample_color: NDArray[np.float32], sample_mask: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return how much each pixel's colour speaks for being in focus, float32 (H, W) in nats, within [-16, 16].

    Where windows know nothing, colour does: a smooth sleeve belongs to the textured one of the same colour. Smoothed
    histograms of the colours inside and outside a first mask are compared, as in GrabCut (Rother, Kolmogorov, Blake,
    SIGGRAPH 2004, https://doi.org/10.1145/1186562.1015720).

    Parameters
    ----------
    color : float32 (H, W, 3)
        RGB in [0, 1].
    sample_color : float32 (h, w, 3)
        Colours of the samples.
    sample_mask : bool (h, w)
        Which samples a first cut put in focus.
    """
    if not 0.01 < sample_mask.mean() < 0.99:
        return np.zeros(color.shape[:2], np.float32)
    inside = _smooth_histogram(sample_color[sample_mask])
    outside = _smooth_histogram(sample_color[~sample_mask])
    floor = 20.0 / sample_mask.size
    table = np.clip(np.log((inside + floor) / (outside + floor)), -_COLOR_CLIP, _COLOR_CLIP).astype(np.float32)
    return 4 * table.ravel()[_bins(color)]


def _bins(color: NDArray[np.float32]) -> NDArray[np.int16]:
    red, green, blue = (np.clip(color[..., c] * _BINS, 0, _BINS - 1).astype(np.int16) for c in range(3))
    return (red * _BINS + green) * _BINS + blue


def _smooth_histogram(colors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Histogram of colours, smoothed by a Gaussian of one bin, sum 1."""
    counts = np.bincount(_bins(colors).ravel(), minlength=_BINS**3).astype(float).reshape((_BINS,) * 3)
    distance = np.subtract.outer(np.arange(_BINS), np.arange(_BINS))
    smooth = np.exp(-0.5 * distance**2)
    smooth /= smooth.sum(axis=0)
    counts = np.einsum("ai,bj,ck,ijk->abc", smooth, smooth, smooth, counts, optimize=True)
    return counts / counts.sum()
