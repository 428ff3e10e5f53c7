"""Estimator: three candidates per window, a coherent map, a cut at 2 px (equations 11 to 18), as published in 2013.

With ``spacing=1`` every pixel has its own window, as published; the default measures every few pixels. The map's
energy (14) is minimised by alpha-expansion and the mask's (18) by one cut, both by PyMaxflow.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from defocus.answer import Answer
from defocus.answer.threshold import Threshold
from defocus.cuts.neighbors import contrast_weights
from defocus.cuts.reference import alpha_expansion, maxflow_cut
from defocus.paper.search import candidates, fitted_spectra
from defocus.parameters import MapParameters
from defocus.pictures.sampling import interpolate
from defocus.progress import ignore_progress, sub_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence.octaves import Evidence
    from defocus.parameters import MaskParameters
    from defocus.progress import Progress

__all__ = ["PublishedAnswer", "candidate_data_term", "published_candidates"]

_KAPPA = np.array([1e-20, 1e-12, 1e-7, 1e-3, 1e-1, 1, 1e-1, 1e-3, 1e-7, 1e-12, 1e-20])
_LABEL = 0.1  # px between two labels
_SMOOTHNESS, _EDGE_SCALE = 20.0 * _LABEL, 0.1  # lambda_0 (for differences in px, here in labels), sigma_lambda of (16)
_CUT_SMOOTHNESS, _CUT_EDGE_SCALE = 1000.0, 0.04  # the same of (18)
_CANDIDATES = 3
_THRESHOLD = 2.0  # tau of (17), px


def published_candidates(evidence: Evidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the three best radii of every window and their costs: search (11), (13) on the fitted tables (12)."""
    spectra = fitted_spectra(evidence.spectra)
    return candidates(evidence.energies, spectra, evidence.noise_variance, method="alternating", count=_CANDIDATES)


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
    for shift, weight_there in zip(range(-half, half + 1), _KAPPA, strict=True):
        here = slice(max(0, shift), probability.shape[2] + min(0, shift))
        there = slice(max(0, -shift), probability.shape[2] - max(0, shift))
        spread[..., here] += weight_there * probability[..., there]
    total = spread.sum(axis=2, keepdims=True)
    known = (total > 0) & (evidence.valid_fraction[..., np.newaxis] >= 0.5)
    spread = np.where(known, spread / np.where(total > 0, total, 1), 1 / probability.shape[2])
    return -np.log(np.maximum(spread, 1e-20)).astype(np.float32)


class PublishedAnswer(Answer):
    """Draws blur maps and cuts masks of one picture as published.

    Attributes
    ----------
    seen, evidence, kind, tuning, kind_probability
        As those of `defocus.answer.Answer`.
    """

    auto = Threshold(_THRESHOLD, "as published")
    log_odds = None

    @cached_property
    def costs(self) -> NDArray[np.float32]:
        """The data term of (14), float32 (h, w, R) in nats."""
        return candidate_data_term(self.evidence)

    def radius(
        self,
        parameters: MapParameters,
        hints: NDArray[np.int8] | None = None,
        progress: Progress = ignore_progress,
    ) -> NDArray[np.float32]:
        """Return the coherent map (14) of least energy, moved by hints as the mask is, float32 (H, W) in px."""
        radius = self.sample_radii(parameters, sub_progress(progress, 0.1, 0.95))
        result = self.at_pixels(radius)
        self._move(result, hints)
        progress(1.0, "drawing the map")
        return result

    def sample_radii(
        self, parameters: MapParameters | None = None, progress: Progress = ignore_progress
    ) -> NDArray[np.float32]:
        """Return the coherent radius at each sample, float32 (h, w) in px."""
        chosen = parameters or MapParameters()
        if chosen not in self._coherent:
            scale = _EDGE_SCALE / chosen.edge_sensitivity
            weights = contrast_weights(self.sample_color, _SMOOTHNESS * chosen.smoothness, scale)
            labels = alpha_expansion(self.costs, weights, progress=progress)
            self._coherent.clear()
            self._coherent[chosen] = self.evidence.radii[labels].astype(np.float32)
        return self._coherent[chosen]

    def confidence(self, parameters: MapParameters | None = None) -> NDArray[np.float32]:
        """Return how sure the map is, float32 (H, W) in [0, 1]: the probability of being right to 0.3 px."""
        radius, radii = self.sample_radii(parameters), self.evidence.radii
        near = np.abs(radii - radius[..., np.newaxis]) <= self.tuning.confidence.near
        probability = np.exp(-self.costs)
        sure = np.asarray((probability * near).sum(axis=2) / probability.sum(axis=2), np.float32)
        sure[self.evidence.valid_fraction < self.tuning.evidence.least_valid] = 0
        return self.at_pixels(sure)

    @cached_property
    def _told_samples(self) -> NDArray[np.bool_]:
        """Which samples have a window with a candidate, bool (h, w); in a flat picture none has."""
        return np.asarray(np.ptp(self.costs, axis=2) > 0)

    def preference(self, parameters: MaskParameters) -> NDArray[np.float32]:
        """Return -D(in focus) + D(blurred) of equation (17), float32 (h, w) in nats, positive = in focus."""
        radii = self.evidence.radii
        threshold = _THRESHOLD if parameters.threshold == "auto" else float(parameters.threshold)
        split = int(np.clip(np.searchsorted(radii, threshold + 1e-6), 1, len(radii) - 1))
        return self.costs[..., split:].min(axis=2) - self.costs[..., :split].min(axis=2)

    def mask(
        self, parameters: MaskParameters, hints: NDArray[np.int8], progress: Progress = ignore_progress
    ) -> NDArray[np.bool_]:
        """Return which pixels are in focus, bool (H, W)."""
        progress(0.0, "cutting the mask")
        grid, evidence = self.cut_grid, self.evidence
        rows, columns = evidence.rows / grid.step, evidence.columns / grid.step
        wanted = interpolate(self.preference(parameters), rows, columns, grid.color.shape[:2])
        grid.bind(wanted, hints)
        weights = contrast_weights(
            grid.color, _CUT_SMOOTHNESS * parameters.smoothness, _CUT_EDGE_SCALE / parameters.edge_sensitivity
        )
        mask = maxflow_cut(wanted, weights, progress=sub_progress(progress, 0.1, 0.6))
        return grid.at_full_size(mask, hints, sub_progress(progress, 0.6, 1))
