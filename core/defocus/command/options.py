"""Command-line options made from the parameter classes, so that defaults, ranges and help stand in one place."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 (cyclopts reads the annotations)
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from defocus.command.names import USUAL_NAMES, checked_pattern
from defocus.errors import InputError
from defocus.parameters import MAX_PIXELS, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cyclopts import Token

    from defocus.parameters import Control
    from defocus.pictures.part import Part

__all__ = [
    "BatchOptions",
    "Jobs",
    "Overwrite",
    "ResultOptions",
    "chosen",
    "flag",
    "part_of",
    "with_options",
]


def flag(text: str, name: str | list[str] | None = None, group: str | None = None) -> Parameter:
    """Return what makes a switch that is off unless given: no opposite, no default shown."""
    more: dict[str, Any] = {key: value for key, value in (("name", name), ("group", group)) if value is not None}
    return Parameter(help=text, negative=(), show_default=False, **more)


Overwrite = Annotated[bool, flag("Replace results that are there already.", "--overwrite", "Files")]
Jobs = Annotated[
    int,
    Parameter(name=["--jobs", "-j"], help="Processes that work at the same time; 0 is one for each core.", metavar="N"),
]


@Parameter(name="*", group="Files")
@dataclass(frozen=True)
class BatchOptions:
    """What all commands on many files can be told.

    Attributes
    ----------
    recursive : bool
        Take the pictures of folders within folders, too.
    jobs : int
        Processes that work at the same time; 0 is one for each core.
    quiet : bool
        Print failures only.
    json : bool
        Print one object for each file.
    value_range : tuple of float or None
        Black and white; None finds them out.
    max_pixels : int
    series, page, channel : int, int and str, or None
        Of a TIFF that holds several: which; None where there is but one.
        Files with more are refused.
    verbose : bool
        Show what goes to the log.
    log : Path or None
        The log; None is the usual one.
    """

    recursive: Annotated[
        bool, flag("Take the pictures of folders within folders, too; results lie in folders of the same names.")
    ] = False
    jobs: Jobs = 1
    quiet: Annotated[bool, flag("Print failures only.", ["--quiet", "-q"])] = False
    json: Annotated[bool, flag("Print results as JSON, one object per file and line; see defocus schema.")] = False
    value_range: Annotated[
        tuple[float, float] | None,
        Parameter(
            name="--range",
            help="Black and white, where they are not to be found out from the values.",
            metavar="BLACK WHITE",
            negative=(),
        ),
    ] = None
    # Not by a name: cyclopts looks for names of inherited fields in the module that inherits
    max_pixels: Annotated[
        int, Parameter(help="Files with more pixels are refused before they are read.", metavar="N")
    ] = MAX_PIXELS
    series: Annotated[
        int | None, Parameter(help="Of a TIFF that holds several pictures: which one, from 0.", metavar="N")
    ] = None
    page: Annotated[
        int | None, Parameter(help="Of a TIFF with planes along time or depth: which one, from 0.", metavar="N")
    ] = None
    channel: Annotated[
        str | None,
        Parameter(help="Of a TIFF with channels: which one, by number from 0, or name.", metavar="NAME"),
    ] = None
    verbose: Annotated[bool, flag("Show warnings of libraries and details of faults.")] = False
    log: Annotated[
        Path | None, Parameter(help="File to add those to; one in your state folder unless given.", metavar="FILE")
    ] = None

    def __post_init__(self) -> None:
        if self.jobs < 0:
            raise InputError(f"jobs must be 0 or more, not {self.jobs}")


@Parameter(name="*", group="Files")
@dataclass(frozen=True)
class ResultOptions(BatchOptions):
    """What commands that write results can be told besides.

    Attributes
    ----------
    recursive, jobs, quiet, json, value_range, max_pixels, series, page, channel, verbose, log
        See `BatchOptions`.
    overwrite : bool
        Replace results that are there already.
    skip_existing : bool
        Files whose results are there already are no failure.
    names : str
        Pattern of the results' names without their endings.
    suffix : str or None
        In place of "_WHAT" in the name of the first result.
    """

    overwrite: Overwrite = False
    skip_existing: Annotated[
        bool, flag("Leave out files whose results are there already, without a word and with exit code 0.")
    ] = False
    names: Annotated[
        str,
        Parameter(
            help="Names of results, without their endings: {stem} is the picture's name without its ending, {name} "
            "with it, {folder} its folder's name, {what} the result's kind (mask, blur, ...).",
            metavar="PATTERN",
        ),
    ] = USUAL_NAMES
    suffix: Annotated[
        str | None,
        Parameter(help="In place of _WHAT in the name of the first result.", metavar="TEXT", allow_leading_hyphen=True),
    ] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_pattern(self.names)
        if self.suffix is not None and ("/" in self.suffix or "\0" in self.suffix):
            raise InputError(f"suffix must be a part of a name, not {self.suffix!r}")


def part_of(options: BatchOptions) -> Part:
    """Return which part of a TIFF is meant."""
    from defocus.pictures.part import Part

    return Part(options.series, options.page, options.channel)


def with_options(*classes: type[Any], **defaults: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command one option for each parameter of some classes, in place of its ``**values``.

    Parameters
    ----------
    *classes : type
        Parameter classes. An option that two of them share is given once.
    **defaults
        Of parameters that this command starts from another value.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)
        plain = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
        controls = {control.name: control for item in classes for control in describe(item)}
        options = [
            _option(dataclasses.replace(control, default=defaults.get(control.name, control.default)))
            for control in controls.values()
            if control.name not in signature.parameters
        ]

        def run(*arguments: Any, **values: Any) -> Any:
            return command(*arguments, **{**defaults, **values})

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = signature.replace(parameters=[*plain, *options])  # type: ignore[attr-defined]
        run.__annotations__ = {item.name: item.annotation for item in [*plain, *options]}
        return run

    return decorate


def _option(control: Control) -> inspect.Parameter:
    kind: Any = str if control.choices else type(control.default)
    words_only = control.choices and control.minimum is None and not control.file
    text = control.help
    if control.unit:
        text += f" In {control.unit}."
    allowed = list(control.choices)
    if control.file:
        allowed.append(f"FILE{control.file}")
    if control.minimum is not None and control.maximum is not None:
        allowed.append(f"{control.minimum:g} to {control.maximum:g}")
    if allowed:
        text += f" ({' | '.join(allowed)})"
    # Whole numbers are read as any other, so that 40.6 is refused and not rounded; shells complete words by the type,
    # and the parameter class refuses others
    converter = _word if words_only else _number if control.whole and not control.choices else None
    help_text = Parameter(
        help=text, group="Parameters", converter=converter, metavar=_metavar(control), show_choices=False
    )
    return inspect.Parameter(
        control.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=str(control.default) if control.choices else control.default,
        annotation=Annotated[Literal[control.choices] if words_only else kind, help_text],
    )


def _metavar(control: Control) -> str:
    """Return what stands for a parameter's value in help: its unit, or what kind of value it is."""
    if control.minimum is None:
        return "CHOICE"
    return control.unit.upper() or ("N" if control.whole else "NUMBER")


def _number(kind: type[Any], tokens: Sequence[Token]) -> float:
    """Read a whole number as any other."""
    return float(tokens[0].value)


def _word(kind: Any, tokens: Sequence[Token]) -> str:
    """Read any word."""
    return tokens[0].value


def chosen(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Return an object of a parameter class from those options of a command that were given.

    Raises
    ------
    InputError
        If a value is out of range or not a word that is allowed.
    """
    given = [control for control in describe(kind) if control.name in values]
    return kind(**{control.name: _value(control, values[control.name]) for control in given})


def _value(control: Control, value: Any) -> Any:
    if not isinstance(value, str) or value in control.choices or (control.file and value.endswith(control.file)):
        return value
    try:
        number = float(value)
    except ValueError:
        control.check(value)
        raise InputError(f"{control.name}: {value!r} is not a number") from None
    return number
