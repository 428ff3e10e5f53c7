"""Evidence: octaves added up by hand, samples, noise, and what carries no evidence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from defocus import InputError, as_picture, load_image
from defocus.evidence.likelihood import local_energies, profile_likelihood
from defocus.evidence.noise import estimate_noise, working_noise
from defocus.evidence.octaves import local_evidence
from defocus.evidence.radii import octaves_and_radii, sample_spacing
from defocus.evidence.spectrum import blur_spectra, gabor_bank
from defocus.parameters import AnalysisParameters
from defocus.psf.families import DiscPSF, GaussianPSF, SensorPSF
from defocus.psf.simulation import simulate_blur
from defocus.tuning import TUNING

SIMULATED = AnalysisParameters(noise=1e-5, sensor_blur=0.0, spacing=8)


@pytest.fixture(scope="module")
def texture(samples):
    return load_image(samples / "grass.png").luminance


def evidence_of(picture, alpha=None, **changes):
    return local_evidence(as_picture(picture, alpha), dataclasses.replace(SIMULATED, **changes), TUNING.evidence)


def best(evidence):
    return evidence.radii[evidence.profile.argmin(axis=2)]


def test_one_octave_is_the_profile_itself(texture):
    part = texture[:120, :160]
    evidence = evidence_of(part, spacing=16, max_radius=6)
    np.testing.assert_allclose(evidence.radii, np.arange(61) / 10)
    np.testing.assert_array_equal(evidence.rows, [8, 24, 40, 56, 72, 88, 104, 119])
    np.testing.assert_array_equal(evidence.columns, np.arange(8, 160, 16))
    spectra = blur_spectra(gabor_bank(41), DiscPSF(), evidence.radii)
    energies = local_energies(part, spectra, evidence.rows, evidence.columns)
    profile, log_variance = profile_likelihood(energies, spectra, 1e-5)
    np.testing.assert_allclose(evidence.profile, profile - profile.min(axis=2, keepdims=True), atol=0.02)
    np.testing.assert_allclose(evidence.log_gradient_variance, log_variance, atol=0.01)
    assert evidence.profile.min(axis=2).max() == 0
    assert evidence.valid_fraction.min() == 1


def test_octaves_add_up(texture):
    """Each octave's likelihood at all radii, from a picture averaged by hand, with noise that averaging quarters."""
    picture = np.ascontiguousarray(texture[:200, :240])
    evidence = evidence_of(picture, spacing=32, max_radius=16)
    expected = 0
    for octave in range(2):
        scale = 2**octave
        small = picture.reshape(200 // scale, scale, 240 // scale, scale).mean(axis=(1, 3)).astype(np.float32)
        own = np.arange(0, 8.01, 0.1)
        if octave == 0:  # radii beyond 8 px lie too close together for it to tell apart
            own = np.append(own, np.arange(8.8, 16.01, 0.8))
        spectra = blur_spectra(gabor_bank(41), DiscPSF(), own)
        energies = local_energies(small, spectra, evidence.rows // scale, evidence.columns // scale)
        profile, _ = profile_likelihood(energies, spectra, 1e-5 / scale**2)
        at_all = [np.interp(evidence.radii, own * scale, line) for line in profile.reshape(-1, len(own))]
        expected = expected + np.array(at_all).reshape(*evidence.shape, -1)
    expected -= expected.min(axis=2, keepdims=True)
    np.testing.assert_allclose(evidence.radii[[0, 80, 120]], [0, 8, 16])
    np.testing.assert_allclose(evidence.profile, expected, atol=0.05)


@pytest.mark.parametrize("radius", [5.0, 10.0, 14.0])
def test_large_blur_is_found_in_reduced_copies(texture, radius):
    large = np.kron(texture, np.ones((2, 2)))
    evidence = evidence_of(simulate_blur(large, radius, noise=1e-5), max_radius=16, spacing=16)
    assert np.median(best(evidence)) == pytest.approx(radius, rel=0.05)


@pytest.mark.parametrize(
    ("shape", "largest"),
    [((427, 640), 8), ((41, 50), 8), ((700, 900), 8), ((1500, 2000), 16), ((3000, 4000), 32)],
)
def test_larger_pictures_are_searched_for_more_blur(shape, largest):
    _, radii = octaves_and_radii(AnalysisParameters(), shape, TUNING.evidence)
    assert radii[0] == 0
    assert radii[-1] == pytest.approx(largest)
    assert (np.diff(radii) > 0.09).all()
    np.testing.assert_allclose(radii[:81], np.arange(81) / 10)


def test_the_spacing_grows_with_the_picture_so_that_samples_stay_as_many():
    assert sample_spacing(AnalysisParameters(), (427, 640), TUNING.evidence) == 4
    assert sample_spacing(AnalysisParameters(), (100, 100), TUNING.evidence) == TUNING.evidence.closest_spacing
    assert sample_spacing(AnalysisParameters(spacing=3), (4000, 6000), TUNING.evidence) == 3
    for shape in ((600, 800), (1500, 2000)):
        spacing = sample_spacing(AnalysisParameters(), shape, TUNING.evidence)
        assert 12_000 < shape[0] * shape[1] / spacing**2 < 24_000


def test_noise_is_given_or_measured(texture):
    noisy = simulate_blur(texture, 4.0, noise=4e-4)
    assert evidence_of(noisy, noise=3e-4).noise_variance == 3e-4
    assert evidence_of(noisy, noise="auto", method="paper").noise_variance == 1e-4
    evidence = evidence_of(noisy, noise="auto")
    assert evidence.noise_variance == working_noise(
        estimate_noise(evidence.energies, evidence.spectra), TUNING.evidence
    )


def test_transparent_parts_do_not_change_the_measured_noise(texture):
    noisy = simulate_blur(texture, 4.0, noise=4e-4)
    alpha = np.broadcast_to(np.arange(480) < 200, texture.shape)
    part = evidence_of(noisy[:, :200], noise="auto").noise_variance
    assert evidence_of(noisy, alpha, noise="auto").noise_variance == pytest.approx(part, rel=0.05)
    assert np.isfinite(evidence_of(noisy, np.zeros(texture.shape), noise="auto").noise_variance)


def test_the_blur_shape_is_joined_by_the_sensors(texture):
    blurred = simulate_blur(texture, 3.0, psf=SensorPSF(GaussianPSF(), 0.8), noise=1e-5)
    right = evidence_of(blurred, psf="gaussian", sensor_blur=0.8)
    assert np.median(best(right)) == pytest.approx(3, abs=0.15)
    # A PSF that is given is taken as it is
    own = evidence_of(blurred, psf=SensorPSF(GaussianPSF(), 0.8), sensor_blur=2.0)
    np.testing.assert_array_equal(own.profile, right.profile)
    assert np.median(best(evidence_of(blurred, psf="gaussian", sensor_blur=0.0))) > 3.2


def test_what_lies_under_transparency_changes_nothing(texture):
    alpha = np.ones(texture.shape, np.float32)
    alpha[61:221, 101:301] = 0
    other = np.where(alpha > 0, texture, np.random.default_rng(0).random(texture.shape)).astype(np.float32)
    one, two = (evidence_of(picture, alpha, max_radius=16) for picture in (texture, other))
    np.testing.assert_allclose(one.profile, two.profile, atol=1e-3)
    inside = np.ix_((one.rows > 100) & (one.rows < 180), (one.columns > 140) & (one.columns < 260))
    assert one.valid_fraction[inside].max() < 0.05
    assert (one.profile[inside] == 0).all()
    assert one.valid_fraction[0, 0] == pytest.approx(1, abs=1e-6)
    far = one.rows > 265  # beyond the windows of the second octave
    whole = evidence_of(texture, max_radius=16)
    np.testing.assert_allclose(one.profile[far], whole.profile[far], atol=0.02)


def test_the_share_is_the_windows_weight_that_is_opaque(texture):
    part = texture[:64, :64]
    alpha = np.random.default_rng(1).random(part.shape) < 0.7
    evidence = evidence_of(part, alpha, spacing=16)
    window = gabor_bank(41).window
    weight = np.outer(window, window) / window.sum() ** 2
    padded = np.pad(alpha, 20, mode="symmetric")
    for j, row in enumerate(evidence.rows):
        for i, column in enumerate(evidence.columns):
            expected = (weight * padded[row : row + 41, column : column + 41]).sum()
            assert evidence.valid_fraction[j, i] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("sides", ["all", "top", "left and bottom"])
def test_a_frame_carries_no_evidence(texture, width, sides):
    """The inner edge of a frame is as sharp as can be, whatever the lens did."""
    blurred = simulate_blur(texture, 5.0, noise=1e-5).astype(np.float32)
    framed = blurred.copy()
    if sides in ("all", "top"):
        framed[:width] = 0
    if sides in ("all", "left and bottom"):
        framed[-width:] = 1
        framed[:, :width] = 0.25
    if sides == "all":
        framed[:, -width:] = 1
    with_frame, without = best(evidence_of(framed)), best(evidence_of(blurred))
    outer = np.ones_like(without, bool)
    outer[2:-2, 2:-2] = False
    assert np.median(with_frame[outer]) == pytest.approx(5, abs=0.3)
    near = np.abs(with_frame - without) < 0.5
    assert near.mean() > 0.9
    assert near[4:-4, 4:-4].all()


def test_a_wide_flat_border_is_part_of_the_scene(texture):
    wide = texture.copy()
    wide[:30] = 0.5
    assert evidence_of(wide).valid_fraction.min() == 1


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_picture_tells_next_to_nothing(value):
    evidence = evidence_of(np.full((80, 90), value), noise="auto")
    assert np.isfinite(evidence.profile).all()
    assert np.ptp(evidence.profile) < 0.5


@pytest.mark.parametrize("shape", [(40, 100), (100, 40), (1, 1)])
def test_pictures_smaller_than_the_window_are_refused(shape):
    with pytest.raises(InputError, match="smaller than the analysis window of 41 px") as caught:
        local_evidence(as_picture(np.zeros(shape), source="stamp.png"), SIMULATED, TUNING.evidence)
    assert str(caught.value).startswith(f"stamp.png: {shape[1]} x {shape[0]} px")
    assert "\n" not in str(caught.value)
    assert evidence_of(np.random.default_rng(0).random((41, 41))).shape == (6, 6)


def test_wide_windows_are_those_of_the_reduced_picture_at_every_second_sample(samples):
    """At half the size a window of 41 px covers 82 px; radii are half as large, the noise variance a quarter."""
    whole = load_image(samples / "flower.jpg").luminance[:424]
    half = whole.reshape(212, 2, 320, 2).mean(axis=(1, 3))
    found = evidence_of(whole, spacing=4, noise=4e-4)
    alone = evidence_of(half, spacing=1, noise=1e-4, max_radius=4.0)
    expected = alone.profile[np.ix_(found.rows[::2] // 2, found.columns[::2] // 2)]
    assert found.wide.shape == (53, 80, 81)
    wide = found.wide[..., ::2]  # radii that are in both tables
    np.testing.assert_allclose(
        wide - wide.min(axis=2, keepdims=True), expected - expected.min(axis=2, keepdims=True), atol=0.02
    )


def test_small_pictures_and_the_published_method_have_no_wide_windows(samples):
    picture = load_image(samples / "cat.jpg")
    assert local_evidence(picture, AnalysisParameters(), TUNING.evidence).wide is None
    assert (
        local_evidence(load_image(samples / "flower.jpg"), AnalysisParameters(method="paper"), TUNING.evidence).wide
        is None
    )
