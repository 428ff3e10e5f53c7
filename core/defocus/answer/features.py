"""Features: what the learned prior is told of every sample, of its windows and of its texture, and of nothing else.

No colour, no place, nothing of the whole picture: a grey copy, a mirrored or an exchanged background say the same. What
surroundings mean the network finds itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defocus.answer.texture import local_texture, texture_features
from defocus.pictures.sampling import cell_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence import Evidence
    from defocus.tuning import PriorTuning

__all__ = ["COUNT", "prior_features", "size_scale"]

_EDGES = (
    0.5,
    0.8,
    1.0,
    1.2,
    1.4,
    1.65,
    2.1,
    2.6,
    3.2,
    4.2,
    5.5,
    6.7,
)  # px on a picture of web size, between bins of radii
_BINS = len(_EDGES) + 1
_AT = (0.0, 2.0, 4.0)  # px: radii whose gradient variance is told
_OFFSET = 0.3  # px: distances of radii are those of log(radius + 0.3)
_TEMPER = 0.25  # energies of one window are correlated, its likelihood counts them several times
_MOST = 23.0  # nats: no window is surer than 1 in 10^10
_CONTRAST = 0.75  # weak prior that real things have contrast, so that what is smooth is more likely blurred
_TEXTURE = 9
_RADII = 4  # best, best of wide windows, mean, its deviation
COUNT = 3 * _BINS + _RADII + 1 + len(_AT) + _TEXTURE + 3
"""Number of features."""


def size_scale(shape: tuple[int, int], tuning: PriorTuning) -> float:
    """Return by how much radii that look sharp grow on pictures larger than those of the web.

    Parameters
    ----------
    shape : (H, W)
        In px.
    tuning : PriorTuning
    """
    return max(1.0, math.hypot(*shape) / tuning.web_diagonal) ** 0.5


def _least_in_bins(cost: NDArray[np.float32], splits: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the least cost within each bin of radii, less the least of all, float32 (bins, h, w), at most 23 nats."""
    least = np.minimum.reduceat(cost, splits, axis=2)
    least -= least.min(axis=2, keepdims=True)
    return np.moveaxis(np.minimum(least, np.float32(_MOST), out=least), 2, 0)


def prior_features(
    evidence: Evidence, luminance: NDArray[np.float32], tuning: PriorTuning
) -> tuple[NDArray[np.float32], int]:
    """Return what the network is told, on a grid of about as many cells for every picture.

    Parameters
    ----------
    evidence : Evidence
    luminance : float32 (H, W)
        Of the picture as it was measured.
    tuning : PriorTuning

    Returns
    -------
    features : float32 (COUNT, h, w)
        Least cost in bins of radii, without and with the prior on contrast and of wide windows; logarithms of the best
        radii, of the mean one and how sure that is; gradient variance at some radii; texture;
        brightness; valid share; noise.
    step : int
        Samples that a cell is wide.
    """
    height, width = evidence.shape
    scale = size_scale(luminance.shape, tuning)
    radii = evidence.radii
    edges = np.clip(np.searchsorted(radii, np.array(_EDGES) * scale + 1e-6), 1, len(radii) - _BINS)
    splits = np.append(0, np.maximum(edges, np.arange(1, _BINS)))
    profile, variance = evidence.profile, evidence.log_gradient_variance
    out = np.empty((COUNT, height, width), np.float32)
    out[:_BINS] = _least_in_bins(profile, splits)
    out[_BINS : 2 * _BINS] = _least_in_bins(profile - np.float32(_CONTRAST) * variance, splits)
    n = 3 * _BINS
    size = np.log(radii / scale + _OFFSET).astype(np.float32)
    out[n] = size[profile.argmin(axis=2)]
    if evidence.wide is None:
        out[2 * _BINS : n], out[n + 1] = 0, out[n]
    else:
        wide = np.concatenate([_least_in_bins(evidence.wide, splits), size[evidence.wide.argmin(axis=2)][np.newaxis]])
        wide = wide.repeat(2, 1).repeat(2, 2)[:, :height, :width]
        out[2 * _BINS : n], out[n + 1] = wide[:-1], wide[-1]
    probability = np.exp(np.float32(-_TEMPER) * profile)
    probability /= probability.sum(axis=2, keepdims=True)
    mean = probability @ size
    out[n + 2], out[n + 3] = mean, np.sqrt(np.maximum(probability @ (size * size) - mean * mean, 0))
    n += _RADII
    out[n] = np.take_along_axis(variance, profile.argmin(axis=2)[..., np.newaxis], 2)[..., 0]
    for i, radius in enumerate(_AT):
        out[n + 1 + i] = variance[..., min(int(np.searchsorted(radii, radius * scale)), len(radii) - 1)]
    n += 1 + len(_AT)
    out[n : n + _TEXTURE] = texture_features(local_texture(luminance, evidence.spacing), evidence.noise_variance)
    n += _TEXTURE
    out[n] = cell_means(luminance, evidence.spacing)
    out[n + 1] = evidence.valid_fraction
    out[n + 2] = np.log(max(evidence.noise_variance, 1e-7))
    step = max(1, round(tuning.cell_width * math.sqrt(height * width / tuning.samples)))
    cells = cell_means(np.ascontiguousarray(np.moveaxis(out, 0, 2)), step)
    return np.ascontiguousarray(np.moveaxis(cells, 2, 0)), step
