"""Black and white: the same scene is the same picture whatever its type, offset, gain and defects."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from defocus import InputError, as_picture, load_image
from defocus.pictures.intensity import value_range


@pytest.fixture(scope="module")
def scene(samples):
    """Grey levels of a photograph, uint8 (H, W), that fill their range."""
    return np.rint(load_image(samples / "coffee.jpg").luminance[:200, :300] * 255).astype(np.uint8)


@pytest.mark.parametrize(
    "changed",
    [
        lambda v: v,
        lambda v: v.astype(np.float32),
        lambda v: v.astype(np.int64),
        lambda v: v.astype(np.uint16),
        lambda v: v / 255,
    ],
)
def test_photographs_keep_the_range_of_their_kind(scene, changed):
    np.testing.assert_allclose(as_picture(changed(scene)).luminance, scene / 255, atol=1e-7)


@pytest.mark.parametrize(
    "changed",
    [
        lambda v: v.astype(np.uint16) + 4000,
        lambda v: v.astype(np.uint16) + 10_000,
        lambda v: v.astype(np.int32) - 70_000,
        lambda v: v / 255 * 0.05 + 0.1,
        lambda v: (v / 255 * 0.01).astype(np.float32),
        lambda v: v * 1e20 + 1e22,
        lambda v: v * 1e-20,
    ],
)
def test_offset_and_gain_change_nothing(scene, changed):
    low, high = value_range(scene.astype(float) - 1000)
    picture = as_picture(changed(scene))
    expected = np.clip((scene - (low + 1000)) / (high - low), 0, 1)
    np.testing.assert_allclose(picture.luminance, expected, atol=0.003)


def test_hot_and_dead_pixels_change_only_themselves(scene):
    counts = scene.astype(np.uint16) + 4000
    spoiled = counts.copy()
    spoiled[20, 30], spoiled[50, 60], spoiled[90], spoiled[:, 100] = 65535, 0, 60_000, 1
    picture, whole = as_picture(spoiled), as_picture(counts)
    assert (picture.black, picture.white) == pytest.approx((whole.black, whole.white), abs=3)
    assert abs(picture.luminance[20, 30] - whole.luminance[20, 30]) < 0.2
    same = np.ones(scene.shape, bool)
    same[20, 30] = same[50, 60] = same[90] = same[:, 100] = False
    np.testing.assert_allclose(picture.luminance[same], whole.luminance[same], atol=0.02)


def test_a_small_bright_thing_is_no_defect():
    y, x = np.mgrid[:80, :80]
    bead = 1000 * np.exp(-((y - 40.3) ** 2 + (x - 39.6) ** 2) / (2 * 1.2**2)) + 100
    picture = as_picture(np.rint(bead).astype(np.uint16))
    assert picture.white > 600
    assert picture.luminance[40, 40] > 0.9


def test_an_empty_field_is_not_stretched_into_texture():
    noise = np.random.default_rng(0).normal(1000, 2.0, (200, 300))
    assert as_picture(noise).luminance.std() < 1 / 25
    flat = np.random.default_rng(0).integers(120, 123, (200, 300)).astype(np.uint8)
    assert as_picture(flat).luminance.std() < 1 / 25
    constant = np.full((50, 50), 51, np.uint8)
    np.testing.assert_allclose(as_picture(constant).luminance, 0.2)


def test_the_range_can_be_given(scene):
    picture = as_picture(scene, limits=(50, 150))
    np.testing.assert_allclose(picture.luminance, np.clip((scene - 50.0) / 100, 0, 1), atol=1e-6)
    assert (picture.black, picture.white) == (50, 150)
    for limits in ((2, 2), (3, 1), (0, np.inf), (np.nan, 1), (0, 10**400), "ab", (1, 2, 3)):
        with pytest.raises(InputError, match="range"):
            as_picture(scene, limits=limits)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_the_largest_numbers_are_no_fault(kind):
    largest = np.finfo(kind).max
    for values in ([[largest, 0]], [[largest, -largest]], np.linspace(0.9, 1, 2500).reshape(50, 50) * largest):
        with contextlib.suppress(InputError):
            color = as_picture(np.array(values, kind)).color
            assert color.min() >= 0
            assert color.max() <= 1


def test_steps_are_those_of_the_numbers():
    # A ramp of three steps of float32 is stretched to 32 of them
    step = np.spacing(np.float32(-1000))
    black, white = value_range(np.float32(-1000) - np.arange(4, dtype=np.float32).repeat(600).reshape(48, 50) * -step)
    assert white - black == pytest.approx(32 * abs(step))
