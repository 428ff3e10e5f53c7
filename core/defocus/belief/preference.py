"""Preference: how much each sample prefers being in focus (equation 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.tuning import TUNING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.tuning import VoteTuning

__all__ = ["focus_cost", "radius_preference"]


def focus_cost(
    profile: NDArray[np.float32], log_gradient_variance: NDArray[np.float32], tuning: VoteTuning = TUNING.vote
) -> NDArray[np.float32]:
    """Return the cost of each radius that the mask is cut from, float32 (h, w, R) in nats.

    The negative log-likelihood less 3/4 of the logarithm of the gradient variance: a weak prior that real things have
    contrast, so that what looks smooth is more likely blurred.

    Parameters
    ----------
    profile, log_gradient_variance : float32 (h, w, R)
        From `defocus.evidence.Evidence`.
    tuning : VoteTuning, optional
    """
    return profile - np.float32(tuning.contrast) * log_gradient_variance


def radius_preference(
    cost: NDArray[np.float32], radii: NDArray[np.float64], threshold: float, tuning: VoteTuning = TUNING.vote
) -> NDArray[np.float32]:
    """Return how much each sample prefers being in focus, equation (17), float32 (h, w) in nats, positive = in focus.

    Parameters
    ----------
    cost : float32 (h, w, R)
        From `focus_cost`.
    radii : float64 (R,)
        Radii in px.
    threshold : float
        Largest radius that counts as in focus, in px.
    tuning : VoteTuning, optional
    """
    split = int(np.clip(np.searchsorted(radii, threshold + 1e-6), 1, len(radii) - 1))
    return np.clip(cost[..., split:].min(axis=2) - cost[..., :split].min(axis=2), -tuning.clip, tuning.clip)
