"""Focus over z beside the simplest: composite, height and time, for stacks whose heights are known.

``python -m benchmarks.stack`` prints a row for each of a plane, steps and sparse cells, as they are, with an offset and
with hot pixels. The simplest takes, at every pixel, the slice with the most energy of the Laplacian around it, and the
vertex of a parabola for the height between slices.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from scipy import ndimage

from defocus.effects.focus_stack import composite
from defocus.psf.simulation import simulate_blur

_SIDE, _SLICES, _PER_SLICE = 512, 15, 0.8  # px, and px of radius for each slice
_NOISE = 0.004


def texture(rng: np.random.Generator) -> Any:
    """Return a texture as photographs have it, in [0, 1]."""
    field = sum(
        ndimage.gaussian_filter(rng.standard_normal((_SIDE, _SIDE)), scale) * scale
        for scale in (0.6, 1.2, 2.5, 5, 10, 20)
    )
    return np.clip(0.5 + 0.16 * field / field.std(), 0, 1)


def _cells(rng: np.random.Generator, count: int) -> tuple[Any, Any, Any]:
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    sharp, height = np.full((_SIDE, _SIDE), 0.03), np.full((_SIDE, _SIDE), 7.0)
    inside = np.zeros((_SIDE, _SIDE), bool)
    grain = ndimage.gaussian_filter(rng.standard_normal((_SIDE, _SIDE)), 1)
    grain /= grain.std()
    for _ in range(count):
        y, x = rng.uniform(12, _SIDE - 12, 2)
        here = np.hypot(rows - y, columns - x) < rng.uniform(6, 10)
        if inside[ndimage.binary_dilation(here, iterations=6)].any():
            continue
        inside |= here
        sharp[here] = np.clip(rng.uniform(0.4, 0.8) * (1 + 0.3 * grain[here]), 0, 1)
        # The dark around a cell is blurred with it
        height[ndimage.binary_dilation(here, iterations=14) & ~inside | here] = rng.uniform(2, 12)
    return sharp, height, inside


def scene(name: str) -> tuple[Any, Any, Any]:
    """Return the sharp picture, its height in slices, and where that is asked for."""
    rng = np.random.default_rng(4)
    everywhere = np.ones((_SIDE, _SIDE), bool)
    if name == "plane":
        return texture(rng), np.broadcast_to(np.linspace(2, 12, _SIDE), (_SIDE, _SIDE)), everywhere
    if name == "steps":
        return texture(rng), np.repeat([3.0, 9.0, 5.0, 11.0], _SIDE // 4) * np.ones((_SIDE, 1)), everywhere
    return _cells(rng, int(name.split()[0]))


def stack_of(sharp: Any, height: Any) -> Any:
    """Return the slices, uint16."""
    rng = np.random.default_rng(5)
    slices = []
    for z in range(_SLICES):
        radius = (_PER_SLICE * np.abs(z - height)).astype(np.float32)
        slices.append(simulate_blur(sharp.astype(np.float32), radius) + rng.normal(0, _NOISE, sharp.shape))
    return np.rint(4000 * np.clip(slices, 0, 1)).astype(np.uint16)


def guise(stack: Any, name: str) -> Any:
    """Return the same stack with an offset or hot pixels."""
    if name == "+ offset":
        return stack + np.uint16(10_000)
    if name == "+ hot pixels":
        hot = stack.copy()
        hot[:, np.random.default_rng(6).random(stack.shape[1:]) < 1e-4] = 65535
        return hot
    return stack


def simplest(stack: Any) -> tuple[Any, Any]:
    """Return composite and height by the energy of the Laplacian."""
    energy = np.stack([ndimage.gaussian_filter(ndimage.laplace(values.astype(np.float32)) ** 2, 3) for values in stack])
    best = energy.argmax(axis=0)
    inner = np.clip(best, 1, len(stack) - 2)
    left, middle, right = (np.take_along_axis(energy, inner[None] + t, axis=0)[0] for t in (-1, 0, 1))
    bend = left - 2 * middle + right
    height = np.where(
        best == inner, inner + np.clip(0.5 * (left - right) / np.where(bend < 0, bend, -1), -0.5, 0.5), best
    )
    return composite(stack, best), height


def ours(stack: Any) -> tuple[Any, Any]:
    """Return composite and height of Focus over z."""
    from napari.layers import Image

    from napari_defocus import focus_over_z_layers

    picture, height = focus_over_z_layers(Image(stack))
    return picture[0], height[0]


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    small = stack_of(*scene("plane")[:2])[:3, :64, :64]
    ours(small)  # compiles
    print("| stack | composite dB: ours / simplest | height error, slices, median and 95 %: ours / simplest | time s |")
    print("| --- | --- | --- | --- |")
    for name in ("plane", "steps", "35 cells", "145 cells"):
        sharp, height, asked = scene(name)
        plain = stack_of(sharp, height)
        for change in ("", "+ offset", "+ hot pixels"):
            stack = guise(plain, change)
            row = []
            for method in (ours, simplest):
                begin = time.perf_counter()
                picture, found = method(stack)
                seconds = time.perf_counter() - begin
                shift = 10_000 if change == "+ offset" else 0
                error = (picture.astype(float) - shift) / 4000 - sharp
                error = error[~(picture == 65535)]
                away = np.abs(found - height)[asked]
                row.append((-10 * np.log10((error**2).mean()), *np.percentile(away, (50, 95)), seconds))
            (db, middle, most, time_), (db2, middle2, most2, time2) = row
            print(
                f"| {name} {change} | {db:.1f} / {db2:.1f} | {middle:.2f} {most:.2f} / {middle2:.2f} {most2:.2f} | "
                f"{time_:.2f} / {time2:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
