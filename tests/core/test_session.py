"""Session: what is asked by name, and what "auto" means there."""

import numpy as np
import pytest

from defocus.effects.magnification import magnify
from defocus.effects.restoration import restore
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
    mask = analysis.focus_mask()
    away = np.arange(mask.shape[1])[np.newaxis] < mask.shape[1] // 2 - 8  # beyond the rim, where the mask has a matte
    kept = mask & away
    assert kept.mean() > 0.2
    np.testing.assert_array_equal(automatic[kept], analysis.picture.color[kept])


def test_the_subject_is_the_mask_that_hints_steer():
    """A hint on the blurred side keeps what it marks, one on the sharp side gives it up, to the pixel."""
    session = Session()
    picture = session.open(half_sharp()).picture.color
    marks = {name: np.zeros(picture.shape[:2], bool) for name in ("in_focus", "blurred")}
    marks["in_focus"][30:50, 90:110] = True
    marks["blurred"][60:80, 10:30] = True
    plain = session.answer(Question("magnify", MagnificationParameters(strength=4.0))).values
    hinted = session.answer(Question("magnify", MagnificationParameters(strength=4.0), hints=marks)).values
    changed = [np.abs(values - picture).max(axis=2) for values in (plain, hinted)]
    assert changed[0][marks["in_focus"]].mean() > 0.01
    assert not changed[1][marks["in_focus"]].any()
    assert not changed[0][62:78, 12:28].any()
    assert changed[1][marks["blurred"]].mean() > 0.05


def test_a_matte_of_ones_own_is_the_subject_as_soft_as_it_is():
    """What it holds stays, whatever was measured; hints take from it and give to it."""
    session = Session()
    analysis = session.open(half_sharp())
    picture = analysis.picture.color
    matte = np.clip((np.arange(picture.shape[1]) - 70) / 20, 0, 1).astype(np.float32) * np.ones((len(picture), 1))
    chosen = MagnificationParameters(strength=4.0, threshold=1.0)
    made = session.answer(Question("magnify", chosen, subject=matte)).values
    np.testing.assert_array_equal(made, magnify(analysis.picture, analysis.blur_map(), chosen, subject=matte))
    changed = np.abs(made - picture).max(axis=2)
    assert not changed[:, 90:].any()
    assert changed[:, :60].mean() > 0.02
    assert 0 < changed[:, 84:88].mean() < changed[:, :60].mean()
    marks = {name: np.zeros(picture.shape[:2], bool) for name in ("in_focus", "blurred")}
    marks["in_focus"][30:50, 10:30] = True
    marks["blurred"][60:80, 95:115] = True
    hinted = np.abs(session.answer(Question("magnify", chosen, hints=marks, subject=matte)).values - picture).max(
        axis=2
    )
    assert not hinted[marks["in_focus"]].any()
    assert hinted[marks["blurred"]].mean() > 0.02
    for wrong, words in ((matte[:-1], "shape"), (matte + 1, r"within \[0, 1\]"), ([["x"]], "not an array")):
        with pytest.raises(InputError, match=words):
            session.answer(Question("magnify", chosen, subject=wrong))


@pytest.mark.lengthy
def test_a_map_of_ones_own_takes_the_place_of_the_measured_one():
    """Turned round, it keeps what is blurred and changes what is sharp; sharpening by it is `restore` by it."""
    session = Session()
    analysis = session.open(half_sharp())
    picture = analysis.picture.color
    own = np.where(np.arange(picture.shape[1]) < picture.shape[1] // 2, 4.0, 0.0) * np.ones((len(picture), 1))
    blurred = session.answer(Question("magnify", MagnificationParameters(strength=4.0, threshold=1.0), radius=own))
    changed = np.abs(blurred.values - picture).max(axis=2)
    middle, rim = picture.shape[1] // 2, 12
    assert not changed[:, middle + rim :].any()
    assert changed[:, : middle - rim].mean() > 0.1
    sharpened = session.answer(Question("restore", radius=own)).values
    np.testing.assert_array_equal(sharpened, restore(analysis.picture, own, psf=analysis.psf))
    assert np.abs(sharpened - session.answer(Question("restore")).values).max() > 0.01
    with pytest.raises(InputError, match=r"shape \(9, 9\), the picture \(96, 128\)"):
        session.answer(Question("restore", radius=np.ones((9, 9))))


def test_hints_steer_the_subject_of_a_map_of_ones_own():
    session = Session()
    picture = session.open(half_sharp()).picture.color
    own = np.where(np.arange(picture.shape[1]) < 64, 0.0, 4.0) * np.ones((96, 1))
    marks = {name: np.zeros(picture.shape[:2], bool) for name in ("in_focus", "blurred")}
    marks["in_focus"][30:50, 90:110] = True
    marks["blurred"][60:80, 10:30] = True
    chosen = MagnificationParameters(strength=4.0, threshold=1.0)
    changed = np.abs(session.answer(Question("magnify", chosen, hints=marks, radius=own)).values - picture).max(axis=2)
    assert not changed[marks["in_focus"]].any()
    assert changed[marks["blurred"]].mean() > 0.05


def test_a_subject_that_was_kept_is_that_of_the_same_picture_and_range():
    """What was asked before changes no answer."""
    pictures = half_sharp(), half_sharp()[:, ::-1].copy()
    asked = [MagnificationParameters(strength=2.0, threshold=threshold) for threshold in (1.0, 4.5, 1.0)]

    def answers(session):
        return [session.answer(Question("magnify", parameters)).values for parameters in asked]

    session = Session()
    session.open(pictures[0])
    answers(session)
    session.open(pictures[1])
    fresh = Session()
    fresh.open(pictures[1])
    found = answers(session)
    for one, other in zip(found, reversed(answers(fresh)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(found[0] - found[1]).max() > 0.05


def test_a_point_becomes_the_sharpest():
    """Focus set in the blurred half keeps it, and blurs the sharp half."""
    session = Session()
    picture = session.open(half_sharp()).picture.color
    result = session.answer(Question("magnify", MagnificationParameters(strength=2.0, focus_x=110, focus_y=48))).values
    radius = float(np.median(session.blur_map()[:, 90:]))
    assert radius == pytest.approx(4, abs=0.6)
    kept = np.abs(result - picture).max(axis=2) == 0
    assert kept[:, 104:].mean() > 0.7
    assert not kept[:, :40].any()
    assert result[:, :40].std() < picture[:, :40].std() / 3
    sharp = session.answer(Question("magnify", MagnificationParameters(strength=2.0, focus_x=20, focus_y=48))).values
    usual = session.answer(Question("magnify", MagnificationParameters(strength=2.0))).values
    np.testing.assert_array_equal(sharp, usual)
    with pytest.raises(InputError, match="must lie within 128 x 96 px"):
        session.answer(Question("magnify", MagnificationParameters(focus_x=128, focus_y=5)))
    with pytest.raises(InputError, match="give both"):
        session.answer(Question("magnify", MagnificationParameters(focus_x=3)))
    with pytest.raises(InputError, match="at most threshold"):
        MagnificationParameters(focus_from=3, threshold=2)


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
