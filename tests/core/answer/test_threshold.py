"""Thresholds: the radius that parts a picture as the prior does, by brute force; and what is no photograph."""

from __future__ import annotations

import numpy as np
import pytest

from defocus.answer.threshold import absolute_threshold, nearly_chosen, parting_threshold
from defocus.tuning import TUNING

RADII = np.arange(81) * 0.1


def costs_of(best):
    return ((RADII - best[..., np.newaxis]) ** 2 * 40).astype(np.float32)


def parted(focus_radius, blur_radius):
    best = np.full((20, 30), blur_radius)
    best[:, :10] = focus_radius
    log_odds = np.where(np.arange(30) < 10, 3.0, -3.0) * np.ones((20, 1))
    return parting_threshold(log_odds.astype(np.float32), costs_of(best), RADII, 1.0, TUNING.threshold)


@pytest.mark.parametrize(("near", "far"), [(0.4, 3.0), (0.8, 1.9), (2.5, 5.0)])
def test_it_lies_between_what_is_in_focus_and_what_is_not(near, far):
    found = parted(near, far)
    assert near <= found.radius < far
    assert "33%" in found.reason
    assert "100%" in found.reason


def test_it_is_the_least_of_what_is_wrong_and_what_strays():
    rng = np.random.default_rng(0)
    best = rng.choice(RADII, (15, 20))
    log_odds = rng.normal(0, 2, (15, 20)).astype(np.float32)
    found = parting_threshold(log_odds, costs_of(best), RADII, 1.2, TUNING.threshold)
    weight = np.minimum(np.abs(log_odds), 2)

    def score(radius):
        wrong = weight[(best <= radius + 1e-9) != (log_odds > 0)].sum() / weight.sum()
        return (
            wrong
            + TUNING.threshold.pull * (np.log(radius / (1.2 * TUNING.threshold.usual)) / TUNING.threshold.spread) ** 2
        )

    allowed = RADII[3:-1]
    assert found.radius == pytest.approx(min(allowed, key=score))


def test_all_and_nothing_are_said():
    best = np.full((10, 10), 2.0)
    for sign, words in ((1, "looks in focus: nothing is blurred more"), (-1, "nothing looks in focus")):
        log_odds = np.full((10, 10), 4.0 * sign, np.float32)
        assert words in parting_threshold(log_odds, costs_of(best), RADII, 1.0, TUNING.threshold).reason


def test_without_evidence_or_prior_it_is_the_usual_radius():
    nothing = parting_threshold(
        np.ones((3, 3), np.float32), np.zeros((3, 3, 81), np.float32), RADII, 1.0, TUNING.threshold
    )
    assert (nothing.radius, nothing.reason) == (TUNING.threshold.usual, "no evidence: the usual radius")
    assert absolute_threshold(3.5, RADII).radius == 3.5
    assert absolute_threshold(12.0, RADII).radius == 8.0
    assert "absolute" in absolute_threshold(3.5, RADII).reason


def test_a_close_call_is_told_with_the_other_threshold():
    """A third in focus, a third blurred, and one between whose side is hardly known."""
    radius = np.repeat([0.5, 1.8, 4.0], 200).reshape(20, 30).astype(np.float32)
    sure = np.repeat([4.0, -4.0, -4.0], 200).reshape(20, 30).astype(np.float32)
    assert nearly_chosen(sure, radius, 1.2, TUNING.threshold) is None
    for side, inside in ((-0.4, True), (0.4, False)):
        log_odds = np.where(radius == np.float32(1.8), side, sure).astype(np.float32)
        auto = 1.2 if side < 0 else 2.5
        other = nearly_chosen(log_odds, radius, auto, TUNING.threshold)
        assert other is not None
        np.testing.assert_array_equal((radius <= other)[radius == np.float32(1.8)], inside)
        assert (radius <= other)[radius < 1].all()
        assert not (radius <= other)[radius > 3].any()
