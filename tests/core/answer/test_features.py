"""Features: against a literal slow reference, and the same whatever the size of the picture."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from defocus.answer.features import COUNT, prior_features, size_scale
from defocus.answer.texture import local_texture, texture_features
from defocus.tuning import TUNING

EDGES = [0.5, 0.8, 1.0, 1.2, 1.4, 1.65, 2.1, 2.6, 3.2, 4.2, 5.5, 6.7]
PRIOR = dataclasses.replace(TUNING.prior, samples=12)  # so that a cell is 2 x 2 of 6 x 8 samples


@pytest.fixture(scope="module")
def measured():
    """Evidence of 6 x 8 samples, 4 px apart, and its picture."""
    rng = np.random.default_rng(0)
    evidence = SimpleNamespace(
        shape=(6, 8),
        spacing=4,
        radii=np.arange(81) * 0.1,
        profile=rng.uniform(0, 40, (6, 8, 81)).astype(np.float32),
        log_gradient_variance=rng.normal(-8, 2, (6, 8, 81)).astype(np.float32),
        wide=rng.uniform(0, 40, (3, 4, 81)).astype(np.float32),
        valid_fraction=rng.uniform(0.5, 1, (6, 8)).astype(np.float32),
        noise_variance=3e-4,
    )
    return evidence, rng.uniform(0, 1, (24, 32)).astype(np.float32)


def least_in_bins(cost):
    bins = [[] for _ in range(len(EDGES) + 1)]
    for radius, value in zip(np.arange(81) * 0.1, cost, strict=True):
        bins[sum(radius > edge + 1e-5 for edge in EDGES)].append(value)
    least = [min(values) for values in bins]
    return [min(value - min(least), 23) for value in least]


def radii_told(profile, wide):
    size = np.log(np.arange(81) * 0.1 + 0.3)
    chance = np.exp(-0.25 * profile.astype(float))
    mean = (chance * size).sum() / chance.sum()
    deviation = ((chance * (size - mean) ** 2).sum() / chance.sum()) ** 0.5
    return size[profile.argmin()], size[wide.argmin()], mean, deviation


def test_features_of_one_cell_are_the_literal_ones(measured):
    evidence, luminance = measured
    features, step = prior_features(evidence, luminance, PRIOR)
    assert step == 4  # 48 samples on 12 / 4 cells
    features, step = prior_features(evidence, luminance, dataclasses.replace(PRIOR, samples=48))
    assert (step, features.shape) == (2, (COUNT, 3, 4))
    texture = texture_features(local_texture(luminance, 4), 3e-4)
    rows = []
    for y, x in ((2, 4), (2, 5), (3, 4), (3, 5)):
        profile, variance = evidence.profile[y, x], evidence.log_gradient_variance[y, x]
        cell = luminance[4 * y : 4 * y + 4, 4 * x : 4 * x + 4]
        rows.append(
            [
                *least_in_bins(profile),
                *least_in_bins(profile - 0.75 * variance),
                *least_in_bins(evidence.wide[y // 2, x // 2]),
                *radii_told(profile, evidence.wide[y // 2, x // 2]),
                variance[profile.argmin()],
                *variance[[0, 20, 40]],
                *texture[:, y, x],
                cell.mean(),
                evidence.valid_fraction[y, x],
                np.log(3e-4),
            ]
        )
    np.testing.assert_allclose(features[:, 1, 2], np.mean(rows, axis=0), rtol=1e-3, atol=1e-3)


def test_texture_is_what_it_says():
    rng = np.random.default_rng(1)
    luminance = rng.uniform(0, 1, (24, 32)).astype(np.float32)
    texture = local_texture(luminance, 4)
    found = texture_features(texture, 1e-3)
    y, x = 2, 3
    block = luminance[4 * (y - 1) : 4 * (y + 2), 4 * (x - 1) : 4 * (x + 2)]  # 3 x 3 cells
    near = 0.0
    for j in range(4 * y, 4 * y + 4):
        for i in range(4 * x, 4 * x + 4):
            near += (luminance[j + 1, i] - luminance[j, i]) ** 2 + (luminance[j, i + 1] - luminance[j, i]) ** 2
    assert found[0, y, x] == pytest.approx(np.log(near / 16 + 1e-3), abs=1e-5)
    extent = block.max() - block.min() + 1e-3**0.5
    assert found[5, y, x] == pytest.approx(np.log(extent), abs=1e-5)
    steepest = texture[4, y - 1 : y + 2, x - 1 : x + 2].max()
    assert found[6, y, x] == pytest.approx(np.log(extent / (steepest + 1e-3) ** 0.5), abs=1e-5)
    assert found.shape == (9, 6, 8)


def test_ranges_of_the_texture_are_those_of_scipy_up_to_the_borders():
    texture = np.random.default_rng(2).uniform(0, 1, (8, 9, 12)).astype(np.float32)
    found = texture_features(texture, 1e-3)
    for side, plane in ((3, 6), (7, 7)):
        extent = ndimage.maximum_filter(texture[6], side) - ndimage.minimum_filter(texture[5], side) + 1e-3**0.5
        steepest = ndimage.maximum_filter(texture[4], side)
        np.testing.assert_allclose(found[plane], np.log(extent / np.sqrt(steepest + 1e-3)), atol=1e-5)


def test_radii_that_look_sharp_grow_with_the_root_of_the_size():
    assert size_scale((427, 640), TUNING.prior) == pytest.approx(1)
    assert size_scale((100, 200), TUNING.prior) == 1
    assert size_scale((4 * 427, 4 * 640), TUNING.prior) == pytest.approx(2)
