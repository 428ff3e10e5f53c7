"""Specimens under a simulated microscope, as many kinds as there are: what pictures of fluorescence and of transmitted
light have in common, and nothing else.

Fields of nuclei, cells, fibres, tissue and beads of any size and density, out of focus by any amount and with the glow
of what lies above and below, unevenly lit; and the same as what absorbs or bends light that passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.random import Generator

_ELECTRONS = (2.0, 4.0)  # powers of ten at the peak, from faint to bright
_MOST_BLUR = 40.0  # px, twice the standard deviation of the Gaussian


def _coverage(rng: Generator) -> float:
    """Return which part of a field things cover, from lonely to crowded."""
    return float(10 ** rng.uniform(-2, 0))


def _ellipses(shape: tuple[int, int], rng: Generator) -> Any:
    """Nuclei or whole cells: ellipses with grain, some brighter than the others."""
    field = np.zeros(shape)
    size = float(np.exp(rng.uniform(np.log(4), np.log(35))))
    count = int(np.clip(_coverage(rng) * field.size / (np.pi * size * size) * 1.5, 1, 700))
    spread = rng.uniform(0.1, 0.8)
    for _ in range(count):
        row, column = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        long, turn = size * rng.uniform(0.7, 1.4), rng.uniform(0, np.pi)
        short, reach = long * rng.uniform(0.5, 1), int(long) + 2
        rows = slice(max(int(row) - reach, 0), int(row) + reach)
        columns = slice(max(int(column) - reach, 0), int(column) + reach)
        y, x = np.mgrid[rows, columns]
        y, x = y[: shape[0] - rows.start] - row, x[: shape[0] - rows.start] - column
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        inside = (along / long) ** 2 + (across / short) ** 2 < 1
        part = field[rows, columns]
        inside = inside[: part.shape[0], : part.shape[1]]
        part[inside] = np.maximum(part[inside], np.exp(spread * rng.standard_normal()))
    grain = ndimage.gaussian_filter(rng.standard_normal(shape), rng.uniform(0.6, 4))
    return field * np.clip(1 + rng.uniform(0.05, 0.6) * grain / grain.std(), 0.1, None)


def _tissue(shape: tuple[int, int], rng: Generator) -> Any:
    """Cells side by side, each of its own brightness, with brighter middles or rims."""
    count = int(10 ** rng.uniform(1.2, 2.6))
    places = rng.uniform(0, 1, (count, 2)) * shape
    seeds = np.ones(shape, bool)
    seeds[tuple(places.astype(int).T)] = False
    away, nearest = ndimage.distance_transform_edt(seeds, return_indices=True)
    own = np.exp(rng.uniform(0.2, 0.9) * rng.standard_normal(shape))[tuple(nearest)]
    own *= rng.uniform(0, 1, shape)[tuple(nearest)] < rng.uniform(0.5, 1)
    size = np.sqrt(own.size / count)
    shade = np.exp(-((away / size) ** 2) * rng.uniform(-0.5, 4))
    grain = ndimage.gaussian_filter(rng.standard_normal(shape), rng.uniform(0.8, 6))
    return own * shade * np.clip(1 + rng.uniform(0.1, 0.6) * grain / grain.std(), 0.05, None)


def _fibres(shape: tuple[int, int], rng: Generator) -> Any:
    """Bent filaments, or worms where they are wide."""
    field = np.zeros(shape)
    length = int(rng.uniform(0.1, 0.9) * max(shape))
    for _ in range(int(10 ** rng.uniform(0.5, 2.2))):
        turn = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, rng.uniform(0.01, 0.06), length))
        y = (rng.uniform(0, shape[0]) + np.cumsum(np.sin(turn))).astype(int)
        x = (rng.uniform(0, shape[1]) + np.cumsum(np.cos(turn))).astype(int)
        inside = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        field[y[inside], x[inside]] += rng.uniform(0.3, 1)
    wide = int(rng.choice([1, 1, 3, 7]))
    return ndimage.gaussian_filter(ndimage.grey_dilation(field, (wide, wide)), rng.uniform(0.5, 1.5))


def _points(shape: tuple[int, int], rng: Generator, most: float = 3, widths: tuple[float, float] = (0.7, 1.5)) -> Any:
    """Beads or molecules: up to so many, a power of ten, and as wide, in px of their standard deviation."""
    field = np.zeros(shape)
    count = int(10 ** rng.uniform(0.7, most))
    field[rng.integers(0, shape[0], count), rng.integers(0, shape[1], count)] = rng.uniform(0.3, 1, count)
    return ndimage.gaussian_filter(field, rng.uniform(*widths))


_SPECIMENS = (_ellipses, _ellipses, _tissue, _fibres, _points)


def specimen(shape: tuple[int, int], rng: Generator, *, points: bool = True) -> Any:
    """Return one of them, or two in one picture, (H, W), from 0 to 1; without `points` none that has no texture."""
    field = np.zeros(shape)
    for _ in range(1 if rng.random() < 0.7 else 2):
        one = _SPECIMENS[rng.integers(len(_SPECIMENS) - (not points))](shape, rng)
        field = field + rng.uniform(0.2, 1) * one / max(float(one.max()), 1e-9)
    return field / field.max()


def _lit(shape: tuple[int, int], rng: Generator) -> Any:
    """Return the light of an uneven lamp, (H, W), 1 in its middle."""
    y, x = (np.arange(n) / n - rng.uniform(0.3, 0.7) for n in shape)
    return 1 - rng.uniform(0, 0.6) * (y[:, np.newaxis] ** 2 + x**2) / 0.5


def _seen(light: Any, rng: Generator) -> Any:
    """Return what a camera counts, float32."""
    peak = 10 ** rng.uniform(*_ELECTRONS)
    counts = rng.poisson(peak * np.clip(light, 0, None)) + rng.normal(0, 2, light.shape) + rng.uniform(0, 300)
    if rng.random() < 0.3:  # as 8 bits, with a contrast that cuts something off
        low, high = np.percentile(counts, (rng.uniform(0, 2), rng.uniform(99, 100)))
        counts = np.clip(np.rint(255 * (counts - low) / max(high - low, 1e-9)), 0, 255)
    return counts.astype(np.float32)


def fluorescence(shape: tuple[int, int], rng: Generator) -> Any:
    """Return a picture of what shines, float32 (H, W) counts."""
    field = specimen(shape, rng)
    blur = _MOST_BLUR * rng.uniform(0, 1) ** 1.3 / 2 if rng.random() < 0.8 else 0.0
    light = ndimage.gaussian_filter(field, blur)
    light /= max(float(np.percentile(light, 99.9)), 1e-9)
    if rng.random() < 0.5:  # the glow of what lies above and below
        glow = ndimage.gaussian_filter(field, rng.uniform(10, 60))
        light = light + rng.uniform(0, 0.6) * glow / glow.max()
    return _seen((light + rng.uniform(0, 0.15) ** 2) * _lit(shape, rng), rng)


def lonely(shape: tuple[int, int], rng: Generator) -> Any:
    """Return a picture of few and even things that shine before a ground without glow, float32 (H, W) counts."""
    field = np.zeros(shape)
    y, x = np.indices(shape)
    for _ in range(int(rng.integers(1, 6))):
        long, turn = min(shape) * rng.uniform(0.03, 0.2), rng.uniform(0, np.pi)
        row, column = (rng.uniform(0.1, 0.9) * n for n in shape)
        along = (x - column) * np.cos(turn) + (y - row) * np.sin(turn)
        across = (y - row) * np.cos(turn) - (x - column) * np.sin(turn)
        field[along**2 + (across / rng.uniform(0.5, 1)) ** 2 < long**2] = rng.uniform(0.5, 1)
    blur = _MOST_BLUR * rng.uniform(0, 1) ** 3 / 2
    return _seen(ndimage.gaussian_filter(field, blur) + rng.uniform(0, 0.1), rng)


def beads(shape: tuple[int, int], rng: Generator) -> Any:
    """Return a picture of few beads before a ground without glow, float32 (H, W) counts."""
    light = _points(shape, rng, most=2, widths=(0.8, 4))
    return _seen(light / light.max() + rng.uniform(0, 0.3), rng)


def transmitted(shape: tuple[int, int], rng: Generator) -> Any:
    """Return a picture of what absorbs light or bends it, float32 (H, W) counts."""
    field = specimen(shape, rng)
    blur = 0.5 * _MOST_BLUR * rng.uniform(0, 1) ** 2 / 2
    if rng.random() < 0.5:
        light = np.exp(-rng.uniform(0.2, 3) * field)
    else:  # phase: bright rims, dark bodies, or light from one side
        body, halo = (ndimage.gaussian_filter(field, width) for width in (0.7, rng.uniform(2, 6)))
        turn = rng.uniform(0, 2 * np.pi)
        slope = np.gradient(body)
        side = slope[0] * np.sin(turn) + slope[1] * np.cos(turn)
        relief = (halo - body) if rng.random() < 0.5 else side
        light = 1 + rng.uniform(0.3, 0.9) * relief / max(float(np.abs(relief).max()), 1e-9)
    return _seen(ndimage.gaussian_filter(light, blur) * _lit(shape, rng) * 0.9, rng)
