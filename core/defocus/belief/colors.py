"""Colours: what the colour of a pixel says of its being in focus, once a first mask is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.cuts.grid_cut import BandedCut
from defocus.cuts.neighbors import grid_weights
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.tuning import Tuning, VoteTuning

__all__ = ["color_log_odds", "cut_with_colors", "vote_weights"]

_ROUNDS = 2  # of colours from the mask and a mask from colours


def color_log_odds(
    color: NDArray[np.float32],
    sample_color: NDArray[np.float32],
    sample_mask: NDArray[np.bool_],
    tuning: VoteTuning = TUNING.vote,
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
    tuning : VoteTuning, optional
    """
    if not 0.01 < sample_mask.mean() < 0.99:
        return np.zeros(color.shape[:2], np.float32)
    bins = tuning.color_bins
    inside = _smooth_histogram(sample_color[sample_mask], bins)
    outside = _smooth_histogram(sample_color[~sample_mask], bins)
    floor = 20.0 / sample_mask.size
    table = np.clip(np.log((inside + floor) / (outside + floor)), -tuning.color_clip, tuning.color_clip)
    return np.float32(tuning.color_weight) * table.astype(np.float32).ravel()[_bin_of(color, bins)]


def _bin_of(color: NDArray[np.float32], bins: int) -> NDArray[np.int16]:
    red, green, blue = (np.clip(color[..., c] * bins, 0, bins - 1).astype(np.int16) for c in range(3))
    return (red * bins + green) * bins + blue


def _smooth_histogram(colors: NDArray[np.float32], bins: int) -> NDArray[np.float64]:
    """Histogram of colours, smoothed by a Gaussian of one bin, sum 1."""
    counts = np.bincount(_bin_of(colors, bins).ravel(), minlength=bins**3).astype(float).reshape((bins,) * 3)
    distance = np.subtract.outer(np.arange(bins), np.arange(bins))
    smooth = np.exp(-0.5 * distance**2)
    smooth /= smooth.sum(axis=0)
    counts = np.einsum("ai,bj,ck,ijk->abc", smooth, smooth, smooth, counts, optimize=True)
    return counts / counts.sum()


def vote_weights(color: NDArray[np.float32], tuning: Tuning = TUNING) -> NDArray[np.float32]:
    """Return how much neighbouring samples stick together, float32 (4, h, w), by their colour (h, w, 3)."""
    return grid_weights(color, tuning.vote.smoothness, tuning.vote.edge_scale, tuning.evidence.samples)


def cut_with_colors(
    preference: NDArray[np.float32], color: NDArray[np.float32], tuning: Tuning = TUNING
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return which samples are in focus, cut again with what the first cut says of colours, and what they say.

    Parameters
    ----------
    preference : float32 (h, w)
        For being in focus, in nats.
    color : float32 (h, w, 3)
        Mean colour around each sample.
    tuning : Tuning, optional

    Returns
    -------
    mask : bool (h, w)
    color_log_odds : float32 (h, w)
        In nats.
    """
    cutter = BandedCut(vote_weights(color, tuning))
    mask = cutter.cut(preference)
    colors = np.zeros_like(preference)
    for _ in range(_ROUNDS):
        colors = color_log_odds(color, color, mask, tuning.vote)
        mask = cutter.cut(preference + colors)
    return mask, colors
