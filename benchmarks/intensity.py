"""Does the answer depend on type, offset, gain or defects of an array? One texture in many guises, and its error in px.

python benchmarks/intensity.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import defocus
from defocus.psf.simulation import simulate_blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"


def texture() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return a texture, uint8 (H, W), blurred by 0 to 6 px from left to right, and those radii."""
    sharp = defocus.load_image(SAMPLES / "gravel.png").luminance[:300, :400]
    truth = np.broadcast_to(np.linspace(0, 6, sharp.shape[1], dtype=np.float32), sharp.shape)
    blurred = simulate_blur(sharp, truth, noise=4e-6)
    return np.rint(255 * np.clip(blurred, 0, 1)).astype(np.uint8), truth


def guises(counts: NDArray[np.uint8]) -> dict[str, NDArray[np.generic]]:
    """Return the same picture as arrays of many kinds."""
    wide = counts.astype(np.uint16)
    hot, dead, broken = (wide + 4000 for _ in range(3))
    hot[100, 200] = 65535
    dead[100:102, 200] = 0
    broken[50], broken[:, 300] = 65535, 0
    one, missing = counts / 255, counts / 255
    missing[150, 150] = np.nan
    return {
        "uint8": counts,
        "float counts": counts.astype(np.float32),
        "int64": counts.astype(np.int64),
        "uint16, 16 bits": wide * 257,
        "float in [0, 1]": one,
        "uint8 / 2": counts // 2,
        "uint8 / 4": counts // 4,
        "uint16 + 4000": wide + 4000,
        "uint16 + 10000": wide + 10_000,
        "uint16, one hot pixel of 65535": np.where(np.arange(counts.size).reshape(counts.shape) == 40200, 65535, wide),
        "uint16 + 4000, one hot pixel": hot,
        "uint16 + 4000, two dead pixels": dead,
        "uint16 + 4000, hot row and dead column": broken,
        "int32 - 70000": counts.astype(np.int32) - 70_000,
        "float in .1 to .15": one * 0.05 + 0.1,
        "float in 0 to .01": one * 0.01,
        "float in 0 to .6": one * 0.6,
        "float in 0 to .3": one * 0.3,
        "float in 0 to 100": one * 100,
        "float times 1e30": one * 1e30,
        "float, one NaN": missing,
    }


def errors() -> dict[str, tuple[float, float, float]]:
    """Return the mean absolute error in px, black and white for each guise."""
    counts, truth = texture()
    out = {}
    for name, array in guises(counts).items():
        picture = defocus.as_picture(array)
        found = defocus.analyze(picture, sensor_blur=0.0).blur_map()
        out[name] = float(np.abs(found - truth).mean()), picture.black, picture.white
    return out


if __name__ == "__main__":
    rows = errors()
    print("| Array | Mean error (px) | Black | White |\n| --- | --- | --- | --- |")
    for name, (error, black, white) in rows.items():
        print(f"| {name} | {error:.3f} | {black:g} | {white:g} |")
    spread = max(row[0] for row in rows.values()) - min(row[0] for row in rows.values())
    print(f"\nfarthest apart: {spread:.3f} px")
