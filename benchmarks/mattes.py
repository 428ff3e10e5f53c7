"""Compare the suite's soft edge with GIMP's own Foreground Extraction, on pictures whose opacity is known.

    python benchmarks/mattes.py

A star of gravel or of a flower's petals, in focus, lies before blurred grass, opaque with an edge that is hard, soft
or made of fine strands. In a real GIMP, Add In-Focus Mask finds the boundary; then either the suite makes the edge, as
wide as softness says, or GIMP's Foreground Extraction does, in a band that wide. Prints the mean absolute error of the
opacity, in hundredths, within 12 px of where it is neither 0 nor 1, and the seconds of the whole call.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.gimp import PROJECT, module
from benchmarks.pictures import SAMPLES

EDGES = ("hard", "soft", "strands")
FRONTS = ("gravel", "petals")
WAYS = ("hard", "own-4", "extract-4", "own-8", "extract-8")
NEAR = 12  # px


def texture(name):
    return np.asarray(Image.open(SAMPLES / name).convert("RGB"), float) / 255


def opacity(edge, shape, random):
    """How opaque the star is, at every pixel."""
    y, x = np.indices(shape) / shape[0] - [[[0.5]], [[0.72]]]
    angle, distance = np.arctan2(y, x), np.hypot(y, x)
    star = (distance < 0.3 * (1 + 0.25 * np.cos(5 * angle))).astype(float)
    if edge == "soft":
        return ndimage.gaussian_filter(star, 2.0)
    if edge == "strands":
        lines = np.zeros(shape)
        for _ in range(260):
            turn = random.uniform(-np.pi, np.pi)
            out = 0.3 * (1 + 0.25 * np.cos(5 * turn)) + np.linspace(-0.03, random.uniform(0.01, 0.03), 60)
            bent = turn + np.linspace(0, random.uniform(-0.05, 0.05), 60)
            rows = np.rint((0.5 + out * np.sin(bent)) * shape[0]).astype(int)
            columns = np.rint((0.72 + out * np.cos(bent)) * shape[0]).astype(int)
            lines[rows.clip(0, shape[0] - 1), columns.clip(0, shape[1] - 1)] = 1
        return np.maximum(star, np.minimum(1, 1.6 * ndimage.gaussian_filter(lines, 0.6)))
    return star


def scene(front, edge, random):
    """Return a picture and the opacity it was made with."""
    grass = texture("grass.png")
    behind = ndimage.gaussian_filter(grass, (3, 3, 0)) * (0.75, 0.95, 0.7)
    height, width = behind.shape[:2]
    if front == "gravel":
        before = texture("gravel.png")[:height, :width] * (1, 0.9, 0.8)
    else:
        petals = texture("flower.jpg")[120:320, 190:430]
        before = np.tile(np.concatenate([petals, petals[:, ::-1]], 1), (2, 2, 1))[:height, :width]
    alpha = opacity(edge, behind.shape[:2], random)
    picture = alpha[..., None] * before + (1 - alpha[..., None]) * behind + random.normal(0, 0.004, behind.shape)
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8), alpha


def main():
    conftest = module("gimp_conftest", PROJECT / "tests" / "gimp" / "conftest.py")
    random = np.random.default_rng(11)
    with tempfile.TemporaryDirectory() as temporary:
        gimp = conftest.installed_gimp(Path(temporary))
        truths = {}
        for front in FRONTS:
            for edge in EDGES:
                picture, truths[f"{front}-{edge}"] = scene(front, edge, random)
                Image.fromarray(picture).save(gimp.folder / f"{front}-{edge}.png")
        batch = conftest.Batch(gimp, "mattes", timeout=400, DEFOCUS_MATTES=" ".join(truths))
        failed = {name: check["error"] for name, check in batch.checks.items() if "error" in check}
        if failed:
            sys.exit(json.dumps(failed, indent=1))
        print(f"{'':18}" + "".join(f"{way:>12}" for way in WAYS))
        errors, seconds = [], []
        for name, truth in truths.items():
            near = ndimage.binary_dilation((truth > 0.02) & (truth < 0.98) | _edges(truth > 0.5), iterations=NEAR)
            masks = [conftest.read_xcf(gimp.folder / f"{name}-{way}.xcf").layers[0].mask / 255 for way in WAYS]
            errors.append([100 * np.abs(mask - truth)[near].mean() for mask in masks])
            seconds.append([batch.checks[f"{name} {way.replace('-', ' ')}"]["seconds"] for way in WAYS])
            print(f"{name:18}" + "".join(f"{error:12.2f}" for error in errors[-1]))
        print(f"{'mean':18}" + "".join(f"{error:12.2f}" for error in np.mean(errors, 0)))
        print(f"{'seconds':18}" + "".join(f"{time:12.2f}" for time in np.mean(seconds, 0)))


def _edges(mask):
    return ndimage.binary_dilation(mask) & ~mask


if __name__ == "__main__":
    main()
