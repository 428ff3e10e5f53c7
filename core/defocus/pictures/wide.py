"""Wide: colours beyond [0, 1], as float layers hold them: highlights above white, colours outside a gamut.

What is measured is measured on the picture clipped to [0, 1]; what changes the picture changes only what it has to, and
every pixel that stays comes back exactly as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["changed_as_clipped", "changed_in_full_range", "split_wide"]


def split_wide(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return values clipped to [0, 1], and the colours as they were if any lie outside.

    Parameters
    ----------
    values : float32 (H, W) or (H, W, 1 to 4)
        With 2 or 4 channels the last is the opacity. Infinite values and NaN are left for others to refuse.

    Returns
    -------
    clipped : float32, of the same shape
    wide : float32 (H, W, 3) or None
        None where nothing was clipped.
    """
    if (values.min() >= 0 and values.max() <= 1) or not np.isfinite(values).all():
        return values, None
    clipped = np.clip(values, 0, 1)
    channels = values.shape[2] if values.ndim == 3 else 1
    color = values.reshape(*values.shape[:2], channels)[..., : channels - (channels in (2, 4))]
    if color.min() >= 0 and color.max() <= 1:  # only the opacity lay outside
        return clipped, None
    return clipped, np.ascontiguousarray(np.broadcast_to(color, (*values.shape[:2], 3)))


def changed_as_clipped(
    result: NDArray[np.float32], color: NDArray[np.float32], wide: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return the wide picture with what was changed in the clipped one added.

    Parameters
    ----------
    result, color : float32 (H, W, 3)
        The clipped picture, changed and as it was.
    wide : float32 (H, W, 3) or None
        See `split_wide`.
    """
    return result if wide is None else wide + (result - color)


def changed_in_full_range(
    change: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    color: NDArray[np.float32],
    wide: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    """Return what a change that wants [0, 1] makes of a picture, whose highlights count as bright as they are.

    Parameters
    ----------
    change : callable
        Called with colours in [0, 1]; returns the changed ones, and exactly the same where it changes nothing. It must
        not mind how bright the picture is on the whole.
    color : float32 (H, W, 3)
        The clipped picture.
    wide : float32 (H, W, 3) or None
    """
    if wide is None:
        return change(color)
    peak = np.float32(max(float(wide.max()), 1.0))
    darker = (np.maximum(wide, 0) / peak).astype(np.float32)
    changed = change(darker)
    return np.where(changed == darker, wide, changed * peak)
