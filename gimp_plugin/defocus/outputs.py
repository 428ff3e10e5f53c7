"""Outputs: everything that a mask can become. A new one is a class here, named in `OUTPUTS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gi

gi.require_version("Gimp", "3.0")
import results  # noqa: E402
from gi.repository import Gimp  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from results import Answer, Attach


class MaskOutput:
    """What a mask becomes: `prepare` makes it, unattached, and returns a function that attaches it.

    Attributes
    ----------
    name, label : str
    meets : str
        What the new mask is combined with: the layer's "mask", the "selection", or "" for nothing.
    outside : int
        What stands outside an active selection where nothing is met: 1 leaves the layer visible.
    new_layer : bool
        Whether it makes a layer in the same image or another, which a palette cannot hold.
    cuts_out : bool
        Whether what the mask hides is gone: such an answer may come with colours of its own.
    """

    name = ""
    label = ""
    meets = ""
    outside = 0
    new_layer = False
    cuts_out = False

    def prepare(self, layer: Gimp.Layer, answer: Answer, first: bool) -> Attach:
        raise NotImplementedError

    def title(self, layer: Gimp.Layer) -> str:
        return f"{_('In focus')}: {layer.get_name()}"


class LayerMask(MaskOutput):
    """The layer's mask."""

    name, label = "layer-mask", "Layer mask"
    meets, outside = "mask", 1

    def prepare(self, layer: Gimp.Layer, answer: Answer, first: bool) -> Attach:
        mask = results.made_mask(layer, answer["path"])
        return lambda: results.put_mask(layer, mask)


class Selection(MaskOutput):
    """The image's selection; of several layers all are selected."""

    name, label = "selection", "Selection"
    meets = "selection"

    def prepare(self, layer: Gimp.Layer, answer: Answer, first: bool) -> Attach:
        image = layer.get_image()
        channel = results.made_channel(layer, answer["path"], self.title(layer))

        def attach() -> Gimp.Channel:
            image.insert_channel(channel, None, 0)
            image.select_item(Gimp.ChannelOps.REPLACE if first else Gimp.ChannelOps.ADD, channel)
            image.remove_channel(channel)
            return image.get_selection()

        return attach


class Channel(MaskOutput):
    """A channel."""

    name, label = "channel", "Channel"

    def prepare(self, layer: Gimp.Layer, answer: Answer, first: bool) -> Attach:
        channel = results.made_channel(layer, answer["path"], self.title(layer))

        def attach() -> Gimp.Channel:
            layer.get_image().insert_channel(channel, None, 0)
            return channel

        return attach


class NewLayerWithMask(MaskOutput):
    """A copy of the layer above it, with the mask."""

    name, label = "new-layer", "New layer with mask"
    meets, outside = "mask", 1

    def prepare(self, layer: Gimp.Layer, answer: Answer, first: bool) -> Attach:
        return self.masked_copy(layer, answer)

    def masked_copy(self, layer: Gimp.Layer, answer: Answer) -> Callable[[], Gimp.Layer]:
        """Return a function that puts a copy with the mask above a layer."""

        def attach() -> Gimp.Layer:
            copy = layer.copy()
            results.put_above(layer, copy)
            copy.set_name(self.title(layer))
            results.put_mask(copy, results.made_mask(copy, answer["path"]))
            return copy

        return attach


class NewLayerCutOut(NewLayerWithMask):
    """A copy of the layer above it, transparent where the mask hides it."""

    name, label = "cut-out", "New layer cut out"
    new_layer = cuts_out = True

    def prepare(self, layer: Gimp.Layer, answer: Answer, first: bool) -> Attach:
        if results.has_colors(answer):
            made = results.made_layer(layer, answer, self.title(layer))
            results.look_like(made, layer)
            return lambda: results.put_above(layer, made)
        masked = self.masked_copy(layer, answer)

        def attach() -> Gimp.Layer:
            copy = masked()
            results.cut_out(copy)
            return copy

        return attach


class NewImageWithMask(MaskOutput):
    """A new image with a copy of the layer and the mask."""

    name, label = "new-image-mask", "New image with mask"
    meets, outside = "mask", 1
    new_layer = True

    def prepare(self, layer: Gimp.Layer, answer: Answer, first: bool) -> Attach:
        def attach() -> Gimp.Layer:
            image, copy = results.image_of(layer, self.title(layer))
            image.undo_disable()
            if results.has_colors(answer):
                copy = results.recolored(copy, answer)
            else:
                results.put_mask(copy, results.made_mask(copy, answer["path"]))
                if self.cuts_out:
                    results.cut_out(copy)
            image.undo_enable()
            results.show(image)
            return copy

        return attach


class NewImage(NewImageWithMask):
    """A new image with a copy of the layer, transparent where the mask hides it."""

    name, label = "new-image", "New image cut out"
    cuts_out = True


OUTPUTS: tuple[MaskOutput, ...] = (
    LayerMask(),
    Selection(),
    NewLayerWithMask(),
    NewLayerCutOut(),
    Channel(),
    NewImage(),
    NewImageWithMask(),
)
"""All that a mask can become, in the order in which they are offered."""
