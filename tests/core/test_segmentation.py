"""The mask's parts: preferences written out, cuts against all masks, colours and thresholds with known answers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from defocus.segmentation import (
    coarse_weights,
    color_preference,
    cut,
    focus_cost,
    focus_preference,
    probable_thresholds,
)

RADII = np.arange(0, 8.01, 0.1)


def test_preference_is_the_better_explanation_on_either_side_of_the_threshold():
    rng = np.random.default_rng(0)
    cost = rng.uniform(0, 40, (4, 5, len(RADII))).astype(np.float32)
    for threshold in (0.5, 2.0, 5.05):
        found = focus_preference(cost, RADII, threshold)
        for y, x in itertools.product(range(4), range(5)):
            near = min(float(c) for c, r in zip(cost[y, x], RADII, strict=True) if r <= threshold + 1e-6)
            far = min(float(c) for c, r in zip(cost[y, x], RADII, strict=True) if r > threshold + 1e-6)
            assert found[y, x] == pytest.approx(np.clip(far - near, -23, 23), abs=1e-4)


def test_contrast_prior_speaks_for_high_contrast():
    profile = np.zeros((1, 1, 2), np.float32)
    log_variance = np.array([[[0.0, 4.0]]], np.float32)
    assert focus_cost(profile, log_variance)[0, 0, 1] == pytest.approx(-3.0)


def test_the_cut_has_the_least_energy_of_all_masks():
    rng = np.random.default_rng(4)
    for _ in range(5):
        preference = rng.normal(0, 2, (3, 4)).astype(np.float32)
        color = rng.uniform(0, 0.1, (3, 4, 3)).astype(np.float32)
        weights = np.zeros((4, 3, 4), np.float32)
        weights[:] = coarse_weights(color, 0.5, 1.0)
        weights = np.minimum(weights, 3)

        def energy(mask, preference=preference, weights=weights):
            total = -float(preference[mask].sum())
            for y, x in itertools.product(range(3), range(4)):
                for k, (down, right) in enumerate(((0, 1), (1, 0), (1, 1), (1, -1))):
                    v, u = y + down, x + right
                    if v < 3 and 0 <= u < 4 and mask[y, x] != mask[v, u]:
                        total += float(weights[k, y, x])
            return total

        best = min(energy(np.reshape(bits, (3, 4))) for bits in itertools.product((False, True), repeat=12))
        assert energy(cut(preference, weights)) == pytest.approx(best, abs=0.05)


def test_weights_keep_a_boundarys_cost_on_finer_grids():
    """A straight boundary across the whole picture costs as much for twice the samples a side, relative to areas."""
    coarse = coarse_weights(np.zeros((40, 60, 3), np.float32), 1.0, 1.0)[0, :, 30].sum() / (40 * 60)
    fine = coarse_weights(np.zeros((80, 120, 3), np.float32), 1.0, 1.0)[0, :, 60].sum() / (80 * 120)
    assert fine == pytest.approx(coarse, rel=1e-3)


def test_colours_of_the_first_mask_win_over_others():
    rng = np.random.default_rng(1)
    mask = np.arange(40) < 20
    mask = np.broadcast_to(mask, (30, 40))
    red, blue = np.array([0.8, 0.2, 0.1]), np.array([0.1, 0.2, 0.8])
    color = np.where(mask[..., None], red, blue) + rng.normal(0, 0.02, (30, 40, 3))
    speaks = color_preference(np.array([[red, blue, [0.1, 0.9, 0.1]]], np.float32), color.astype(np.float32), mask)
    assert speaks[0, 0] > 4
    assert speaks[0, 1] < -4
    assert speaks[0, 2] == pytest.approx(0, abs=0.5)  # a colour of neither
    assert not color_preference(color.astype(np.float32), color.astype(np.float32), np.ones((30, 40), bool)).any()


@pytest.mark.parametrize(("near", "far"), [(0.3, 2.9), (1.2, 5.0)])
def test_the_threshold_lies_between_two_depths(near, far):
    truth = np.where(np.arange(60) < 25, near, far) * np.ones((40, 1))
    cost = np.minimum(8 * (RADII - truth[..., None]) ** 2, 30).astype(np.float32)
    weights = coarse_weights(np.zeros((40, 60, 3), np.float32), 0.1, 1.0)
    thresholds, probability = probable_thresholds(cost, RADII, weights, math.hypot(427, 640))
    assert probability.sum() == pytest.approx(1)
    assert probability[(thresholds > near) & (thresholds < far)].sum() > 0.95
