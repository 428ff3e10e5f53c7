"""Confidence: how probable it is that a radius is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.tuning import MapTuning

__all__ = ["sureness"]


def sureness(
    costs: NDArray[np.float32], radius: NDArray[np.float32], radii: NDArray[np.float64], tuning: MapTuning
) -> NDArray[np.float32]:
    """Return each sample's posterior probability near some radius, float32 (h, w) in [0, 1].

    Parameters
    ----------
    costs : float32 (h, w, R)
        Data term in nats.
    radius : float32 (h, w)
        In px.
    radii : float64 (R,)
        In px.
    tuning : MapTuning
    """
    probability = np.exp(np.float32(-tuning.temper) * costs)
    near = np.abs(radii.astype(np.float32) - radius[..., np.newaxis]) <= tuning.near
    return np.asarray((probability * near).sum(axis=2) / probability.sum(axis=2), np.float32)
