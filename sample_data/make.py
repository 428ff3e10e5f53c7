"""Make the files of this folder again.

    python sample_data/make.py [--photographs]

The photographs come from scikit-learn and scikit-image, which must be installed for --photographs; see README.md for
their licences. The synthetic pictures are computed from the texture grass.png and from random numbers, each with its
true blur radius, STEM_radius.tif, in px (32-bit float).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from defocus.pictures.files import write_blur_map
from defocus.psf.simulation import ramp, simulate_blur

HERE = Path(__file__).resolve().parent


def take_photographs():
    """Copy the photographs from the packages that ship them, reduced to at most 640 px."""
    import skimage.data
    import sklearn.datasets

    pictures = {
        "flower.jpg": sklearn.datasets.load_sample_image("flower.jpg"),
        "china.jpg": sklearn.datasets.load_sample_image("china.jpg"),
        "coffee.jpg": skimage.data.coffee(),
        "cat.jpg": skimage.data.chelsea(),
        "grass.png": skimage.data.grass(),
        "gravel.png": skimage.data.gravel(),
    }
    for name, values in pictures.items():
        image = Image.fromarray(values)
        if name.endswith(".png"):
            image = image.crop((0, 0, 480, 320))
        image.thumbnail((640, 640), Image.Resampling.LANCZOS)
        image.save(HERE / name, **({"quality": 92} if name.endswith(".jpg") else {"optimize": True}))


def save(stem, picture, radius, random, noise=1e-6):
    """Write a picture with noise of this variance, and its truth."""
    noisy = np.clip(picture + random.normal(0, noise**0.5, picture.shape), 0, 1)
    Image.fromarray(np.rint(noisy * 65535).astype(np.uint16)).save(HERE / f"{stem}.png")
    write_blur_map(HERE / f"{stem}_radius.tif", radius.astype(np.float32))


def make_synthetic():
    """Compute the pictures whose radius is known."""
    random = np.random.default_rng(2013)
    grass = np.asarray(Image.open(HERE / "grass.png").convert("L"), float) / 255
    gravel = np.asarray(Image.open(HERE / "gravel.png").convert("L"), float) / 255
    shape = grass.shape
    x = np.broadcast_to(np.arange(shape[1]) / (shape[1] - 1), shape)

    save("uniform", simulate_blur(grass, 5.0), np.full(shape, 5.0), random, 1e-4)
    save("ramp", simulate_blur(grass, ramp(shape)), ramp(shape), random)

    # A sharp object before a blurred background: the background is blurred whole, as light from behind the object's
    # rim reaches the lens, and the object's own opaque edge stays sharp
    y0, x0 = np.indices(shape) / shape[0] - [[[0.55]], [[0.7]]]
    angle = np.arctan2(y0, x0)
    front = np.hypot(y0, x0) < 0.3 * (1 + 0.25 * np.cos(5 * angle))
    scene = np.where(front, gravel, simulate_blur(grass, 4.0))
    save("object", scene, np.where(front, 0.0, 4.0), random, 1e-5)

    # Cells on a tilted slide, in and out of the focal plane: fluorescent spots and filaments on a dark ground
    field = np.zeros(shape)
    for _ in range(260):
        cy, cx = random.uniform(0, shape[0]), random.uniform(0, shape[1])
        size, stretch, turn = random.uniform(2, 9), random.uniform(0.5, 1), random.uniform(0, np.pi)
        yy, xx = np.indices(shape)
        u = (xx - cx) * np.cos(turn) + (yy - cy) * np.sin(turn)
        v = (yy - cy) * np.cos(turn) - (xx - cx) * np.sin(turn)
        cell = (np.hypot(u, v / stretch) < size) * random.uniform(0.3, 0.8)
        field = np.maximum(field, cell * (0.6 + 0.8 * gravel))
    tilt = np.abs(12 * (x - 0.35))
    save("cells", 0.04 + 0.9 * simulate_blur(np.clip(field, 0, 1), tilt), tilt, random, 2e-5)


if __name__ == "__main__":
    if "--photographs" in sys.argv[1:]:
        take_photographs()
    make_synthetic()
