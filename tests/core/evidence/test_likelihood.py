"""Likelihood: energies summed window by window, and a scalar minimiser in place of Newton's method."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from defocus import Cancelled, load_image
from defocus.evidence.likelihood import local_energies, profile_likelihood
from defocus.evidence.spectrum import blur_spectra, gabor_bank
from defocus.psf.families import DiscPSF, PolygonPSF
from defocus.psf.simulation import simulate_blur

RADII = np.arange(0, 8.01, 0.1)


@pytest.fixture(scope="module")
def spectra():
    return blur_spectra(gabor_bank(21), DiscPSF(), RADII)


@pytest.fixture(scope="module")
def photograph(samples):
    """A piece of a real picture with sharp, blurred and flat parts, noisier towards the right."""
    piece = load_image(samples / "flower.jpg").luminance[150:250, 200:320]
    noise = np.random.default_rng(0).normal(0, 1, piece.shape) * np.linspace(0, 0.02, piece.shape[1])
    return (piece + noise).astype(np.float32)


def literal_energies(luminance, bank, row, column, valid=None):
    """|g_i|^2 of equation (4) of one window, both directions together, for every filter."""
    half = bank.size // 2
    padded = np.pad(luminance.astype(float), half + 1, mode="symmetric")
    known = np.ones_like(padded) if valid is None else np.pad(valid.astype(float), half + 1, mode="symmetric")
    energies = np.zeros(len(bank.indices))
    for down, right in ((1, 0), (0, 1)):
        gradient = np.empty((bank.size, bank.size))
        for y in range(-half, half + 1):
            for x in range(-half, half + 1):
                here, there = (row + y + half + 1, column + x + half + 1), None
                there = here[0] + down, here[1] + right
                gradient[y + half, x + half] = (padded[there] - padded[here]) * known[there] * known[here]
        energies += np.abs((bank.filters() * gradient).sum(axis=(1, 2))) ** 2
    return energies


def mean_of_channels(energies, spectra):
    return np.bincount(spectra.channel, energies) / np.bincount(spectra.channel)


@pytest.mark.parametrize("psf", [DiscPSF(), PolygonPSF(5)], ids=repr)
def test_energies_are_equation_4(photograph, psf):
    spectra = blur_spectra(gabor_bank(21), psf, RADII[:3])
    rows, columns = np.array([0, 3, 50, 99]), np.array([0, 60, 61, 119])
    found = local_energies(photograph, spectra, rows, columns)
    assert found.shape == (4, len(spectra.noise), 4)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            expected = mean_of_channels(literal_energies(photograph, spectra.bank, row, column), spectra)
            np.testing.assert_allclose(found[i, :, j], expected, rtol=1e-3, atol=1e-7 * expected.max())


def test_pixels_without_evidence_add_none(photograph, spectra):
    valid = np.ones(photograph.shape, bool)
    valid[40:60, 50:70] = False
    spoiled = np.where(valid, photograph, 77.0).astype(np.float32)
    rows, columns = np.array([20, 45, 52]), np.array([30, 47, 60])
    found = local_energies(spoiled, spectra, rows, columns, valid=valid)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            expected = mean_of_channels(literal_energies(photograph, spectra.bank, row, column, valid), spectra)
            np.testing.assert_allclose(found[i, :, j], expected, rtol=2e-3, atol=1e-6 * expected.max() + 1e-12)


def literal_cost(energies, spectra, noise, radius, scale):
    """Equation (13), summed over all filters."""
    total = 0.0
    for i in range(len(energies)):
        mean = scale * float(spectra.blur_power[radius, i]) + noise[i]
        total += spectra.multiplicity[i] * (energies[i] / mean + np.log(mean))
    return total


def best_cost(energies, spectra, noise, radius):
    """Least cost over s from 1e-9 to 1e5, and its logarithm of s: a grid, then Brent's method about its best."""

    def cost(log_scale):
        return literal_cost(energies, spectra, noise, radius, np.exp(log_scale))

    grid = np.linspace(np.log(1e-9), np.log(1e5), 100)
    best = int(np.argmin([cost(x) for x in grid]))
    bracket = grid[max(best - 1, 0)], grid[min(best + 1, 99)]
    result = minimize_scalar(cost, bounds=bracket, method="bounded", options={"xatol": 1e-6})
    return result.fun, result.x


@pytest.mark.parametrize("variance", [1e-6, 1e-4, 2e-3])
def test_the_profile_is_the_least_cost_over_all_variances(photograph, spectra, variance):
    rows, columns = np.array([10, 50, 90]), np.array([5, 40, 80, 115])
    energies = local_energies(photograph, spectra, rows, columns)
    noise = variance * spectra.noise.astype(float)
    profile, log_scale = profile_likelihood(energies, spectra, variance)
    assert profile.shape == log_scale.shape == (3, 4, len(RADII))
    for i in range(3):
        for j in range(4):
            for radius in range(0, len(RADII), 8):
                expected, where = best_cost(energies[i, :, j].astype(float), spectra, noise, radius)
                assert profile[i, j, radius] == pytest.approx(expected, abs=0.02)
                # The s found explains the data as well as the best one does, even where that is hardly defined
                scale = np.exp(float(log_scale[i, j, radius]))
                own = literal_cost(energies[i, :, j].astype(float), spectra, noise, radius, scale)
                assert own == pytest.approx(expected, abs=0.02)
                if where > np.log(variance):
                    assert log_scale[i, j, radius] == pytest.approx(where, abs=0.1)


def test_energies_drawn_from_the_model_give_back_radius_and_variance():
    spectra = blur_spectra(gabor_bank(41), DiscPSF(), RADII)
    rng = np.random.default_rng(7)
    truth, scale, variance = 50, 3e-3, 1e-4  # 5 px
    mean = scale * spectra.blur_power[truth] + variance * spectra.noise
    # A channel is the mean of several exponential energies
    shape = spectra.multiplicity[:, None]
    energies = (rng.gamma(shape, 1 / shape, (20, len(mean), 50)) * mean[:, None]).astype(np.float32)
    profile, log_scale = profile_likelihood(energies, spectra, variance)
    together = profile.mean(axis=(0, 1))
    assert together.argmin() == truth
    assert np.median(np.exp(log_scale[..., truth])) == pytest.approx(scale, rel=0.1)


@pytest.mark.parametrize("radius", [2.0, 3.5, 5.0, 6.5])
def test_a_texture_blurred_by_a_disc_reads_as_its_radius(radius, samples):
    texture = load_image(samples / "grass.png").luminance[:160, :200]
    dense = blur_spectra(gabor_bank(41), DiscPSF(), np.arange(0, 8.01, 0.1))
    blurred = simulate_blur(texture, radius, noise=1e-5).astype(np.float32)
    energies = local_energies(blurred, dense, np.arange(30, 130, 8), np.arange(30, 170, 8))
    profile, _ = profile_likelihood(energies, dense, 1e-5)
    found = dense.radii[profile.argmin(axis=2)]
    assert np.median(found) == pytest.approx(radius, abs=0.15)


def test_noise_counts_by_the_share_of_the_window_that_is_known(photograph, spectra):
    energies = local_energies(photograph, spectra, np.array([50]), np.array([20, 90]))
    half = profile_likelihood(energies, spectra, 1e-4, valid_fraction=np.full((1, 2), 0.5, np.float32))
    less = profile_likelihood(energies, spectra, 0.5e-4)
    for one, other in zip(half, less, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=0.02)


def test_windows_without_any_energy_stay_finite(spectra):
    profile, log_scale = profile_likelihood(np.zeros((1, len(spectra.noise), 3), np.float32), spectra, 1e-4)
    assert np.isfinite(profile).all()
    assert np.isfinite(log_scale).all()
    # Nothing tells one radius from another
    assert np.ptp(profile) < 0.1


@pytest.mark.parametrize("threads", [2, 5])
def test_the_result_does_not_depend_on_the_number_of_threads(photograph, spectra, threads):
    rows, columns = np.arange(0, 100, 3), np.arange(0, 120, 3)
    one = local_energies(photograph, spectra, rows, columns, threads=1)
    many = local_energies(photograph, spectra, rows, columns, threads=threads)
    np.testing.assert_array_equal(one, many)
    for a, b in zip(
        profile_likelihood(one, spectra, 1e-4, threads=1),
        profile_likelihood(one, spectra, 1e-4, threads=threads),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_a_sample_does_not_depend_on_its_neighbours(photograph, spectra):
    rows, columns = np.arange(0, 100, 2), np.arange(0, 120, 2)
    every = local_energies(photograph, spectra, rows, columns)
    some = local_energies(photograph, spectra, rows[5::7], columns[3::11])
    np.testing.assert_allclose(some, every[5::7, :, 3::11], rtol=1e-5)


def test_both_steps_report_and_can_be_cancelled(photograph, spectra):
    rows, columns = np.arange(0, 100, 2), np.arange(0, 120, 2)
    seen = []
    energies = local_energies(photograph, spectra, rows, columns, progress=lambda f, stage: seen.append(f))
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def refuse(fraction, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        local_energies(photograph, spectra, rows, columns, progress=refuse)
    with pytest.raises(Cancelled):
        profile_likelihood(energies, spectra, 1e-4, progress=refuse)
