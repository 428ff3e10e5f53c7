"""What each request's answer becomes as a layer: name, type, colours and the facts that are kept with it.

A request of `defocus.session.REQUESTS` that is not named here is shown by the kind of its result, so that a new one
needs nothing in this plugin.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus import __version__
from defocus.session import MUCH_AT_END, MUCH_SATURATED, REQUESTS
from napari_defocus.layers.results import IN_FOCUS_COLOR, layer_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from defocus.session import Request
    from napari_defocus.requests import Answer, LayerRequest

__all__ = ["MEASUREMENTS", "PICTURES", "Output", "as_layer", "doubts", "output_of", "recorded", "robust_limits"]


_MARKED = 0.5  # of a mask or matte: what is marked
_MUCH_UNKNOWN = 0.05  # share of a picture that tells nothing, from which on that is told


@dataclass(frozen=True)
class Output:
    """Names of a request's result.

    Attributes
    ----------
    kind : str
        What tells results of one source apart, in the layer's metadata.
    title : str
        Follows the source's name in the layer's.
    """

    kind: str
    title: str


_NAMED = {
    "blur_map": Output("blur_map", "blur radius"),
    "restore": Output("restored", "all in focus"),
    "magnify": Output("magnified", "more blur"),
}
_DEFOCUS = Output("defocus", "distance from focus")  # a blur map read by a depth scale
_MASKS = {
    (False, False): Output("focus_mask", "in focus"),
    (False, True): Output("focus_mask", "not in focus"),
    (True, False): Output("focus_matte", "focus matte"),
    (True, True): Output("focus_matte", "defocus matte"),
}


def output_of(request: Request) -> Output:
    """Return how the result of a request is called."""
    return _NAMED.get(request.name, Output(request.name, request.title.lower()))


MEASUREMENTS = tuple(request for request in REQUESTS.values() if request.result != "picture" and request.step != "mask")
"""Requests whose results are shown as maps."""

PICTURES = tuple(request for request in REQUESTS.values() if request.result == "picture")
"""Requests whose results are pictures again."""


def as_layer(request: LayerRequest, values: NDArray[Any], answer: Answer) -> LayerDataTuple:
    """Return an answer as napari's (data, metadata, type), with all that it was made by in its metadata.

    Parameters
    ----------
    request : LayerRequest
    values : array
        Of one plane, or of all of them in the shape of the stack; radii in px of the measured level.
    answer : Answer
        Of the last plane.
    """
    known = REQUESTS[request.question.request]
    facts = recorded(request, answer)
    if known.step == "mask":
        return _mask(request, values, facts)
    output = output_of(known) if request.depth is None else _DEFOCUS
    if known.result == "picture":
        source, facts["is_picture"] = request.source, True
        return layer_data(
            values, source, output.kind, output.title, "image", index=request.index, facts=facts, rgb=source.rgb,
            **source.display,
        )  # fmt: skip
    unit, colormap, limits = "", "gray", (0.0, 1.0)
    if known.result == "radius":
        values = request.shown(values)
        unit, colormap, limits = request.shown_unit, "viridis", robust_limits(values, facts["maximum"])
    return layer_data(
        values, request.source, output.kind, output.title, "image", index=request.index, facts=facts,
        unit=unit, colormap=colormap, contrast_limits=limits,
    )  # fmt: skip


def recorded(request: LayerRequest, answer: Answer) -> dict[str, Any]:
    """Return all that a result was made by: request, version, every parameter, and the numbers that were measured.

    They are plain words and numbers, so that they can be written beside a file.
    """
    known, question = REQUESTS[request.question.request], request.question
    facts: dict[str, Any] = {
        "request": known.name,
        "version": __version__,
        "picture": request.source.name,
        "analysis": _plain(request.analysis),
        "noise_variance": answer.noise_variance,
        "max_radius_px": answer.max_radius,
        "kind_found": answer.kind,
        "known_share": None,
        **answer.facts,
    }
    if known.parameters is not None:
        facts["parameters"] = _plain(question.parameters or known.parameters())
    if known.needs_map:
        facts["map_parameters"] = _plain(question.map_parameters)
    if known.result == "radius":
        facts |= {"px": request.factor, "maximum": float(request.shown(np.float32(answer.max_radius)))}
        if request.depth is not None:
            facts["depth"] = dataclasses.asdict(request.depth)
    if known.step == "mask":
        hinted = request.strokes is not None and bool(request.strokes.any())
        facts |= {"maximum": answer.max_radius, "inverted": request.inverted}
        facts["hints"] = hinted
    return facts


def doubts(about: Mapping[str, Any]) -> str:
    """Return in one line what a person should doubt of a result, by its facts; "" if nothing."""
    share = about.get("known_share")
    if share is None or about.get("request") == "focus_over_z":
        return ""
    if share == 0:
        return "Nothing is known of its blur: the picture is constant, empty or nothing but noise."
    told = []
    if 1 - share >= _MUCH_UNKNOWN:
        left_out = about.get("parameters", {}).get("unknown") == "nan"
        shown = "left out" if left_out else "drawn by what lies around; Show: Confidence tells where"
        told.append(f"{1 - share:.0%} of the picture tell nothing of their blur: {shown}.")
    saturated = about.get("saturated_share") or 0
    if saturated > MUCH_SATURATED:
        told.append(f"{saturated:.1%} are saturated and tell nothing.")
    if about.get("kind_doubt"):
        told.append(f"The kind of picture is in doubt: {about['kind_doubt']}.")
    at_end = about.get("end_share") or 0
    if at_end > MUCH_AT_END:
        told.append(f"{at_end:.0%} of what is known reads the largest radius, so that is at least its blur.")
    if about.get("shape_doubt"):
        told.append(f"The blur's shape is in doubt: {about['shape_doubt']}.")
    other = about.get("other_threshold")
    if other:
        told.append(f"A close call: {other:.2g} px gives another mask.")
    return " ".join(told)


def robust_limits(radii: NDArray[np.floating[Any]], maximum: float) -> tuple[float, float]:
    """Return contrast limits for a map: 0, which is sharp, to what all but a hundredth of its radii reach."""
    known = radii[np.isfinite(radii)]
    high = float(np.percentile(known, 99)) if known.size else maximum
    return 0.0, min(max(high, maximum / 16), maximum)


def _plain(parameters: Any) -> dict[str, Any]:
    return {
        item.name: value if isinstance(value := getattr(parameters, item.name), str | int | float) else repr(value)
        for item in dataclasses.fields(parameters)
    }


def _mask(request: LayerRequest, values: NDArray[Any], facts: dict[str, Any]) -> LayerDataTuple:
    if request.inverted:
        values = 1 - values
    facts["share"] = float(values.mean())
    if request.index is None and request.source.stack_shape:
        facts["empty_slices"] = int((values.reshape(*request.source.stack_shape, -1).max(axis=-1) < _MARKED).sum())
        facts["each"] = request.each
    soft = request.question.parameters is not None and request.question.parameters.softness > 0
    output = _MASKS[soft, request.inverted]
    if soft:
        return layer_data(
            values, request.source, output.kind, output.title, "image", index=request.index, facts=facts,
            colormap="gray", contrast_limits=(0.0, 1.0), opacity=0.7,
        )  # fmt: skip
    from napari.utils.colormaps import DirectLabelColormap

    colormap = DirectLabelColormap(color_dict={0: "transparent", 1: IN_FOCUS_COLOR, None: "transparent"})
    # napari compiles something when such colours are first used; better in this thread than in the window's
    colormap.map(np.zeros((1, 1), np.uint8))
    return layer_data(
        (values > 0.5).astype(np.uint8), request.source, output.kind, output.title, "labels", index=request.index,
        facts=facts, opacity=0.5, colormap=colormap,
    )  # fmt: skip
