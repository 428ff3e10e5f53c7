"""Pictures to measure on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).parent.parent / "sample_data"


def texture(height, width, seed):
    """Return a texture whose spectrum falls like a photograph's, values around 0 with variance 1."""
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    frequency = np.maximum(np.hypot(rows, columns), 1 / max(height, width))
    noise = np.fft.rfft2(rng.standard_normal((height, width))) / frequency
    noise[0, 0] = 0
    values = np.fft.irfft2(noise, (height, width))
    return (values / values.std()).astype(np.float32)


def scene(height, width, radius=4.0, noise=0.01):
    """Return a picture, float32 (H, W, 3), of a sharp disc before a blurred background, and its true mask."""
    from defocus.psf.families import DiscPSF

    background, front = texture(height, width, 0), texture(height, width, 1)
    kernel = DiscPSF().kernel(radius)
    big = np.zeros((height, width), np.float32)
    big[: kernel.shape[0], : kernel.shape[1]] = kernel
    big = np.roll(big, (-(kernel.shape[0] // 2), -(kernel.shape[1] // 2)), (0, 1))
    blurred = np.fft.irfft2(np.fft.rfft2(background) * np.fft.rfft2(big), (height, width))
    y, x = np.mgrid[:height, :width]
    mask = np.hypot(y - 0.55 * height, x - 0.45 * width) < 0.35 * min(height, width)
    gray = np.where(mask, 0.6 + 0.13 * front, 0.4 + 0.13 * blurred)
    colors = np.where(mask[..., None], (1.0, 0.8, 0.6), (0.7, 0.9, 1.0))
    rng = np.random.default_rng(2)
    picture = gray[..., None] * colors + noise * rng.standard_normal((height, width, 3))
    return np.clip(picture, 0, 1).astype(np.float32), mask


def photograph(height, width):
    """Return a photograph, uint8 (H, W, 3), brought to a size with fresh noise; a synthetic scene if there is none."""
    files = sorted(SAMPLES.rglob("*flower*.jpg")) or sorted(SAMPLES.rglob("*.jpg"))
    if not files:
        return (scene(height, width)[0] * 255).astype(np.uint8)
    with Image.open(files[0]) as image:
        enlarged = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    out = np.asarray(enlarged).copy()
    rng = np.random.default_rng(0)
    for top in range(0, height, 256):
        rows = out[top : top + 256]
        rows[:] = np.clip(rows + rng.normal(0, 2.5, rows.shape), 0, 255)
    return out
