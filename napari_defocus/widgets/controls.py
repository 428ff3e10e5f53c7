"""Controls made from the core's parameter classes, so that default, range, unit and help stand only there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FileEdit,
    FloatSlider,
    FloatSpinBox,
    Label,
    LineEdit,
    SpinBox,
)
from magicgui.widgets.bases import RangedWidget, ValueWidget
from psygnal import Signal

from defocus.errors import InputError
from defocus.parameters import describe
from napari_defocus.widgets.layout import labelled, row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from defocus.parameters import Control

__all__ = ["Choice", "FileChoice", "ParameterControls", "number_control"]

_NUMBER_WIDTH = 96  # px of a number beside its slider
_NOTHING_FOUND = "\N{EN DASH}"  # in place of a number that a word has not found yet

_SLIDER_TOP = 8.0  # px; a slider over the whole range of a radius could not be set to a tenth
_FAMILY = "psf"  # the parameter whose word says which others mean anything


class Choice(Container):  # type: ignore[type-arg]
    """A control that takes a word or a number: a check box with the word, and the number beside it.

    Whoever changes the number means the number: the word is unticked.

    Parameters
    ----------
    control : Control
        With one word in its choices, and a range.
    slider : bool
        Whether there is a slider beside the number, in a row below the word.

    Attributes
    ----------
    automatic : CheckBox
    number : ValueWidget
    slider : FloatSlider or None
    """

    def __init__(self, control: Control, *, slider: bool = False) -> None:
        word = control.choices[0]
        self._word, self._field = word, control.name
        self.automatic = CheckBox(value=control.default == word, text=word, tooltip=control.help)
        self.number = number_control(control)
        self.slider = number_control(control, slider=True, readout=False) if slider else None
        if self.slider is None:
            widgets: list[Any] = [self.automatic, self.number]
        else:
            text = Label(value=control.label, tooltip=control.help)
            self.number.max_width = _NUMBER_WIDTH
            widgets = [row(text, self.automatic), row(self.slider, self.number)]
        super().__init__(
            name=control.name,
            label=control.label,
            layout="vertical" if self.slider is not None else "horizontal",
            widgets=widgets,
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        self.tooltip = control.help
        self.automatic.native.setAccessibleName(f"{control.label}: {word}")  # for screen readers
        for widget in (self.number, self.slider):
            if widget is not None:
                widget.native.setAccessibleName(control.label)
        # In place of the container's own signal: who hears of a change finds the word unticked
        self.number.changed.disconnect()
        self.number.changed.connect(self._on_number)
        self.automatic.changed.disconnect()
        self.automatic.changed.connect(self._on_automatic)
        if self.slider is not None:
            self.slider.changed.disconnect()
            self.slider.changed.connect(self._on_slider)
        self._start = self.number.value  # where whoever unticks the word begins, if it found nothing
        if self.automatic.value:
            self.forget()

    def forget(self) -> None:
        """Show no number: the word means one that is not known, of another picture for instance."""
        with self.changed.blocked(), self.number.changed.blocked():
            if isinstance(self.number, RangedWidget):
                self.number.value = self.number.min
            else:
                self.number.value = ""
        self._mark(_NOTHING_FOUND)
        self._show(self._start)

    def _mark(self, text: str) -> None:
        """Show a text in place of the least number, or in an empty line; "" shows the number."""
        native = self.number.native
        if isinstance(self.number, LineEdit):
            native.setPlaceholderText(text)
        else:
            native.setSpecialValueText(text)

    def _on_automatic(self, automatic: bool) -> None:
        if not automatic:
            self._mark("")
            if self.number.value == "":
                with self.changed.blocked(), self.number.changed.blocked():
                    self.number.value = self._start
        self.changed.emit(self)

    def _on_slider(self, value: float) -> None:
        self.number.value = value

    def _on_number(self, value: Any) -> None:
        self._mark("")
        self._show(value)
        with self.automatic.changed.blocked():
            self.automatic.value = False
        self.changed.emit(self)

    def _show(self, value: Any) -> None:
        if isinstance(self.slider, RangedWidget):
            with self.slider.changed.blocked():
                self.slider.max = max(self.slider.max, value)
                self.slider.value = value

    @property
    def value(self) -> Any:
        """The word or the number."""
        return self._word if self.automatic.value else _read(self.number, self._field)

    @value.setter
    def value(self, value: Any) -> None:
        if value == self._word:
            if not self.automatic.value:
                self.forget()
            self.automatic.value = True
        else:
            self.number.value = str(value) if isinstance(self.number, LineEdit) else value
            self.automatic.value = False

    def suggest(self, value: float) -> None:
        """Show the number that the word means here, without a change."""
        self._mark("")
        with self.changed.blocked(), self.number.changed.blocked():
            if isinstance(self.number, RangedWidget):
                self.number.max = max(self.number.max, value)
                self.number.value = value
            else:
                self.number.value = f"{value:.2g}"
        self._show(self.number.value)

    def limit(self, maximum: float) -> None:
        """Let the number go up to `maximum`."""
        for widget in (self.number, self.slider):
            if isinstance(widget, RangedWidget) and widget.max != maximum:
                with widget.changed.blocked():
                    widget.max = maximum


class FileChoice(Container):  # type: ignore[type-arg]
    """A control that takes a word or the name of a file: a list of the words, and the file below if that is chosen.

    Parameters
    ----------
    control : Control
        With words in its choices, and the ending of the file's name.
    """

    def __init__(self, control: Control) -> None:
        self._field, self._ending = control.name, control.file
        self._other = f"a {control.file} file"
        self.word = ComboBox(value=control.default, choices=(*control.choices, self._other), tooltip=control.help)
        self.file = FileEdit(mode=FileDialogMode.EXISTING_FILE, filter=f"*{control.file}", tooltip=control.help)
        super().__init__(name=control.name, label=control.label, widgets=[self.word, self.file], labels=False)
        self.margins = (0, 0, 0, 0)
        self.tooltip = control.help
        self.word.changed.connect(self._on_word)
        self._on_word(self.word.value)

    def _on_word(self, word: str) -> None:
        self.file.visible = word == self._other

    @property
    def value(self) -> str:
        """The word, or the file's name."""
        if self.word.value != self._other:
            return str(self.word.value)
        file = str(self.file.value)
        if not file.endswith(self._ending):
            raise InputError(f"{self._field}: choose {self._other}, as made by defocus calibrate")
        return file

    @value.setter
    def value(self, value: str) -> None:
        if value in self.word.choices:
            self.word.value = value
        else:
            self.file.value = Path(value)
            self.word.value = self._other


class ParameterControls:
    """One control for every field of a parameter class, to be put into a container row by row.

    A control that belongs to some shapes of the blur is shown only while one of those is chosen.

    Parameters
    ----------
    parameters : type
        One of the classes of `defocus.parameters`.
    sliders : sequence of str
        Fields to show as sliders.
    without : sequence of str
        Fields that have no control here, and their defaults.

    Attributes
    ----------
    controls : dict
        The controls by the names of their fields; the object itself goes through them with their labels.
    """

    changed = Signal()

    def __init__(self, parameters: type[Any], *, sliders: Sequence[str] = (), without: Sequence[str] = ()) -> None:
        self._class = parameters
        self._visible = True
        self.controls: dict[str, Any] = {}
        self._rows: dict[str, Any] = {}
        self._families: dict[str, tuple[str, ...]] = {}
        for control in describe(parameters):
            if control.name in without:
                continue
            widget = _widget(control, slider=control.name in sliders)
            widget.name = f"{parameters.__name__}_{control.name}"  # two classes may share a name, one container both
            widget.changed.connect(self._on_change)
            self.controls[control.name] = widget
            self._rows[control.name] = labelled(widget)
            self._families[control.name] = control.applies_to
        if _FAMILY in self.controls:
            self.controls[_FAMILY].changed.connect(self._show_rows)

    def _on_change(self) -> None:
        self.changed.emit()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows.values())

    @property
    def visible(self) -> bool:
        """Whether the rows are shown."""
        return self._visible

    @visible.setter
    def visible(self, visible: bool) -> None:
        self._visible = visible
        self._show_rows()

    def _show_rows(self) -> None:
        family = self.controls.get(_FAMILY)
        word = family.word.value if isinstance(family, FileChoice) else None
        for name, widget in self._rows.items():
            families = self._families[name]
            widget.visible = self._visible and (not families or word in families)

    def take(self, values: Mapping[str, Any]) -> None:
        """Show values by the names of their fields; what is not known, or not allowed any more, is passed over."""
        known = {control.name: control for control in describe(self._class) if control.name in self.controls}
        for name, value in values.items():
            try:
                known[name].check(value)
                self._class(**{name: value})
            except (KeyError, InputError):
                continue
            self.controls[name].value = value

    def reset(self) -> None:
        """Show the defaults."""
        self.take({control.name: control.default for control in describe(self._class)})

    @property
    def changed_values(self) -> dict[str, Any]:
        """The values that are no defaults, by the names of their fields."""
        chosen = self.parameters
        return {
            control.name: getattr(chosen, control.name)
            for control in describe(self._class)
            if getattr(chosen, control.name) != control.default
        }

    @property
    def parameters(self) -> Any:
        """The parameter object that the controls say; raises `InputError` if one cannot be read."""
        return self._class(
            **{
                name: widget.value if isinstance(widget, Choice | FileChoice) else _read(widget, name)
                for name, widget in self.controls.items()
            }
        )


def _widget(control: Control, *, slider: bool) -> Any:
    if control.choices and control.minimum is not None:
        return Choice(control, slider=slider)
    if control.choices and control.file:
        return FileChoice(control)
    about: dict[str, Any] = {"name": control.name, "label": control.label, "tooltip": control.help}
    if control.choices:
        return ComboBox(value=control.default, choices=control.choices, **about)
    if isinstance(control.default, bool):
        return CheckBox(value=control.default, text=control.label, **about)
    return number_control(control, slider=slider)


def number_control(control: Control, *, slider: bool = False, readout: bool = True) -> ValueWidget[Any]:
    """Return a slider, a spin box, or a line of text for a number whose range spans powers of ten."""
    minimum, maximum = float(control.minimum or 0), float(control.maximum or 1)
    value = control.default if not isinstance(control.default, str) else max(minimum, control.step or minimum)
    about: dict[str, Any] = {"name": control.name, "label": control.label, "tooltip": control.help}
    if control.step and minimum > 0 and maximum / minimum > 1e6:
        return LineEdit(value=f"{value:g}", **about)
    if slider:
        about |= {"min": minimum, "max": min(maximum, _SLIDER_TOP), "step": control.step, "readout": readout}
        return FloatSlider(value=value, **about)
    numbers: dict[str, Any] = {"value": value, "min": minimum, "max": maximum, "step": control.step}
    if control.whole:
        whole: dict[str, Any] = {name: int(number) for name, number in numbers.items()}
        return SpinBox(**whole, **about)
    return FloatSpinBox(**numbers, **about)


def _read(widget: ValueWidget[Any], name: str) -> Any:
    value = widget.value
    if isinstance(widget, LineEdit):
        try:
            return float(value)
        except ValueError:
            raise InputError(f"{name} must be a number, not {value!r}") from None
    return value
