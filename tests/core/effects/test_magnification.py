"""More background blur: what must stay, what must not show, and how far light spreads."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from defocus.effects.light import grain_covariance
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


def as_light(values):
    values = np.asarray(values, float)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def as_seen(values):
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * np.maximum(values, 0.0031308) ** (1 / 2.4) - 0.055)


def literal_disc(plane, radius):
    """Return a plane convolved with a disc, pixel by pixel of a finely divided kernel."""
    half = int(np.ceil(radius)) + 1
    fine = (np.arange((2 * half + 1) * 9) + 0.5) / 9 - half - 0.5
    disc = (fine[:, None] ** 2 + fine**2 <= radius**2).reshape(2 * half + 1, 9, 2 * half + 1, 9).mean((1, 3))
    disc /= disc.sum()
    padded = np.pad(plane, half, mode="symmetric")
    return sum(
        disc[dy, dx] * padded[dy : dy + plane.shape[0], dx : dx + plane.shape[1]]
        for dy in range(2 * half + 1)
        for dx in range(2 * half + 1)
    )


def strands(height=90, width=140):
    """A dark body with thin hairs before stripes: picture, opacity, background."""
    y, x = np.indices((height, width))
    alpha = (x < 40).astype(float)
    for row in range(8, height - 4, 9):
        alpha[row : row + 2, 40:75] = (0.9, 0.5)[row % 2]
    background = np.stack([0.5 + 0.2 * np.sin(x / 3.0), 0.6 + 0.15 * np.cos(y / 4.0), 0.9 + 0 * x], axis=2)
    picture = alpha[..., None] * (0.25, 0.15, 0.1) + (1 - alpha[..., None]) * background
    return picture.astype(np.float32), alpha.astype(np.float32), background


def test_hair_keeps_its_colour_and_nothing_of_the_old_background_rings_it():
    picture, alpha, background = strands()
    radius = np.full(alpha.shape, 3.0)
    result = magnify(picture, radius, strength=2.0, subject=alpha)
    added = 3 * np.sqrt(3)
    behind = np.stack([as_seen(literal_disc(as_light(plane), added)) for plane in background.transpose(2, 0, 1)], 2)
    ideal = alpha[..., None] * (0.25, 0.15, 0.1) + (1 - alpha[..., None]) * behind
    hairs = (alpha > 0) & (alpha < 1)
    hard = magnify(picture, radius, strength=2.0, subject=(alpha > 0.5).astype(np.float32))
    error, harder = (np.abs(values - ideal)[hairs].mean() for values in (result, hard))
    assert error < 0.03
    assert error < harder / 3
    np.testing.assert_array_equal(result[alpha == 1], picture[alpha == 1])


def test_the_subject_counts_and_not_its_radius():
    """What the matte keeps stays at any radius; what it leaves is blurred at any, by that beyond the rim."""
    rng = np.random.default_rng(4)
    picture = rng.random((60, 80, 3)).astype(np.float32)
    subject = (np.arange(80) < 40) * np.ones((60, 1), np.float32)
    radius = rng.uniform(0, 1.5, subject.shape)
    result = magnify(picture, radius, strength=4.0, threshold=2.0, subject=subject)
    np.testing.assert_array_equal(result[:, :40], picture[:, :40])
    assert result[:, 44:].std() < picture[:, 44:].std() / 6  # a radius of 2 px at least, so 7.7 px are added
    for bad, words in ((subject[1:], "shape"), (2 * subject, "within"), (subject * np.nan, "within"), ("x", "array")):
        with pytest.raises(InputError, match=words):
            magnify(picture, radius, subject=bad)


def test_what_lies_before_the_focus_is_spread_over_it():
    """A wall of 0 px before one of 4 px that is in focus: how far it reaches follows from the disc's chord."""
    picture = np.where(np.arange(200) < 100, 0.8, 0.1) * np.ones((90, 1))
    radius = np.where(np.arange(200) < 100, 0.0, 4.0) * np.ones((90, 1))
    result = magnify(picture.astype(np.float32), radius, strength=2.0, focus_from=3.0, threshold=5.0)
    reach = 2 * (5.0 + 3.0 - 0.0)
    distance = (np.arange(200) - 99.5) / reach
    inside = np.clip(distance, -1, 1)
    covered = (np.arccos(inside) - inside * np.sqrt(1 - inside**2)) / np.pi  # part of a disc beyond a chord
    wanted = covered * as_light(0.8) + (1 - covered) * as_light(0.1)
    np.testing.assert_allclose(as_light(result[45]), wanted, atol=0.012)
    np.testing.assert_array_equal(result[:, 118:], picture[:, 118:].astype(np.float32))


def test_a_surface_that_runs_out_of_focus_is_not_torn_in_two():
    """Where the radius passes the threshold the added blur begins at nothing; where it is clearly more it is whole."""
    fine = np.random.default_rng(4).random((200, 480), dtype=np.float32)
    radius = np.geomspace(1.0, 4.0, 480) * np.ones((200, 1))  # 2 px in the middle
    result = magnify(fine, radius, strength=3, threshold=2.0)
    change, times = np.abs(result - fine).mean(axis=0), radius[0] / 2
    assert not change[times <= 1].any()
    parts = [change[(times > low) & (times < high)].mean() for low, high in ((1, 1.01), (1.01, 1.03), (1.05, 1.1))]
    assert parts[0] < parts[1] < parts[2] < change[times > 1.2].mean()
    assert parts[0] < 0.3 * change[times > 1.2].mean()
    even = magnify(fine, np.full_like(radius, 2.0 * 1.3), strength=3, threshold=2.0)
    column = np.argmin(np.abs(times - 1.3))
    assert np.abs(result - even)[:, column].mean() < 0.1 * change[column]  # its neighbours differ by little


def test_a_range_of_focus_keeps_what_lies_within():
    rng = np.random.default_rng(5)
    picture = rng.random((60, 120)).astype(np.float32)
    radius = np.repeat([1.0, 4.0, 8.0], 40) * np.ones((60, 1))
    result = magnify(picture, radius, strength=2.0, focus_from=3.0, threshold=5.0)
    np.testing.assert_array_equal(result[:, 60:76], picture[:, 60:76])  # where nothing of the nearer reaches
    for blurred in (np.s_[:, :35], np.s_[:, 90:]):
        assert result[blurred].std() < picture[blurred].std() / 4
    np.testing.assert_array_equal(magnify(picture, 0 * radius + 4, strength=3, focus_from=3.0, threshold=5.0), picture)


def test_clipped_lamps_regain_light_and_a_clipped_sky_does_not():
    picture = np.full((160, 160), 0.1, np.float32)
    picture[40:43, 40:43] = 1.0
    picture[100:, :] = 1.0
    radius = np.full(picture.shape, 3.0)
    plain, bright = (magnify(picture, radius, strength=2.0, highlights=stops, threshold=0.5) for stops in (0.0, 2.0))
    lamp, sky = np.s_[20:62, 20:62], np.s_[80:, 70:]
    extra = [as_light(values[lamp]).sum() - as_light(0.1) * 42 * 42 for values in (plain, bright)]
    assert extra[1] / extra[0] == pytest.approx((4 - as_light(0.1)) / (1 - as_light(0.1)), rel=0.02)
    np.testing.assert_allclose(bright[sky], plain[sky], atol=1e-4)
    for color, gains in (((1.0, 1.0, 0.3), True), ((1.0, 0.7, 0.6), False)):  # a yellow lamp, and skin
        spot = np.full((80, 80, 3), 0.1, np.float32)
        spot[38:41, 38:41] = color
        lit, unlit = (
            magnify(spot, np.full((80, 80), 3.0), strength=2.0, highlights=stops, threshold=0.5) for stops in (2.0, 0.0)
        )
        assert (lit[39, 39, 0] > unlit[39, 39, 0] + 0.1) == gains


def test_grain_behind_the_subject_is_that_of_the_picture():
    rng = np.random.default_rng(6)
    height, width = 200, 300
    y, x = np.indices((height, width))
    smooth = 0.5 + 0.2 * np.sin(x / 25.0)[..., None] * np.cos(y / 31.0)[..., None] * (1, 0.8, 0.6)
    shared = rng.normal(0, 0.008, (height, width, 1))
    picture = (smooth + shared + rng.normal(0, 0.008, (height, width, 3))).astype(np.float32)
    subject = (x < 100).astype(np.float32)
    given = {"strength": 3.0, "subject": subject}
    results = {amount: magnify(picture, np.full(x.shape, 4.0), grain=amount, **given) for amount in (0.0, 1.0, 2.0)}
    behind = np.s_[20:-20, 140:-20]

    def fine(values):
        """Covariance of what a second difference leaves, which no smooth thing has."""
        differences = np.diff(values[behind].astype(float), 2, axis=0).reshape(-1, 3)
        return differences.T @ differences / len(differences) / 6

    np.testing.assert_allclose(fine(results[1.0]), fine(picture), rtol=0.12)
    np.testing.assert_allclose(fine(results[2.0]), 4 * fine(picture), rtol=0.12)
    assert fine(results[0.0]).max() < fine(picture).min() / 50
    np.testing.assert_array_equal(results[1.0][:, :100], picture[:, :100])
    np.testing.assert_array_equal(results[1.0], magnify(picture, np.full(x.shape, 4.0), grain=1.0, **given))


def test_highlights_narrow_towards_the_corners():
    """A point becomes a disc in the middle and a lemon in a corner, narrow along the way to the middle."""
    picture = np.full((401, 401), 0.0, np.float32)
    places = {"middle": (200, 200), "right": (200, 360), "corner": (360, 360)}
    for y, x in places.values():
        picture[y, x] = 1.0
    given = {"strength": 2.0, "threshold": 0.5, "cats_eye": 0.6}
    result = as_light(magnify(picture, np.full(picture.shape, 8.0), **given))
    widths = {}
    for name, (y, x) in places.items():
        part = result[y - 25 : y + 26, x - 25 : x + 26]
        rows, columns = np.indices(part.shape) - 25
        total = part.sum()
        along, across = (columns, rows) if name != "corner" else (columns + rows, columns - rows)
        scale = 1 if name != "corner" else 2
        widths[name] = [np.sqrt((part * axis**2).sum() / total / scale) for axis in (along, across)]
    round_ = 8 * np.sqrt(3) / 2  # standard deviation of a disc along each axis
    assert widths["middle"] == pytest.approx([round_, round_], rel=0.07)  # tiles beside have a little
    assert widths["right"][0] < widths["right"][1] < round_ * 1.01
    assert widths["corner"][0] < widths["right"][0]
    assert widths["corner"][0] < 0.75 * widths["corner"][1]


def test_grain_is_measured_where_it_is_asked_for():
    """Block by block of the whole picture less its Gaussian: the same, whatever is elsewhere."""
    rng = np.random.default_rng(5)
    strength = np.where(np.arange(320) < 160, 0.01, 0.04)[np.newaxis, :, np.newaxis]
    picture = (0.5 + strength * rng.standard_normal((230, 320, 3))).astype(np.float32)
    where = np.arange(320) * np.ones((230, 1)) < 160
    found = grain_covariance(picture, where)
    fine = picture - ndimage.gaussian_filter(picture, (1, 1, 0))
    blocks = [fine[y : y + 32, x : x + 32].reshape(-1, 3) for y in range(0, 199, 32) for x in range(0, 160, 32)]
    power = np.array([np.square(block).mean() for block in blocks])
    quiet = np.concatenate([block for block, one in zip(blocks, power, strict=True) if one <= np.percentile(power, 25)])
    literal = quiet.T @ quiet
    np.testing.assert_allclose(found / found[0, 0], literal / literal[0, 0], atol=0.02)
    np.testing.assert_allclose(np.diag(found), 0.01**2, rtol=0.15)
