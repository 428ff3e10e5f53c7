"""Heights made finer by detail: steps at their place, nothing made up where there is no detail or only glow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from defocus import InputError, as_picture
from defocus.effects.detail_curve import detail_curve
from defocus.effects.detail_peak import refined_heights
from defocus.psf.simulation import simulate_blur

_SHAPE = 90, 120


def pictures(sharp, height, slices=9, noise=0.003):
    rng = np.random.default_rng(1)
    for z in range(slices):
        radius = np.abs(z - height).astype(np.float32)
        values = simulate_blur(sharp.astype(np.float32), radius) + rng.normal(0, noise, _SHAPE)
        yield as_picture(values.astype(np.float32), limits=(0, 1))


def refined(coarse, slices):
    """The heights that the detail of all slices gives."""
    slices = list(slices)
    return refined_heights(coarse, slices, detail_curve(slices))[0]


@pytest.fixture(scope="module")
def texture():
    rng = np.random.default_rng(0)
    return np.clip(0.5 + 0.2 * ndimage.gaussian_filter(rng.standard_normal(_SHAPE), 0.6), 0, 1)


def test_a_step_that_maps_smear_is_found_at_its_place(texture):
    height = np.where(np.arange(_SHAPE[1]) < 60, 2.0, 6.0) * np.ones((_SHAPE[0], 1))
    smeared = ndimage.gaussian_filter1d(height, 8, axis=1)
    found = refined(smeared, pictures(texture, height))
    away = np.abs(found - height)
    assert np.median(np.abs(smeared - height)[:, 50:70]) > 0.5
    assert (away[:, :57] < 0.3).mean() > 0.98
    assert (away[:, 63:] < 0.3).mean() > 0.98


def test_heights_between_slices(texture):
    height = np.broadcast_to(np.linspace(1.5, 6.5, _SHAPE[1]), _SHAPE)
    found = refined(np.rint(height), pictures(texture, height))
    assert np.percentile(np.abs(found - height), 90) < 0.12
    assert np.percentile(np.abs(np.rint(height) - height), 90) > 0.4


def test_heights_across_a_step_are_those_of_either_side(texture):
    """In the six columns around it, the sum that is usual sees both."""
    height = np.where(np.arange(_SHAPE[1]) < 60, 2.0, 6.0) * np.ones((_SHAPE[0], 1))
    found = refined(ndimage.gaussian_filter1d(height, 8, axis=1), pictures(texture, height))
    assert (np.abs(found - height)[:, 57:63] < 0.3).mean() > 0.94


def test_where_there_is_no_detail_the_maps_stay(texture):
    """Only noise on the right: its peaks mean nothing."""
    sharp = np.where(np.arange(_SHAPE[1]) < 60, texture, 0.4)
    coarse = np.full(_SHAPE, 4.0)
    found = refined(coarse, pictures(sharp, coarse))
    assert np.percentile(np.abs(found[:, 75:] - 4), 98) < 0.05


def test_a_peak_far_from_all_that_maps_found_around_is_not_taken(texture):
    height = np.full(_SHAPE, 7.0)
    coarse = np.full(_SHAPE, 2.0)
    assert (refined(coarse, pictures(texture, height)) == 2).all()


def test_unknown_pixels_are_no_detail(texture):
    """The edge of what is NaN in one slice would be the sharpest of all."""
    height = np.full(_SHAPE, 4.0)
    slices = list(pictures(texture, height))
    values = slices[6].color[..., 0].copy()
    values[40:50, 50:70] = np.nan
    slices[6] = as_picture(values, limits=(0, 1))
    found = refined(np.full(_SHAPE, 5.0), slices)
    assert np.abs(found - 4).max() < 0.5


def test_other_shapes_are_refused(texture):
    with pytest.raises(InputError, match="heights of"):
        refined(np.zeros((10, 12)), pictures(texture, np.zeros(_SHAPE)))


def test_half_a_slice_before_the_first_and_after_the_last_peak(texture):
    """No parabola goes through the end of a stack: the maps tell what is between the last two slices."""
    height = np.where(np.arange(_SHAPE[1]) < 60, 0.4, 7.6) * np.ones((_SHAPE[0], 1))
    found = refined(height, pictures(texture, height))
    assert np.percentile(np.abs(found - height)[:, np.abs(np.arange(_SHAPE[1]) - 60) > 8], 95) < 0.3
