"""Fit sums of small regression trees: gradient boosting of the logistic loss, monotone where physics says so."""

from __future__ import annotations

import lightgbm
import numpy as np

from defocus.belief.trees import UNKNOWN, Trees, trees_of

_SETTINGS = {
    "objective": "cross_entropy",
    "num_leaves": 8,
    "learning_rate": 0.08,
    "min_data_in_leaf": 200,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "use_missing": False,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def _nodes(tree: dict) -> list[list[float]]:
    """Numbers, thresholds, left and right children of a tree's nodes, and the values of its leaves."""
    number, threshold, left, right, value = [], [], [], [], []

    def add(part: dict) -> int:
        if "leaf_value" in part:
            value.append(float(f"{part['leaf_value']:.5g}"))
            return -len(value)
        node = len(number)
        number.append(part["split_feature"])
        threshold.append(float(f"{part['threshold']:.6g}"))
        left.append(0)
        right.append(0)
        left[node] = add(part["left_child"])
        right[node] = add(part["right_child"])
        return node

    root = add(tree)
    if root < 0:  # a single leaf: a node whose children are both that leaf
        return [[0], [0.0], [-1], [-1], value]
    return [number, threshold, left, right, value]


def fit(
    numbers: np.ndarray,
    truth: np.ndarray,
    weight: np.ndarray,
    names: tuple[str, ...],
    directions: dict[str, int],
    rounds: int,
) -> tuple[Trees, list[list[list[float]]]]:
    """Fit; numbers float32 (N, F), truth in [0, 1]. Return the trees, and as they are written."""
    known = np.where(np.isnan(numbers), np.float32(UNKNOWN), numbers)
    settings = _SETTINGS | {"monotone_constraints": [directions.get(name, 0) for name in names]}
    data = lightgbm.Dataset(known, truth, weight=weight, params=_SETTINGS)
    model = lightgbm.train(settings, data, rounds).dump_model()
    written = [_nodes(tree["tree_structure"]) for tree in model["tree_info"]]
    return trees_of(list(names), written), written


def area_under_curve(score: np.ndarray, truth: np.ndarray) -> float:
    """Share of pairs of a true and a false sample whose scores are in that order."""
    t = truth[np.argsort(score, kind="stable")]
    n, m = t.sum(), len(t) - t.sum()
    if n == 0 or m == 0:
        return np.nan
    ranks = np.arange(1, len(t) + 1)
    return float((ranks[t].sum() - n * (n + 1) / 2) / (n * m))
