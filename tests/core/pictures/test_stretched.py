"""Stretching: by a picture's own light, with the noise of its photons, saturated parts left out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from defocus.pictures.picture import as_picture
from defocus.pictures.stretched import light_levels, noise_line, saturated_pixels, stretched, unstretched

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


def seen_by_itself(picture, *, counts):
    return stretched(picture, light_levels(picture, counts=counts))


def test_a_part_is_stretched_as_the_picture_is():
    values = as_picture(counts(np.linspace(100, 900, 160) * np.ones((120, 1)), gain=2, read=3).astype(np.float32))
    levels = light_levels(values, counts=True)
    whole = stretched(values, levels)
    part = stretched(as_picture(np.asarray(values.luminance)[30:90, 40:140], measured=False), levels)
    np.testing.assert_allclose(part.picture.luminance, whole.picture.luminance[30:90, 40:140], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(part.noise_ratio, whole.noise_ratio[30:90, 40:140], rtol=1e-5)
    assert part.noise == whole.noise


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


def test_noise_is_told_of_every_pixel_by_its_light(light):
    found = seen_by_itself(as_picture(counts(light, gain=2, read=0).astype(np.float32)), counts=True)
    smooth = ndimage.uniform_filter(found.noise_ratio, 9)
    inner = light > 200
    np.testing.assert_allclose((smooth / (light / light.min()))[inner], 1, atol=0.35)


def test_units_do_not_matter(light):
    once = seen_by_itself(as_picture(counts(light, gain=1).astype(np.float32)), counts=True)
    again = seen_by_itself(as_picture((50 * counts(light, gain=1) + 7000).astype(np.float32)), counts=True)
    assert np.abs(once.picture.color - again.picture.color).max() < 2e-3
    assert np.abs(once.noise_ratio / again.noise_ratio - 1).max() < 0.02


def test_nothing_is_cut_off_but_what_is_saturated(light):
    values = counts(light, gain=1)
    free = seen_by_itself(as_picture(values.astype(np.float32)), counts=True)
    assert free.picture.alpha is None
    assert free.picture.color.max() > 1.2  # the brightest half per cent
    full = seen_by_itself(as_picture(np.minimum(values, 500).astype(np.float32)), counts=True)
    assert full.picture.alpha is not None
    assert (full.picture.alpha[values >= 500] == 0).mean() > 0.9
    assert (full.picture.alpha[values < 300] == 1).all()
    assert full.source.alpha is None
    assert 0 <= full.source.color.min() <= full.source.color.max() <= 1


def test_an_empty_field_is_not_stretched_into_texture():
    """Noise alone: the range holds 32 standard deviations of it."""
    noise = np.random.default_rng(0).normal(100, 4, _SHAPE)
    seen = seen_by_itself(as_picture(noise.astype(np.float32)), counts=True)
    assert seen.picture.color[..., 0].std() < 0.04


@pytest.mark.parametrize(
    "kind",
    [
        lambda a: np.rint(a * 255).astype(np.uint8),
        lambda a: np.rint(a * 65535).astype(np.uint16),
        lambda a: np.rint(100 + 2500 * a).astype(np.uint16),
        lambda a: np.rint(10000 + 2500 * a).astype(np.uint16),
        lambda a: (0.4 * a + 0.2).astype(np.float32),
    ],
    ids=["8 bits", "16 bits", "12 bits of a camera", "with an offset", "float of less contrast"],
)
def test_the_kind_of_number_does_not_matter(samples, kind):
    values = np.asarray(as_picture(np.asarray(unstretched(_grass(samples)).picture.luminance)).luminance, float)
    once, again = (
        seen_by_itself(as_picture(values), counts=False),
        seen_by_itself(as_picture(kind(values)), counts=False),
    )
    assert np.abs(once.picture.luminance - again.picture.luminance).max() < 0.012  # a step of 8 bits, stretched


def _grass(samples):
    from defocus.pictures.picture import load_image

    return load_image(samples / "grass.png")


def test_of_colours_the_luminance_is_measured_and_what_came_is_kept():
    rows, columns = np.mgrid[:60, :70] / 70
    color = np.stack([0.2 + 0.3 * rows, 0.2 + 0.3 * columns, 0.5 - 0.3 * rows * columns], axis=2).astype(np.float32)
    picture = as_picture(color)
    seen = seen_by_itself(picture, counts=False)
    assert seen.source is picture
    low, high = np.percentile(seen.picture.luminance, (0.5, 99.5))
    assert (low, high) == pytest.approx((0, 1), abs=0.02)
    assert np.ptp(seen.picture.luminance) == pytest.approx(seen.gain * np.ptp(picture.luminance), rel=1e-3)


def test_saturated_is_a_plateau_and_no_peak():
    y, x = np.mgrid[:120, :140]
    peak = np.exp(-((y - 60) ** 2 + (x - 70) ** 2) / (2 * 15**2)).astype(np.float32)
    assert saturated_pixels(peak, 1.5 / 255) is None
    assert saturated_pixels(np.full((30, 30), 0.5, np.float32)) is None
    cut = np.minimum(peak, 0.7)
    found = saturated_pixels(cut, 1.5 / 255)
    assert found is not None
    assert found[peak > 0.72].all()
    assert not found[peak < 0.6].any()
    hot = np.zeros((40, 40), np.float32)
    hot[20, 20] = 1
    assert saturated_pixels(hot) is None
