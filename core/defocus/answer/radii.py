"""Radii: the coherent radius of every sample (equations 14 to 16), from its evidence and the learned prior."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from defocus.cuts.labeling import coherent_labels
from defocus.cuts.neighbors import contrast_weights
from defocus.cuts.refinement import refined_labels
from defocus.evidence.radii import usual_spacing
from defocus.pictures.sampling import cell_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence import Evidence
    from defocus.parameters import MapParameters
    from defocus.progress import Progress
    from defocus.tuning import MapTuning, Tuning

__all__ = ["believed_costs", "coherent_radii", "likelihood_costs", "side_bound"]

_OFFSET = 0.3  # px: radii below are hardly told apart, so distances of radii are those of log(radius + 0.3)


def likelihood_costs(evidence: Evidence, tuning: MapTuning) -> NDArray[np.float32]:
    """Return what each radius costs each sample by its windows alone, float32 (h, w, R) in nats, its least 0.

    Parameters
    ----------
    evidence : Evidence
    tuning : MapTuning
    """
    cost = evidence.profile + np.float32(tuning.sparsity) * evidence.log_gradient_variance
    if evidence.wide is not None:
        wide = np.float32(tuning.wide_weight) * evidence.wide
        for y, x in itertools.product((0, 1), (0, 1)):
            part = cost[y::2, x::2]
            part += wide[: part.shape[0], : part.shape[1]]
    cost -= cost.min(axis=2, keepdims=True)
    return np.minimum(cost, np.float32(tuning.clip), out=cost)


def believed_costs(
    likelihood: NDArray[np.float32],
    log_odds: NDArray[np.float32],
    radii: NDArray[np.float64],
    threshold: float,
    tuning: MapTuning,
) -> NDArray[np.float32]:
    """Return the data term of (14): the likelihood, as far as it suits the learned prior, and the prior itself.

    A window beside something sharp sees it and takes its radius, though its own middle is blurred. Where prior and
    likelihood are of two minds, the window saw what belongs to the other side: it has less say then, and the sample
    follows its neighbours. Sharp things would show, so a prior in focus is not worth as much as windows that are sure
    of a blur.

    Parameters
    ----------
    likelihood : float32 (h, w, R)
        From `likelihood_costs`.
    log_odds : float32 (h, w)
        Of being in focus, by the radius `threshold`.
    radii : float64 (R,)
        In px.
    threshold : float
        In px.
    tuning : MapTuning
    """
    # How far each radius lies on the blurred side
    position = np.log(np.maximum(radii, 0.05) / threshold) / tuning.step_width
    beyond = (1 / (1 + np.exp(-position))).astype(np.float32)
    probability = np.exp(np.float32(-tuning.temper) * likelihood)
    sharp = (probability @ (1 - beyond)) / probability.sum(axis=2)
    focus = 1 / (1 + np.exp(-log_odds))
    agreement = focus * sharp + (1 - focus) * (1 - sharp)
    say = np.clip(agreement, np.float32(tuning.least_say), 1)
    nats = np.minimum(np.float32(tuning.prior_nats) * log_odds, np.float32(tuning.most_nats_in_focus))[..., np.newaxis]
    cost = say[..., np.newaxis] * likelihood + np.maximum(nats, 0) * beyond - np.minimum(nats, 0) * (1 - beyond)
    cost -= cost.min(axis=2, keepdims=True)
    return np.asarray(cost, np.float32)


def coherent_radii(
    costs: NDArray[np.float32],
    evidence: Evidence,
    color: NDArray[np.float32],
    shape: tuple[int, int],
    parameters: MapParameters,
    tuning: Tuning,
    progress: Progress,
) -> NDArray[np.float32]:
    """Return the coherent radius at each sample, float32 (h, w) in px.

    Parameters
    ----------
    costs : float32 (h, w, R)
        Data term in nats.
    evidence : Evidence
    color : float32 (h, w, 3)
        Mean colour around each sample.
    shape : (H, W)
        Of the picture in px.
    parameters : MapParameters
    tuning : Tuning
    progress : callable
    """
    edge_scale = tuning.map.edge_scale / parameters.edge_sensitivity
    # A finer grid has more samples to an area than to a boundary
    finer = usual_spacing(shape, tuning.evidence) / evidence.spacing
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
    return np.interp(found, np.arange(len(evidence.radii)), evidence.radii).astype(np.float32)


def side_bound(
    radius: NDArray[np.float32], log_odds: NDArray[np.float32], threshold: float, slope: float
) -> NDArray[np.float32]:
    """Return radii kept on the side of a threshold that the learned prior says, float32 (h, w) in px.

    What is believed in focus has at most a radius that is the threshold where the prior is of two minds and less the
    surer it is; what is believed blurred at least one that is accordingly more.

    Parameters
    ----------
    radius : float32 (h, w)
        In px.
    log_odds : float32 (h, w)
        Positive in focus.
    threshold : float
        In px.
    slope : float
        Log-odds that move the bound by a factor of e.
    """
    bound = (threshold + _OFFSET) * np.exp(-log_odds / np.float32(slope)) - _OFFSET
    return np.where(log_odds > 0, np.minimum(radius, bound), np.maximum(radius, bound)).astype(np.float32)
