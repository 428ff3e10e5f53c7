"""Presets: settings by name, the suite's own and the user's, in rows above the controls that they set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, LineEdit, PushButton

from defocus.errors import InputError
from napari_defocus import settings
from napari_defocus.widgets.layout import elide, labelled, row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_defocus.widgets.controls import ParameterControls

__all__ = ["BUILT_IN", "Presets"]

BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    "Default": {},
    "Fast": {"spacing": 16},
    "Fine": {"spacing": 2, "window": 31},
    "As published": {"method": "paper"},
}
"""The suite's own presets of analysis settings: what differs from the defaults."""

_BY_HAND = ""  # what is chosen while the controls say something else than any preset


class Presets:
    """A choice of presets, and the buttons that keep and delete those of the user.

    Parameters
    ----------
    step : str
        Whose settings they are, in the file that keeps them.
    controls : ParameterControls
        What they set; the choice follows what is set by hand.

    Attributes
    ----------
    choice : ComboBox
    name : LineEdit
    save, delete : PushButton
    rows : tuple
        All of them, to be put into a container.
    """

    def __init__(self, step: str, controls: ParameterControls) -> None:
        self._step, self._controls = step, controls
        self.choice = ComboBox(
            label="Preset",
            choices=self._choices,
            tooltip="Settings by name. Fast looks at as few places as auto does in pictures of many megapixels, Fine "
            "at more and through a smaller window; As published is the method of 2013.",
        )
        elide(self.choice)
        self.name = LineEdit(label="New preset", tooltip="What to call the settings below, to take them again later.")
        self.name.native.setMinimumWidth(1)
        self.save = PushButton(text="Save", tooltip="Keep the settings below under that name, for all docks.")
        self.delete = PushButton(text="Delete", tooltip="Forget the chosen preset; those of the suite stay.")
        self.rows = (labelled(self.choice), labelled(self.name), row(self.save, self.delete))
        self.choice.changed.connect(self._on_choice)
        controls.changed.connect(self._follow)
        self._follow()

    @property
    def visible(self) -> bool:
        """Whether the rows are shown."""
        return bool(self.rows[0].visible)

    @visible.setter
    def visible(self, visible: bool) -> None:
        for one in self.rows:
            one.visible = visible

    def keep(self) -> None:
        """Keep what the controls say under the name that is written; raises `InputError` if that cannot be."""
        name = " ".join(str(self.name.value).split())
        if not name:
            raise InputError("give the new preset a name first")
        if name in self._all():
            raise InputError(f"there is a preset {name} already: delete it first, or take another name")
        settings.keep_preset(self._step, name, self._controls.changed_values)
        self.name.value = ""
        self._show(name)

    def forget(self) -> None:
        """Delete the chosen preset."""
        settings.drop_preset(self._step, str(self.choice.value))
        self._show(_BY_HAND)
        self._follow()

    def _all(self) -> dict[str, Mapping[str, Any]]:
        return {**BUILT_IN, **settings.presets(self._step), **BUILT_IN}

    def _choices(self, _: object) -> list[tuple[str, str]]:
        return [("set by hand", _BY_HAND), *((name, name) for name in self._all())]

    def _on_choice(self, name: str | None) -> None:
        values = self._all().get(name or _BY_HAND)
        if values is not None:
            self._controls.reset()
            self._controls.take(values)
        self._follow(name)

    def _follow(self, chosen: str | None = None) -> None:
        """Show the preset that the controls say, the chosen one if several say the same."""
        everything = self._all()
        try:
            values = self._controls.changed_values
        except InputError:  # half of a lens, as long as its file is to be chosen
            values = None
        same = [name for name in (chosen, *everything) if name in everything and everything[name] == values]
        self._show(same[0] if same else _BY_HAND)

    def _show(self, name: str) -> None:
        with self.choice.changed.blocked():
            self.choice.reset_choices()
            self.choice.value = name
        self.delete.enabled = name not in (_BY_HAND, *BUILT_IN)
