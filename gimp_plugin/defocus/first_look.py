"""First look: a preview of a picture reduced before it is measured, to be seen until the real one is there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pixels
from procedures import used_selection

if TYPE_CHECKING:
    from gi.repository import Gimp
    from session import Session

_PIXELS = 150_000  # of the reduced picture: about those of the preview
_WORTH = 1_000_000  # px of the layer; below, starting takes longest, and the real preview comes as soon
_LEAST = 64  # px; a side that can still be measured


def first_look(
    session: Session, layer: Gimp.Layer, config: Gimp.ProcedureConfig
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]] | None:
    """Return what to open, how to analyse it, and the arguments of the request; to be called from GIMP's main thread.

    None where hints, masks or lengths in px are chosen, which would have to be reduced as well, and for small pictures.
    """
    image, (width, height) = layer.get_image(), pixels.size_of(layer)
    scale = math.sqrt(_PIXELS / (width * height))
    if width * height < _WORTH or min(width, height) * scale < _LEAST or not pixels.is_plain(layer):
        return None
    if used_selection(image) or layer.get_mask() is not None or session.marks:
        return None
    analysis = session.procedure.analysis(config)
    arguments = session.procedure.arguments(session.worker.new_file, layer, config)
    parameters = dict(arguments["parameters"])
    automatic = (analysis["noise"], analysis["max_radius"], parameters.get("threshold", "auto"))
    if set(automatic) != {"auto"} or {"in_focus", "blurred", "maximum"} & set(arguments):
        return None
    if "softness" in parameters:
        parameters["softness"] *= scale
    arguments["parameters"] = parameters
    arguments.pop("trimap", None)
    path = session.worker.new_file()
    shape, dtype = pixels.read_reduced(layer, path, scale)
    return {"pixels": path, "shape": shape, "dtype": dtype}, analysis, arguments
