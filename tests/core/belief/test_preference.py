"""Preference: written out literally."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from defocus.belief.preference import focus_cost, radius_preference

RADII = np.arange(0, 8.01, 0.1)


def test_preference_is_the_better_explanation_on_either_side_of_the_threshold():
    rng = np.random.default_rng(0)
    cost = rng.uniform(0, 40, (4, 5, len(RADII))).astype(np.float32)
    for threshold in (0.5, 2.0, 5.05):
        found = radius_preference(cost, RADII, threshold)
        for y, x in itertools.product(range(4), range(5)):
            near = min(float(c) for c, r in zip(cost[y, x], RADII, strict=True) if r <= threshold + 1e-6)
            far = min(float(c) for c, r in zip(cost[y, x], RADII, strict=True) if r > threshold + 1e-6)
            assert found[y, x] == pytest.approx(np.clip(far - near, -23, 23), abs=1e-4)


def test_contrast_prior_speaks_for_high_contrast():
    profile = np.zeros((1, 1, 2), np.float32)
    log_variance = np.array([[[0.0, 4.0]]], np.float32)
    assert focus_cost(profile, log_variance)[0, 0, 1] == pytest.approx(-3.0)
