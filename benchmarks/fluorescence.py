"""Fluorescence: what fields of a folder read, taken for fluorescence and as any other grey picture.

``python -m benchmarks.fluorescence FOLDER`` prints a row for each picture; with ``../shared`` beside the project the
folder is that of its fields, half of them far out of focus. ``--ground`` prints how much of simulated nuclei,
cells and beads is in focus, sharp and blurred, and how much of the ground, with ever more light that is uneven.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

import defocus
from benchmarks import shapes

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


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ground", action="store_true", help="simulated fields on an uneven ground instead")
    shared = Path(__file__).parents[2] / "shared" / "data" / "microscopy_dev"
    parser.add_argument("folder", type=Path, nargs="?", default=shared)
    given = parser.parse_args()
    if given.ground:
        uneven_grounds()
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
