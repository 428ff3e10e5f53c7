"""Simulated blur against scipy's convolution, and against itself where the radius varies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import convolve

from defocus import InputError
from defocus.psf.families import DiscPSF, GaussianPSF, PolygonPSF
from defocus.psf.simulation import ramp, simulate_blur


@pytest.fixture
def scene():
    return np.random.default_rng(0).uniform(0.1, 0.9, (40, 55))


@pytest.mark.parametrize("psf", [None, GaussianPSF(), PolygonPSF(5, 8.0)], ids=repr)
@pytest.mark.parametrize("radius", [0.0, 0.7, 2.0, 5.3])
def test_an_even_blur_is_a_convolution(scene, psf, radius):
    kernel = (psf or DiscPSF()).kernel(radius)
    # Mirrored at borders, the border pixel itself repeated
    expected = convolve(scene, kernel, mode="reflect")
    np.testing.assert_allclose(simulate_blur(scene, radius, psf=psf), expected, atol=1e-12)


def test_where_the_radius_varies_each_pixel_sees_its_own_kernel(scene):
    radius = np.round(np.linspace(0, 4, 55), 1) * np.ones((40, 1))
    found = simulate_blur(scene, radius)
    half = 6
    padded = np.pad(scene, half, mode="symmetric")
    for y, x in [(0, 0), (5, 13), (20, 27), (39, 54), (17, 40)]:
        kernel = DiscPSF().kernel(radius[y, x])
        reach = len(kernel) // 2
        part = padded[y + half - reach : y + half + reach + 1, x + half - reach : x + half + reach + 1]
        assert found[y, x] == pytest.approx((kernel[::-1, ::-1] * part).sum(), abs=1e-9)


def test_radii_between_kernels_are_interpolated(scene):
    low, between, high = (simulate_blur(scene, radius) for radius in (3.0, 3.04, 3.1))
    np.testing.assert_allclose(between, 0.6 * low + 0.4 * high, atol=1e-9)


def test_noise_has_its_variance_and_its_seed():
    flat = np.full((200, 200), 0.5)
    noisy = simulate_blur(flat, 2.0, noise=1e-3, seed=4)
    assert (noisy - 0.5).var() == pytest.approx(1e-3, rel=0.05)
    np.testing.assert_array_equal(noisy, simulate_blur(flat, 2.0, noise=1e-3, seed=4))
    assert np.abs(noisy - simulate_blur(flat, 2.0, noise=1e-3, seed=5)).max() > 0.01
    loud = simulate_blur(flat, 0.0, noise=1.0)
    assert loud.min() == 0
    assert loud.max() == 1


def test_the_ramp_is_that_of_figure_8():
    radius = ramp((30, 81))
    assert radius.shape == (30, 81)
    np.testing.assert_allclose(radius, np.arange(81) / 10 * np.ones((30, 1)))
    radius[0, 0] = 3  # a copy that may be written to
    assert ramp((2, 5), 2.0)[1].tolist() == [0, 0.5, 1, 1.5, 2]


@pytest.mark.parametrize("radius", [np.zeros((3, 3)), -1.0, np.nan, np.inf])
def test_impossible_radii_are_refused(scene, radius):
    with pytest.raises(InputError, match="radius"):
        simulate_blur(scene, radius)
