"""Rows: the options of a procedure as a dialog shows them, in groups, the rare ones folded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from controls import shorten  # noqa: E402
from gi.repository import Gimp, GObject, Gtk  # noqa: E402
from options import Choice, ChoiceOrFile, Flag, Named, Number, grouped  # noqa: E402
from remembered import item_of  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from options import Option
    from session import Session

WIDTH = 258  # logical px
_TEN = 10  # from which on auto's value is said in whole numbers
_TALLEST = 400  # logical px; what does not fit is scrolled to


class Rows:
    """Makes the widgets of all options.

    Parameters
    ----------
    dialog : GimpUi.ProcedureDialog
    session : Session
    config : Gimp.ProcedureConfig
    image : Gimp.Image
    """

    def __init__(self, dialog: Any, session: Session, config: Gimp.ProcedureConfig, image: Gimp.Image) -> None:
        self._dialog, self._session, self._config, self._image = dialog, session, config, image
        self._scales: list[tuple[Number, Any]] = []
        self._channels: dict[str, tuple[Any, Named]] = {}
        self._filling = False
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        for number, (title, options) in enumerate(grouped(session.procedure.options, session.procedure.groups)):
            inner = self._group(f"defocus-{number}", options)
            if title:
                fold = Gtk.Expander(label=session.procedure.titles[title].label, use_underline=True)
                inner.set_margin_start(6)
                fold.add(inner)
                box.pack_start(fold, False, False, 0)
            else:
                box.pack_start(inner, False, False, 0)
        self.widget = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_height=True)
        self.widget.set_max_content_height(_TALLEST)
        self.widget.set_size_request(WIDTH, -1)
        self.widget.add(box)
        self.widget.set_hexpand(False)  # what a larger dialog has more is for the preview
        self.widget.show_all()
        self.update()

    def _group(self, name: str, options: list[Option]) -> Any:
        """Return a box with some options: GIMP's rows, and those of our own."""
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=4)
        for option in options:
            if isinstance(option, Named):
                box.pack_start(self._channel_row(option), False, False, 0)
                continue
            if isinstance(option, Number):
                self._limit(option)
            elif isinstance(option, Choice):
                _narrow(self._dialog.get_widget(option.name, GObject.TYPE_NONE))
            for theirs in (option.name, option.file_name) if isinstance(option, ChoiceOrFile) else (option.name,):
                # In a box of its own a choice is as wide as its label leaves, whatever the labels of others are
                box.pack_start(self._dialog.fill_box(f"{name}-{theirs}", [theirs]), False, False, 0)
        return box

    def update(self) -> None:
        """Show what means something with the options as they are, and what auto found."""
        for option in self._session.procedure.options:
            if isinstance(option, Flag) and option.needs_selection:
                widget = self._dialog.get_widget(option.name, GObject.TYPE_NONE)
                widget.set_visible(not Gimp.Selection.is_empty(self._image))
            if option.applies_to:
                widget = self._dialog.get_widget(option.name, GObject.TYPE_NONE)
                widget.set_visible(option.applies(self._config))
        for option, scale in self._scales:
            self._say(scale, option)
        for name, (choice, _option) in self._channels.items():
            channel = self._config.get_property(name)
            choice.set_active_id(str(channel.get_tattoo()) if channel is not None else "")

    # ---- numbers

    def _limit(self, option: Number) -> None:
        """Make an option a slider over the range that the suite allows."""
        low, high = option.range
        scale = self._dialog.get_spin_scale(option.name, 1.0)
        scale.set_range(low, high)
        scale.set_scale_limits(low, high)  # how far it is filled
        scale.set_increments(option.step, 10 * option.step)
        scale.set_digits(0 if option.whole else option.digits)
        if high > 100 * option.step and not option.whole:
            scale.set_gamma(3.0)  # most of the slider for the small values, which are the common ones
        scale.set_size_request(WIDTH - 12, -1)
        if option.automatic:
            scale.set_numeric(False)  # words may stand there, which count as 0
            scale.set_label(option.short_label)
            scale.connect("output", lambda *_arguments: self._say(scale, option))
        self._scales.append((option, scale))

    def _say(self, scale: Any, option: Number) -> bool:
        """Say what auto found in place of 0; return whether that is said."""
        if not option.automatic or scale.get_value() != 0:
            return False
        found = option.found(self._session.measured)
        said = (
            _(option.zero)
            if found is None
            else _("auto {value:g}", value=round(float(found), 1 if found < _TEN else None))
        )
        if scale.get_text() != said:
            scale.set_text(said)
        return True

    # ---- channels

    def _channel_row(self, option: Named) -> Any:
        """Return a choice among the image's channels or layers, and none."""
        choice = Gtk.ComboBoxText(tooltip_text=option.help)
        shorten(choice)
        self._fill(choice, option)
        choice.connect("notify::popup-shown", lambda *_arguments: self._refill(choice, option))
        choice.connect("changed", lambda *_arguments: self._chosen(choice, option))
        self._channels[option.name] = choice, option
        label = Gtk.Label(label=option.label, use_underline=True, xalign=0, mnemonic_widget=choice)
        row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=6)
        row.pack_start(label, False, False, 0)
        row.pack_start(choice, True, True, 0)
        return row

    def _fill(self, choice: Any, option: Named) -> None:
        choice.append("", _(option.nothing))
        for channel in option.offered(self._image):
            choice.append(str(channel.get_tattoo()), channel.get_name())

    def _refill(self, choice: Any, option: Named) -> None:
        """Offer what there is now, when somebody looks."""
        if choice.get_property("popup-shown") and self._image.is_valid():
            kept, self._filling = choice.get_active_id(), True
            choice.remove_all()
            self._fill(choice, option)
            choice.set_active_id(kept)
            self._filling = False

    def _chosen(self, choice: Any, option: Named) -> None:
        name = choice.get_active_id()
        if self._filling or name is None:
            return
        channel = item_of(self._image, int(name)) if name else None
        if channel != self._config.get_property(option.name):
            self._config.set_property(option.name, channel)


def _narrow(widget: Any) -> None:
    """Let the choices within a row of GIMP's be narrower than their longest word."""
    if isinstance(widget, Gtk.ComboBox):
        shorten(widget)
    elif isinstance(widget, Gtk.Container):
        for child in widget.get_children():
            _narrow(child)
