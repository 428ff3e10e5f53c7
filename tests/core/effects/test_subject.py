"""The matte of a subject: soft only at the rim, nearer to the truth there, and obedient to hints."""

from __future__ import annotations

import numpy as np

from defocus.effects.subject import rim_width, subject_matte


def fringe():
    """A bright body with bright hairs before dark; the mask that is given ends where the body does."""
    rng = np.random.default_rng(0)
    alpha = (np.arange(200) < 90) * np.ones((150, 1))
    for row in range(4, 146, 5):
        alpha[row, 90:96] = 1
    color = 0.15 + 0.7 * alpha[..., None] * (1, 0.9, 0.7) + rng.normal(0, 0.01, (150, 200, 3))
    return color.astype(np.float32), alpha, (np.arange(200) < 90) & np.ones((150, 1), bool)


def test_hairs_outside_the_mask_are_kept():
    color, alpha, mask = fringe()
    matte = subject_matte(mask, color)
    rim = np.s_[:, 82:98]
    assert np.abs(matte - alpha)[rim].mean() < 0.9 * np.abs(mask - alpha)[rim].mean()
    assert matte[4:146:5, 90:93].mean() > 2 * matte[6:146:5, 90:93].mean()


def test_beyond_the_rim_it_is_the_mask():
    color, _, mask = fringe()
    matte = subject_matte(mask, color)
    away = rim_width(mask.shape) + 1
    np.testing.assert_array_equal(matte[:, : 90 - away], 1)
    np.testing.assert_array_equal(matte[:, 90 + away :], 0)
    for whole in (np.ones_like(mask), np.zeros_like(mask)):
        np.testing.assert_array_equal(subject_matte(whole, color), whole)


def test_hints_are_obeyed_to_the_pixel():
    color, _, mask = fringe()
    hints = np.zeros(mask.shape, np.int8)
    hints[20:30, 91:95], hints[40:50, 86:89] = 1, -1
    matte = subject_matte(mask, color, hints)
    assert (matte[20:30, 91:95] == 1).all()
    assert (matte[40:50, 86:89] == 0).all()


def test_the_rim_grows_with_the_picture():
    assert rim_width((427, 640)) == 8
    assert rim_width((4000, 6000)) == 32
    assert 8 < rim_width((1000, 1500)) < 32
