"""Matte: a soft edge for a hard mask, following the picture's own edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["guided_filter", "soft_edge"]

_STRIP = 256  # rows filtered at a time
_DETAIL = 1e-4  # variance of colour below which the picture counts as flat


def _box_mean(values: NDArray[np.floating], radius: int) -> NDArray[np.floating]:
    """Mean over a square of side 2 radius + 1, cut off at the borders; the first two axes are filtered."""
    size = (2 * radius + 1, 2 * radius + 1) + (1,) * (values.ndim - 2)
    inside = ndimage.uniform_filter(np.ones(values.shape[:2]), size[:2], mode="constant")
    inside = inside.reshape(inside.shape + (1,) * (values.ndim - 2))
    return np.asarray(ndimage.uniform_filter(values, size, mode="constant") / inside)


def guided_filter(
    values: NDArray[np.floating], color: NDArray[np.float32], radius: int, detail: float = _DETAIL
) -> NDArray[np.float32]:
    """Return `values` smoothed so that they follow the edges of a colour picture.

    Guided filter (He, Sun, Tang, IEEE PAMI 35(6), 2013, https://doi.org/10.1109/TPAMI.2012.213): in each square,
    the result is the linear function of colour that fits best.

    Parameters
    ----------
    values : float (H, W)
    color : float32 (H, W, 3)
        The guide, in [0, 1].
    radius : int
        Half the side of the squares in px.
    detail : float
        Variance of colour below which an edge is ignored.

    Returns
    -------
    float32 (H, W)
    """
    height = values.shape[0]
    out = np.empty(values.shape, np.float32)
    for top in range(0, height, _STRIP):
        first, last = max(0, top - 2 * radius), min(height, top + _STRIP + 2 * radius)
        part = _guided(values[first:last].astype(np.float64), color[first:last].astype(np.float64), radius, detail)
        out[top : top + _STRIP] = part[top - first : top - first + _STRIP]
    return out


def _guided(values: NDArray[np.float64], guide: NDArray[np.float64], radius: int, detail: float) -> NDArray[np.float64]:
    mean_guide, mean_values = _box_mean(guide, radius), _box_mean(values, radius)
    products = guide[..., :, np.newaxis] * guide[..., np.newaxis, :]
    covariance = _box_mean(products.reshape(*values.shape, 9), radius).reshape(*values.shape, 3, 3)
    covariance -= mean_guide[..., :, np.newaxis] * mean_guide[..., np.newaxis, :]
    covariance += detail * np.eye(3)
    cross = _box_mean(guide * values[..., np.newaxis], radius) - mean_guide * mean_values[..., np.newaxis]
    slope = np.linalg.solve(covariance, cross[..., np.newaxis])[..., 0]
    offset = mean_values - (slope * mean_guide).sum(axis=-1)
    return (_box_mean(slope, radius) * guide).sum(axis=-1) + _box_mean(offset, radius)


def soft_edge(mask: NDArray[np.bool_], color: NDArray[np.float32], softness: float) -> NDArray[np.float32]:
    """Return an alpha matte: the mask, soft in a band around its boundary.

    Parameters
    ----------
    mask : bool (H, W)
        True in focus.
    color : float32 (H, W, 3)
        RGB in [0, 1].
    softness : float
        Half width of the band in px; beyond it the matte equals the mask.

    Returns
    -------
    float32 (H, W)
        In [0, 1], 1 in focus.
    """
    reach = max(1, round(softness))
    share = _box_mean(mask.astype(np.float64), reach)
    band = (share > 1e-9) & (share < 1 - 1e-9)
    matte = mask.astype(np.float32)
    if not band.any():
        return matte
    rows, columns = np.flatnonzero(band.any(axis=1)), np.flatnonzero(band.any(axis=0))
    margin = 2 * reach
    part = (
        slice(max(0, rows[0] - margin), rows[-1] + margin + 1),
        slice(max(0, columns[0] - margin), columns[-1] + margin + 1),
    )
    soft = np.clip(guided_filter(matte[part], color[part], reach), 0, 1)
    matte[part] = np.where(band[part], soft, matte[part])
    return matte
