"""Remembered: hints of the last run on an image, which GIMP's own memory of a procedure's arguments leaves out.

They are kept with the image while GIMP runs, so that Filters > Repeat and the next dialog have them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = "defocus-hints"
_TEMPORARY = 0  # flags of a parasite that is neither saved nor undone


def remember(image: Gimp.Image, channels: dict[str, Any], layer: Gimp.Layer | None, strokes: list[Any]) -> None:
    """Keep which channels and layers were chosen, by the names of the options, and what was painted over a layer."""
    kept = {
        "channels": {name: channel.get_tattoo() for name, channel in channels.items() if channel is not None},
        "layer": layer.get_tattoo() if layer is not None else 0,
        "strokes": strokes,
    }
    image.attach_parasite(Gimp.Parasite.new(_NAME, _TEMPORARY, json.dumps(kept).encode()))


def _kept(image: Gimp.Image) -> dict[str, Any]:
    parasite = image.get_parasite(_NAME)
    if parasite is None:
        return {}
    try:
        kept: dict[str, Any] = json.loads(bytes(parasite.get_data()))
    except (ValueError, TypeError):
        return {}
    return kept


def recall_channels(image: Gimp.Image, config: Gimp.ProcedureConfig, names: Iterable[str]) -> None:
    """Set options to the channels and layers of the last run, where they are empty and those still there."""
    channels = _kept(image).get("channels", {})
    for name in names:
        channel = item_of(image, channels[name]) if name in channels else None
        if channel is not None and config.get_property(name) is None:
            config.set_property(name, channel)


def item_of(image: Gimp.Image, tattoo: int) -> Any:
    """Return the channel or layer that has a tattoo, or None."""
    return image.get_channel_by_tattoo(tattoo) or image.get_layer_by_tattoo(tattoo)


def recall_strokes(image: Gimp.Image, layer: Gimp.Layer) -> list[Any]:
    """Return what was painted over a layer in the last run."""
    kept = _kept(image)
    return list(kept["strokes"]) if kept and kept["layer"] == layer.get_tattoo() else []
