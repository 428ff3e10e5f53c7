"""Make twenty pairs, before and after sharpening, at twice their size, of the sample pictures where most is changed.

python docs/sharpening.py FOLDER

Two of each photograph, and three of each picture whose light is blurred by a ramp from 0 to 8 px, in 8 bits.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

import defocus
from defocus.effects.light import encoded, linear
from defocus.psf.simulation import ramp, simulate_blur

SAMPLES = Path(__file__).parents[1] / "sample_data"
SIDE = 120  # px of the picture
PHOTOGRAPHS = ("flower.jpg", "cat.jpg", "china.jpg", "coffee.jpg")
BLURRED = ("coffee.jpg", "china.jpg", "grass.png", "gravel.png")


def blurred(file: Path) -> np.ndarray:
    """Return a picture's luminance whose light is blurred by a ramp, uint8 (H, W, 3)."""
    light = linear(defocus.load_image(file).luminance)
    seen = encoded(simulate_blur(light, ramp(light.shape), noise=1e-6).astype(np.float32))
    return np.repeat(np.rint(255 * seen).astype(np.uint8)[..., np.newaxis], 3, axis=2)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    cases = [(name, np.asarray(Image.open(SAMPLES / name).convert("RGB")), 2) for name in PHOTOGRAPHS]
    cases += [(f"ramp-{name}", blurred(SAMPLES / name), 3) for name in BLURRED]
    for name, before, count in cases:
        after = np.rint(255 * defocus.restore(before, defocus.blur_map(before))).astype(np.uint8)
        change = np.abs(after.astype(float) - before).mean(axis=2)
        half = SIDE // 2
        mean = ndimage.uniform_filter(change, SIDE)[half:-half, half:-half]
        for number in range(count):
            top, left = (int(place) for place in np.unravel_index(mean.argmax(), mean.shape))
            mean[max(0, top - SIDE) : top + SIDE, max(0, left - SIDE) : left + SIDE] = -1
            part = np.s_[top : top + SIDE, left : left + SIDE]
            pair = Image.fromarray(np.concatenate([before[part], after[part]], axis=1))
            pair = pair.resize((2 * pair.width, 2 * pair.height), Image.Resampling.NEAREST)
            pair.save(folder / f"{Path(name).stem}-{number + 1}.png")


if __name__ == "__main__":
    main()
