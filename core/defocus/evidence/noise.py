"""Noise: the variance of a picture's noise, measured from the picture itself."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from defocus.evidence.likelihood import profile_likelihood

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence.spectrum import BlurSpectra
    from defocus.tuning import EvidenceTuning

__all__ = ["estimate_noise", "reduced_noise", "working_noise"]

_GRID = np.geomspace(1e-6, 4e-3, 12)
_STRIDE = 2
_COARSER = 4  # a table of every fourth radius moves the estimate by a few per cent
_SAMPLES = 1200  # windows are enough for a mean, and keep the estimate below a tenth of the whole work


def estimate_noise(
    energies: NDArray[np.float32], spectra: BlurSpectra, valid_fraction: NDArray[np.float32] | None = None
) -> float:
    """Return the noise variance under which the picture's windows are most likely.

    Each window is explained by its best radius and gradient variance; the noise variance that maximises the mean of
    these likelihoods (equation 5) over the picture is returned. Blurred windows decide it, because nothing but noise is
    left of their high frequencies, and sharp texture does not mislead it as it does filters that look for flat areas.

    Parameters
    ----------
    energies : float32 (h, C, w)
        From `defocus.evidence.likelihood.local_energies`.
    spectra : BlurSpectra
    valid_fraction : float32 (h, w), optional
        Part of each window that carries evidence; 1 unless given. Windows with less than one half have no say.

    Returns
    -------
    float
        Variance for intensities in [0, 1], within [1e-6, 4e-3].
    """
    spectra = replace(spectra, radii=spectra.radii[::_COARSER], blur_power=spectra.blur_power[::_COARSER])
    height, _, width = energies.shape
    step = max(1, int(np.sqrt(height * width / _SAMPLES)))
    sample = np.ascontiguousarray(energies[step // 2 :: step, :, step // 2 :: step])
    if valid_fraction is None:
        valid_fraction = np.ones((height, width), np.float32)
    fraction = np.ascontiguousarray(valid_fraction[step // 2 :: step, step // 2 :: step])
    known = fraction >= 0.5
    if not known.any():
        return float(_GRID[0])

    @functools.cache
    def misfit(index: int) -> float:
        profile = profile_likelihood(sample, spectra, float(_GRID[index]), valid_fraction=fraction)[0]
        return float(profile.min(axis=2)[known].mean())

    # It has one valley, so that every other says which three to look at
    best = min(range(0, len(_GRID), _STRIDE), key=misfit)
    best = min((one for one in range(best - _STRIDE + 1, best + _STRIDE) if 0 <= one < len(_GRID)), key=misfit)
    if best in (0, len(_GRID) - 1):
        return float(_GRID[best])
    # The vertex of the parabola through the three lowest points
    left, middle, right = (misfit(one) for one in (best - 1, best, best + 1))
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(_GRID[best] * (_GRID[1] / _GRID[0]) ** shift)


def working_noise(measured: float, tuning: EvidenceTuning) -> float:
    """Return the noise variance to work with when the picture's own noise variance is `measured`.

    Photographs deviate from the model by more than their noise: lenses are not discs, JPEG leaves blocks, one window
    holds several depths. A floor stands for that.
    """
    return tuning.model_error + tuning.noise_trust * measured


def reduced_noise(working: float, tuning: EvidenceTuning) -> float:
    """Return the noise variance to work with in a picture reduced by 2, from that of the picture itself.

    The noise is a quarter of it; what the model leaves out stays the same.
    """
    return tuning.model_error + max(working - tuning.model_error, 0) / 4
