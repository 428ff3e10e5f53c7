"""Subject: the matte of what an effect keeps, from the mask that people see and steer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from defocus.answer.matte import guided_filter
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.progress import Progress

__all__ = ["rim_width", "subject_matte"]

_RIM = 8.0  # px to either side of the boundary of a mask, in a picture of ...
_USUAL = 800.0  # ... this diagonal in px
_LARGEST_RIM = 32
_INSIDE = 0.4  # of the rim lies on the mask: what it misses shall be found, and as little as may be of it lost
_CONTRAST = 2.0  # of the guided filter's answer, which is too soft at hard edges


def rim_width(shape: tuple[int, int]) -> int:
    """Return how far from a mask's boundary its matte may be soft, in px."""
    return int(min(max(round(_RIM * float(np.hypot(*shape)) / _USUAL), 2), _LARGEST_RIM))


def subject_matte(
    mask: NDArray[np.bool_],
    color: NDArray[np.float32],
    hints: NDArray[np.int8] | None = None,
    *,
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Return the matte of a subject: its mask, that follows hair and other fine things in a rim around its boundary.

    Parameters
    ----------
    mask : bool (H, W)
        True on the subject.
    color : float32 (H, W, 3)
        In [0, 1].
    hints : int8 (H, W), optional
        From `defocus.answer.boundary.checked_hints`: obeyed to the pixel.
    progress : callable, optional

    Returns
    -------
    float32 (H, W)
        In [0, 1]; exactly the mask beyond the rim.
    """
    if mask.all() or not mask.any():
        matte = mask.astype(np.float32)
    else:
        width = rim_width(mask.shape)
        band = _within(~mask, max(1, round(_INSIDE * width))) & _within(mask, width)
        matte = guided_filter(mask, color, width, wanted=band, progress=progress)
        matte = np.clip((matte - 0.5) * np.float32(_CONTRAST) + 0.5, 0, 1)
    if hints is not None:
        matte[hints > 0] = 1
        matte[hints < 0] = 0
    return matte


def _within(area: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return what lies within a square of so many px around some area."""
    return np.asarray(ndimage.maximum_filter(area.astype(np.uint8), 2 * reach + 1) > 0)
