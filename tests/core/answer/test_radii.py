"""Radii: the literal steps, tilted surfaces and depth edges of known truth."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from defocus.answer.radii import (
    Learned,
    Samples,
    coherent_radii,
    least_radius,
    likelihood_costs,
    surface_radii,
    two_sided_radii,
)
from defocus.evidence.radii import OFFSET
from defocus.parameters import MapParameters
from defocus.progress import ignore_progress
from defocus.tuning import TUNING, changed

RADII = np.arange(81) * 0.1


def samples_of(costs, spacing=4):
    height, width = costs.shape[:2]
    evidence = SimpleNamespace(
        shape=(height, width), spacing=spacing, radii=RADII, profile=costs, log_gradient_variance=0 * costs, wide=None,
        shining=None,
    )  # fmt: skip
    return Samples(evidence, np.full((height, width, 3), 0.5, np.float32), (height * spacing, width * spacing))


def costs_of(best, nats=2.0):
    return (nats * (RADII - best[..., np.newaxis]) ** 2).astype(np.float32)


def learned_of(costs, log_odds):
    chance = np.exp(-costs) / np.exp(-costs).sum(axis=2, keepdims=True)
    return Learned(log_odds, costs, (chance @ np.log(RADII + OFFSET)).astype(np.float32))


def test_the_likelihood_has_narrow_and_wide_windows_and_a_prior_on_contrast():
    rng = np.random.default_rng(0)
    shape = (5, 6, 81)
    evidence = SimpleNamespace(
        profile=rng.uniform(0, 9, shape).astype(np.float32),
        log_gradient_variance=rng.normal(0, 2, shape).astype(np.float32),
        wide=rng.uniform(0, 9, (3, 3, 81)).astype(np.float32),
    )
    found = likelihood_costs(evidence, TUNING.map)
    y, x = 3, 4
    expected = evidence.profile[y, x] + TUNING.map.sparsity * evidence.log_gradient_variance[y, x]
    expected = expected + TUNING.map.wide_weight * evidence.wide[1, 2]
    np.testing.assert_allclose(found[y, x], np.minimum(expected - expected.min(), TUNING.map.clip), atol=1e-5)


def test_the_vertex_of_a_parabola_lies_between_radii():
    best = np.array([[0.0, 1.234, 7.97]])
    np.testing.assert_allclose(least_radius(costs_of(best), RADII), best, atol=0.03)
    flat = np.zeros((1, 1, 81), np.float32)
    assert np.isfinite(least_radius(flat, RADII)).all()


def test_what_was_learned_decides_where_windows_know_nothing():
    flat = np.zeros((20, 30, 81), np.float32)
    learned = costs_of(np.full((20, 30), 3.0), 1.0)
    zero = np.zeros((20, 30), np.float32)
    found = surface_radii(flat, learned_of(learned, zero), samples_of(flat), MapParameters(), TUNING)
    np.testing.assert_allclose(found, 3.0, atol=0.02)


def test_noisy_windows_of_one_surface_agree_and_those_of_another_have_no_say():
    rng = np.random.default_rng(1)
    truth = np.where(np.arange(60) < 30, 1.0, 5.0) * np.ones((40, 1))
    noisy = costs_of(truth + rng.normal(0, 0.5, truth.shape), 1.0)
    learned = costs_of(truth, 0.5)
    log_odds = np.where(truth < 2, 4.0, -4.0).astype(np.float32)
    found = surface_radii(noisy, learned_of(learned, log_odds), samples_of(noisy), MapParameters(), TUNING)
    assert np.abs(found - truth).max() < 0.35
    assert np.abs(found - truth).mean() < 0.15
    alone = surface_radii(
        noisy, learned_of(0 * learned, log_odds), samples_of(noisy), MapParameters(smoothness=0), TUNING
    )
    assert np.abs(alone - truth).mean() > 2 * np.abs(found - truth).mean()


def test_a_tilted_surface_is_no_staircase():
    rng = np.random.default_rng(2)
    truth = np.linspace(0.5, 7.5, 90) * np.ones((50, 1))
    noisy, learned = costs_of(truth + rng.normal(0, 0.3, truth.shape), 2.0), costs_of(truth, 0.5)
    zero = np.zeros(truth.shape, np.float32)
    found = surface_radii(noisy, learned_of(learned, zero), samples_of(noisy), MapParameters(), TUNING)
    assert np.abs(found - truth)[:, 5:-5].mean() < 0.15
    assert np.abs(found - truth)[:, 5:-5].max() < 0.5


def test_a_number_of_the_prior_is_read():
    flat = costs_of(np.full((10, 12), 1.0), 0.3)
    learned = costs_of(np.full((10, 12), 3.0), 0.3)
    zero = np.zeros((10, 12), np.float32)
    arguments = learned_of(learned, zero), samples_of(flat), MapParameters()
    both = surface_radii(flat, *arguments, changed({"map.radius_nats": 1.0}))
    np.testing.assert_allclose(both, 2.0, atol=0.05)
    np.testing.assert_allclose(surface_radii(flat, *arguments, changed({"map.radius_nats": 0.0})), 1.0, atol=0.05)


def test_without_a_prior_radii_are_coherent_labels():
    rng = np.random.default_rng(3)
    truth = np.where(np.arange(60) < 30, 1.0, 5.0) * np.ones((40, 1))
    noisy = costs_of(truth + rng.normal(0, 0.5, truth.shape), 4.0)
    samples = samples_of(noisy)
    samples.color[:, 30:] = 0.9
    found = coherent_radii(noisy, samples, MapParameters(), TUNING, ignore_progress)
    assert np.abs(found - truth).mean() < 0.1


def test_bodies_that_the_ground_parts_have_radii_of_their_own():
    """A faint body between strong ones of another depth: nothing ties it to them, however smooth the map."""
    body = np.zeros((24, 60), bool)
    truth = np.full(body.shape, np.nan)
    for left, radius in ((2, 6.0), (24, 2.0), (46, 6.0)):
        body[4:20, left : left + 12] = True
        truth[4:20, left : left + 12] = radius
    nats = np.where(truth == 2, 0.1, 20.0)
    costs = np.where(body, nats, 0)[..., np.newaxis] * (RADII - np.nan_to_num(truth)[..., np.newaxis]) ** 2
    samples = samples_of(costs.astype(np.float32))
    samples.evidence.shining, samples.evidence.valid_fraction = True, body.astype(np.float32)
    smooth = MapParameters(smoothness=10)
    found = coherent_radii(costs.astype(np.float32), samples, smooth, TUNING, ignore_progress)
    np.testing.assert_allclose(found[body], truth[body], atol=0.1)
    # The ground is as the nearest body
    assert found[12, 20] == pytest.approx(2, abs=0.1)
    assert found[12, 16] == pytest.approx(6, abs=0.1)
    samples.evidence.shining = None
    tied = coherent_radii(costs.astype(np.float32), samples, smooth, TUNING, ignore_progress)
    assert tied[12, 30] > 4  # of a picture without a ground, which would be one surface


@pytest.mark.parametrize("threshold", [1.0, 2.5])
def test_radii_stay_on_the_side_of_the_prior(threshold):
    radius = np.array([[0.5, 4.0, 0.5, 4.0]], np.float32)
    log_odds = np.array([[3.0, 3.0, -3.0, -3.0]], np.float32)
    certain = changed({"map.side_doubt": 1e-6}).map
    found = two_sided_radii(radius, log_odds, threshold, certain)[0]
    np.testing.assert_allclose(found[[0, 3]], [0.5, 4.0], rtol=1e-5)
    assert threshold * 0.85 < found[1] < threshold < found[2] < threshold * 1.15
    surer = two_sided_radii(radius, 2 * log_odds, threshold, certain)[0]
    assert surer[1] < found[1]
    assert surer[2] > found[2]


def test_a_radius_of_doubtful_side_is_the_mean_of_both_sides():
    threshold, radius, log_odds = 1.5, 3.0, -0.7
    tuning = changed({"map.side_nats": 0.0}).map
    found = two_sided_radii(np.array([[radius]], np.float32), np.array([[log_odds]], np.float32), threshold, tuning)
    away = np.log((radius + 0.3) / (threshold + 0.3))
    blurred = 1 / (1 + np.exp(log_odds))
    expected = np.exp(np.log(threshold + 0.3) + blurred * away - (1 - blurred) * away) - 0.3
    np.testing.assert_allclose(found, [[expected]], rtol=1e-5)
    surer = two_sided_radii(np.array([[radius]], np.float32), np.array([[log_odds]], np.float32), threshold, TUNING.map)
    assert found[0, 0] < surer[0, 0] < radius
