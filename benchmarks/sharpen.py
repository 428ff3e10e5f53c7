"""Sharpening beside what else there is: Richardson-Lucy and Wiener by layers of radius, and GIMP's unsharp mask.

    python -m benchmarks.sharpen DATA

DATA holds `pixel4_dev` and `pixel4_sharp_dev`: photographs, and the same scenes with everything in focus. Simulated are
ramps from 0 to 8 px with noise of variance 1e-6 on three of the sample pictures, as they are and in 8 bits. One
table for each, of means over the pictures:

PSNR    gain in dB over the picture as it was, and that of the worst picture; gain and offset of each channel are
        matched to the truth first
SSIM    of the luminance, and its gain
beyond  pixels in % whose luminance lies more than 4 of 255 levels beyond all that the truth has within 3 px: rings and
        doubled contours do, what is right does not
by      levels by which the worst hundredth of the pixels lies beyond at least

All that need a blur map take the suite's own, and leave radii up to 1 px as they are. What has a number to choose is
shown with the default of its authors, and with that which gains most over all pictures of the table: better than its
users can know. The unsharp mask is that of GEGL, in linear light, and knows no map. After the CPU time of a picture
the gain of each picture follows.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.metrics import structural_similarity
from skimage.restoration import richardson_lucy, wiener

import defocus
from benchmarks.restoration import INNER, ROOT, aligned, load, matched
from defocus.pictures.picture import as_picture
from defocus.psf.families import DiscPSF
from defocus.psf.simulation import ramp, simulate_blur

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AROUND, BEYOND = 3, 4  # px, of 255 levels
LAYER = 0.5  # px from one radius to the next
UNTOUCHED = 1.0  # px, the least radius that is sharpened
ITERATIONS = (5, 15, 50)  # 50 is scikit-image's own
BALANCES = (0.01, 0.03, 0.1, 0.3)
UNSHARP = (3.0, 0.5)  # GIMP's own: standard deviation in px, amount
DEVIATIONS, AMOUNTS = (1.0, 1.5, 2.0, 3.0, 5.0), (0.5, 1.0, 1.5, 2.0, 3.0)


@dataclass
class Case:
    """A picture to sharpen: float32 (H, W, channels), what it should be, and a blur map, float32 (H, W)."""

    name: str
    picture: np.ndarray
    truth: np.ndarray
    radius: np.ndarray


def scenes(data: Path) -> Iterator[Case]:
    """Yield the photographs."""
    for file in sorted((data / "pixel4_dev" / "image").glob("*.png")):
        picture = load(file)
        truth = aligned(load(data / "pixel4_sharp_dev" / "image" / file.name), picture)
        yield Case(file.stem, picture, truth, defocus.blur_map(picture))


def ramps(*, known: bool = False, bits: bool = False) -> Iterator[Case]:
    """Yield the simulated ones, with the suite's own map or the true one, perhaps in 8 bits."""
    for name in ("grass.png", "coffee.jpg", "china.jpg"):
        sharp = defocus.load_image(ROOT / "sample_data" / name).luminance
        radius = ramp(sharp.shape)
        blurred = simulate_blur(sharp, radius, noise=1e-6).astype(np.float32)
        if not known:
            radius = defocus.analyze(blurred, noise=1e-6, sensor_blur=0.0, max_radius=8.0).blur_map()
        if bits:
            blurred = np.rint(255 * blurred).astype(np.float32) / 255
        yield Case(name, blurred[..., np.newaxis], sharp[..., np.newaxis], radius.astype(np.float32))


def suite(case: Case) -> np.ndarray:
    """Return the picture as the suite sharpens it."""
    return defocus.restore(case.picture, case.radius)


def by_layers(case: Case, undo: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the picture with its luminance sharpened as a whole for each radius, put together by the map."""
    light = as_picture(case.picture, measured=False).luminance
    place = np.maximum(case.radius - UNTOUCHED, 0) / LAYER
    change = np.zeros_like(light)
    for layer in range(1, int(np.ceil(place.max())) + 1):
        share = np.maximum(1 - np.abs(place - layer), 0)
        if not share.any():
            continue
        radius = UNTOUCHED + layer * LAYER
        rows, columns = (
            slice(max(0, at.min() - 4 * int(radius + 1)), at.max() + 1 + 4 * int(radius + 1))
            for at in np.nonzero(share)
        )
        margin = 2 * int(radius + 1)
        part = np.pad(light[rows, columns], margin, mode="symmetric")
        found = undo(part, DiscPSF().kernel(radius).astype(np.float32))[margin:-margin, margin:-margin]
        change[rows, columns] += share[rows, columns] * (found - light[rows, columns])
    return np.clip(case.picture + change[..., np.newaxis], 0, 1)


def lucy(case: Case, iterations: int) -> np.ndarray:
    """Return what Richardson and Lucy's rounds make of it."""
    return by_layers(case, lambda part, kernel: richardson_lucy(part, kernel, num_iter=iterations))


def wieners(case: Case, balance: float) -> np.ndarray:
    """Return what Wiener's filter makes of it."""
    return by_layers(case, lambda part, kernel: wiener(part, kernel, balance))


def unsharp(case: Case, deviation: float, amount: float) -> np.ndarray:
    """Return what GIMP's unsharp mask makes of it, without a threshold."""
    linear = np.where(case.picture <= 0.04045, case.picture / 12.92, ((case.picture + 0.055) / 1.055) ** 2.4)
    sharper = linear + amount * (linear - ndimage.gaussian_filter(linear, (deviation, deviation, 0), mode="nearest"))
    sharper = np.clip(sharper, 0, 1)
    return np.where(sharper <= 0.0031308, 12.92 * sharper, 1.055 * sharper ** (1 / 2.4) - 0.055)


def measure(picture: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return PSNR in dB, SSIM, what lies beyond in %, and by how many levels its worst hundredth does at least."""
    seen = matched(picture, truth)
    light, wanted = seen.mean(axis=2), truth.astype(float).mean(axis=2)
    high = ndimage.maximum_filter(wanted, 2 * AROUND + 1)[INNER]
    low = ndimage.minimum_filter(wanted, 2 * AROUND + 1)[INNER]
    beyond = 255 * np.maximum(np.maximum(light - high, low - light), 0)
    return np.array(
        [
            -10 * np.log10(np.mean((seen - truth[INNER]) ** 2)),
            structural_similarity(light, wanted[INNER], data_range=1.0),
            100 * np.mean(beyond > BEYOND),
            np.percentile(beyond, 99),
        ]
    )


def judged(cases: list[Case], method: Callable[[Case], np.ndarray]) -> tuple[np.ndarray, float]:
    """Return what `measure` says of every case, float (cases, 4), and the CPU time of one in s."""
    start = time.process_time()
    sharpened = [method(case) for case in cases]
    seconds = (time.process_time() - start) / len(cases)
    return np.array([measure(picture, case.truth) for picture, case in zip(sharpened, cases, strict=True)]), seconds


def table(title: str, cases: list[Case], *, also: list[Case] | None = None) -> None:
    """Print what every method is worth; ours by the true maps, too, where there are such."""
    print(f"\n{title}\n{'':48}{'PSNR':>6}{'worst':>8}{'SSIM':>8}{'gain':>8}{'beyond':>8}{'by':>7}{'CPU s':>8}")
    before, _ = judged(cases, lambda case: case.picture)

    def show(name: str, found: np.ndarray, seconds: float) -> None:
        gain, mean = found[:, 0] - before[:, 0], found.mean(axis=0)
        print(
            f"{name:46}{gain.mean():+8.2f}{gain.min():+8.2f}{mean[1]:8.3f}{mean[1] - before[:, 1].mean():+8.3f}"
            f"{mean[2]:8.2f}{mean[3]:7.1f}{seconds:8.2f}  " + " ".join(f"{one:+.2f}" for one in gain),
            flush=True,
        )

    show("as it was", before, 0.0)
    show("this suite", *judged(cases, suite))
    if also:
        show("this suite, true map", *judged(also, suite))
    for name, method, usual, others in (
        ("Richardson-Lucy by layers, {} rounds", lucy, (50,), [(k,) for k in ITERATIONS]),
        ("Wiener by layers, balance {}", wieners, (0.1,), [(k,) for k in BALANCES]),
        ("GIMP's unsharp mask, radius {}, amount {}", unsharp, UNSHARP, list(product(DEVIATIONS, AMOUNTS))),
    ):
        found = {
            choice: judged(cases, lambda case, method=method, choice=choice: method(case, *choice))
            for choice in {usual, *others}
        }
        show(name.format(*usual), *found[usual])
        best = max(found, key=lambda choice: found[choice][0][:, 0].mean())
        show(name.format(*best) + ", best", *found[best])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    photographs = list(scenes(arguments.data))
    table(f"{len(photographs)} photographs", photographs)
    for bits in (False, True):
        simulated, known = list(ramps(bits=bits)), list(ramps(known=True, bits=bits))
        table(f"{len(simulated)} ramps, in {'8 bits' if bits else 'floating point'}", simulated, also=known)


if __name__ == "__main__":
    main()
