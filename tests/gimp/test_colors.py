"""Colours come back as they were: in wide spaces, at every depth, and beyond black and white."""

import numpy as np
import pytest

from .conftest import Batch

pytestmark = [pytest.mark.gimp, pytest.mark.slow]


@pytest.fixture(scope="module")
def colors(gimp):
    return Batch(gimp, "colors", timeout=300)


def encoded(values, linear):
    """Values as they are shown, roughly: so that dark and light errors count alike."""
    values = values.astype(np.float64)
    return np.sign(values) * np.abs(values) ** (1 / 2.2) if linear else values


@pytest.mark.parametrize("depth", ["8", "16", "float", "linear"])
@pytest.mark.parametrize("profile", ["srgb", "adobe", "p3"])
def test_what_is_in_focus_comes_back_as_it_was(colors, profile, depth):
    image = colors.image(f"{profile} {depth}", f"colors-{profile}-{depth}")
    blurred, sharpened, original = image.layers
    assert sharpened.name.startswith("Sharpened")
    before = original.pixels[..., :3]
    white = np.iinfo(before.dtype).max if before.dtype.kind == "u" else 1
    step = {"8": 0, "16": 1 / 65535, "float": 1e-6, "linear": 1e-5}[depth]
    for made in (sharpened, blurred):
        assert made.pixels.dtype == before.dtype
        change = abs(
            encoded(made.pixels[..., :3] / white, depth == "linear") - encoded(before / white, depth == "linear")
        )
        if made is blurred:  # in focus
            assert change[:, :50].max() <= step * 1.01
        else:  # a few pixels there have a radius just above that of the mask, and are sharpened by less than a level
            assert change[:, :50].max() <= 0.004
            assert change[:, :50].mean() <= 1e-4
        assert change[:, 110:].max() > 0.02  # out of focus
        assert np.mean(change[:, 110:]) < 0.2  # not darker or lighter on the whole
    if depth in ("float", "linear"):
        assert before.max() > 1.5
        assert before.min() < 0
        for made in (sharpened, blurred):
            assert made.pixels[20:28, 10:18, 0].min() > 1  # a highlight in focus
            assert made.pixels[44, 124, 0] > 1 / 3  # and one out of focus gives light


@pytest.mark.parametrize("profile", ["srgb", "adobe", "p3"])
def test_previews_show_wide_colours_as_gimp_does(colors, profile):
    own, shown, back, by_gimp = (
        np.array(colors.facts(f"shown {profile}")[name]) for name in ("own", "shown", "back", "gimp")
    )
    assert abs(shown - by_gimp).max() <= 2
    assert (abs(shown - own).max() > 8) == (profile != "srgb")
    inside = (shown.reshape(-1, 3).min(axis=1) > 0) & (shown.reshape(-1, 3).max(axis=1) < 255)
    assert abs(back - own).reshape(-1, 3)[inside].max() <= 2


def test_live_filters_are_part_of_what_is_measured(colors):
    layer = colors.image("filtered", "filtered").layers[0]
    assert layer.mask.mean() < 0.1 * 255
    hidden = colors.image("filtered", "filter-hidden").layers[0]
    assert hidden.mask[:, :60].mean() > 0.9 * 255
    assert np.array_equal(layer.pixels, hidden.pixels)
