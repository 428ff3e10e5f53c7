"""Canvas: the picture in the dialog, which is zoomed, moved, clicked, painted on, and compared with what was before.

GIMP's Python has no cairo everywhere, so pictures are put together from GdkPixbuf's own pieces.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from film import COLORS, Film, draw_outline, draw_target  # noqa: E402
from gi.repository import Gdk, GdkPixbuf, Gio, GLib, Gtk  # noqa: E402
from marks import BLURRED, IN_FOCUS, Marks  # noqa: E402
from view import STEP, View  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH, HEIGHT = 308, 236  # logical px; what the dialog may not make it smaller than
_SQUARE, _DARK, _LIGHT = 8, 0x666666, 0x999999  # of the checkerboard that stands for nothing, as GIMP's does
_CLICK = 3  # screen px; who moves less did not drag
_GRIP = 6  # screen px to either side of the line between before and after
_LINE, _GROUND = 0xFFFFFFFF, 0x808080FF
_NEAREST = GdkPixbuf.InterpType.NEAREST

Crop = tuple[float, float, float, float]


class Canvas:
    """Shows a picture with marks on it, in the screen's own pixels.

    Parameters
    ----------
    picture : tuple of int
        Width and height of the layer in px.
    marks : Marks
        What is painted.
    moved, marked : callable
        Called when something else is seen, and when a stroke is done or taken back.
    looked_at : callable
        Called with the place, in px of the layer, that was clicked.
    """

    def __init__(
        self,
        picture: tuple[int, int],
        marks: Marks,
        moved: Callable[[], None],
        marked: Callable[[], None],
        looked_at: Callable[[tuple[float, float]], None],
    ) -> None:
        self.widget = self._built()
        self.factor = self.widget.get_scale_factor()  # px of the screen for one that GTK counts
        self.view = View(picture, (self.factor * WIDTH, self.factor * HEIGHT))
        self.marks = marks
        self.moved, self.marked, self.looked_at = moved, marked, looked_at
        self.tool = "look"  # or what a drag paints
        self.brush = 12.0  # px as GTK counts them; radius
        self.split: float | None = None  # which part of what is seen shows what was before, from the left
        self.holding = False  # whether all of it does
        self.focus: tuple[float, float] | None = None  # what is to be the sharpest, in px of the layer
        self._base: Any = None  # the picture last computed, and which part of the layer it shows
        self._before: Any = None  # the same part as it was
        self._base_crop: Crop = self.view.crop
        self._held: tuple[int, float, float] | None = None  # button, and where it went down or was last seen
        self._doing = ""  # what is done with the button held: "paint", "split", "drag"
        self._film = Film()
        self._pointer: tuple[float, float] | None = None  # where the brush's outline is to be seen

    def _built(self) -> Any:
        layout = Gtk.Layout()
        layout.set_size_request(WIDTH, HEIGHT)
        mask = Gdk.EventMask
        layout.add_events(
            mask.BUTTON_PRESS_MASK
            | mask.BUTTON_RELEASE_MASK
            | mask.POINTER_MOTION_MASK
            | mask.SCROLL_MASK
            | mask.LEAVE_NOTIFY_MASK
        )
        for signal, handler in (
            ("button-press-event", self._pressed),
            ("button-release-event", self._released),
            ("motion-notify-event", self._motion),
            ("leave-notify-event", self._left),
            ("scroll-event", self._scrolled),
            ("size-allocate", self._resized),
        ):
            layout.connect(signal, handler)
        self._image = Gtk.Image()
        self._at = 0, 0
        layout.put(self._image, 0, 0)
        return layout

    # ---- what is seen

    def show(self, pixbuf: Any, crop: Crop, before: Any = None) -> None:
        """Show a picture of a part of the layer, and what there was before; both on a checkerboard where they end."""
        self._base, self._base_crop = _opaque(pixbuf), crop
        self._before = None if before is None else _opaque(before)
        self.draw()

    def draw(self) -> None:
        """Show what there is of the part that is to be seen, with the marks."""
        if self._base is None:
            return
        width, height = self.view.shown
        pixbuf = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, False, 8, width, height)
        pixbuf.fill(_GROUND)
        holding = self.holding and self._before is not None
        self._place(self._before if holding else self._base, pixbuf, width)
        if not holding and self.split is not None and self._before is not None:
            at = round(self.split * width)
            self._place(self._before, pixbuf, at)
            if 0 < at < width - 1:
                pixbuf.new_subpixbuf(at, 0, max(1, self.factor), height).fill(_LINE)
        if not holding:
            if self.marks:
                self._film.draw(pixbuf, self.marks, self.view)
            if self.focus is not None:
                (x, y), scale = self.focus, self.view.scale
                draw_target(pixbuf, ((x - self.view.left) * scale, (y - self.view.top) * scale), self.factor)
            if self._pointer is not None:
                draw_outline(pixbuf, self._pointer, self.brush * self.factor)
        self._put(pixbuf)

    def _place(self, source: Any, pixbuf: Any, end: int) -> None:
        """Draw what is to be seen of a picture, up to a column."""
        width, height = min(end, pixbuf.get_width()), pixbuf.get_height()
        left, top, _width, _height = self.view.crop
        base_left, base_top, base_width, base_height = self._base_crop
        scale = self.view.scale
        offsets = (base_left - left) * scale, (base_top - top) * scale
        factors = base_width * scale / source.get_width(), base_height * scale / source.get_height()
        first = [max(0, math.floor(offset)) for offset in offsets]
        ends = offsets[0] + base_width * scale, offsets[1] + base_height * scale
        last = [min(size, math.ceil(end - 1e-6)) for size, end in zip((width, height), ends, strict=True)]
        if first[0] < last[0] and first[1] < last[1]:
            way = _NEAREST if max(factors) >= 1 else GdkPixbuf.InterpType.BILINEAR
            size = last[0] - first[0], last[1] - first[1]
            source.scale(pixbuf, *first, *size, *offsets, *factors, way)

    def _put(self, pixbuf: Any) -> None:
        """Put a picture in the middle of the frame."""
        size = pixbuf.get_width(), pixbuf.get_height()
        if self.factor == 1:
            self._image.set_from_pixbuf(pixbuf)
        else:
            # GTK draws a pixbuf's px as its own, several of the screen's; an icon's as the screen's. Icons are square
            side = self.factor * math.ceil(max(size) / self.factor)
            square = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, True, 8, side, side)
            square.fill(0)
            pixbuf.copy_area(0, 0, *size, square, (side - size[0]) // 2, (side - size[1]) // 2)
            _done, data = square.save_to_bufferv("png", ["compression"], ["0"])
            self._image.set_from_gicon(Gio.BytesIcon.new(GLib.Bytes.new(data)), Gtk.IconSize.BUTTON)
            self._image.set_pixel_size(side // self.factor)
            size = side, side
        across, down = ((frame - own) // (2 * self.factor) for frame, own in zip(self.view.frame, size, strict=True))
        if self._at != (across, down):
            self._at = across, down
            self.widget.move(self._image, across, down)

    def undo(self) -> None:
        """Take the last stroke back."""
        if self.marks.undo():
            self.draw()
            self.marked()

    def redo(self) -> None:
        """Make the last stroke again that was taken back."""
        if self.marks.redo():
            self.draw()
            self.marked()

    def compare(self, split: bool) -> None:
        """Show before and after beside each other, with a line between, or after alone."""
        self.split = 0.5 if split else None
        self.draw()

    def set_focus(self, place: tuple[float, float] | None) -> None:
        """Show which place of the layer is to be the sharpest, or none."""
        if place != self.focus:
            self.focus = place
            self.draw()

    def hold(self, holding: bool) -> None:
        """Show what was before, as long as somebody wants."""
        if holding != self.holding:
            self.holding = holding
            self.draw()

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
        self.factor = self.widget.get_scale_factor()
        size = self.factor * place.width, self.factor * place.height
        if abs(size[0] - self.view.frame[0]) + abs(size[1] - self.view.frame[1]) > 8:
            self.view.resize(size)
            GLib.idle_add(self.draw)  # not while sizes are given out
            self.moved()

    def _scrolled(self, _widget: Any, event: Any) -> bool:
        if event.direction == Gdk.ScrollDirection.UP:
            self.zoom(STEP, self._where(event))
        elif event.direction == Gdk.ScrollDirection.DOWN:
            self.zoom(1 / STEP, self._where(event))
        return True

    # ---- clicks and drags

    def _where(self, event: Any) -> tuple[float, float]:
        """Return where an event happened, in px of the screen from the frame's corner."""
        return event.x * self.factor, event.y * self.factor

    def _kind(self, state: Any) -> str:
        """Return what a drag paints with these keys held."""
        kinds = Gdk.ModifierType
        if state & kinds.SHIFT_MASK:
            return IN_FOCUS
        if state & (kinds.MOD1_MASK | kinds.CONTROL_MASK):
            return BLURRED
        return self.tool if self.tool in COLORS else ""

    def _in_picture(self, where: tuple[float, float]) -> tuple[float, float]:
        """Return a place of the frame in px from the corner of the picture that is seen."""
        across, down = ((frame - own) / 2 for frame, own in zip(self.view.frame, self.view.shown, strict=True))
        return where[0] - across, where[1] - down

    def _pressed(self, _widget: Any, event: Any) -> bool:
        if self._held is not None or event.button not in (1, 2):
            return True
        where = self._where(event)
        kind = self._kind(event.state) if event.button == 1 else ""
        self._doing = ""
        if event.button == 1 and self.split is not None:
            line = self.split * self.view.shown[0]
            if abs(self._in_picture(where)[0] - line) <= _GRIP * self.factor:
                self._doing = "split"
        if kind and not self._doing:
            place = self.view.place(*where)
            if not self.view.holds(place):
                return True
            self._doing = "paint"
            self.marks.begin(kind, self.brush * self.factor / self.view.scale, place)
            self.draw()
        self._held = event.button, *where
        return True

    def _motion(self, _widget: Any, event: Any) -> bool:
        where = self._where(event)
        self._follow(where if self._kind(event.state) else None)
        if self._held is None:
            return False
        button, x, y = self._held
        if self._doing == "paint":
            if self.marks.extend(self.view.place(*where)):
                self.draw()
        elif self._doing == "split":
            self.split = min(max(self._in_picture(where)[0] / self.view.shown[0], 0.0), 1.0)
            self.draw()
        elif self._doing == "drag" or abs(where[0] - x) + abs(where[1] - y) > _CLICK * self.factor:
            self._doing = "drag"
            self.view.pan(where[0] - x, where[1] - y)
            self._held = button, *where
            self.draw()
        return True

    def _follow(self, where: tuple[float, float] | None) -> None:
        """Show the brush's outline at a place of the frame, or nowhere."""
        pointer = None if where is None else self._in_picture(where)
        if pointer != self._pointer:
            self._pointer = pointer
            self.draw()

    def _left(self, _widget: Any, _event: Any) -> bool:
        self._follow(None)
        return False

    def _released(self, _widget: Any, event: Any) -> bool:
        if self._held is None or event.button != self._held[0]:
            return True
        doing, button = self._doing, self._held[0]
        self._held, self._doing = None, ""
        if doing == "paint":
            self.marked()
        elif doing == "drag":
            self.moved()
        elif not doing and button == 1:
            place = self.view.place(*self._where(event))
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
