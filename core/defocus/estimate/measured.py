"""Measured: what every estimate of one picture is made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from defocus.belief.log_odds import focus_log_odds
from defocus.belief.preference import focus_cost, radius_preference
from defocus.belief.threshold import Threshold, threshold_of
from defocus.belief.vote import Vote, vote
from defocus.belief.windows import window_scale
from defocus.estimate.boundary import CutGrid
from defocus.pictures.sampling import cell_means, interpolate
from defocus.tuning import TUNING, Tuning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence import Evidence
    from defocus.pictures.kind import Kind
    from defocus.pictures.picture import Picture

__all__ = ["Measured"]


@dataclass(frozen=True)
class Measured:
    """A picture with its evidence.

    Attributes
    ----------
    picture : Picture
    evidence : Evidence
    kind : {"photograph", "fluorescence", "brightfield"}
        What the belief takes the picture for.
    tuning : Tuning
        For that kind, see `Tuning.for_kind`.
    """

    picture: Picture
    evidence: Evidence
    kind: Kind = "photograph"
    tuning: Tuning = TUNING

    @cached_property
    def sample_color(self) -> NDArray[np.float32]:
        """Mean colour around each sample, float32 (h, w, 3)."""
        return cell_means(self.picture.color, self.evidence.spacing)

    @cached_property
    def radius_cost(self) -> NDArray[np.float32]:
        """What each radius costs each sample with a weak prior on contrast, float32 (h, w, R) in nats."""
        return focus_cost(self.evidence.profile, self.evidence.log_gradient_variance, self.tuning.vote)

    @cached_property
    def voted(self) -> Vote:
        """What the radii alone say of the focus."""
        return vote(self.radius_cost, self.evidence.radii, self.sample_color, self.picture.shape, self.tuning)

    @cached_property
    def belief(self) -> NDArray[np.float32]:
        """Log-odds that each sample is in focus, float32 (h, w); 0 where windows are mostly empty.

        What the radii alone vote for is one of the numbers that the belief is fitted to. Pictures that are no
        photographs are believed by their radii only; in fluorescence all or nothing may be in focus, so nothing is
        voted, and what has no evidence is ground.
        """
        tuning = self.tuning.belief
        if self.kind == "fluorescence":
            found = radius_preference(self.radius_cost, self.evidence.radii, tuning.usual_threshold)
            found /= np.float32(tuning.mask_nats)
            found[self.unknown] = self.tuning.fluorescence.ground
            return found
        if self.kind == "photograph":
            known = self.evidence, self.picture.luminance, self.sample_color, self.voted
            found = focus_log_odds(*known, table=tuning.path)
        else:
            found = self.voted.preference / np.float32(tuning.mask_nats)
            found += np.where(self.voted.mask, np.float32(tuning.vote), np.float32(-tuning.vote))
        found[self.unknown] = 0
        return found

    @cached_property
    def threshold(self) -> Threshold:
        """Up to which radius the belief calls things in focus."""
        # In fluorescence the lens and the specimen decide, whatever the size of the field
        scale = 1.0 if self.kind == "fluorescence" else window_scale(self.picture.shape, self.tuning.evidence)
        return threshold_of(self.belief, self.radius_cost, self.evidence.radii, scale, self.tuning.belief)

    @cached_property
    def cut_grid(self) -> CutGrid:
        """Where masks are cut."""
        return CutGrid(self.picture.color, self.tuning)

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
