"""Simulation: pictures blurred by a known amount, to measure the estimators with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.errors import InputError
from defocus.psf.families import DiscPSF, as_psf, checked_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.psf.families import PSF

__all__ = ["ramp", "simulate_blur"]

_STEP = 0.1  # px between the kernels that a varying blur is interpolated from


def simulate_blur(
    sharp: NDArray[np.floating],
    radius: NDArray[np.floating] | float,
    *,
    psf: PSF | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Blur a picture by a radius that may vary from pixel to pixel, and add noise.

    Parameters
    ----------
    sharp : float (H, W)
        In [0, 1]; mirrored at its borders.
    radius : float or float (H, W)
        Blur radius in px.
    psf : PSF, optional
        A disc unless given.
    noise : float
        Variance of the white Gaussian noise.
    seed : int
        Of the noise.

    Returns
    -------
    float64 (H, W)
        In [0, 1].

    Raises
    ------
    InputError
        If the radius has another shape than the picture, or is negative or not finite.

    Examples
    --------
    >>> simulate_blur(np.eye(20), 2.0).shape
    (20, 20)
    """
    amount = np.broadcast_to(np.asarray(radius, float), sharp.shape) if np.ndim(radius) == 0 else np.asarray(radius)
    if amount.shape != sharp.shape:
        raise InputError(f"the radius has shape {amount.shape}, the picture {sharp.shape}")
    if not np.isfinite(amount).all() or amount.min() < 0:
        raise InputError("the radius must be finite and 0 px or more everywhere")
    family = DiscPSF() if psf is None else as_psf(psf)
    place = amount / _STEP
    top = int(np.ceil(place.max() - 1e-9))
    pad = checked_kernel(family, top * _STEP).shape[0] // 2 + 1
    padded = np.pad(np.asarray(sharp, float), pad, mode="symmetric")
    spectrum = np.fft.rfft2(padded)
    inner = slice(pad, padded.shape[0] - pad), slice(pad, padded.shape[1] - pad)
    out = np.zeros(sharp.shape)
    for index in range(top + 1):
        share = np.clip(1 - np.abs(place - index), 0, 1)
        if share.any():
            kernel = checked_kernel(family, index * _STEP)
            plane = np.zeros(padded.shape)
            plane[: len(kernel), : len(kernel)] = kernel
            plane = np.roll(plane, (-(len(kernel) // 2),) * 2, (0, 1))
            out += share * np.fft.irfft2(spectrum * np.fft.rfft2(plane), padded.shape)[inner]
    return np.clip(out + np.random.default_rng(seed).normal(0, noise**0.5, out.shape), 0, 1)


def ramp(shape: tuple[int, int], largest: float = 8.0) -> NDArray[np.float64]:
    """Return the radius of the paper's Fig. 8: rising along x from 0 to `largest` px, float64 `shape`."""
    return np.broadcast_to(np.linspace(0, largest, shape[1]), shape).copy()
