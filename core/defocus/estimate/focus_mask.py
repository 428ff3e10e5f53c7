"""Focus mask: the cut between radii up to a threshold and radii above it (equations 17, 18)."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from defocus.cuts.grid_cut import BandedCut
from defocus.estimate.boundary import CutGrid, WarmCut, boundary_weights
from defocus.estimate.colors import color_log_odds
from defocus.estimate.preference import focus_cost, focus_log_odds
from defocus.estimate.threshold import probable_thresholds
from defocus.progress import ignore_progress, sub_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.estimate.measured import Measured
    from defocus.parameters import MaskParameters
    from defocus.progress import Progress

__all__ = ["FocusMaskEstimate"]


class FocusMaskEstimate:
    """Cuts in-focus masks of one picture.

    Parameters
    ----------
    measured : Measured
    """

    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        self._warm = WarmCut()

    @cached_property
    def cost(self) -> NDArray[np.float32]:
        """What each radius costs each sample, float32 (h, w, R) in nats."""
        return focus_cost(
            self.measured.evidence.profile, self.measured.evidence.log_gradient_variance, self.measured.tuning.mask
        )

    @cached_property
    def _thresholds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        color = self.measured.sample_color
        # The vote needs many cuts, but no fine boundaries: every second sample will do where there are many
        step = max(1, round(math.sqrt(color.shape[0] * color.shape[1] / self.measured.tuning.mask.voters)))
        return probable_thresholds(
            self.cost[::step, ::step],
            self.measured.evidence.radii,
            boundary_weights(np.ascontiguousarray(color[::step, ::step]), 1.0, 1.0, self.measured.tuning),
            self.measured.picture.shape,
            self.measured.tuning,
        )

    @property
    def threshold(self) -> float:
        """The radius in px that "auto" means: the mean of the probable thresholds."""
        thresholds, probabilities = self._thresholds
        return float(thresholds @ probabilities)

    def log_odds(self, parameters: MaskParameters) -> NDArray[np.float32]:
        """Return how much each sample prefers being in focus, float32 (h, w) in nats."""
        evidence = self.measured.evidence
        if parameters.threshold == "auto":
            thresholds, probabilities = self._thresholds
        else:
            thresholds, probabilities = np.array([float(parameters.threshold)]), np.ones(1)
        result = np.zeros(evidence.shape, np.float32)
        for threshold, probability in zip(thresholds, probabilities, strict=True):
            if probability > 0.01:
                some = focus_log_odds(self.cost, evidence.radii, threshold, self.measured.tuning.mask)
                result += np.float32(probability) * some
        result[self.measured.unknown] = 0
        return result

    def _cut_samples(self, log_odds: NDArray[np.float32], parameters: MaskParameters) -> NDArray[np.bool_]:
        """Cut on the grid of samples; a second and third time with what the first says of colours."""
        color = self.measured.sample_color
        weights = boundary_weights(color, parameters.smoothness, parameters.edge_sensitivity, self.measured.tuning)
        mask = BandedCut(weights).cut(log_odds)
        for _ in range(2):
            hint = color_log_odds(color, color, mask, self.measured.tuning.mask)
            mask = BandedCut(weights).cut(log_odds + hint)
        return mask

    def cut(
        self, parameters: MaskParameters, hints: NDArray[np.int8], progress: Progress = ignore_progress
    ) -> NDArray[np.bool_]:
        """Return which pixels are in focus.

        Parameters
        ----------
        parameters : MaskParameters
        hints : int8 (H, W)
            From `defocus.estimate.boundary.checked_hints`.
        progress : callable, optional

        Returns
        -------
        bool (H, W)
        """
        progress(0.0, "cutting the mask")
        log_odds = self.log_odds(parameters)
        coarse = self._cut_samples(log_odds, parameters)
        progress(0.3, "cutting the mask")
        grid = CutGrid(self.measured.picture.color, self.measured.tuning)
        wanted = self.measured.at_pixels(log_odds, grid.step, grid.color.shape[:2])
        wanted += color_log_odds(grid.color, self.measured.sample_color, coarse, self.measured.tuning.mask)
        grid.bind(wanted, hints)
        chosen = parameters.smoothness, parameters.edge_sensitivity
        fine = self._warm.cut(
            wanted,
            lambda: boundary_weights(grid.color, *chosen, self.measured.tuning),
            chosen,
            sub_progress(progress, 0.37, 0.65 if grid.step > 1 else 1),
        )
        return grid.at_full_size(fine, hints, sub_progress(progress, 0.65, 1))
