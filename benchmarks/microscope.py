"""A check against physics: what is measured of beads and cells over z, as a wide-field microscope shows them.

``python -m benchmarks.microscope -o docs/images`` simulates the stacks, draws ``microscope.png`` and prints slopes,
scatter and what a calibration by the beads makes of the cells. The point spread functions are those of Gibson and Lanni
(1992), by the library psfmodels; photons are counted, and the camera reads them with noise.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage, signal

import defocus
from defocus.depth import DepthScale, bead_radii, depth_scale

_SIDE = 320  # px
_KERNEL = 161  # px
_BEAD = 2.0  # px, diameter
_BAND = (-0.03, -0.015, 0.0, 0.015, 0.03)  # um, about the middle wavelength: a filter of 60 nm
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)  # in depths of field of the objective


@dataclass(frozen=True)
class Objective:
    """One objective in air with a camera; `pixel` and `wavelength` in um."""

    name: str
    aperture: float
    pixel: float
    wavelength: float = 0.52

    @property
    def geometric(self) -> float:
        """Radius in px of the cone of light for each um of defocus."""
        return math.tan(math.asin(self.aperture)) / self.pixel

    @property
    def half_light(self) -> float:
        """The same by the cone that half of the light is in, which is brighter in its middle than a disc."""
        return math.sqrt(2) * math.tan(math.asin(self.aperture / math.sqrt(2))) / self.pixel

    @property
    def depth_of_field(self) -> float:
        """In um."""
        return self.wavelength / self.aperture**2

    def kernels(self, positions: Any) -> Any:
        """Return the point spread function at each position in um."""
        import psfmodels

        found = sum(
            psfmodels.make_psf(
                np.asarray(positions, float), nx=_KERNEL, dxy=self.pixel, NA=self.aperture, wvl=wavelength,
                ni=1.0, ni0=1.0, pz=0.0, model="scalar",
            )
            for wavelength in self.wavelength + np.array(_BAND)
        )  # fmt: skip
        return found / found.sum(axis=(1, 2), keepdims=True)


OBJECTIVES = (Objective("20x / 0.8", 0.8, 0.325), Objective("10x / 0.45", 0.45, 0.65))


def beads(rng: np.random.Generator) -> Any:
    """Return points of light, far enough from each other and from the border."""
    field = np.zeros((_SIDE, _SIDE))
    for row in range(40, _SIDE - 30, 48):
        for column in range(40, _SIDE - 30, 48):
            field[row + rng.integers(-6, 7), column + rng.integers(-6, 7)] = rng.uniform(0.6, 1)
    rows, columns = np.mgrid[-3:4, -3:4]
    return signal.fftconvolve(field, np.clip(_BEAD / 2 + 0.5 - np.hypot(rows, columns), 0, 1), mode="same")


def cells(rng: np.random.Generator) -> Any:
    """Return nuclei with chromatin."""
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    field = np.zeros((_SIDE, _SIDE))
    for _ in range(22):
        y, x = rng.uniform(20, _SIDE - 20, 2)
        long, short, turn = rng.uniform(11, 15), rng.uniform(8, 11), rng.uniform(0, np.pi)
        along = (columns - x) * np.cos(turn) + (rows - y) * np.sin(turn)
        across = -(columns - x) * np.sin(turn) + (rows - y) * np.cos(turn)
        field = np.maximum(field, ((along / long) ** 2 + (across / short) ** 2 < 1) * rng.uniform(0.5, 1))
    grain = ndimage.gaussian_filter(rng.standard_normal(field.shape), 1)
    return field * np.clip(1 + 0.4 * grain / grain.std(), 0.1, None)


SPECIMENS = {"beads": (beads, 30_000), "cells": (cells, 900)}  # and how many photons a pixel of value 1 has


def counts(field: Any, kernel: Any, photons: float, rng: np.random.Generator) -> Any:
    """Return what a camera counts, uint16."""
    light = np.maximum(signal.fftconvolve(field, kernel, mode="same"), 0) * photons
    return np.clip(np.rint(100 + 0.5 * rng.poisson(10 + light) + rng.normal(0, 1.5, light.shape)), 0, 65535).astype(
        np.uint16
    )


def radius_of(picture: Any) -> float:
    """Return the median radius in px of a map where it has evidence; NaN where it has none."""
    analysis = defocus.analyze(picture, kind="fluorescence")
    return float(np.median(analysis.blur_map()[analysis.known])) if analysis.known.any() else math.nan


def measured(objective: Objective, specimen: str, repeats: int) -> tuple[Any, Any]:
    """Return positions in um and radii in px, (repeats, positions)."""
    positions = np.array(_STEPS) * objective.depth_of_field
    kernels = objective.kernels(positions)
    make, photons = SPECIMENS[specimen]
    radii = np.empty((repeats, len(positions)))
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        field = make(rng)
        stack = np.stack([counts(field, kernel, photons, rng) for kernel in kernels])
        radii[repeat] = bead_radii(stack) if specimen == "beads" else [radius_of(values) for values in stack]
    return positions, radii


def main() -> None:
    """Print the table and draw the plot."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images"))
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    figure, axes = plt.subplots(1, len(OBJECTIVES), figsize=(9, 3.8), layout="constrained")
    print("| objective | specimen | cone px/um | half of it | measured px/um | in focus px | scatter px | rises from |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    rows: list[tuple[str, Any, Any]] = []
    for objective, axis in zip(OBJECTIVES, axes, strict=True):
        scales: dict[str, DepthScale] = {}
        for specimen, color in zip(SPECIMENS, ("tab:blue", "tab:orange"), strict=True):
            positions, radii = measured(objective, specimen, chosen.repeats)
            scale = scales[specimen] = depth_scale(
                np.tile(positions, (len(radii), 1)).ravel(), radii.ravel(), focus=0.0
            )
            middle = np.nanmedian(radii, axis=0)
            falls = np.flatnonzero(np.diff(middle) < 0)
            rises = positions[falls[-1] + 1] if len(falls) else 0.0
            print(
                f"| {objective.name} | {specimen} | {objective.geometric:.2f} | {objective.half_light:.2f} | "
                f"{scale.px_per_um:.2f} | {scale.in_focus_px:.2f} | {scale.scatter_px:.2f} | {rises:.2f} um |",
                flush=True,
            )
            rows.append((f"{objective.name} {specimen}", positions, middle))
            for line in radii:
                axis.plot(positions, line, ".", color=color, alpha=0.5)
            fine = np.linspace(0, positions[-1], 100)
            axis.plot(fine, scale.radius(fine), color=color, label=f"{specimen}: {scale.px_per_um:.2f} px/µm")
        axis.plot(positions, objective.geometric * positions, "k:", label=f"geometric: {objective.geometric:.2f} px/µm")
        axis.set(xlabel="defocus (µm)", ylabel="measured radius (px)", title=objective.name)
        axis.legend()
    for name, positions, middle in rows:
        print(f"{name}: " + ", ".join(f"{z:.2f} um {radius:.1f}" for z, radius in zip(positions, middle, strict=True)))
    chosen.output.mkdir(parents=True, exist_ok=True)
    figure.savefig(chosen.output / "microscope.png", dpi=110)


if __name__ == "__main__":
    main()
