"""First look: a preview of a picture reduced before it is measured, to be seen until the real one is there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pixels
from procedures import used_selection

if TYPE_CHECKING:
    from gi.repository import Gimp
    from session import Session

_PIXELS = 1_000_000  # of the reduced picture: blur of some px there stays blur, and it is measured in a second
_WORTH = 3_000_000  # px of the layer; below, the real preview comes nearly as soon
_LEAST = 64  # px; a side that can still be measured
_LENGTHS = ("threshold", "softness", "max_radius", "focus_from", "focus_x", "focus_y")  # parameters in px
_FACTS_IN_PX = ("threshold", "other_threshold", "maximum")
_LEAST_VALUES = {"threshold": 0.1, "max_radius": 1.0}  # px; what the suite takes


def first_look(
    session: Session, layer: Gimp.Layer, config: Gimp.ProcedureConfig
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], float] | None:
    """Return what to open, how to analyse it, the arguments of the request, and the scale of the copy.

    To be called from GIMP's main thread. None for small pictures, and where hints or masks would have to be reduced
    as well.
    """
    image, (width, height) = layer.get_image(), pixels.size_of(layer)
    scale = math.sqrt(_PIXELS / (width * height))
    if width * height < _WORTH or min(width, height) * scale < _LEAST or not pixels.is_plain(layer) or session.marks:
        return None
    procedure = session.procedure
    if procedure.is_mask and (used_selection(image) or layer.get_mask() is not None):
        return None
    analysis = reduced_lengths(procedure.analysis(config), scale)
    if analysis["noise"] != "auto":
        analysis["noise"] = "auto"  # the copy has less of it, and how much less depends on its grain
    arguments = procedure.arguments(session.worker.new_file, layer, config)
    if {"in_focus", "blurred", "map", "map_path"} & set(arguments):
        return None
    arguments["parameters"] = reduced_lengths(arguments["parameters"], scale)
    for length in ("maximum", "shift"):
        if length in arguments:
            arguments[length] *= scale
    arguments.pop("trimap", None)
    path = session.worker.new_file()
    shape, dtype = pixels.read_reduced(layer, path, scale)
    return {"pixels": path, "shape": shape, "dtype": dtype}, analysis, arguments, scale


def reduced_lengths(parameters: dict[str, Any], scale: float) -> dict[str, Any]:
    """Return parameters with the lengths among them in the scale of a reduced copy."""
    reduced = {
        name: value * scale if name in _LENGTHS and isinstance(value, int | float) else value
        for name, value in parameters.items()
    }
    for name, least in _LEAST_VALUES.items():
        if parameters.get(name) and isinstance(reduced[name], float):
            reduced[name] = max(reduced[name], least)
    return reduced


def in_full_scale(facts: dict[str, Any], scale: float) -> dict[str, Any]:
    """Return the facts of a reduced copy with the lengths among them in px of the picture itself."""
    return {
        name: value / scale if name in _FACTS_IN_PX and value is not None else value for name, value in facts.items()
    }
