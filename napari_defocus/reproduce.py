"""The same result again without napari: as Python, and as a command."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING, Any

from defocus.errors import InputError
from defocus.parameters import PARAMETERS
from defocus.session import REQUESTS
from napari_defocus.layers.source import CHANNEL_LABELS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMMAND_OF", "as_command", "as_python", "changed_options"]

_TABLES = ("label_table", "frame_table")
COMMAND_OF = {"blur_map": "map", "focus_mask": "mask", "restore": "deblur", "magnify": "magnify"}
"""The command that answers each request of `defocus.session.REQUESTS`."""


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
    if about.get("request") == "focus_over_z":
        return _stack_as_python(about)
    if about.get("request") == "focus_over_time":
        return _times_as_python(about)
    if about.get("request") in _TABLES:
        return _table_as_python(about)
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
    if about.get("request") in ("focus_over_z", "focus_over_time"):
        return _stack_as_command(about)
    if about.get("request") in _TABLES:
        return _table_as_command(about)
    request = _request(about)
    if request.name not in COMMAND_OF:
        raise InputError(f"the command line cannot make: {request.title.lower()}")
    if about.get("inverted"):
        raise InputError("the command line marks what is in focus, not the rest: copy as Python, which inverts it")
    if about.get("hints"):
        raise InputError("the command line knows no painted hints; without them the mask is another")
    if about.get("unit") not in (None, "px", "", "µm") or (about.get("unit") == "µm" and not about.get("depth")):
        raise InputError(f"the command line tells radii in px, not in {about['unit']}: copy as Python")
    steps = {"analysis": about["analysis"]}
    if request.step:
        steps[request.step] = about["parameters"]
    if request.needs_map:
        steps["map"] = about["map_parameters"]
    options = changed_options(steps)
    if about.get("depth"):
        options.append("--depth SCALE")
    return " ".join(["defocus", COMMAND_OF[request.name], "PICTURE", "--output", "FOLDER", *options])


def changed_options(steps: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the options of a command for what is not at its default."""
    return [
        f"--{name.replace('_', '-')} {shlex.quote(str(value))}"
        for step, values in steps.items()
        for name, value in _changed(step, values).items()
    ]


def _stack_as_python(about: Mapping[str, Any]) -> str:
    fixed = ", ".join(":" if at is None else str(at) for at in about["fixed"])
    place = about["fixed"].index(None)
    lines = [
        f"# {about['name']}, by defocus {about['version']}; stack is the array of {about['picture']}",
        "from defocus import parameters",
        "from defocus.effects.focus_stack import composite",
        "from defocus.stack import focus_over_z",
        "",
        f"slices = stack[{fixed}]" + (f"  # axis {place} is that of focus" if len(about["fixed"]) > 1 else ""),
        "found = focus_over_z(",
        f"    slices, {_call('analysis', about['analysis'])}, {_call('map', about['parameters'])},",
        f"    threshold={about['threshold']!r}, radius_scale={about.get('radius_scale', 1.0)!r},",
        ")",
        "print(found.curve.verdict)",
    ]
    if about["kind"] == "composite":
        lines.append("values = composite(slices, found.heights)")
    else:
        factor = about.get("per_slice", 1.0)
        lines.append("values = found.heights" + (f" * {factor!r}  # {about['unit']}" if factor != 1.0 else ""))
        if about["parameters"].get("unknown") == "nan":
            lines.append("values[~found.known] = float('nan')")
    return "\n".join(lines) + "\n"


def _times_as_python(about: Mapping[str, Any]) -> str:
    fixed = ", ".join(":" if at is None else str(at) for at in about["fixed"])
    time, place = about["time_axis"], about["focus_axis"]
    swapped = ".swapaxes(0, 1)" if place < time else ""
    z_axis = place if place > time else place + 1
    return "\n".join(
        [
            f"# {about['name']}, by defocus {about['version']}; stack is the array of {about['picture']}",
            "import numpy as np",
            "from defocus.timelapse import drift_in_words, focus_over_time, sharpest_slices",
            "",
            f"table = focus_over_time(stack[{fixed}]{swapped})  # times x slices x H x W",
            "print(drift_in_words(table))",
            f"values = sharpest_slices(np.moveaxis(stack, {time}, 0), table['sharpest'], z_axis={z_axis})",
        ]
    )


def _stack_as_command(about: Mapping[str, Any]) -> str:
    if about.get("unit") not in (None, "slice"):
        raise InputError(f"the command line tells heights in slices, not in {about['unit']}: copy as Python")
    words = ["defocus", "stack", "STACK", "--output", "FOLDER"]
    for label, at in zip(about["axes"], about["fixed"], strict=False):
        if at is None:
            continue
        if label.lower() not in CHANNEL_LABELS:
            raise InputError(f"the command line takes no one place along {label}: copy as Python")
        words += ["--channel", str(at)]
    steps = {"analysis": about["analysis"]}
    if about["request"] == "focus_over_z":
        steps["map"] = about["parameters"]
    return " ".join([*words, *changed_options(steps)])


def _table_as_python(about: Mapping[str, Any]) -> str:
    within = about["request"] == "label_table"
    threshold = "analysis.threshold" if about["threshold"] == "auto" else repr(about["threshold"])
    arguments = f"analysis.blur_map(unknown='nan'), analysis.confidence, {threshold}"
    lines = [
        f"# by defocus {about['version']}; picture{' and labels are arrays' if within else 's are the slices'} of "
        f"{about['picture']}",
        "from defocus import analyze, parameters",
        f"from defocus.measures import {'label_table' if within else 'frame_row, frame_table'}",
        *([] if within else ["from defocus.pictures.picture import as_picture"]),
        *([] if within else ["from defocus.timelapse import of_frames"]),
        "",
        f"chosen = {_call('analysis', about['analysis'])}",
    ]
    if within:
        lines += ["analysis = analyze(picture, chosen)", f"table = label_table(labels, {arguments})"]
    else:
        lines += [
            "rows = []",
            "for picture in pictures:",
            "    chosen = of_frames(chosen, as_picture(picture))",
            "    analysis = analyze(picture, chosen)",
            f"    rows.append(frame_row({arguments}))",
            "table = frame_table(rows)",
        ]
    return "\n".join(lines) + "\n"


def _table_as_command(about: Mapping[str, Any]) -> str:
    if about["threshold"] != "auto":
        raise InputError("the command line takes the automatic threshold for tables: copy as Python")
    within = ["--within", "LABELS"] if about["request"] == "label_table" else []
    return " ".join(
        [
            "defocus",
            "info",
            "PICTURE",
            *within,
            "--table",
            "TABLE.csv",
            *changed_options({"analysis": about["analysis"]}),
        ]
    )


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
