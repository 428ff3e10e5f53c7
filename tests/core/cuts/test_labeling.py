"""Labellings against brute force, moves against their definition, bounds against optima."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks.lower_bound import lower_bound
from defocus import Cancelled
from defocus.cuts import labeling
from defocus.cuts.labeling import coherent_labels
from defocus.cuts.neighbors import contrast_weights
from defocus.cuts.reference import alpha_expansion, energy

STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))


def literal_energy(labels, data_term, weights):
    """Equation (14), pixel by pixel."""
    height, width = labels.shape
    total = 0.0
    for y, x in itertools.product(range(height), range(width)):
        total += float(data_term[y, x, labels[y, x]])
        for k, (down, right) in enumerate(STEPS):
            if 0 <= y + down < height and 0 <= x + right < width:
                total += float(weights[k, y, x]) * abs(int(labels[y, x]) - int(labels[y + down, x + right]))
    return total


def problem(seed, shape, count, strength=1.0):
    rng = np.random.default_rng(seed)
    color = rng.random((*shape, 3)).astype(np.float32)
    # Multiples of the unit in which costs are counted, so that sums are exact
    data_term = np.rint(rng.random((*shape, count)) * 4096).astype(np.float32) / 1024
    weights = np.rint(contrast_weights(color, strength, 0.5) * 1024) / np.float32(1024)
    return data_term, weights


def scene(height, width, count=25, seed=0):
    """Two depths and noise: labels 4 and 18 with wide, doubtful minima."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(y - height / 2, x - width / 2) < height / 3
    truth = np.where(inside, 4, 18)
    seen = truth + rng.normal(0, 3, truth.shape)
    data_term = np.minimum(0.3 * np.abs(np.arange(count) - seen[..., None]), 4).astype(np.float32)
    color = np.repeat((0.4 * inside + 0.02 * rng.standard_normal(truth.shape))[..., None], 3, 2)
    return data_term, contrast_weights(color.astype(np.float32), 0.3, 0.1), truth


def test_contrast_weights_are_equation_16():
    rng = np.random.default_rng(0)
    color = rng.random((4, 5, 3)).astype(np.float32)
    weights = contrast_weights(color, 20.0, 0.3)
    assert weights.dtype == np.float32
    for k, (down, right) in enumerate(STEPS):
        for y, x in itertools.product(range(4), range(5)):
            v, u = y + down, x + right
            expected = 0.0
            if 0 <= v < 4 and 0 <= u < 5:
                expected = 20 * np.exp(-np.sum((color[y, x].astype(float) - color[v, u]) ** 2) / (2 * 0.3**2))
            assert weights[k, y, x] == pytest.approx(expected, rel=1e-5)


def test_energy_is_equation_14():
    data_term, weights = problem(1, (5, 6), 7)
    labels = np.random.default_rng(2).integers(0, 7, (5, 6))
    assert energy(labels, data_term, weights) == pytest.approx(literal_energy(labels, data_term, weights))


@pytest.mark.parametrize("kind", ["expand", "jump", "jump back"])
@pytest.mark.parametrize("seed", range(4))
def test_a_move_finds_the_best_of_all_its_choices(kind, seed):
    shape, count = (3, 3), 6
    data_term, weights = problem(seed, shape, count, strength=[0.2, 1.0][seed % 2])
    before = np.random.default_rng(seed + 100).integers(0, count, shape)
    moves = labeling._Moves(data_term, weights, 0)
    moves.labels[1:-1, 1:-1] = before
    with ThreadPoolExecutor(3) as pool:
        if kind == "expand":
            moves.expand(2, pool)
            offers = np.full(shape, 2)
        else:
            step = 2 if kind == "jump" else -2
            moves.jump(step, pool)
            offers = np.clip(before + step, 0, count - 1)
    best = min(
        literal_energy(np.where(np.array(bits).reshape(shape), offers, before), data_term, weights)
        for bits in itertools.product((False, True), repeat=9)
    )
    assert energy(moves.labels[1:-1, 1:-1], data_term, weights) == pytest.approx(best, abs=1e-6)


def test_no_move_raises_the_energy():
    data_term, weights, _ = scene(40, 50)
    data_term = np.rint(data_term * 1024) / np.float32(1024)
    weights = np.rint(weights * 1024) / np.float32(1024)
    moves = labeling._Moves(data_term, weights, 3)
    last = energy(moves.labels[1:-1, 1:-1], data_term, weights)
    first = last
    plan = labeling._first_moves([3, 5, 18, 20], 25)
    plan += labeling._last_moves(np.zeros((1, 1), int), 25)
    with ThreadPoolExecutor(3) as pool:
        for kind, value in plan:
            getattr(moves, kind)(value, pool)
            now = energy(moves.labels[1:-1, 1:-1], data_term, weights)
            assert now <= last + 1e-6
            last = now
    assert last < first


@pytest.mark.parametrize("seed", range(6))
def test_bound_optimum_and_labels_are_in_order_on_tiny_grids(seed):
    shape, count = (2, 3), 4
    data_term, weights = problem(seed, shape, count, strength=[0.2, 0.5, 2.0][seed % 3])
    best = min(
        literal_energy(np.array(labels).reshape(shape), data_term, weights)
        for labels in itertools.product(range(count), repeat=6)
    )
    assert lower_bound(data_term, weights, iterations=30) <= best + 1e-4
    assert energy(coherent_labels(data_term, weights), data_term, weights) >= best - 1e-4
    assert energy(coherent_labels(data_term, weights), data_term, weights) <= best * 1.05


def test_bound_is_tight_on_a_chain():
    data_term, weights = problem(3, (1, 7), 4)
    best = min(
        literal_energy(np.array(labels).reshape(1, 7), data_term, weights)
        for labels in itertools.product(range(4), repeat=7)
    )
    assert lower_bound(data_term, weights, iterations=3) == pytest.approx(best, abs=1e-4)


def test_as_good_as_alpha_expansion_and_near_the_bound():
    data_term, weights, truth = scene(48, 60)
    labels = coherent_labels(data_term, weights)
    ours = energy(labels, data_term, weights)
    reference = energy(alpha_expansion(data_term, weights), data_term, weights)
    bound = lower_bound(data_term, weights, iterations=100)
    assert bound <= min(ours, reference) * (1 + 1e-6)
    assert ours <= reference * 1.005
    assert ours <= bound * 1.02
    assert energy(coherent_labels(data_term, weights), data_term, weights) <= ours
    assert np.mean(np.abs(labels - truth) <= 1) > 0.95


def test_the_same_on_any_number_of_threads(monkeypatch):
    data_term, weights, _ = scene(180, 190, count=9)
    assert labeling.GridGraph(180, 190).large
    together = coherent_labels(data_term, weights)
    monkeypatch.setattr(labeling.GridGraph, "large", False)
    np.testing.assert_array_equal(coherent_labels(data_term, weights), together)


def test_progress_rises_to_one_and_can_cancel():
    data_term, weights, _ = scene(30, 40)
    seen = []
    coherent_labels(data_term, weights, progress=lambda fraction, stage: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 10

    def refuse(fraction, stage):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        coherent_labels(data_term, weights, progress=refuse)


def test_a_single_label_and_a_single_pixel():
    ones = np.ones((4, 3, 3), np.float32)
    assert not coherent_labels(np.zeros((3, 3, 1), np.float32), ones).any()
    assert coherent_labels(np.array([[[3, 1, 2]]], np.float32), np.zeros((4, 1, 1), np.float32)) == 1


def test_large_costs_forbid_labels():
    data_term, weights, _ = scene(30, 40)
    data_term[10:20, 10:20, :20] = 1e8
    labels = coherent_labels(data_term, weights)
    assert (labels[10:20, 10:20] >= 20).all()
    assert (labels < 10).any()
