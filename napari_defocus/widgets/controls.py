"""Controls made from the core's parameter classes, so that default, range, unit and help stand only there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FloatSlider,
    FloatSpinBox,
    LineEdit,
    SpinBox,
)
from magicgui.widgets.bases import RangedWidget, ValueWidget
from psygnal import Signal

from defocus.errors import InputError
from defocus.parameters import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from defocus.parameters import Control

__all__ = ["Choice", "ParameterControls"]

_SLIDER_TOP = 8.0  # px; a slider over the whole range of a radius could not be set to a tenth


class Choice(Container):  # type: ignore[type-arg]
    """A control that takes a word or a number: a check box with the word, and the number beside it.

    Parameters
    ----------
    control : Control
        With one word in its choices, and a range.
    slider : bool
        Whether the number is a slider.
    """

    def __init__(self, control: Control, *, slider: bool = False) -> None:
        word = control.choices[0]
        self._word, self._field = word, control.name
        automatic = control.default == word
        self.automatic = CheckBox(value=automatic, text=word, tooltip=control.help)
        self.number = _number(control, slider=slider)
        self.number.enabled = not automatic
        super().__init__(
            name=control.name,
            label=control.label,
            layout="horizontal",
            widgets=[self.automatic, self.number],
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        self.tooltip = control.help
        self.automatic.changed.connect(lambda on: setattr(self.number, "enabled", not on))

    @property
    def value(self) -> Any:
        """The word or the number."""
        return self._word if self.automatic.value else _read(self.number, self._field)

    @value.setter
    def value(self, value: Any) -> None:
        self.automatic.value = value == self._word
        if value != self._word:
            self.number.value = str(value) if isinstance(self.number, LineEdit) else value

    def suggest(self, value: float) -> None:
        """Show the number that the word means here, without a change."""
        if not isinstance(self.number, RangedWidget):
            return
        with self.changed.blocked(), self.number.changed.blocked():
            self.number.max = max(self.number.max, value)
            self.number.value = value

    def limit(self, maximum: float) -> None:
        """Let the number go up to `maximum`."""
        if isinstance(self.number, RangedWidget):
            self.number.max = maximum


class ParameterControls:
    """One control for every field of a parameter class, to be put into a container row by row.

    Parameters
    ----------
    parameters : type
        One of the classes of `defocus.parameters`.
    sliders : sequence of str
        Fields to show as sliders.

    Attributes
    ----------
    controls : dict
        The controls by the names of their fields.
    """

    changed = Signal()

    def __init__(self, parameters: type[Any], *, sliders: Sequence[str] = ()) -> None:
        self._class = parameters
        self._visible = True
        self.controls: dict[str, Choice | ValueWidget[Any]] = {}
        for control in describe(parameters):
            widget = _widget(control, slider=control.name in sliders)
            widget.name = f"{parameters.__name__}_{control.name}"  # two classes may share a name, one container both
            widget.changed.connect(self._on_change)
            self.controls[control.name] = widget

    def _on_change(self) -> None:
        self.changed.emit()

    def __iter__(self) -> Iterator[Choice | ValueWidget[Any]]:
        return iter(self.controls.values())

    @property
    def visible(self) -> bool:
        """Whether the rows are shown."""
        return self._visible

    @visible.setter
    def visible(self, visible: bool) -> None:
        self._visible = visible
        for widget in self:
            widget.visible = visible

    @property
    def parameters(self) -> Any:
        """The parameter object that the controls say; raises `InputError` if one cannot be read."""
        return self._class(
            **{
                name: widget.value if isinstance(widget, Choice) else _read(widget, name)
                for name, widget in self.controls.items()
            }
        )


def _widget(control: Control, *, slider: bool) -> Choice | ValueWidget[Any]:
    if control.choices and control.minimum is not None:
        return Choice(control, slider=slider)
    about: dict[str, Any] = {"name": control.name, "label": control.label, "tooltip": control.help}
    if control.choices:
        return ComboBox(value=control.default, choices=control.choices, **about)
    if isinstance(control.default, bool):
        return CheckBox(value=control.default, **about)
    number = _number(control, slider=slider)
    number.label = control.label
    return number


def _number(control: Control, *, slider: bool) -> ValueWidget[Any]:
    """Return a slider, a spin box, or a line of text for a number whose range spans powers of ten."""
    minimum, maximum = float(control.minimum or 0), float(control.maximum or 1)
    value = control.default if not isinstance(control.default, str) else max(minimum, control.step or minimum)
    about: dict[str, Any] = {"name": control.name, "tooltip": control.help}
    if control.step and minimum > 0 and maximum / minimum > 1e6:
        return LineEdit(value=f"{value:g}", **about)
    whole = isinstance(control.default, int) or (
        isinstance(control.default, str) and float(control.step or 0.1).is_integer() and minimum.is_integer()
    )
    if slider:
        return FloatSlider(value=value, min=minimum, max=min(maximum, _SLIDER_TOP), step=control.step, **about)
    kind = SpinBox if whole else FloatSpinBox
    numbers: dict[str, Any] = {"value": value, "min": minimum, "max": maximum, "step": control.step}
    if whole:
        numbers = {name: int(number) for name, number in numbers.items()}
    return kind(**numbers, **about)


def _read(widget: ValueWidget[Any], name: str) -> Any:
    value = widget.value
    if isinstance(widget, LineEdit):
        try:
            return float(value)
        except ValueError:
            raise InputError(f"{name} must be a number, not {value!r}") from None
    return value
