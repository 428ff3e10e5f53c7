"""Colours: what the colour of a pixel says of its being in focus, once a first mask is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.tuning import TUNING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.tuning import VoteTuning

__all__ = ["color_log_odds"]


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
