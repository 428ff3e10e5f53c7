"""Fit sums of curves: penalised logistic loss, one piecewise-linear curve per number, some of them monotone."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from scipy.optimize import minimize

from defocus.belief.curves import Curves, sum_of_curves

_LEVELS = (0.002, 0.02, 0.06, 0.13, 0.22, 0.33, 0.44, 0.56, 0.67, 0.78, 0.87, 0.94, 0.98, 0.998)
_KNOTS = len(_LEVELS)
_ROUGHNESS = 4e-4  # penalty on second differences, per picture's share of the loss
_SIZE = 2e-4  # on first differences
_PARTS = 2


def knots_of(numbers: np.ndarray) -> np.ndarray:
    """Quantiles of each column, made strictly rising; float32 (F, K)."""
    knots = np.nanquantile(numbers, _LEVELS, axis=0).T.astype(np.float32)
    for line in knots:
        least = max((line[-1] - line[0]) * 1e-3, 1e-5)
        for k in range(1, len(line)):
            line[k] = max(line[k], line[k - 1] + least)
    return knots


@numba.njit(cache=True, nogil=True)
def _place(numbers, knots, index, fraction):
    rows, count = numbers.shape
    size = knots.shape[1]
    for i in range(rows):
        for f in range(count):
            value = numbers[i, f]
            if np.isnan(value):
                index[i, f] = 255
                continue
            k = 0
            while k < size - 2 and value >= knots[f, k + 1]:
                k += 1
            index[i, f] = k
            part = (value - knots[f, k]) / (knots[f, k + 1] - knots[f, k])
            fraction[i, f] = min(max(part, np.float32(0)), np.float32(1))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _loss(index, fraction, values, offset, truth, weight, gradient):
    rows, count = index.shape
    total = 0.0
    slope = 0.0
    for i in range(rows):
        z = np.float32(offset)
        for f in range(count):
            k = index[i, f]
            if k != 255:
                z += values[f, k] + fraction[i, f] * (values[f, k + 1] - values[f, k])
        total += weight[i] * (np.log1p(np.exp(-abs(z))) + max(z, np.float32(0)) - truth[i] * z)
        d = weight[i] * (np.float32(1) / (np.float32(1) + np.exp(-z)) - truth[i])
        slope += d
        for f in range(count):
            k = index[i, f]
            if k != 255:
                right = d * fraction[i, f]
                gradient[f, k + 1] += right
                gradient[f, k] += d - right
    return total, slope


def fit(numbers, truth, weight, names, directions, *, knots=None, iterations=150, roughness=_ROUGHNESS, size=_SIZE):
    """Fit; numbers float32 (N, F), truth in [0, 1], weight with sum 1."""
    count = numbers.shape[1]
    knots = knots_of(numbers) if knots is None else knots
    index = np.empty(numbers.shape, np.uint8)
    fraction = np.empty(numbers.shape, np.float32)
    cuts = np.linspace(0, len(numbers), _PARTS + 1).astype(int)
    parts = [slice(a, b) for a, b in itertools.pairwise(cuts)]
    pool = ThreadPoolExecutor(_PARTS)
    list(pool.map(lambda p: _place(numbers[p], knots, index[p], fraction[p]), parts))
    truth, weight = truth.astype(np.float32), (weight / weight.sum()).astype(np.float32)
    missing = (index == 255).any(axis=0)

    def unpack(x):
        steps = x[1 : 1 + count * (_KNOTS - 1)].reshape(count, -1)
        first = x[1 + count * (_KNOTS - 1) :]
        return steps, first, np.concatenate([first[:, None], first[:, None] + np.cumsum(steps, 1)], 1)

    def loss(x):
        steps, first, values = unpack(x)
        values = values.astype(np.float32)

        def part(p):
            gradient = np.zeros((count, _KNOTS))
            return _loss(index[p], fraction[p], values, x[0], truth[p], weight[p], gradient), gradient

        found = list(pool.map(part, parts))
        total = sum(f[0][0] for f in found)
        slope = sum(f[0][1] for f in found)
        gradient = sum(f[1] for f in found)
        tails = np.cumsum(gradient[:, ::-1], 1)[:, ::-1]
        bend = np.diff(steps, axis=1)
        total += roughness * (bend**2).sum() + size * (steps**2).sum() + size * (first**2).sum()
        by_steps = tails[:, 1:] + 2 * size * steps
        by_steps[:, 1:] += 2 * roughness * bend
        by_steps[:, :-1] -= 2 * roughness * bend
        by_first = tails[:, 0] + 2 * size * first
        by_first[~missing] = 0
        return total, np.concatenate([[slope], by_steps.ravel(), by_first])

    bounds = [(None, None)]
    for name in names:
        d = directions.get(name, 0)
        bounds += [(0, None) if d > 0 else (None, 0) if d < 0 else (None, None)] * (_KNOTS - 1)
    bounds += [(None, None)] * count
    start = np.zeros(len(bounds))
    result = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": iterations, "maxcor": 20}
    )
    _, _, values = unpack(result.x)
    return Curves(tuple(names), knots, values.astype(np.float32), float(result.x[0])), float(result.fun)


def apply(curves, planes):
    """Sum of curves of planes (F, ...)."""
    flat = np.ascontiguousarray(planes.reshape(len(planes), 1, -1), np.float32)
    return sum_of_curves(curves, flat, threads=1).reshape(planes.shape[1:])


def area_under_curve(score, truth):
    order = np.argsort(score, kind="stable")
    t = truth[order]
    n, m = t.sum(), len(t) - t.sum()
    if n == 0 or m == 0:
        return np.nan
    ranks = np.arange(1, len(t) + 1)
    return (ranks[t].sum() - n * (n + 1) / 2) / (n * m)
