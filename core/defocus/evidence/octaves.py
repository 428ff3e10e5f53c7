"""Octaves: how well every blur radius explains the surroundings of every sample, over all octaves of the picture.

One octave measures radii up to about 8 px of its own pixels. Larger blur is measured in copies of the picture reduced
by 2, 4, ...; every octave judges every radius, and their log-likelihoods add up. One octave more, whose windows are
twice as wide, steadies the map where narrow windows see too little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.evidence.likelihood import profile_kernel
from defocus.evidence.noise import reduced_noise
from defocus.evidence.radii import octaves_and_radii, sample_spacing
from defocus.evidence.validity import mean_at, valid_fraction, valid_pixels
from defocus.evidence.windows import STAGE, Windows
from defocus.parallel import told_of_compiling
from defocus.pictures.sampling import cell_means, sample_positions
from defocus.progress import ignore_progress, sub_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence.spectrum import BlurSpectra
    from defocus.parameters import AnalysisParameters
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress
    from defocus.tuning import EvidenceTuning

__all__ = ["LEAST_SAMPLES", "Evidence", "local_evidence"]

LEAST_SAMPLES = 4
"""That make evidence: one may be a defect."""


@dataclass(frozen=True)
class Evidence:
    """What each window tells of its blur.

    Attributes
    ----------
    rows, columns : int64 (h,), (w,)
        Pixels at which the samples lie.
    spacing : int
        Distance of samples in px.
    radii : float64 (R,)
        Radii in px; evenly spaced in each octave.
    profile : float32 (h, w, R)
        Negative log-likelihood (13) of each radius at its best gradient variance, less its minimum, in nats.
    least : float32 (h, w)
        That minimum: how well the best radius explains the window, over all octaves, in nats.
    log_gradient_variance : float32 (h, w, R)
        Natural logarithm of the variance, in the coarsest octave.
    wide : float32 (ceil(h / 2), ceil(w / 2), R) or None
        The same as `profile` from windows twice as wide as those of the coarsest octave, at every second sample; None
        in pictures too small for them.
    valid_fraction : float32 (h, w)
        Part of each window that is opaque and no frame, in [0, 1]; below one half a window has no opinion.
    noise_variance : float
        Noise variance used in the first octave, for intensities in [0, 1].
    energies : float32 (h, C, w)
        Local energies of the first octave.
    spectra : BlurSpectra
        Tables of the first octave.
    told_disc : bool
        Whether the blur of fluorescence turned out to be a disc.
    shape_doubt : str
        Why the blur may have another shape as well, in words; empty where that is known or was chosen.
    shining, cut_off : bool (H, W) or None
        Which pixels of fluorescence lie on something that shines, whose blur can be told, and which do beside what is
        saturated, and so tell nothing; None of other kinds.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    spacing: int
    radii: NDArray[np.float64]
    profile: NDArray[np.float32]
    least: NDArray[np.float32]
    log_gradient_variance: NDArray[np.float32]
    wide: NDArray[np.float32] | None
    valid_fraction: NDArray[np.float32]
    noise_variance: float
    energies: NDArray[np.float32]
    spectra: BlurSpectra
    told_disc: bool = False
    shape_doubt: str = ""
    shining: NDArray[np.bool_] | None = None
    cut_off: NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of samples."""
        return len(self.rows), len(self.columns)

    def at_samples(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return what pixels (H, W) hold at the samples, (h, w)."""
        return pixels[np.ix_(self.rows, self.columns)]

    def tells(self, nats: float) -> NDArray[np.bool_]:
        """Return which samples prefer some radius to another by so much, bool (h, w)."""
        return np.asarray(self.profile.max(axis=2) > nats)


def local_evidence(
    picture: Picture,
    parameters: AnalysisParameters,
    tuning: EvidenceTuning,
    *,
    noise_ratio: NDArray[np.float32] | None = None,
    progress: Progress = ignore_progress,
) -> Evidence:
    """Measure how well every radius explains the surroundings of every sample.

    Parameters
    ----------
    picture : Picture
    parameters : AnalysisParameters
    tuning : EvidenceTuning
    noise_ratio : float32 (H, W), optional
        Variance of each pixel's noise, in the noise variance; 1 unless given.
    progress : callable, optional

    Returns
    -------
    Evidence

    Raises
    ------
    InputError
        If the picture is smaller than the window.
    """
    height, width = picture.shape
    if min(height, width) < parameters.window:
        raise InputError(
            f"{picture.source}: {width} x {height} px is smaller than the analysis window of {parameters.window} px"
        )
    octaves, radii = octaves_and_radii(parameters, picture.shape, tuning)
    spacing = sample_spacing(parameters, picture.shape, tuning)
    rows, columns = sample_positions(height, spacing), sample_positions(width, spacing)
    windows = Windows(parameters, radii, tuning)
    progress = told_of_compiling(progress, profile_kernel)
    progress(0.0, STAGE)
    luminance = picture.luminance
    ratio = None if noise_ratio is None else mean_at(noise_ratio, windows.bank.window, rows, columns)
    valid = valid_pixels(picture, luminance, tuning)
    fraction = None if valid is None else valid_fraction(valid, windows.bank.window, rows, columns)
    room = tuning.wide_windows * parameters.window * 2**octaves
    wider = parameters.method != "paper" and min(height, width) >= room
    # Samples of the octave that has the wider windows lie twice as far apart
    work = np.append(np.ones(octaves), [0.3] * wider)
    ends = np.append(0, np.cumsum(work) / work.sum())
    profile: NDArray[np.float32] | None = None
    wide: NDArray[np.float32] | None = None
    log_variance: NDArray[np.float32] | None = None
    coarsest_noise = 0.0
    for octave in range(octaves + wider):
        progress(float(ends[octave]), STAGE)
        if octave:
            luminance = cell_means(luminance, 2)
            valid = None if valid is None else cell_means(valid.astype(np.float32), 2) > 0.999
        part_progress = sub_progress(progress, float(ends[octave]), float(ends[octave + 1]))
        if octave == octaves:
            some = None if fraction is None else np.ascontiguousarray(fraction[::2, ::2])
            noise = reduced_noise(coarsest_noise, tuning)
            some_ratio = None if ratio is None else ratio[::2, ::2]
            wide = windows.measure(
                luminance, valid, 2**octave, rows[::2], columns[::2], some, part_progress, noise, some_ratio
            ).profile
            wide -= wide.min(axis=2, keepdims=True)
            break
        found = windows.measure(luminance, valid, 2**octave, rows, columns, fraction, part_progress, noise_ratio=ratio)
        if octave == 0:
            noise_variance, energies, spectra = found.noise, found.energies, found.spectra
        profile = found.profile if profile is None else np.add(profile, found.profile, out=profile)
        log_variance, coarsest_noise = found.log_gradient_variance, found.noise
        if octave < octaves - 1:
            log_variance = None  # that of the coarsest counts
        del found  # what is measured next takes its place in memory
    assert profile is not None
    assert log_variance is not None
    least = profile.min(axis=2)
    profile -= least[..., np.newaxis]
    if fraction is None:
        fraction = np.ones(profile.shape[:2], np.float32)
    else:
        unknown = fraction < tuning.least_valid
        profile[unknown] = 0
        log_variance[unknown] = 0
        if wide is not None:
            wide[unknown[::2, ::2]] = 0
    return Evidence(
        rows=rows,
        columns=columns,
        spacing=spacing,
        radii=radii,
        profile=profile,
        least=least,
        log_gradient_variance=log_variance,
        wide=wide,
        valid_fraction=fraction,
        noise_variance=noise_variance,
        energies=energies,
        spectra=spectra,
    )
