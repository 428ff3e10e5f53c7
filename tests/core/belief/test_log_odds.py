"""Belief: trees against a literal walk, a table that obeys physics, and the two mistakes side by side."""

from __future__ import annotations

import numpy as np
import pytest

import defocus
from defocus.belief.log_odds import focus_log_odds
from defocus.belief.names import CONTEXT_NUMBERS, DIRECTIONS, LOCAL_NUMBERS
from defocus.belief.trees import read_table, sum_of_trees, trees_of
from defocus.parameters import MaskParameters
from defocus.pictures.picture import load_image
from defocus.psf.simulation import simulate_blur


def test_a_sum_of_trees_is_the_sum_of_what_a_walk_through_each_finds():
    rng = np.random.default_rng(0)
    nodes = [[0, 2, 1], [0.1, -0.5, 0.3], [1, -1, -3], [2, -2, -4], [0.5, -1.0, 2.0, 0.25]]
    stump = [[1], [0.0], [-1], [-2], [3.0, -4.0]]
    planes = rng.normal(0, 1, (3, 6, 7)).astype(np.float32)
    planes[1, 2, 3] = np.nan
    planes[0, 4, :] = 0.1  # at the threshold the way goes left

    def walk(tree, sample):
        number, threshold, left, right, value = tree
        node = 0
        while node >= 0:
            known = sample[number[node]]
            node = left[node] if np.isnan(known) or known <= np.float32(threshold[node]) else right[node]
        return value[-1 - node]

    trees = trees_of(["a", "b", "c"], [nodes, stump], 0.7)
    expected = [[0.7 + walk(nodes, planes[:, y, x]) + walk(stump, planes[:, y, x]) for x in range(7)] for y in range(6)]
    np.testing.assert_allclose(sum_of_trees(trees, planes), expected, atol=1e-5)


def test_the_table_knows_its_numbers():
    first, second = read_table()
    assert set(first.names) <= set(LOCAL_NUMBERS)
    assert set(second.names) <= {*LOCAL_NUMBERS, *CONTEXT_NUMBERS}


def test_the_table_obeys_physics():
    """Whatever else is known of a sample, more probability of small radii never lowers the belief, and so on."""
    rng = np.random.default_rng(4)
    for trees in read_table():
        least = np.full(len(trees.names), np.inf)
        most = np.full(len(trees.names), -np.inf)
        for k in range(len(trees.names)):
            asked = trees.threshold[trees.number == k]
            if asked.size:
                least[k], most[k] = asked.min() - 1, asked.max() + 1
        asked = np.flatnonzero(np.isfinite(least))
        start = np.zeros((len(trees.names), 200), np.float32)
        start[asked] = rng.uniform(least[asked], most[asked], (200, len(asked))).T
        moved = 0
        for k, name in enumerate(trees.names):
            if name not in DIRECTIONS or k not in asked:
                continue
            steps = np.linspace(least[k], most[k], 40, dtype=np.float32)
            planes = np.repeat(start[:, :, np.newaxis], len(steps), axis=2)
            planes[k] = steps
            change = np.diff(sum_of_trees(trees, planes), axis=1) * DIRECTIONS[name]
            assert change.min() > -1e-4, name
            moved += change.max() > 0.01
        assert moved > 10  # numbers that do matter


def test_threads_change_nothing(samples):
    analysis = defocus.analyze(load_image(samples / "flower.jpg"))
    measured = analysis._estimates[0].measured
    known = analysis.evidence, analysis.picture.luminance, measured.sample_color, measured.voted
    one, three = (focus_log_odds(*known, threads=count) for count in (1, 3))
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("name", ["gravel.png", "grass.png", "coffee.jpg"])
def test_what_is_sharp_everywhere_comes_out_so(samples, name):
    assert defocus.focus_mask(load_image(samples / name)).mean() > 0.8


@pytest.mark.parametrize("name", ["gravel.png", "grass.png", "coffee.jpg"])
def test_of_what_is_blurred_everywhere_nothing_is_in_focus(samples, name):
    color = load_image(samples / name).color
    blurred = np.stack([simulate_blur(color[..., c], 5.0, noise=1e-5, seed=c) for c in range(3)], axis=2)
    picture = np.rint(np.clip(blurred, 0, 1) * 255).astype(np.uint8)
    assert defocus.focus_mask(picture).mean() < 0.02


@pytest.mark.parametrize("name", ["flower.jpg", "coffee.jpg", "cells.png"])
def test_a_larger_threshold_removes_nothing(samples, name):
    """Neither from the belief of the samples nor from the mask that is cut."""
    analysis = defocus.analyze(load_image(samples / name))
    estimate = analysis._estimates[1]
    thresholds = [0.5, 1.0, 1.5, 2.0, 2.5, 3.5, 5.0, analysis.max_radius]
    odds = [estimate.log_odds(MaskParameters(threshold=threshold)) for threshold in thresholds]
    masks = [analysis.focus_mask(threshold=threshold) for threshold in thresholds]
    for k in range(len(thresholds) - 1):
        assert (odds[k + 1] >= odds[k] - 1e-4).all()
        assert not (masks[k] & ~masks[k + 1]).any(), thresholds[k : k + 2]
    assert masks[-1].all()


def test_what_was_learned_from_photographs_does_not_count_under_a_microscope():
    """A photograph's subject stands in its middle; under a microscope a patch is as sharp in a corner."""
    rng = np.random.default_rng(1)
    blurred = simulate_blur(rng.uniform(0, 1, (300, 420)).astype(np.float32), 6.0)
    ground = 0.4 + 0.2 * (blurred - blurred.mean()) / blurred.std()
    patch = rng.uniform(0.2, 0.9, (100, 100)).astype(np.float32)
    shares = []
    for top, left in ((100, 160), (20, 20)):
        picture = ground.copy()
        picture[top : top + 100, left : left + 100] = patch
        noisy = np.clip(picture + rng.normal(0, 0.003, picture.shape), 0, 1)
        analysis = defocus.analyze(noisy.astype(np.float32), kind="brightfield")
        assert analysis.kind == "brightfield"
        shares.append(analysis.focus_mask()[top + 15 : top + 85, left + 15 : left + 85].mean())
    assert min(shares) > 0.95


def test_where_there_is_nothing_to_see_confidence_is_low():
    rng = np.random.default_rng(2)
    picture = np.full((240, 320, 3), 0.6)
    picture[:, 200:] = rng.uniform(0, 1, (240, 120, 1))
    analysis = defocus.analyze(np.rint(picture * 255).astype(np.uint8))
    assert analysis.confidence[:, :150].mean() < 0.2
    assert analysis.confidence[:, 230:].mean() > 0.5
