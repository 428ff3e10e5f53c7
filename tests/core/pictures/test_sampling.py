"""Between pixels and samples: means, interpolation and joint bilateral weights, loop by loop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from defocus import Cancelled
from defocus.pictures.sampling import cell_means, interpolate, interpolate_along_edges, sample_positions


@pytest.mark.parametrize("length", [1, 5, 16, 17, 100])
@pytest.mark.parametrize("spacing", [1, 2, 3, 4, 7])
def test_samples_lie_in_the_middles_of_cells(length, spacing):
    found = sample_positions(length, spacing)
    assert len(found) == -(-length // spacing)
    for k, position in enumerate(found):
        assert position == min(k * spacing + spacing // 2, length - 1)
        assert position // spacing == k


@pytest.mark.parametrize("shape", [(20, 30), (21, 34), (3, 50, 2), (601, 5, 3)])
@pytest.mark.parametrize("spacing", [1, 2, 4, 7])
def test_means_of_cells(shape, spacing):
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    found = cell_means(values, spacing)
    for j in range(found.shape[0]):
        for i in range(found.shape[1]):
            cell = values[j * spacing : (j + 1) * spacing, i * spacing : (i + 1) * spacing]
            np.testing.assert_allclose(found[j, i], cell.mean(axis=(0, 1)), rtol=1e-5)
    assert found.shape[:2] == (-(-shape[0] // spacing), -(-shape[1] // spacing))


@pytest.mark.parametrize("shape", [(40, 61), (600, 30)])
def test_interpolation_is_bilinear(shape):
    rows, columns = (sample_positions(size, 4) for size in shape)
    values = np.random.default_rng(1).random((len(rows), len(columns)), dtype=np.float32)
    found = interpolate(values, rows, columns, shape)
    inside = RegularGridInterpolator((rows, columns), values)
    # Beyond the outermost samples their values are kept
    y, x = np.clip(np.arange(shape[0]), rows[0], rows[-1]), np.clip(np.arange(shape[1]), columns[0], columns[-1])
    np.testing.assert_allclose(found, inside(tuple(np.meshgrid(y, x, indexing="ij"))), atol=1e-5)
    np.testing.assert_allclose(found[np.ix_(rows, columns)], values, atol=1e-6)


def test_one_sample_fills_the_picture():
    found = interpolate(np.array([[3.5]], np.float32), np.array([2]), np.array([3]), (5, 7))
    np.testing.assert_array_equal(found, np.full((5, 7), 3.5))


def literal_weights(values, color, means, rows, columns, edge_scale):
    """Mean of the 4 x 4 samples around a pixel, each weighted by nearness and likeness, both squared."""
    height, width = color.shape[:2]
    out = np.empty((height, width))
    spacing = rows[1] - rows[0]
    for y in range(height):
        for x in range(width):
            first = np.clip(np.searchsorted(rows, y, "right") - 1, 0, len(rows) - 2)
            left = np.clip(np.searchsorted(columns, x, "right") - 1, 0, len(columns) - 2)
            total = weights = 0.0
            for j in range(first - 1, first + 3):
                for i in range(left - 1, left + 3):
                    v, u = np.clip(j, 0, len(rows) - 1), np.clip(i, 0, len(columns) - 1)
                    distance = ((y - rows[v]) ** 2 + (x - columns[u]) ** 2) / spacing**2
                    unlike = ((color[y, x] - means[v, u]) ** 2).sum() / (2 * edge_scale**2)
                    weight = (1 + distance) ** -2 * (1 + unlike) ** -2
                    total += weight * values[v, u]
                    weights += weight
            out[y, x] = total / weights
    return out


def test_interpolation_along_edges_is_a_weighted_mean():
    rng = np.random.default_rng(2)
    color = rng.random((27, 38, 3), dtype=np.float32)
    rows, columns = sample_positions(27, 4), sample_positions(38, 4)
    values = rng.random((len(rows), len(columns)), dtype=np.float32)
    means = cell_means(color, 4)
    found = interpolate_along_edges(values, color, means, rows, columns, 0.1)
    np.testing.assert_allclose(found, literal_weights(values, color, means, rows, columns, 0.1), rtol=1e-4)


def test_the_result_changes_where_the_color_does():
    color = np.zeros((300, 80, 3), np.float32)
    color[:, 43:] = 0.8  # not where a cell ends
    values = np.broadcast_to(np.where(np.arange(20) < 11, 1.0, 5.0), (75, 20)).astype(np.float32)
    rows, columns = sample_positions(300, 4), sample_positions(80, 4)
    found = interpolate_along_edges(values, color, cell_means(color, 4), rows, columns, 0.05)
    np.testing.assert_array_equal((found > 3), np.broadcast_to(np.arange(80) >= 43, (300, 80)))
    plain = interpolate(values, rows, columns, (300, 80))
    assert ((plain > 3) != (np.arange(80) >= 43)).any()


def test_strips_do_not_show():
    rng = np.random.default_rng(3)
    color = rng.random((300, 12, 3), dtype=np.float32)
    rows, columns = sample_positions(300, 4), sample_positions(12, 4)
    values = rng.random((len(rows), len(columns)), dtype=np.float32)
    means = cell_means(color, 4)
    whole = interpolate_along_edges(values, color, means, rows, columns, 0.1)
    np.testing.assert_allclose(
        whole[250:262], literal_weights(values, color, means, rows, columns, 0.1)[250:262], rtol=1e-4
    )


def test_it_can_be_cancelled():
    def refuse(fraction, stage):
        raise Cancelled

    color = np.zeros((20, 20, 3), np.float32)
    rows = sample_positions(20, 4)
    with pytest.raises(Cancelled):
        interpolate_along_edges(
            np.ones((5, 5), np.float32), color, cell_means(color, 4), rows, rows, 1, progress=refuse
        )
