"""The threshold: the radius up to which things count as in focus unless somebody says another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.tuning import ThresholdTuning

__all__ = ["Threshold", "absolute_threshold", "nearly_chosen", "parting_threshold"]

_ALL, _NONE = 0.98, 0.02  # shares in focus that count as everything and nothing


@dataclass(frozen=True)
class Threshold:
    """What "auto" means for one picture.

    Attributes
    ----------
    radius : float
        In px; what is blurred no more counts as in focus.
    reason : str
        Why, in one line.
    """

    radius: float
    reason: str


def nearly_chosen(
    log_odds: NDArray[np.float32], radius: NDArray[np.float32], auto: float, tuning: ThresholdTuning
) -> float | None:
    """Return a threshold in px that was nearly chosen and gives another mask; None if it was no close call.

    A close call hangs on little: were the learned log-odds a little more, or less, a large part of the picture would
    change sides. The other threshold takes that part along, or leaves it out.

    Parameters
    ----------
    log_odds : float32 (h, w)
        Of being in focus, of each sample.
    radius : float32 (h, w)
        Of each sample, in px.
    auto : float
        The threshold that was chosen, in px.
    tuning : ThresholdTuning
    """
    strict, here, lax = (float(np.mean(log_odds > bias)) for bias in (tuning.doubt, 0, -tuning.doubt))
    share = strict if here - strict > lax - here else lax
    if abs(share - here) < tuning.close_share:
        return None
    other = float(np.quantile(radius, share))
    parted = np.mean((radius <= other) != (radius <= auto))
    return other if other > 0 and parted >= tuning.close_share / 2 else None


def absolute_threshold(radius: float, radii: NDArray[np.float64]) -> Threshold:
    """Return the usual radius, for pictures of which nothing was learned."""
    return Threshold(min(radius, float(radii[-1])), "an absolute radius: nothing was learned of such pictures")


def parting_threshold(
    log_odds: NDArray[np.float32],
    cost: NDArray[np.float32],
    radii: NDArray[np.float64],
    scale: float,
    tuning: ThresholdTuning,
) -> Threshold:
    """Return the radius that parts a picture as the learned prior does.

    Parameters
    ----------
    log_odds : float32 (h, w)
        Of being in focus, of each sample.
    cost : float32 (h, w, R)
        Of each radius, in nats.
    radii : float64 (R,)
    scale : float
        By how much radii that look sharp are larger than on pictures of web size.
    tuning : ThresholdTuning
    """
    best = cost.argmin(axis=2)
    known = cost.max(axis=2) > tuning.evidence_nats
    usual = min(tuning.usual * scale, float(radii[-1]))
    if not known.any():
        return Threshold(usual, "no evidence: the usual radius")
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
    stray = np.log(np.maximum(radii, 0.1) / (tuning.usual * scale)) / tuning.spread
    score = np.where(allowed, wrong + tuning.pull * stray**2, np.inf)
    chosen = int(score.argmin())
    radius = float(radii[chosen])
    share = float(np.mean(log_odds > 0))
    if share > _ALL:
        return Threshold(radius, f"{share:.0%} looks in focus: nothing is blurred more than this")
    if share < _NONE:
        return Threshold(radius, "nothing looks in focus: nothing is blurred less than this")
    agreed = 1 - float(wrong[chosen])
    return Threshold(radius, f"parts the {share:.0%} in focus from the rest, as {agreed:.0%} of the evidence does")
