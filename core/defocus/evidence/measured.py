"""Measured: the evidence of a picture of any kind, in its own light."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from defocus.evidence.fluorescence import fluorescence_evidence
from defocus.evidence.octaves import Evidence, local_evidence
from defocus.parameters import NOISE_RANGE
from defocus.pictures.stretched import light_levels, stretched, unstretched
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from defocus.parameters import AnalysisParameters
    from defocus.pictures.picture import Picture
    from defocus.pictures.stretched import Stretched
    from defocus.progress import Progress
    from defocus.tuning import Tuning

__all__ = ["evidence_of", "measured_evidence"]


def measured_evidence(
    picture: Picture, parameters: AnalysisParameters, tuning: Tuning, *, progress: Progress = ignore_progress
) -> tuple[Evidence, Stretched, AnalysisParameters]:
    """Measure how well every radius explains the surroundings of every sample.

    Parameters
    ----------
    picture : Picture
    parameters : AnalysisParameters
        With a kind that is not "auto".
    tuning : Tuning
    progress : callable, optional

    Returns
    -------
    evidence : Evidence
    seen : Stretched
        The picture as it was measured; noise variances are those of its intensities.
    parameters : AnalysisParameters
        As given, but with the blur shape that "auto" turned out to be.

    Raises
    ------
    InputError
        If the picture is smaller than the window.
    """
    if parameters.method == "paper":  # which knows no stretching
        usual = _usual_shape(parameters)
        return local_evidence(picture, usual, tuning.evidence, progress=progress), unstretched(picture), usual
    seen = stretched(picture, light_levels(picture, counts=parameters.kind == "fluorescence"))
    evidence, chosen = evidence_of(seen, parameters, tuning, progress=progress)
    return evidence, seen, chosen


def evidence_of(
    seen: Stretched, parameters: AnalysisParameters, tuning: Tuning, *, progress: Progress = ignore_progress
) -> tuple[Evidence, AnalysisParameters]:
    """Measure how well every radius explains the surroundings of every sample of a stretched picture.

    Parameters
    ----------
    seen : Stretched
        With the noise of its photons where the kind is fluorescence.
    parameters : AnalysisParameters
        As for `measured_evidence`; noise variances are those of the picture as it came.
    tuning : Tuning
    progress : callable, optional

    Returns
    -------
    evidence : Evidence
    parameters : AnalysisParameters
        As given, but with the blur shape that "auto" turned out to be.

    Raises
    ------
    InputError
        If the picture is smaller than the window.
    """
    if parameters.kind == "fluorescence":
        evidence, shape = fluorescence_evidence(seen, parameters, tuning, progress=progress)
        return evidence, dataclasses.replace(parameters, psf=shape) if parameters.tells_shape else parameters
    usual = _usual_shape(parameters)
    chosen = usual
    if usual.noise != "auto":
        noise = min(max(float(usual.noise) * seen.gain**2, NOISE_RANGE[0]), NOISE_RANGE[1])
        chosen = dataclasses.replace(usual, noise=noise)
    return local_evidence(seen.picture, chosen, tuning.evidence, progress=progress), usual


def _usual_shape(parameters: AnalysisParameters) -> AnalysisParameters:
    """Return parameters with the shape of the blur that is usual where none is told."""
    return dataclasses.replace(parameters, psf="disc") if parameters.tells_shape else parameters
