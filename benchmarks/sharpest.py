"""The sharpest slice of a stack, beside the two simplest measures of focus that there are, and heights of single cells.

``python -m benchmarks.sharpest`` prints, for thin specimens of six textures at 5000 and 50 electrons, and for stacks
that flicker, drift, bleach, hold a slice of nothing but noise, or nothing at all: the slice that is in focus, and what
Focus over z, the normalised variance (variance by mean) and the energy of the Laplacian say. Then the heights of 25
cells, each thin and at its own height, beside the slice with the most energy of the Laplacian around every pixel.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from scipy import ndimage

from defocus.psf.simulation import simulate_blur

_SIDE, _SLICES, _PER_SLICE = 320, 15, 0.8  # px, and px of radius for each slice
_OFFSET, _READ = 100, 1.5  # counts of the camera, without light and of its noise
_CELLS = 25


def beads(rng: np.random.Generator) -> Any:
    """Return points of light on a dark ground, in [0, 1]."""
    field = np.zeros((_SIDE, _SIDE))
    field[tuple(rng.integers(8, _SIDE - 8, (2, 120)))] = rng.uniform(0.5, 1, 120)
    spread = ndimage.gaussian_filter(field, 1.2)
    return 0.02 + 0.98 * spread / spread.max()


def bricks(rng: np.random.Generator) -> Any:
    """Return a wall with joints and a rough face, in [0, 1]."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    course = rows // 24
    joint = (rows % 24 < 3) | ((columns + 30 * (course % 2)) % 60 < 3)
    face = 0.55 + 0.1 * ndimage.gaussian_filter(rng.standard_normal((_SIDE, _SIDE)), 1) / 0.28
    return np.clip(np.where(joint, 0.25, face), 0, 1)


def cells(rng: np.random.Generator) -> Any:
    """Return bright cells with grain on a dark ground, in [0, 1]."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    field = np.full((_SIDE, _SIDE), 0.03)
    grain = ndimage.gaussian_filter(rng.standard_normal((_SIDE, _SIDE)), 1) / 0.28
    for _ in range(30):
        y, x = rng.uniform(15, _SIDE - 15, 2)
        here = np.hypot(rows - y, columns - x) < rng.uniform(8, 14)
        field[here] = np.clip(rng.uniform(0.4, 0.8) * (1 + 0.25 * grain[here]), 0, 1)
    return field


def fibres(rng: np.random.Generator) -> Any:
    """Return thin bright lines, in [0, 1]."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    field = np.full((_SIDE, _SIDE), 0.05)
    for _ in range(25):
        angle, away = rng.uniform(0, np.pi), rng.uniform(-_SIDE / 2, _SIDE / 2)
        distance = (rows - _SIDE / 2) * np.cos(angle) + (columns - _SIDE / 2) * np.sin(angle) - away
        field = np.maximum(field, rng.uniform(0.4, 0.9) * np.exp(-((distance / 1.2) ** 2)))
    return field


def leaves(rng: np.random.Generator) -> Any:
    """Return discs of all sizes that cover each other, in [0, 1]."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    field = np.full((_SIDE, _SIDE), 0.5)
    for _ in range(500):
        y, x = rng.uniform(0, _SIDE, 2)
        field[np.hypot(rows - y, columns - x) < 4 / rng.uniform(0.08, 1)] = rng.uniform(0.1, 0.9)
    return field


def tissue(rng: np.random.Generator) -> Any:
    """Return a texture with detail at every scale, in [0, 1]."""
    field = sum(
        ndimage.gaussian_filter(rng.standard_normal((_SIDE, _SIDE)), scale) * scale for scale in (0.6, 1.2, 2.5, 5, 10)
    )
    return np.clip(0.5 + 0.16 * field / field.std(), 0, 1)


TEXTURES = (beads, bricks, cells, fibres, leaves, tissue)


def light_of(sharp: Any, height: Any) -> Any:
    """Return the light of the slices, float (Z, H, W), of a thin specimen at some height in slices, or at several."""
    light = []
    for z in range(_SLICES):
        radius = np.broadcast_to(_PER_SLICE * np.abs(z - height), sharp.shape).astype(np.float32)
        light.append(simulate_blur(sharp.astype(np.float32), radius))
    return np.maximum(light, 0)


def counted(light: Any, electrons: float, rng: np.random.Generator) -> Any:
    """Return what a camera counts of light in [0, 1] whose 1 is so many electrons, uint16."""
    counts = _OFFSET + rng.poisson(electrons * light) + rng.normal(0, _READ, light.shape)
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)


def stacks() -> Any:
    """Yield name, true slice (None for none) and stack, uint16 (Z, H, W)."""
    truths = (3, 7, 5, 10, 4, 8)
    for place, (texture, truth) in enumerate(zip(TEXTURES, truths, strict=True)):
        light = light_of(texture(np.random.default_rng(place)), truth)
        for electrons in (5000, 50):
            yield f"{texture.__name__}, {electrons} electrons", truth, counted(light, electrons, _rng(place, electrons))
    for texture, truth in ((tissue, 7), (cells, 7)):
        name = texture.__name__
        light = light_of(texture(np.random.default_rng(11)), truth)
        rng = np.random.default_rng(12)
        flicker = rng.uniform(0.7, 1.3, (_SLICES, 1, 1))
        yield f"{name}, flicker of 30 %", truth, counted(light * flicker, 1000, rng)
        drifted = np.stack([np.roll(plane, (z, 2 * z), (0, 1)) for z, plane in enumerate(light)])
        yield f"{name}, drift of 2 px a slice", truth, counted(drifted, 1000, rng)
        fading = np.exp(-np.arange(_SLICES) / 6)[:, None, None]
        yield f"{name}, bleaching to {fading[-1, 0, 0]:.0%}", truth, counted(light * fading, 1000, rng)
        noisy = counted(light, 1000, rng)
        noisy[2] = counted(np.full_like(light[2], 1.5 * light.mean()), 1000, rng)
        yield f"{name}, slice 2 nothing but noise", truth, noisy
        dark = counted(light, 1000, rng)
        dark[2] = counted(np.zeros_like(light[2]), 1000, rng)
        yield f"{name}, slice 2 dark", truth, dark
    yield "nothing but noise, 50 electrons", None, counted(np.full(light.shape, 0.5), 50, np.random.default_rng(13))
    yield "dark", None, counted(np.zeros(light.shape), 50, np.random.default_rng(14))


def _rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def normalised_variance(stack: Any) -> int:
    """Return the slice of the largest variance by mean."""
    values = stack.astype(float)
    return int((values.var(axis=(1, 2)) / values.mean(axis=(1, 2))).argmax())


def laplacian(stack: Any) -> int:
    """Return the slice with the most energy of the Laplacian."""
    return int(np.argmax([(ndimage.laplace(plane.astype(float)) ** 2).mean() for plane in stack]))


def cells_at_heights(electrons: float) -> tuple[Any, Any, Any]:
    """Return a stack of 25 cells, each thin and at its own height, those heights in slices, and where cells are."""
    rng = np.random.default_rng(21)
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    grain = ndimage.gaussian_filter(rng.standard_normal((_SIDE, _SIDE)), 1) / 0.28
    light = np.full((_SLICES, _SIDE, _SIDE), 0.03)
    height, inside = np.full((_SIDE, _SIDE), np.nan), np.zeros((_SIDE, _SIDE), bool)
    side = round(_CELLS**0.5)
    for place in range(_CELLS):
        y, x = (np.array(divmod(place, side)) + 0.5) * _SIDE / side + rng.uniform(-8, 8, 2)
        here = np.hypot(rows - y, columns - x) < rng.uniform(9, 14)
        sharp = np.where(here, np.clip(rng.uniform(0.4, 0.8) * (1 + 0.25 * grain), 0, 1), 0)
        at = rng.uniform(2, _SLICES - 3)
        light += light_of(sharp, at)
        height[here], inside = at, inside | here
    return counted(light, electrons, rng), height, inside


def ours(stack: Any, spacing: Any = "auto") -> Any:
    """Return what Focus over z says of a stack, measured at every so many px."""
    from defocus.parameters import AnalysisParameters
    from defocus.stack import focus_over_z

    return focus_over_z(stack, AnalysisParameters(spacing=spacing))


def _word(slice_: int | None) -> str:
    return "none" if slice_ is None else str(slice_)


def main() -> None:
    """Print the tables."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    print("| stack | in focus | here | confidence | normalised variance | Laplacian | time here, s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    behind = 0
    for name, truth, stack in stacks():
        begin = time.perf_counter()
        found = ours(stack, 16).curve
        seconds = time.perf_counter() - begin
        others = normalised_variance(stack), laplacian(stack)
        right = found.sharpest == truth
        behind += not right and truth in others
        here = f"{_word(found.sharpest)}{'' if right else ' **wrong**'} | {found.confidence:.2f}"
        print(f"| {name} | {_word(truth)} | {here} | {others[0]} | {others[1]} | {seconds:.1f} |", flush=True)
    print(f"\nstacks in which another is right and this is not: {behind}\n")
    print("| 25 cells | height error, slices, median and 95 %: here / Laplacian | known |")
    print("| --- | --- | --- |")
    for electrons in (5000, 500, 50):
        stack, height, inside = cells_at_heights(electrons)
        found = ours(stack)
        energy = [ndimage.gaussian_filter(ndimage.laplace(plane.astype(np.float32)) ** 2, 3) for plane in stack]
        away = [np.abs(one - height)[inside] for one in (found.heights, np.argmax(energy, axis=0))]
        numbers = " / ".join("{:.2f} {:.2f}".format(*np.percentile(one, (50, 95))) for one in away)
        print(f"| {electrons} electrons | {numbers} | {found.known[inside].mean():.0%} |", flush=True)


if __name__ == "__main__":
    main()
