"""Focus over z without a host: the sharpest slice, its verdict, heights, and who measures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import defocus
from defocus.parameters import AnalysisParameters
from defocus.psf.simulation import simulate_blur
from defocus.stack import SliceMap, focus_over_z

QUICK = AnalysisParameters(window=21, spacing=8, max_radius=6)


def specimen(shape=(96, 128), seed=0):
    rng = np.random.default_rng(seed)
    field = sum(ndimage.gaussian_filter(rng.standard_normal(shape), scale) * scale for scale in (0.7, 1.5, 3, 6))
    return np.clip(0.5 + 0.15 * field / field.std(), 0, 1).astype(np.float32)


def stack_of(sharp, heights, slices=7, electrons=1000, per_slice=1.0):
    rng = np.random.default_rng(1)
    heights = np.broadcast_to(heights, sharp.shape)
    light = [simulate_blur(sharp, (per_slice * np.abs(z - heights)).astype(np.float32)) for z in range(slices)]
    return rng.poisson(electrons * np.clip(light, 0, None)).astype(np.uint16)


@pytest.fixture(scope="module")
def found():
    return focus_over_z(stack_of(specimen(), 4), QUICK)


def test_the_sharpest_slice_and_how_sure_it_is(found):
    curve = found.curve
    assert curve.sharpest == 4
    assert curve.confidence > 0.9
    assert curve.in_focus
    assert curve.verdict.startswith("slice 4 is the sharpest (confidence")
    assert curve.median_radius[4] < curve.median_radius[0]
    assert found.best_slices(1) == range(3, 6)
    assert found.best_slices(5) == range(7)


def test_heights_of_a_thin_specimen(found):
    assert found.known.mean() > 0.9
    assert np.percentile(np.abs(found.heights - 4), 95) < 0.5


def test_one_kind_and_one_noise_for_all_slices(found):
    assert found.parameters.kind == "brightfield"
    assert isinstance(found.parameters.noise, float)


def test_cells_on_a_dark_ground_are_fluorescence():
    rows, columns = np.mgrid[:96, :128]
    sharp = np.full((96, 128), 0.02, np.float32)
    for y, x in ((25, 30), (60, 80), (70, 25), (25, 95)):
        sharp = np.where(np.hypot(rows - y, columns - x) < 9, specimen(seed=y), sharp).astype(np.float32)
    assert focus_over_z(stack_of(sharp, 3), QUICK).parameters.kind == "fluorescence"


def test_a_stack_that_is_blurred_everywhere_says_so():
    verdict = focus_over_z(stack_of(specimen(), -4, slices=4), QUICK).curve.verdict
    assert verdict.startswith("no slice is in focus: slice 0 is the sharpest")


def test_a_stack_of_noise_says_so():
    noise = np.random.default_rng(2).poisson(25, (5, 96, 128)).astype(np.uint16)
    found = focus_over_z(noise, QUICK)
    assert found.curve.sharpest is None
    with pytest.raises(defocus.InputError, match="no slice is in focus"):
        found.best_slices(1)


def test_somebody_else_may_measure():
    asked = []

    def measure(z, parameters, map_parameters, progress):
        asked.append(z)
        assert map_parameters.unknown == "nan"
        radius = np.full((96, 128), abs(z - 4), np.float32)
        radius[:, 64:] = np.nan
        return SliceMap(radius, 1e-4, 6.0)

    values = stack_of(specimen(), 4)
    told = []
    found = focus_over_z(
        values, AnalysisParameters(noise=1e-4), measure=measure, radius_scale=2.0, progress=lambda *at: told.append(at)
    )
    assert asked == list(range(7))
    assert found.radii[0, 0, 0] == 8
    np.testing.assert_array_equal(np.isnan(found.radii[0, 0]), np.arange(128) >= 64)
    np.testing.assert_allclose(found.curve.known_share, 0.5)
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] <= 1


def test_what_is_no_stack_is_refused():
    with pytest.raises(defocus.InputError, match="two slices"):
        focus_over_z(np.zeros((1, 64, 64)))
    with pytest.raises(defocus.InputError, match="different shapes"):
        focus_over_z([np.ones((64, 64)), np.ones((64, 65))])
