"""Kind: what has colours is a photograph, what shines fluorescence, however far out of focus; never told by bits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from defocus.pictures.kind import kind_features, kind_of, told_kind
from defocus.pictures.picture import as_picture, load_image


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("flower.jpg", "photograph"),
        ("china.jpg", "photograph"),
        ("grass.png", "photograph"),
        ("gravel.png", "photograph"),
        ("cells.png", "fluorescence"),
        ("object.png", "photograph"),
    ],
)
def test_samples_are_what_they_are(samples, name, kind):
    assert kind_of(load_image(samples / name)) == kind


@pytest.mark.lengthy
def test_fluorescence_and_photographs_of_the_measured_sets(shared):
    """Also where nothing is in focus, and without the photographs' colours, which nothing was fitted on."""
    for file in (shared / "data" / "microscopy_dev").glob("*_?.*"):
        told = told_kind(load_image(file))
        assert told.name == "fluorescence", file.name
        assert not told.doubt, file.name
    surely_wrong = []
    for name in ("cuhk_dev", "pixel4_dev"):
        for file in sorted((shared / "data" / name / "image").iterdir()):
            picture = load_image(file)
            assert kind_of(picture) == "photograph", file.name
            told = told_kind(as_picture(picture.luminance))
            surely_wrong += [file.name] if told.name == "fluorescence" and not told.doubt else []
    assert surely_wrong == []


def nuclei(blur, count=150, seed=0):
    """Counts of discs that shine, out of focus by a Gaussian of some deviation in px."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:360, :480]
    field = np.zeros(y.shape)
    for row, column in rng.uniform(0, 1, (count, 2)) * field.shape:
        field[(y - row) ** 2 + (x - column) ** 2 < rng.uniform(7, 12) ** 2] = rng.uniform(0.4, 1)
    return rng.poisson(30 + 900 * ndimage.gaussian_filter(field, blur)).astype(np.uint16)


@pytest.mark.parametrize("blur", [4, 7, 10])
def test_a_field_without_dark_ground_is_fluorescence(blur):
    counts = nuclei(blur, count=250)
    low, high = np.percentile(counts, (0.5, 99.5))
    assert np.mean(counts < low + 0.1 * (high - low)) < 0.5  # by its ground alone nobody would know
    assert kind_of(as_picture(counts)) == "fluorescence"


def test_channels_that_are_the_same_are_no_colours():
    counts = (255 * nuclei(5) / nuclei(5).max()).astype(np.uint8)
    three = np.stack([counts] * 3, axis=2)
    assert kind_of(as_picture(three)) == kind_of(as_picture(counts)) == "fluorescence"
    three[:20, :200, 0] = 255  # more than a scale bar
    assert kind_of(as_picture(three)) == "photograph"


@pytest.mark.lengthy
def test_what_may_be_either_is_doubted_in_words():
    """A random field without any trait of its own, between the two."""
    doubts = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        field = ndimage.gaussian_filter(rng.standard_normal((300, 400)), 12)
        shining = np.exp(1.0 * field / field.std())
        for share in np.linspace(0, 1, 9):
            told = told_kind(as_picture((share * shining + (1 - share) * field / field.std()).astype(np.float32)))
            assert bool(told.doubt) == (told.probability < 0.8)
            doubts.append(told.doubt)
    assert "it may be fluorescence and not a photograph: say which" in doubts
    assert "" in doubts


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 900)])
def test_pictures_of_hardly_any_pixels_have_a_kind(shape):
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    assert told_kind(as_picture(values)).name in ("photograph", "brightfield", "fluorescence")


def beads(count, electrons, blur=0.9, seed=0):
    """Counts of points before a ground of nothing but noise."""
    rng = np.random.default_rng(seed)
    field = np.zeros((360, 360))
    field[rng.integers(8, 352, count), rng.integers(8, 352, count)] = rng.uniform(0.5, 1, count)
    light = ndimage.gaussian_filter(field, blur)
    counts = rng.poisson(electrons * light / light.max() + 5) + rng.normal(0, 2, light.shape)
    return (100 + counts).clip(0).astype(np.uint16)


@pytest.mark.parametrize("blur", [0.9, 3])
def test_few_beads_are_fluorescence(blur):
    """As for a calibration: too few for any percentile to know of them."""
    told = told_kind(as_picture(beads(15, 1000, blur)))
    assert told.name == "fluorescence"


def test_a_hot_pixel_or_row_is_no_bead(samples):
    light = load_image(samples / "gravel.png").luminance[:300, :300]
    plain = kind_features(as_picture(light))
    light = light.copy()
    light[100, 80] = light[0, 7] = light[50] = 5
    light[200, 120:122] = 5
    assert kind_features(as_picture(light, limits=(0, 1)))[-1] == plain[-1] == 0


@pytest.mark.parametrize("spots", [0, 9])
def test_features_are_what_they_say(samples, spots):
    """By other means: sums over explicit kernels and sorted values."""
    light = load_image(samples / "gravel.png").luminance[100:260, 100:300].astype(float)
    light *= 0.2 if spots else 1
    for number in range(spots):
        light[10 + 16 * number : 13 + 16 * number, 20 + 19 * number : 23 + 19 * number] = 1

    def smooth(values, deviation):
        reach = int(4 * deviation + 0.5)
        kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
        kernel /= kernel.sum()
        wide = np.pad(values, reach, mode="edge")
        rows = np.array([np.convolve(row, kernel, "valid") for row in wide])
        return np.array([np.convolve(column, kernel, "valid") for column in rows.T]).T

    def skewness(values):
        return np.arcsinh(np.mean(((values - values.mean()) / values.std()) ** 3))

    low, high = np.quantile(light, (0.005, 0.995))
    scaled = np.clip((light - low) / (high - low), -0.25, 1.25)
    levels = [scaled]
    for deviation in (1, 2, 4):
        levels.append(smooth(levels[0] if deviation == 1 else scaled, deviation))
    details = [fine - coarse for fine, coarse in pairwise(levels)]
    around = smooth(scaled, 8)
    grows = [np.corrcoef(around.ravel(), np.sqrt(smooth(one**2, 8)).ravel())[0, 1] for one in details[:2]]
    soft = smooth(scaled, 2)
    slope_y = np.vstack([soft[1] - soft[0], (soft[2:] - soft[:-2]) / 2, soft[-1] - soft[-2]])
    slope_x = np.vstack([soft.T[1] - soft.T[0], (soft.T[2:] - soft.T[:-2]) / 2, soft.T[-1] - soft.T[-2]]).T
    sector = (np.arctan2(slope_y, slope_x) % np.pi // (np.pi / 12)).astype(int).clip(0, 11)
    weights = [np.hypot(slope_x, slope_y)[sector == one].sum() for one in range(12)]
    expected = [
        1,
        *np.quantile(scaled, (0.05, 0.95)),
        skewness(scaled),
        *(skewness(one) for one in details),
        *grows,
        np.log(max(weights) / np.mean(weights)),
        abs(scaled[:40].mean() - scaled[-40:].mean()),
        max(np.mean(scaled <= 0.1) - 0.8, 0),
    ]
    wide = np.pad(light, 1, mode="reflect")
    whole = light.copy()
    for y, x in np.ndindex(*light.shape):
        beside = max(wide[y + 1, x], wide[y + 1, x + 2]), max(wide[y, x + 1], wide[y + 2, x + 1])
        whole[y, x] = min(light[y, x], *beside)
    expected.append(max(skewness(smooth(whole, 1) - smooth(whole, 2)) - 1.3, 0))
    assert (expected[-1] > 0) == (spots > 0)
    found = kind_features(as_picture(light.astype(np.float32)))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_bright_spots_on_dark_in_8_bits_are_no_photograph():
    dark = np.zeros((80, 90), np.uint8)
    dark[30:50, 40:60] = 200
    assert kind_of(as_picture(dark)) == "fluorescence"
    assert kind_of(as_picture(np.stack([dark, dark // 2, dark], axis=2))) == "photograph"
    assert kind_of(as_picture(np.full((50, 50), 7, np.uint8))) == "photograph"


def test_transmitted_light_is_no_fluorescence():
    """Brightfield is dark on bright, phase contrast both on grey."""
    rng = np.random.default_rng(0)
    ground = rng.normal(30000, 300, (120, 140))
    absorbing = ground.copy()
    absorbing[20:60, 30:90] *= rng.uniform(0.3, 1, (40, 60))
    assert kind_of(as_picture(absorbing.astype(np.uint16))) == "brightfield"
    phase = ground + 8000 * (rng.random(ground.shape) > 0.9) - 8000 * (rng.random(ground.shape) > 0.9)
    assert kind_of(as_picture(phase.astype(np.uint16))) == "brightfield"


@pytest.mark.parametrize("name", ["gravel.png", "object.png", "cells.png"])
def test_the_kind_of_number_has_no_say(samples, name):
    values = load_image(samples / name).luminance.astype(float)
    numbers = (
        np.rint(values * 255).astype(np.uint8),
        np.rint(values * 65535).astype(np.uint16),
        np.rint(500 + 3000 * values).astype(np.uint16),
        values.astype(np.float32),
        values / 1000,
    )
    assert len({kind_of(as_picture(number)) for number in numbers}) == 1


def test_what_is_transparent_has_no_say(samples):
    both = np.hstack([load_image(samples / "flower.jpg").luminance[:360, :300], nuclei(2)[:, :300] / 2000])
    opaque = np.ones(both.shape, bool)
    for hidden, kind in ((np.s_[:, :300], "fluorescence"), (np.s_[:, 300:], "photograph")):
        alpha = opaque.copy()
        alpha[hidden] = False
        picture = as_picture(np.where(alpha, both, np.nan))
        assert kind_of(picture) == kind
        shown = kind_features(as_picture(both[:, 300:] if kind == "fluorescence" else both[:, :300]))
        np.testing.assert_allclose(kind_features(picture), shown, atol=0.25)
