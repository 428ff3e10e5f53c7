"""Scenes with a known radius at every pixel, made from sharp content: tilted, wavy, and of objects before a ground."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image
from scipy import fft, ndimage

from defocus.psf.families import DiscPSF, GaussianPSF, PolygonPSF

LARGEST = 8.0  # px
_STEP = 0.25  # px between the kernels that a varying blur is interpolated from


@functools.lru_cache(maxsize=512)
def _kernel(shape: str, radius: float) -> np.ndarray:
    psf = {"disc": DiscPSF(), "polygon": PolygonPSF(6, 10.0), "gaussian": GaussianPSF()}[shape]
    return np.asarray(psf.kernel(radius), np.float32)


def blurred(values: np.ndarray, radius: np.ndarray, shape: str = "disc") -> np.ndarray:
    """Blur float32 (H, W), mirrored at its borders, by a radius of every pixel in px."""
    place = radius / _STEP
    pad = 2 * int(np.ceil(LARGEST)) + 2
    padded = np.pad(values, pad, mode="symmetric").astype(np.float32)
    size = tuple(fft.next_fast_len(n, real=True) for n in padded.shape)
    spectrum = fft.rfft2(padded, size)
    out = np.zeros(values.shape, np.float32)
    for index in range(int(place.min()), int(np.ceil(place.max() - 1e-6)) + 1):
        share = np.clip(1 - np.abs(place - index), 0, 1).astype(np.float32)
        if not share.any():
            continue
        kernel = _kernel(shape, index * _STEP)
        half = len(kernel) // 2
        plane = fft.irfft2(spectrum * fft.rfft2(kernel, size), size)
        out += share * plane[pad + half : pad + half + values.shape[0], pad + half : pad + half + values.shape[1]]
    return out


def _field(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A radius that is constant, rises along a line, or wanders."""
    kind = rng.choice(["constant", "ramp", "focus line", "wavy"])
    y, x = (grid.astype(np.float32) for grid in np.indices(shape))
    turn = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(turn) + y * np.sin(turn)
    along = (along - along.min()) / np.ptp(along)
    if kind == "constant":
        return np.full(shape, LARGEST * rng.uniform(0, 1) ** 1.5, np.float32)
    if kind == "ramp":
        low, high = np.sort(rng.uniform(0, LARGEST, 2))
        return (low + (high - low) * along).astype(np.float32)
    if kind == "focus line":
        return np.minimum(np.abs(along - rng.uniform(0, 1)) * rng.uniform(4, 16), LARGEST).astype(np.float32)
    wave = ndimage.gaussian_filter(rng.standard_normal(shape), min(shape) * rng.uniform(0.08, 0.25), mode="reflect")
    wave = (wave - wave.min()) / np.ptp(wave)
    low, high = np.sort(rng.uniform(0, LARGEST, 2))
    return (low + (high - low) * wave).astype(np.float32)


def _object(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Where an object stands: a star, a blob or a wavy half plane, bool (H, W)."""
    y, x = (grid.astype(np.float32) for grid in np.indices(shape))
    size = min(shape)
    top, left = rng.uniform(0.2, 0.8, 2) * shape
    angle = np.arctan2(y - top, x - left)
    if rng.random() < 0.25:
        wave = ndimage.gaussian_filter1d(rng.standard_normal(shape[1]), size * 0.1) * size * 0.6
        return np.asarray(y > top + wave[np.newaxis])
    wobble = sum(rng.uniform(0, 0.3) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in rng.choice(np.arange(1, 8), 3))
    return np.asarray(np.hypot(y - top, x - left) < size * rng.uniform(0.12, 0.4) * (1 + wobble))


def texture(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Content that is sharp everywhere and of no photograph, float32 (H, W) in [0, 1]: noise, or dead leaves.

    Noise whose spectrum falls as a power of the frequency, as natural textures' do; or discs of all sizes that cover
    each other (D. Mumford and B. Gidas, "Stochastic models for generic images", Quarterly of Applied Mathematics 59,
    2001).
    """
    if rng.random() < 0.6:
        frequency = np.hypot(np.fft.fftfreq(shape[0])[:, np.newaxis], np.fft.rfftfreq(shape[1])[np.newaxis])
        frequency[0, 0] = 1
        white = np.fft.rfft2(rng.standard_normal(shape)) * frequency ** -rng.uniform(0.4, 1.6)
        field = np.fft.irfft2(white, shape)
        field = 0.5 + rng.uniform(0.08, 0.25) * field / field.std()
        if rng.random() < 0.3:
            field = np.where(field > 0.5, rng.uniform(0.5, 1), rng.uniform(0, 0.5))
        return np.clip(field, 0, 1).astype(np.float32)
    field = np.full(shape, 0.5, np.float32)
    y, x = (grid.astype(np.float32) for grid in np.indices(shape))
    for _ in range(900):
        top, left = rng.uniform(0, 1, 2) * shape
        size = min(2.0 / np.sqrt(rng.uniform(0.0005, 1)), 60)
        rows = slice(max(int(top - size) - 1, 0), int(top + size) + 2)
        columns = slice(max(int(left - size) - 1, 0), int(left + size) + 2)
        inside = np.clip(size + 0.5 - np.hypot(y[rows, columns] - top, x[rows, columns] - left), 0, 1)
        field[rows, columns] += inside * (np.float32(rng.uniform(0, 1)) - field[rows, columns])
    return field


def scene(
    content: np.ndarray, other: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make a scene of sharp content, float32 (H, W), and other content for objects that stand before it.

    Returns the picture as 8 bits would hold it, float32 (H, W) in [0, 1]; the radius of what is seen at every pixel;
    and which pixels show the other content.
    """
    shape = content.shape
    psf = str(rng.choice(["disc", "polygon", "gaussian"], p=[0.7, 0.2, 0.1]))
    radius = _field(shape, rng)
    picture = blurred(content, radius, psf)
    front = np.zeros(shape, bool)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.4, 0.4, 0.2]))):
        there = _object(shape, rng)
        own = np.full(shape, LARGEST * rng.uniform(0, 1) ** 3, np.float32)
        cover = blurred(there.astype(np.float32), own, psf)
        light = blurred(other * there, own, psf)
        picture = picture * (1 - cover) + light
        radius = np.where(there, own, radius)
        front |= there
    picture = picture * rng.uniform(0.6, 1) + rng.uniform(0, 0.1)
    picture = picture + rng.normal(0, 10 ** rng.uniform(-3, -1.6), shape)
    eight = np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        file = io.BytesIO()
        Image.fromarray(eight).save(file, "JPEG", quality=int(rng.integers(75, 97)))
        eight = np.asarray(Image.open(file))
    return eight.astype(np.float32) / 255, radius.astype(np.float32), front
