"""Vote: the mask of the radii alone, by a vote over thresholds and with what it says of colours."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from defocus.belief.colors import cut_with_colors, vote_weights
from defocus.belief.preference import radius_preference
from defocus.belief.windows import window_scale
from defocus.cuts.grid_cut import ExactCut
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.tuning import Tuning

__all__ = ["Vote", "probable_thresholds", "vote"]


def _agreement(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks, or of their complements if that is less."""
    both, either = int(np.count_nonzero(first & second)), int(np.count_nonzero(first | second))
    neither = first.size - either
    return min(both / max(either, 1), neither / max(first.size - both, 1))


def _masks(
    cost: NDArray[np.float32],
    radii: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    weights: NDArray[np.float32],
    tuning: Tuning,
) -> list[NDArray[np.bool_]]:
    """Return the mask of each threshold; two threads, and each cut goes on from the one before."""

    def cut_some(some: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
        cutter = ExactCut(weights)
        return [cutter.cut(radius_preference(cost, radii, threshold, tuning.vote), 0) for threshold in some]

    with ThreadPoolExecutor(2) as pool:
        return list(itertools.chain.from_iterable(pool.map(cut_some, np.array_split(thresholds, 2))))


def probable_thresholds(
    cost: NDArray[np.float32],
    radii: NDArray[np.float64],
    weights: NDArray[np.float32],
    shape: tuple[int, int],
    tuning: Tuning = TUNING,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return thresholds and how probable each is for this picture.

    A threshold between two depths can move without changing the mask, one within a depth cannot. So each candidate is
    judged by how well its mask agrees with those of its neighbours, and by its nearness to the usual one, 1.65 px on
    web-size pictures and more, by the square root of the size, on larger ones. Masks that hold nearly nothing or
    everything are not trusted.

    Parameters
    ----------
    cost : float32 (h, w, R)
        From `defocus.belief.preference.focus_cost`.
    radii : float64 (R,)
    weights : float32 (4, h, w)
        From `defocus.cuts.neighbors.grid_weights`.
    shape : (H, W)
        Of the picture in px.
    tuning : Tuning, optional

    Returns
    -------
    thresholds : float64 (T,)
        In px.
    probabilities : float64 (T,)
        Sum 1.
    """
    scale = window_scale(shape, tuning.evidence)
    thresholds = np.array(tuning.vote.candidates) * scale
    thresholds = thresholds[thresholds < radii[-1] - 1e-6]
    if len(thresholds) < 2:
        return np.array([radii[-1] / 2]), np.ones(1)
    masks = _masks(cost, radii, thresholds, weights, tuning)
    score = np.empty(len(masks))
    for i, mask in enumerate(masks):
        near = [j for j in range(max(0, i - 3), min(len(masks), i + 4)) if j != i]
        score[i] = np.mean([_agreement(mask, masks[j]) for j in near])
        if not 0.02 <= mask.mean() <= 0.97:
            score[i] -= 1.0
    deviation = np.log(thresholds / (tuning.vote.usual_threshold * scale)) / tuning.vote.threshold_spread
    score = score / tuning.vote.stability - deviation**2 / 2
    probability = np.exp(score - score.max())
    return thresholds, probability / probability.sum()


@dataclass(frozen=True)
class Vote:
    """What the radii alone say.

    Attributes
    ----------
    preference : float32 (h, w)
        For being in focus, in nats: the mean over the probable thresholds.
    mask : bool (h, w)
        Cut from it, with what a first cut says of colours.
    """

    preference: NDArray[np.float32]
    mask: NDArray[np.bool_]


def vote(
    cost: NDArray[np.float32],
    radii: NDArray[np.float64],
    color: NDArray[np.float32],
    shape: tuple[int, int],
    tuning: Tuning = TUNING,
) -> Vote:
    """Return what the radii of a picture say of its focus.

    Parameters
    ----------
    cost : float32 (h, w, R)
        From `defocus.belief.preference.focus_cost`.
    radii : float64 (R,)
        In px.
    color : float32 (h, w, 3)
        Mean colour around each sample.
    shape : (H, W)
        Of the picture in px.
    tuning : Tuning, optional

    Returns
    -------
    Vote
    """
    # The vote needs many cuts, but no fine boundaries: every second sample will do where there are many
    step = max(1, round(math.sqrt(color.shape[0] * color.shape[1] / tuning.vote.voters)))
    some = np.ascontiguousarray(color[::step, ::step])
    thresholds, probabilities = probable_thresholds(
        cost[::step, ::step], radii, vote_weights(some, tuning), shape, tuning
    )
    preference = np.zeros(color.shape[:2], np.float32)
    for threshold, probability in zip(thresholds, probabilities, strict=True):
        if probability > 0.01:
            preference += np.float32(probability) * radius_preference(cost, radii, threshold, tuning.vote)
    return Vote(preference, cut_with_colors(preference, color, tuning)[0])
