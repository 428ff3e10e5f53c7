"""Radii: the radius of every sample, from its evidence and its neighbours', with a learned prior or without."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from defocus.answer.aggregation import aggregated
from defocus.cuts.labeling import coherent_labels
from defocus.cuts.neighbors import contrast_weights, untie
from defocus.cuts.refinement import refined_labels
from defocus.evidence.radii import OFFSET, usual_spacing
from defocus.parallel import run_parts
from defocus.pictures.sampling import cell_means, nearest_known

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence import Evidence
    from defocus.parameters import MapParameters
    from defocus.progress import Progress
    from defocus.tuning import EvidenceTuning, MapTuning, Tuning

__all__ = [
    "Learned",
    "Samples",
    "coherent_radii",
    "least_radius",
    "likelihood_costs",
    "surface_radii",
    "two_sided_radii",
]

_STRIP = 32  # rows of samples done at a time; even, as wide windows have every second row
_FLAT = 1e-6  # nats: costs that bend less have no minimum between radii


@dataclass(frozen=True)
class Samples:
    """Where evidence was measured.

    Attributes
    ----------
    evidence : Evidence
    color : float32 (h, w, 3)
        Mean colour around each sample.
    shape : (H, W)
        Of the picture in px.
    """

    evidence: Evidence
    color: NDArray[np.float32]
    shape: tuple[int, int]

    def finer(self, tuning: EvidenceTuning) -> float:
        """Return how many samples lie on the usual distance of two: a finer grid has more to an area."""
        return usual_spacing(self.shape, tuning) / self.evidence.spacing


@dataclass(frozen=True)
class Learned:
    """What the learned prior says of every sample.

    Attributes
    ----------
    log_odds : float32 (h, w)
        Of being in focus; positive in focus.
    costs : float32 (h, w, R)
        Of each radius, in nats.
    size : float32 (h, w)
        Mean of log(radius + 0.3), radii in px of a web-size picture.
    """

    log_odds: NDArray[np.float32]
    costs: NDArray[np.float32]
    size: NDArray[np.float32]


def likelihood_costs(evidence: Evidence, tuning: MapTuning) -> NDArray[np.float32]:
    """Return what each radius costs each sample by its windows alone, float32 (h, w, R) in nats, its least 0.

    Parameters
    ----------
    evidence : Evidence
    tuning : MapTuning
    """
    out = np.empty_like(evidence.profile)

    def strip(top: int) -> None:
        rows = slice(top, top + _STRIP)
        cost = out[rows]
        np.multiply(evidence.log_gradient_variance[rows], np.float32(tuning.sparsity), out=cost)
        cost += evidence.profile[rows]
        if evidence.wide is not None:
            wide = np.float32(tuning.wide_weight) * evidence.wide[top // 2 : (top + _STRIP) // 2]
            for y, x in itertools.product((0, 1), (0, 1)):
                part = cost[y::2, x::2]
                part += wide[: part.shape[0], : part.shape[1]]
        cost -= cost.min(axis=2, keepdims=True)
        np.minimum(cost, np.float32(tuning.clip), out=cost)

    run_parts(strip, range(0, len(out), _STRIP))
    return out


def surface_radii(
    likelihood: NDArray[np.float32],
    learned: Learned,
    samples: Samples,
    parameters: MapParameters,
    tuning: Tuning,
) -> NDArray[np.float32]:
    """Return the radius of every sample of a photograph, float32 (h, w) in px: the best for all of its surface.

    The data term is the likelihood and what was learned of the radius; no window counts much, as one beside something
    sharp sees it and takes its radius, though its own middle is blurred. It is averaged along surfaces, which the
    learned prior and colours tell apart.

    Parameters
    ----------
    likelihood : float32 (h, w, R)
        From `likelihood_costs`.
    learned : Learned
    samples : Samples
    parameters : MapParameters
    tuning : Tuning
    """
    numbers = tuning.map
    costs = np.empty_like(likelihood)

    def strip(top: int) -> None:
        rows = slice(top, top + _STRIP)
        np.minimum(likelihood[rows], np.float32(numbers.clip_learned), out=costs[rows])
        costs[rows] += np.float32(numbers.radius_nats) * learned.costs[rows]

    run_parts(strip, range(0, len(costs), _STRIP))
    guide = np.concatenate(
        [
            learned.size[..., np.newaxis] / np.float32(numbers.guide_radius),
            learned.log_odds[..., np.newaxis] / np.float32(numbers.guide_log_odds),
            samples.color * np.float32(parameters.edge_sensitivity / numbers.guide_color),
        ],
        axis=2,
    )
    reach = numbers.reach * parameters.smoothness * samples.finer(tuning.evidence)
    return least_radius(aggregated(costs, guide, reach), samples.evidence.radii)


def least_radius(costs: NDArray[np.float32], radii: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the radius of least cost of each sample, float32 (h, w) in px, between radii by a parabola.

    Parameters
    ----------
    costs : float32 (h, w, R)
    radii : float64 (R,)
        In px; at least three.

    Examples
    --------
    >>> costs = (np.arange(5, dtype=np.float32) - 2.25) ** 2
    >>> least_radius(costs[np.newaxis, np.newaxis], np.arange(5) * 0.1).round(3)
    array([[0.225]], dtype=float32)
    """
    middle = np.clip(costs.argmin(axis=2), 1, len(radii) - 2)
    before, here, after = (np.take_along_axis(costs, middle[..., np.newaxis] + k, 2)[..., 0] for k in (-1, 0, 1))
    bend = before - 2 * here + after
    step = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend > _FLAT)
    return np.interp(middle + np.clip(step, -1, 1), np.arange(len(radii)), radii).astype(np.float32)


def coherent_radii(
    costs: NDArray[np.float32],
    samples: Samples,
    parameters: MapParameters,
    tuning: Tuning,
    progress: Progress,
) -> NDArray[np.float32]:
    """Return the radius of every sample of a picture of which nothing was learned, float32 (h, w) in px.

    The labelling of least energy, (14) to (16), and radii between the labels. In fluorescence only what shines is tied
    to what shines beside it: bodies that the ground parts lie at depths of their own. The ground is as the nearest.

    Parameters
    ----------
    costs : float32 (h, w, R)
        Data term in nats.
    samples : Samples
    parameters : MapParameters
    tuning : Tuning
    progress : callable
    """
    evidence, color = samples.evidence, samples.color
    edge_scale = tuning.map.edge_scale / parameters.edge_sensitivity
    smoothness = parameters.smoothness * tuning.map.smoothness * samples.finer(tuning.evidence)
    if evidence.wide is not None:
        smoothness *= tuning.map.wide_smoothness
    # Which radius an area has shows on a coarse grid; where exactly it ends, on all samples
    step = max(2, round(2 * math.sqrt(math.prod(evidence.shape) / tuning.evidence.samples)))
    rows, columns = (np.arange(0, size, step) for size in evidence.shape)
    summed = np.add.reduceat(np.add.reduceat(costs, rows, axis=0), columns, axis=1)
    weights = contrast_weights(cell_means(color, step), tuning.map.coarse_tie * step * smoothness, edge_scale)
    fine_weights = contrast_weights(color, smoothness, edge_scale)
    bodies = None if evidence.shining is None else evidence.valid_fraction > 0
    if bodies is not None:
        untie(weights, np.maximum.reduceat(np.maximum.reduceat(bodies, rows, axis=0), columns, axis=1))
        untie(fine_weights, bodies)
    labels = coherent_labels(summed, weights, progress=progress)
    labels = labels.repeat(step, axis=0).repeat(step, axis=1)[: evidence.shape[0], : evidence.shape[1]]
    found = refined_labels(costs, labels, fine_weights)
    if bodies is not None:
        found = found[nearest_known(bodies)]
    return np.interp(found, np.arange(len(evidence.radii)), evidence.radii).astype(np.float32)


def two_sided_radii(
    radius: NDArray[np.float32], log_odds: NDArray[np.float32], threshold: float, tuning: MapTuning
) -> NDArray[np.float32]:
    """Return radii on the side of a threshold that the learned prior says, as far from it as is sure, float32 (h, w).

    What is believed in focus has at most a radius that is the threshold where the prior is of two minds and less the
    surer it is; what is believed blurred at least one that is accordingly more. If the prior is wrong, the radius lies
    as far on the other side; the mean of both, by their probabilities, is returned: near the threshold where nobody
    knows on which side things are. Windows that agree with the prior make its side surer.

    Parameters
    ----------
    radius : float32 (h, w)
        In px.
    log_odds : float32 (h, w)
        Positive in focus.
    threshold : float
        In px.
    tuning : MapTuning
    """
    away = np.log((radius + np.float32(OFFSET)) / np.float32(threshold + OFFSET))
    bound = log_odds / np.float32(-tuning.side_slope)
    away = np.where(log_odds > 0, np.minimum(away, bound), np.maximum(away, bound))
    odds = np.abs(log_odds) + np.float32(tuning.side_nats) * np.abs(away)
    sure = np.tanh(odds / np.float32(tuning.side_doubt))  # probability of this side less that of the other
    radius = np.float32(threshold + OFFSET) * np.exp(away * sure) - np.float32(OFFSET)
    return np.asarray(np.maximum(radius, 0), np.float32)
