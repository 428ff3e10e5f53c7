"""Features: what the learned prior is told of every sample, of its windows and of its texture, and of nothing else.

No colour, no place, nothing of the whole picture: a grey copy, a mirrored or an exchanged background say the same. What
surroundings mean the network finds itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defocus.answer.texture import local_texture, texture_features
from defocus.evidence.radii import OFFSET
from defocus.parallel import run_parts
from defocus.pictures.sampling import cell_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence import Evidence
    from defocus.tuning import PriorTuning

__all__ = ["COUNT", "prior_features", "size_scale"]

_EDGES = (0.5, 0.8, 1.0, 1.2, 1.4, 1.65, 2.1, 2.6, 3.2, 4.2, 5.5, 6.7)  # px of a web-size picture, between bins
_BINS = len(_EDGES) + 1
_AT = (0.0, 2.0, 4.0)  # px: radii whose gradient variance is told
_TEMPER = 0.25  # energies of one window are correlated, its likelihood counts them several times
_STRIP = 32  # rows of samples done at a time; even, as wide windows have every second row
_MOST = 23.0  # nats: no window is surer than 1 in 10^10
_CONTRAST = 0.75  # weak prior that real things have contrast, so that what is smooth is more likely blurred
_TEXTURE = 9
_RADII = 4  # best, best of wide windows, mean, its deviation
_WINDOW = 3 * _BINS + _RADII + 1 + len(_AT)  # what windows say
COUNT = _WINDOW + _TEXTURE + 3
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
    out = np.empty((COUNT, height, width), np.float32)
    wide = None if evidence.wide is None else _of_wide_windows(evidence, scale)

    def strip(top: int) -> None:
        rows = slice(top, min(top + _STRIP, height))
        _of_windows(evidence, rows, scale, out[:_WINDOW, rows])
        if wide is None:
            out[2 * _BINS : 3 * _BINS, rows], out[3 * _BINS + 1, rows] = 0, out[3 * _BINS, rows]
        else:
            there = wide[:, top // 2 : -(-rows.stop // 2)].repeat(2, 1)[:, : rows.stop - top].repeat(2, 2)[:, :, :width]
            out[2 * _BINS : 3 * _BINS, rows], out[3 * _BINS + 1, rows] = there[:-1], there[-1]

    run_parts(strip, range(0, height, _STRIP))
    n = _WINDOW
    out[n : n + _TEXTURE] = texture_features(local_texture(luminance, evidence.spacing), evidence.noise_variance)
    n += _TEXTURE
    out[n] = cell_means(luminance, evidence.spacing)
    out[n + 1] = evidence.valid_fraction
    out[n + 2] = np.log(max(evidence.noise_variance, 1e-7))
    step = max(1, round(tuning.cell_width * math.sqrt(height * width / tuning.samples)))
    return _cells(out, step), step


def _cells(planes: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Return the means of cells of `step` x `step` samples of each plane; the last may be smaller."""
    rows, columns = (np.arange(0, size, step) for size in planes.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(planes, columns, axis=2), rows, axis=1)
    tall, wide = (
        np.diff(np.append(first, size)) for first, size in zip((rows, columns), planes.shape[1:], strict=True)
    )
    return np.asarray(sums / np.outer(tall, wide).astype(np.float32), np.float32)


def _splits(evidence: Evidence, scale: float) -> NDArray[np.int64]:
    """Return where the bins of radii begin, int64 (bins,)."""
    count = len(evidence.radii)
    edges = np.clip(np.searchsorted(evidence.radii, np.array(_EDGES) * scale + 1e-6), 1, count - _BINS)
    return np.append(0, np.maximum(edges, np.arange(1, _BINS)))


def _sizes(evidence: Evidence, scale: float) -> NDArray[np.float32]:
    return np.log(evidence.radii / scale + OFFSET).astype(np.float32)


def _of_windows(evidence: Evidence, rows: slice, scale: float, out: NDArray[np.float32]) -> None:
    """Write what the windows of some rows say into the planes that are theirs, (_WINDOW, rows, w)."""
    profile, variance = evidence.profile[rows], evidence.log_gradient_variance[rows]
    splits, size = _splits(evidence, scale), _sizes(evidence, scale)
    out[:_BINS] = _least_in_bins(profile, splits)
    out[_BINS : 2 * _BINS] = _least_in_bins(profile - np.float32(_CONTRAST) * variance, splits)
    n = 3 * _BINS
    best = profile.argmin(axis=2)
    out[n] = size[best]
    probability = np.exp(np.float32(-_TEMPER) * profile)
    probability /= probability.sum(axis=2, keepdims=True)
    mean = probability @ size
    out[n + 2], out[n + 3] = mean, np.sqrt(np.maximum(probability @ (size * size) - mean * mean, 0))
    n += _RADII
    out[n] = np.take_along_axis(variance, best[..., np.newaxis], 2)[..., 0]
    for i, radius in enumerate(_AT):
        at = int(np.searchsorted(evidence.radii, radius * scale))
        out[n + 1 + i] = variance[..., min(at, len(evidence.radii) - 1)]


def _of_wide_windows(evidence: Evidence, scale: float) -> NDArray[np.float32]:
    """Return what the wide windows say, float32 (bins + 1, ceil(h / 2), ceil(w / 2))."""
    assert evidence.wide is not None
    best = _sizes(evidence, scale)[evidence.wide.argmin(axis=2)]
    return np.concatenate([_least_in_bins(evidence.wide, _splits(evidence, scale)), best[np.newaxis]])
