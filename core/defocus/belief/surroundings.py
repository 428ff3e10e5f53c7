"""Surroundings: what a first belief says of what lies around each sample (auto-context)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from defocus.belief.boxes import box_mean
from defocus.belief.colors import cut_with_colors
from defocus.belief.names import CONTEXT_NUMBERS, LEVELS
from defocus.belief.saliency import barrier, opponent_colors
from defocus.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["context_numbers"]

_LIMIT = 8.0  # largest log-odds that context is made of
_COLOR_BINS = 16
_NATS = 4.0  # that a log-odds of one is worth in the cut
_SURE = 2.0  # log-odds of what surely is in focus, or surely is not ...
_SURE_SHARE = 5  # ... or of the surest so many per cent
_SURE_NATS = 6.0  # log-odds; none counts as surer in the cut


@compiled(nogil=True, error_model="numpy")
def _flow(values, across, down, out):  # type: ignore[no-untyped-def]
    """Average along rows and columns, there and back; across and down say how much passes between neighbours."""
    planes, height, width = values.shape
    for p in range(planes):
        for y in range(height):
            for x in range(width):
                out[p, y, x] = values[p, y, x]
        for turn in range(2):
            for y in range(height):
                for x in range(1, width):
                    out[p, y, x] += across[turn, y, x - 1] * (out[p, y, x - 1] - out[p, y, x])
                for x in range(width - 2, -1, -1):
                    out[p, y, x] += across[turn, y, x] * (out[p, y, x + 1] - out[p, y, x])
            for y in range(1, height):
                for x in range(width):
                    out[p, y, x] += down[turn, y - 1, x] * (out[p, y - 1, x] - out[p, y, x])
            for y in range(height - 2, -1, -1):
                for x in range(width):
                    out[p, y, x] += down[turn, y, x] * (out[p, y + 1, x] - out[p, y, x])


def _along_colors(log_odds: NDArray[np.float32], color: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the log-odds averaged over what has the same colour and hangs together, near and far."""
    sureness = np.abs(log_odds) + np.float32(0.2)
    values = np.stack([log_odds * sureness, sureness])
    across = np.abs(np.diff(color, axis=1)).sum(axis=2)
    down = np.abs(np.diff(color, axis=0)).sum(axis=2)
    found = []
    out = np.empty_like(values)
    for reach, strength in ((6.0, 12.0), (30.0, 60.0)):
        # Recursive filter of the domain transform (Gastal and Oliveira 2011): a step costs more where the colour jumps
        passes = [
            np.stack([np.exp(np.float32(-1 / (reach / turn)) * (1 + np.float32(strength) * d)) for turn in (1, 2)])
            for d in (across, down)
        ]
        _flow(values, passes[0], passes[1], out)
        found.append(out[0] / out[1])
    return found


def _color_bins(color: NDArray[np.float32]) -> NDArray[np.intp]:
    steps = np.clip(color * _COLOR_BINS, 0, _COLOR_BINS - 1).astype(np.intp)
    return (steps[..., 0] * _COLOR_BINS + steps[..., 1]) * _COLOR_BINS + steps[..., 2]


def _color_log_odds(focus: NDArray[np.float32], color: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much each sample's colour is one of what is in focus, by histograms weighted with the belief."""
    bins = _color_bins(color)
    counts = np.stack(
        [np.bincount(bins.ravel(), weights.ravel(), _COLOR_BINS**3) for weights in (focus, 1 - focus)]
    ).reshape(2, _COLOR_BINS, _COLOR_BINS, _COLOR_BINS)
    counts = ndimage.gaussian_filter(counts, (0, 1, 1, 1), mode="nearest", truncate=2.0)
    # Against the picture's own share: colours should tell what the share does not
    inside, outside = counts[0] / max(counts[0].sum(), 1e-9), counts[1] / max(counts[1].sum(), 1e-9)
    floor = 20.0 / focus.size * 0.05
    return np.log((inside + floor) / (outside + floor)).astype(np.float32).ravel()[bins]


def _enclosed(focus: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return how surely something in focus lies on all sides of each sample, something blurred; on three sides."""
    found = []
    for some in (focus, 1 - focus):
        sides = np.stack(
            [
                np.maximum.accumulate(some, axis=0),
                np.maximum.accumulate(some[::-1], axis=0)[::-1],
                np.maximum.accumulate(some, axis=1),
                np.maximum.accumulate(some[:, ::-1], axis=1)[:, ::-1],
            ]
        )
        sides.sort(axis=0)
        found.append(sides[:2])
    return [found[0][0], found[1][0], found[0][1], found[1][1]]


def _cut_numbers(belief: NDArray[np.float32], color: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return what a cut of the belief with its colours says, and what parts each sample from sure focus and blur."""
    mask, colors_of_cut = cut_with_colors(np.float32(_NATS) * np.clip(belief, -_SURE_NATS, _SURE_NATS), color)
    cut = mask.astype(np.float32)
    share = cut.mean(dtype=np.float32)
    colors = ndimage.gaussian_filter(opponent_colors(color), (0, 0.7, 0.7), truncate=3.0)
    low, high = np.percentile(belief, (_SURE_SHARE, 100 - _SURE_SHARE))
    to_focus = barrier(colors, belief >= min(_SURE, high))
    to_blur = barrier(colors, belief <= max(-_SURE, low))
    return [
        cut,
        box_mean(cut, 15),
        np.full_like(cut, share),
        cut - share,
        colors_of_cut,
        to_focus,
        to_blur,
        to_focus - to_blur,
    ]


def context_numbers(log_odds: NDArray[np.float32], color: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a first belief says of the surroundings of each sample.

    Parameters
    ----------
    log_odds : float32 (h, w)
        That each sample is in focus.
    color : float32 (h, w, 3)

    Returns
    -------
    float32 (F, h, w)
        As in `CONTEXT_NUMBERS`.
    """
    height, width = log_odds.shape
    belief = np.clip(log_odds, -_LIMIT, _LIMIT)
    focus = np.asarray(1 / (1 + np.exp(-belief)), np.float32)
    rows = np.arange(1, height + 1, dtype=np.float32)[:, np.newaxis]
    columns = np.arange(1, width + 1, dtype=np.float32)
    above = np.cumsum(focus, axis=0, dtype=np.float32) / rows
    below = np.cumsum(focus[::-1], axis=0, dtype=np.float32)[::-1] / rows[::-1]
    left = np.cumsum(focus, axis=1, dtype=np.float32) / columns
    right = np.cumsum(focus[:, ::-1], axis=1, dtype=np.float32)[:, ::-1] / columns[::-1]
    edge = np.concatenate([focus[:3].ravel(), focus[-3:].ravel(), focus[:, :3].ravel(), focus[:, -3:].ravel()])
    surest = np.partition(belief.ravel(), -max(1, belief.size // 20))[-max(1, belief.size // 20) :]
    y, x = np.linspace(-1, 1, height)[:, np.newaxis], np.linspace(-1, 1, width)
    total = focus.sum(dtype=np.float64)
    middle_y, middle_x = (focus * y).sum() / total, (focus * x).sum() / total
    spread_y = (focus * (y - middle_y) ** 2).sum() / total + 0.01
    spread_x = (focus * (x - middle_x) ** 2).sum() / total + 0.01
    distance = np.sqrt((y - middle_y) ** 2 / spread_y + (x - middle_x) ** 2 / spread_x)
    out = np.empty((len(CONTEXT_NUMBERS), height, width), np.float32)
    planes = [
        belief,
        *[box_mean(belief, size) for size in (3, 7, 15)],
        *[box_mean(focus, size) for size in (15, 31, 61)],
        *_along_colors(belief, color),
        _color_log_odds(focus, color),
        above,
        below,
        left,
        right,
        focus.mean(axis=1, keepdims=True),
        focus.mean(axis=0),
        focus.mean(),
        edge.mean(),
        surest.mean(),
        distance,
        *_enclosed(box_mean(focus, 3)),
        *np.percentile(belief, LEVELS),
        *_cut_numbers(belief, color),
    ]
    for target, plane in zip(out, planes, strict=True):
        target[:] = np.asarray(plane, np.float32)
    return out
