"""Confidence: how probable it is that a radius is right to 0.3 px, by what is known of its window and its surroundings.

A logistic regression on what tells right radii from wrong ones, fitted on pictures of known blur, for each kind of
picture, by ``python -m benchmarks.fit_confidence``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.evidence.radii import OFFSET

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from defocus.pictures.kind import Kind
    from defocus.tuning import ConfidenceTuning

__all__ = ["confidence_features", "costs_around", "probability_right"]

_LEAST = 0.01  # of a probability whose logarithm is taken
_LEAST_PART = 1e-6  # of the surroundings, that is divided by
_END = 0.1  # of the largest radius: so near to it radii stand for all that are larger, too


def costs_around(costs: NDArray[np.float32], judged: NDArray[np.bool_], across: int) -> NDArray[np.float32]:
    """Return what each radius costs the windows around each sample, on average, float32 (h, w, R) in nats.

    Parameters
    ----------
    costs : float32 (h, w, R)
        Of the windows alone, in nats.
    judged : bool (h, w)
        Which windows count; what is said of the others means nothing.
    across : int
        Samples along each side of the surroundings.
    """
    from scipy import ndimage

    total = ndimage.uniform_filter(costs * judged[..., np.newaxis], (across, across, 1), mode="nearest")
    part = ndimage.uniform_filter(judged.astype(np.float32), across, mode="nearest")
    total /= np.maximum(part, np.float32(_LEAST_PART))[..., np.newaxis]
    return np.asarray(total, np.float32)


def confidence_features(
    costs: NDArray[np.float32],
    around: NDArray[np.float32],
    learned: NDArray[np.float32] | None,
    radius: NDArray[np.float32],
    radii: NDArray[np.float64],
    tuning: ConfidenceTuning,
) -> NDArray[np.float32]:
    """Return what tells right radii from wrong ones, float32 (h, w, 15).

    One; the logarithm of the radius, and its square, as radii in the middle are told best; the logarithm of its
    probability by the window alone, with a likelihood tempered because energies of one window are correlated; how much
    the window tells at all; how far its own best radius lies; the logarithm of the learned probability; and how far the
    learned radius lies, both 0 where nothing was learned. How near the radius is to the largest that was looked for,
    and the part of the window's probability that lies there: no larger radius was asked, so such a radius says "at
    least". The logarithm of its probability by the windows around, whose errors are not the same. And of that and of
    the window's own the square and the product with the logarithm of the radius: windows leave large radii open that
    are right.

    Parameters
    ----------
    costs : float32 (h, w, R)
        Of the windows alone, in nats, the least 0.
    around : float32 (h, w, R)
        From `costs_around`.
    learned : float32 (h, w, R) or None
        Learned cost of each radius in nats.
    radius : float32 (h, w)
        In px.
    radii : float64 (R,)
        In px.
    tuning : ConfidenceTuning
    """
    near = np.abs(radii.astype(np.float32) - radius[..., np.newaxis]) <= tuning.near
    size, place = np.log(radii + OFFSET).astype(np.float32), np.log(radius + np.float32(OFFSET))
    probability = np.exp(np.float32(-tuning.temper) * costs)
    total = probability.sum(axis=2)
    own = (probability * near).sum(axis=2) / total
    theirs = np.exp(np.float32(-tuning.temper) * (around - around.min(axis=2, keepdims=True)))
    out = np.zeros((*radius.shape, 15), np.float32)
    out[..., 0] = 1
    out[..., 1] = place
    out[..., 2] = place * place
    out[..., 3] = np.log(own + _LEAST)
    out[..., 4] = np.log1p(costs.max(axis=2))
    out[..., 5] = np.abs(size[costs.argmin(axis=2)] - place)
    far = radii >= (1 - _END) * radii[-1]
    out[..., 8] = np.exp((radius / np.float32(radii[-1]) - 1) / np.float32(_END))
    out[..., 9] = probability[..., far].sum(axis=2) / total
    out[..., 10] = np.log((theirs * near).sum(axis=2) / theirs.sum(axis=2) + _LEAST)
    out[..., 11] = out[..., 10] ** 2
    out[..., 12] = out[..., 10] * place
    out[..., 13] = out[..., 3] ** 2
    out[..., 14] = out[..., 3] * place
    if learned is not None:
        chance = np.exp(-learned)
        chance /= chance.sum(axis=2, keepdims=True)
        out[..., 6] = np.log((chance * near).sum(axis=2) + _LEAST)
        out[..., 7] = np.abs(chance @ size - place)
    return out


def probability_right(
    features: NDArray[np.float32], kind: Kind | Literal["fluorescence_disc"], tuning: ConfidenceTuning
) -> NDArray[np.float32]:
    """Return the probability of being right to 0.3 px, float32 (h, w).

    Parameters
    ----------
    features : float32 (h, w, 15)
        From `confidence_features`.
    kind : {"photograph", "fluorescence", "brightfield", "fluorescence_disc"}
        The last is fluorescence whose blur was told to be a disc.
    tuning : ConfidenceTuning
    """
    weights = np.array(getattr(tuning, kind), np.float32)
    return np.asarray(1 / (1 + np.exp(-(features @ weights))), np.float32)
