"""Strokes: what a brush marked as surely in focus, or surely not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["painted", "painted_rim"]

_KINDS = {"in_focus": 1, "blurred": -1, "rim": 0}
_FARTHEST = 1e6  # px; no picture is larger


def painted(strokes: object, shape: tuple[int, int]) -> NDArray[np.int8]:
    """Return +1 where strokes mark what is in focus, -1 where they mark what is not, 0 elsewhere; the later one counts.

    Parameters
    ----------
    strokes : list of dict
        ``kind``: "in_focus" or "blurred", or "rim", which marks neither, see `painted_rim`; ``radius``: of the brush,
        in px; ``points``: [x, y] pairs in px from the picture's upper left corner, through which it was drawn.
    shape : (int, int)
        Height and width in px.

    Returns
    -------
    int8 (H, W)
        A pixel is marked if its centre lies within the radius of the line, or a point lies in it.

    Raises
    ------
    InputError
        If a stroke is not understood.
    """
    marks = np.zeros(shape, np.int8)
    for mark, radius, points in _all_checked(strokes):
        if mark:
            _paint(marks, points, radius, mark)
    return marks


def painted_rim(strokes: object, shape: tuple[int, int]) -> tuple[NDArray[np.bool_], float]:
    """Return where strokes of the kind "rim" say that a mask's edge shall be found anew, and their mean radius.

    Parameters
    ----------
    strokes : list of dict
        As for `painted`, of all kinds.
    shape : (int, int)

    Returns
    -------
    band : bool (H, W)
    radius : float
        In px; 0 if there is no such stroke.

    Raises
    ------
    InputError
        If a stroke is not understood.
    """
    band, radii = np.zeros(shape, np.int8), []
    for mark, radius, points in _all_checked(strokes):
        if not mark:
            _paint(band, points, radius, 1)
            radii.append(radius)
    return band > 0, sum(radii) / max(len(radii), 1)


def _paint(marks: NDArray[np.int8], points: list[tuple[float, float]], radius: float, mark: int) -> None:
    for start, end in zip(points[:1] + points[:-1], points, strict=True):
        _draw(marks, start, end, radius, mark)


def _all_checked(strokes: object) -> list[tuple[int, float, list[tuple[float, float]]]]:
    if not isinstance(strokes, list):
        raise InputError("strokes must be a list")
    return [_checked(stroke) for stroke in strokes]


def _checked(stroke: Any) -> tuple[int, float, list[tuple[float, float]]]:
    try:
        mark, radius = _KINDS[stroke["kind"]], float(stroke["radius"])
        points = [(float(x), float(y)) for x, y in stroke["points"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("a stroke has a kind (in_focus, blurred or rim), a radius and points [x, y]") from error
    if not points or not 0 <= radius <= _FARTHEST or not all(abs(at) <= _FARTHEST for point in points for at in point):
        raise InputError("a stroke has one point or more, a radius of 0 or more, and lies near the picture")
    return mark, radius, points


def _draw(
    marks: NDArray[np.int8], start: tuple[float, float], end: tuple[float, float], radius: float, mark: int
) -> None:
    """Mark what lies within the radius of a line from start to end."""
    height, width = marks.shape
    left, right = (math.floor(edge) for edge in (min(start[0], end[0]) - radius, max(start[0], end[0]) + radius))
    top, bottom = (math.floor(edge) for edge in (min(start[1], end[1]) - radius, max(start[1], end[1]) + radius))
    rows = np.arange(max(top, 0), min(bottom + 1, height))
    columns = np.arange(max(left, 0), min(right + 1, width))
    if not len(rows) or not len(columns):
        return
    x, y = columns + 0.5 - start[0], rows[:, np.newaxis] + 0.5 - start[1]
    along = end[0] - start[0], end[1] - start[1]
    length = along[0] ** 2 + along[1] ** 2
    place = np.clip((x * along[0] + y * along[1]) / length, 0, 1) if length else 0.0
    near = (x - place * along[0]) ** 2 + (y - place * along[1]) ** 2 <= radius**2
    marks[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1][near] = mark
    for x_here, y_here in (start, end):
        if 0 <= x_here < width and 0 <= y_here < height:
            marks[int(y_here), int(x_here)] = mark
