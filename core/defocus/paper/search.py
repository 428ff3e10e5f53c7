"""Search: the blur radii at which a window's likelihood has its best maxima (equations 9, 11, 13).

Two ways are here. The paper's starts at eight radii and alternates between the best gradient variance for a radius and
the best radius for that variance. The other computes the whole profile over r and refines its best minima; it finds
every maximum and is faster, so it is the default.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from defocus.compiled import compiled
from defocus.errors import InputError
from defocus.evidence.likelihood import profile_likelihood
from defocus.evidence.spectrum import fit_spectrum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence.spectrum import BlurSpectra

__all__ = ["candidates", "fitted_spectra", "minima"]

_STARTS = np.arange(1.0, 9.0)  # r0 of the paper, in px
_ROUNDS = 60  # alternations; nearly all windows settle within 20
_MERGE = 0.15  # px: maxima closer than this are one


def fitted_spectra(spectra: BlurSpectra, step: float = 0.02, powers: range = range(20)) -> BlurSpectra:
    """Return dense tables resampled from the fit (12) to `spectra`.

    Parameters
    ----------
    spectra : BlurSpectra
        Radii below 0.5 px are left out of the fit: there the disc lies within a pixel and the spectrum is constant.
    step : float
        Distance of radii in the new tables in px.
    powers : range
        Exponents k of the fit. A disc's spectrum has rings, so that it takes many of them; more than these no longer
        help in double precision.

    Returns
    -------
    BlurSpectra
    """
    known = spectra.radii >= 0.5
    alpha = fit_spectrum(spectra.radii[known], spectra.blur_power[known].astype(float), powers)
    radii = np.arange(round(spectra.radii[-1] / step) + 1) * step
    inner = np.maximum(radii, 0.5)
    variance = np.exp(inner[:, np.newaxis] ** np.array(powers, float) @ alpha)
    return replace(spectra, radii=radii, blur_power=variance.astype(np.float32))


@compiled(nogil=True, error_model="numpy")
def _cost(energy, noise, variance, multiplicity, scale):  # type: ignore[no-untyped-def]
    """Equation (13) for one window: negative log-likelihood for a gradient variance `scale`."""
    total = 0.0
    for c in range(len(energy)):
        mean = scale * variance[c] + noise[c]
        total += multiplicity[c] * (energy[c] / mean + np.log(mean))
    return total


@compiled(nogil=True, error_model="numpy")
def _best_variance(energy, noise, variance, multiplicity, scale, lowest):  # type: ignore[no-untyped-def]
    """Iterate the fixed point (11) from `scale`; it may approach no signal at all, so it is kept above `lowest`."""
    for _ in range(200):
        above = 0.0
        below = 0.0
        for c in range(len(energy)):
            weight = multiplicity[c] / (1.0 + noise[c] / (scale * variance[c])) ** 2
            above += weight * (energy[c] - noise[c]) / variance[c]
            below += weight
        following = max(above / below, lowest)
        if abs(following - scale) <= 1e-5 * scale:
            return following
        scale = following
    return scale


@compiled(nogil=True, error_model="numpy")
def _alternate(energy, noise, tables, multiplicity, first, lowest):  # type: ignore[no-untyped-def]
    """From table row `first`, alternate (11) and a descent of (13) over r; return the row and the variance."""
    row = first
    scale = max(1e-3, lowest)
    for _ in range(_ROUNDS):
        scale = _best_variance(energy, noise, tables[row], multiplicity, scale, lowest)
        here = _cost(energy, noise, tables[row], multiplicity, scale)
        start = row
        for step in (-1, 1):
            while 0 <= row + step < len(tables):
                there = _cost(energy, noise, tables[row + step], multiplicity, scale)
                if there >= here:
                    break
                row += step
                here = there
        if row == start:
            break
    return row, scale


@compiled(nogil=True, error_model="numpy")
def _search_row(energies, noise, tables, radii, multiplicity, starts, lowest, merge, found, costs):  # type: ignore[no-untyped-def]
    """Alternating search for one row of windows; keeps the best distinct maxima of each, best first."""
    channels, count = energies.shape
    energy = np.empty(channels)
    kept = found.shape[1]
    for i in range(count):
        for c in range(channels):
            energy[c] = energies[c, i]
        for start in starts:
            row, scale = _alternate(energy, noise, tables, multiplicity, start, lowest)
            _insert(radii[row], _cost(energy, noise, tables[row], multiplicity, scale), merge, found[i], costs[i], kept)


@compiled(nogil=True, error_model="numpy")
def _insert(radius, cost, merge, found, costs, kept):  # type: ignore[no-untyped-def]
    """Put a maximum into a sorted short list unless a better one lies nearby."""
    for k in range(kept):
        if abs(found[k] - radius) < merge:
            if costs[k] <= cost:
                return
            for j in range(k, kept - 1):
                found[j] = found[j + 1]
                costs[j] = costs[j + 1]
            found[kept - 1] = np.nan
            costs[kept - 1] = np.inf
            break
    for k in range(kept):
        if cost < costs[k]:
            for j in range(kept - 1, k, -1):
                found[j] = found[j - 1]
                costs[j] = costs[j - 1]
            found[k] = radius
            costs[k] = cost
            return


@compiled(nogil=True, error_model="numpy")
def _minima_row(profile, radii, found, costs):  # type: ignore[no-untyped-def]
    """Best minima of each profile, refined by a parabola; plateaus count once, and both ends of the range count."""
    count, length = profile.shape
    kept = found.shape[1]
    for i in range(count):
        line = profile[i]
        k = 0
        while k < length:
            last = k
            while last + 1 < length and line[last + 1] == line[k]:
                last += 1
            left_higher = k == 0 or line[k - 1] > line[k]
            right_higher = last == length - 1 or line[last + 1] > line[k]
            # A profile without any slope is no evidence for anything
            if left_higher and right_higher and not (k == 0 and last == length - 1):
                radius = 0.5 * (radii[k] + radii[last])
                cost = float(line[k])
                if 0 < k == last < length - 1:
                    bend = line[k - 1] - 2 * line[k] + line[k + 1]
                    slope = 0.5 * (line[k + 1] - line[k - 1])
                    radius -= (radii[k] - radii[k - 1]) * slope / bend
                    cost -= 0.5 * slope * slope / bend
                _insert(radius, cost, 0.0, found[i], costs[i], kept)
            k = last + 1


def minima(
    profile: NDArray[np.float32], radii: NDArray[np.float64], *, count: int = 3, threads: int = 2
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best local minima of each window's negative log-likelihood.

    Parameters
    ----------
    profile : float32 (h, w, R)
        Negative log-likelihood of each radius in nats.
    radii : float64 (R,)
        In px.
    count : int
        How many minima to keep per window.
    threads : int

    Returns
    -------
    radii, costs : float64 (h, w, count)
        As from `candidates`.
    """
    height, width, _ = profile.shape
    found = np.full((height, width, count), np.nan)
    costs = np.full((height, width, count), np.inf)

    def row(index: int) -> None:
        _minima_row(profile[index], radii, found[index], costs[index])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(row, range(height)))
    return found, costs


def candidates(
    energies: NDArray[np.float32],
    spectra: BlurSpectra,
    noise_variance: float,
    *,
    method: Literal["dense", "alternating"] = "dense",
    count: int = 3,
    threads: int = 2,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the radii at which each window's likelihood has its best local maxima.

    Parameters
    ----------
    energies : float32 (h, C, w)
        From `defocus.evidence.likelihood.local_energies`.
    spectra : BlurSpectra
        Tables over r; ``"alternating"`` answers with one of their radii, so steps of 0.02 px suit it. `fitted_spectra`
        makes such tables as the paper does; computing them afresh is more exact.
    noise_variance : float
        sigma_n^2 for intensities in [0, 1].
    method : {"dense", "alternating"}
        The whole profile over r, or the paper's search from r0 = 1 ... 8 px.
    count : int
        How many maxima to keep per window.
    threads : int

    Returns
    -------
    radii : float64 (h, w, count)
        In px, best first; NaN where there are fewer.
    costs : float64 (h, w, count)
        Negative log-likelihood (13) in nats; infinite where there are fewer.
    """
    if method == "dense":
        profile, _ = profile_likelihood(energies, spectra, noise_variance, threads=threads)
        return minima(profile, spectra.radii, count=count, threads=threads)
    height, _, width = energies.shape
    found = np.full((height, width, count), np.nan)
    costs = np.full((height, width, count), np.inf)
    if method == "alternating":
        noise = noise_variance * spectra.noise.astype(float)
        tables = spectra.blur_power.astype(float)
        starts = np.array([np.abs(spectra.radii - start).argmin() for start in _STARTS if start <= spectra.radii[-1]])
        lowest = 1e-3 * float((noise / tables.max(axis=0)).min())
        multiplicity = spectra.multiplicity.astype(float)

        def row(index: int) -> None:
            _search_row(
                energies[index],
                noise,
                tables,
                spectra.radii,
                multiplicity,
                starts,
                lowest,
                _MERGE,
                found[index],
                costs[index],
            )

    else:
        raise InputError(f"method must be dense or alternating, not {method!r}")
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(row, range(height)))
    return found, costs
