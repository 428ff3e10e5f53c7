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

__all__ = ["measured_evidence"]


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
    usual = dataclasses.replace(parameters, psf="disc") if parameters.tells_shape else parameters
    if parameters.method == "paper":  # which knows no stretching
        return local_evidence(picture, usual, tuning.evidence, progress=progress), unstretched(picture), usual
    seen = stretched(picture, light_levels(picture, counts=parameters.kind == "fluorescence"))
    if parameters.kind == "fluorescence":
        evidence, shape = fluorescence_evidence(seen, parameters, tuning, progress=progress)
        return evidence, seen, dataclasses.replace(parameters, psf=shape) if parameters.tells_shape else parameters
    if usual.noise == "auto":
        return local_evidence(seen.picture, usual, tuning.evidence, progress=progress), seen, usual
    noise = min(max(float(usual.noise) * seen.gain**2, NOISE_RANGE[0]), NOISE_RANGE[1])
    chosen = dataclasses.replace(usual, noise=noise)
    return local_evidence(seen.picture, chosen, tuning.evidence, progress=progress), seen, usual
