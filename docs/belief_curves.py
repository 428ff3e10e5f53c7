"""Plot how the belief changes with the numbers that weigh most into docs/images/belief-curves.png.

Partial dependence (Friedman 2001): the mean belief of some samples if one of their numbers were another, the rest as
they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import defocus
from defocus.belief.names import CONTEXT_NUMBERS, LOCAL_NUMBERS
from defocus.belief.numbers import local_numbers
from defocus.belief.surroundings import context_numbers
from defocus.belief.texture import local_texture
from defocus.belief.trees import Trees, read_table, sum_of_trees
from defocus.estimate.measured import Measured

SHOWN = 12  # of each pass
SAMPLES, STEPS = 1500, 24
PICTURES = "flower.jpg", "coffee.jpg", "china.jpg"
FOLDER = Path(__file__).resolve().parents[1] / "sample_data"


def numbers_of_pictures(first: Trees) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the first pass, and of the second, of some samples: float32 (F, 1, N)."""
    rng = np.random.default_rng(0)
    local, both = [], []
    for name in PICTURES:
        picture = defocus.load_image(FOLDER / name)
        evidence = defocus.analyze(picture).evidence
        measured = Measured(picture, evidence)
        color = measured.sample_color
        texture = local_texture(picture.luminance, evidence.spacing)
        planes = local_numbers(evidence, texture, color, measured.voted, picture.shape)
        context = context_numbers(sum_of_trees(first, planes), color)
        some = rng.choice(color.shape[0] * color.shape[1], SAMPLES // len(PICTURES), replace=False)
        local.append(planes.reshape(len(planes), -1)[:, some])
        both.append(np.concatenate([context, planes]).reshape(-1, color.shape[0] * color.shape[1])[:, some])
    return tuple(np.ascontiguousarray(np.concatenate(part, axis=1))[:, np.newaxis] for part in (local, both))


def dependence(trees: Trees, planes: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of a number, and the mean belief at each, less their mean."""
    values = np.unique(np.nanquantile(planes[number], np.linspace(0.02, 0.98, STEPS)))
    changed = planes.copy()
    found = []
    for value in values:
        changed[number] = value
        found.append(sum_of_trees(trees, changed).mean())
    return values, np.array(found) - np.mean(found)


def main() -> None:
    passes = read_table()
    figure = Figure(figsize=(13, 8.5), layout="constrained")
    axes = figure.subplots(4, 6)
    names = LOCAL_NUMBERS, (*CONTEXT_NUMBERS, *LOCAL_NUMBERS)
    for lines, trees, named, planes, title in zip(
        (axes[:2], axes[2:]), passes, names, numbers_of_pictures(passes[0]), ("first pass", "second pass"), strict=True
    ):
        curves = {name: dependence(trees, planes, k) for k, name in enumerate(named)}
        chosen = sorted(curves, key=lambda name: -np.ptp(curves[name][1]))[:SHOWN]
        for axis, name in zip(lines.ravel(), chosen, strict=True):
            axis.plot(*curves[name], color="#d1495b")
            axis.axhline(0, color="#888888", linewidth=0.6)
            axis.set_title(f"{title}: {name}", fontsize=8)
            axis.tick_params(labelsize=7)
        lines[0, 0].set_ylabel("log-odds", fontsize=8)
        lines[1, 0].set_ylabel("log-odds", fontsize=8)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    figure.savefig(folder / "belief-curves.png", dpi=90)


if __name__ == "__main__":
    main()
