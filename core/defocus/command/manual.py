"""Manual: the manual page, made from the commands and options that the parser knows."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cyclopts import App

__all__ = ["manual"]


def manual(app: App, exit_codes: Mapping[int, str]) -> str:
    """Return the manual page, in the language of man.

    Parameters
    ----------
    app : App
    exit_codes : mapping of int to str
        What each means.
    """
    name = app.name[0]
    lines = [
        f'.TH {name.upper()} 1 "" "{name} {_text(str(app.version))}" "User Commands"',
        ".SH NAME",
        f"{name} \\- {_text(app.help.rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {name}",
        "\\fICOMMAND\\fR [\\fIOPTIONS\\fR] \\fIPICTURE\\fR ...",
        ".SH COMMANDS",
    ]
    for command, one in _commands(app):
        lines += [f".SS {name} {_text(command)}", _text(inspect.cleandoc(one.help).partition("\n\n")[0])]
        for argument in one.assemble_argument_collection():
            shown = _option(argument)
            if shown:
                lines += [".TP", *shown]
    lines += [".SH EXIT STATUS"]
    for code, text in exit_codes.items():
        lines += [".TP", f".B {code}", _text(text)]
    return "\n".join(lines) + "\n"


def _commands(app: App) -> list[tuple[str, App]]:
    names = sorted(name for name in app if not name.startswith("-"))
    return [(name, app[name]) for name in names]


def _option(argument: Any) -> list[str] | None:
    """Return an option's names and what it does; None for what is no option of its own."""
    parameter = argument.parameter
    if argument.show is False or not parameter.help:
        return None
    value = parameter.metavar or ("" if argument.hint is bool else getattr(argument.hint, "__name__", "VALUE").upper())
    if argument.field_info.is_positional_only:
        return [f".I {_text(argument.name.upper())} ...", _text(parameter.help)]
    names = ", ".join(f"\\fB{_text(one)}\\fR" for one in argument.names)
    text = parameter.help
    default = argument.field_info.default
    if default not in (None, False, inspect.Parameter.empty) and parameter.show_default is not False:
        text += f" Default: {default}."
    return [f"{names} \\fI{_text(value)}\\fR".removesuffix(" \\fI\\fR"), _text(text)]


def _text(text: str) -> str:
    """Return words as man shows them unchanged."""
    plain = re.sub(r"\s+", " ", text).replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + plain if plain[:1] in (".", "'") else plain
