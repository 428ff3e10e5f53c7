"""Foreground: colours that were mixed are found again."""

from __future__ import annotations

import numpy as np

from defocus.effects.foreground import subject_colors, unmixed_colors


def test_the_colours_that_a_picture_was_mixed_from_are_found():
    """Fine strands of slowly changing colour before another: truth is known wherever the matte mixes both."""
    rng = np.random.default_rng(0)
    y, x = np.indices((120, 160)) / 120
    front = np.stack([0.7 + 0.2 * x, 0.4 + 0.2 * y, 0.2 + 0 * x], axis=2)
    back = np.stack([0.1 + 0.1 * y, 0.3 + 0.2 * x, 0.6 - 0.2 * y], axis=2)
    alpha = (x < 0.5).astype(float)
    for row in rng.integers(0, 119, 30):
        alpha[row, 60:90] = rng.uniform(0.2, 0.8)
    alpha = np.maximum(alpha, np.clip((0.7 - x) / 0.3, 0, 1) ** 2)
    picture = (alpha[..., None] * front + (1 - alpha[..., None]) * back).astype(np.float32)
    found_front, found_back = unmixed_colors(picture, alpha.astype(np.float32))
    mixed = (alpha > 0.15) & (alpha < 0.85)
    assert mixed.sum() > 1000
    for found, truth in ((found_front, front), (found_back, back)):
        error = np.abs(found - truth)[mixed]
        assert error.mean() < 0.02
        assert error.mean() < np.abs(picture - truth)[mixed].mean() / 8  # than taking the picture's own
    again = alpha[..., None] * found_front + (1 - alpha[..., None]) * found_back
    assert np.abs(again - picture)[mixed].mean() < 0.01


def test_a_hard_mask_leaves_each_side_its_colours():
    rng = np.random.default_rng(1)
    picture = rng.random((40, 50, 3)).astype(np.float32)
    alpha = (np.arange(50) < 20) * np.ones((40, 1), np.float32)
    front, back = unmixed_colors(picture, alpha)
    inside, outside = np.s_[:, :18], np.s_[:, 22:]  # within two pixels neighbours have a say
    np.testing.assert_allclose(front[inside], picture[inside], atol=1e-3)
    np.testing.assert_allclose(back[outside], picture[outside], atol=1e-3)


def test_one_channel_and_no_mixture_work():
    picture = np.full((9, 7, 1), 0.4, np.float32)
    for alpha in (np.zeros((9, 7), np.float32), np.ones((9, 7), np.float32), np.full((9, 7), 0.5, np.float32)):
        for side in unmixed_colors(picture, alpha):
            np.testing.assert_allclose(side, 0.4, atol=1e-3)


def test_a_cut_out_on_white_has_no_dark_rim():
    """A bright subject before dark green, with a soft edge: on white it is what it would be alone."""
    x = np.arange(100)
    alpha = np.clip((58 - x) / 16, 0, 1).astype(np.float32) * np.ones((40, 1), np.float32)
    front, back = np.array([0.9, 0.7, 0.5]), np.array([0.05, 0.25, 0.05])
    picture = (alpha[..., None] * front + (1 - alpha[..., None]) * back).astype(np.float32)

    def on_white(color):
        return alpha[..., None] * color + (1 - alpha[..., None])

    cut = subject_colors(picture, alpha)
    ideal = on_white(front)
    assert np.abs(on_white(picture) - ideal).max() > 0.1
    assert np.abs(on_white(cut) - ideal).max() < 0.02
    whole = (alpha == 0) | (alpha == 1)
    np.testing.assert_array_equal(cut[whole], picture[whole])
