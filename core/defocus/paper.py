"""The estimator as published in 2013: three candidates per window, a coherent map, a cut at 2 px (eqs 11 to 18).

With ``spacing=1`` every pixel has its own window, as published; the default measures every few pixels. The map's
energy is minimised by expansion moves for every label, as alpha-expansion does, with jumps between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.progress import ignore_progress, sub_progress
from defocus.resample import cell_means, interpolate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence import Evidence
    from defocus.image import Picture
    from defocus.parameters import MapParameters, MaskParameters
    from defocus.progress import Progress

__all__ = ["candidate_data_term", "coherent_map", "cut_weights", "focus_preference_of", "published_candidates"]

_KAPPA = np.array([1e-20, 1e-12, 1e-7, 1e-3, 1e-1, 1, 1e-1, 1e-3, 1e-7, 1e-12, 1e-20])
_LABEL = 0.1  # px between two labels
_SMOOTHNESS, _EDGE_SCALE = (
    20.0 * _LABEL,
    0.1,
)  # lambda_0 (for differences in px, here in labels) and sigma_lambda of (16)
_CUT_SMOOTHNESS, _CUT_EDGE_SCALE = 1000.0, 0.04  # the same of (18)
_CANDIDATES = 3


def published_candidates(evidence: Evidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the three best radii of every window and their costs: search (11), (13) on the fitted tables (12)."""
    from defocus.search import candidates, fitted_spectra

    spectra = fitted_spectra(evidence.spectra)
    return candidates(evidence.energies, spectra, evidence.noise_variance, method="alternating", count=_CANDIDATES)


def cut_weights(color: NDArray[np.float32], parameters: MaskParameters) -> NDArray[np.float32]:
    """Return the weights (16) of the cut (18), float32 (4, H, W)."""
    from defocus.labeling import contrast_weights

    return contrast_weights(
        color, _CUT_SMOOTHNESS * parameters.smoothness, _CUT_EDGE_SCALE / parameters.edge_sensitivity
    )


def candidate_data_term(evidence: Evidence) -> NDArray[np.float32]:
    """Return D = -log p of every radius, from each window's three best candidates spread by kappa.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    float32 (h, w, R)
        In nats; a window without candidates has no opinion.
    """
    found, costs = published_candidates(evidence)
    shape = evidence.shape
    weight = np.exp(np.minimum(costs[..., :1] - costs, 0), where=np.isfinite(costs), out=np.zeros_like(costs))
    labels = np.rint(np.interp(np.nan_to_num(found), evidence.radii, np.arange(len(evidence.radii)))).astype(int)
    probability = np.zeros((*shape, len(evidence.radii)))
    y, x = np.indices(shape)
    for k in range(_CANDIDATES):
        probability[y, x, labels[..., k]] += weight[..., k]
    spread = np.zeros_like(probability)
    half = len(_KAPPA) // 2
    for shift, share in zip(range(-half, half + 1), _KAPPA, strict=True):
        here = slice(max(0, shift), probability.shape[2] + min(0, shift))
        there = slice(max(0, -shift), probability.shape[2] - max(0, shift))
        spread[..., here] += share * probability[..., there]
    total = spread.sum(axis=2, keepdims=True)
    known = (total > 0) & (evidence.share[..., np.newaxis] >= 0.5)
    spread = np.where(known, spread / np.where(total > 0, total, 1), 1 / probability.shape[2])
    return -np.log(np.maximum(spread, 1e-20)).astype(np.float32)


def coherent_map(
    picture: Picture, evidence: Evidence, parameters: MapParameters, *, progress: Progress = ignore_progress
) -> NDArray[np.float32]:
    """Return the coherent map (14) of least energy, float32 (H, W) in px."""
    from defocus.labeling import coherent_labels, contrast_weights

    weights = contrast_weights(
        cell_means(picture.color, evidence.spacing),
        _SMOOTHNESS * parameters.smoothness,
        _EDGE_SCALE / parameters.edge_sensitivity,
    )
    step = sub_progress(progress, 0.1, 0.95)
    labels = coherent_labels(candidate_data_term(evidence), weights, thorough=True, progress=step)
    radius = evidence.radii[labels].astype(np.float32)
    result = interpolate(radius, evidence.rows, evidence.columns, picture.shape)
    progress(1.0, "drawing the map")
    return result


def focus_preference_of(evidence: Evidence, threshold: float) -> NDArray[np.float32]:
    """Return -D(in focus) + D(blurred) of equation (17), float32 (h, w) in nats, positive = in focus."""
    data_term = candidate_data_term(evidence)
    split = int(np.clip(np.searchsorted(evidence.radii, threshold + 1e-6), 1, len(evidence.radii) - 1))
    return data_term[..., split:].min(axis=2) - data_term[..., :split].min(axis=2)
