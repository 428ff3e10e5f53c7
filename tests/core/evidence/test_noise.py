"""Noise: pictures with noise of a known variance, and scenes drawn from the model itself."""

from __future__ import annotations

import numpy as np
import pytest

from defocus import load_image
from defocus.evidence.likelihood import local_energies
from defocus.evidence.noise import estimate_noise, reduced_noise, working_noise
from defocus.evidence.spectrum import blur_spectra, gabor_bank
from defocus.psf.families import DiscPSF
from defocus.psf.simulation import simulate_blur
from defocus.tuning import TUNING, changed


@pytest.fixture(scope="module")
def spectra():
    return blur_spectra(gabor_bank(41), DiscPSF(), np.arange(0, 8.01, 0.1))


def measured(picture, spectra):
    rows, columns = (np.arange(2, size, 6) for size in picture.shape)
    return estimate_noise(local_energies(picture.astype(np.float32), spectra, rows, columns), spectra)


@pytest.mark.parametrize("variance", [1e-5, 1e-4, 1e-3])
@pytest.mark.parametrize("name", ["grass.png", "coffee.jpg"])
def test_added_noise_is_measured(name, variance, samples, spectra):
    scene = load_image(samples / name).luminance[:300, :400]
    noisy = simulate_blur(0.2 + 0.6 * scene, 4.0, noise=variance, seed=1)
    assert measured(noisy, spectra) == pytest.approx(variance, rel=0.3)


def test_sharp_texture_does_not_pass_for_noise(samples, spectra):
    texture = load_image(samples / "gravel.png").luminance
    half_blurred = np.where(np.arange(480) < 240, texture, simulate_blur(texture, 5.0))
    noisy = half_blurred + np.random.default_rng(0).normal(0, 1e-2, texture.shape)
    assert 0.5e-4 < measured(noisy, spectra) < 3e-4
    assert measured(half_blurred, spectra) < 2e-5


@pytest.mark.parametrize("variance", [1.34e-4, 2e-4])  # between two that are tried, and at one of them
def test_energies_drawn_from_the_model(spectra, variance):
    rng = np.random.default_rng(3)
    radius = rng.integers(20, 80, (30, 30))
    scale = np.exp(rng.normal(np.log(3e-3), 1, (30, 30, 1)))
    mean = scale * spectra.blur_power[radius] + variance * spectra.noise
    energies = rng.gamma(spectra.multiplicity, mean / spectra.multiplicity)
    found = estimate_noise(np.ascontiguousarray(np.moveaxis(energies, 2, 1), np.float32), spectra)
    assert found == pytest.approx(variance, rel=0.15)


def test_noise_counts_by_the_share_of_a_window_that_is_known(spectra):
    rng = np.random.default_rng(4)
    share = rng.uniform(0.2, 1, (30, 30)).astype(np.float32)
    radius = rng.integers(20, 80, (30, 30))
    mean = share[..., None] * (3e-3 * spectra.blur_power[radius] + 2e-4 * spectra.noise)
    mean[share < 0.5] = 1  # what is hardly known has no say
    energies = rng.gamma(spectra.multiplicity, mean / spectra.multiplicity)
    found = estimate_noise(np.ascontiguousarray(np.moveaxis(energies, 2, 1), np.float32), spectra, share)
    assert found == pytest.approx(2e-4, rel=0.15)
    assert estimate_noise(np.ones((3, len(spectra.noise), 3), np.float32), spectra, 0 * share[:3, :3]) == 1e-6


def test_estimates_stay_within_what_cameras_do(spectra):
    assert measured(np.full((90, 90), 0.5), spectra) == pytest.approx(1e-6)
    loud = np.random.default_rng(0).normal(0.5, 0.3, (90, 90))
    assert 1e-6 <= measured(loud, spectra) <= 4e-3


def test_the_working_variance_is_larger_and_rises():
    values = [working_noise(v, TUNING.evidence) for v in (0.0, 1e-6, 1e-4, 1e-3)]
    assert values == sorted(values)
    assert all(found > true for found, true in zip(values, (0, 1e-6, 1e-4, 1e-3), strict=True))


def test_noise_is_taken_as_often_as_it_is_trusted_above_a_floor():
    tuning = changed({"evidence.noise_trust": 3.0, "evidence.model_error": 1e-4}).evidence
    assert working_noise(2e-4, tuning) == pytest.approx(1e-4 + 6e-4)
    assert reduced_noise(7e-4, tuning) == pytest.approx(1e-4 + 6e-4 / 4)
