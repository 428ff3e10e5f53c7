"""The threshold: the radius up to which a picture's belief calls things in focus, and how another one changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from defocus.belief.preference import radius_preference
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.tuning import BeliefTuning

__all__ = ["Threshold", "caution", "moved_log_odds", "radius_prior", "threshold_of"]

_FAR = 4  # power: how far out most of what is blurred without evidence lies
_CERTAIN = 50.0  # log-odds where the threshold leaves no choice
_ALL, _NONE = 0.98, 0.02  # shares in focus that count as everything and nothing


@dataclass(frozen=True)
class Threshold:
    """What "auto" means for one picture.

    Attributes
    ----------
    radius : float
        In px; what is blurred less counts as in focus.
    reason : str
        Why, in one line.
    """

    radius: float
    reason: str


def threshold_of(
    log_odds: NDArray[np.float32],
    cost: NDArray[np.float32],
    radii: NDArray[np.float64],
    scale: float,
    tuning: BeliefTuning = TUNING.belief,
) -> Threshold:
    """Return the radius that parts a picture as the belief does.

    Parameters
    ----------
    log_odds : float32 (h, w)
        From `defocus.belief.log_odds.focus_log_odds`.
    cost : float32 (h, w, R)
        From `defocus.belief.preference.focus_cost`.
    radii : float64 (R,)
    scale : float
        By how much radii that look sharp are larger than on pictures of web size.
    tuning : BeliefTuning, optional
    """
    best = cost.argmin(axis=2)
    known = (cost.max(axis=2) - cost.min(axis=2)) > tuning.evidence_nats
    if not known.any():
        return Threshold(min(tuning.usual_threshold * scale, float(radii[-1])), "no evidence: the usual radius")
    # Weight of the samples in focus, and of the others, by their best radius
    weight = np.minimum(np.abs(log_odds[known]), 2)
    focus = log_odds[known] > 0
    index = best[known]
    inside = np.bincount(index[focus], weight[focus], len(radii))
    outside = np.bincount(index[~focus], weight[~focus], len(radii))
    wrong = inside.sum() - np.cumsum(inside) + np.cumsum(outside)
    wrong = wrong / max(float(weight.sum()), 1e-9)
    allowed = (radii >= 0.3) & (radii < radii[-1] - 1e-6)
    if not allowed.any():
        return Threshold(float(radii[-1]) / 2, "no radius to choose from")
    stray = np.log(np.maximum(radii, 0.1) / (tuning.usual_threshold * scale)) / tuning.threshold_spread
    score = np.where(allowed, wrong + tuning.threshold_pull * stray**2, np.inf)
    radius = float(radii[int(score.argmin())])
    share = float(np.mean(log_odds > 0))
    if share > _ALL:
        return Threshold(radius, f"{share:.0%} looks in focus: nothing is blurred more than this")
    if share < _NONE:
        return Threshold(radius, "nothing looks in focus: nothing is blurred less than this")
    agreed = 1 - float(wrong[int(score.argmin())])
    return Threshold(radius, f"parts the {share:.0%} in focus from the rest, as {agreed:.0%} of the evidence does")


def moved_log_odds(
    log_odds: NDArray[np.float32],
    cost: NDArray[np.float32],
    radii: NDArray[np.float64],
    auto: float,
    threshold: float,
    tuning: BeliefTuning = TUNING.belief,
) -> NDArray[np.float32]:
    """Return the log-odds of being in focus if another radius than `auto` is the largest that counts as such.

    Parameters
    ----------
    log_odds : float32 (h, w)
        By the radius `auto`.
    cost : float32 (h, w, R)
        From `defocus.belief.preference.focus_cost`.
    radii : float64 (R,)
        In px.
    auto, threshold : float
        In px.
    tuning : BeliefTuning, optional

    Returns
    -------
    float32 (h, w)
        Never falls as `threshold` rises, at no sample.
    """
    if threshold == auto:
        return log_odds
    largest = float(radii[-1])
    if threshold >= largest - 1e-6:
        return np.full_like(log_odds, _CERTAIN)
    change = radius_preference(cost, radii, threshold) - radius_preference(cost, radii, auto)
    # What is believed blurred without evidence may have any radius, mostly a large one; of all that nothing is left
    # beyond the largest
    focus = 1 / (1 + np.exp(-log_odds.astype(np.float64)))
    if threshold > auto:
        reached = np.log(threshold / auto) / np.log(largest / auto)
        focus = focus + (1 - focus) * reached**_FAR
    focus = np.clip(focus, 1e-12, 1 - 1e-12)
    return (np.log(focus / (1 - focus)) + tuning.odds_per_nat * change).astype(np.float32)


def caution(log_odds: NDArray[np.float32], tuning: BeliefTuning = TUNING.belief) -> float:
    """Return by how much a mask doubts what is in focus, as log-odds.

    A mask that misses something blurred is worse than one that misses something in focus, which is the smaller part of
    most photographs; not so where nearly everything is in focus.
    """
    share = float(np.mean(1 / (1 + np.exp(-log_odds))))
    return tuning.caution * min(max((tuning.mostly - share) / 0.15, 0.0), 1.0)


def radius_prior(
    radii: NDArray[np.float64], threshold: float, tuning: BeliefTuning = TUNING.belief
) -> NDArray[np.float32]:
    """Return how far each radius lies on the blurred side of the threshold, float32 (R,) from 0 to 1."""
    position = np.log(np.maximum(radii, 0.05) / threshold) / tuning.step_width
    return (1 / (1 + np.exp(-position))).astype(np.float32)
