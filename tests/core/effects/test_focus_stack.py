"""What the maps of a stack say together, against brute force and known truth."""

import numpy as np
import pytest

from defocus import InputError
from defocus.effects.focus_stack import composite, focus_curve, height_map


def test_curve_is_the_weighted_share_and_median():
    random = np.random.default_rng(0)
    radii = random.integers(0, 60, (3, 9, 11)) / 10
    weights = random.integers(0, 3, (3, 9, 11))
    curve = focus_curve(radii, weights, 2.0)
    for z in range(3):
        repeated = np.sort(np.repeat(radii[z].ravel(), weights[z].ravel()))
        assert curve.in_focus_share[z] == pytest.approx((repeated <= 2.0).mean())
        assert curve.median_radius[z] == repeated[(len(repeated) - 1) // 2]
    assert curve.sharpest == np.argmax(curve.in_focus_share)


def test_of_equal_shares_the_smaller_median_is_sharpest():
    radii = np.stack([np.full((4, 4), 3.0), np.full((4, 4), 2.5), np.full((4, 4), 2.7)])
    assert focus_curve(radii, np.ones_like(radii), 2.0).sharpest == 1


def test_a_slice_of_which_nothing_is_known_is_never_the_sharpest():
    radii = np.stack([np.zeros((10, 10)), np.full((10, 10), 1.0), np.full((10, 10), 3.0)])
    known = np.stack([np.zeros((10, 10)), np.ones((10, 10)), np.ones((10, 10))])
    known[0, 0, 0] = 1  # by chance, and perfectly sharp
    curve = focus_curve(radii, known, 2.0)
    assert (curve.sharpest, curve.in_focus_share[0]) == (1, 0)
    assert np.isnan(curve.median_radius[0])
    assert curve.in_focus


def test_no_slice_in_focus_is_said():
    blurred = focus_curve(np.full((3, 4, 4), 5.0), np.ones((3, 4, 4)), 2.0)
    assert not blurred.in_focus
    assert blurred.verdict.startswith("no slice is in focus: slice 0")
    nothing = focus_curve(np.zeros((3, 4, 4)), np.zeros((3, 4, 4)), 2.0)
    assert (nothing.sharpest, nothing.in_focus) == (None, None)
    assert nothing.verdict.startswith("no slice is in focus: none shows")


def test_height_map_finds_a_tilted_surface():
    best = np.broadcast_to(np.linspace(0, 9, 60), (40, 60))
    radii = np.abs(np.arange(10)[:, None, None] - best) * 0.8
    heights = height_map(radii, np.ones_like(radii))
    assert heights.dtype == np.float32
    assert np.abs(heights - best)[:, 7:-7].max() < 0.15  # parts of a slice


def test_height_map_between_slices_survives_noise_and_saturation():
    best = np.broadcast_to(np.linspace(2, 12, 90), (60, 90))
    radii = np.minimum(np.abs(np.arange(15)[:, None, None] - best) * 1.3, 8)
    noisy = radii + np.random.default_rng(0).normal(0, 0.15, radii.shape)
    error = np.abs(height_map(noisy, np.ones_like(radii)) - best)
    assert np.median(error) < 0.06
    assert np.median(np.abs(np.rint(best) - best)) > 0.2  # what whole slices could give


def test_height_map_takes_the_middle_of_a_plateau():
    radii = np.array([4, 2, 0, 0, 0, 2, 4.0])[:, None, None] * np.ones((7, 8, 8))
    np.testing.assert_allclose(height_map(radii, np.ones_like(radii)), 3, atol=1e-5)


def test_pixels_without_evidence_follow_their_neighbours():
    radii = np.full((5, 20, 20), 3.0)
    radii[2] = 0.0
    confidence = np.ones_like(radii)
    radii[:, 5:15, 5:15] = np.random.default_rng(1).random((5, 10, 10)) * 8
    confidence[:, 5:15, 5:15] = 0.0
    np.testing.assert_allclose(height_map(radii, confidence), 2, atol=1e-5)


def test_composite_takes_every_pixel_from_its_slice():
    random = np.random.default_rng(2)
    stack = random.integers(0, 65535, (4, 12, 13, 3), dtype=np.uint16)
    heights = random.integers(0, 4, (12, 13))
    made = composite(stack, heights)
    assert made.dtype == np.uint16
    for y in range(12):
        for x in range(13):
            np.testing.assert_array_equal(made[y, x], stack[heights[y, x], y, x])


def test_a_single_slice_has_no_height():
    with pytest.raises(InputError, match="two slices"):
        height_map(np.zeros((1, 5, 5)), np.zeros((1, 5, 5)))
