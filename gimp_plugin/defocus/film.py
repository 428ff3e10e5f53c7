"""Film: the strokes of the brush as they lie on the picture, and the brush's outline.

GIMP's Python has no cairo everywhere, so shapes are put together from rows of pixels.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, GLib  # noqa: E402
from marks import BLURRED, IN_FOCUS, RIM  # noqa: E402

if TYPE_CHECKING:
    from marks import Marks
    from view import View

COLORS = {IN_FOCUS: (46, 214, 110), BLURRED: (64, 118, 255), RIM: (255, 206, 54)}
_OPACITY = 150  # of 255
_NEAREST = GdkPixbuf.InterpType.NEAREST
_TARGET, _DOT, _TARGET_COLOR = 9, 5, (255, 120, 0)  # radius and size in px as GTK counts them
_LARGEST = 300  # px; a ring that is larger is drawn as if it were that large


class Film:
    """Draws strokes; only what is new is drawn while somebody paints."""

    def __init__(self) -> None:
        self._made_for: tuple[Any, ...] = ()
        self._counts: list[int] = []
        self._film: Any = None

    def draw(self, pixbuf: Any, marks: Marks, view: View) -> None:
        """Lay the strokes over a picture of what is seen."""
        width, height = pixbuf.get_width(), pixbuf.get_height()
        strokes = marks.strokes
        counts = [len(stroke["points"]) for stroke in strokes]
        made_for = (width, height, view.crop)
        begun = self._begun(made_for, counts)
        if begun == (0, 0):
            self._film = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, True, 8, width, height)
            self._film.fill(0)
        left, top, scale = view.left, view.top, view.scale
        for number in range(begun[0], len(strokes)):
            stroke = strokes[number]
            places = [((x - left) * scale, (y - top) * scale) for x, y in stroke["points"]]
            start = begun[1] if number == begun[0] else 0
            self._stamp(stroke["kind"], max(1.0, stroke["radius"] * scale), places[start:])
        self._made_for, self._counts = made_for, counts
        self._film.composite(pixbuf, 0, 0, width, height, 0.0, 0.0, 1.0, 1.0, _NEAREST, _OPACITY)

    def _begun(self, made_for: tuple[Any, ...], counts: list[int]) -> tuple[int, int]:
        """Return the stroke and the point from which on there is something new; (0, 0) if all is."""
        before = self._counts
        if not before or self._made_for != made_for or len(before) > len(counts):
            return 0, 0
        last = len(before) - 1
        if before[:last] != counts[:last] or before[last] > counts[last]:
            return 0, 0
        return last, before[last] - 1

    def _stamp(self, kind: str, radius: float, places: list[tuple[float, float]]) -> None:
        disc, half = _disc(round(2 * radius), COLORS[kind]), round(2 * radius) / 2
        x, y = places[0]
        _lay(disc, self._film, x - half, y - half)
        for end in places[1:]:
            length = math.hypot(end[0] - x, end[1] - y)
            steps = max(1, math.ceil(length / max(1.0, radius / 3)))
            for step in range(1, steps + 1):
                share = step / steps
                _lay(disc, self._film, x + share * (end[0] - x) - half, y + share * (end[1] - y) - half)
            x, y = end


def draw_outline(pixbuf: Any, place: tuple[float, float], radius: float) -> None:
    """Draw the brush's outline around a place of a picture."""
    ring = _ring(min(round(2 * radius), _LARGEST))
    half = ring.get_width() / 2
    _lay(ring, pixbuf, place[0] - half, place[1] - half)


def draw_target(pixbuf: Any, place: tuple[float, float], factor: int) -> None:
    """Draw a ring with a dot in it around the place of a picture that is to be the sharpest."""
    draw_outline(pixbuf, place, _TARGET * factor)
    dot = _disc(_DOT * factor, _TARGET_COLOR)
    half = dot.get_width() / 2
    _lay(dot, pixbuf, place[0] - half, place[1] - half)


def _lay(shape: Any, pixbuf: Any, x: float, y: float) -> None:
    """Lay a shape over a picture, as far as it lies in it."""
    left, top, size = round(x), round(y), shape.get_width()
    first = max(0, left), max(0, top)
    last = min(pixbuf.get_width(), left + size), min(pixbuf.get_height(), top + size)
    if first[0] < last[0] and first[1] < last[1]:
        area = *first, last[0] - first[0], last[1] - first[1]
        shape.composite(pixbuf, *area, float(left), float(top), 1.0, 1.0, _NEAREST, 255)


def _from_rows(rows: list[bytes], size: int) -> Any:
    data = GLib.Bytes.new(b"".join(rows))
    return GdkPixbuf.Pixbuf.new_from_bytes(data, GdkPixbuf.Colorspace.RGB, True, 8, size, size, 4 * size)


@lru_cache(maxsize=64)
def _disc(size: int, color: tuple[int, int, int]) -> Any:
    """Return a disc of one colour on nothing."""
    size = max(1, size)
    dot, nothing, half = bytes([*color, 255]), bytes(4), size / 2
    rows = []
    for y in range(size):
        reach = math.sqrt(max(half**2 - (y + 0.5 - half) ** 2, 0))
        inside = min(size, max(size % 2, 2 * round(reach - size % 2 / 2) + size % 2))
        outside = (size - inside) // 2
        rows.append(nothing * outside + dot * inside + nothing * (size - inside - outside))
    return _from_rows(rows, size)


@lru_cache(maxsize=8)
def _ring(size: int) -> Any:
    """Return a white ring with a black one inside it, to be seen on any ground."""
    size = max(5, size)
    white, black, nothing, half = b"\xff\xff\xff\xff", b"\0\0\0\xff", bytes(4), size / 2
    rows = []
    for y in range(size):
        distances = (math.hypot(x + 0.5 - half, y + 0.5 - half) - half for x in range(size))
        rows.append(b"".join(white if -1 <= at < 0 else black if -2 <= at < -1 else nothing for at in distances))
    return _from_rows(rows, size)
