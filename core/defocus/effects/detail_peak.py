"""Detail over z: where between the slices of a stack the finest detail is strongest, to make heights finer.

A blur map sees windows of tens of pixels: it knows what surrounds a pixel, but across a step of the height it knows
both sides. The energy of the finest detail is seen in a few pixels; but where there is none its peak means nothing, nor
in the glow of something bright beside. So it makes heights finer where it stands out, and only within what the maps
found around.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from defocus.pictures.picture import Picture

__all__ = ["refined_heights"]

_WIDE, _NARROW = 3.0, 1.2  # px, standard deviations of what energies are summed over
_STANDS_OUT = 3.0  # times the energy of the noise
_SHARP = 100.0  # times, from which on the narrow sum is sure enough
_AROUND = 41  # px, the side of a window of the maps
_BEYOND = 1.5  # slices outside of what the maps found there
_QUIET = 10  # per cent of the pixels, whose least energy over z is noise


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


def refined_heights(heights: ArrayLike, slices: Iterable[Picture]) -> NDArray[np.float32]:
    """Return heights made finer by the finest detail of the slices.

    Parameters
    ----------
    heights : array_like (H, W)
        In slices, from `defocus.effects.focus_stack.height_map`.
    slices : iterable of Picture
        All of one range; looked at once, one after the other.

    Returns
    -------
    float32 (H, W)
        In slices.

    Raises
    ------
    InputError
        If the slices have another shape.
    """
    from scipy import ndimage

    coarse = np.asarray(heights, np.float32)
    wide, narrow, least = _Peak(coarse.shape), _Peak(coarse.shape), np.full(coarse.shape, np.inf, np.float32)
    for z, picture in enumerate(slices):
        if picture.shape != coarse.shape:
            raise InputError(f"a slice of {picture.shape} px for heights of {coarse.shape}")
        detail = ndimage.laplace(picture.luminance) ** 2
        if picture.alpha is not None:  # the edge of what is unknown is no detail
            detail[ndimage.binary_dilation(picture.alpha < 0.5, np.ones((3, 3), bool))] = 0
        energy = ndimage.gaussian_filter(detail, _WIDE)
        wide.add(z, energy)
        narrow.add(z, ndimage.gaussian_filter(detail, _NARROW))
        least = np.minimum(least, energy)
    noise = float(np.percentile(least, _QUIET))
    found = np.where(narrow.value > _SHARP * noise, narrow.heights(coarse), wide.heights(coarse))
    low = ndimage.minimum_filter(coarse, _AROUND) - _BEYOND
    high = ndimage.maximum_filter(coarse, _AROUND) + _BEYOND
    fine = (wide.value > _STANDS_OUT * noise) & (wide.value > 0) & (found >= low) & (found <= high)
    return np.where(fine, found, coarse).astype(np.float32)
