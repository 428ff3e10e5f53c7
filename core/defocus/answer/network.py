"""Network: the learned prior's forward pass, from features to what a person would call in focus, and to radii.

U-shaped convolutional networks [1]_ of four levels with residual pairs of 3 x 3 convolutions [2]_ and the mean
over the whole picture at their feet: two, "focus1" and "focus2", fitted on photographs whose focus was marked by hand,
and two smaller ones, "radius1" and "radius2", fitted on scenes of known blur. Each pair began differently, and its mean
is surer than either. All are fitted by ``python -m benchmarks.fit_prior``; their weights stand in ``weights.npz``
beside this file, in steps of 8 bits.

References
----------
.. [1] O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
   MICCAI 2015. https://doi.org/10.1007/978-3-319-24574-4_28
.. [2] K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.
   https://doi.org/10.1109/CVPR.2016.90
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from defocus.parallel import run_parts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Weights = Mapping[str, NDArray[np.float32]]

__all__ = ["CENTERS", "forward", "learned_prior", "radius_shares", "read_weights"]

CENTERS = 0.5 * np.exp(np.linspace(0, np.log(17), 16)) - 0.5
"""Radii in px of a web-size picture whose probabilities are learned, float64 (16,), from 0 to 8 px."""

_LIMIT = 8.0  # log-odds: nothing is surer than 1 in 3000


@functools.lru_cache(maxsize=8)
def read_weights(file: Path) -> dict[str, Weights]:
    """Return the weights of all networks in a file, and as "features" what features are standardised by."""
    found: dict[str, dict[str, NDArray[np.float32]]] = {}
    with np.load(file) as stored:
        for name in stored.files:
            if name.endswith(".step"):
                continue
            network, _, layer = name.partition(".")
            value = stored[name].astype(np.float32)
            if f"{name}.step" in stored:  # a kernel: whole numbers of steps, of one size for each output
                value *= stored[f"{name}.step"].reshape(-1, *[1] * (value.ndim - 1))
            found.setdefault(network, {})[layer] = value
    return dict(found)


def radius_shares(radius: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return how radii are shared among the two of `CENTERS` around each, float32 (..., 16), sum 1.

    Parameters
    ----------
    radius : float (...)
        In px of a web-size picture; what lies beyond the last counts as that.
    """
    place = np.interp(radius, CENTERS, np.arange(len(CENTERS)))
    return np.maximum(1 - np.abs(place[..., np.newaxis] - np.arange(len(CENTERS))), 0).astype(np.float32)


def _point(x: NDArray[np.float32], weights: Weights, name: str) -> NDArray[np.float32]:
    """1 x 1 convolution of float32 (C, h, w)."""
    out = weights[f"{name}.weight"] @ x.reshape(len(x), -1) + weights[f"{name}.bias"][:, np.newaxis]
    return out.reshape(-1, *x.shape[1:])


def _convolve(x: NDArray[np.float32], weights: Weights, name: str) -> NDArray[np.float32]:
    """3 x 3 convolution of float32 (C, h, w), zeros beyond the border: one product with nine shifted copies."""
    count, height, width = x.shape
    padded = np.zeros((count, height + 2, width + 2), np.float32)
    padded[:, 1:-1, 1:-1] = x
    shifted = np.empty((count, 9, height, width), np.float32)
    for k in range(9):
        shifted[:, k] = padded[:, k // 3 : k // 3 + height, k % 3 : k % 3 + width]
    kernel = weights[f"{name}.weight"]
    out = kernel.reshape(len(kernel), -1) @ shifted.reshape(9 * count, -1)
    out += weights[f"{name}.bias"][:, np.newaxis]
    return out.reshape(-1, height, width)


def _positive(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(x, 0, out=x)


def _pair(x: NDArray[np.float32], weights: Weights, name: str) -> NDArray[np.float32]:
    """Two 3 x 3 convolutions beside a shortcut."""
    found = _positive(_convolve(_positive(_convolve(x, weights, f"{name}.first")), weights, f"{name}.second"))
    return _point(x, weights, f"{name}.shortcut") + found


def _halved(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / np.float32(4)


def _doubled(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Twice the rows and columns, linearly between the middles of cells."""
    for axis in (1, 2):
        x = np.moveaxis(x, axis, 1)
        before, after = np.concatenate([x[:, :1], x[:, :-1]], 1), np.concatenate([x[:, 1:], x[:, -1:]], 1)
        out = np.empty((x.shape[0], 2 * x.shape[1], x.shape[2]), np.float32)
        out[:, ::2] = (3 * x + before) / 4
        out[:, 1::2] = (3 * x + after) / 4
        x = np.moveaxis(out, 1, axis)
    return np.ascontiguousarray(x, np.float32)


def forward(features: NDArray[np.float32], inside: NDArray[np.float32], weights: Weights) -> NDArray[np.float32]:
    """Return what one network says of each cell.

    Parameters
    ----------
    features : float32 (C, h, w)
        Standardised; h and w multiples of 8.
    inside : float32 (h, w)
        1 where there is a picture, 0 beyond.
    weights : mapping
        Of the network.

    Returns
    -------
    float32 (outputs, h, w)
    """
    levels = sum(name.endswith("shortcut.bias") and name.startswith("down") for name in weights)
    x = np.concatenate([features * inside, inside[np.newaxis]])
    for layer in range(2):
        x = _positive(_point(x, weights, f"squeeze.{layer}"))
    kept = []
    share = inside[np.newaxis]
    for level in range(levels):
        if level:
            x, share = _halved(x), _halved(share)
        x = _pair(x, weights, f"down.{level}")
        kept.append(x)
    mean = (x * share).sum((1, 2)) / share.sum()
    mean = np.maximum(weights["whole.0.weight"] @ mean + weights["whole.0.bias"], 0)
    x = x + (weights["whole.1.weight"] @ mean + weights["whole.1.bias"])[:, np.newaxis, np.newaxis]
    for level in range(levels - 2, -1, -1):
        x = _pair(_doubled(_point(x, weights, f"rise.{level}")) + kept[level], weights, f"up.{level}")
    return _point(x, weights, "last")


def learned_prior(features: NDArray[np.float32], file: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the log-odds that each cell is in focus, and the probabilities of its radii.

    The mean of what is said of the picture and of its mirror image, so that both have the same answer.

    Parameters
    ----------
    features : float32 (C, h, w)
        From `defocus.answer.features.prior_features`.
    file : Path
        Of the weights.

    Returns
    -------
    log_odds : float32 (h, w)
        Positive in focus, within [-8, 8].
    log_probability : float32 (16, h, w)
        Of the radii `CENTERS`, in px of a web-size picture.
    """
    weights = read_weights(file)
    mean, deviation = (weights["features"][name][:, np.newaxis, np.newaxis] for name in ("mean", "deviation"))
    scaled = (features - mean) / deviation
    _, height, width = scaled.shape
    beyond = (0, -height % 8), (0, -width % 8)
    inside = np.pad(np.ones((height, width), np.float32), beyond)
    sides = [np.pad(turned, ((0, 0), *beyond)) for turned in (scaled, scaled[:, :, ::-1])]
    names = [name for name in weights if name != "features"]

    def one(job: tuple[str, int]) -> NDArray[np.float32]:
        name, side = job
        return forward(sides[side], inside, weights[name])[:, :height, :width]

    # The networks run side by side, each product on one thread: its sums so are the same for any number of threads
    with threadpool_limits(1, "blas"):
        said = run_parts(one, [(name, side) for name in names for side in (0, 1)])
    means = {name: (said[2 * i] + said[2 * i + 1][:, :, ::-1]) / np.float32(2) for i, name in enumerate(names)}
    log_odds = np.mean([means[name][0] for name in names if name.startswith("focus")], axis=0, dtype=np.float32)
    radius = [_log_probability(means[name]) for name in names if name.startswith("radius")]
    together = _log_probability(np.mean(radius, axis=0, dtype=np.float32))
    return np.clip(log_odds, -_LIMIT, _LIMIT), together


def _log_probability(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithm of the softmax along the first axis."""
    logits = logits - logits.max(axis=0)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=0)), np.float32)
