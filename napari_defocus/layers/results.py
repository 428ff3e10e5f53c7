"""Results as layers: made beside their source layer, and updated in place the next time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.types import LayerDataTuple
    from napari.viewer import Viewer

    from napari_defocus.layers.source import Source

__all__ = ["HINT_COLORS", "IN_FOCUS_COLOR", "find_result", "is_result", "layer_data", "result_of", "upsert"]

_METADATA = "defocus"  # the key of a layer's metadata under which a result says what it is

IN_FOCUS_COLOR = "#00c8ff"
BLURRED_COLOR = "#ff8000"
HINT_COLORS = {0: "transparent", 1: IN_FOCUS_COLOR, 2: BLURRED_COLOR, None: "transparent"}


def layer_data(
    values: Any,
    source: Source,
    kind: str,
    title: str,
    layer_type: str,
    *,
    index: tuple[int, ...] | None = None,
    flat: bool = False,
    unit: str | None = None,
    facts: dict[str, Any] | None = None,
    **display: Any,
) -> LayerDataTuple:
    """Return a result as napari's (data, metadata, type), placed where its source is.

    Parameters
    ----------
    values : array or tuple of array
        A plane (H, W), with channels last for colour; a whole stack; or vertices, faces and values of a surface.
    source : Source
    kind : str
        What tells results of one source apart, such as "blur_map".
    title : str
        Follows the source's name in the layer's.
    layer_type : str
        "image", "labels" or "surface".
    index : tuple of int, optional
        The plane's place in a stack; None for a whole stack. Results of several channels do not replace each other.
    flat : bool
        The plane belongs to the whole stack (of its channel), as an all-in-focus composite does.
    unit : str, optional
        Of the values of a map, "" for one without; it follows the title, and the map gets a colour bar. None for what
        is no map.
    facts : dict, optional
        Numbers that belong to the result, kept in its metadata.
    **display
        More of the layer's attributes.
    """
    if flat:
        place = source.plane_metadata()
    elif index:
        values = values[(np.newaxis,) * len(index)]
        place = source.slice_metadata(index)
    else:
        place = source.stack_metadata()
    channel = source.channel(index)
    name = " ".join(word for word in (source.name, channel, title, f"({unit})" if unit else "") if word)
    about = {
        "source": source.layer_id,
        "kind": kind,
        "index": None if flat else index,
        "channel": channel,
        "name": name,
    }
    if unit is not None:
        about["unit"] = unit
    about |= facts or {}
    return values, {"name": name, "metadata": {_METADATA: about}, **place, **display}, layer_type


def result_of(layer: Layer) -> dict[str, Any]:
    """Return what a layer says of itself as a result: source, kind and numbers; empty if it is none."""
    about = layer.metadata.get(_METADATA, {})
    return about if isinstance(about, dict) else {}


def is_result(layer: Layer) -> bool:
    """Whether a layer is a measurement or a truth (map, mask, height), not a picture to be measured."""
    about = result_of(layer)
    return "kind" in about and not about.get("is_picture", False)


def find_result(viewer: Viewer, source_id: str, kind: str, channel: str = "") -> Layer | None:
    """Return the layer that holds a result of a source, if the user still has it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    source_id : str
        `Source.layer_id`.
    kind : str
    channel : str
        `Source.channel` of the plane; a layer that holds the planes of all channels will do as well.
    """
    found: dict[str, Layer] = {}
    for layer in viewer.layers:
        about = result_of(layer)
        if about.get("source") == source_id and about.get("kind") == kind:
            found.setdefault(about.get("channel", ""), layer)
    return found.get(channel, found.get(""))


def _show_colorbar(layer: Layer) -> None:
    """Show what the colours of a map mean: a colour bar with the layer's name, which ends in the unit, beside it."""
    if hasattr(layer, "colorbar"):  # napari 0.6 and later
        layer.colorbar.visible = True
    if hasattr(layer, "colorbar") and hasattr(layer, "name_overlay"):  # later still
        layer.name_overlay.position = layer.colorbar.position
        layer.name_overlay.visible = True


def upsert(viewer: Viewer, result: LayerDataTuple, source: Source) -> Layer:
    """Add a result to the viewer, or put it into the layer that held the last one of its source and kind.

    An existing layer keeps its name, colormap, contrast limits, opacity and whatever else the user chose:
    only its data change, its place if it shows another plane now, and its name if that was ours and would be wrong
    now. A plane goes into a layer that holds the whole stack.
    """
    values, metadata, layer_type = result
    about = metadata["metadata"][_METADATA]
    layer = find_result(viewer, about["source"], about["kind"], about["channel"])
    if layer is not None and layer.ndim != len(metadata["axis_labels"]):
        viewer.layers.remove(layer)  # napari cannot change the number of axes of a layer
        layer = None
    if layer is None:
        from napari.layers import Layer

        selected = set(viewer.layers.selection)
        added = viewer.add_layer(Layer.create(values, metadata, layer_type))
        if "unit" in about:
            _show_colorbar(added)
        if selected:  # napari selects a new layer; the user was busy with another
            viewer.layers.selection = selected
        return added
    index = about["index"]
    whole = index and layer.data.shape[: len(index)] == source.stack_shape and layer.data.shape[0] > 1
    if whole and isinstance(layer.data, np.ndarray) and layer.data.shape[len(index) :] == values.shape[len(index) :]:
        layer.data[index] = values[(0,) * len(index)]
        layer.refresh()
        about = {**about, "index": None, "channel": "", "name": layer.name, "changed_since": list(index)}
    else:
        if layer.name == result_of(layer).get("name"):
            layer.name = about["name"]
        layer.data = values
        if index != result_of(layer).get("index"):
            layer.translate = metadata["translate"]
    layer.metadata = {**layer.metadata, _METADATA: about}
    return layer
