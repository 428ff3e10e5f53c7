"""Command-line options made from the parameter classes, so that defaults, ranges and help stand in one place."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 (cyclopts reads the annotations)
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from defocus.errors import InputError
from defocus.parameters import MAX_PIXELS, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from defocus.parameters import Control
    from defocus.pictures.tiff import Part

__all__ = ["BatchOptions", "Overwrite", "chosen", "part_of", "with_options"]

Overwrite = Annotated[
    bool, Parameter(name="--overwrite", help="Replace results that are there already.", negative=(), group="Files")
]


@Parameter(name="*", group="Files")
@dataclass(frozen=True)
class BatchOptions:
    """What all commands on many files can be told.

    Attributes
    ----------
    overwrite : bool
        Replace results that are there already.
    json : bool
        Print one object for each file.
    value_range : tuple of float or None
        Black and white; None finds them out.
    max_pixels : int
        Files with more are refused.
    series, page, channel : int, int and str or None
        Which part of a TIFF is meant.
    verbose : bool
        Show what goes to the log.
    log : Path or None
        The log; None is the usual one.
    """

    overwrite: Overwrite = False
    json: Annotated[
        bool, Parameter(name="--json", help="Print results as JSON, one object per file and line.", negative=())
    ] = False
    value_range: Annotated[
        tuple[float, float] | None,
        Parameter(name="--range", help="Black and white, where they are not to be found out from the values."),
    ] = None
    max_pixels: Annotated[
        int, Parameter(name="--max-pixels", help="Files with more pixels are refused before they are read.")
    ] = MAX_PIXELS
    series: Annotated[
        int | None, Parameter(name="--series", help="Of a TIFF that holds several pictures: which one, from 0.")
    ] = None
    page: Annotated[
        int | None, Parameter(name="--page", help="Of a TIFF with planes along time or depth: which one, from 0.")
    ] = None
    channel: Annotated[
        str | None, Parameter(name="--channel", help="Of a TIFF with channels: which one, by number from 0, or name.")
    ] = None
    verbose: Annotated[
        bool, Parameter(name="--verbose", help="Show warnings of libraries and details of faults.", negative=())
    ] = False
    log: Annotated[
        Path | None, Parameter(name="--log", help="File to add those to; one in your state folder unless given.")
    ] = None


def part_of(options: BatchOptions) -> Part:
    """Return which part of a TIFF is meant."""
    from defocus.pictures.tiff import Part

    return Part(options.series, options.page, options.channel)


def with_options(*classes: type[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command one option for each parameter of some classes, in place of its ``**values``.

    Parameters
    ----------
    *classes : type
        Parameter classes. An option that two of them share is given once.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)
        plain = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
        controls = {control.name: control for item in classes for control in describe(item)}
        options = [_option(control) for control in controls.values() if control.name not in signature.parameters]

        def run(*arguments: Any, **values: Any) -> Any:
            return command(*arguments, **values)

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = signature.replace(parameters=[*plain, *options])  # type: ignore[attr-defined]
        run.__annotations__ = {item.name: item.annotation for item in [*plain, *options]}
        return run

    return decorate


def _option(control: Control) -> inspect.Parameter:
    # Whole numbers are read as any other, so that 40.6 is refused and not rounded
    kind: Any = str if control.choices else float if control.whole else type(control.default)
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
    help_text = Parameter(help=text, group="Parameters")
    return inspect.Parameter(
        control.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=str(control.default) if control.choices else control.default,
        annotation=Annotated[kind, help_text],
    )


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
