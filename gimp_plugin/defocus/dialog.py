"""The dialog of every procedure: its options beside a preview that follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GimpUi, Gtk  # noqa: E402
from options import Number  # noqa: E402
from preview import Preview  # noqa: E402
from problem import Problem  # noqa: E402
from rows import Rows  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from gi.repository import Gimp
    from session import Session


_WIDTH = 640  # logical px, as small screens have room for


def ask(
    session: Session, procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, image: Gimp.Image, layer: Gimp.Layer
) -> bool:
    """Show the dialog until it is answered.

    Returns
    -------
    bool
        Whether the user wants it done; `config` then holds what was chosen, and the session what the preview needed.
    """
    if not Gtk.init_check()[0] or Gdk.Display.get_default() is None:
        raise Problem(_("There is no display to show a dialog on: call the procedure with its arguments."))
    session.start_early()
    GimpUi.init("defocus")
    ours = session.procedure
    title = ours.label.replace("_", "").rstrip(".")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, title)
    help_button = dialog.get_widget_for_response(Gtk.ResponseType.HELP)
    if help_button is not None:
        help_button.hide()  # it would open a page that GIMP's manual does not have
    preview = Preview(session, config, image, layer)
    rows = Rows(dialog, session, config, image)
    preview.told = rows.update
    columns = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
    columns.set_border_width(6)
    columns.pack_start(preview.widget, True, True, 0)
    right = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
    right.pack_start(rows.widget, True, True, 0)
    right.pack_end(
        preview.other, False, False, 0
    )  # at the end: it comes and goes, and nothing may move under the mouse
    right.show()
    columns.pack_start(right, False, False, 0)  # what a larger dialog has more is for the preview
    columns.show()
    dialog.connect("key-press-event", preview.key_pressed)
    dialog.connect("key-release-event", preview.key_released)
    dialog.get_content_area().pack_start(columns, True, True, 0)
    dialog.set_default_size(_WIDTH, -1)  # whatever room the longest words of all choices would like to have

    before = {option.name: config.get_property(option.name) for option in ours.options}

    def changed(*_arguments: Any) -> None:
        for option in ours.options:
            value, last = config.get_property(option.name), before[option.name]
            before[option.name] = value
            if isinstance(option, Number) and option.leaves_auto(last, value):
                found = option.found(session.measured)
                if found is not None:
                    # One click away from auto is a little more than what auto found, not nearly nothing
                    config.set_property(option.name, round(found, 2))
        rows.update()
        preview.request()

    preview.begin()
    handler = config.connect("notify", changed)
    changed()
    wanted = False
    try:
        wanted = bool(dialog.run())
        return wanted
    finally:
        config.disconnect(handler)
        dialog.destroy()
        if wanted:
            preview.hand_over()
        else:
            preview.stop()
