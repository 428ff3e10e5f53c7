"""Session: what is asked by name, and what "auto" means there."""

import numpy as np
import pytest

from defocus.effects.magnification import magnify
from defocus.errors import InputError
from defocus.parameters import AnalysisParameters, MagnificationParameters
from defocus.session import Question, Session


def half_sharp(height=96, width=128):
    """Random dots, sharp on the left and out of focus on the right."""
    random = np.random.default_rng(3)
    sharp = random.random((height, width, 1), dtype=np.float32) * np.ones(3, np.float32)
    y, x = np.mgrid[-4:5, -4:5]
    disc = x * x + y * y <= 16
    padded = np.pad(sharp, ((4, 4), (4, 4), (0, 0)), mode="wrap")
    blurred = sum(padded[dy : dy + height, dx : dx + width] for dy, dx in np.argwhere(disc)) / disc.sum()
    return np.where((np.arange(width) < width // 2)[None, :, None], sharp, blurred).astype(np.float32)


def test_blurring_the_background_keeps_what_the_mask_holds():
    session = Session()
    analysis = session.open(half_sharp())
    automatic = session.answer(Question("magnify")).values
    told = session.answer(Question("magnify", MagnificationParameters(threshold=analysis.threshold))).values
    np.testing.assert_array_equal(automatic, told)
    kept = session.blur_map() <= analysis.threshold
    assert kept.mean() > 0.2
    np.testing.assert_array_equal(automatic[kept], analysis.picture.color[kept])


def test_without_an_analysis_one_pixel_is_in_focus():
    picture = half_sharp()
    radius = np.where(np.arange(picture.shape[1]) < 64, 1.0, 4.0) * np.ones((picture.shape[0], 1))
    np.testing.assert_array_equal(magnify(picture, radius), magnify(picture, radius, threshold=1.0))
    assert MagnificationParameters().threshold == "auto"


def test_a_picture_that_is_refused_leaves_the_wide_colours_of_the_one_held():
    session = Session()
    clipped = half_sharp()
    wide = clipped * np.float32(1.5)
    session.open(np.clip(wide, 0, 1), wide=wide)
    with pytest.raises(InputError):
        session.open(np.zeros((20, 20, 3), np.float32))
    assert session.wide is wide
    session.open(parameters=AnalysisParameters(noise=1e-4))
    assert session.wide is wide
    session.open(clipped)
    assert session.wide is None
