"""Controls around the preview: how it is seen, buttons that zoom, and what the mouse does on the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
from gi.repository import Gdk, Gtk, Pango  # noqa: E402
from view import STEP  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from canvas import Canvas
    from procedures import Procedure

RESULT = "result"
_MASK_VIEWS = (
    ("overlay", "Overlay"),
    ("black", "On black"),
    ("white", "On white"),
    ("mask", "Black and white"),
)
_ON_LAYERS = ("layers", "On the layers below")
_RESULT = (RESULT, "Result")
FOCUS = "focus"
_TOOLS = (("look", "Shows radius"), ("in_focus", "Marks sharp"), ("blurred", "Marks blurred"))
_RIM_TOOL = ("rim", "Finds edge")
_FOCUS_TOOL = (FOCUS, "Sets focus")
_FILM = "#db143d"  # the red film that marks what a mask hides
_FILM_OPACITY = 0.65


def shorten(choice: Any) -> None:
    """Let a choice be narrower than the longest of its words."""
    for cell in choice.get_cells():
        if isinstance(cell, Gtk.CellRendererText):
            cell.set_property("ellipsize", Pango.EllipsizeMode.END)
            cell.set_property("width-chars", 7)
    choice.set_hexpand(True)


class ViewRow:
    """How the preview is seen: as what, under a film of which colour, and beside what was before or not.

    Parameters
    ----------
    procedure : Procedure
    canvas : Canvas
    changed : callable
        Called when another picture is needed.
    """

    def __init__(self, procedure: Procedure, canvas: Canvas, changed: Callable[[], None]) -> None:
        views = (*_MASK_VIEWS, _ON_LAYERS) if procedure.is_mask else (_RESULT, *_MASK_VIEWS)
        self._choice = Gtk.ComboBoxText()
        shorten(self._choice)
        for name, label in views:
            self._choice.append(name, _(label))
        self._choice.set_active(0)
        self._film = Gtk.ColorButton(
            title=_("Colour of what is not in focus"),
            tooltip_text=_("Colour and opacity of what lies over what is not in focus"),
            use_alpha=True,
        )
        color = Gdk.RGBA()
        color.parse(_FILM)
        color.alpha = _FILM_OPACITY
        self._film.set_rgba(color)
        self._film.set_no_show_all(True)
        split = Gtk.ToggleButton(
            label=_("Before"),
            tooltip_text=_("Before and after with a line between that can be moved; hold B to see all as it was"),
        )
        split.connect("toggled", lambda *_arguments: canvas.compare(split.get_active()))
        label = Gtk.Label(label=_("_View"), use_underline=True, mnemonic_widget=self._choice)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
        for child in (label, self._choice, self._film):
            self.widget.pack_start(child, child is self._choice, child is self._choice, 0)
        self.widget.pack_end(split, False, False, 0)
        self._choice.connect("changed", lambda *_arguments: self._seen(changed))
        self._opacity = _FILM_OPACITY
        self._film.connect("color-set", lambda *_arguments: self._filmed(changed))
        self._film.set_visible(self.name == "overlay")

    def _seen(self, changed: Callable[[], None]) -> None:
        self._film.set_visible(self.name == "overlay")
        changed()

    def _filmed(self, changed: Callable[[], None]) -> None:
        """Take a new colour; those of GTK's palette are opaque and would hide the picture: they keep the opacity."""
        color = self._film.get_rgba()
        if color.alpha < 1:
            self._opacity = color.alpha
        color.alpha = self._opacity
        self._film.set_rgba(color)
        changed()

    @property
    def name(self) -> str:
        """What is chosen."""
        return str(self._choice.get_active_id())

    @property
    def film(self) -> tuple[bytes, float]:
        """Colour, a byte for red, green and blue, and opacity of the film."""
        color = self._film.get_rgba()
        return bytes(round(255 * level) for level in (color.red, color.green, color.blue)), color.alpha


def zoom_row(canvas: Canvas) -> Any:
    """Return the buttons that zoom."""
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=4)
    for label, told, press in (
        ("−", _("Zoom out"), lambda *_arguments: canvas.zoom(1 / STEP)),
        ("+", _("Zoom in"), lambda *_arguments: canvas.zoom(STEP)),
        ("1:1", _("One pixel of the picture as one of the screen"), lambda *_arguments: canvas.natural()),
        ("", _("All of the picture"), lambda *_arguments: canvas.fit()),
    ):
        if label:
            button = Gtk.Button(label=label)
        else:
            button = Gtk.Button.new_from_icon_name("zoom-fit-best-symbolic", Gtk.IconSize.BUTTON)
        button.set_tooltip_text(told)
        button.connect("clicked", press)
        row.pack_start(button, False, False, 0)
    return row


class MarksRow:
    """What the mouse does, how large its brush is, and the ways back and forth."""

    def __init__(self, procedure: Procedure, canvas: Canvas) -> None:
        self._marks = canvas.marks
        tools = Gtk.ComboBoxText(
            tooltip_text=_(
                "What a drag does. Shift and drag always marks what is in focus, Alt or Control and drag what is not."
            )
        )
        also = [_RIM_TOOL] if procedure.is_mask else [_FOCUS_TOOL] if procedure.takes_focus else []
        for name, label in (*_TOOLS, *also):
            tools.append(name, _(label))
        tools.set_active(0)
        shorten(tools)
        tools.connect("changed", lambda *_arguments: setattr(canvas, "tool", tools.get_active_id()))
        brush = Gtk.SpinButton.new_with_range(1, 100, 1)
        brush.set_value(canvas.brush)
        brush.set_width_chars(3)
        brush.set_tooltip_text(_("Radius of the brush, in px of the screen"))
        brush.connect("value-changed", lambda *_arguments: setattr(canvas, "brush", brush.get_value()))
        self._undo = Gtk.Button.new_from_icon_name("edit-undo-symbolic", Gtk.IconSize.BUTTON)
        self._undo.set_tooltip_text(_("Take the last mark back"))
        self._undo.connect("clicked", lambda *_arguments: canvas.undo())
        self._redo = Gtk.Button.new_from_icon_name("edit-redo-symbolic", Gtk.IconSize.BUTTON)
        self._redo.set_tooltip_text(_("Make it again"))
        self._redo.connect("clicked", lambda *_arguments: canvas.redo())
        self.widget = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=4)
        for child in (tools, brush, self._undo, self._redo):
            self.widget.pack_start(child, child is tools, child is tools, 0)
        self.update()

    def update(self) -> None:
        """Offer the ways that there are."""
        self._undo.set_sensitive(bool(self._marks))
        self._redo.set_sensitive(bool(self._marks.undone))
