"""Spectra: the Gabor filters, what a blur lets through of each frequency, and the noise (equations 3, 6, 7, 12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from defocus.errors import InputError
from defocus.psf.families import checked_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.psf.families import PSF

__all__ = [
    "BlurSpectra",
    "FilterBank",
    "blur_spectra",
    "blur_spectrum",
    "fit_spectrum",
    "gabor_bank",
    "noise_spectrum",
]

_POWERS = range(-2, 5)  # k in (12)


@dataclass(frozen=True)
class FilterBank:
    """Gabor filters t_i[x] = w[x] exp(-2 pi j (x1 w1 + x2 w2)), all separable (equation 3).

    Attributes
    ----------
    window : float64 (N,)
        One axis of the separable window w, N odd; the two-dimensional window is its outer product with itself.
    indices : int (F, 2)
        Frequency indices (a1, a2) of each filter; the frequencies are (a1/N, a2/N) cycles per px, a1 along x.
    """

    window: NDArray[np.float64]
    indices: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Side N of the window in px."""
        return len(self.window)

    def filters(self) -> NDArray[np.complex128]:
        """Return all filters, complex128 (F, N, N), indexed [filter, y, x]."""
        position = np.arange(self.size) - self.size // 2
        turn = np.exp(-2j * np.pi * np.outer(np.arange(self.size), position) / self.size)
        lines = turn * self.window
        along_x, along_y = lines[self.indices[:, 0] % self.size], lines[self.indices[:, 1] % self.size]
        return np.asarray(along_y[:, :, np.newaxis] * along_x[:, np.newaxis, :], np.complex128)


def gabor_bank(window: int = 41, *, shape: str = "gaussian", highest: int | None = None) -> FilterBank:
    """Return the filter bank of equation (3): 60 filters for a window of 41 px.

    Parameters
    ----------
    window : int
        Side N of the window in px, odd.
    shape : {"gaussian", "hard"}
        Gaussian of standard deviation N/4, as the paper argues for, or a plain box to compare it with.
    highest : int, optional
        Largest frequency index; (N - 1) / 4 as in the paper unless given, which is just under 0.25 cycles per px.

    Returns
    -------
    FilterBank
        a1 even in [-highest, highest], a2 even in [0, highest], and for a2 = 0 only a1 <= -2, because a real signal's
        spectrum repeats itself on the other half plane.
    """
    if window < 3 or window % 2 == 0:
        raise InputError(f"window must be odd and at least 3 px, not {window}")
    if shape not in ("gaussian", "hard"):
        raise InputError(f"the window's shape must be gaussian or hard, not {shape!r}")
    top = (window - 1) // 4 if highest is None else highest
    even = np.arange(-(top // 2) * 2, top + 1, 2)
    indices = [(a1, a2) for a2 in even[even >= 0] for a1 in even if a2 > 0 or a1 < 0]
    position = np.arange(window) - window // 2
    line = np.exp(-0.5 * (position / (window / 4)) ** 2) if shape == "gaussian" else np.ones(window)
    return FilterBank(line, np.array(indices, dtype=np.int64))


def blur_spectrum(bank: FilterBank, psf: PSF, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sigma_i^2(r) = sum_x |h(r) * t_i|^2, equation (6).

    Parameters
    ----------
    bank : FilterBank
    psf : PSF
        Gives the kernel h(r).
    radii : float (R,)
        Radii in px.

    Returns
    -------
    float64 (R, F)
    """
    kernels = [checked_kernel(psf, float(radius)) for radius in radii]
    side = bank.size + max(kernel.shape[0] for kernel in kernels) - 1
    responses = np.abs(np.fft.fft2(bank.filters(), (side, side), axes=(1, 2))) ** 2
    flat = responses.reshape(len(bank.indices), -1)
    # Parseval: the sum over x of |h * t|^2 is the mean over frequencies of |H|^2 |T|^2
    power = [np.abs(np.fft.fft2(kernel, (side, side))).ravel() ** 2 for kernel in kernels]
    return np.array(power) @ flat.T / side**2


def noise_spectrum(bank: FilterBank, variance: float = 1.0) -> NDArray[np.float64]:
    """Return n_i, the expected energy of white noise in both gradient directions together, equation (7).

    Parameters
    ----------
    bank : FilterBank
    variance : float
        Noise variance sigma_n^2 for intensities in [0, 1].

    Returns
    -------
    float64 (F,)
        sigma_n^2 (sum_x |d/dx t_i|^2 + sum_x |d/dy t_i|^2) for differences of neighbouring pixels.
    """
    filters = np.pad(bank.filters(), ((0, 0), (1, 1), (1, 1)))
    along_x = np.abs(np.diff(filters, axis=2)) ** 2
    along_y = np.abs(np.diff(filters, axis=1)) ** 2
    return variance * (along_x.sum(axis=(1, 2)) + along_y.sum(axis=(1, 2)))


def fit_spectrum(
    radii: NDArray[np.float64], values: NDArray[np.float64], powers: range | tuple[int, ...] = _POWERS
) -> NDArray[np.float64]:
    """Fit equation (12), sigma_i^2(r) = exp(sum_k alpha_ik r^k), by least squares in the logarithm.

    Parameters
    ----------
    radii : float (R,)
        Radii in px at which the spectrum is known, all above 0.
    values : float (R, F)
        Blur spectra at these radii.
    powers : sequence of int
        The exponents k, from p <= 0 to q >= 0.

    Returns
    -------
    float64 (len(powers), F)
        The coefficients alpha; ``np.exp(r[:, None] ** powers @ alpha)`` gives dense tables.

    Raises
    ------
    InputError
        If there are fewer samples than coefficients, or a radius of 0 px.
    """
    if len(radii) < len(powers):
        raise InputError(f"the fit needs at least {len(powers)} radii, not {len(radii)}")
    if np.min(radii) <= 0:
        raise InputError("the fit needs radii above 0 px")
    design = np.asarray(radii, float)[:, np.newaxis] ** np.array(powers, float)
    # Columns of unit length: r^-2 and r^4 otherwise differ by many orders of magnitude
    length = np.linalg.norm(design, axis=0)
    alpha, *_ = np.linalg.lstsq(design / length, np.log(values), rcond=None)
    return alpha / length[:, np.newaxis]


@dataclass(frozen=True)
class BlurSpectra:
    """All that the likelihood needs to know of filters, blur and noise, with equal filters merged into channels.

    Filters whose blur spectra are equal for every radius form one channel: an isotropic PSF needs only the unordered
    pair {|a1|, |a2|}, 20 channels at N = 41 instead of 60 filters. The merge is exact.

    Attributes
    ----------
    bank : FilterBank
    radii : float64 (R,)
        Radii of the table in px, evenly spaced.
    blur_power : float32 (R, C)
        sigma^2(r) of each channel.
    noise : float32 (C,)
        n_i of each channel for a noise variance of 1.
    multiplicity : float32 (C,)
        How many filters the channel stands for.
    channel : int64 (F,)
        Channel of each filter.
    """

    bank: FilterBank
    radii: NDArray[np.float64]
    blur_power: NDArray[np.float32]
    noise: NDArray[np.float32]
    multiplicity: NDArray[np.float32]
    channel: NDArray[np.int64]


def blur_spectra(bank: FilterBank, psf: PSF, radii: NDArray[np.float64]) -> BlurSpectra:
    """Return the tables of blur and noise spectra, merged into channels.

    Parameters
    ----------
    bank : FilterBank
    psf : PSF
        If ``psf.isotropic``, filters with the same unordered pair {|a1|, |a2|} share a channel.
    radii : float (R,)
        Radii in px.

    Returns
    -------
    BlurSpectra
    """
    key = np.sort(np.abs(bank.indices), axis=1) if psf.isotropic else bank.indices
    _, first, channel, count = np.unique(key, axis=0, return_index=True, return_inverse=True, return_counts=True)
    one_each = FilterBank(bank.window, bank.indices[first])
    return BlurSpectra(
        bank,
        np.asarray(radii, float),
        blur_spectrum(one_each, psf, radii).astype(np.float32),
        noise_spectrum(one_each).astype(np.float32),
        count.astype(np.float32),
        channel.ravel(),
    )
