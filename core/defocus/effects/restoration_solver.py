"""The energy of restoration, equation (19), and its minimum by rounds of preconditioned conjugate gradients.

The picture sought minimises E ||W (A f - g)||^2 + lambda |grad f|_1, the mean E taken over what the blur may be
(`unsure_blur`). The prior's absolute values are replaced by the half-quadratic bound |d| <= (d^2 / e + e) / 2, tight at
e = |d|: conjugate gradients solve the quadratic problem for fixed e and then e is set anew, which lowers the energy at
every round. Where light adds up before it is encoded, A is not linear: each round takes its slope where the picture has
come to, as Gauss and Newton did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from defocus.effects.unsure_blur import EncodedBlur, LayeredInverse, LinearisedBlur, UnsureBlur

__all__ = ["SMALLEST_GRADIENT", "rounds"]

_ROUND = 3  # conjugate-gradient steps between two settings of the prior's weights
SMALLEST_GRADIENT = 2e-3  # in [0, 1] per px; below this the prior is quadratic


def rounds(
    blur: UnsureBlur | EncodedBlur,
    inverse: LayeredInverse,
    planes: NDArray[np.float32],
    known: NDArray[np.bool_],
    smoothness: float,
    iterations: int,
    tolerance: float,
    stepped: Callable[[], None] = lambda: None,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield the picture after each round, and what it looks like blurred.

    The picture has its margin, float32 (C, H + 2 margin, W + 2 margin); blurred it is float32 (2, C, H, W).

    Parameters
    ----------
    blur : UnsureBlur or EncodedBlur
    inverse : LayeredInverse
        Of `blur`.
    planes : float32 (C, H, W)
        In [0, 1].
    known : bool (H, W)
        What the picture says something of.
    smoothness : float
        Lambda of equation (19).
    iterations : int
        Most steps in all.
    tolerance : float
        A round that changes less than this share of all that was changed so far is the last.
    stepped : callable, optional
        Called at every step.
    """
    margin = blur.margin
    pad = ((0, 0), (margin, margin), (margin, margin))
    start = restored = np.pad(planes, pad, mode="symmetric" if margin <= min(blur.shape) else "edge")
    trust = known.astype(np.float32)
    blurred, near = blur.near(restored)
    residual = planes - blurred
    done = 0
    while done < iterations:
        before = restored
        steps = min(_ROUND, iterations - done)
        weights = _prior_weights(before, smoothness)
        restored = _conjugate_gradients(near, inverse, trust, weights, residual, restored, steps, stepped)
        done += steps
        if near is not blur:  # not linear: what small changes tell is not exact
            blurred, near = blur.near(restored)
            residual = planes - blurred
        yield restored, planes - residual
        change, total = (float(np.square(restored - other).mean()) for other in (before, start))
        if change <= tolerance**2 * total:
            return


def _prior_weights(planes: NDArray[np.float32], smoothness: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weights lambda / (2 |d|) of the vertical and horizontal differences; channels share them."""
    vertical, horizontal = (np.sqrt(np.mean(np.diff(planes, axis=axis) ** 2, axis=0)) for axis in (1, 2))
    half = np.float32(smoothness / 2)
    floor = np.float32(SMALLEST_GRADIENT)
    down, across = (half / np.maximum(slope, floor) for slope in (vertical, horizontal))
    # Newer numpy's types take them for float64
    return np.asarray(down, np.float32), np.asarray(across, np.float32)


def _prior_force(
    planes: NDArray[np.float32], weights: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the gradient of the weighted squared differences, halved."""
    out = np.zeros_like(planes)
    flow = np.diff(planes, axis=1) * weights[0]
    out[:, :-1] -= flow
    out[:, 1:] += flow
    flow = np.diff(planes, axis=2) * weights[1]
    out[:, :, :-1] -= flow
    out[:, :, 1:] += flow
    return out


def _conjugate_gradients(
    blur: UnsureBlur | LinearisedBlur,
    inverse: LayeredInverse,
    trust: NDArray[np.float32],
    weights: tuple[NDArray[np.float32], NDArray[np.float32]],
    residual: NDArray[np.float32],
    start: NDArray[np.float32],
    steps: int,
    stepped: Callable[[], None],
) -> NDArray[np.float32]:
    """Solve (A' W A + D' V D) f = A' W g from `start`, each channel with its own step length; `residual` follows."""

    def inner(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.einsum("cyx,cyx->c", a, b, dtype=np.float64)

    typical = float(np.exp(np.mean([np.log(weight).mean() for weight in weights])))
    result = start.copy()
    force = blur.adjoint(trust * residual) - _prior_force(start, weights)
    direction = inverse.apply(force, typical)
    power = inner(force, direction)
    for step in range(steps):
        stepped()
        blurred = blur.forward(direction)
        bent = blur.adjoint(trust * blurred) + _prior_force(direction, weights)
        bend = inner(direction, bent)
        length = np.divide(power, bend, out=np.zeros_like(power), where=bend > 0).astype(np.float32)[:, None, None]
        result += length * direction
        residual -= length * blurred
        if step + 1 == steps:
            break
        force -= length * bent
        ahead = inverse.apply(force, typical)
        following = inner(force, ahead)
        if not (following > 0).any():
            break
        turn = np.divide(following, power, out=np.zeros_like(power), where=power > 0)
        direction = ahead + turn.astype(np.float32)[:, None, None] * direction
        power = following
    return result
