"""Sample data for File > Open Sample: pictures made by computation, so that their blur is known exactly.

They are small, free of anybody's rights, and there without a download or a source checkout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

__all__ = ["blurred", "depth_of_field", "focus_stack", "texture"]

_STEP = 0.25  # px between the discs that a varying blur is interpolated from


def texture(shape: tuple[int, int], seed: int, *, channels: int = 1) -> NDArray[np.float64]:
    """Return a pattern with detail at every scale, as rocks or tissue have: edges on top of 1/f noise.

    Returns
    -------
    float64 (H, W, channels)
        In [0, 1].
    """
    random = np.random.default_rng(seed)
    rows, columns = np.meshgrid(np.fft.fftfreq(shape[0]), np.fft.fftfreq(shape[1]), indexing="ij")
    frequency = np.maximum(np.hypot(rows, columns), 1 / max(shape))
    planes = []
    for _ in range(channels + 1):
        noise = np.fft.ifft2(np.fft.fft2(random.standard_normal(shape)) / frequency).real
        planes.append(noise / noise.std())
    edges = np.where(planes[0] > 0, 0.28, -0.28) + np.where(np.abs(planes[0]) > 0.8, 0.18, 0)
    pattern = np.stack([edges + 0.5 * edges * plane + 0.12 * plane for plane in planes[1:]], axis=2)
    low, high = np.quantile(pattern, (0.002, 0.998))
    return np.clip((pattern - low) / (high - low), 0, 1)


def blurred(sharp: NDArray[np.float64], radius_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blur a picture by discs whose radius varies from pixel to pixel.

    Parameters
    ----------
    sharp : float64 (H, W, channels)
    radius_px : float64 (H, W)

    Returns
    -------
    float64 (H, W, channels)
    """
    from scipy.signal import fftconvolve

    from defocus.psf import DiscPSF

    level = radius_px / _STEP
    result = np.zeros_like(sharp)
    for number in range(int(np.floor(level.min())), int(np.ceil(level.max())) + 1):
        weight = np.clip(1 - np.abs(level - number), 0, 1)
        if not weight.any():
            continue
        kernel = np.asarray(DiscPSF().kernel(number * _STEP), np.float64)
        margin = kernel.shape[0] // 2
        padded = np.pad(sharp, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
        result += weight[..., np.newaxis] * fftconvolve(padded, kernel[..., np.newaxis], mode="valid", axes=(0, 1))
    return result


def depth_of_field() -> list[LayerDataTuple]:
    """Return a picture of a round object before a receding background, and its true blur radius."""
    height, width = 320, 480
    rows, columns = np.mgrid[:height, :width]
    inside = np.hypot(rows - 170, columns - 190) < 95
    background = 1.5 + 5.0 * columns / width
    picture = blurred(texture((height, width), 1, channels=3), background)
    near = texture((height, width), 2, channels=3)[..., ::-1]
    picture = np.where(inside[..., np.newaxis], 0.15 + 0.85 * near, picture)
    truth = np.where(inside, 0.0, background).astype(np.float32)
    return [
        (_with_noise(picture, 3), {"name": "depth of field", "rgb": True}, "image"),
        (
            truth,
            {
                "name": "depth of field true blur radius (px)",
                "colormap": "viridis",
                "contrast_limits": (0, 8),
                "visible": False,
            },
            "image",
        ),
    ]


def focus_stack() -> list[LayerDataTuple]:
    """Return a focus stack of a tilted surface, with its pixel size, and where each pixel is sharp."""
    depth, height, width = 9, 192, 256
    sharp = texture((height, width), 4)
    best = np.broadcast_to(np.linspace(0.5, depth - 1.5, width), (height, width))
    planes = [blurred(sharp, 0.9 * np.abs(z - best)) for z in range(depth)]
    stack = np.stack([_with_noise(plane, 10 + z)[..., 0] for z, plane in enumerate(planes)])
    scale = (2.0, 0.5, 0.5)
    micrometers: dict[str, Any] = {"units": "um", "scale": scale}
    return [
        (stack, {"name": "focus stack", "axis_labels": ("z", "y", "x"), **micrometers}, "image"),
        (
            best.astype(np.float32),
            {
                "name": "focus stack true height (slice)",
                "colormap": "viridis",
                "contrast_limits": (0, depth - 1),
                "visible": False,
                "axis_labels": ("y", "x"),
                "units": "um",
                "scale": scale[1:],
            },
            "image",
        ),
    ]


def _with_noise(picture: NDArray[np.float64], seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, 0.004, picture.shape)
    return np.rint(np.clip(picture + noise, 0, 1) * 255).astype(np.uint8)
