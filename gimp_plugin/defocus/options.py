"""Arguments of the procedures: declared from the suite's described parameters, and read back in a run."""

import math

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject  # noqa: E402
from suite import Problem  # noqa: E402

_READWRITE = GObject.ParamFlags.READWRITE
# GIMP silently replaces a number outside an argument's range by the default. Arguments are therefore declared
# with a range that nobody leaves, and wrong numbers are refused in words.
_WIDE = 1e9


class Number:
    """A number of the suite's parameters; 0 stands for "auto" where there is such a choice."""

    def __init__(self, group, control):
        self.group = group
        self.control = control
        self.name = control["name"].replace("_", "-")
        self.automatic = "auto" in control["choices"]
        self.whole = isinstance(control["step"], int) and isinstance(control["default"], int)
        self.label = self.title = control["label"]
        if self.automatic:
            self.label = f"{self.title[:-1]}, 0 = auto)" if self.title.endswith(")") else f"{self.title} (0 = auto)"
        self.digits = max(0, -math.floor(math.log10(control["step"] or 0.01)))
        low, high = control["minimum"], control["maximum"]
        self.range = (0 if self.automatic else low), high
        self.help = f"{control['help']} From {low:g} to {high:g}{', or 0 for auto' if self.automatic else ''}."
        self.default = 0 if self.automatic else control["default"]

    def declare(self, procedure):
        if self.whole:
            procedure.add_int_argument(
                self.name, self.label, self.help, int(-_WIDE), int(_WIDE), self.default, _READWRITE
            )
        else:
            procedure.add_double_argument(
                self.name, self.label, self.help, -_WIDE, _WIDE, float(self.default), _READWRITE
            )

    def value(self, config):
        value = config.get_property(self.name)
        if self.automatic and value == 0:
            return "auto"
        low, high = self.control["minimum"], self.control["maximum"]
        if not low <= value <= high:
            automatic = " or 0 for auto" if self.automatic else ""
            raise Problem(f"{self.title} must be from {low:g} to {high:g}{automatic}, not {value:g}.")
        return value


class Choice:
    """One of several words, of the suite's parameters or of the plug-in's own."""

    def __init__(self, name, label, help_text, choices, default, group=None):
        self.group = group
        self.name = name
        self.label = label
        self.help = help_text
        self.choices = choices  # (word, label) pairs
        self.default = default

    def declare(self, procedure):
        choice = Gimp.Choice.new()
        for number, (word, label) in enumerate(self.choices):
            choice.add(word, number, label, "")
        words = ", ".join(word for word, _ in self.choices)
        procedure.add_choice_argument(
            self.name, self.label, f"{self.help} One of: {words}.", choice, self.default, _READWRITE
        )

    def value(self, config):
        return config.get_property(self.name)


class Flag:
    """Yes or no."""

    def __init__(self, name, label, help_text, default=False):
        self.group = None
        self.name = name
        self.label = label
        self.help = help_text
        self.default = default

    def declare(self, procedure):
        procedure.add_boolean_argument(self.name, self.label, self.help, self.default, _READWRITE)

    def value(self, config):
        return config.get_property(self.name)


class NamedChannel:
    """A channel of the image, or none."""

    def __init__(self, name, label, help_text):
        self.group = None
        self.name = name
        self.label = label
        self.help = help_text

    def declare(self, procedure):
        procedure.add_channel_argument(self.name, self.label, self.help, True, _READWRITE)

    def value(self, config):
        return config.get_property(self.name)


def from_parameters(parameters, group, names=None):
    """Return the options for a described parameter class, for all of its controls or those named."""
    options = []
    for control in parameters[group]:
        if names is not None and control["name"] not in names:
            continue
        if control["minimum"] is not None:
            options.append(Number(group, control))
        elif control["choices"]:
            pairs = [(word, word.capitalize()) for word in control["choices"]]
            name = control["name"].replace("_", "-")
            options.append(Choice(name, control["label"], control["help"], pairs, control["default"], group))
    return options


_DIALOG_BUTTONS = "chlopsr"  # Cancel, Help, Load, OK, Preview, Save, Reset


def assign_mnemonics(options):
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


def values_of(options, config, group):
    """Return the suite's parameters of one group as they are set."""
    return {option.name.replace("-", "_"): option.value(config) for option in options if option.group == group}
