"""Stretching fluorescence: by its own light, with the noise of its photons, saturated parts left out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from defocus.pictures.fluorescence import noise_line, stretched
from defocus.pictures.picture import as_picture

_SHAPE = 300, 340


@pytest.fixture(scope="module")
def light():
    """Expected photons of soft nuclei on a dark ground."""
    rng = np.random.default_rng(1)
    field = np.zeros(_SHAPE)
    field[rng.integers(0, _SHAPE[0], 60), rng.integers(0, _SHAPE[1], 60)] = rng.uniform(0.3, 1, 60)
    field = ndimage.gaussian_filter(field, 6)
    return 15 + 700 * field / field.max()


def counts(light, *, gain, read=3.0, offset=100.0, seed=2):
    rng = np.random.default_rng(seed)
    return offset + gain * rng.poisson(light) + rng.normal(0, read, light.shape)


@pytest.mark.parametrize("gain", [0.3, 1.0, 4.0])
def test_the_noise_of_a_camera_is_found_from_one_picture(light, gain):
    """A count has `gain` times the variance of its photons, besides that of reading them."""
    values = counts(light, gain=gain).astype(np.float32)
    _, ground, growth = noise_line(values)
    assert growth == pytest.approx(gain, rel=0.15)
    assert ground == pytest.approx(gain * gain * 15 + 9, rel=0.5)


def test_noise_that_does_not_grow_is_told_so(light):
    values = light + np.random.default_rng(0).normal(0, 5, _SHAPE)
    _, ground, growth = noise_line(values.astype(np.float32))
    assert ground == pytest.approx(25, rel=0.2)
    assert growth * 700 < 10


def test_units_do_not_matter(light):
    once = stretched(as_picture(counts(light, gain=1).astype(np.float32)))
    again = stretched(as_picture((50 * counts(light, gain=1) + 7000).astype(np.float32)))
    assert np.abs(once.picture.color - again.picture.color).max() < 2e-3
    assert np.abs(once.noise_ratio / again.noise_ratio - 1).max() < 0.02


def test_nothing_is_cut_off_but_what_is_saturated(light):
    values = counts(light, gain=1)
    free = stretched(as_picture(values.astype(np.float32)))
    assert free.picture.alpha is None
    assert free.picture.color.max() > 1.2  # the brightest half per cent
    full = stretched(as_picture(np.minimum(values, 500).astype(np.float32)))
    assert full.picture.alpha is not None
    assert (full.picture.alpha[values >= 500] == 0).mean() > 0.9
    assert (full.picture.alpha[values < 300] == 1).all()
    assert full.drawable.alpha is None
    assert 0 <= full.drawable.color.min() <= full.drawable.color.max() <= 1


def test_an_empty_field_is_not_stretched_into_texture():
    """Noise alone: the range holds 32 standard deviations of it."""
    noise = np.random.default_rng(0).normal(100, 4, _SHAPE)
    seen = stretched(as_picture(noise.astype(np.float32)))
    assert seen.picture.color[..., 0].std() < 0.04
