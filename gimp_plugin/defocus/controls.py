"""Controls below the preview: buttons that zoom, and what the mouse does on the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402
from view import STEP  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from canvas import Canvas

_VIEWS = (
    ("overlay", "Overlay"),
    ("black", "On black"),
    ("white", "On white"),
    ("mask", "Black and white"),
    ("layers", "On the layers below"),
)
_TOOLS = (("look", "Shows the blur radius"), ("in_focus", "Marks what is in focus"), ("blurred", "Marks what is not"))


def fill_views(choice: Any) -> None:
    """Offer all ways to see a mask, and choose the first."""
    for name, label in _VIEWS:
        choice.append(name, _(label))
    choice.set_active(0)


def zoom_row(canvas: Canvas, here: Any) -> Any:
    """Return the buttons that zoom, beside what was found where somebody clicked."""
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
    for label, told, press in (
        ("−", _("Zoom out"), lambda *_arguments: canvas.zoom(1 / STEP)),
        ("+", _("Zoom in"), lambda *_arguments: canvas.zoom(STEP)),
        ("1:1", _("One pixel of the picture as one of the screen"), lambda *_arguments: canvas.natural()),
        (_("Fit"), _("All of the picture"), lambda *_arguments: canvas.fit()),
    ):
        button = Gtk.Button(label=label, tooltip_text=told)
        button.connect("clicked", press)
        row.pack_start(button, False, False, 0)
    row.pack_start(here, True, True, 0)
    return row


def marks_row(canvas: Canvas, undo: Any) -> Any:
    """Return what the mouse does, how large its brush is, and the way back."""
    row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
    tools = Gtk.ComboBoxText(
        tooltip_text=_("Shift and drag marks what is in focus, Alt or Control and drag what is not.")
    )
    for name, label in _TOOLS:
        tools.append(name, _(label))
    tools.set_active(0)
    tools.connect("changed", lambda *_arguments: setattr(canvas, "tool", tools.get_active_id()))
    brush = Gtk.SpinButton.new_with_range(1, 100, 1)
    brush.set_value(canvas.brush)
    brush.set_tooltip_text(_("Radius of the brush, in px of the screen"))
    brush.connect("value-changed", lambda *_arguments: setattr(canvas, "brush", brush.get_value()))
    undo.connect("clicked", lambda *_arguments: canvas.undo())
    for child in (Gtk.Label(label=_("Mouse")), tools, Gtk.Label(label=_("Brush")), brush):
        row.pack_start(child, False, False, 0)
    row.pack_end(undo, False, False, 0)
    return row
