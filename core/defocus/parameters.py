"""Parameters of every step: frozen dataclasses that check their ranges when they are made.

A field's default, range, unit and help text stand here and nowhere else. The command line, the napari widgets and the
GIMP dialogs derive their controls from them through `describe`.
"""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from defocus.errors import InputError
from defocus.limits import LENS_FILE, MAX_PIXELS
from defocus.psf.families import FAMILIES, PSF, as_psf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance

__all__ = [
    "LENS_FILE",
    "MAX_PIXELS",
    "NOISE_RANGE",
    "PARAMETERS",
    "SPACING_RANGE",
    "AnalysisParameters",
    "Control",
    "MagnificationParameters",
    "MapParameters",
    "MaskParameters",
    "RestorationParameters",
    "describe",
    "split_changes",
    "takes_fields",
    "with_changes",
]

NOISE_RANGE = 1e-9, 0.1
"""Least and largest variance of noise that is worked with, for intensities in [0, 1]."""

SPACING_RANGE = 1, 32
"""Least and largest distance of samples that is worked with, in px."""

_SHOWN = 60  # characters of a wrong value that a message repeats

_Parameters = TypeVar("_Parameters", bound="DataclassInstance")
_Function = TypeVar("_Function", bound="Callable[..., Any]")


def _shown(value: object) -> str:
    """Return a wrong value as messages repeat it: in one short line."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of thousands of digits
        return "a number of thousands of digits"
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


@dataclass(frozen=True)
class Control:
    """What an interface needs to know of one parameter.

    Attributes
    ----------
    name : str
        Field name, as in Python.
    label : str
        Short text beside the control, with the unit in brackets where there is one.
    help : str
        One or two sentences for a tooltip or ``--help``.
    default : object
        The default value.
    minimum, maximum, step : float or None
        Range of a number, None for other kinds; `step` is what one click should change.
    unit : str
        Unit of a number, "" where it has none.
    choices : tuple of str
        The words that are allowed. A control with a range as well takes either a word or a number in the range.
    file : str
        What the name of a file ends in that may be given in place of a word; "" where none may.
    applies_to : tuple of str
        Words of the parameter `psf` with which this one means anything; empty where it always does.
    whole : bool
        Whether only whole numbers are allowed.
    """

    name: str
    label: str
    help: str
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    file: str = ""
    applies_to: tuple[str, ...] = ()
    whole: bool = False

    def check(self, value: object) -> None:
        """Raise `InputError` naming the parameter if `value` is not allowed."""
        if isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise InputError(f"{self.name} must be true or false, not {_shown(value)}")
            return
        if isinstance(value, str) and (value in self.choices or (self.file and value.endswith(self.file))):
            return
        if self.minimum is None or self.maximum is None:
            if self.choices:
                file = f" or a {self.file} file" if self.file else ""
                raise InputError(f"{self.name} must be one of {', '.join(self.choices)}{file}, not {_shown(value)}")
            return
        words = "".join(f"{word!r} or " for word in self.choices)
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not self.minimum <= value <= self.maximum:  # type: ignore[operator]
            unit = f" {self.unit}" if self.unit else ""
            raise InputError(
                f"{self.name} must be {words}a number from {self.minimum:g} to {self.maximum:g}{unit}, "
                f"not {_shown(value)}"
            )
        if self.whole and float(value) % 1:  # type: ignore[arg-type]
            raise InputError(f"{self.name} must be {words}a whole number, not {_shown(value)}")


def _control(
    default: Any,
    label: str,
    help: str,  # noqa: A002
    *,
    between: tuple[float, float] | None = None,
    step: float | None = None,
    unit: str = "",
    choices: tuple[str, ...] = (),
    file: str = "",
) -> Any:
    """Return a dataclass field that carries its `Control`."""
    low, high = between or (None, None)
    title = f"{label} ({unit})" if unit else label
    whole = isinstance(step, int) and not isinstance(default, float)
    control = Control("", title, help, default, low, high, step, unit, choices, file, whole=whole)
    return field(default=default, metadata={"control": control})


def describe(parameters: type[Any] | object) -> tuple[Control, ...]:
    """Return the controls of a parameter class, in the order in which an interface should show them.

    Parameters
    ----------
    parameters : type or object
        One of the parameter classes of this module, or an instance, whose values then are the defaults.

    Examples
    --------
    >>> [control.name for control in describe(MaskParameters)][:2]
    ['threshold', 'edge_sensitivity']
    """
    controls = []
    for item in dataclasses.fields(parameters):  # type: ignore[arg-type]
        default = item.default if isinstance(parameters, type) else getattr(parameters, item.name)
        families = tuple(name for name, family in FAMILIES.items() if item.name in family.parameters)
        control = item.metadata["control"]
        controls.append(dataclasses.replace(control, name=item.name, default=default, applies_to=families))
    return tuple(controls)


class _Checked:
    """Checks every field against its control when the object is made."""

    def __post_init__(self) -> None:
        for control in describe(type(self)):
            value = getattr(self, control.name)
            if isinstance(value, PSF):
                continue
            control.check(value)
            if control.whole and isinstance(value, float):  # 5.0 counts as well as 5 does
                object.__setattr__(self, control.name, int(value))


@dataclass(frozen=True)
class AnalysisParameters(_Checked):
    """How the local evidence for each blur radius is measured (equations 3 to 13)."""

    kind: Literal["auto", "photograph", "fluorescence", "brightfield"] = _control(
        "auto",
        "Kind of picture",
        "What was learned from photographs counts only for photographs; "
        "fluorescence is bright on a dark ground that says nothing, brightfield any other picture of a microscope; "
        "auto takes pictures for photographs, but for grey ones with bright and no dark specks, or mostly one level.",
        choices=("auto", "photograph", "fluorescence", "brightfield"),
    )
    psf: str | PSF = _control(
        "auto",
        "Blur shape",
        "Shape of an out-of-focus point: disc for an open lens, polygon for a stopped-down one, annulus for a "
        "mirror lens or telescope, gaussian for fluorescence and much processed pictures, or a lens measured by "
        "defocus calibrate; auto is a disc, or for fluorescence a gaussian unless a disc clearly fits better.",
        choices=("auto", *FAMILIES),
        file=LENS_FILE,
    )
    blades: int = _control(6, "Aperture blades", "Number of aperture blades, for the polygon.", between=(3, 16), step=1)
    rotation: float = _control(
        0.0, "Aperture rotation", "Rotation of the polygon.", between=(-180, 180), step=1, unit="degrees"
    )
    obstruction: float = _control(
        0.4,
        "Central obstruction",
        "Radius of the dark middle of the ring, as a part of the whole, for the annulus.",
        between=(0, 0.9),
        step=0.05,
    )
    sensor_blur: float = _control(
        0.4,
        "Sensor blur",
        "Standard deviation of the blur that a camera adds even in focus; 0 for simulated pictures.",
        between=(0, 2),
        step=0.1,
        unit="px",
    )
    noise: Literal["auto"] | float = _control(
        "auto",
        "Noise variance",
        "Variance of the picture's noise for intensities in [0, 1]; auto measures it from the picture.",
        between=NOISE_RANGE,
        step=1e-5,
        choices=("auto",),
    )
    window: int = _control(
        41,
        "Window",
        "Side of the square window in which blur is taken as constant; odd.",
        between=(9, 161),
        step=2,
        unit="px",
    )
    max_radius: Literal["auto"] | float = _control(
        "auto",
        "Largest radius",
        "Largest blur radius looked for; auto takes 8 px on pictures up to about a megapixel and more on larger ones, "
        "and on fluorescence that is farther out of focus.",
        between=(1, 128),
        step=0.5,
        unit="px",
        choices=("auto",),
    )
    spacing: Literal["auto"] | int = _control(
        "auto",
        "Sample spacing",
        "Evidence is measured at every so many pixels; auto takes more on larger pictures, 1 is exact and slow.",
        between=SPACING_RANGE,
        step=1,
        unit="px",
        choices=("auto",),
    )
    method: Literal["standard", "paper"] = _control(
        "standard",
        "Method",
        "standard is the suite's best; paper is the estimator published in 2013, with spacing 1 window by window.",
        choices=("standard", "paper"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window % 2 == 0:
            raise InputError(f"window must be odd, not {self.window}")
        self.blur_shape()  # a lens that cannot be read is told now

    @property
    def tells_shape(self) -> bool:
        """Whether the blur's shape is to be told from the picture."""
        return isinstance(self.psf, str) and self.psf == "auto"

    def blur_shape(self) -> PSF:
        """Return the shape of the blur, without the sensor's; "auto" is a photograph's until it is told."""
        if isinstance(self.psf, str) and self.psf.endswith(LENS_FILE):
            from defocus.psf.calibration import load_psf  # which loads more than an interface needs to start

            return load_psf(self.psf)
        shape = {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "psf"}
        return as_psf("disc" if self.tells_shape else self.psf, **shape)


@dataclass(frozen=True)
class MapParameters(_Checked):
    """How local evidence becomes a coherent blur map (equations 14 to 16)."""

    smoothness: float = _control(
        1.0,
        "Smoothness",
        "How strongly neighbouring pixels are drawn to equal radii; 1 is the measured optimum.",
        between=(0, 10),
        step=0.1,
    )
    edge_sensitivity: float = _control(
        1.0,
        "Edge sensitivity",
        "How readily the map changes at colour edges; higher values let fainter edges separate two radii.",
        between=(0.1, 10),
        step=0.1,
    )
    unknown: Literal["drawn", "nan"] = _control(
        "drawn",
        "What is unknown",
        "drawn gives areas whose windows tell nothing the radius of their surroundings, or what was learned; "
        "nan leaves them out.",
        choices=("drawn", "nan"),
    )


@dataclass(frozen=True)
class MaskParameters(_Checked):
    """How local evidence becomes an in-focus mask (equations 17 and 18)."""

    threshold: Literal["auto"] | float = _control(
        "auto",
        "In focus up to",
        "Pixels with at most this blur radius count as in focus; auto finds the split that fits the picture.",
        between=(0.1, 64),
        step=0.1,
        unit="px",
        choices=("auto",),
    )
    edge_sensitivity: float = _control(
        1.0,
        "Edge sensitivity",
        "How closely the mask follows colour edges; higher values let fainter edges carry the boundary.",
        between=(0.1, 10),
        step=0.1,
    )
    smoothness: float = _control(
        1.0,
        "Smoothness",
        "How short the mask's boundary is kept; lower values keep thin parts, higher ones drop specks.",
        between=(0, 10),
        step=0.1,
    )
    softness: float = _control(
        0.0,
        "Softness",
        "Half width of the band around the boundary in which the mask becomes a soft matte; 0 gives a hard edge.",
        between=(0, 100),
        step=1,
        unit="px",
    )


@dataclass(frozen=True)
class RestorationParameters(_Checked):
    """How the all-in-focus picture is computed from picture and blur map (equation 19)."""

    strength: float = _control(
        1.0,
        "Strength",
        "1 restores as much as the noise allows; lower values are smoother, higher ones crisper and noisier.",
        between=(0.1, 10),
        step=0.1,
    )
    iterations: int = _control(
        60,
        "Iterations",
        "Most steps the solver takes; it stops earlier once nothing changes.",
        between=(1, 500),
        step=5,
    )


@dataclass(frozen=True)
class MagnificationParameters(_Checked):
    """How the background blur of a picture is increased by its blur map."""

    strength: float = _control(
        2.0,
        "Strength",
        "Blur radii are multiplied by this; 1 changes nothing.",
        between=(1, 8),
        step=0.1,
    )
    threshold: Literal["auto"] | float = _control(
        "auto",
        "Keep in focus up to",
        "Pixels with at most this blur radius stay as they are; auto takes what the in-focus mask takes.",
        between=(0, 64),
        step=0.1,
        unit="px",
        choices=("auto",),
    )
    focus_from: float = _control(
        0.0,
        "Keep in focus from",
        "Pixels with a smaller blur radius lie on the other side of the focus and are blurred, too; "
        "0 keeps all up to the other end.",
        between=(0, 64),
        step=0.1,
        unit="px",
    )
    focus_x: Literal["auto"] | float = _control(
        "auto",
        "Focus at x",
        "Column of a point, from the left, whose blur radius becomes the sharpest; auto keeps the focus where it is.",
        between=(0, 100_000),
        step=1.0,
        unit="px",
        choices=("auto",),
    )
    focus_y: Literal["auto"] | float = _control(
        "auto",
        "Focus at y",
        "Row of that point, from the top.",
        between=(0, 100_000),
        step=1.0,
        unit="px",
        choices=("auto",),
    )
    bokeh_blades: int = _control(
        0,
        "Bokeh blades",
        "3 or more give highlights the shape of a polygon with so many sides; fewer leave them round.",
        between=(0, 16),
        step=1,
    )
    bokeh_rotation: float = _control(
        0.0, "Bokeh rotation", "Rotation of that polygon.", between=(-180, 180), step=1, unit="degrees"
    )
    cats_eye: float = _control(
        0.0,
        "Cat's eye",
        "By how much of their width the barrel of the lens narrows highlights in the corners; 0 leaves them the same "
        "everywhere.",
        between=(0, 0.9),
        step=0.05,
    )
    highlights: float = _control(
        1.0,
        "Highlights",
        "How much brighter than white lamps and glints are taken to be that the camera clipped; 0 as it recorded them.",
        between=(0, 6),
        step=0.5,
        unit="stops",
    )
    grain: float = _control(
        1.0,
        "Grain",
        "How much of the picture's grain is put back where blurring took it away; 0 leaves the background smooth.",
        between=(0, 4),
        step=0.1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold != "auto" and self.focus_from > self.threshold:
            raise InputError(
                f"focus_from must be at most threshold: {self.focus_from:g} is above {self.threshold:g} px"
            )


def with_changes(parameters: _Parameters, changes: Mapping[str, Any]) -> _Parameters:
    """Return a parameter object with some fields changed.

    Raises
    ------
    InputError
        If it is no parameter object, there is no such field, or a value is out of range.
    """
    if not isinstance(parameters, _Checked):
        raise InputError(f"parameters must be such as MaskParameters(...), or keywords, not {_shown(parameters)}")
    if not changes:
        return parameters
    split_changes(changes, type(parameters))
    return dataclasses.replace(parameters, **changes)


def takes_fields(*kinds: type[Any]) -> Callable[[_Function], _Function]:
    """Return a decorator that tells help, and editors, which fields a function takes as ``**changes``.

    Parameters
    ----------
    *kinds : type
        Parameter classes; a field that several have is the first one's.

    Returns
    -------
    callable
        It puts them into the function's signature and, described, into its docstring.

    Examples
    --------
    >>> @takes_fields(RestorationParameters)
    ... def sharper(image, **changes): ...
    >>> list(inspect.signature(sharper).parameters)
    ['image', 'strength', 'iterations']
    """
    controls = {control.name: control for kind in reversed(kinds) for control in describe(kind)}
    ordered = [controls[item.name] for kind in kinds for item in dataclasses.fields(kind) if item.name in controls]
    ordered = list(dict.fromkeys(ordered))

    def decorate(function: _Function) -> _Function:
        own = inspect.signature(function)
        kept = [item for item in own.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
        ours = [
            inspect.Parameter(control.name, inspect.Parameter.KEYWORD_ONLY, default=control.default)
            for control in ordered
            if control.name not in own.parameters
        ]
        function.__signature__ = own.replace(parameters=kept + ours)  # type: ignore[attr-defined]
        before, changes, after = (function.__doc__ or "").partition("**changes\n")
        if changes:
            margin = before[before.rfind("\n") + 1 :]
            _, _, rest = after.partition("\n")  # the line that stands for all of them
            told = "".join(f"{margin}{_described(control, margin)}" for control in ordered)
            function.__doc__ = f"{before.removesuffix(margin)}{told}{rest}"
        return function

    return decorate


def _described(control: Control, margin: str) -> str:
    """Return a parameter as docstrings describe it."""
    words = [repr(word) for word in control.choices]
    if control.file:
        words.append(f"the name of a {control.file} file")
    if control.minimum is not None:
        number = "whole number" if control.whole else "number"
        unit = f" {control.unit}" if control.unit else ""
        words.append(f"{number} from {control.minimum:g} to {control.maximum:g}{unit}")
    text = textwrap.fill(control.help, 110, initial_indent=f"{margin}    ", subsequent_indent=f"{margin}    ")
    return f"{control.name} : {' or '.join(words) or 'bool'}, default {control.default!r}\n{text}\n"


def split_changes(changes: Mapping[str, Any], *classes: type[Any]) -> tuple[dict[str, Any], ...]:
    """Part keyword arguments into those of some parameter classes.

    Parameters
    ----------
    changes : mapping
    *classes : type
        A field that several have goes to the first.

    Returns
    -------
    tuple of dict
        One for each class.

    Raises
    ------
    InputError
        If none of them has such a field.

    Examples
    --------
    >>> split_changes({"window": 31, "threshold": 2.0}, AnalysisParameters, MaskParameters)
    ({'window': 31}, {'threshold': 2.0})
    """
    parts: tuple[dict[str, Any], ...] = tuple({} for _ in classes)
    names = [[item.name for item in dataclasses.fields(kind)] for kind in classes]
    for name, value in changes.items():
        for part, known in zip(parts, names, strict=True):
            if name in known:
                part[name] = value
                break
        else:
            known_names = ", ".join(sorted({item for known in names for item in known}))
            raise InputError(f"no parameter is called {name!r}: there are {known_names}")
    return parts


PARAMETERS: Mapping[str, type[Any]] = {
    "analysis": AnalysisParameters,
    "map": MapParameters,
    "mask": MaskParameters,
    "restoration": RestorationParameters,
    "magnification": MagnificationParameters,
}
"""Every parameter class, by the name of its step."""
