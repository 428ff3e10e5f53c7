"""Cuts against all masks, and boundaries that cost the same on every grid."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from defocus.answer.boundary import boundary_weights
from defocus.cuts.grid_cut import BandedCut
from defocus.cuts.neighbors import contrast_weights
from defocus.tuning import TUNING


def test_the_cut_has_the_least_energy_of_all_masks():
    rng = np.random.default_rng(4)
    for _ in range(5):
        preference = rng.normal(0, 2, (3, 4)).astype(np.float32)
        color = rng.uniform(0, 0.1, (3, 4, 3)).astype(np.float32)
        weights = np.zeros((4, 3, 4), np.float32)
        weights[:] = boundary_weights(color, 0.5, 1.0, TUNING)
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
        assert energy(BandedCut(weights).cut(preference)) == pytest.approx(best, abs=0.05)


def test_weights_keep_a_boundarys_cost_on_finer_grids():
    """A straight boundary across the whole picture costs as much for twice the samples a side, relative to areas."""
    coarse = boundary_weights(np.zeros((40, 60, 3), np.float32), 1.0, 1.0, TUNING)[0, :, 30].sum() / (40 * 60)
    fine = boundary_weights(np.zeros((80, 120, 3), np.float32), 1.0, 1.0, TUNING)[0, :, 60].sum() / (80 * 120)
    assert fine == pytest.approx(coarse, rel=1e-3)


def test_on_the_usual_number_of_samples_the_smoothness_is_that_of_the_tuning():
    color = np.random.default_rng(0).uniform(0, 0.2, (100, 170, 3)).astype(np.float32)
    assert color[..., 0].size == TUNING.evidence.samples
    expected = contrast_weights(color, 0.5 * TUNING.mask.smoothness, TUNING.mask.edge_scale / 2)
    np.testing.assert_allclose(boundary_weights(color, 0.5, 2.0, TUNING), expected, rtol=1e-5)
