"""Measured: what every estimate of one picture is made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from defocus.pictures.sampling import cell_means, interpolate
from defocus.tuning import TUNING, Tuning

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from defocus.evidence import Evidence
    from defocus.pictures.picture import Picture

__all__ = ["Measured"]


@dataclass(frozen=True)
class Measured:
    """A picture with its evidence.

    Attributes
    ----------
    picture : Picture
    evidence : Evidence
    tuning : Tuning
    """

    picture: Picture
    evidence: Evidence
    tuning: Tuning = TUNING

    @cached_property
    def sample_color(self) -> NDArray[np.float32]:
        """Mean colour around each sample, float32 (h, w, 3)."""
        return cell_means(self.picture.color, self.evidence.spacing)

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Samples whose windows are mostly empty, bool (h, w)."""
        return self.evidence.valid_fraction < self.tuning.evidence.least_valid

    def at_pixels(
        self, values: NDArray[np.float32], step: int = 1, shape: tuple[int, int] | None = None
    ) -> NDArray[np.float32]:
        """Return samples' values interpolated linearly to every pixel, or to cells of `step` x `step` of them.

        Parameters
        ----------
        values : float32 (h, w)
        step : int
        shape : tuple of int, optional
            Rows and columns of cells; the picture's unless given.

        Returns
        -------
        float32 (H, W) or `shape`
        """
        rows, columns = self.evidence.rows / step, self.evidence.columns / step
        return interpolate(values, rows, columns, shape or self.picture.shape)
