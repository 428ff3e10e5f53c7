"""Saliency: barriers against all ways there, and what stands out from the border."""

from __future__ import annotations

import heapq

import numpy as np

from defocus.belief.saliency import barrier, saliency_numbers


def least_range(plane, seeds):
    """Exactly: the least range of values on any way to a seed, by trying each lowest value in turn."""
    height, width = plane.shape
    best = np.full(plane.shape, np.inf)
    for low in np.unique(plane):
        # Least highest value on ways that never go below `low`
        highest = np.full(plane.shape, np.inf)
        heap = [(plane[y, x], y, x) for y, x in np.argwhere(seeds) if plane[y, x] >= low]
        for value, y, x in heap:
            highest[y, x] = value
        heapq.heapify(heap)
        while heap:
            value, y, x = heapq.heappop(heap)
            if value > highest[y, x]:
                continue
            for down, across in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                there = y + down, x + across
                if not (0 <= there[0] < height and 0 <= there[1] < width) or plane[there] < low:
                    continue
                most = max(value, plane[there])
                if most < highest[there]:
                    highest[there] = most
                    heapq.heappush(heap, (most, *there))
        best = np.minimum(best, highest - low)
    return best


def test_barriers_are_near_the_least_range_of_all_ways():
    rng = np.random.default_rng(0)
    exact, found = [], []
    for _ in range(6):
        plane = np.round(rng.uniform(0, 0.9, (9, 11)), 2).astype(np.float32)
        seeds = np.zeros(plane.shape, bool)
        seeds[[0, -1]] = seeds[:, [0, -1]] = True
        exact.append(least_range(plane, seeds))
        found.append(barrier(plane[np.newaxis], seeds))
    exact, found = np.array(exact), np.array(found)
    # Raster scans find a way, not always the best one
    assert (found >= exact - 1e-6).all()
    assert np.mean(found - exact) < 0.05
    assert np.mean(np.abs(found - exact) < 1e-6) > 0.7


def test_a_ramp_is_no_barrier_to_its_own_shade_and_a_step_is():
    plane = np.tile(np.linspace(0, 0.3, 40, dtype=np.float32), (30, 1))
    plane[10:20, 15:25] += 0.5
    seeds = np.zeros(plane.shape, bool)
    seeds[[0, -1]] = seeds[:, [0, -1]] = True
    walls = barrier(plane[np.newaxis], seeds)
    assert walls[10:20, 15:25].min() > 0.49  # from the brighter side
    outside = np.ones(plane.shape, bool)
    outside[10:20, 15:25] = False
    assert walls[outside].max() < 1e-6  # straight up or down, the shade stays the same


def test_what_has_another_colour_than_the_border_stands_out():
    rng = np.random.default_rng(1)
    color = rng.normal((0.3, 0.5, 0.3), 0.02, (60, 80, 3)).astype(np.float32)
    color[20:40, 30:50] += np.array((0.4, -0.2, 0.0), np.float32)
    subject = np.zeros((60, 80), bool)
    subject[22:38, 32:48] = True
    numbers = saliency_numbers(color)
    for number in (numbers[0], *numbers[2:]):  # all but yellow against blue
        assert number.shape == (60, 80)
        assert number[subject].min() > np.percentile(number[~subject & (np.arange(60) < 18)[:, np.newaxis]], 99)
    for ranks in numbers[6:]:
        assert 0 <= ranks.min() <= ranks.max() < 1
