"""Pictures for people show what they should."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from defocus.pictures.render import color_map, contact_sheet, mask_overlay, with_scale


def test_colors_are_viridis():
    viridis = pytest.importorskip("matplotlib").colormaps["viridis"]
    places = np.linspace(0, 1, 101)
    expected = viridis(places)[:, :3] * 255
    found = color_map(places[np.newaxis] * 8, 8)[0]
    assert np.abs(found - expected).max() < 20
    assert np.abs(found - expected).mean() < 4


def test_brightness_rises_with_the_radius_and_stops_at_the_end():
    colors = color_map(np.linspace(0, 8, 200)[np.newaxis], 8)[0] @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(colors) >= -0.6).all()  # but for rounding
    assert colors[-1] - colors[0] > 150
    np.testing.assert_array_equal(color_map(np.array([[8.0, 20.0]]), 8)[0, 0], color_map(np.array([[20.0]]), 8)[0, 0])


def test_unknown_radii_are_grey():
    assert color_map(np.array([[np.nan, np.inf]]), 8).tolist() == [[[128] * 3, [128] * 3]]


def test_the_map_is_above_its_scale_unchanged():
    radius = np.random.default_rng(0).uniform(0, 8, (60, 90))
    image = np.asarray(with_scale(radius, 8))
    assert image.shape[1] == 90
    np.testing.assert_array_equal(image[:60], color_map(radius, 8))
    below = image[60:]
    # Somewhere below, a line runs through the whole scale, from the first colour to the last
    first, last = color_map(np.array([[0.0, 8.0]]), 8)[0]
    rows = [line for line in below if (line == first).all(1).any() and (line == last).all(1).any()]
    assert rows
    assert np.flatnonzero((rows[0] == first).all(1))[0] < np.flatnonzero((rows[0] == last).all(1))[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (40, 7)])
def test_a_map_of_any_size_has_a_scale(shape):
    assert with_scale(np.zeros(shape), 8).width == shape[1]


def test_overlay_keeps_what_is_in_focus_and_dims_the_rest():
    color = np.full((2, 2, 3), 0.6)
    shown = mask_overlay(color, np.array([[True, False], [True, False]]))
    np.testing.assert_array_equal(shown[:, 0], 153)
    assert shown[0, 1, 0] < 100
    assert shown[0, 1, 2] > shown[0, 1, 0]  # bluish


def test_sheet_holds_every_picture():
    red, green = Image.new("RGB", (50, 30), (200, 0, 0)), Image.new("RGB", (30, 50), (0, 200, 0))
    sheet = np.asarray(contact_sheet([("one", [("a", red), ("b", green)]), ("two", [("c", red)])], width=100))
    assert (sheet == (200, 0, 0)).all(2).sum() == 2 * 100 * 60
    assert (sheet == (0, 200, 0)).all(2).sum() == 100 * 167
