"""Fluorescence: right radii in counts of a camera, nothing known of the ground, and as far out as it goes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import defocus
from benchmarks.fluorescence import uneven_light
from defocus.psf import GaussianPSF
from tests.core.fields import nuclei


@pytest.fixture(scope="module")
def sharp():
    counts, field = nuclei(0.8)
    return defocus.analyze(counts.astype(np.uint16)), field


def test_it_is_taken_for_what_it_is(sharp):
    analysis, _ = sharp
    assert analysis.kind == "fluorescence"
    assert analysis.parameters.psf == "gaussian"
    assert isinstance(analysis.psf, GaussianPSF)


@pytest.mark.parametrize("spacing", [4, 16])
def test_bodies_are_whole_however_far_apart_samples_lie(sharp, spacing):
    """As on the fields of large cameras, where samples lie about as far apart as a nucleus is wide."""
    analysis, field = sharp
    asked = defocus.analyze(analysis.picture, kind="fluorescence", spacing=spacing)
    bodies = ndimage.binary_opening(field > 0.25, iterations=2)
    beside = ndimage.binary_dilation(field > 0.05, iterations=4)
    assert asked.known[bodies].mean() > 0.95
    assert asked.focus_mask()[bodies].mean() > 0.95
    assert not asked.known[~beside].any()
    assert not asked.focus_mask()[~beside].any()
    assert asked.share_of(asked.focus_mask()) > 0.9


def test_confidence_does_not_hang_on_how_far_apart_samples_lie(sharp):
    analysis, field = sharp
    wide = defocus.analyze(analysis.picture, kind="fluorescence", spacing=12)
    assert wide.confidence[field > 0.25].mean() == pytest.approx(analysis.confidence[field > 0.25].mean(), rel=0.2)
    assert not wide.confidence[~wide.known].any()


@pytest.mark.parametrize("psf", ["disc", "annulus"])
def test_a_blur_shape_that_was_chosen_is_kept(psf):
    counts, _ = nuclei(0.8)
    assert defocus.analyze(counts.astype(np.uint16), psf=psf).parameters.psf == psf


@pytest.mark.parametrize("uneven", ["haze", "gradient", "glow"])
def test_an_uneven_ground_stays_ground(uneven):
    """Light that varies over far more than a window is that of what lies elsewhere, however bright it is."""
    rng = np.random.default_rng(4)
    _, field = nuclei(0.8)
    light = field + 0.2 * uneven_light(field, rng)[uneven]
    analysis = defocus.analyze((100 + rng.poisson(12 + 3000 * light)).astype(np.uint16), kind="fluorescence")
    bright, ground = field > 0.4, ndimage.maximum_filter(field, 21) < 0.01
    mask = analysis.focus_mask()
    assert mask[bright].mean() > 0.95
    assert mask[ground].mean() < 0.02
    assert analysis.known[ground].mean() < 0.02


def test_what_is_far_larger_than_a_window_is_known_within():
    """A flat round cell, 140 px wide with little grain, on a ground that is uneven."""
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:360, :360]
    body = np.hypot(rows - 180, columns - 180) < 70
    grain = ndimage.gaussian_filter(rng.standard_normal(body.shape), 1.5)
    light = body * (1 + 0.05 * grain / grain.std()) + 0.2 * columns / 360
    analysis = defocus.analyze((100 + rng.poisson(12 + 3000 * light)).astype(np.uint16), kind="fluorescence")
    assert analysis.known[body].mean() > 0.9
    assert analysis.focus_mask()[body].mean() > 0.95
    assert not analysis.focus_mask()[ndimage.distance_transform_edt(~body) > 8].any()


def test_sharp_nuclei_are_in_focus_and_their_ground_is_unknown(sharp):
    analysis, field = sharp
    bright, ground = field > 0.4, ndimage.maximum_filter(field, 61) < 0.01
    radius, mask = analysis.blur_map(), analysis.focus_mask()
    assert np.median(radius[bright & analysis.known]) < 2.5
    assert analysis.max_radius == 8
    assert analysis.known[bright].mean() > 0.8
    assert mask[bright].mean() > 0.8
    assert not mask[ground].any()
    assert not analysis.known[ground].any()
    assert (analysis.confidence[ground] == 0).all()
    assert analysis.confidence[bright].mean() > 0.3


@pytest.mark.parametrize("radius", [3.0, 6.0, 14.0])
def test_blur_is_measured_beyond_the_usual_largest_radius(radius):
    counts, field = nuclei(radius)
    analysis = defocus.analyze(counts.astype(np.uint16))
    there = analysis.known & (field > 0.2)
    assert there.sum() > 2000
    # Nuclei are no white noise: what they hold of their own blur comes on top
    assert np.median(analysis.blur_map()[there]) == pytest.approx(radius, abs=0.35 * radius + 0.5)
    assert (analysis.max_radius > 8) == (radius > 3)  # half of a range is measured best in one of twice that


@pytest.mark.parametrize("percentile", [98, 99, 99.5])
def test_what_is_cut_off_makes_nothing_look_sharp(percentile):
    """Beside it small radii are read, and its noise is gone: neither may speak for the others."""
    counts, _ = nuclei(6.0, shape=(420, 460))
    analysis = defocus.analyze(np.minimum(counts, np.percentile(counts, percentile)).astype(np.uint16))
    assert analysis.saturated_share > 0.005
    assert analysis.max_radius > 8
    sure = analysis.confidence > 0.5
    assert not sure.any() or np.median(analysis.blur_map()[sure]) == pytest.approx(6, rel=0.2)


def test_a_largest_radius_that_was_given_stays():
    counts, _ = nuclei(14.0)
    assert defocus.analyze(counts.astype(np.uint16), max_radius=8).max_radius == 8


def test_the_noise_of_photons_is_not_taken_for_sharpness():
    """A smooth bright blob is rough by its photons, far more than its ground."""
    rows, columns = np.mgrid[:260, :260]
    light = 8 + 3000 * np.exp(-((rows - 130) ** 2 + (columns - 130) ** 2) / (2 * 30**2))
    counts = 100 + np.random.default_rng(0).poisson(light)
    analysis = defocus.analyze(counts.astype(np.uint16))
    assert not analysis.focus_mask().any()
    assert not analysis.known.any() or analysis.blur_map()[analysis.known].min() > 6


@pytest.mark.parametrize(
    "change", [lambda a: a + 9000, lambda a: 12 * a, lambda a: a / 5000.0], ids=["offset", "gain", "float"]
)
def test_the_answer_does_not_depend_on_units(sharp, change):
    analysis, _ = sharp
    counts, _ = nuclei(0.8)
    other = defocus.analyze(change(counts.astype(np.uint16).astype(np.float64)))
    both = analysis.known & other.known
    assert both.sum() > 0.95 * analysis.known.sum()
    assert np.abs(analysis.blur_map() - other.blur_map())[both].mean() < 0.05


def test_noise_is_told_in_the_units_of_the_picture(sharp):
    analysis, _ = sharp
    span = analysis.picture.white - analysis.picture.black
    in_counts = analysis.noise_variance * span**2
    assert 1.5 < in_counts < 15  # 0.4^2 * 12 + 1.5^2 + 1/12 is 4.3, and the model's own error


def test_an_empty_field_says_that_nothing_is_known():
    counts = np.random.default_rng(0).poisson(30, (200, 220)) + 100
    analysis = defocus.analyze(counts.astype(np.uint16), kind="fluorescence")
    assert not analysis.has_evidence
    assert not analysis.known.any()
    assert not analysis.focus_mask().any()


def test_measured_fields(shared):
    """Fields of nuclei in focus, and the same far out of it."""
    for file in sorted((shared / "data" / "microscopy_dev").iterdir()):
        analysis = defocus.analyze(defocus.load_image(file))
        radius = np.median(analysis.blur_map()[analysis.known])
        share = analysis.focus_mask()[analysis.known].mean()
        if "sharp" in file.name:
            assert 1.9 < radius < 2.7, file.name
            assert share > 0.31, file.name
        else:
            assert radius > 7.6, file.name
            assert share < 0.01, file.name
