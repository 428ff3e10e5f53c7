"""Aggregation: against a literal recursion, exact means, and the same for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from defocus.answer.aggregation import aggregated


def literal(costs, guide, reach):
    """Three rounds of rows and columns, one sample after the other, in double precision."""
    out = costs.astype(np.float64)
    for number in range(3):
        own = reach * 3**0.5 * 2 ** (2 - number) / 63**0.5
        for _ in range(2):  # along rows, then along columns
            for line, along in zip(out, guide.astype(np.float64), strict=True):
                kept = [
                    np.exp(-(2**0.5) / own * (1 + reach * np.abs(along[i] - along[i - 1]).sum()))
                    for i in range(1, len(line))
                ]
                for i in range(1, len(line)):
                    line[i] = (1 - kept[i - 1]) * line[i] + kept[i - 1] * line[i - 1]
                for i in range(len(line) - 2, -1, -1):
                    line[i] = (1 - kept[i]) * line[i] + kept[i] * line[i + 1]
            out, guide = np.swapaxes(out, 0, 1).copy(), np.swapaxes(guide, 0, 1)
    return out


def test_it_is_the_literal_recursion():
    rng = np.random.default_rng(0)
    costs = rng.uniform(0, 20, (21, 34, 5)).astype(np.float32)
    guide = rng.normal(0, 0.1, (21, 34, 2)).astype(np.float32)
    np.testing.assert_allclose(aggregated(costs, guide, 6.0), literal(costs, guide, 6.0), rtol=1e-4, atol=1e-4)


def test_a_mean_stays_a_mean_and_nothing_crosses_an_edge():
    rng = np.random.default_rng(1)
    costs = rng.uniform(0, 20, (30, 40, 3)).astype(np.float32)
    guide = np.where(np.arange(40) < 20, 0.0, 50.0).astype(np.float32)[np.newaxis, :, np.newaxis] * np.ones(
        (30, 1, 1), np.float32
    )
    found = aggregated(costs, guide, 200.0)
    for half in (slice(0, 20), slice(20, 40)):
        assert found[:, half].std(axis=(0, 1)).max() < 0.2 * costs.std()
        assert found[:, half].min() >= costs[:, half].min()
        assert found[:, half].max() <= costs[:, half].max()
    alone = np.array(costs)
    alone[:, 20:] = 1000
    np.testing.assert_allclose(aggregated(alone, guide, 200.0)[:, :20], found[:, :20], rtol=1e-4)
    np.testing.assert_array_equal(aggregated(costs, guide, 0.0), costs)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(threads):
    rng = np.random.default_rng(2)
    costs, guide = rng.uniform(0, 9, (50, 70, 4)).astype(np.float32), rng.normal(0, 1, (50, 70, 1)).astype(np.float32)
    np.testing.assert_array_equal(
        aggregated(costs, guide, 5.0, threads=threads), aggregated(costs, guide, 5.0, threads=2)
    )
