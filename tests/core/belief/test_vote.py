"""Thresholds: between two depths with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from defocus.belief.vote import probable_thresholds
from defocus.estimate.boundary import boundary_weights

RADII = np.arange(0, 8.01, 0.1)


@pytest.mark.parametrize(("near", "far"), [(0.3, 2.9), (1.2, 5.0)])
def test_the_threshold_lies_between_two_depths(near, far):
    truth = np.where(np.arange(60) < 25, near, far) * np.ones((40, 1))
    cost = np.minimum(8 * (RADII - truth[..., None]) ** 2, 30).astype(np.float32)
    weights = boundary_weights(np.zeros((40, 60, 3), np.float32), 0.1, 1.0)
    thresholds, probability = probable_thresholds(cost, RADII, weights, (427, 640))
    assert probability.sum() == pytest.approx(1)
    assert probability[(thresholds > near) & (thresholds < far)].sum() > 0.95
