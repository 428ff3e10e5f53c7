"""The sharpest slice, against stacks of known focus: in weak light, flicker, drift, and beside slices of noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from defocus import InputError, as_picture
from defocus.effects.detail_curve import BANDS, detail_curve, fine_energy

_TRUE = 4


@pytest.fixture(scope="module")
def light():
    """The light of a thin specimen at slice 4 of 9, float (9, 160, 192), up to 1."""
    rng = np.random.default_rng(0)
    field = sum(ndimage.gaussian_filter(rng.standard_normal((160, 192)), scale) * scale for scale in (0.7, 1.5, 3, 6))
    sharp = np.clip(0.5 + 0.15 * field / field.std(), 0, 1)
    return np.stack([ndimage.gaussian_filter(sharp, 0.6 * abs(z - _TRUE)) for z in range(9)])


def curve(light, electrons, seed=1):
    rng = np.random.default_rng(seed)
    counts = 100 + rng.poisson(electrons * light) + rng.normal(0, 1.5, light.shape)
    limits = counts.min(), counts.max()
    return detail_curve([as_picture(plane.astype(np.float32), limits=limits) for plane in counts])


@pytest.mark.parametrize("electrons", [5000, 50])
def test_the_slice_in_focus_whatever_the_light(light, electrons):
    found = curve(light, electrons)
    assert found.sharpest == _TRUE
    assert found.confidence > 0.95
    assert found.shared.all()
    assert (np.diff(found.detail[: _TRUE + 1]) > 0).all()


def test_flicker_and_bleaching_do_not_move_it(light):
    for gain in (np.random.default_rng(2).uniform(0.5, 1.5, 9), np.exp(-np.arange(9) / 2.5)):
        assert curve(light * gain[:, np.newaxis, np.newaxis], 2000).sharpest == _TRUE


def test_drift_does_not_move_it(light):
    assert (
        curve(np.stack([np.roll(plane, (z, -2 * z), (0, 1)) for z, plane in enumerate(light)]), 500).sharpest == _TRUE
    )


@pytest.mark.parametrize("level", [0.0, 0.5, 5.0])
def test_a_slice_of_noise_is_not_counted(light, level):
    changed = light.copy()
    changed[1] = level
    found = curve(changed, 500)
    assert found.sharpest == _TRUE
    assert not found.shared[1]
    assert found.detail[1] == 0


def test_white_noise_as_strong_as_the_specimen_is_none(light):
    changed = light.copy()
    changed[1] = np.random.default_rng(3).permutation(light[_TRUE].ravel()).reshape(light[1].shape)
    assert curve(changed, 5000).sharpest == _TRUE


@pytest.mark.parametrize("seed", range(6))
def test_of_noise_alone_no_slice_is_the_sharpest(seed):
    found = curve(np.full((9, 160, 192), 0.5), 50, seed)
    assert (found.sharpest, found.confidence) == (None, 0.0)


def test_a_specimen_that_leaves_the_choice_open_is_not_sure():
    """Two halves, each in focus in a slice of its own far from the other."""
    rng = np.random.default_rng(5)
    sharp = ndimage.gaussian_filter(rng.standard_normal((160, 192)), 1)
    sharp = 0.5 + 0.1 * sharp / sharp.std()
    left = np.arange(192) < 96
    planes = [
        np.where(
            left, ndimage.gaussian_filter(sharp, 0.5 * abs(z - 2)), ndimage.gaussian_filter(sharp, 0.5 * abs(z - 7))
        )
        for z in range(10)
    ]
    assert curve(np.stack(planes), 1000).confidence < 0.9


def test_energy_of_fine_detail_is_that_of_its_bands(light):
    plane = light[0].astype(np.float32)
    weights = np.array([0.5, 0.3, 0.2])
    wanted = sum(
        weight * (ndimage.gaussian_laplace(light[0], scale) * scale**2) ** 2
        for weight, scale in zip(weights, BANDS, strict=True)
    )
    np.testing.assert_allclose(fine_energy(plane, weights), wanted, atol=2e-5)


def test_slices_of_different_shapes_are_refused():
    with pytest.raises(InputError, match="a slice of"):
        detail_curve([as_picture(np.zeros((40, 50))), as_picture(np.zeros((40, 51)))])
