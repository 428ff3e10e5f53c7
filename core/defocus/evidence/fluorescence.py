"""Evidence of fluorescence: measured in the picture's own light and noise, and only where something shines."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from defocus.evidence.octaves import Evidence, local_evidence
from defocus.evidence.radii import octaves_and_radii
from defocus.evidence.shape import fitting_shape
from defocus.parameters import NOISE_RANGE
from defocus.progress import ignore_progress, sub_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.parameters import AnalysisParameters
    from defocus.pictures.stretched import Stretched
    from defocus.progress import Progress
    from defocus.psf import PSF
    from defocus.tuning import FluorescenceTuning, Tuning

__all__ = ["fluorescence_evidence", "fluorescence_reach"]

_SMOOTH = 5  # px across, over which what shines is averaged
_OUTLIER = 1e15  # times white; the square of what is brighter, as a broken pixel may be, is no float32


def fluorescence_evidence(
    seen: Stretched,
    parameters: AnalysisParameters,
    tuning: Tuning,
    *,
    progress: Progress = ignore_progress,
) -> tuple[Evidence, str | PSF]:
    """Measure how well every radius explains what shines around every sample.

    Windows of the dark ground see only the glow of what is beside them, so the ground is no evidence, and neither is
    what prefers no radius. With
    ``max_radius="auto"`` the largest radius is doubled while most of what shines is blurred by more than a part of it:
    reduced copies of the picture tell large radii better.

    With ``psf="auto"`` the blur is a Gaussian, unless `fitting_shape` finds a disc.

    Parameters
    ----------
    seen : Stretched
        With the noise of its photons; it is taken into account.
    parameters : AnalysisParameters
    tuning : Tuning
    progress : callable, optional

    Returns
    -------
    evidence : Evidence
        Where there is none, `valid_fraction` is 0.
    psf : str or PSF
        The shape of the blur.

    Raises
    ------
    InputError
        If the picture is smaller than the window.
    """
    numbers = tuning.fluorescence
    assert seen.noise_ratio is not None
    # That of the ground is known from the finest detail, which for cells says more than what suits the windows best
    noise = seen.noise**2 if parameters.noise == "auto" else float(parameters.noise) * seen.gain**2
    noise = min(max(noise, numbers.least_noise), NOISE_RANGE[1])
    chosen = dataclasses.replace(parameters, noise=noise, psf="gaussian" if parameters.tells_shape else parameters.psf)
    ratio = seen.noise_ratio + (numbers.model_error / noise) * _contrast(seen, parameters.window)
    shining, cut_off = _shining(seen, parameters.window, tuning)
    ends = sub_progress(progress, 0, 0.6), sub_progress(progress, 0.6, 0.7), sub_progress(progress, 0.7, 1)
    found, chosen = _wide_enough(seen, chosen, ratio, shining, tuning, ends[0])
    if parameters.tells_shape:
        told = fitting_shape(
            seen.picture,
            dataclasses.replace(chosen, spacing=found.spacing, max_radius=float(found.radii[-1])),
            tuning,
            noise_ratio=ratio,
            shining=shining,
            progress=ends[1],
        )
        found = dataclasses.replace(found, shape_doubt=told.doubt)
        if told.name != chosen.psf:
            chosen = dataclasses.replace(chosen, psf=told.name)
            found = local_evidence(seen.picture, chosen, tuning.evidence, noise_ratio=ratio, progress=ends[2])
            found = dataclasses.replace(found, told_disc=True)
    progress(1.0, "measuring blur")
    known = found.at_samples(shining) & found.tells(tuning.evidence.evidence_nats)
    found = dataclasses.replace(found, shining=shining, cut_off=cut_off)
    return _without_ground(found, known), chosen.psf


def fluorescence_reach(window: int, numbers: FluorescenceTuning) -> int:
    """Return from how many px around it hangs whether a pixel shines.

    Parameters
    ----------
    window : int
        Side in px.
    numbers : FluorescenceTuning
    """
    side = int(numbers.wide * window) | 1
    return side - 1 + side // 2 + _SMOOTH // 2  # an opening reaches as far as it is wide, the peak's filter half


def _wide_enough(
    seen: Stretched,
    parameters: AnalysisParameters,
    noise_ratio: NDArray[np.float32],
    shining: NDArray[np.bool_],
    tuning: Tuning,
    progress: Progress,
) -> tuple[Evidence, AnalysisParameters]:
    """Return evidence up to a radius that is large enough, and the parameters with that."""
    chosen, done = parameters, 0.0
    while True:
        part = sub_progress(progress, done, done + (1 - done) / 2 if parameters.max_radius == "auto" else 1.0)
        found = local_evidence(seen.picture, chosen, tuning.evidence, noise_ratio=noise_ratio, progress=part)
        if parameters.max_radius != "auto":
            return found, chosen
        largest = float(found.radii[-1])
        if not _beyond(found, found.at_samples(shining), tuning) or 2 * largest > tuning.fluorescence.most_radius:
            return found, chosen
        wider = dataclasses.replace(chosen, max_radius=2 * largest)
        if len(octaves_and_radii(wider, seen.picture.shape, tuning.evidence)[1]) <= len(found.radii):
            return found, chosen  # no room for another octave
        chosen = wider
        done += (1 - done) / 2


def _contrast(seen: Stretched, window: int) -> NDArray[np.float32]:
    """Return the variance of the light around each pixel, float32 (H, W)."""
    from scipy import ndimage

    light = np.clip(seen.picture.color[..., 0], -_OUTLIER, _OUTLIER)
    side = window // 2 | 1
    mean = ndimage.uniform_filter(light, side)
    return np.maximum(ndimage.uniform_filter(light * light, side) - mean * mean, 0)


def _shining(seen: Stretched, window: int, tuning: Tuning) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which pixels lie on something that shines, and which do but lie beside what is cut off, bool (H, W) each.

    What shines is brighter than the ground within a window, and no mere glow of something brighter; or it lies within
    something larger, nearly as bright as anything within some windows. The ground is the light's opening, so that haze
    and uneven light, which are wider, are ground. Beside what is cut off, whose peak nobody knows, all may be glow.
    """
    from scipy import ndimage

    numbers = tuning.fluorescence
    smooth = ndimage.uniform_filter(seen.picture.color[..., 0], _SMOOTH)
    shines = np.zeros(smooth.shape, bool)
    for side, part in ((window, numbers.part_of_peak), (int(numbers.wide * window) | 1, numbers.part_of_wide_peak)):
        above = smooth - ndimage.grey_opening(smooth, (side, side))
        # That of the ground's own photons
        noise = seen.noise * np.sqrt(ndimage.grey_opening(seen.noise_ratio, (side, side)))
        shines |= (above > part * ndimage.maximum_filter(above, side)) & (above > numbers.above_noise * noise)
    beside = np.zeros_like(shines) if seen.saturated is None else ndimage.maximum_filter(seen.saturated, window)
    return shines & ~beside, shines & beside


def _beyond(evidence: Evidence, shining: NDArray[np.bool_], tuning: Tuning) -> bool:
    """Whether what shines is blurred so much that it should be looked at farther out."""
    here = shining & (evidence.valid_fraction > 0)
    if not here.any():
        return False
    best = evidence.radii[evidence.profile[here].argmin(axis=1)]
    # What is blurred far more than the largest radius prefers none
    best = np.where(evidence.tells(tuning.evidence.evidence_nats)[here], best, evidence.radii[-1])
    return bool(np.median(best) > tuning.fluorescence.most_filled * evidence.radii[-1])


def _without_ground(evidence: Evidence, known: NDArray[np.bool_]) -> Evidence:
    """Return evidence in which all samples but some have no opinion."""
    profile = np.where(known[..., np.newaxis], evidence.profile, np.float32(0))
    variance = np.where(known[..., np.newaxis], evidence.log_gradient_variance, np.float32(0))
    wide = evidence.wide
    if wide is not None:
        wide = np.where(known[::2, ::2, np.newaxis], wide, np.float32(0))
    fraction = np.where(known, evidence.valid_fraction, np.float32(0))
    return dataclasses.replace(
        evidence, profile=profile, log_gradient_variance=variance, wide=wide, valid_fraction=fraction
    )
