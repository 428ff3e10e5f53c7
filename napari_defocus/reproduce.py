"""The same result again without napari: as Python, and as a command."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Any

from defocus.errors import InputError
from defocus.parameters import PARAMETERS
from defocus.session import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["as_command", "as_python"]

_COMMANDS = {"blur_map": "map", "focus_mask": "mask", "restore": "deblur", "magnify": "magnify"}


def as_python(about: Mapping[str, Any]) -> str:
    """Return lines of Python that compute a result from the array `picture`.

    Parameters
    ----------
    about : mapping
        ``layer.metadata["defocus"]`` of the result.

    Raises
    ------
    InputError
        If it is no answer to one request, as a composite of many is not.
    """
    request = _request(about)
    arguments = [repr(request.name)]
    if request.step:
        arguments.append(_call(request.step, about["parameters"]))
    if request.needs_map:
        arguments.append(_call("map", about["map_parameters"]))
    lines = [
        f"# {about['name']}, by defocus {about['version']}; picture is the array of {about['picture']}"
        + (f" at {tuple(about['index'])}" if about.get("index") else ""),
        "from defocus import parameters",
        *(["from defocus.depth import DepthScale"] if about.get("depth") else []),
        "from defocus.session import Question, Session",
        "",
        "session = Session()",
        f"session.open(picture, {_call('analysis', about['analysis'])})",
        f"values = session.answer(Question({', '.join(arguments)})).values",
    ]
    if about.get("inverted"):
        lines.append("values = 1 - values")
    if about.get("px", 1.0) != 1.0:
        lines.append(f"values *= {about['px']!r}  # {'px' if about.get('depth') else about['unit']}")
    if about.get("depth"):
        scale = ", ".join(f"{name}={value!r}" for name, value in about["depth"].items())
        lines.append(f"values = DepthScale({scale}).defocus(values)  # {about['unit']}")
    if about.get("hints"):
        lines.append("# painted hints are not repeated here")
    return "\n".join(lines) + "\n"


def as_command(about: Mapping[str, Any]) -> str:
    """Return a command line that computes a result from a file PICTURE, and a depth scale's; see `as_python`."""
    request = _request(about)
    if request.name not in _COMMANDS:
        raise InputError(f"the command line cannot make: {request.title.lower()}")
    steps = {"analysis": about["analysis"]}
    if request.step:
        steps[request.step] = about["parameters"]
    if request.needs_map:
        steps["map"] = about["map_parameters"]
    options = [
        f"--{name.replace('_', '-')} {shlex.quote(str(value))}"
        for step, values in steps.items()
        for name, value in _changed(step, values).items()
    ]
    if about.get("depth"):
        options.append("--depth SCALE")
    return " ".join(["defocus", _COMMANDS[request.name], "PICTURE", "--output", "FOLDER", *options])


def _request(about: Mapping[str, Any]) -> Any:
    name = about.get("request", "")
    if name not in REQUESTS:
        raise InputError("there is no result yet that one line could repeat")
    return REQUESTS[name]


def _changed(step: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are not at their defaults."""
    defaults = {item.name: item.default for item in dataclasses.fields(PARAMETERS[step])}
    return {name: value for name, value in values.items() if value != defaults[name]}


def _call(step: str, values: Mapping[str, Any]) -> str:
    arguments = ", ".join(f"{name}={value!r}" for name, value in _changed(step, values).items())
    return f"parameters.{PARAMETERS[step].__name__}({arguments})"
