"""Shape: whether the blur of fluorescence is a Gaussian or a disc, as far as the picture tells."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from defocus.evidence.octaves import LEAST_SAMPLES, local_evidence
from defocus.evidence.radii import OFFSET
from defocus.parameters import SPACING_RANGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.parameters import AnalysisParameters
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress
    from defocus.tuning import Tuning

__all__ = ["FittingShape", "fitting_shape"]

_END = 0.95  # of the largest radius: what is read as more may be any larger


@dataclasses.dataclass(frozen=True)
class FittingShape:
    """What a picture tells of the shape of its blur.

    Attributes
    ----------
    name : {"gaussian", "disc"}
        What to work with.
    gain : float
        How much better a disc explains a window, in nats, on average over what is known; at most as much as
        `defocus.tuning.FluorescenceTuning.most_gain` in each.
    gaussian_radius, disc_radius : float
        Median radius in px by either shape; NaN where nothing is known.
    doubt : str
        Empty unless a disc fits better but tells another amount of blur.
    """

    name: str
    gain: float
    gaussian_radius: float
    disc_radius: float
    doubt: str = ""


def fitting_shape(
    picture: Picture,
    parameters: AnalysisParameters,
    tuning: Tuning,
    *,
    noise_ratio: NDArray[np.float32],
    shining: NDArray[np.bool_],
    progress: Progress,
) -> FittingShape:
    """Compare the likelihoods of the best Gaussian and the best disc over what shines.

    A sharp nucleus without texture is a blurred point to a disc of its size, which then fits better than any other
    shape. So a disc is believed only where both shapes tell like amounts of blur; else it is a Gaussian, the more
    careful of the two: it never takes what is sharp for something far out of focus. So it is where either is as large
    as what was looked for: of what is blurred by more, neither shape was tried in its own size.

    Parameters
    ----------
    picture : Picture
        As it is measured.
    parameters : AnalysisParameters
        With numbers for its spacing, noise and largest radius.
    tuning : Tuning
    noise_ratio : float32 (H, W)
    shining : bool (H, W)
        What shines.
    progress : callable

    Returns
    -------
    FittingShape
    """
    numbers = tuning.fluorescence
    spacing = min(round(int(parameters.spacing) * numbers.shape_spacing), SPACING_RANGE[1])
    wide = dataclasses.replace(parameters, spacing=spacing)
    gaussian, disc = (
        local_evidence(
            picture, dataclasses.replace(wide, psf=name), tuning.evidence, noise_ratio=noise_ratio, progress=progress
        )
        for name in ("gaussian", "disc")
    )
    nats = tuning.evidence.evidence_nats
    known = (gaussian.tells(nats) | disc.tells(nats)) & gaussian.at_samples(shining)
    if np.count_nonzero(known) < LEAST_SAMPLES:
        return FittingShape("gaussian", 0.0, np.nan, np.nan)
    gain = float(np.clip((gaussian.least - disc.least)[known], -numbers.most_gain, numbers.most_gain).mean())
    radius, other = (float(np.median(one.radii[one.profile[known].argmin(axis=1)])) for one in (gaussian, disc))
    beyond = max(radius, other) >= _END * gaussian.radii[-1]
    alike = abs(np.log((radius + OFFSET) / (other + OFFSET))) < np.log(numbers.alike)
    if gain <= numbers.disc_gain or beyond:
        return FittingShape("gaussian", gain, radius, other)
    if alike:
        return FittingShape("disc", gain, radius, other)
    doubt = f"as discs the blur would be {other:.1f} px, not {radius:.1f} px, unless what shines is flat and round"
    return FittingShape("gaussian", gain, radius, other, doubt)
