"""Cuts against brute force and against PyMaxflow."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import maxflow
import numpy as np
import pytest

from defocus import Cancelled
from defocus.cuts import grid_cut
from defocus.cuts.grid_cut import BandedCut, ExactCut, minimum_cut
from defocus.cuts.grid_flow import GridGraph
from defocus.cuts.labeling import coherent_labels
from defocus.cuts.neighbors import contrast_weights

STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def edges(shape):
    """Pairs of pixels that are neighbours, with their place in the weights, written out."""
    height, width = shape
    for k, (down, right) in enumerate(STEPS):
        for y, x in itertools.product(range(height), range(width)):
            if 0 <= y + down < height and 0 <= x + right < width:
                yield (k, y, x), (y, x), (y + down, x + right)


def literal_energy(mask, cost_false, cost_true, weights):
    pairs = sum(float(weights[e]) for e, a, b in edges(mask.shape) if mask[a] != mask[b])
    return float(np.where(mask, cost_true, cost_false).sum()) + pairs


def random_problem(seed, shape, strength=1.0):
    rng = np.random.default_rng(seed)
    weights = np.zeros((4, *shape), np.float32)
    for e, _, _ in edges(shape):
        weights[e] = strength * rng.random() * (rng.random() < 0.8)
    return rng.random(shape) * 2, rng.random(shape) * 2, weights


def picture_problem(height, width, seed=0):
    """Smooth preferences and weights from a picture with a disc in it, at picture size."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    disc = np.hypot(y - height / 2, x - width / 3) < height / 3
    color = np.repeat((disc * 0.5 + 0.02 * rng.standard_normal((height, width)))[..., None], 3, 2)
    weights = contrast_weights(color.astype(np.float32), 30.0, 0.04)
    return np.where(disc, 2.0, -1.0) + 6 * rng.standard_normal((height, width)), weights


def cut_by_pymaxflow(preference, weights):
    """Integer costs, so that both solvers' energies are exact."""
    graph = maxflow.Graph[int](preference.size, 4 * preference.size)
    nodes = graph.add_grid_nodes(preference.shape)
    for e, a, b in edges(preference.shape):
        graph.add_edge(nodes[a], nodes[b], int(weights[e]), int(weights[e]))
    graph.add_grid_tedges(nodes, np.maximum(preference, 0), np.maximum(-preference, 0))
    return graph.maxflow(), ~graph.get_grid_segments(nodes)


@pytest.mark.parametrize("seed", range(20))
def test_no_labelling_of_a_tiny_grid_has_less_energy(seed):
    shape = [(3, 4), (1, 9), (5, 2), (3, 3)][seed % 4]
    cost_false, cost_true, weights = random_problem(seed, shape, strength=[0.2, 1.0, 3.0][seed % 3])
    found = minimum_cut(cost_false, cost_true, weights)
    energies = [
        literal_energy(np.array(bits).reshape(shape), cost_false, cost_true, weights)
        for bits in itertools.product((False, True), repeat=shape[0] * shape[1])
    ]
    assert literal_energy(found, cost_false, cost_true, weights) == pytest.approx(min(energies), abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_energy_equals_the_flow_that_pymaxflow_finds(seed):
    preference, weights = picture_problem(70, 90, seed)
    preference, weights = np.rint(preference * 100).astype(np.int64), np.rint(weights * 100).astype(np.int64)
    flow, theirs = cut_by_pymaxflow(preference, weights)
    graph = GridGraph(*preference.shape)
    ours = minimum_cut(np.maximum(preference, 0), np.maximum(-preference, 0), weights)
    assert graph.large is False
    costs = np.maximum(preference, 0), np.maximum(-preference, 0), weights
    assert 0 < ours.mean() < 1
    assert literal_energy(ours, *costs) == literal_energy(theirs, *costs) == flow


def test_two_strips_on_threads_give_the_same_as_one_piece():
    preference, weights = picture_problem(180, 210)
    whole = np.rint(weights * 1000).astype(np.int32)
    masks = []
    for threads in (0, 1, 2, 4):
        graph = GridGraph(*preference.shape)
        assert graph.large
        for (k, y, x), _, (v, u) in edges(preference.shape):
            graph.capacity[y + 1, x + 1, 2 * k] = graph.capacity[v + 1, u + 1, 2 * k + 1] = whole[k, y, x]
        graph.terminal[1:-1, 1:-1] = np.rint(preference * 1000)
        if threads == 0:
            masks.append(graph.solve())
        else:
            with ThreadPoolExecutor(threads) as pool:
                masks.append(graph.solve(pool))
    assert 0 < masks[0].mean() < 1
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])


def test_a_warm_start_changes_nothing():
    preference, weights = picture_problem(180, 200)
    cutter = ExactCut(weights)
    seen = []
    for shift in (0.0, 0.5, -1.0, 0.0):
        warm = cutter.cut(preference + shift, np.zeros_like(preference))
        cold = minimum_cut(preference + shift, np.zeros_like(preference), weights)
        np.testing.assert_array_equal(warm, cold)
        seen.append(warm.sum())
    assert seen[1] > seen[0] > seen[2]
    assert seen[3] == seen[0]


def test_large_costs_make_pixels_certain():
    preference, weights = picture_problem(60, 60)
    assert minimum_cut(np.maximum(preference, 0), np.maximum(-preference, 0), weights)[30, 20]
    preference[30, 20] = -1e6
    preference[2, 58] = 1e6
    mask = minimum_cut(np.maximum(preference, 0), np.maximum(-preference, 0), weights)
    assert not mask[30, 20]
    assert mask[2, 58]


def test_no_preference_means_no_pixel():
    assert not minimum_cut(np.ones((5, 6)), np.ones((5, 6)), np.ones((4, 5, 6))).any()
    assert not minimum_cut(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((4, 1, 1))).any()


def test_a_callback_that_raises_stops_the_cut():
    preference, weights = picture_problem(400, 500)

    def refuse(fraction, stage):
        raise Cancelled

    cutter = ExactCut(weights)
    with pytest.raises(Cancelled):
        cutter.cut(preference, 0, progress=refuse)
    # What was stopped midway can go on
    np.testing.assert_array_equal(cutter.cut(preference, 0), minimum_cut(preference, 0, weights))


def test_a_mask_of_blocks_has_the_same_energy_on_the_reduced_grid():
    for shape in ((8, 10), (7, 9)):
        cost_false, cost_true, weights = random_problem(5, shape)
        preference = (cost_false - cost_true).astype(np.float32)
        reduced, between = grid_cut._reduced_preference(preference), grid_cut._reduced_weights(weights)
        small = np.random.default_rng(1).random(reduced.shape) < 0.5
        large = np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)[: shape[0], : shape[1]]
        fine = literal_energy(large, np.zeros(shape), -preference, weights)
        coarse = literal_energy(small, np.zeros(reduced.shape), -reduced, between)
        assert coarse == pytest.approx(fine, abs=1e-4)


@pytest.mark.parametrize("tile", [1024, 64])
def test_the_pyramid_is_near_the_optimum_and_follows_the_edge(tile, monkeypatch):
    monkeypatch.setattr(grid_cut, "_TILE", tile)
    preference, weights = picture_problem(181, 233)
    costs = np.zeros_like(preference), -preference, weights
    best = literal_energy(minimum_cut(*costs), *costs)
    mask = BandedCut(weights, coarsest=4000).cut(preference)
    blocky = literal_energy(np.repeat(np.repeat(mask[::4, ::4], 4, 0), 4, 1)[:181, :233], *costs)
    assert best - 1e-3 <= literal_energy(mask, *costs) <= best + 0.01 * abs(best)
    assert blocky > best + 0.01 * abs(best)


def test_the_pyramid_of_a_small_picture_is_exact():
    preference, weights = picture_problem(60, 50)
    np.testing.assert_array_equal(BandedCut(weights).cut(preference), minimum_cut(preference, 0, weights))


def test_the_pyramid_keeps_to_certain_pixels():
    preference, weights = picture_problem(120, 130)
    preference[60, 40:60] = -1e6
    preference[3:6, 120:125] = 1e6
    mask = BandedCut(weights, coarsest=4000).cut(preference)
    assert not mask[60, 40:60].any()
    assert mask[3:6, 120:125].all()


def test_every_cut_of_one_pyramid_is_as_if_it_were_the_first():
    preference, weights = picture_problem(120, 130)
    cutter = BandedCut(weights, coarsest=4000)
    for offset in (0.0, 0.4, -1.0, 0.1):
        fresh = BandedCut(weights, coarsest=4000).cut(preference + offset)
        np.testing.assert_array_equal(cutter.cut(preference + offset), fresh)


def test_progress_of_the_pyramid_rises_to_one():
    preference, weights = picture_problem(240, 260)
    seen = []
    BandedCut(weights, coarsest=4000).cut(preference, progress=lambda fraction, stage: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_weights_that_lead_out_of_the_picture_do_nothing():
    preference, weights = picture_problem(40, 50)
    inside = weights.copy()
    for k, y, x in itertools.product(range(4), range(40), range(50)):
        down, right = STEPS[k]
        if not (0 <= y + down < 40 and 0 <= x + right < 50):
            weights[k, y, x] = 7
    assert (weights != inside).any()
    np.testing.assert_array_equal(minimum_cut(preference, 0, weights), minimum_cut(preference, 0, inside))
    labels = coherent_labels(np.stack([-preference, preference, 0 * preference], axis=2), weights)
    np.testing.assert_array_equal(
        labels, coherent_labels(np.stack([-preference, preference, 0 * preference], axis=2), inside)
    )
