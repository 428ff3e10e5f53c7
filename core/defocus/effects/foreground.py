"""Foreground: the colours that a subject and what lies behind it have where a matte mixes them.

The multi-level estimate of Germer, Uelwer, Conrad and Harmeling, "Fast Multi-Level Foreground Estimation" (ICPR 2020,
https://arxiv.org/abs/2006.14970), step for step as in their library, pymatting, which is not imported here: it compiles
all its functions when it is, for a minute and more, before the first picture can be had.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defocus.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["subject_colors", "unmixed_colors"]

_SMOOTH = 1e-5  # weight of equal neighbours where the matte is flat ...
_AT_EDGES = 1.0  # ... and how much is added for each unit of its slope
_SMALL = 32  # px; up to this side of a level more rounds are needed, and cost nothing
_ROUNDS_SMALL, _ROUNDS = 10, 2
_SURE = 0.1  # from 0 and 1: what tells the mean colours to begin with


def unmixed_colors(
    color: NDArray[np.float32], alpha: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the colours of foreground F and background B of a picture C = alpha F + (1 - alpha) B.

    Of all that mix to the picture, those that change least from pixel to pixel where the matte changes are taken: from
    coarse levels to fine ones, each pixel's least-squares answer for its neighbours' colours.

    Parameters
    ----------
    color : float32 (H, W, C)
        In [0, 1].
    alpha : float32 (H, W)
        The matte, in [0, 1].

    Returns
    -------
    foreground, background : float32 (H, W, C)
        In [0, 1].

    Examples
    --------
    >>> alpha = np.clip(np.linspace(-1, 2, 60), 0, 1).astype(np.float32) * np.ones((20, 1), np.float32)
    >>> picture = (alpha * 0.8 + (1 - alpha) * 0.2)[..., np.newaxis]
    >>> foreground, background = unmixed_colors(picture, alpha)
    >>> bool(abs(foreground - 0.8).max() < 0.01), bool(abs(background - 0.2).max() < 0.01)
    (True, True)
    """
    height, width, channels = color.shape
    front, back = (np.empty((1, 1, channels), np.float32) for _ in range(2))
    for side, sure in ((front, alpha > 1 - _SURE), (back, alpha < _SURE)):
        side[0, 0] = color[sure].mean(axis=0) if sure.any() else color.mean(axis=(0, 1))
    count = math.ceil(math.log2(max(height, width, 2)))
    for level in range(count + 1):
        shape = round(height ** (level / count)), round(width ** (level / count))
        rounds = _ROUNDS_SMALL if max(shape) <= _SMALL else _ROUNDS
        front, back = _resized(front, shape), _resized(back, shape)
        _unmix(
            _resized(color, shape),
            _resized(alpha, shape),
            front,
            back,
            rounds,
            np.float32(_SMOOTH),
            np.float32(_AT_EDGES),
        )
    return front, back


def _resized(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return some of the values, or all repeatedly, as a new array of another height and width."""
    return values[np.ix_(*(np.arange(size) * old // size for size, old in zip(shape, values.shape, strict=False)))]


def subject_colors(color: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture's colours for a cut-out: where the matte is soft, those of the subject alone.

    Else the old background rings what is cut out when it is laid on another.

    Parameters
    ----------
    color : float32 (H, W, C)
        In [0, 1].
    alpha : float32 (H, W)
        The matte, in [0, 1].

    Returns
    -------
    float32 (H, W, C)
        Exactly the picture's where the matte is 0 or 1.
    """
    soft = (alpha > 0) & (alpha < 1)
    if not soft.any():
        return color
    front, _ = unmixed_colors(color, alpha)
    return np.where(soft[..., np.newaxis], front, color)


@compiled(nogil=True)
def _unmix(color, alpha, front, back, rounds, smooth, at_edges):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Improve both sides of one level in place, pixel by pixel (their algorithm 1)."""
    height, width, channels = color.shape
    one = np.float32(1)
    for _ in range(rounds):
        for y in range(height):
            for x in range(width):
                share = alpha[y, x]
                rest = one - share
                up, down = max(y - 1, 0), min(y + 1, height - 1)
                left, right = max(x - 1, 0), min(x + 1, width - 1)
                ties = (
                    smooth + at_edges * abs(share - alpha[up, x]),
                    smooth + at_edges * abs(share - alpha[down, x]),
                    smooth + at_edges * abs(share - alpha[y, left]),
                    smooth + at_edges * abs(share - alpha[y, right]),
                )
                total = ties[0] + ties[1] + ties[2] + ties[3]
                a00 = share * share + total
                a01 = share * rest
                a11 = rest * rest + total
                scale = one / (a00 * a11 - a01 * a01)
                for c in range(channels):
                    b0 = share * color[y, x, c] + (
                        ties[0] * front[up, x, c]
                        + ties[1] * front[down, x, c]
                        + ties[2] * front[y, left, c]
                        + ties[3] * front[y, right, c]
                    )
                    b1 = rest * color[y, x, c] + (
                        ties[0] * back[up, x, c]
                        + ties[1] * back[down, x, c]
                        + ties[2] * back[y, left, c]
                        + ties[3] * back[y, right, c]
                    )
                    front[y, x, c] = min(one, max(np.float32(0), scale * (a11 * b0 - a01 * b1)))
                    back[y, x, c] = min(one, max(np.float32(0), scale * (a00 * b1 - a01 * b0)))
