"""Saliency: how much each sample's colour stands out from the picture's border, as subjects do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from defocus.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["barrier", "opponent_colors", "saliency_numbers"]

_PASSES = 4
_FAR = 1.0  # as high as a barrier counts
_SPREAD = 0.02  # colour: added to the border's own


@compiled(nogil=True)
def _barrier(plane, seeds, out):  # type: ignore[no-untyped-def]
    """Add the least range of values on a way from each sample to a seed: raster scans down and up, over and over."""
    height, width = plane.shape
    distance = np.where(seeds, np.float32(0), np.float32(_FAR))
    high = plane.copy()
    low = plane.copy()
    for turn in range(_PASSES):
        step = 1 if turn % 2 == 0 else -1
        for row in range(height):
            y = row if step > 0 else height - 1 - row
            for column in range(width):
                x = column if step > 0 else width - 1 - column
                here = plane[y, x]
                for side in range(2):
                    beside_y = y - step if side == 0 else y
                    beside_x = x if side == 0 else x - step
                    if beside_y < 0 or beside_y >= height or beside_x < 0 or beside_x >= width:
                        continue
                    if distance[beside_y, beside_x] >= distance[y, x]:
                        continue
                    most = max(high[beside_y, beside_x], here)
                    least = min(low[beside_y, beside_x], here)
                    if most - least < distance[y, x]:
                        distance[y, x] = most - least
                        high[y, x] = most
                        low[y, x] = least
    out += distance


def opponent_colors(color: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return brightness, red against green and yellow against blue, float32 (3, h, w)."""
    red, green, blue = np.moveaxis(color, 2, 0)
    return np.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue])


def barrier(colors: NDArray[np.float32], seeds: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how high a barrier of colour parts each sample from the seeds.

    The minimum barrier distance [1]_: the least range of values on any way there, summed over the planes; small within
    what shades off slowly, such as a sky, and larger behind an edge.

    Parameters
    ----------
    colors : float32 (C, h, w)
        From `opponent_colors`.
    seeds : bool (h, w)

    Returns
    -------
    float32 (h, w)
        In [0, C].

    References
    ----------
    .. [1] J. Zhang, S. Sclaroff, Z. Lin, X. Shen, B. Price, R. Mech, "Minimum Barrier Salient Object Detection at 80
       FPS", ICCV 2015. https://doi.org/10.1109/ICCV.2015.165
    """
    out = np.zeros(seeds.shape, np.float32)
    for plane in colors:
        _barrier(np.ascontiguousarray(plane), seeds, out)
    return out


def _distance(colors: NDArray[np.float32], some: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Mahalanobis distance of each sample from some colours (C, N), float32 (h, w)."""
    spread = np.cov(some) + np.eye(len(some)) * _SPREAD**2
    off = (colors - some.mean(axis=1)[:, np.newaxis, np.newaxis]).reshape(len(some), -1).astype(np.float64)
    squared = (off * np.linalg.solve(spread, off)).sum(axis=0)
    return np.sqrt(squared).reshape(colors.shape[1:]).astype(np.float32)


def _ranks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the share of all samples that have less."""
    flat = values.ravel()
    return (np.searchsorted(np.sort(flat), flat) / flat.size).astype(np.float32).reshape(values.shape)


def saliency_numbers(color: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the numbers of `defocus.belief.names.SALIENCY`, each float32 (h, w).

    Parameters
    ----------
    color : float32 (h, w, 3)
        Mean colour around each sample.
    """
    plain = opponent_colors(color)
    colors = ndimage.gaussian_filter(plain, (0, 1, 1), truncate=3.0)
    height, width = color.shape[:2]
    wide = min(max(2, height // 30), height, width)
    left, right, top, bottom = (
        part.reshape(3, -1) for part in (colors[..., :wide], colors[..., -wide:], colors[:, :wide], colors[:, -wide:])
    )
    border = np.zeros((height, width), np.bool_)
    border[[0, -1]] = border[:, [0, -1]] = True
    walls = barrier(colors, border)
    stray = np.sqrt(((colors - colors.mean(axis=(1, 2), keepdims=True)) ** 2).sum(axis=0))
    return [
        plain[1],
        plain[2],
        np.log1p(_distance(colors, np.concatenate([left, right, top, bottom], axis=1))),
        np.log1p(np.min([_distance(colors, side) for side in (left, right, top, bottom)], axis=0)),
        stray,
        walls,
        _ranks(walls),
        _ranks(stray),
    ]
