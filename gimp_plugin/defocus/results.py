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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Attach = Callable[[], object]
    Answer = dict[str, Any]


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
        if not isinstance(layer, Gimp.Layer):
            raise Problem(f"“{drawable.get_name()}” is not a layer: select a layer and try again.")
        # Layers of text, links and paths can be turned into pixels and stay what they are, from GIMP 3.2 on
        rasterized = hasattr(layer, "is_rasterized") and layer.is_rasterized()
        if isinstance(layer, Gimp.TextLayer) and not rasterized:
            mend = "turn it into pixels first (Layer > Rasterize; before GIMP 3.2 Layer > Discard Text Information)"
            raise Problem(f"“{layer.get_name()}” is a text layer: {mend}.")
        if type(layer).__name__ not in ("Layer", "GroupLayer") and not rasterized:
            raise Problem(f"“{layer.get_name()}” is not made of pixels: rasterize it first (Layer > Rasterize).")
        if layer not in layers:
            layers.append(layer)
    if not layers:
        raise Problem("Select a layer first.")
    return layers


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


def put_mask(layer: Gimp.Layer, mask: Gimp.LayerMask) -> None:
    """Add a mask to a layer in place of the one it has, and leave the layer as what is painted on."""
    if layer.get_mask() is not None:
        layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
    if not layer.add_mask(mask):
        raise Problem(f"GIMP could not add a mask to “{layer.get_name()}”.")
    layer.set_edit_mask(False)


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


def put_above(layer: Gimp.Layer, made: Gimp.Layer) -> None:
    """Insert a new layer just above another one, which stays selected: it is the photograph."""
    image = layer.get_image()
    selected = image.get_selected_layers()
    image.insert_layer(made, layer.get_parent(), image.get_item_position(layer))
    image.set_selected_layers(selected)


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
        raise Problem("An indexed image cannot hold this layer: convert it first (Image > Mode > RGB).")
