"""Blur map: the radius of every pixel, coherent where the picture is (equations 14 to 16), and how sure it is."""

from __future__ import annotations

import itertools
import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from defocus.cuts.labeling import coherent_labels
from defocus.cuts.neighbors import contrast_weights
from defocus.cuts.refinement import refined_labels
from defocus.evidence.radii import usual_spacing
from defocus.parameters import MapParameters
from defocus.pictures.sampling import cell_means, interpolate, interpolate_along_edges
from defocus.progress import ignore_progress, sub_progress
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence import Evidence
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress
    from defocus.tuning import Tuning

__all__ = ["BlurMapEstimate", "probability_near"]


def probability_near(
    costs: NDArray[np.float32],
    evidence: Evidence,
    radius: NDArray[np.floating],
    temper: float,
    tuning: Tuning = TUNING,
) -> NDArray[np.float32]:
    """Return each sample's posterior probability near some radius, float32 (h, w) in [0, 1].

    Parameters
    ----------
    costs : float32 (h, w, R)
        Data term in nats.
    evidence : Evidence
    radius : float (h, w)
        In px.
    temper : float
        The posterior is exp(-temper * costs), normalised.
    tuning : Tuning, optional
    """
    probability = np.exp(np.float32(-temper) * costs)
    near = np.abs(evidence.radii.astype(np.float32) - radius[..., np.newaxis]) <= tuning.map.near
    result = (probability * near).sum(axis=2) / probability.sum(axis=2)
    result[evidence.valid_fraction < tuning.evidence.least_valid] = 0
    return np.asarray(result, np.float32)


class BlurMapEstimate:
    """Draws blur maps of one picture.

    Parameters
    ----------
    picture : Picture
    evidence : Evidence
    sample_color : float32 (h, w, 3)
        Mean colour around each sample.
    tuning : Tuning, optional
    """

    def __init__(
        self, picture: Picture, evidence: Evidence, sample_color: NDArray[np.float32], tuning: Tuning = TUNING
    ) -> None:
        self.picture, self.evidence, self.sample_color, self.tuning = picture, evidence, sample_color, tuning
        self._last: tuple[MapParameters, NDArray[np.float32]] | None = None

    @cached_property
    def costs(self) -> NDArray[np.float32]:
        """The data term of (14): what each radius costs each sample, float32 (h, w, R) in nats, its least 0."""
        evidence, tuning = self.evidence, self.tuning.map
        cost = evidence.profile + np.float32(tuning.sparsity) * evidence.log_gradient_variance
        if evidence.wide is not None:
            wide = np.float32(tuning.wide_weight) * evidence.wide
            for y, x in itertools.product((0, 1), (0, 1)):
                part = cost[y::2, x::2]
                part += wide[: part.shape[0], : part.shape[1]]
        cost -= cost.min(axis=2, keepdims=True)
        return np.minimum(cost, np.float32(tuning.clip), out=cost)

    def sample_radii(self, parameters: MapParameters, progress: Progress = ignore_progress) -> NDArray[np.float32]:
        """Return the coherent radius at each sample, float32 (h, w) in px."""
        if self._last is not None and self._last[0] == parameters:
            return self._last[1]
        evidence, costs, color, tuning = self.evidence, self.costs, self.sample_color, self.tuning
        edge_scale = tuning.map.edge_scale / parameters.edge_sensitivity
        # A finer grid has more samples to an area than to a boundary
        finer = usual_spacing(self.picture.shape, tuning.evidence) / evidence.spacing
        smoothness = parameters.smoothness * tuning.map.smoothness * finer
        if evidence.wide is not None:
            smoothness *= tuning.map.wide_smoothness
        # Which radius an area has shows on a coarse grid; where exactly it ends, on all samples
        step = max(2, round(2 * math.sqrt(math.prod(evidence.shape) / tuning.evidence.samples)))
        rows, columns = (np.arange(0, size, step) for size in evidence.shape)
        summed = np.add.reduceat(np.add.reduceat(costs, rows, axis=0), columns, axis=1)
        weights = contrast_weights(cell_means(color, step), tuning.map.coarse_tie * step * smoothness, edge_scale)
        labels = coherent_labels(summed, weights, progress=progress)
        labels = labels.repeat(step, axis=0).repeat(step, axis=1)[: evidence.shape[0], : evidence.shape[1]]
        found = refined_labels(costs, labels, contrast_weights(color, smoothness, edge_scale))
        radii = np.interp(found, np.arange(len(evidence.radii)), evidence.radii).astype(np.float32)
        self._last = parameters, radii
        return radii

    def draw(self, parameters: MapParameters, progress: Progress = ignore_progress) -> NDArray[np.float32]:
        """Return the blur radius of every pixel, float32 (H, W) in px."""
        result = interpolate_along_edges(
            self.sample_radii(parameters, sub_progress(progress, 0, 0.4)),
            self.picture.color,
            self.sample_color,
            self.evidence.rows,
            self.evidence.columns,
            self.tuning.map.edge_scale / parameters.edge_sensitivity,
            progress=sub_progress(progress, 0.4, 1),
        )
        progress(1.0, "drawing the map")
        return result

    def confidence(self, parameters: MapParameters | None = None) -> NDArray[np.float32]:
        """Return how sure the map is, float32 (H, W) in [0, 1]: the probability of being right to 0.3 px."""
        radius = self.sample_radii(parameters or MapParameters())
        near = probability_near(self.costs, self.evidence, radius, self.tuning.map.temper, self.tuning)
        return interpolate(near, self.evidence.rows, self.evidence.columns, self.picture.shape)

    @cached_property
    def has_evidence(self) -> bool:
        """Whether any sample prefers some radius; in a flat picture none does."""
        best = self.evidence.radii[self.costs.argmin(axis=2)].astype(np.float32)
        near = probability_near(self.costs, self.evidence, best, self.tuning.map.temper, self.tuning)
        return bool(near.max() > self.tuning.map.faint)
