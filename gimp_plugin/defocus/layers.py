"""Layers: which there are in an image, and which of them can be worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402
from problem import Problem  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def tree(layers: Iterable[Gimp.Layer]) -> Iterator[Gimp.Layer]:
    """Yield all layers from the top down, groups before what they hold."""
    for layer in layers:
        yield layer
        if isinstance(layer, Gimp.GroupLayer):
            yield from tree(layer.get_children())


def holds(group: Gimp.Layer, layer: Gimp.Layer) -> bool:
    """Return whether a layer lies in a group, or in one that lies in it."""
    parent = layer.get_parent()
    while parent is not None:
        if parent == group:
            return True
        parent = parent.get_parent()
    return False


def is_there(layer: Gimp.Layer) -> bool:
    """Return whether a layer is still in its image.

    A layer that was deleted stays valid for the sake of the undo history, and asking GIMP for its pixels then can end
    the plug-in.
    """
    image = layer.get_image() if layer.is_valid() else None
    return image is not None and image.is_valid() and any(other == layer for other in tree(image.get_layers()))


def require(layer: Gimp.Layer) -> None:
    """Raise `Problem` if a layer is no more in its image."""
    if not is_there(layer):
        raise Problem(_("The layer was removed in the meantime."))


def usable_layers(drawables: Iterable[Gimp.Drawable]) -> list[Gimp.Layer]:
    """Return the layers that the selected drawables stand for.

    Raises
    ------
    Problem
        If there are none, or if one holds no pixels of its own.
    """
    layers: list[Gimp.Layer] = []
    for drawable in drawables:
        # A mask is the edit target after it was added
        layer = Gimp.Layer.from_mask(drawable) if isinstance(drawable, Gimp.LayerMask) else drawable
        name = drawable.get_name()
        if not isinstance(layer, Gimp.Layer):
            raise Problem(_("“{name}” is not a layer: select a layer and try again.", name=name))
        # Layers of text, links and paths can be turned into pixels and stay what they are, from GIMP 3.2 on
        rasterized = hasattr(layer, "is_rasterized") and layer.is_rasterized()
        if isinstance(layer, Gimp.TextLayer) and not rasterized:
            text = _(
                "“{name}” is a text layer: turn it into pixels first (Layer > Rasterize; before GIMP 3.2 "
                "Layer > Discard Text Information).",
                name=layer.get_name(),
            )
            raise Problem(text)
        if type(layer).__name__ not in ("Layer", "GroupLayer") and not rasterized:
            name = layer.get_name()
            raise Problem(_("“{name}” is not made of pixels: rasterize it first (Layer > Rasterize).", name=name))
        if isinstance(layer, Gimp.GroupLayer) and not layer.get_children():
            raise Problem(_("The group “{name}” is empty: there is nothing to measure.", name=name))
        if layer not in layers:
            layers.append(layer)
    if not layers:
        raise Problem(_("Select a layer first."))
    return layers
