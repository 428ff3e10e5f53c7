"""More background blur: what must stay, what must not show, and how far light spreads."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from defocus.effects.magnification import magnify as magnify_with_light
from defocus.errors import Cancelled, InputError
from defocus.pictures.picture import as_picture


def magnify(*arguments, **changes):
    """More background blur alone, without what is done for lamps and grain: these pictures are made of noise."""
    return magnify_with_light(*arguments, **{"highlights": 0.0, "grain": 0.0, **changes})


@pytest.fixture
def scene():
    """A red disc in focus before a grey-blue background that is blurred by 3 px."""
    rng = np.random.default_rng(2)
    y, x = np.indices((120, 160))
    subject = (y - 60) ** 2 + (x - 80) ** 2 < 30**2
    background = 0.4 + 0.2 * rng.random((120, 160, 1)) * np.array([0.2, 0.6, 1.0])
    background[..., 0] = 0.2
    red = np.array([0.9, 0.1, 0.1]) + 0.1 * rng.random((120, 160, 1))
    picture = np.where(subject[..., None], red, background).astype(np.float32)
    return picture, np.where(subject, 0.0, 3.0), subject


def test_strength_one_and_a_sharp_map_change_nothing(scene):
    picture, radius, _ = scene
    np.testing.assert_array_equal(magnify(picture, radius, strength=1), picture)
    np.testing.assert_array_equal(magnify(picture, 0 * radius, strength=4), picture)
    np.testing.assert_array_equal(magnify(picture, radius, strength=4, threshold=3.0), picture)


def test_the_subject_stays_and_sheds_no_light(scene):
    picture, radius, subject = scene
    result = magnify(picture, radius, strength=3)
    np.testing.assert_array_equal(result[subject], picture[subject])
    # Not even right beside it; the subject has at least 0.9 of red, the background 0.2
    np.testing.assert_allclose(result[~subject][:, 0], 0.2, atol=1e-3)
    y, x = np.indices(subject.shape)
    away = (y - 60) ** 2 + (x - 80) ** 2 > 34**2  # beyond the rim whose colours are mixed
    assert picture[away][:, 2].std() > 4 * result[away][:, 2].std()


def test_a_highlight_becomes_a_disc_of_the_missing_blur():
    picture = np.zeros((81, 81), np.float32)
    picture[40, 40] = 1.0
    radius = np.full((81, 81), 4.0)
    result = magnify(picture, radius, strength=2, threshold=0.5)
    lit = result > result.max() / 4
    added = 4 * np.sqrt(3)
    assert np.sqrt(lit.sum() / np.pi) == pytest.approx(added, abs=0.4)
    y, x = np.indices(lit.shape)
    assert np.hypot(y - 40, x - 40)[lit].max() < added + 1
    polygon = magnify(picture, radius, strength=2, threshold=0.5, bokeh_blades=3, bokeh_rotation=90)
    shape = polygon > polygon.max() / 4
    assert np.sqrt(shape.sum() / np.pi) == pytest.approx(added, abs=0.5)  # same area ...
    assert np.hypot(y - 40, x - 40)[shape].max() > added + 2  # ... but with corners


def test_what_is_nearer_covers_what_is_farther():
    """A green wall of 2 px of blur, right, before a blue one of 6 px: green spreads over blue, blue not over green."""
    nearer = np.arange(160) >= 80
    picture = np.where(nearer[:, np.newaxis], (0.1, 0.6, 0.1), (0.1, 0.1, 0.6)) * np.ones((60, 1, 1))
    radius = np.where(nearer, 2.0, 6.0) * np.ones((60, 1))
    result = magnify(picture.astype(np.float32), radius, strength=2)
    reach = int(np.ceil(2 * np.sqrt(3))) + 1
    np.testing.assert_allclose(result[:, 80 + reach :], picture[:, 80 + reach :], atol=1e-4)
    np.testing.assert_allclose(result[:, : 80 - reach], picture[:, : 80 - reach], atol=1e-4)
    assert result[30, 78, 1] > 0.2
    assert (np.diff(result[30, 70:90, 1]) >= -1e-4).all()


def test_light_is_kept():
    """Far from borders the linear intensities of a background of one blur add up to what they were."""
    rng = np.random.default_rng(0)
    picture = np.zeros((101, 101), np.float32)
    picture[30:70, 30:70] = rng.random((40, 40))
    result = magnify(picture, np.full(picture.shape, 3.0), strength=2, threshold=0.5)

    def total(values):
        return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).sum()

    assert total(result.astype(float)) == pytest.approx(total(picture.astype(float)), rel=1e-3)


def test_layouts_and_alpha():
    rng = np.random.default_rng(1)
    radius = np.where(np.arange(50) < 20, 0.0, 4.0) * np.ones((40, 1))
    for channels in (1, 2, 3, 4):
        picture = rng.random((40, 50, channels)).astype(np.float32)
        result = magnify(picture, radius)
        assert result.shape == picture.shape
        assert result.dtype == np.float32
        assert result.min() >= 0
        assert result.max() <= 1
        if channels in (2, 4):
            np.testing.assert_array_equal(result[..., -1], picture[..., -1])
    flat = picture[..., 0]
    assert magnify(flat, radius).shape == (40, 50)
    assert magnify(as_picture(flat), radius).shape == (40, 50, 3)
    np.testing.assert_allclose(magnify(np.full((40, 50, 3), 0.3, np.float32), radius), 0.3, atol=1e-5)


def test_transparent_pixels_spread_nothing():
    picture = np.full((60, 60, 4), 0.2, np.float32)
    picture[20:40, 20:40] = (1.0, 1.0, 1.0, 0.0)
    picture[..., 3] = np.where(picture[..., 0] == 1, 0, 1)
    result = magnify(picture, np.full((60, 60), 4.0), strength=3)
    seen = picture[..., 3] == 1
    np.testing.assert_allclose(result[seen][:, :3], 0.2, atol=2e-3)


def test_tiles_fit_together(monkeypatch, scene):
    picture, radius, _ = scene
    whole = magnify(picture, radius, strength=2)
    monkeypatch.setattr("defocus.effects.magnification._TILE", 50)
    np.testing.assert_allclose(magnify(picture, radius, strength=2), whole, atol=1e-4)


def test_bad_maps_are_refused_in_a_line(scene):
    picture, radius, _ = scene
    bad = {
        "shape": radius[:-1],
        "NaN": np.where(radius > 0, np.nan, radius),
        "negative": radius - 1,
        "up to": radius * 100,
    }
    for words, values in bad.items():
        with pytest.raises(InputError, match=words) as told:
            magnify(picture, values)
        assert "\n" not in str(told.value)


def test_it_reports_and_can_be_stopped(scene):
    picture, radius, _ = scene
    told = []
    magnify(picture, radius, progress=lambda fraction, stage: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 5

    def stop(fraction, stage):
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        magnify(picture, radius, progress=stop)


def test_a_photograph_keeps_its_subject(samples):
    """The cat's nose stays, the room behind it loses detail."""
    picture = np.asarray(Image.open(samples / "cat.jpg"), np.float32) / 255
    radius = np.where(np.arange(picture.shape[1]) < 330, 0.0, 5.0) * np.ones((picture.shape[0], 1))
    result = magnify(picture, radius)
    np.testing.assert_array_equal(result[:, :330], picture[:, :330])
    assert np.abs(np.diff(result[:, 340:], axis=1)).mean() < 0.7 * np.abs(np.diff(picture[:, 340:], axis=1)).mean()
