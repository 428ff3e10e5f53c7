"""Radii: which blur radii are compared in which octave of a picture, and how far apart samples lie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.parameters import AnalysisParameters
    from defocus.tuning import EvidenceTuning

__all__ = ["OFFSET", "octaves_and_radii", "own_radii", "sample_spacing", "spread_to_all", "usual_spacing"]

OFFSET = 0.3
"""Px: radii below are hardly told apart, so distances of radii are those of log(radius + 0.3)."""


def octaves_and_radii(
    parameters: AnalysisParameters, shape: tuple[int, int], tuning: EvidenceTuning
) -> tuple[int, NDArray[np.float64]]:
    """Return the number of octaves and the radii in px that are compared in a picture of some size."""
    octave, step = tuning.octave_radius, tuning.radius_step
    if parameters.max_radius == "auto":
        excess = math.sqrt(shape[0] * shape[1] / tuning.web_size) / tuning.headroom
        count = 1 + max(0, math.floor(math.log2(excess)))
        largest = octave * 2 ** (count - 1)
    else:
        largest = float(parameters.max_radius)
        count = 1 + max(0, math.ceil(math.log2(largest / octave) - 1e-9))
    # A reduced picture must still hold a window
    room = int(math.log2(max(1, min(shape) / parameters.window)))
    count = min(count, 1 + room)
    largest = min(largest, octave * 2 ** (count - 1)) if parameters.max_radius == "auto" else largest
    steps = [np.arange(round(min(largest, octave) / step) + 1) * step]
    for number in range(1, 8):
        bottom = octave * 2 ** (number - 1)
        if largest > bottom + 1e-9:
            wider = step * 2**number
            steps.append(bottom + wider * np.arange(1, round((min(largest, 2 * bottom) - bottom) / wider) + 1))
    radii = np.concatenate(steps)
    if parameters.max_radius == "auto":  # measured lenses are known up to some radius only
        radii = radii[radii <= getattr(parameters.blur_shape(), "largest_radius", np.inf)]
    return count, radii


def own_radii(radii: NDArray[np.float64], scale: int, tuning: EvidenceTuning) -> NDArray[np.int64]:
    """Return which radii one octave compares itself; the others lie too close together for it to tell apart."""
    chosen = [0]
    for i in range(1, len(radii)):
        step = tuning.radius_step * scale * (1 if radii[i] <= tuning.octave_radius * scale + 1e-9 else 8)
        if radii[i] - radii[chosen[-1]] > step - 1e-9 or i == len(radii) - 1:
            chosen.append(i)
    return np.array(chosen)


def spread_to_all(
    values: NDArray[np.float32], chosen: NDArray[np.int64], radii: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return values known at the chosen radii, interpolated along the last axis to all of them."""
    if len(chosen) == len(radii):
        return values
    place = np.interp(radii, radii[chosen], np.arange(len(chosen)))
    left = np.minimum(place.astype(np.int64), len(chosen) - 2)
    weight = (place - left).astype(np.float32)
    out = np.empty((*values.shape[:2], len(radii)), np.float32)
    for row, line in zip(out, values, strict=True):
        np.multiply(line[:, left], 1 - weight, out=row)
        row += line[:, left + 1] * weight
    return out


def usual_spacing(shape: tuple[int, int], tuning: EvidenceTuning) -> float:
    """Return how many px apart samples of a picture of some size are taken, before rounding."""
    usual = math.sqrt(shape[0] * shape[1] / tuning.samples)
    return min(float(tuning.widest_spacing), max(float(tuning.closest_spacing), usual))


def sample_spacing(parameters: AnalysisParameters, shape: tuple[int, int], tuning: EvidenceTuning) -> int:
    """Return how many px apart samples of a picture of some size are taken."""
    return round(usual_spacing(shape, tuning)) if parameters.spacing == "auto" else int(parameters.spacing)
