"""Glance: what a request that changes the picture would give, seen small and in a moment."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.pictures.preview import reduced_color, reduced_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.progress import Progress
    from defocus.session import Question, Session

__all__ = ["glance"]

_STEPS = 3  # of restoration; they bring nine tenths of the change
_AROUND = 32  # px of the preview around what is to be seen


def glance(
    session: Session,
    question: Question,
    limits: tuple[int, int],
    box: tuple[float, float, float, float],
    progress: Progress,
) -> NDArray[np.float32]:
    """Return the result of "restore" or "magnify" for a part of the picture, reduced to a preview's size.

    The blur map is that of the whole picture, with its radii reduced as the picture is: what this shows is what the
    whole result would show at that size, but for blur of less than a pixel there.

    Parameters
    ----------
    session : Session
    question : Question
    limits : tuple of int
        Height and width at most, in px.
    box : tuple of float
        Top, left, bottom and right of the part, in px.
    progress : callable

    Returns
    -------
    float32 (h, w, 3)
    """
    from defocus.effects.magnification import magnify
    from defocus.effects.restoration import restore

    analysis, radius, rest = session.mapped(question, progress)
    part_shape = box[2] - box[0], box[3] - box[1]
    scale = min(1.0, reduced_size(part_shape, limits)[1] / part_shape[0])
    top, left, bottom, right = _with_surroundings(box, analysis.shape, scale)
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    here = np.s_[top:bottom, left:right]
    small = dataclasses.replace(
        analysis.picture,
        color=np.clip(reduced_color(analysis.picture.color[here], size), 0, 1),
        alpha=None,
    )
    small_radius = reduced_color(radius[here][..., np.newaxis], size)[..., 0] * np.float32(scale)
    inner = tuple(
        slice(min(round((start - corner) * scale), length - 1), max(1, round((end - corner) * scale)))
        for start, end, corner, length in zip(box[:2], box[2:], (top, left), size[::-1], strict=True)
    )
    parameters: Any = question.parameters
    if question.request == "restore":
        quick = dataclasses.replace(parameters, iterations=min(parameters.iterations, _STEPS))
        return restore(small, small_radius, quick, psf=analysis.psf, progress=rest)[inner]
    chosen = session.focused(question, radius)
    subject = reduced_color(session.subject(question, chosen, radius)[here][..., np.newaxis], size)[..., 0]
    # Its ends in the scale of the preview
    ends = {name: getattr(chosen, name) * scale for name in ("focus_from", "threshold")}
    chosen = dataclasses.replace(chosen, focus_x="auto", focus_y="auto", **ends)
    return magnify(small, small_radius, chosen, subject=np.clip(subject, 0, 1), progress=rest)[inner]


def _with_surroundings(
    box: tuple[float, float, float, float], shape: tuple[int, int], scale: float
) -> tuple[int, int, int, int]:
    """Return the box, in whole px, with so much around it as blur may bring in."""
    around = math.ceil(_AROUND / scale)
    top, left = (max(0, math.floor(edge) - around) for edge in box[:2])
    bottom, right = (min(size, math.ceil(edge) + around) for edge, size in zip(box[2:], shape, strict=True))
    return top, left, bottom, right
