"""Iris: the shape that a lens gives to highlights out of focus, in the middle of the picture and in its corners."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from defocus.psf.families import DiscPSF, PolygonPSF

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Iris"]

_PARTS = 8  # of a pixel's side, to find how much of it is open


@dataclass(frozen=True)
class Iris:
    """The opening of a lens.

    Attributes
    ----------
    blades : int
        Sides of the opening; fewer than 3 leave it round.
    rotation : float
        Of its corners, in degrees.
    cats_eye : float
        By how much of its width the barrel narrows it in the corners, in [0, 0.9].
    """

    blades: int
    rotation: float
    cats_eye: float

    def kernel(self, radius: float, place: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float64]:
        """Return how light is spread, float64 (side, side) of sum 1 with an odd side.

        Parameters
        ----------
        radius : float
            In px, of the disc of the whole opening's area.
        place : tuple of float
            Down and right of the middle of the picture, where the corners have a distance of 1.

        Notes
        -----
        Seen from beside the axis, the front and the back rim of the barrel are two circles that move apart, in
        proportion to the distance from the axis; light passes where they overlap.
        """
        shape = PolygonPSF(self.blades, self.rotation) if self.blades >= 3 else DiscPSF()
        kernel = shape.kernel(radius)
        away = math.hypot(*place)
        half = len(kernel) // 2
        if self.cats_eye * away <= 0 or half == 0:
            return kernel
        corner = 1.0
        if self.blades >= 3:  # the barrel is as wide as the opening's corners reach
            sector = 2 * math.pi / self.blades
            corner = math.sqrt(sector / math.sin(sector))
        rim = radius * corner
        apart = min(self.cats_eye * away, 0.9) * rim
        steps = (np.arange(_PARTS * len(kernel)) + 0.5) / _PARTS - len(kernel) / 2
        y, x = steps[:, np.newaxis], steps
        dy, dx = (apart * part / away for part in place)
        open_ = (np.hypot(y - dy, x - dx) <= rim) & (np.hypot(y + dy, x + dx) <= rim)
        share = open_.reshape(len(kernel), _PARTS, len(kernel), _PARTS).mean(axis=(1, 3))
        # A disc is as wide as the barrel: what both leave of a pixel at the rim is the same part of it
        cut = np.minimum(kernel, kernel.max() * share) if self.blades < 3 else kernel * share
        return np.asarray(cut / cut.sum())
