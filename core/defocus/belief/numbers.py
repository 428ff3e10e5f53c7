"""Numbers: all that is known of each sample by itself, of its windows, its texture and its place in the picture.

A number that is not known is NaN and then has no say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.belief.boxes import box_mean
from defocus.belief.names import BOXES, LOCAL_NUMBERS, PHYSICAL, RANKED, VOTED, WIDE, WINDOW
from defocus.belief.saliency import saliency_numbers
from defocus.belief.texture import texture_numbers
from defocus.belief.windows import window_numbers, window_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.belief.vote import Vote
    from defocus.evidence import Evidence

__all__ = ["local_numbers"]

_EVIDENCE = 8.0  # nats that tell the best radius from the worst: less is hardly evidence
_SHADES = np.array([0.299, 0.587, 0.114], np.float32)


def local_numbers(
    evidence: Evidence,
    texture: NDArray[np.float32],
    color: NDArray[np.float32],
    voted: Vote,
    shape: tuple[int, int],
    *,
    threads: int | None = None,
) -> NDArray[np.float32]:
    """Return the numbers of the windows and of what lies in and around them.

    Parameters
    ----------
    evidence : Evidence
    texture : float32 (8, h, w)
        From `defocus.belief.texture.local_texture`.
    color : float32 (h, w, 3)
        Mean colour around each sample.
    voted : Vote
        From `defocus.belief.vote.vote`.
    shape : (H, W)
        Of the picture, in px.
    threads : int, optional
        As many as there are cores unless given; the result does not depend on it.

    Returns
    -------
    float32 (F, h, w)
        As in `LOCAL_NUMBERS`.
    """
    scale = window_scale(shape)
    height, width = evidence.shape
    out = np.empty((len(LOCAL_NUMBERS), height, width), np.float32)
    index = {name: i for i, name in enumerate(LOCAL_NUMBERS)}
    windows = len(WINDOW)
    out[:windows] = window_numbers(evidence.profile, evidence.log_gradient_variance, evidence.radii, scale, threads)
    n = windows + len(WIDE)
    if evidence.wide is None:
        out[windows:n] = np.nan
    else:
        flat = np.zeros_like(evidence.wide)
        wide = window_numbers(evidence.wide, flat, evidence.radii, scale, threads)
        plain = [index[f"plain preference {t}"] for t in (1.2, 2.1, 3.2)]
        for i, source in enumerate([index["plain best radius"], *plain, index["mass 2.1"]]):
            out[windows + i] = wide[source].repeat(2, 0).repeat(2, 1)[:height, :width]
    for name in ("mass 2.1", "preference 1.65"):
        for size in BOXES:
            out[n] = box_mean(out[index[name]], size)
            n += 1
    for plane in texture_numbers(texture, evidence.noise_variance):
        out[n] = plane
        n += 1
    out[n] = out[index["mean radius"]] - box_mean(out[index["mean radius"]], BOXES[-1])
    share = voted.mask.mean(dtype=np.float32)
    mask = voted.mask.astype(np.float32)
    for plane in (voted.preference, mask, box_mean(mask, BOXES[1]), np.full_like(mask, share), mask - share):
        n += 1
        out[n] = plane
    unknown = evidence.valid_fraction < 0.5
    _picture_numbers(out, index, color, unknown, evidence.noise_variance)
    if unknown.any():
        out[: windows + len(WIDE), unknown] = np.nan
    return out


def _picture_numbers(
    out: NDArray[np.float32],
    index: dict[str, int],
    color: NDArray[np.float32],
    unknown: NDArray[np.bool_],
    noise: float,
) -> None:
    """Fill in the numbers of the picture as a whole, and of each sample's place and colour in it."""
    height, width = unknown.shape
    known = (out[index["span"]] > _EVIDENCE) & ~unknown
    radius = out[index["mean radius"]]
    levels = np.percentile(radius[known], (5, 20, 50, 80)) if known.any() else np.full(4, np.nan)
    split, parted = _split(radius[known]) if known.any() else (np.nan, np.nan)
    finest = np.percentile(out[index["fineness 9"]][known], 90) if known.any() else np.nan
    sharpest = np.percentile(out[index["edge width 7"]][known], 10) if known.any() else np.nan
    gradient, variance = out[index["gradient 9"]], out[index["variance best"]]
    down = np.abs(np.linspace(-1, 1, height, dtype=np.float32))[:, np.newaxis]
    preference = out[index["preference 1.65"]]
    numbers = [
        *[_rank(out[index[name]], known) for name in RANKED],
        radius - levels[2],
        radius - split,
        out[index["fineness 9"]] - finest,
        out[index["edge width 7"]] - sharpest,
        gradient - np.percentile(gradient, 95),
        radius - levels[1],
        variance - np.percentile(variance, 95),
        color @ _SHADES,
        color.max(axis=2) - color.min(axis=2),
        np.abs(np.linspace(-1, 1, width, dtype=np.float32)),
        down,
        np.linspace(0, 1, height, dtype=np.float32)[:, np.newaxis],
        *levels,
        known.mean(),
        (preference > _EVIDENCE / 2).mean(),
        (preference < -_EVIDENCE / 2).mean(),
        split,
        parted,
        np.log(noise),
        finest,
        sharpest,
        np.percentile(gradient, 95),
    ]
    numbers += saliency_numbers(color)
    for target, number in zip(out[len(PHYSICAL) + len(VOTED) :], numbers, strict=True):
        target[:] = number


def _rank(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the share of the samples with evidence that have less."""
    if not known.any():
        return np.full(values.shape, np.nan, np.float32)
    levels = np.percentile(values[known], np.linspace(0, 100, 41))
    levels += np.arange(41) * 1e-6  # rising, or equal values would have no rank of their own
    return np.interp(values, levels, np.linspace(0, 1, 41)).astype(np.float32)


def _split(radius: NDArray[np.float32]) -> tuple[float, float]:
    """Return the radius that parts a picture's radii best into two groups (Otsu), and how well, in [0, 1]."""
    counts, edges = np.histogram(radius, 64)
    middles = (edges[1:] + edges[:-1]) / 2
    below, sums = np.cumsum(counts)[:-1], np.cumsum(counts * middles)[:-1]
    above = radius.size - below
    mean = (counts * middles).sum() / radius.size
    valid = (below > 0) & (above > 0)
    if not valid.any():
        return float(mean), 0.0
    between = np.zeros(len(below))
    between[valid] = (mean * below[valid] - sums[valid]) ** 2 / (below[valid] * above[valid])
    best = int(between.argmax())
    spread = (counts * (middles - mean) ** 2).sum() / radius.size
    return float(edges[best + 1]), float(between[best] / max(spread, 1e-9))
