"""Other models of the latent gradients, which the paper leaves as future work, for the experiments to compare.

The paper takes the gradients of a window as Gaussian and white with one variance s. Natural gradients have heavy tails,
and their spectrum is not flat. Each model here gives the same as `profile_likelihood`: the negative log-likelihood of
every radius.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from defocus.compiled import compiled
from defocus.evidence.likelihood import profile_likelihood

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence.spectrum import BlurSpectra

__all__ = ["scale_mixture_profile", "sloped_profile"]

_SLOPES = np.arange(-1.0, 2.01, 0.5)  # beta: the latent gradient's power falls with frequency as f^-beta
_SLOPE_DEVIATION = 0.5
_STEPS = np.exp(np.linspace(-2.0, 2.0, 7)).astype(np.float32)  # factors about the Gaussian model's s that are tried


def sloped_profile(
    energies: NDArray[np.float32],
    spectra: BlurSpectra,
    noise_variance: float,
    *,
    deviation: float | None = _SLOPE_DEVIATION,
    slopes: NDArray[np.float64] = _SLOPES,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the profile for a latent gradient spectrum that falls as f^-beta with an unknown beta in each window.

    Parameters
    ----------
    energies : float32 (h, C, w)
    spectra : BlurSpectra
    noise_variance : float
    deviation : float or None
        Standard deviation of a Gaussian prior of beta around 0, over which beta is marginalised; None takes the best
        beta of each radius, whichever it is.
    slopes : float (B,)
        Values of beta.

    Returns
    -------
    profile, log_variance : float32 (h, w, R)
        As from `defocus.evidence.likelihood.profile_likelihood`.
    """
    bank = spectra.bank
    squared = np.bincount(spectra.channel, (bank.indices**2).sum(axis=1)) / np.bincount(spectra.channel)
    frequency = np.sqrt(squared / squared.mean())
    likelihood: NDArray[np.float32] | None = None
    log_variance = None
    for slope in slopes:
        tilted = replace(spectra, blur_power=(spectra.blur_power * frequency**-slope).astype(np.float32))
        cost, scale = profile_likelihood(energies, tilted, noise_variance)
        if deviation is not None:
            cost += np.float32(0.5 * (slope / deviation) ** 2)
        if likelihood is None or log_variance is None:
            likelihood, log_variance = -cost, scale
            continue
        log_variance = np.where(-cost > likelihood, scale, log_variance)
        likelihood = np.maximum(likelihood, -cost) if deviation is None else np.logaddexp(likelihood, -cost)
    assert likelihood is not None
    assert log_variance is not None
    return -likelihood, log_variance


@compiled(nogil=True, fastmath=True, error_model="numpy")
def _mixture_row(energies, noise, variance, multiplicity, factors, logs, steps, log_variance, out):  # type: ignore[no-untyped-def]
    """Least negative log-likelihood over s for one row of windows, out[sample, radius]."""
    channels, count = energies.shape
    kinds = len(factors)
    costs = np.empty(kinds, np.float32)
    for i in range(count):
        for r in range(variance.shape[0]):
            best = np.float32(np.inf)
            for step in steps:
                scale = step * np.exp(log_variance[i, r])
                total = np.float32(0)
                for c in range(channels):
                    least = np.float32(np.inf)
                    for k in range(kinds):
                        mean = scale * factors[k] * variance[r, c] + noise[c]
                        costs[k] = multiplicity[c] * (energies[c, i] / mean + np.log(mean)) - logs[k]
                        least = min(least, costs[k])
                    share = np.float32(0)
                    for k in range(kinds):
                        share += np.exp(least - costs[k])
                    total += least - np.log(share)
                best = min(best, total)
            out[i, r] = best


def scale_mixture_profile(
    energies: NDArray[np.float32],
    spectra: BlurSpectra,
    noise_variance: float,
    *,
    factors: tuple[float, ...] = (0.5, 1.0, 2.0),
    weights: tuple[float, ...] = (0.25, 0.5, 0.25),
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the profile for a heavy-tailed latent gradient: a Gaussian scale mixture over s.

    Parameters
    ----------
    energies : float32 (h, C, w)
    spectra : BlurSpectra
    noise_variance : float
    factors, weights : tuple of float
        Each channel's variance is s times one of `factors`, with the probabilities `weights`.

    Returns
    -------
    profile, log_variance : float32 (h, w, R)
        As from `defocus.evidence.likelihood.profile_likelihood`; the variance is the Gaussian model's.
    """
    _, log_variance = profile_likelihood(energies, spectra, noise_variance)
    noise = (noise_variance * spectra.noise).astype(np.float32)
    out = np.empty_like(log_variance)
    kinds, logs = np.array(factors, np.float32), np.log(np.array(weights, np.float32))

    def row(index: int) -> None:
        _mixture_row(
            energies[index],
            noise,
            spectra.blur_power,
            spectra.multiplicity,
            kinds,
            logs,
            _STEPS,
            log_variance[index],
            out[index],
        )

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(row, range(len(energies))))
    return out, log_variance
