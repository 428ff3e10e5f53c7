"""Canvas: the picture in the dialog, which is zoomed, moved, clicked and painted on.

GIMP's Python has no cairo everywhere, so pictures are put together from GdkPixbuf's own pieces.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk  # noqa: E402
from marks import BLURRED, IN_FOCUS  # noqa: E402
from view import STEP, View  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from marks import Marks

WIDTH, HEIGHT = 420, 340
COLORS = {IN_FOCUS: (46, 214, 110), BLURRED: (64, 118, 255)}
_OPACITY = 150  # of 255
_SQUARE, _DARK, _LIGHT = 8, 0x666666, 0x999999  # of the checkerboard that stands for nothing, as GIMP's does
_CLICK = 3  # screen px; who moves less did not drag
_NEAREST = GdkPixbuf.InterpType.NEAREST


class Canvas:
    """Shows a picture with marks on it.

    Parameters
    ----------
    picture : tuple of int
        Width and height of the layer in px.
    marks : Marks or None
        What is painted; None where nothing can be.
    moved, marked : callable
        Called when something else is seen, and when a stroke is done.
    looked_at : callable
        Called with the place, in px of the layer, that was clicked.
    """

    def __init__(
        self,
        picture: tuple[int, int],
        marks: Marks | None,
        moved: Callable[[], None],
        marked: Callable[[], None],
        looked_at: Callable[[tuple[float, float]], None],
    ) -> None:
        self.view = View(picture, (WIDTH, HEIGHT))
        self.marks = marks
        self.moved, self.marked, self.looked_at = moved, marked, looked_at
        self.tool = "look"  # or what a drag paints
        self.brush = 12.0  # screen px; radius
        self._base: Any = None  # the picture last computed, and which part of the layer it shows
        self._base_crop = self.view.crop
        self._held: tuple[int, float, float] | None = None  # button, and where it went down or was last seen
        self._dragged = self._painting = False
        self._painted: tuple[Any, ...] = ()  # what the film of strokes was made for
        self._film: Any = None
        self._image = Gtk.Image()
        self.widget = self._built()

    def _built(self) -> Any:
        frame = Gtk.ScrolledWindow(min_content_width=WIDTH, min_content_height=HEIGHT)
        # A scrolled window without bars may be smaller than what it holds, so that the dialog can shrink again
        frame.set_policy(Gtk.PolicyType.EXTERNAL, Gtk.PolicyType.EXTERNAL)
        events = Gtk.EventBox()
        mask = Gdk.EventMask
        events.add_events(
            mask.BUTTON_PRESS_MASK | mask.BUTTON_RELEASE_MASK | mask.POINTER_MOTION_MASK | mask.SCROLL_MASK
        )
        for signal, handler in (
            ("button-press-event", self._pressed),
            ("button-release-event", self._released),
            ("motion-notify-event", self._motion),
            ("scroll-event", self._scrolled),
        ):
            events.connect(signal, handler)
        events.add(self._image)
        frame.add(events)
        frame.connect("size-allocate", self._resized)
        return frame

    # ---- what is seen

    def show(self, pixbuf: Any, crop: tuple[float, float, float, float]) -> None:
        """Show a picture of a part of the layer."""
        self._base, self._base_crop = _opaque(pixbuf), crop
        self.draw()

    def draw(self) -> None:
        """Show what there is of the part that is to be seen, with the marks."""
        if self._base is None:
            return
        width, height = self.view.shown
        pixbuf = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, width, height)
        pixbuf.fill(0x808080FF)
        left, top, _width, _height = self.view.crop
        base_left, base_top, base_width, base_height = self._base_crop
        scale = self.view.scale
        offsets = (base_left - left) * scale, (base_top - top) * scale
        factors = base_width * scale / self._base.get_width(), base_height * scale / self._base.get_height()
        first = [max(0, math.floor(offset)) for offset in offsets]
        ends = offsets[0] + base_width * scale, offsets[1] + base_height * scale
        last = [min(size, math.ceil(end - 1e-6)) for size, end in zip((width, height), ends, strict=True)]
        if first[0] < last[0] and first[1] < last[1]:
            way = _NEAREST if max(factors) >= 1 else GdkPixbuf.InterpType.BILINEAR
            size = last[0] - first[0], last[1] - first[1]
            self._base.scale(pixbuf, *first, *size, *offsets, *factors, way)
        if self.marks:
            film = self._film_of_marks(width, height)
            film.composite(pixbuf, 0, 0, width, height, 0.0, 0.0, 1.0, 1.0, _NEAREST, _OPACITY)
        self._image.set_from_pixbuf(pixbuf)

    def _film_of_marks(self, width: int, height: int) -> Any:
        """Return the strokes, opaque on nothing; only what is new is drawn while somebody paints."""
        assert self.marks is not None
        strokes = self.marks.strokes
        made_for = (width, height, self.view.crop)
        counts = [len(stroke["points"]) for stroke in strokes]
        begun = 0, 0
        if self._painted and self._painted[0] == made_for:
            before = self._painted[1]
            if (
                before[:-1] == counts[: len(before) - 1]
                and len(before) <= len(counts)
                and before[-1] <= counts[len(before) - 1]
            ):
                begun = len(before) - 1, before[-1] - 1
        if begun == (0, 0):
            self._film = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, True, 8, width, height)
            self._film.fill(0)
        left, top, scale = self.view.left, self.view.top, self.view.scale
        for number in range(begun[0], len(strokes)):
            stroke = strokes[number]
            places = [((x - left) * scale, (y - top) * scale) for x, y in stroke["points"]]
            start = begun[1] if number == begun[0] else 0
            self._stamp(stroke["kind"], max(1.0, stroke["radius"] * scale), places[start:])
        self._painted = made_for, counts
        return self._film

    def _stamp(self, kind: str, radius: float, places: list[tuple[float, float]]) -> None:
        disc, half = _disc(round(2 * radius), COLORS[kind]), round(2 * radius) / 2
        x, y = places[0]
        self._stamp_at(disc, x - half, y - half)
        for end in places[1:]:
            length = math.hypot(end[0] - x, end[1] - y)
            steps = max(1, math.ceil(length / max(1.0, radius / 3)))
            for step in range(1, steps + 1):
                share = step / steps
                self._stamp_at(disc, x + share * (end[0] - x) - half, y + share * (end[1] - y) - half)
            x, y = end

    def _stamp_at(self, disc: Any, x: float, y: float) -> None:
        left, top, size = round(x), round(y), disc.get_width()
        first = max(0, left), max(0, top)
        last = min(self._film.get_width(), left + size), min(self._film.get_height(), top + size)
        if first[0] < last[0] and first[1] < last[1]:
            area = *first, last[0] - first[0], last[1] - first[1]
            disc.composite(self._film, *area, float(left), float(top), 1.0, 1.0, _NEAREST, 255)

    def undo(self) -> None:
        """Take the last stroke back."""
        if self.marks:
            self.marks.undo()
            self.draw()
            self.marked()

    # ---- zoom

    def zoom(self, factor: float, at: tuple[float, float] | None = None) -> None:
        """Zoom by a factor around a place of the frame."""
        self.view.zoom(factor, at)
        self._moved()

    def natural(self) -> None:
        """Show px of the layer as px of the screen."""
        self.view.natural()
        self._moved()

    def fit(self) -> None:
        """Show all of the layer."""
        self.view.fit()
        self._moved()

    def _moved(self) -> None:
        self.draw()
        self.moved()

    def _resized(self, _widget: Any, place: Any) -> None:
        width, height = self.view.frame
        if abs(place.width - width) + abs(place.height - height) > 8:
            self.view.resize((place.width, place.height))
            GLib.idle_add(self.draw)  # not while sizes are given out
            self.moved()

    def _scrolled(self, _widget: Any, event: Any) -> bool:
        if event.direction == Gdk.ScrollDirection.UP:
            self.zoom(STEP, (event.x, event.y))
        elif event.direction == Gdk.ScrollDirection.DOWN:
            self.zoom(1 / STEP, (event.x, event.y))
        return True

    # ---- clicks and drags

    def _kind(self, state: Any) -> str:
        """Return what a drag paints with these keys held."""
        if self.marks is None:
            return ""
        kinds = Gdk.ModifierType
        if state & kinds.SHIFT_MASK:
            return IN_FOCUS
        if state & (kinds.MOD1_MASK | kinds.CONTROL_MASK):
            return BLURRED
        return self.tool if self.tool in COLORS else ""

    def _pressed(self, _widget: Any, event: Any) -> bool:
        if self._held is not None or event.button not in (1, 2):
            return True
        place = self.view.place(event.x, event.y)
        kind = self._kind(event.state) if event.button == 1 else ""
        if kind and not self.view.holds(place):
            return True
        self._held, self._dragged, self._painting = (event.button, event.x, event.y), False, bool(kind)
        if kind and self.marks is not None:
            self.marks.begin(kind, self.brush / self.view.scale, place)
            self.draw()
        return True

    def _motion(self, _widget: Any, event: Any) -> bool:
        if self._held is None:
            return False
        button, x, y = self._held
        if self._painting and self.marks is not None:
            if self.marks.extend(self.view.place(event.x, event.y)):
                self.draw()
        elif self._dragged or abs(event.x - x) + abs(event.y - y) > _CLICK:
            self._dragged = True
            self.view.pan(event.x - x, event.y - y)
            self._held = button, event.x, event.y
            self.draw()
        return True

    def _released(self, _widget: Any, event: Any) -> bool:
        if self._held is None or event.button != self._held[0]:
            return True
        painting, dragged, button = self._painting, self._dragged, self._held[0]
        self._held, self._painting = None, False
        if painting:
            self.marked()
        elif dragged:
            self.moved()
        elif button == 1:
            place = self.view.place(event.x, event.y)
            if self.view.holds(place):
                self.looked_at(place)
        return True


def _opaque(pixbuf: Any) -> Any:
    """Return a picture without opacity, upon a checkerboard where it has some."""
    if not pixbuf.get_has_alpha():
        return pixbuf
    size = pixbuf.get_width(), pixbuf.get_height()
    whole = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, *size)
    place = 0, 0, *size, 0.0, 0.0, 1.0, 1.0
    pixbuf.composite_color(whole, *place, _NEAREST, 255, 0, 0, _SQUARE, _DARK, _LIGHT)
    return whole


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
    data = GLib.Bytes.new(b"".join(rows))
    return GdkPixbuf.Pixbuf.new_from_bytes(data, GdkPixbuf.Colorspace.RGB, True, 8, size, size, 4 * size)
