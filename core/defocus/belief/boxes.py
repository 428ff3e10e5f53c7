"""Boxes: means around each sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scipy import ndimage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["box_mean"]


def box_mean(values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return means in boxes of size x size samples, mirrored at the border."""
    size = min(size, 2 * min(values.shape) - 1)
    return ndimage.uniform_filter(values, size, mode="reflect") if size > 1 else values
