"""Fields of fluorescence of known blur, as a camera counts them."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def nuclei(radius, *, shape=(300, 340), count=24, photons=900, seed=0, texture=0.5, offset=100.0, gain=0.4):
    """Counts of a camera: textured nuclei on a dark ground, blurred by a Gaussian of some radius."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    field = np.zeros(shape)
    for _ in range(count):
        y, x = rng.uniform(25, shape[0] - 25), rng.uniform(25, shape[1] - 25)
        long, short, turn = rng.uniform(10, 14), rng.uniform(7, 10), rng.uniform(0, np.pi)
        along = (columns - x) * np.cos(turn) + (rows - y) * np.sin(turn)
        across = -(columns - x) * np.sin(turn) + (rows - y) * np.cos(turn)
        inside = (along / long) ** 2 + (across / short) ** 2 < 1
        field = np.maximum(field, inside * rng.uniform(0.5, 1))
    grain = ndimage.gaussian_filter(rng.standard_normal(shape), 0.7)
    field *= np.clip(1 + texture * grain / grain.std(), 0.1, None)
    if radius:
        field = ndimage.gaussian_filter(field, radius / 2)
    photons_there = 12 + photons * field
    return offset + gain * rng.poisson(photons_there) + rng.normal(0, 1.5, shape), field
