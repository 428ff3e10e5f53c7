"""Glance: what a request that changes the picture would give, seen small and in a moment."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.pictures.preview import reduced_color, reduced_size
from defocus.progress import sub_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.progress import Progress
    from defocus.session import Question, Session

__all__ = ["glance"]

_MAP_PART = 0.7  # of the progress: the map is drawn for the whole picture, and kept


def glance(session: Session, question: Question, limits: tuple[int, int], progress: Progress) -> NDArray[np.float32]:
    """Return the result of "restore" or "magnify" for the picture reduced to a preview's size.

    The blur map is that of the whole picture, with its radii reduced as the picture is: what this shows is what the
    whole result would show at that size, but for blur of less than a pixel there.

    Parameters
    ----------
    session : Session
    question : Question
    limits : tuple of int
        Height and width at most, in px.
    progress : callable

    Returns
    -------
    float32 (h, w, 3)
    """
    from defocus.effects.magnification import magnify
    from defocus.effects.restoration import restore

    analysis = session.held
    radius = session.blur_map(question.map_parameters, progress=sub_progress(progress, 0, _MAP_PART))
    width, height = reduced_size(analysis.shape, limits)
    scale = height / analysis.shape[0]
    small = dataclasses.replace(
        analysis.picture,
        color=np.clip(reduced_color(analysis.picture.color, (width, height)), 0, 1),
        alpha=None,
        bit_depth=32,
    )
    small_radius = reduced_color(radius[..., np.newaxis], (width, height))[..., 0] * np.float32(scale)
    rest = sub_progress(progress, _MAP_PART, 1)
    parameters: Any = question.parameters
    if question.request == "restore":
        return restore(small, small_radius, parameters, psf=analysis.psf, progress=rest)
    threshold = analysis.threshold if parameters.threshold == "auto" else float(parameters.threshold)
    parameters = dataclasses.replace(parameters, threshold=threshold * scale)
    return magnify(small, small_radius, parameters, progress=rest)
