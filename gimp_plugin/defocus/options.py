"""Arguments of the procedures: declared from the suite's described parameters, and read back in a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject  # noqa: E402
from layers import tree  # noqa: E402
from problem import Problem  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Control = dict[str, Any]

_READWRITE = GObject.ParamFlags.READWRITE
# GIMP silently replaces a number outside an argument's range by the default. Arguments are therefore declared
# with a range that nobody leaves, and wrong numbers are refused in words.
_WIDE = 1e9
MORE, HINTS, OPTICS = "More", "What is in focus", "Picture, lens and noise"  # titles of what is folded
_LEVELS = 255.0  # white, in the levels in which people know noise


class Option:
    """One argument of a procedure.

    Attributes
    ----------
    name : str
        As GIMP knows it, with hyphens.
    label, help : str
    group : str
        The step of the suite whose parameter it is; "" for the plug-in's own.
    default : object
    applies_to : sequence of str
        Words of the option "psf" with which it means anything; empty where it always does.
    parameter : str
        The suite's name for it.
    """

    def __init__(self, name: str, label: str, help_text: str, group: str = "", applies_to: Sequence[str] = ()) -> None:
        self.name = name
        self.label = _(label)
        self.help = _(help_text)
        self.group = group
        self.default: Any = None
        self.applies_to = applies_to
        self.parameter = name.replace("-", "_")

    def declare(self, procedure: Gimp.Procedure) -> None:
        """Add the argument to a procedure."""
        raise NotImplementedError

    def value(self, config: Gimp.ProcedureConfig) -> Any:
        """Return what was chosen, as the suite wants it; raise `Problem` if it cannot be used."""
        return config.get_property(self.name)

    def applies(self, config: Gimp.ProcedureConfig) -> bool:
        """Return whether the option means anything with the other options as they are."""
        return not self.applies_to or config.get_property("psf") in self.applies_to


class Number(Option):
    """A number of the suite's parameters; 0 stands for "auto" where there is such a choice."""

    def __init__(self, group: str, control: Control) -> None:
        name = control["name"].replace("_", "-")
        super().__init__(name, control["label"], control["help"], group, control.get("applies_to", ()))
        self.automatic = "auto" in control["choices"]
        self.whole = bool(control.get("whole"))
        self.title = self.label
        self.zero = "auto"  # what 0 is called where nothing was found
        if self.automatic:
            auto = _("0 = auto")
            self.label = f"{self.title[:-1]}, {auto})" if self.title.endswith(")") else f"{self.title} ({auto})"
            self.help += " " + _("0 is auto.")
        self.low, self.high = control["minimum"], control["maximum"]
        self.step = control["step"] or (self.high - self.low) / 100
        self.digits = max(0, -math.floor(math.log10(self.step)))
        self.range = (0 if self.automatic else self.low), self.high
        self.default = 0 if self.automatic else control["default"]
        self.help += " " + _("From {low:g} to {high:g}.", low=float(self.low), high=float(self.high))

    def declare(self, procedure: Gimp.Procedure) -> None:
        if self.whole:
            limits = int(-_WIDE), int(_WIDE), int(self.default)
            procedure.add_int_argument(self.name, self.label, self.help, *limits, _READWRITE)
        else:
            limits_and_default = -_WIDE, _WIDE, float(self.default)
            procedure.add_double_argument(self.name, self.label, self.help, *limits_and_default, _READWRITE)

    def value(self, config: Gimp.ProcedureConfig) -> Any:
        value = config.get_property(self.name)
        if self.automatic and value == 0:
            return "auto"
        if not self.low <= value <= self.high:
            text = (
                _("{title} must be from {low:g} to {high:g} or 0 for auto, not {value:g}.", **self._range_and(value))
                if self.automatic
                else _("{title} must be from {low:g} to {high:g}, not {value:g}.", **self._range_and(value))
            )
            raise Problem(text)
        return value

    def _range_and(self, value: float) -> dict[str, Any]:
        return {"title": self.title, "low": float(self.low), "high": float(self.high), "value": float(value)}

    @property
    def short_label(self) -> str:
        """The label where what auto means is said beside it; it has the same letter to press with Alt."""
        letter = self.label.find("_")
        return self.title if not 0 <= letter < len(self.title) else f"{self.title[:letter]}_{self.title[letter:]}"

    def found(self, measured: dict[str, Any]) -> float | None:
        """Return what auto means for a picture, from the facts of its measurement; None if they do not tell."""
        return measured.get("max_radius" if self.parameter == "maximum" else self.parameter)

    def leaves_auto(self, last: float, value: float) -> bool:
        """Return whether a value is what one click makes of auto."""
        return self.automatic and last == 0 and 0 < value <= 1.01 * self.step


class Noise(Number):
    """The noise, as a photographer knows it: by how many of 255 levels grain and sensor move a pixel."""

    def __init__(self, group: str, control: Control) -> None:
        levels = {
            **control,
            "label": "Noise (levels of 255)",
            "help": "How far noise moves a pixel (standard deviation); auto measures it from the picture.",
            "minimum": 0.01,
            "maximum": 80.0,
            "step": 0.1,
        }
        super().__init__(group, levels)
        self.digits = 2

    def value(self, config: Gimp.ProcedureConfig) -> Any:
        levels = super().value(config)
        return levels if levels == "auto" else (levels / _LEVELS) ** 2

    def found(self, measured: dict[str, Any]) -> float | None:
        return noise_levels(measured["noise_variance"]) if "noise_variance" in measured else None


def noise_levels(variance: float) -> float:
    """Return a noise variance in levels of 255."""
    return _LEVELS * math.sqrt(variance)


class Choice(Option):
    """One of several words, of the suite's parameters or of the plug-in's own."""

    def __init__(
        self,
        name: str,
        label: str,
        help_text: str,
        choices: Iterable[tuple[str, str]],
        default: str,
        group: str = "",
    ) -> None:
        super().__init__(name, label, help_text, group)
        self.choices = tuple(choices)  # (word, label) pairs
        self.default = default

    def declare(self, procedure: Gimp.Procedure) -> None:
        choice = Gimp.Choice.new()
        for number, (word, label) in enumerate(self.choices):
            choice.add(word, number, _(label), "")
        words = ", ".join(word for word, _label in self.choices)
        procedure.add_choice_argument(
            self.name,
            self.label,
            self.help + " " + _("One of: {words}.", words=words),
            choice,
            self.default,
            _READWRITE,
        )


class ChoiceOrFile(Choice):
    """One of several words, or the file that a second argument names."""

    def __init__(self, control: Control, group: str) -> None:
        pairs = [(word, word.capitalize()) for word in control["choices"]]
        super().__init__(control["name"], control["label"], control["help"], pairs, control["default"], group)
        self.ending = control["file"]
        self.file_name = f"{self.name}-file"

    def declare(self, procedure: Gimp.Procedure) -> None:
        super().declare(procedure)
        procedure.add_file_argument(
            self.file_name,
            _("Calibrated lens"),
            _("A file that “defocus calibrate” wrote ({ending}); it takes the place of the shape.", ending=self.ending),
            Gimp.FileChooserAction.OPEN,
            True,
            None,
            _READWRITE,
        )

    def value(self, config: Gimp.ProcedureConfig) -> Any:
        file = config.get_property(self.file_name)
        path = file.get_path() if file is not None else None
        if not path:
            return super().value(config)
        if not path.endswith(self.ending):
            text = _(
                "The lens file must be one that “defocus calibrate” wrote ({ending}), not {path}.",
                ending=self.ending,
                path=path,
            )
            raise Problem(text)
        return path


class Flag(Option):
    """Yes or no; `needs_selection` tells whether it means nothing where nothing is selected."""

    def __init__(
        self, name: str, label: str, help_text: str, default: bool = False, *, needs_selection: bool = False
    ) -> None:
        super().__init__(name, label, help_text)
        self.default = default
        self.needs_selection = needs_selection

    def declare(self, procedure: Gimp.Procedure) -> None:
        procedure.add_boolean_argument(self.name, self.label, self.help, self.default, _READWRITE)


class Named(Option):
    """Something of the image that is chosen by its name, or nothing."""

    nothing = "None"  # what the choice of nothing is called

    def offered(self, image: Gimp.Image) -> list[Any]:
        """Return what can be chosen."""
        raise NotImplementedError


class NamedChannel(Named):
    """A channel of the image, or none."""

    def declare(self, procedure: Gimp.Procedure) -> None:
        procedure.add_channel_argument(self.name, self.label, self.help, True, _READWRITE)

    def offered(self, image: Gimp.Image) -> list[Any]:
        return list(image.get_channels())


class NamedMap(Named):
    """A layer or channel of the image that holds blur radii, or none."""

    nothing = "As measured"

    def declare(self, procedure: Gimp.Procedure) -> None:
        procedure.add_drawable_argument(self.name, self.label, self.help, True, _READWRITE)

    def offered(self, image: Gimp.Image) -> list[Any]:
        return [*tree(image.get_layers()), *image.get_channels()]


class MapFile(Option):
    """A file with blur radii, or none."""

    def declare(self, procedure: Gimp.Procedure) -> None:
        action = Gimp.FileChooserAction.OPEN
        procedure.add_file_argument(self.name, self.label, self.help, action, True, None, _READWRITE)

    def value(self, config: Gimp.ProcedureConfig) -> Any:
        file = config.get_property(self.name)
        return (file.get_path() if file is not None else None) or None


def from_parameters(
    parameters: dict[str, list[Control]], group: str, names: Sequence[str] | None = None
) -> list[Option]:
    """Return the options for a described parameter class, for all of its controls or those named."""
    options: list[Option] = []
    for control in parameters[group]:
        if names is not None and control["name"] not in names:
            continue
        if control["name"] == "noise":
            options.append(Noise(group, control))
        elif control["minimum"] is not None:
            options.append(Number(group, control))
        elif control.get("file"):
            options.append(ChoiceOrFile(control, group))
        elif control["choices"]:
            pairs = [(word, word.capitalize()) for word in control["choices"]]
            name = control["name"].replace("_", "-")
            options.append(Choice(name, control["label"], control["help"], pairs, control["default"], group))
    return options


class Title:
    """What stands on a group that is folded."""

    def __init__(self, title: str) -> None:
        self.label = _(title)


def grouped(options: Sequence[Option], groups: Sequence[tuple[str, Sequence[str]]]) -> list[tuple[str, list[Option]]]:
    """Return options in the groups of a dialog: title and options of each; the title of what is not folded is "".

    Parameters
    ----------
    options : sequence of Option
    groups : sequence of (str, sequence of str)
        Titles and the options' names. What is in none comes last, under a title of its own, but what describes the
        picture comes after that.
    """
    by_name = {option.name: option for option in options}
    found = [(title, [by_name[name] for name in names if name in by_name]) for title, names in groups]
    named = {name for _title, names in groups for name in names}
    rest = [option for option in options if option.name not in named and not isinstance(option, NamedChannel)]
    found.append((MORE, [option for option in rest if option.group != "analysis"]))
    channels = [option for option in options if isinstance(option, NamedChannel)]
    found.append((HINTS, [option for option in channels if option.name not in named]))
    found.append((OPTICS, [option for option in rest if option.group == "analysis"]))
    return [(title, members) for title, members in found if members]


_DIALOG_BUTTONS = "chlopsrv"  # Cancel, Help, Load, OK, Preview, Save, Reset, View


def assign_mnemonics(options: Iterable[Option | Title]) -> None:
    """Mark one letter of every label for use with Alt, no letter twice: beginnings of words before others."""
    taken = set(_DIALOG_BUTTONS)
    for option in options:
        label = option.label
        letters = [place for place, letter in enumerate(label) if letter.isalpha()]
        letters.sort(key=lambda place: (place > 0 and label[place - 1] != " ", place))
        for place in letters:
            if label[place].lower() not in taken:
                taken.add(label[place].lower())
                option.label = f"{label[:place]}_{label[place:]}"
                break


def values_of(options: Iterable[Option], config: Gimp.ProcedureConfig, group: str) -> dict[str, Any]:
    """Return the suite's parameters of one group as they are set."""
    return {option.parameter: option.value(config) for option in options if option.group == group}
