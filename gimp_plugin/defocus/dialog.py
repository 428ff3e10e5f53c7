"""The dialog of every procedure: its options beside a preview that follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GimpUi, GObject, Gtk  # noqa: E402
from options import ChoiceOrFile, NamedChannel, Number  # noqa: E402
from preview import Preview  # noqa: E402
from problem import Problem  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from gi.repository import Gimp
    from session import Session


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
        raise Problem("There is no display to show a dialog on: call the procedure with its arguments.")
    session.start_early()
    GimpUi.init("defocus")
    ours = session.procedure
    title = ours.label.replace("_", "").rstrip(".")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, title)
    help_button = dialog.get_widget_for_response(Gtk.ResponseType.HELP)
    if help_button is not None:
        help_button.hide()  # it would open a page that GIMP's manual does not have
    preview = Preview(session, config, image, layer)
    names = []
    for option in ours.options:
        names.append(option.name)
        if isinstance(option, Number):
            _limit(dialog, option)
        elif isinstance(option, ChoiceOrFile):
            names.append(option.file_name)
        elif isinstance(option, NamedChannel):
            _let_go(dialog, config, option)
    controls = dialog.fill_box("defocus-controls", names)
    controls.set_valign(Gtk.Align.START)
    controls.set_hexpand(False)  # what a larger dialog has more is for the preview
    controls.show_all()
    columns = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=12)
    columns.set_border_width(12)
    columns.pack_start(preview.widget, True, True, 0)
    columns.pack_start(controls, False, False, 0)
    columns.show()
    dialog.connect("key-press-event", preview.key_pressed)
    dialog.get_content_area().pack_start(columns, True, True, 0)

    before = {option.name: config.get_property(option.name) for option in ours.options}

    def changed(*_arguments: Any) -> None:
        for option in ours.options:
            if option.applies_to:
                dialog.get_widget(option.name, GObject.TYPE_NONE).set_visible(option.applies(config))
            value, last = config.get_property(option.name), before[option.name]
            before[option.name] = value
            if isinstance(option, Number) and option.leaves_auto(last, value) and option.parameter in session.measured:
                # One click away from auto is a little more than what auto found, not nearly nothing
                config.set_property(option.name, round(session.measured[option.parameter], 2))
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


def _let_go(dialog: Any, config: Gimp.ProcedureConfig, option: NamedChannel) -> None:
    """Give the choice of a channel a way back to none, which GIMP's own lacks."""
    chooser = dialog.get_widget(option.name, GObject.TYPE_NONE)
    if not hasattr(chooser, "pack_end"):  # GIMP 3.2 has another one
        return
    button = Gtk.Button(label=_("None"), tooltip_text=_("Take no channel"), valign=Gtk.Align.CENTER)
    button.connect("clicked", lambda *_arguments: config.set_property(option.name, None))
    chooser.pack_end(button, False, False, 0)
    button.show()


def _limit(dialog: Any, option: Number) -> None:
    """Make an option a slider over the range that the suite allows."""
    low, high = option.range
    scale = dialog.get_spin_scale(option.name, 1.0)
    scale.set_range(low, high)
    scale.set_scale_limits(low, high)  # how far it is filled
    scale.set_increments(option.step, 10 * option.step)
    scale.set_digits(0 if option.whole else option.digits)
    if high > 100 * option.step and not option.whole:
        scale.set_gamma(3.0)  # most of the slider for the small values, which are the common ones
    scale.set_size_request(330, -1)
