"""Boundary: where exactly a mask ends, carried from the grid of samples to the full-size picture."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import numpy as np

from defocus.cuts.grid_cut import BandedCut
from defocus.cuts.neighbors import grid_weights
from defocus.errors import InputError
from defocus.pictures.sampling import cell_means, interpolate_along_edges
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import ArrayLike, NDArray

    from defocus.progress import Progress
    from defocus.tuning import Tuning

__all__ = ["CutGrid", "WarmCut", "boundary_weights", "checked_hints"]

_SURE = 1e6  # nats of a hint


def boundary_weights(
    colors: NDArray[np.float32], smoothness: float, edge_sensitivity: float, tuning: Tuning
) -> NDArray[np.float32]:
    """Return contrast weights (16) that keep a boundary's cost the same whatever the grid's fineness.

    Parameters
    ----------
    colors : float32 (H, W, 3)
        RGB in [0, 1] of the grid.
    smoothness, edge_sensitivity : float
        As in `defocus.parameters.MaskParameters`.
    tuning : Tuning

    Returns
    -------
    float32 (4, H, W)
    """
    weight, edge_scale = tuning.mask.smoothness * smoothness, tuning.mask.edge_scale / edge_sensitivity
    return grid_weights(colors, weight, edge_scale, tuning.evidence.samples)


def checked_hints(shape: tuple[int, int], in_focus: ArrayLike | None, blurred: ArrayLike | None) -> NDArray[np.int8]:
    """Return +1 where a pixel surely is in focus, -1 where it surely is not, 0 elsewhere.

    Raises
    ------
    InputError
        If a hint has another shape than the picture, or they contradict each other.
    """
    hints = np.zeros(shape, np.int8)
    for name, hint, sign in (("in-focus", in_focus, 1), ("blurred", blurred, -1)):
        if hint is None:
            continue
        try:
            where = np.asarray(hint, bool)
        except (TypeError, ValueError) as error:
            raise InputError(f"the {name} hint is not an array of numbers") from error
        if where.shape != shape:
            raise InputError(f"the {name} hint has shape {where.shape}, the picture {shape}")
        if (hints[where] == -sign).any():
            raise InputError("some pixels are hinted both in focus and blurred")
        hints[where] = sign
    return hints


class WarmCut:
    """Cuts one picture again and again: where little has changed, each cut finds most of its work done.

    Calls from several threads wait for each other.
    """

    def __init__(self) -> None:
        self._made_for: Hashable = None
        self._cutter: BandedCut | None = None
        self._alone = threading.Lock()

    def cut(
        self,
        preference: NDArray[np.float32],
        weights: Callable[[], NDArray[np.float32]],
        made_for: Hashable,
        progress: Progress = ignore_progress,
    ) -> NDArray[np.bool_]:
        """Return the mask of least energy (18).

        Parameters
        ----------
        preference : float32 (H, W)
            In nats, positive = in focus.
        weights : callable
            Returns the weights, float32 (4, H, W); called when `made_for` is not what it was.
        made_for : hashable
            What the weights depend on.
        progress : callable, optional

        Returns
        -------
        bool (H, W)
        """
        with self._alone:
            if self._cutter is None or self._made_for != made_for:
                self._cutter, self._made_for = BandedCut(weights()), made_for
            return self._cutter.cut(preference, progress=progress)


class CutGrid:
    """The grid on which a picture's mask is cut: its pixels, or on large pictures cells of about a megapixel in all.

    Parameters
    ----------
    color : float32 (H, W, 3)
        RGB in [0, 1].
    gain : float
        By how much the picture's contrasts count.
    tuning : Tuning
    """

    def __init__(self, color: NDArray[np.float32], gain: float, tuning: Tuning) -> None:
        self._full, self._gain, self._tuning = color, gain, tuning
        self.step = max(1, math.ceil(math.sqrt(color.shape[0] * color.shape[1] / tuning.mask.full_cut)))
        self.color = color if self.step == 1 else cell_means(color, self.step)

    def bind(self, preference: NDArray[np.float32], hints: NDArray[np.int8]) -> None:
        """Make a preference sure where pixels are hinted, in place."""
        if hints.any():
            sure = cell_means(hints.astype(np.float32), self.step)
            preference[sure != 0] = np.sign(sure[sure != 0]) * np.float32(_SURE)

    def at_full_size(
        self, mask: NDArray[np.bool_], hints: NDArray[np.int8], progress: Progress = ignore_progress
    ) -> NDArray[np.bool_]:
        """Return a mask of the grid for every pixel, its boundary along the full-size picture's edges."""
        if self.step == 1:
            return mask
        shape = self._full.shape[:2]
        rows, columns = (
            np.minimum(np.arange(count) * self.step + self.step // 2, size - 1)
            for count, size in zip(mask.shape, shape, strict=True)
        )
        near = mask.astype(np.float32)
        scale = self._tuning.mask.carry_scale / self._gain
        full = interpolate_along_edges(near, self._full, self.color, rows, columns, scale, progress=progress) > 0.5
        full[hints > 0] = True
        full[hints < 0] = False
        return full
