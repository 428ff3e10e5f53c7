"""Marks: what a brush marked in the preview as surely in focus, or surely not, or as an edge to be found anew."""

from __future__ import annotations

from typing import Any

IN_FOCUS, BLURRED, RIM = "in_focus", "blurred", "rim"
_CLOSE = 0.25  # radii; a place that is nearer to the last one adds nothing
_MOST = 60_000  # places in all: a request to the worker has a limit


class Marks:
    """Strokes of a brush, in px of the layer, in the order in which they were made."""

    def __init__(self) -> None:
        self.strokes: list[dict[str, Any]] = []
        self.undone: list[dict[str, Any]] = []  # the last one first to come back

    def __bool__(self) -> bool:
        return bool(self.strokes)

    def begin(self, kind: str, radius: float, place: tuple[float, float]) -> None:
        """Set the brush down."""
        self.strokes.append({"kind": kind, "radius": radius, "points": [list(place)]})
        self.undone.clear()

    def extend(self, place: tuple[float, float]) -> bool:
        """Draw on to a place; return whether that adds anything."""
        stroke = self.strokes[-1]
        x, y = stroke["points"][-1]
        near = (place[0] - x) ** 2 + (place[1] - y) ** 2 < (_CLOSE * stroke["radius"]) ** 2
        if near or sum(len(other["points"]) for other in self.strokes) >= _MOST:
            return False
        stroke["points"].append(list(place))
        return True

    def undo(self) -> bool:
        """Take the last stroke back; return whether there was one."""
        if self.strokes:
            self.undone.append(self.strokes.pop())
            return True
        return False

    def redo(self) -> bool:
        """Make the stroke again that was taken back last; return whether there was one."""
        if self.undone:
            self.strokes.append(self.undone.pop())
            return True
        return False

    def written(self) -> list[dict[str, Any]]:
        """Return the strokes as the worker takes them; what is marked later does not change that."""
        return [{**stroke, "points": [list(point) for point in stroke["points"]]} for stroke in self.strokes]
