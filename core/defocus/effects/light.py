"""Light: encoding, lamps that a camera clipped, and the grain of a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["encoded", "encoded_slope", "grain_covariance", "grain_field", "lamps", "linear", "linear_slope"]

_DARKER, _CLIPPED = 0.95, 0.99  # from none to all of a pixel counts as clipped
_BLOCK = 32  # px; side of the blocks that grain is measured in
_LEAST_BLOCKS, _MOST_BLOCKS = 8, 4000  # that tell anything, and that are looked at
_QUIET = 25  # per cent of the blocks, those with least detail, that show grain alone
_FINE = 1.0  # px; standard deviation of what is taken away to leave the grain
_SEED = 20


def linear(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return sRGB values, float32 of any shape in [0, 1], decoded to linear intensities."""
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def encoded(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return linear intensities encoded as sRGB, float32 of the same shape."""
    return np.where(
        values <= 0.0031308, values * 12.92, 1.055 * np.maximum(values, 0.0031308) ** (1 / 2.4) - 0.055
    ).astype(np.float32)


def linear_slope(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return by how much `linear` grows with sRGB values, float32 of the same shape."""
    steep = np.float32(2.4 / 1.055) * ((np.maximum(values, 0) + np.float32(0.055)) / np.float32(1.055)) ** 1.4
    return np.where(values <= 0.04045, np.float32(1 / 12.92), steep).astype(np.float32)


def encoded_slope(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return by how much `encoded` grows with linear intensities, float32 of the same shape."""
    steep = np.float32(1.055 / 2.4) * np.maximum(values, np.float32(0.0031308)) ** np.float32(1 / 2.4 - 1)
    return np.where(values <= 0.0031308, np.float32(12.92), steep).astype(np.float32)


def lamps(color: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Return how much each pixel belongs to a lamp or glint that was clipped, float32 (H, W) in [0, 1].

    Parameters
    ----------
    color : float32 (H, W, C)
        In [0, 1]. A coloured lamp is clipped in two channels before the third; what is clipped in one alone may be
        skin, or a petal.
    width : int
        What is wider than so many px in both directions, as a window or the sky, is no lamp.
    """
    bright = color[..., 0]
    if color.shape[2] > 1:
        highest = np.maximum(bright, color[..., 1])
        bright = np.minimum(bright, color[..., 1])
        for channel in range(2, color.shape[2]):
            bright = np.maximum(bright, np.minimum(highest, color[..., channel]))
            highest = np.maximum(highest, color[..., channel])
    clipped = np.clip((bright - _DARKER) / (_CLIPPED - _DARKER), 0, 1)
    side = 2 * (width // 2) + 1
    if not clipped.any():
        return np.asarray(clipped, np.float32)
    wide = ndimage.maximum_filter(ndimage.minimum_filter(clipped, side), side)
    return np.asarray(clipped - wide, np.float32)


def grain_covariance(color: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the covariance of a picture's grain between its channels, float64 (C, C).

    Measured where nothing else is fine: in the quietest blocks of what is out of focus, from what a Gaussian takes
    away.

    Parameters
    ----------
    color : float32 (H, W, C)
    where : bool (H, W)
        What is out of focus.
    """
    height, width, channels = color.shape
    rows, columns = height // _BLOCK, width // _BLOCK
    whole = where[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK).all(axis=(1, 3))
    corners = np.argwhere(whole) * _BLOCK
    if len(corners) < _LEAST_BLOCKS:
        return np.zeros((channels, channels))
    corners = corners[np.linspace(0, len(corners) - 1, min(len(corners), _MOST_BLOCKS)).astype(int)]
    half = math.ceil(4 * _FINE)  # as far as the Gaussian goes
    row_of, column_of = (np.pad(np.arange(size), half, mode="symmetric") for size in (height, width))
    across = np.arange(_BLOCK + 2 * half)
    tiles = color[
        row_of[corners[:, 0, np.newaxis] + across][:, :, np.newaxis],
        column_of[corners[:, 1, np.newaxis] + across][:, np.newaxis],
    ]
    level = tiles[:, half:-half, half:-half]
    # Black and white are clipped: there is less grain than elsewhere
    unclipped = (level.min(axis=(1, 2, 3)) > 0) & (level.max(axis=(1, 2, 3)) < 1)
    if unclipped.sum() < _LEAST_BLOCKS:
        return np.zeros((channels, channels))
    tiles = tiles[unclipped]
    fine = tiles - ndimage.gaussian_filter(tiles, (0, _FINE, _FINE, 0))
    blocks = fine[:, half:-half, half:-half].reshape(-1, _BLOCK**2, channels)
    power = np.square(blocks).mean(axis=(1, 2))
    quiet = blocks[power <= np.percentile(power, _QUIET)].reshape(-1, channels)
    return np.asarray(quiet.T.astype(float) @ quiet / len(quiet) / _left_of_white(_FINE))


def _left_of_white(sigma: float) -> float:
    """Return what is left of the variance of white noise when a Gaussian is taken away."""
    half = math.ceil(4 * sigma)
    line = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    line /= line.sum()
    return float(1 - 2 * line[half] ** 2 + np.square(line).sum() ** 2)


def grain_field(
    shape: tuple[int, int], corner: tuple[int, int], covariance: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return white noise of some covariance between channels, float32 (C, *shape); the same at each call.

    Parameters
    ----------
    shape : tuple of int
    corner : tuple of int
        Where the part lies: other parts have other grain.
    covariance : float64 (C, C)
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    noise = np.random.default_rng((_SEED, *corner)).standard_normal((len(covariance), *shape), np.float32)
    return np.asarray(np.tensordot(root.astype(np.float32), noise, 1), np.float32)
