"""Confidence: its features one by one, and that what is said is the logistic of their weighted sum."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

import defocus
from benchmarks.shapes import scenes
from benchmarks.simulated_scenes import blurred
from defocus.answer.confidence import confidence_features, costs_around, probability_right
from defocus.tuning import TUNING

RADII = np.arange(0, 8.01, 0.1)
TEMPER, NEAR = TUNING.confidence.temper, TUNING.confidence.near


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    costs = rng.uniform(0, 30, (2, 3, len(RADII))).astype(np.float32)
    costs -= costs.min(axis=2, keepdims=True)
    learned = rng.uniform(0.5, 6, costs.shape).astype(np.float32)
    around = rng.uniform(0, 30, costs.shape).astype(np.float32)
    return costs, around, learned, rng.uniform(0, 8, costs.shape[:2]).astype(np.float32)


def shares(costs, radius):
    """Probability of each radius, and of those near the answer, for costs of one sample."""
    chance = [math.exp(-c) for c in costs]
    chance = [c / sum(chance) for c in chance]
    return chance, sum(c for c, r in zip(chance, RADII, strict=True) if abs(np.float32(r) - radius) <= NEAR)


@pytest.mark.parametrize("with_prior", [True, False])
def test_features_are_what_they_say(problem, with_prior):
    costs, around, learned, radius = problem
    found = confidence_features(costs, around, learned if with_prior else None, radius, RADII, TUNING.confidence)
    for y, x in np.ndindex(*radius.shape):
        place = math.log(radius[y, x] + 0.3)
        _, own = shares(TEMPER * costs[y, x].astype(float), radius[y, x])
        best = math.log(RADII[costs[y, x].argmin()] + 0.3)
        expected = [1, place, place**2, math.log(own + 0.01), math.log1p(costs[y, x].max()), abs(best - place), 0, 0]
        chance, _ = shares(TEMPER * costs[y, x].astype(float), radius[y, x])
        last = sum(c for c, r in zip(chance, RADII, strict=True) if r >= 0.9 * 8)
        expected += [math.exp(-(8 - radius[y, x]) / 0.8), last]
        _, theirs = shares(TEMPER * around[y, x].astype(float), radius[y, x])
        one, all_of_them = math.log(own + 0.01), math.log(theirs + 0.01)
        expected += [all_of_them, all_of_them**2, all_of_them * place, one**2, one * place]
        if with_prior:
            chance, near = shares(learned[y, x].astype(float), radius[y, x])
            mean = sum(c * math.log(r + 0.3) for c, r in zip(chance, RADII, strict=True))
            expected[6:8] = [math.log(near + 0.01), abs(mean - place)]
        np.testing.assert_allclose(found[y, x], expected, rtol=1e-3, atol=1e-4)


def test_costs_around_are_the_mean_of_the_windows_that_count(problem):
    costs = np.random.default_rng(1).uniform(0, 30, (7, 9, 4)).astype(np.float32)
    judged = np.random.default_rng(2).random((7, 9)) < 0.6
    found = costs_around(costs, judged, 3)
    for y, x in np.ndindex(5, 7):
        part = np.s_[y : y + 3, x : x + 3]
        expected = costs[part][judged[part]].mean(axis=0)
        np.testing.assert_allclose(found[y + 1, x + 1], expected, rtol=1e-4)


def test_confidence_is_the_logistic_of_the_weighted_sum(problem):
    costs, around, learned, radius = problem
    features = confidence_features(costs, around, learned, radius, RADII, TUNING.confidence)
    tuning = SimpleNamespace(
        photograph=(0.1, -0.2, 0.3, 0.4, -0.5, 0.6, 0.7, -0.8, 0.9, -1.0, 0.3, -0.2, 0.1, 0.2, -0.1)
    )
    expected = 1 / (1 + np.exp(-np.einsum("yxk,k->yx", features, tuning.photograph)))
    np.testing.assert_allclose(probability_right(features, "photograph", tuning), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("kind", ["photograph", "brightfield", "fluorescence"])
def test_a_window_that_is_sure_of_the_answer_makes_it_surer(kind):
    costs = (40 * (RADII - 3.0) ** 2)[np.newaxis, np.newaxis].astype(np.float32)
    radius = np.array([[3.0]], np.float32)
    learned = costs / 10 if kind == "photograph" else None
    sharp = confidence_features(costs, costs, learned, radius, RADII, TUNING.confidence)
    vague = confidence_features(costs / 100, costs / 100, learned, radius, RADII, TUNING.confidence)
    assert probability_right(sharp, kind, TUNING.confidence) > probability_right(vague, kind, TUNING.confidence)


@pytest.mark.parametrize("kind", ["photograph", "brightfield"])
@pytest.mark.parametrize("name", ["coffee.jpg", "china.jpg"])
@pytest.mark.lengthy
def test_a_radius_at_the_end_of_the_range_is_never_sure(samples, kind, name):
    """What is blurred by more than was looked for reads the largest radius, and that is wrong."""
    light = defocus.load_image(samples / name).luminance
    noisy = blurred(light, np.full(light.shape, 9, np.float32)) + np.random.default_rng(0).normal(0, 0.004, light.shape)
    analysis = defocus.analyze(np.clip(np.rint(noisy * 255), 0, 255).astype(np.uint8), kind=kind)
    radius = analysis.blur_map()
    assert analysis.share_at_end(radius) > 0.3
    at_end = radius >= analysis.max_radius - 0.3
    assert np.percentile(analysis.confidence[at_end], 95) < 0.3


def test_nor_is_one_of_fluorescence():
    analysis = defocus.analyze(next(scenes("nuclei", "gaussian", 12.0)), kind="fluorescence", max_radius=4)
    radius = analysis.blur_map()
    assert analysis.share_at_end(radius) > 0.5
    at_end = analysis.known & (radius >= 3.7)
    assert np.percentile(analysis.confidence[at_end], 95) < 0.3
