"""Disc or Gaussian: how often the blur's shape is told rightly in fluorescence, and what it does to the radius.

``python -m benchmarks.shapes [FOLDER]`` blurs simulated fields of textured nuclei, of cells and of beads by discs and
by Gaussians of known radius, counts photons, and prints a row for each kind of field, shape and radius: what was
told, how much better a disc explains a window, and the median error of the radius by a Gaussian always, by what is
told, and by the true shape. Fields of FOLDER, where it is given or ``../shared`` lies beside the project, are listed
after them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage, signal

import defocus
from defocus.psf import as_psf

if TYPE_CHECKING:
    from collections.abc import Iterator

_RADII = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
_FIELDS = 3
_SIDE = 360


def nuclei(rng: np.random.Generator) -> Any:
    """Return textured discs on a dark ground, (360, 360), the brightest about 1."""
    field = np.zeros((_SIDE, _SIDE))
    y, x = np.mgrid[:_SIDE, :_SIDE]
    for _ in range(34):
        row, column = rng.uniform(15, _SIDE - 15, 2)
        field[(y - row) ** 2 + (x - column) ** 2 < rng.uniform(6, 13) ** 2] = rng.uniform(0.4, 1)
    grain = ndimage.gaussian_filter(rng.standard_normal(field.shape), rng.uniform(0.6, 1.6))
    return field * np.clip(1 + rng.uniform(0.2, 0.6) * grain / grain.std(), 0.1, None)


def _cells(rng: np.random.Generator) -> Any:
    """Large cells with fibres."""
    y, x = np.mgrid[:_SIDE, :_SIDE]
    field = np.zeros((_SIDE, _SIDE))
    for _ in range(9):
        row, column = rng.uniform(30, _SIDE - 30, 2)
        body = ((y - row) / rng.uniform(25, 45)) ** 2 + ((x - column) / rng.uniform(25, 45)) ** 2 < 1
        angle = rng.uniform(0, np.pi)
        warp = 4 * ndimage.gaussian_filter(rng.standard_normal(field.shape), 12) * 12
        fibres = np.exp(4 * (np.cos((x * np.cos(angle) + y * np.sin(angle) + warp) / rng.uniform(0.8, 2.0)) - 1))
        field = np.where(body, rng.uniform(0.4, 1) * (0.2 + fibres), field)
    return field


def _beads(rng: np.random.Generator) -> Any:
    field = np.zeros((_SIDE, _SIDE))
    field[rng.integers(5, _SIDE - 5, 60), rng.integers(5, _SIDE - 5, 60)] = rng.uniform(0.5, 1, 60)
    return ndimage.gaussian_filter(field, 0.8)


KINDS = {"nuclei": nuclei, "cells": _cells, "beads": _beads}


def blurred(field: Any, shape: str, radius: float) -> Any:
    """Return a field, blurred by a shape of a radius in px."""
    margin = 40
    wide = np.pad(field, margin, mode="reflect")
    light = signal.fftconvolve(wide, as_psf(shape).kernel(radius), mode="same")[margin:-margin, margin:-margin]
    return np.clip(light, 0, None)


def scenes(kind: str, shape: str, radius: float) -> Iterator[Any]:
    """Yield uint16 (360, 360) counts of a camera: some fields of a kind, blurred alike."""
    for number in range(_FIELDS):
        rng = np.random.default_rng(1000 * sorted(KINDS).index(kind) + number)
        light = blurred(KINDS[kind](rng), shape, radius)
        counts = rng.poisson(rng.choice((300, 1500, 5000)) * light / light.max() + 12)
        yield (100 + counts + rng.normal(0, 1.5, light.shape)).clip(0, 65535).astype(np.uint16)


def _radius(picture: Any, psf: str) -> tuple[float, str, float]:
    """Return the median radius of what is known, the shape, and the confidence."""
    analysis = defocus.analyze(picture, kind="fluorescence", psf=psf)
    known = analysis.known
    if not known.any():
        return np.nan, "nothing known", 0.0
    radius = float(np.median(analysis.blur_map()[known]))
    return radius, str(analysis.parameters.psf), float(analysis.confidence[known].mean())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(__file__).parents[2] / "shared" / "data" / "microscopy_dev"
    parser.add_argument("folder", type=Path, nargs="?", default=shared)
    folder = parser.parse_args().folder
    print("| field | blurred by | px | told | px by a Gaussian | as told | by the true shape | confidence as told |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    errors: dict[str, list[list[float]]] = {"gaussian": [], "disc": []}
    for kind in KINDS:
        for shape in ("gaussian", "disc"):
            for radius in _RADII:
                told, rows = [], []
                for picture in scenes(kind, shape, radius):
                    always, auto = _radius(picture, "gaussian"), _radius(picture, "auto")
                    true = always if shape == "gaussian" else _radius(picture, "disc")
                    told.append(auto[1])
                    rows.append([always[0], auto[0], true[0], auto[2]])
                    errors[shape].append([abs(one[0] - radius) / radius for one in (always, auto, true)])
                means = " | ".join(f"{value:.2f}" for value in np.nanmean(rows, axis=0))
                print(f"| {kind} | {shape} | {radius:g} | {', '.join(told)} | {means} |", flush=True)
    for shape, found in errors.items():
        means = ", ".join(f"{value:.3f}" for value in np.nanmean(found, axis=0))
        print(f"mean error of the radius, a part of it, blurred by a {shape}: Gaussian, told, true shape: {means}")
    if folder.is_dir():
        for file in sorted(item for item in folder.iterdir() if item.suffix in (".png", ".tif")):
            radius, told_shape, sure = _radius(defocus.load_image(file), "auto")
            print(f"{file.stem}: {told_shape}, {radius:.2f} px, confidence {sure:.2f}", flush=True)


if __name__ == "__main__":
    main()
