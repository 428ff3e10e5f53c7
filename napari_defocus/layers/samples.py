"""Sample data for File > Open Sample: the suite's own pictures, and others computed when they are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.shipped import shipped_folder

if TYPE_CHECKING:
    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

__all__ = [
    "blurred",
    "cells",
    "coffee",
    "depth_of_field",
    "flower",
    "focus_stack",
    "object_before_ground",
    "texture",
]


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
    """Blur every channel of a picture by discs whose radius varies from pixel to pixel.

    Parameters
    ----------
    sharp : float64 (H, W, channels)
    radius_px : float64 (H, W)

    Returns
    -------
    float64 (H, W, channels)
    """
    from defocus.psf.simulation import simulate_blur

    return np.stack([simulate_blur(sharp[..., c], radius_px) for c in range(sharp.shape[2])], axis=2)


def flower() -> list[LayerDataTuple]:
    """Return a photograph of a flower before a blurred background."""
    return _from_suite("flower.jpg")


def coffee() -> list[LayerDataTuple]:
    """Return a photograph of a cup, sharp in front and blurred behind."""
    return _from_suite("coffee.jpg")


def object_before_ground() -> list[LayerDataTuple]:
    """Return a computed picture of a sharp object before a blurred ground, and its true blur radius."""
    return _from_suite("object.png")


def cells() -> list[LayerDataTuple]:
    """Return a computed fluorescence picture of cells on a tilted slide, and its true blur radius."""
    return _from_suite("cells.png")


def _pixels(name: str) -> NDArray[np.uint8]:
    """Return the pixels of one of the suite's sample pictures."""
    from PIL import Image

    with Image.open(shipped_folder("sample_data", name) / name) as opened:
        return np.asarray(opened)


def _from_suite(name: str) -> list[LayerDataTuple]:
    """Return one of the suite's sample pictures, and its true blur radius where that is known."""
    import tifffile

    file, pixels = shipped_folder("sample_data", name) / name, _pixels(name)
    picture: LayerDataTuple = (pixels, {"name": file.stem, "rgb": pixels.ndim == 3}, "image")
    truth = file.with_name(f"{file.stem}_radius.tif")
    if not truth.exists():
        return [picture]
    return [(tifffile.imread(truth), _truth(f"{file.stem} true blur radius (px)", 8), "image"), picture]


def _truth(name: str, maximum: float) -> dict[str, Any]:
    """Return the look of a truth: added before its picture, so that the picture is chosen, and never measured."""
    about = {"defocus": {"kind": "truth"}}
    return {
        "name": name, "colormap": "viridis", "contrast_limits": (0, maximum), "visible": False, "metadata": about,
    }  # fmt: skip


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
        (truth, _truth("depth of field true blur radius (px)", 8), "image"),
        (_with_noise(picture, 3), {"name": "depth of field", "rgb": True}, "image"),
    ]


def focus_stack() -> list[LayerDataTuple]:
    """Return a computed focus stack of tilted gravel, with its pixel size, and where each pixel is sharp."""
    depth = 9
    sharp = _pixels("gravel.png")[:256, :384, np.newaxis] / 255
    height, width = sharp.shape[:2]
    best = np.broadcast_to(np.linspace(0.5, depth - 1.5, width), (height, width))
    planes = [blurred(sharp, 0.9 * np.abs(z - best)) for z in range(depth)]
    stack = np.stack([_with_noise(plane, 10 + z)[..., 0] for z, plane in enumerate(planes)])
    scale = (2.0, 0.5, 0.5)
    micrometers: dict[str, Any] = {"units": "um", "scale": scale}
    return [
        (
            best.astype(np.float32),
            {
                **_truth("focus stack true height (slice)", depth - 1),
                "axis_labels": ("y", "x"),
                "units": "um",
                "scale": scale[1:],
            },
            "image",
        ),
        (stack, {"name": "focus stack", "axis_labels": ("z", "y", "x"), **micrometers}, "image"),
    ]


def _with_noise(picture: NDArray[np.float64], seed: int) -> NDArray[np.uint8]:
    from defocus.pictures.intensity import whole_numbers

    noise = np.random.default_rng(seed).normal(0, 0.004, picture.shape)
    return whole_numbers(picture + noise, "uint8")
