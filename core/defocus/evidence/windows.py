"""Windows: compares the windows of one octave of a picture with every radius."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from defocus.evidence.likelihood import local_energies, profile_likelihood
from defocus.evidence.noise import estimate_noise, working_noise
from defocus.evidence.radii import own_radii, spread_to_all
from defocus.evidence.spectrum import blur_spectra, gabor_bank
from defocus.progress import sub_progress
from defocus.psf.families import FAMILIES, SensorPSF

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence.spectrum import BlurSpectra
    from defocus.parameters import AnalysisParameters
    from defocus.progress import Progress
    from defocus.psf.families import PSF
    from defocus.tuning import EvidenceTuning

__all__ = ["STAGE", "OctaveEvidence", "Windows"]

STAGE = "measuring local spectra"
"""What progress is told."""


class OctaveEvidence(NamedTuple):
    """What the windows of one octave tell; as the attributes of `defocus.evidence.Evidence`."""

    profile: NDArray[np.float32]
    log_gradient_variance: NDArray[np.float32]
    noise: float
    energies: NDArray[np.float32]
    spectra: BlurSpectra


def _psf(parameters: AnalysisParameters) -> PSF:
    """Return the PSF to compare with: a given one as it is, because a measured one holds the sensor's blur already."""
    shape = parameters.blur_shape()
    bare = parameters.method == "paper" or parameters.psf not in ("auto", *FAMILIES)
    return shape if bare else SensorPSF(shape, parameters.sensor_blur)


@functools.lru_cache(maxsize=32)
def _tables(window: int, psf: Any, radii: tuple[float, ...]) -> BlurSpectra:
    """Return the tables of blur spectra."""
    return blur_spectra(gabor_bank(window), psf, np.array(radii))


class Windows:
    """Compares the windows of a picture, or of a reduced copy of it, with every radius.

    Parameters
    ----------
    parameters : AnalysisParameters
    radii : float64 (R,)
        Radii in px of the picture itself.
    tuning : EvidenceTuning
    """

    def __init__(self, parameters: AnalysisParameters, radii: NDArray[np.float64], tuning: EvidenceTuning) -> None:
        self.parameters, self.radii, self.tuning = parameters, radii, tuning
        self.bank, self.psf = gabor_bank(parameters.window), _psf(parameters)

    def measure(
        self,
        luminance: NDArray[np.float32],
        valid: NDArray[np.bool_] | None,
        scale: int,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        fraction: NDArray[np.float32] | None,
        progress: Progress,
        noise: float | None = None,
        noise_ratio: NDArray[np.float32] | None = None,
    ) -> OctaveEvidence:
        """Measure at some pixels of the whole picture.

        Parameters
        ----------
        luminance : float32 (H / scale, W / scale)
            The picture, reduced by `scale`.
        valid : bool (H / scale, W / scale) or None
            Which of its pixels carry evidence; None for all.
        scale : int
        rows, columns : int64 (h,), (w,)
            Pixels of the whole picture.
        fraction : float32 (h, w) or None
            How much of each window is valid; None for all.
        progress : callable
        noise : float, optional
            Noise variance of the reduced picture; measured unless given.
        noise_ratio : float32 (h, w), optional
            Noise variance in each window, in that of the picture; 1 unless given.

        Returns
        -------
        OctaveEvidence
        """
        parameters, radii = self.parameters, self.radii
        own = own_radii(radii, scale, self.tuning)
        # Tables that pictures of one size share; a PSF of the caller's own need not be hashable
        psf: Any = self.psf
        make = _tables if isinstance(psf, Hashable) else _tables.__wrapped__
        spectra = make(parameters.window, psf, tuple((radii[own] / scale).tolist()))
        progress(0.0, STAGE)
        energies = local_energies(
            luminance,
            spectra,
            np.minimum(rows // scale, luminance.shape[0] - 1),
            np.minimum(columns // scale, luminance.shape[1] - 1),
            valid=valid,
            progress=sub_progress(progress, 0, 0.3),
        )
        if noise_ratio is not None:
            energies /= noise_ratio[:, np.newaxis]  # only the ratio of energy and noise counts
        if parameters.noise != "auto":
            noise = float(parameters.noise) / scale**2  # averaging 2 x 2 pixels quarters the variance
        elif parameters.method == "paper":
            noise = 1e-4 / scale**2  # as published
        elif noise is None:
            noise = working_noise(estimate_noise(energies, spectra, fraction), self.tuning)
        profile, log_variance = profile_likelihood(
            energies, spectra, noise, valid_fraction=fraction, progress=sub_progress(progress, 0.3, 1)
        )
        return OctaveEvidence(
            spread_to_all(profile, own, radii), spread_to_all(log_variance, own, radii), noise, energies, spectra
        )
