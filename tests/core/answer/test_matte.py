"""Mattes: the guided filter square by square, and what a soft edge must keep."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from defocus.answer.matte import guided_filter, soft_edge


def literal_guided_filter(values, color, radius, detail):
    """In each square the linear function of colour of least squares; at each pixel the mean of its squares."""
    height, width = values.shape
    total, count = np.zeros(values.shape), np.zeros(values.shape)
    squares = {}
    for y in range(height):
        for x in range(width):
            part = np.s_[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
            guide, wanted = color[part].reshape(-1, 3).astype(float), values[part].ravel().astype(float)
            centred = guide - guide.mean(axis=0)
            covariance = centred.T @ centred / len(guide) + detail * np.eye(3)
            slope = np.linalg.solve(covariance, centred.T @ (wanted - wanted.mean()) / len(guide))
            squares[y, x] = part, slope, wanted.mean() - slope @ guide.mean(axis=0)
    for part, slope, offset in squares.values():
        total[part] += color[part] @ slope + offset
        count[part] += 1
    return total / count


@pytest.fixture
def scene():
    """A picture of two colours with a wavy boundary, and where the first of them is."""
    y, x = np.indices((60, 80))
    first = x < 40 + 6 * np.sin(y / 7)
    color = np.where(first[..., None], (0.7, 0.3, 0.2), (0.2, 0.5, 0.6))
    color = color + np.random.default_rng(0).normal(0, 0.01, color.shape)
    return color.astype(np.float32), first


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_the_guided_filter(scene, radius):
    color = scene[0][:25, 25:55]
    values = np.random.default_rng(1).random((25, 30))
    expected = literal_guided_filter(values, color, radius, 1e-3)
    np.testing.assert_allclose(guided_filter(values, color, radius, 1e-3), expected, atol=1e-4)


def test_strips_of_a_tall_picture_do_not_show():
    rng = np.random.default_rng(2)
    color, values = rng.random((530, 7, 3), dtype=np.float32), rng.random((530, 7))
    whole = guided_filter(values, color, 3)
    middle = guided_filter(values[200:330], color[200:330], 3)
    np.testing.assert_allclose(whole[210:320], middle[10:120], atol=1e-5)


def test_only_the_band_is_filtered_and_tiles_do_not_show():
    """A boundary across four tiles: what is near it is filtered as if there were no tiles, the rest is the mask."""
    rng = np.random.default_rng(3)
    y, x = np.indices((130, 140))
    mask = x + 5 * np.sin(y / 6) > 90
    color = (np.where(mask[..., None], 0.6, 0.4) + rng.normal(0, 0.05, (130, 140, 3))).astype(np.float32)
    matte = soft_edge(mask, color, 3)
    part = np.s_[60:120, 70:125]  # around the corner where tiles meet
    wanted = np.clip(literal_guided_filter(mask[part], color[part], 3, 1e-4), 0, 1)
    square = np.ones((7, 7), bool)
    band = (binary_dilation(mask, square) & ~binary_erosion(mask, square, border_value=1))[part]
    inner = np.s_[6:-6, 6:-6]  # the cut is not the picture's border
    np.testing.assert_allclose(matte[part][inner], np.where(band, wanted, mask[part])[inner], atol=1e-6)
    assert ((matte > 0.05) & (matte < 0.95)).sum() > 130


def test_a_linear_function_of_color_passes_unchanged(scene):
    color = scene[0]
    values = color @ [0.3, -0.2, 0.5] + 0.1
    np.testing.assert_allclose(guided_filter(values, color, 4, 1e-9), values, atol=1e-4)


@pytest.mark.parametrize("softness", [1, 4, 10])
def test_beyond_the_band_the_matte_is_the_mask(scene, softness):
    color, mask = scene
    matte = soft_edge(mask, color, softness)
    assert matte.dtype == np.float32
    assert matte.min() >= 0
    assert matte.max() <= 1
    square = np.ones((2 * softness + 1, 2 * softness + 1), bool)
    surely = binary_erosion(mask, square, border_value=1)
    surely_not = ~binary_dilation(mask, square)
    assert (matte[surely] == 1).all()
    assert (matte[surely_not] == 0).all()


def test_in_the_band_the_matte_follows_the_picture_rather_than_the_mask(scene):
    color, first = scene
    straight = np.broadcast_to(np.arange(80) < 40, first.shape)  # a mask that misses the waves
    matte = soft_edge(straight, color, 10)
    assert ((matte > 0.5) != first).mean() < 0.3 * (straight != first).mean()
    assert np.abs(matte - first).mean() < np.abs(straight.astype(float) - first).mean()
    assert ((matte > 0.02) & (matte < 0.98)).any()


def test_polarity_one_where_true(scene):
    color, mask = scene
    matte = soft_edge(mask, color, 3)
    assert matte[mask].mean() > 0.95
    assert matte[~mask].mean() < 0.05
    np.testing.assert_allclose(soft_edge(~mask, color, 3), 1 - matte, atol=1e-5)


@pytest.mark.parametrize("value", [True, False])
def test_a_mask_without_boundary_stays(scene, value):
    mask = np.full((60, 80), value)
    np.testing.assert_array_equal(soft_edge(mask, scene[0], 5), mask)
