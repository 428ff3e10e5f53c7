"""Detail over z: where between the slices of a stack the finest detail is strongest, to make heights finer.

A blur map sees windows of tens of pixels: it knows what surrounds a pixel, but across a step of the height it knows
both sides. The energy of the finest detail is seen in a few pixels; but where there is none its peak means nothing, nor
in the glow of something bright beside. So it makes heights finer where it stands out, and only within what the maps
found around.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.effects.detail_curve import filled_light, fine_energy
from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from defocus.effects.detail_curve import DetailCurve
    from defocus.pictures.picture import Picture

__all__ = ["refined_heights"]

_SUMS = (1.2, 3.0, 6.0, 10.0)  # px, standard deviations of what energies are summed over
_VARIES = 1.1  # how much the sum over 1 px of noise varies, by its mean; over more px in proportion less
_SURE = 15.0  # times that, from which on a sum is wide enough
_STANDS_OUT = 5.0  # the same of the widest, below which it tells nothing
_AROUND = 41  # px, the side of a window of the maps
_BEYOND = 1.5  # slices outside of what the maps found there
_QUIET = 10  # per cent of the pixels, whose least energy over z is that of noise at least


class _Peak:
    """The largest of the energies that pass by, and where between them it is; holds four planes, not the stack."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.value = np.full(shape, -np.inf, np.float32)
        self.place = np.zeros(shape, np.int32)
        self.left = np.full(shape, np.nan, np.float32)
        self.right = np.full(shape, np.nan, np.float32)
        self._previous = np.full(shape, np.nan, np.float32)

    def add(self, z: int, energy: NDArray[np.float32]) -> None:
        """Look at the next slice."""
        after = self.place == z - 1
        self.right[after] = energy[after]
        better = energy > self.value
        self.value[better], self.place[better], self.left[better] = energy[better], z, self._previous[better]
        self.right[better] = np.nan
        self._previous = energy

    def heights(self, coarse: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the vertex of the parabola through the largest energy and its neighbours, in slices.

        At the first and the last slice there is none: what is known coarsely tells how far in between.
        """
        bend = self.left - 2 * self.value + self.right
        with np.errstate(divide="ignore", invalid="ignore"):
            offset = np.where(bend < 0, 0.5 * (self.left - self.right) / bend, 0)
        offset = np.where(np.isnan(bend), coarse - self.place, offset)
        return (self.place + np.clip(np.nan_to_num(offset), -0.5, 0.5)).astype(np.float32)


def refined_heights(
    heights: ArrayLike, slices: Iterable[Picture], detail: DetailCurve
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return heights made finer by the finest detail of the slices, and where detail stands out.

    Parameters
    ----------
    heights : array_like (H, W)
        In slices, from `defocus.effects.focus_stack.height_map`.
    slices : iterable of Picture
        All of one range; looked at once, one after the other.
    detail : DetailCurve
        Of the same slices: their light, and which detail is above the noise.

    Returns
    -------
    heights : float32 (H, W)
        In slices.
    stands_out : bool (H, W)

    Raises
    ------
    InputError
        If the slices have another shape.
    """
    from scipy import ndimage

    coarse = np.asarray(heights, np.float32)
    peaks = [_Peak(coarse.shape) for _ in _SUMS]
    least = [np.full(coarse.shape, np.inf, np.float32) for _ in _SUMS]
    for z, picture in enumerate(slices):
        if picture.shape != coarse.shape:
            raise InputError(f"a slice of {picture.shape} px for heights of {coarse.shape}")
        light, holes = filled_light(picture)
        energy = fine_energy(light, detail.weights)
        if holes is not None:  # the edge of what is unknown is no detail
            energy[ndimage.binary_dilation(holes, np.ones((7, 7), bool))] = 0
        if not detail.shared[z] and detail.shared.any():  # a slice of nothing but noise is the sharpest nowhere
            energy[...] = 0
        energy /= np.float32(detail.light[z])
        for place, width in enumerate(_SUMS):
            found = ndimage.gaussian_filter(energy, width)
            peaks[place].add(z, found)
            least[place] = np.where(found > 0, np.minimum(least[place], found), least[place])
    result, stands_out = coarse.copy(), np.zeros(coarse.shape, bool)
    for peak, low, width in zip(reversed(peaks), reversed(least), reversed(_SUMS), strict=True):
        noise = np.maximum(low, np.percentile(low, _QUIET))
        with np.errstate(invalid="ignore", divide="ignore"):
            sure = np.nan_to_num((peak.value / noise - 1) * np.float32(width / _VARIES), posinf=0)
        chosen = sure > (_STANDS_OUT if width == _SUMS[-1] else _SURE)
        result[chosen] = peak.heights(coarse)[chosen]
        stands_out |= chosen
    below = ndimage.minimum_filter(coarse, _AROUND) - _BEYOND
    above = ndimage.maximum_filter(coarse, _AROUND) + _BEYOND
    fine = stands_out & (result >= below) & (result <= above)
    return np.where(fine, result, coarse).astype(np.float32), fine
