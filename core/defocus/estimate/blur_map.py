"""Blur map: the radius of every pixel, coherent where the picture is (equations 14 to 16), and how sure it is."""

from __future__ import annotations

import itertools
import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from defocus.belief.threshold import radius_prior
from defocus.cuts.labeling import coherent_labels
from defocus.cuts.neighbors import contrast_weights
from defocus.cuts.refinement import refined_labels
from defocus.evidence.radii import usual_spacing
from defocus.parameters import MapParameters
from defocus.pictures.sampling import cell_means, interpolate_along_edges
from defocus.progress import ignore_progress, sub_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.estimate.measured import Measured
    from defocus.progress import Progress

__all__ = ["BlurMapEstimate", "probability_near"]


def probability_near(
    measured: Measured, costs: NDArray[np.float32], radius: NDArray[np.floating], temper: float
) -> NDArray[np.float32]:
    """Return each sample's posterior probability near some radius, float32 (h, w) in [0, 1].

    Parameters
    ----------
    measured : Measured
    costs : float32 (h, w, R)
        Data term in nats.
    radius : float (h, w)
        In px.
    temper : float
        The posterior is exp(-temper * costs), normalised.
    """
    probability = np.exp(np.float32(-temper) * costs)
    radii = measured.evidence.radii.astype(np.float32)
    near = np.abs(radii - radius[..., np.newaxis]) <= measured.tuning.map.near
    result = (probability * near).sum(axis=2) / probability.sum(axis=2)
    result[measured.unknown] = 0
    return np.asarray(result, np.float32)


class BlurMapEstimate:
    """Draws blur maps of one picture.

    Parameters
    ----------
    measured : Measured
    """

    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        self._last: tuple[MapParameters, NDArray[np.float32]] | None = None

    @cached_property
    def likelihood_costs(self) -> NDArray[np.float32]:
        """What each radius costs each sample by its windows alone, float32 (h, w, R) in nats, its least 0."""
        evidence, tuning = self.measured.evidence, self.measured.tuning.map
        cost = evidence.profile + np.float32(tuning.sparsity) * evidence.log_gradient_variance
        if evidence.wide is not None:
            wide = np.float32(tuning.wide_weight) * evidence.wide
            for y, x in itertools.product((0, 1), (0, 1)):
                part = cost[y::2, x::2]
                part += wide[: part.shape[0], : part.shape[1]]
        cost -= cost.min(axis=2, keepdims=True)
        return np.minimum(cost, np.float32(tuning.clip), out=cost)

    @cached_property
    def costs(self) -> NDArray[np.float32]:
        """The data term of (14): the likelihood, as far as it suits the belief, and the belief itself.

        A window beside something sharp sees it and takes its radius, though its own middle is blurred. Where the belief
        and the likelihood are of two minds, the window saw what belongs to the other side: it has less say then, and
        the sample follows its neighbours. Sharp things would show, so belief in focus is not worth as much as windows
        that are sure of a blur. Only photographs are believed so.
        """
        measured, tuning = self.measured, self.measured.tuning
        likelihood = self.likelihood_costs
        if measured.kind != "photograph":
            return likelihood
        belief = measured.belief
        beyond = radius_prior(measured.evidence.radii, measured.threshold.radius, tuning.belief)
        probability = np.exp(np.float32(-tuning.map.temper) * likelihood)
        sharp = (probability @ (1 - beyond)) / probability.sum(axis=2)
        focus = 1 / (1 + np.exp(-belief))
        agreement = focus * sharp + (1 - focus) * (1 - sharp)
        say = np.clip(agreement, np.float32(tuning.belief.least_say), 1)
        nats = np.minimum(np.float32(tuning.belief.map_nats) * belief, np.float32(tuning.belief.most_nats_in_focus))
        nats = nats[..., np.newaxis]
        cost = say[..., np.newaxis] * likelihood + np.maximum(nats, 0) * beyond - np.minimum(nats, 0) * (1 - beyond)
        cost -= cost.min(axis=2, keepdims=True)
        return np.asarray(cost, np.float32)

    def sample_radii(self, parameters: MapParameters, progress: Progress = ignore_progress) -> NDArray[np.float32]:
        """Return the coherent radius at each sample, float32 (h, w) in px."""
        if self._last is not None and self._last[0] == parameters:
            return self._last[1]
        evidence, costs, color, tuning = (
            self.measured.evidence,
            self.costs,
            self.measured.sample_color,
            self.measured.tuning,
        )
        edge_scale = tuning.map.edge_scale / parameters.edge_sensitivity
        # A finer grid has more samples to an area than to a boundary
        finer = usual_spacing(self.measured.picture.shape, tuning.evidence) / evidence.spacing
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
            self.measured.picture.color,
            self.measured.sample_color,
            self.measured.evidence.rows,
            self.measured.evidence.columns,
            self.measured.tuning.map.edge_scale / parameters.edge_sensitivity,
            progress=sub_progress(progress, 0.4, 1),
        )
        progress(1.0, "drawing the map")
        return result

    def confidence(self, parameters: MapParameters | None = None) -> NDArray[np.float32]:
        """Return how sure the map is, float32 (H, W) in [0, 1]: the probability of being right to 0.3 px."""
        radius = self.sample_radii(parameters or MapParameters())
        near = probability_near(self.measured, self.likelihood_costs, radius, self.measured.tuning.map.temper)
        return self.measured.at_pixels(near)

    @cached_property
    def has_evidence(self) -> bool:
        """Whether any sample prefers some radius; in a flat picture none does."""
        best = self.measured.evidence.radii[self.likelihood_costs.argmin(axis=2)].astype(np.float32)
        near = probability_near(self.measured, self.likelihood_costs, best, self.measured.tuning.map.temper)
        return bool(near.max() > self.measured.tuning.map.faint)
