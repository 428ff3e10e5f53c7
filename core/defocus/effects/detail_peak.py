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

_WIDE = (10.0, 6.0)  # px, standard deviations of what energies of all fine detail are summed over, where light is weak
_USUAL = 3.0  # px, of the Laplacian's: where it is sure, heights are finest
_NARROW = 1.2  # px, of the same: whose place counts at steps, where the usual sum sees both sides
_STEP = 0.5  # slices between the two, from which on that is a step
_VARIES = 1.1  # how much the sum over 1 px of noise varies, by its mean; over more px in proportion less
_SURE = 15.0  # times that, from which on a sum is wide enough
_STANDS_OUT = 5.0  # the same of the widest, below which it tells nothing
_AROUND = 41  # px, the side of a window of the maps
_BEYOND = 4.0  # slices outside of what the maps found there
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
        """Return the vertex of the parabola through the largest root of the energy and its neighbours, in slices.

        Over z the energy itself is more pointed than a parabola where slices lie far apart, which draws heights to
        them; its logarithm is flatter where they lie close. At the first and the last slice there is no parabola: what
        is known coarsely tells how far in between.
        """
        left, middle, right = (np.sqrt(one) for one in (self.left, np.maximum(self.value, 0), self.right))
        bend = left - 2 * middle + right
        with np.errstate(divide="ignore", invalid="ignore"):
            offset = np.where(bend < 0, 0.5 * (left - right) / bend, 0)
        offset = np.where(np.isnan(bend), coarse - self.place, offset)
        return (self.place + np.clip(np.nan_to_num(offset), -0.5, 0.5)).astype(np.float32)


class _Sum:
    """Energies summed over some width: their peak over z, and how sure it is.

    Attributes
    ----------
    width : float
        In px, of a Gaussian.
    peak : _Peak
    """

    def __init__(self, shape: tuple[int, int], width: float) -> None:
        self.width, self.peak = width, _Peak(shape)
        self._least = np.full(shape, np.inf, np.float32)

    def add(self, z: int, energy: NDArray[np.float32]) -> None:
        """Look at the next slice."""
        from scipy import ndimage

        found = ndimage.gaussian_filter(energy, self.width)
        self.peak.add(z, found)
        self._least = np.where(found > 0, np.minimum(self._least, found), self._least)

    def sure(self) -> NDArray[np.float32]:
        """Return by how many deviations of the noise's sum the peak stands above it."""
        noise = np.maximum(self._least, np.percentile(self._least, _QUIET))
        with np.errstate(invalid="ignore", divide="ignore"):
            above = (self.peak.value / noise - 1) * np.float32(self.width / _VARIES)
        return np.asarray(np.nan_to_num(above, posinf=0), np.float32)


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
    sums = [_Sum(coarse.shape, width) for width in (*_WIDE, _USUAL, _NARROW)]
    for z, picture in enumerate(slices):
        if picture.shape != coarse.shape:
            raise InputError(f"a slice of {picture.shape} px for heights of {coarse.shape}")
        light, holes = filled_light(picture)
        energies = fine_energy(light, detail.weights), ndimage.laplace(light) ** 2
        for energy in energies:
            if holes is not None:  # the edge of what is unknown is no detail
                energy[ndimage.binary_dilation(holes, np.ones((7, 7), bool))] = 0
            if not detail.shared[z] and detail.shared.any():  # a slice of nothing but noise is the sharpest nowhere
                energy[...] = 0
            energy /= np.float32(detail.light[z])
        for place, one in enumerate(sums):
            one.add(z, energies[place >= len(_WIDE)])
    below = ndimage.minimum_filter(coarse, _AROUND) - _BEYOND
    above = ndimage.maximum_filter(coarse, _AROUND) + _BEYOND
    result, stands_out = coarse.copy(), np.zeros(coarse.shape, bool)
    for place, one in enumerate(sums):
        found = one.peak.heights(coarse)
        chosen = one.sure() > (_SURE if place else _STANDS_OUT)
        if one.width == _NARROW:
            chosen &= (np.abs(found - result) > _STEP) & (found >= below) & (found <= above)
        result[chosen] = found[chosen]
        stands_out |= chosen
    fine = stands_out & (result >= below) & (result <= above)
    return np.where(fine, result, coarse).astype(np.float32), fine
