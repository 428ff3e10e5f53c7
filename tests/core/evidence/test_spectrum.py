"""Filters and spectra: equations (3), (6), (7) and (12), each written out as it stands in the paper."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from scipy.signal import convolve2d

from defocus import InputError
from defocus.evidence.spectrum import blur_spectra, blur_spectrum, fit_spectrum, gabor_bank, noise_spectrum
from defocus.psf.families import DiscPSF, GaussianPSF, PolygonPSF

N = 17  # a small window, so that literal sums take no time


def literal_filter(size, a1, a2):
    """t_i[x] = w[x] exp(-2 pi j (x1 w1 + x2 w2)), pixel by pixel."""
    half = size // 2
    out = np.empty((size, size), complex)
    for y in range(-half, half + 1):
        for x in range(-half, half + 1):
            weight = math.exp(-(x * x + y * y) / (2 * (size / 4) ** 2))
            out[y + half, x + half] = weight * cmath.exp(-2j * math.pi * (x * a1 / size + y * a2 / size))
    return out


def literal_indices(size):
    top = (size - 1) / 4
    found = set()
    for a1 in range(-size, size + 1):
        for a2 in range(size + 1):
            if a1 % 2 == 0 and a2 % 2 == 0 and abs(a1) <= top and a2 <= top and (a2 > 0 or a1 <= -2):
                found.add((a1, a2))
    return found


@pytest.mark.parametrize("size", [9, N, 21, 41, 43, 61])
def test_frequencies_are_those_of_the_paper(size):
    assert {tuple(pair) for pair in gabor_bank(size).indices.tolist()} == literal_indices(size)
    if size == 41:
        assert len(gabor_bank(size).indices) == 60


@pytest.mark.parametrize("size", [N, 41])
def test_filters_are_equation_3(size):
    bank = gabor_bank(size)
    filters = bank.filters()
    assert filters.shape == (len(bank.indices), size, size)
    for (a1, a2), found in list(zip(bank.indices, filters, strict=True))[:: 1 if size == N else 13]:
        np.testing.assert_allclose(found, literal_filter(size, a1, a2), atol=1e-12)


def test_no_two_filters_of_a_real_picture_say_the_same():
    pairs = [tuple(pair) for pair in gabor_bank(41).indices.tolist()]
    assert not {(-a, -b) for a, b in pairs} & set(pairs)
    assert (0, 0) not in pairs


@pytest.mark.parametrize("psf", [DiscPSF(), GaussianPSF(), PolygonPSF(5, 11.0)], ids=repr)
def test_the_blur_spectrum_is_equation_6(psf):
    bank = gabor_bank(N)
    radii = np.array([0.0, 0.8, 2.5, 6.0])
    found = blur_spectrum(bank, psf, radii)
    for i, filtr in enumerate(bank.filters()):
        for r, radius in enumerate(radii):
            expected = (np.abs(convolve2d(filtr, psf.kernel(radius))) ** 2).sum()
            assert found[r, i] == pytest.approx(expected, rel=1e-9)


def test_blurring_more_lets_less_through():
    spectrum = blur_spectrum(gabor_bank(41), GaussianPSF(), np.arange(1, 8.1, 0.5))
    assert (np.diff(spectrum, axis=0) < 0).all()


def test_the_noise_spectrum_is_equation_7_in_both_directions():
    bank = gabor_bank(N)
    expected = [
        sum((np.abs(convolve2d(t, step)) ** 2).sum() for step in (np.array([[1, -1]]), np.array([[1], [-1]])))
        for t in bank.filters()
    ]
    np.testing.assert_allclose(noise_spectrum(bank, 0.01), 0.01 * np.array(expected), rtol=1e-12)


def test_the_noise_spectrum_is_what_noise_has():
    bank = gabor_bank(21)
    noise = np.random.default_rng(0).normal(0, 0.1, (3000, 22, 22))
    filters = bank.filters()
    along_x, along_y = np.diff(noise, axis=2)[:, :-1], np.diff(noise, axis=1)[..., :-1]
    energy = sum(np.abs(np.einsum("nyx,fyx->nf", part, filters)) ** 2 for part in (along_x, along_y)).mean(axis=0)
    np.testing.assert_allclose(energy, noise_spectrum(bank, 0.01), rtol=0.1)


def test_the_fit_is_least_squares_of_equation_12():
    radii = np.linspace(0.5, 8, 40)
    values = blur_spectrum(gabor_bank(N), DiscPSF(), radii)
    powers = range(-2, 3)
    design = np.array([[r**k for k in powers] for r in radii])
    expected, *_ = np.linalg.lstsq(design, np.log(values), rcond=None)
    found = fit_spectrum(radii, values, powers)
    np.testing.assert_allclose(design @ found, design @ expected, atol=1e-6)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_the_fit_finds_what_follows_its_formula():
    radii = np.linspace(0.5, 8, 30)
    alpha = np.random.default_rng(0).normal(0, [[0.1], [0.2], [1], [0.3], [0.02]], (5, 4))
    values = np.exp(radii[:, None] ** np.arange(-2.0, 3) @ alpha)
    np.testing.assert_allclose(fit_spectrum(radii, values, range(-2, 3)), alpha, atol=1e-8)


def test_dense_tables_from_the_fit_are_close_between_its_samples():
    bank = gabor_bank(41)
    known, between = np.arange(0.5, 8.01, 0.1), np.arange(0.55, 8, 0.1)

    def error(psf, powers):
        alpha = fit_spectrum(known, blur_spectrum(bank, psf, known), powers)
        dense = np.exp(between[:, None] ** np.array(powers, float) @ alpha)
        return np.median(np.abs(np.log(dense / blur_spectrum(bank, psf, between))))

    assert error(GaussianPSF(), range(-2, 9)) < 0.02
    # A disc's spectrum has rings, of which few powers follow only the outline
    assert error(DiscPSF(), range(-4, 16)) < 0.1
    assert error(DiscPSF(), range(-4, 16)) < 0.5 * error(DiscPSF(), range(-2, 9))


@pytest.mark.parametrize("psf", [DiscPSF(), GaussianPSF(), PolygonPSF(5)], ids=repr)
def test_merging_filters_into_channels_loses_nothing(psf):
    bank = gabor_bank(41)
    radii = np.array([0.0, 1.0, 3.3, 8.0])
    merged = blur_spectra(bank, psf, radii)
    assert len(merged.noise) == (20 if psf.isotropic else 60)
    assert merged.multiplicity.sum() == 60
    np.testing.assert_array_equal(np.bincount(merged.channel), merged.multiplicity)
    np.testing.assert_allclose(merged.blur_power[:, merged.channel], blur_spectrum(bank, psf, radii), rtol=1e-6)
    np.testing.assert_allclose(merged.noise[merged.channel], noise_spectrum(bank), rtol=1e-6)


def test_impossible_requests_are_refused():
    for call, reason in [
        (lambda: gabor_bank(40), "odd"),
        (lambda: gabor_bank(1), "odd"),
        (lambda: gabor_bank(41, shape="round"), "round"),
        (lambda: fit_spectrum(np.arange(1.0, 4), np.ones((3, 2))), "at least 7"),
        (lambda: fit_spectrum(np.arange(0.0, 9), np.ones((9, 2))), "above 0"),
    ]:
        with pytest.raises(InputError, match=reason):
            call()


def test_a_hard_window_is_a_box():
    np.testing.assert_array_equal(gabor_bank(21, shape="hard").window, np.ones(21))
