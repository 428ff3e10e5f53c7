"""Fluorescence: what fields of a folder read, taken for fluorescence and as any other grey picture.

``python -m benchmarks.fluorescence FOLDER`` prints a row for each picture; with ``../shared`` beside the project the
folder is that of its fields, half of them far out of focus. ``--ground`` prints how much of simulated nuclei,
cells and beads is in focus, sharp and blurred, and how much of the ground, with ever more light that is uneven.
``--apart`` prints how far off radii are where cells lie at depths of their own, or quarters of a field do, measured in
one piece and in blocks.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

import defocus
from benchmarks import shapes

_CELL = 61  # px, side of the square that holds a cell
_BLOCK = 512  # px

_WAYS = {
    "as any grey picture (disc)": {"kind": "brightfield", "psf": "disc", "max_radius": 8},
    "fluorescence, up to 8 px": {"kind": "fluorescence", "max_radius": 8},
    "by itself (auto)": {},
}


def row(file: Path, **changes: object) -> str:
    """Return what one picture reads: its radius and what is in focus, of what has evidence."""
    analysis = defocus.analyze(defocus.load_image(file), **changes)  # type: ignore[arg-type]
    radius, mask, known = analysis.blur_map(), analysis.focus_mask(), analysis.known
    if not known.any():
        return "nothing known"
    low, middle, high = np.percentile(radius[known], (5, 50, 95))
    confidence = analysis.confidence
    beside = f"{confidence[~known].mean():.2f}" if not known.all() else "-"
    return (
        f"{middle:.1f} ({low:.1f} to {high:.1f}) | {known.mean():.0%} | {mask[known].mean():.0%} | "
        f"{confidence[known].mean():.2f} / {beside} | {analysis.max_radius:g}"
    )


def uneven_light(field: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Return light that varies over far more than a window, of the field's shape, from 0 to 1, by its name."""
    kinds = {
        "haze": ndimage.gaussian_filter(rng.standard_normal(field.shape), 40),
        "gradient": np.linspace(0, 1, field.shape[1]) * np.ones(field.shape),
        "glow": ndimage.gaussian_filter(field, 25),
    }
    return {name: (light - light.min()) / np.ptp(light) for name, light in kinds.items()}


def uneven_grounds() -> None:
    """Print which part of bodies and of the ground is in focus: haze, a gradient, and the bodies' own glow."""
    print("| specimen | light of the ground, of the peak | sharp: bodies / ground | blurred by 6 px: bodies / ground |")
    print("| --- | --- | --- | --- |")
    wrong = []
    for name in ("nuclei", "cells", "beads"):
        rng = np.random.default_rng(3)
        field = shapes.KINDS[name](rng)
        field /= field.max()
        body = ndimage.gaussian_filter(field, 1) > 0.15
        away = ~ndimage.binary_dilation(body, iterations=8)
        uneven = uneven_light(field, rng)
        grounds = [("none", 0.0), *((kind, share) for kind in uneven for share in (0.05, 0.2, 0.5))]
        for kind, share in grounds:
            ground = share * uneven[kind] if share else 0.0
            cells = []
            for deviation in (0.5, 3.0):
                light = ndimage.gaussian_filter(field, deviation)
                counts = rng.poisson(3000 * (light / light.max() + ground) + 100) + rng.normal(0, 2, field.shape)
                mask = defocus.focus_mask(counts.clip(0).astype(np.uint16), kind="fluorescence")
                inside, outside = float(mask[body].mean()), float(mask[away].mean())
                wrong += [abs(inside - (deviation < 1)), outside]
                cells.append(f"{inside:.2f} / {outside:.2f}")
            print(f"| {name} | {kind}{f', {share:g}' if share else ''} | {cells[0]} | {cells[1]} |", flush=True)
    print(f"wrong on average: {np.mean(wrong):.4f}")


def _cell(rng: np.random.Generator) -> Any:
    """Return one textured cell."""
    rows, columns = np.mgrid[:_CELL, :_CELL] - _CELL // 2
    (long, short), turn = rng.uniform(8, 22, 2), rng.uniform(0, np.pi)
    along, across = columns * np.cos(turn) + rows * np.sin(turn), rows * np.cos(turn) - columns * np.sin(turn)
    body = np.clip((1 - np.hypot(along / long, across / short)) * 8, 0, 1)
    grain = ndimage.gaussian_filter(rng.standard_normal(body.shape), 1.2)
    return body * (1 + 0.35 * grain / grain.std()).clip(0.2) * rng.uniform(0.5, 1)


def cells(side: int, apart: int, rng: np.random.Generator) -> Any:
    """Return cells (side, side), one for each square of `apart` px."""
    field, half = np.zeros((side, side)), _CELL // 2
    for _ in range(side**2 // apart**2):
        y, x = rng.integers(half + 5, side - half - 5, 2)
        part = field[y - half : y + half + 1, x - half : x + half + 1]
        np.maximum(part, _cell(rng), out=part)
    return field


def soft(field: Any, radius: float) -> Any:
    """Return a field blurred by a Gaussian of a radius in px, or as sharp as a lens draws it."""
    return ndimage.gaussian_filter(field, radius / 2 if radius else 0.3)


def quarters_apart(side: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return a field whose quarters are blurred by 0, 2, 4 and 7 px, and these radii."""
    sharp, radii = cells(side, 77, rng), np.array([0.0, 2, 4, 7])
    truth = np.ones((side, 1)) * radii[np.arange(side) * 4 // side]
    return sum(soft(sharp, radius) * (truth == radius) for radius in radii), truth


def cells_apart(side: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return a field of which each cell is blurred by 0, 1.5, 3, 5 or 8 px, and the radius of the brightest there."""
    radii = (0.0, 1.5, 3.0, 5.0, 8.0)
    depths = np.array([soft(cells(side, 210, rng), radius) for radius in radii])
    return depths.sum(axis=0), np.array(radii)[depths.argmax(axis=0)]


def depths_apart() -> None:
    """Print how far off radii are of fields that hold several depths, and how much blocks differ from one piece."""
    from defocus.dask import blur_map

    print(
        "| field | px | electrons | mean error of log(radius + 0.3) | in blocks | differ, px | known as in one piece |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    errors = []
    for name, made in (("quarters", quarters_apart), ("cells", cells_apart)):
        for side in (700, 1600):
            for electrons in (2000, 200, 50):
                rng = np.random.default_rng(side + electrons)
                light, truth = made(side, rng)
                dark = max(20, electrons / 100)
                counts = rng.poisson(electrons * light / 2 + dark) + rng.normal(100, 2, light.shape)
                counts = counts.clip(0).astype(np.uint16)
                analysis = defocus.analyze(counts, kind="fluorescence")
                whole = analysis.blur_map(unknown="nan")
                blocks = blur_map(
                    counts, block=_BLOCK, kind="fluorescence", unknown="nan", max_radius=analysis.max_radius
                ).compute()  # fmt: skip
                known, here = np.isfinite(whole), np.isfinite(blocks)
                both = known & here
                one, other = (np.abs(np.log((x + 0.3) / (truth + 0.3)))[both].mean() for x in (whole, blocks))
                errors.append(one)
                print(
                    f"| {name} | {side} | {electrons} | {one:.3f} | {other:.3f} | "
                    f"{np.abs(whole - blocks)[both].mean():.3f} | {(known == here).mean():.2%} |",
                    flush=True,
                )
    print(f"mean error: {np.mean(errors):.3f}")


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ground", action="store_true", help="simulated fields on an uneven ground instead")
    parser.add_argument("--apart", action="store_true", help="simulated fields of several depths instead")
    shared = Path(__file__).parents[2] / "shared" / "data" / "microscopy_dev"
    parser.add_argument("folder", type=Path, nargs="?", default=shared)
    given = parser.parse_args()
    if given.ground:
        uneven_grounds()
        return
    if given.apart:
        depths_apart()
        return
    files = sorted(file for file in given.folder.iterdir() if file.suffix in (".png", ".tif"))
    print(
        "| picture | taken | radius in px (5 to 95 %) | with evidence | of that in focus | confidence there / else "
        "| largest px |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for file in files:
        for name, changes in _WAYS.items():
            print(f"| {file.stem} | {name} | {row(file, **changes)} |", flush=True)


if __name__ == "__main__":
    main()
