"""What the procedures put into the image. Everything is made first and attached last, in one undo step."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
from gi.repository import Gegl, Gimp  # noqa: E402
from problem import Problem  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Attach = Callable[[], Gimp.Drawable]  # which puts something into the image, and returns it
    Answer = dict[str, Any]


@contextlib.contextmanager
def one_undo_step(image: Gimp.Image) -> Iterator[None]:
    """Make what is done inside one step to undo, and close the step whatever happens."""
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()


def made_mask(layer: Gimp.Layer, path: str) -> Gimp.LayerMask:
    """Return a mask for a layer, filled from a raw file and not yet added."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    pixels.write_mask(mask, path, pixels.size_of(layer))
    return mask


def put_mask(layer: Gimp.Layer, mask: Gimp.LayerMask) -> Gimp.LayerMask:
    """Add a mask to a layer in place of the one it has, and leave the layer as what is painted on; return the mask."""
    if layer.get_mask() is not None:
        layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
    if not layer.add_mask(mask):
        raise Problem(_("GIMP could not add a mask to “{name}”.", name=layer.get_name()))
    layer.set_edit_mask(False)
    return mask


def cut_out(layer: Gimp.Layer) -> None:
    """Make transparent what a layer's mask hides, and take the mask away; live filters become pixels first."""
    if not isinstance(layer, Gimp.GroupLayer):
        layer.merge_filters()
    if not layer.has_alpha():
        layer.add_alpha()
    layer.remove_mask(Gimp.MaskApplyMode.APPLY)


def made_channel(layer: Gimp.Layer, path: str, name: str) -> Gimp.Channel:
    """Return a channel of the image's size that holds mask values where the layer lies, not yet inserted."""
    image = layer.get_image()
    color = Gegl.Color.new("red")
    channel = Gimp.Channel.new(image, name, image.get_width(), image.get_height(), 50.0, color)
    pixels.write_mask(channel, path, pixels.size_of(layer), pixels.offset_of(layer))
    return channel


def made_layer(layer: Gimp.Layer, answer: Answer, name: str, *, own_space: bool = True) -> Gimp.Layer:
    """Return a layer of the same size and place, filled with encoded colours and not yet inserted."""
    image = layer.get_image()
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAYA_IMAGE if gray else Gimp.ImageType.RGBA_IMAGE
    width, height = pixels.size_of(layer)
    made = Gimp.Layer.new(image, name, width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
    channels = answer["shape"][2] if len(answer["shape"]) == 3 else 1
    pixels.write_colors(made, answer["path"], channels, answer["dtype"], own_space=own_space)
    left, top = pixels.offset_of(layer)
    made.set_offsets(left, top)
    return made


def has_colors(answer: Answer) -> bool:
    """Return whether an answer is a picture with opacity, and no mask."""
    return len(answer["shape"]) == 3


def look_like(made: Gimp.Layer, layer: Gimp.Layer) -> None:
    """Give a new layer the opacity and mode of another one."""
    made.set_opacity(layer.get_opacity())
    made.set_mode(layer.get_mode())


def recolored(layer: Gimp.Layer, answer: Answer) -> Gimp.Layer:
    """Put a new layer, filled with an answer's colours, in the place of one; return the new one."""
    image, name = layer.get_image(), layer.get_name()
    made = made_layer(layer, answer, name)
    look_like(made, layer)
    image.insert_layer(made, None, 0)
    image.remove_layer(layer)
    made.set_name(name)
    return made


def put_above(layer: Gimp.Layer, made: Gimp.Layer) -> Gimp.Layer:
    """Insert a new layer just above another one, which stays selected: it is the photograph; return the new one."""
    image = layer.get_image()
    selected = image.get_selected_layers()
    image.insert_layer(made, layer.get_parent(), image.get_item_position(layer))
    image.set_selected_layers(selected)
    return made


def keep_hidden(layer: Gimp.Layer, made: Gimp.Layer, *, limited: bool, masked: bool) -> None:
    """Let a new layer show no more than the one below it does, and only what is selected if it is limited to that.

    What hides of the layer below is its mask, unless that is not to be (`masked`).
    """
    own = layer.get_mask() if masked and layer.get_apply_mask() else None
    if own is None and not limited:
        return
    mask = made.create_mask(Gimp.AddMaskType.SELECTION if limited else Gimp.AddMaskType.WHITE)
    made.add_mask(mask)
    if own is not None:
        mask.combine_masks(own, Gimp.ChannelOps.INTERSECT, 0, 0)
    made.set_edit_mask(False)


def image_of(layer: Gimp.Layer, name: str) -> tuple[Gimp.Image, Gimp.Layer]:
    """Return a new image that holds a copy of a layer, in the same colours and depth, and the copy."""
    image = layer.get_image()
    width, height = pixels.size_of(layer)
    made = Gimp.Image.new_with_precision(width, height, image.get_base_type(), image.get_precision())
    made.undo_disable()
    made.set_color_profile(image.get_effective_color_profile())
    copy = Gimp.Layer.new_from_drawable(layer, made)
    copy.set_name(name)
    made.insert_layer(copy, None, 0)
    copy.set_offsets(0, 0)
    copy.set_visible(True)
    made.undo_enable()
    return made, copy


def show(image: Gimp.Image) -> None:
    """Open a window for a new image where GIMP has windows; scripts find it among GIMP's images."""
    if Gimp.default_display() is not None:
        Gimp.Display.new(image)


def refuse_indexed(image: Gimp.Image) -> None:
    """Raise `Problem` for images whose palette cannot hold a new layer's colours."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise Problem(_("An indexed image cannot hold this layer: convert it first (Image > Mode > RGB)."))
