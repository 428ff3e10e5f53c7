"""Measure restoration: real photographs against focus-stacked ones, and pictures blurred by a known map.

    python -m benchmarks.restoration DATA

DATA holds `pixel4_dev` and `pixel4_sharp_dev`. Prints gains of PSNR in dB over the picture as it was: by the suite's
own map, by the measured radii, and by the own map with all radii a fifth too large. The focus-stacked picture is
shifted onto the other one first, and gain and offset of each channel are matched.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage, optimize

import defocus
from defocus.psf.simulation import ramp, simulate_blur

ROOT = Path(__file__).resolve().parents[1]
BORDER = 8  # px left out: shifted pictures know nothing there
INNER = np.s_[BORDER:-BORDER, BORDER:-BORDER]
MAPS = ("own map", "measured radii", "own map x 1.2")


def load(file):
    return np.asarray(Image.open(file).convert("RGB"), np.float32) / 255


def aligned(truth, picture):
    """The truth shifted by a part of a pixel to where it fits the picture best, both smoothed."""
    fixed, moving = (ndimage.gaussian_filter(values.mean(axis=2), 2) for values in (picture, truth))

    def misfit(shift):
        moved = ndimage.shift(moving, shift, order=3, mode="nearest")[INNER]
        return -np.corrcoef(moved.ravel(), fixed[INNER].ravel())[0, 1]

    start = [[0, 0], [0.7, 0], [0, 0.7]]
    best = optimize.minimize(misfit, [0, 0], method="Nelder-Mead", options={"xatol": 0.01, "initial_simplex": start}).x
    return np.stack([ndimage.shift(plane, best, order=3, mode="nearest") for plane in truth.transpose(2, 0, 1)], -1)


def matched(picture, truth):
    """The picture without its border, gain and offset of each channel matched to the truth."""
    planes = []
    for channel in range(picture.shape[2]):
        seen, wanted = (values[INNER][..., channel].astype(float) for values in (picture, truth))
        planes.append(np.polyval(np.polyfit(seen.ravel(), wanted.ravel(), 1), seen))
    return np.stack(planes, -1)


def psnr(picture, truth):
    """PSNR with gain and offset of each channel matched to the truth by least squares."""
    return -10 * np.log10(np.mean((matched(picture, truth) - truth[INNER]) ** 2))


def filled(radius):
    """Measured radii, with the nearest one where there is none."""
    nearest = ndimage.distance_transform_edt(~np.isfinite(radius), return_distances=False, return_indices=True)
    return np.maximum(radius[tuple(nearest)], 0)


def photographs(data):
    print("scene  before (dB)  " + "".join(f"{name:>16}" for name in MAPS) + "   time (s)")
    rows = []
    for file in sorted((data / "pixel4_dev" / "image").glob("*.png")):
        picture = load(file)
        truth = aligned(load(data / "pixel4_sharp_dev" / "image" / file.name), picture)
        own = defocus.blur_map(picture)
        measured = filled(np.load(data / "pixel4_dev" / "radius" / f"{file.stem}.npy"))
        before = psnr(picture, truth)
        start = time.perf_counter()
        gains = [psnr(defocus.restore(picture, radius), truth) - before for radius in (own, measured, 1.2 * own)]
        seconds = (time.perf_counter() - start) / 3
        rows.append(gains)
        print(f"{file.stem:5}  {before:11.2f}  " + "".join(f"{gain:+16.2f}" for gain in gains) + f"   {seconds:.1f}")
    for name, values in (("mean", np.mean(rows, 0)), ("worst", np.min(rows, 0))):
        print(f"{name:5}  {'':11}  " + "".join(f"{value:+16.2f}" for value in values))


def simulated():
    print("\nramp from 0 to 8 px, noise variance 1e-6: gain by the true map, by the map without and with sensor blur")
    for name in ("grass.png", "coffee.jpg", "china.jpg"):
        sharp = defocus.load_image(ROOT / "sample_data" / name).luminance
        truth = ramp(sharp.shape)
        blurred = simulate_blur(sharp, truth, noise=1e-6).astype(np.float32)
        maps = [truth] + [
            defocus.analyze(blurred, noise=1e-6, sensor_blur=sensor, max_radius=8.0).blur_map() for sensor in (0.0, 0.4)
        ]
        error = np.mean((blurred - sharp) ** 2)
        gains = [10 * np.log10(error / np.mean((defocus.restore(blurred, radius) - sharp) ** 2)) for radius in maps]
        print(f"{name:12}" + "".join(f"{gain:+8.2f}" for gain in gains))


def times(megapixels):
    flower = defocus.load_image(ROOT / "sample_data" / "flower.jpg").color
    for size in (None, *megapixels):
        picture = flower
        if size is not None:
            width = round((size * 1.5e6) ** 0.5)
            enlarged = Image.fromarray(np.rint(flower * 255).astype(np.uint8)).resize((width, round(width / 1.5)))
            picture = np.asarray(enlarged, np.float32) / 255
        start = time.perf_counter()
        radius = defocus.blur_map(picture)
        middle = time.perf_counter()
        defocus.restore(picture, radius)
        end = time.perf_counter()
        print(f"{picture.shape[1]} x {picture.shape[0]}: map {middle - start:.1f} s, restoration {end - middle:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--megapixels", type=float, nargs="*", default=[], help="also time pictures of these sizes")
    arguments = parser.parse_args()
    photographs(arguments.data)
    simulated()
    times(arguments.megapixels)


if __name__ == "__main__":
    main()
