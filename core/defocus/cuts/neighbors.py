"""Neighbours: how strongly each pixel of a grid is tied to the eight around it (equation 16).

Weights are kept as four planes, to the neighbours right, below, below-right and below-left; the other four are those
of the pixels there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NEIGHBORS", "contrast_weights", "grid_weights", "integer_weights", "pair_slices", "untie"]

NEIGHBORS = ((0, 1), (1, 0), (1, 1), (1, -1))  # right, below, below-right, below-left, as (rows, columns)


def pair_slices(shape: tuple[int, int], step: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the slices of all pixels that have a neighbour in one direction, and of these neighbours."""
    (height, width), (down, right) = shape, step
    here = slice(0, height - down), slice(max(0, -right), width - max(0, right))
    there = slice(down, height), slice(max(0, right), width + min(0, right))
    return here, there


def contrast_weights(color: NDArray[np.float32], smoothness: float, edge_scale: float) -> NDArray[np.float32]:
    """Return how strongly each pixel is tied to its neighbours, equation (16).

    Parameters
    ----------
    color : float32 (H, W, 3)
        RGB in [0, 1].
    smoothness : float
        lambda_0, the weight between pixels of equal colour.
    edge_scale : float
        sigma_lambda, the colour difference at which the weight has fallen to 0.61 lambda_0.

    Returns
    -------
    float32 (4, H, W)
        Weights to the neighbours right, below, below-right and below-left; 0 where there is none.

    Examples
    --------
    >>> contrast_weights(np.zeros((1, 2, 3), np.float32), 20.0, 0.1)[0]
    array([[20.,  0.]], dtype=float32)
    """
    shape = color.shape[:2]
    weights = np.zeros((4, *shape), np.float32)
    for plane, step in zip(weights, NEIGHBORS, strict=True):
        here, there = pair_slices(shape, step)
        difference = color[here] - color[there]
        squared = np.einsum("ijk,ijk->ij", difference, difference)
        plane[here] = smoothness * np.exp(squared * np.float32(-0.5 / edge_scale**2))
    return weights


def untie(weights: NDArray[np.float32], chosen: NDArray[np.bool_]) -> None:
    """Leave, in place, only the ties between two pixels that are both chosen.

    Parameters
    ----------
    weights : float32 (4, H, W)
        From `contrast_weights`.
    chosen : bool (H, W)

    Examples
    --------
    >>> weights = contrast_weights(np.zeros((1, 3, 3), np.float32), 20.0, 0.1)
    >>> untie(weights, np.array([[True, True, False]]))
    >>> weights[0]
    array([[20.,  0.,  0.]], dtype=float32)
    """
    for plane, step in zip(weights, NEIGHBORS, strict=True):
        here, there = pair_slices(chosen.shape, step)
        plane[here] *= chosen[here] & chosen[there]


def grid_weights(
    color: NDArray[np.float32], smoothness: float, edge_scale: float, usual_nodes: int
) -> NDArray[np.float32]:
    """Return contrast weights (16) that keep a boundary's cost the same whatever the grid's fineness.

    Parameters
    ----------
    color : float32 (H, W, 3)
        RGB in [0, 1] of the grid.
    smoothness : float
        lambda_0 on a grid of `usual_nodes`.
    edge_scale : float
        As in `contrast_weights`.
    usual_nodes : int

    Returns
    -------
    float32 (4, H, W)
    """
    finer = float(np.sqrt(color.shape[0] * color.shape[1] / usual_nodes))
    return contrast_weights(color, smoothness * finer, edge_scale)


def integer_weights(weights: NDArray[np.float32], unit: float) -> NDArray[np.int32]:
    """Return weights to the neighbours right, below, below-right, below-left as multiples of a unit, int32 (4, H, W).

    Whatever leads out of the picture becomes 0.
    """
    whole = np.rint(weights / np.float32(unit)).astype(np.int32)
    right, below, below_right, below_left = whole
    right[:, -1:] = below_right[:, -1:] = 0
    below[-1:] = below_right[-1:] = below_left[-1:] = 0
    below_left[:, :1] = 0
    return whole
