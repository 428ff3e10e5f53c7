"""Strokes mark what lies under the brush, and the later one counts."""

import numpy as np
import pytest

from defocus.errors import InputError
from defocus.worker.strokes import painted, painted_rim


def stroke(kind, radius, *points):
    return {"kind": kind, "radius": radius, "points": [list(point) for point in points]}


def covered(shape, radius, *points):
    """By brute force: the brush is set down at a thousand places along the way."""
    found = np.zeros(shape, bool)
    y, x = np.indices(shape) + 0.5
    for start, end in zip(points, [*points[1:], points[-1]], strict=True):
        for t in np.linspace(0, 1, 1000):
            at = start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1])
            found |= (x - at[0]) ** 2 + (y - at[1]) ** 2 <= radius**2
    return found


@pytest.mark.parametrize("points", [[(20, 15)], [(5.3, 7.1), (31, 22.6)], [(3, 3), (30, 3), (30, 25)]])
def test_what_lies_under_the_brush_is_marked(points):
    marks = painted([stroke("in_focus", 4.2, *points)], (30, 40))
    wanted = covered((30, 40), 4.2, *points)
    assert np.count_nonzero((marks == 1) != wanted) <= 3  # a thousand places are not all
    assert set(np.unique(marks)) == {0, 1}


def test_the_later_stroke_counts():
    marks = painted([stroke("in_focus", 5, (10, 10)), stroke("blurred", 2, (10, 10))], (20, 20))
    assert marks[10, 10] == -1
    assert marks[10, 14] == 1
    assert marks[0, 0] == 0


def test_a_rim_is_painted_apart_from_what_is_sure():
    strokes = [stroke("in_focus", 2, (5, 5)), stroke("rim", 3, (10, 10), (20, 12)), stroke("rim", 1, (30, 5))]
    assert np.array_equal(painted(strokes, (20, 40)), painted(strokes[:1], (20, 40)))
    band, radius = painted_rim(strokes, (20, 40))
    wanted = covered((20, 40), 3, (10, 10), (20, 12)) | covered((20, 40), 1, (30, 5))
    assert np.count_nonzero(band != wanted) <= 3
    assert radius == 2
    assert painted_rim(strokes[:1], (20, 40))[1] == 0
    for wrong in ("strokes", [{"kind": "edge", "radius": 1, "points": [[1, 2]]}]):
        with pytest.raises(InputError):
            painted_rim(wrong, (20, 40))


def test_the_finest_brush_marks_the_pixel_it_points_at():
    marks = painted([stroke("blurred", 0, (7.9, 3.2))], (10, 12))
    assert np.argwhere(marks).tolist() == [[3, 7]]


def test_strokes_may_leave_the_picture():
    marks = painted([stroke("in_focus", 3, (-2, 5), (50, 5)), stroke("blurred", 3, (500, 500))], (10, 12))
    assert np.array_equal(marks == 1, covered((10, 12), 3, (-2, 5), (50, 5)))


@pytest.mark.parametrize(
    "wrong",
    [
        "strokes",
        [3],
        [{"kind": "sharp", "radius": 3, "points": [[1, 2]]}],
        [{"kind": "blurred", "radius": -1, "points": [[1, 2]]}],
        [{"kind": "blurred", "radius": 1, "points": []}],
        [{"kind": "blurred", "radius": 1, "points": [[1, float("nan")]]}],
        [{"kind": "blurred", "radius": 1, "points": [[1]]}],
    ],
)
def test_wrong_strokes_are_refused(wrong):
    with pytest.raises(InputError, match="stroke"):
        painted(wrong, (10, 10))
