"""Refined labels: the energy they lower, written out, and truths that lie between labels."""

from __future__ import annotations

import numpy as np
import pytest

from defocus.cuts.neighbors import contrast_weights
from defocus.cuts.refinement import refined_labels


def energy(positions, vertices, bends, weights):
    """Parabolas of the samples and Huber costs of all pairs, one by one."""
    height, width = positions.shape
    total = 0.0
    for y in range(height):
        for x in range(width):
            total += bends[y, x] * (positions[y, x] - vertices[y, x]) ** 2 / 2
            for k, (down, right) in enumerate(((0, 1), (1, 0), (1, 1), (1, -1))):
                v, u = y + down, x + right
                if v < height and 0 <= u < width:
                    step = abs(positions[y, x] - positions[v, u])
                    total += weights[k, y, x] * (step * step / 2 if step < 1 else step - 0.5)
    return total


@pytest.fixture
def problem():
    rng = np.random.default_rng(5)
    vertices = rng.uniform(8, 12, (7, 9))
    bends = rng.uniform(0.5, 3, (7, 9))
    costs = bends[..., None] * (np.arange(21) - vertices[..., None]) ** 2 / 2
    weights = contrast_weights(rng.uniform(0, 0.2, (7, 9, 3)).astype(np.float32), 2.0, 0.1)
    return vertices, bends, costs.astype(np.float32), weights


def test_no_small_change_lowers_the_energy(problem):
    vertices, bends, costs, weights = problem
    found = refined_labels(costs, np.full((7, 9), 10), weights).astype(float)
    least = energy(found, vertices, bends, weights)
    assert least < energy(np.full((7, 9), 10.0), vertices, bends, weights)
    rng = np.random.default_rng(1)
    for _ in range(200):
        changed = found + rng.normal(0, 0.1, found.shape)
        assert energy(changed, vertices, bends, weights) > least - 1e-3


def test_a_tie_across_a_jump_pulls_with_the_same_force_however_wide_it_is():
    # Two samples tied by w, costs of bend b, further apart than a label: each moves by w / b towards the other
    vertices, bend, tie = np.array([[9.0, 16.0]]), 2.0, 0.8
    costs = (bend * (np.arange(26) - vertices[..., np.newaxis]) ** 2 / 2).astype(np.float32)
    weights = np.zeros((4, 1, 2), np.float32)
    weights[0, 0, 0] = tie
    found = refined_labels(costs, vertices.astype(int), weights)
    np.testing.assert_allclose(found, [[9 + tie / bend, 16 - tie / bend]], atol=1e-2)


def test_without_ties_every_sample_finds_its_own_vertex(problem):
    vertices, _, costs, weights = problem
    np.testing.assert_allclose(refined_labels(costs, np.full((7, 9), 10), 0 * weights), vertices, atol=1e-2)


def test_a_ramp_has_no_steps():
    truth = np.linspace(3.2, 8.7, 40) * np.ones((6, 1))
    costs = (5 * (np.arange(15) - truth[..., None]) ** 2).astype(np.float32)
    weights = contrast_weights(np.zeros((6, 40, 3), np.float32), 2.0, 0.1)
    found = refined_labels(costs, np.rint(truth).astype(int), weights)
    assert np.abs(found - truth)[:, 3:-3].max() < 0.05


def test_flat_costs_leave_labels_alone_and_borders_are_kept():
    flat = np.zeros((4, 5, 9), np.float32)
    weights = contrast_weights(np.zeros((4, 5, 3), np.float32), 2.0, 0.1)
    np.testing.assert_allclose(refined_labels(flat, np.full((4, 5), 6), weights), 6)
    falling = np.broadcast_to(-(np.arange(9, dtype=np.float32) ** 2), (4, 5, 9))
    found = refined_labels(np.ascontiguousarray(falling - 50 * np.arange(9)), np.full((4, 5), 8), weights)
    assert found.min() >= 0
    assert found.max() <= 8
