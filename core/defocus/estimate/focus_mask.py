"""Focus mask: what is believed in focus, cut along the picture's edges (equation 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.belief.threshold import caution, moved_log_odds
from defocus.estimate.boundary import WarmCut, boundary_weights
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

    @property
    def threshold(self) -> float:
        """The radius in px that "auto" means."""
        return self.measured.threshold.radius

    @property
    def reason(self) -> str:
        """Why it is that radius, in one line."""
        return self.measured.threshold.reason

    def log_odds(self, parameters: MaskParameters) -> NDArray[np.float32]:
        """Return how much each sample prefers being in focus, float32 (h, w) in nats.

        Never falls anywhere as the threshold rises.
        """
        measured, auto = self.measured, self.threshold
        threshold = auto if parameters.threshold == "auto" else float(parameters.threshold)
        tuning = measured.tuning.belief
        found = moved_log_odds(measured.belief, measured.radius_cost, measured.evidence.radii, auto, threshold, tuning)
        doubt = caution(measured.belief, tuning) if measured.kind == "photograph" else 0.0
        return np.asarray(np.float32(tuning.mask_nats) * (found - np.float32(doubt)), np.float32)

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
        measured = self.measured
        progress(0.0, "cutting the mask")
        log_odds = self.log_odds(parameters)
        progress(0.3, "cutting the mask")
        grid = measured.cut_grid
        wanted = measured.at_pixels(log_odds, grid.step, grid.color.shape[:2])
        grid.bind(wanted, hints)
        chosen = parameters.smoothness, parameters.edge_sensitivity
        fine = self._warm.cut(
            wanted,
            lambda: boundary_weights(grid.color, *chosen, measured.tuning),
            chosen,
            sub_progress(progress, 0.37, 0.65 if grid.step > 1 else 1),
        )
        return grid.at_full_size(fine, hints, sub_progress(progress, 0.65, 1))
