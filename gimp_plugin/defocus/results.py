"""What the procedures put into the image. Everything is made first and attached last, in one undo step."""

import contextlib

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
from gi.repository import Gegl, Gimp  # noqa: E402
from suite import Problem  # noqa: E402


def usable_layers(drawables):
    """Return the layers that the selected drawables stand for.

    Raises
    ------
    Problem
        If there are none, or if one holds no pixels of its own.
    """
    layers = []
    for drawable in drawables:
        layer = drawable
        if isinstance(drawable, Gimp.LayerMask):  # the edit target after a mask was added
            layer = Gimp.Layer.from_mask(drawable)
        if not isinstance(layer, Gimp.Layer):
            raise Problem(f"“{drawable.get_name()}” is not a layer: select a layer and try again.")
        if isinstance(layer, Gimp.TextLayer):
            mend = "turn it into pixels first (Layer > Discard Text Information)"
            raise Problem(f"“{layer.get_name()}” is a text layer: {mend}.")
        if type(layer).__name__ not in ("Layer", "GroupLayer"):
            raise Problem(f"“{layer.get_name()}” is not made of pixels: rasterize it first (Layer > Rasterize).")
        if layer not in layers:
            layers.append(layer)
    if not layers:
        raise Problem("Select a layer first.")
    return layers


@contextlib.contextmanager
def one_undo_step(image):
    """Make what is done inside one step to undo, and close the step whatever happens."""
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()


def made_mask(layer, path):
    """Return a mask for a layer, filled from a raw file and not yet added."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    pixels.write_mask(mask, path, pixels.size_of(layer))
    return mask


def put_mask(layer, mask):
    """Add a mask to a layer in place of the one it has, and leave the layer as what is painted on."""
    if layer.get_mask() is not None:
        layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
    if not layer.add_mask(mask):
        raise Problem(f"GIMP could not add a mask to “{layer.get_name()}”.")
    layer.set_edit_mask(False)


def made_channel(layer, path, name):
    """Return a channel of the image's size that holds mask values where the layer lies, not yet inserted."""
    image = layer.get_image()
    color = Gegl.Color.new("red")
    channel = Gimp.Channel.new(image, name, image.get_width(), image.get_height(), 50.0, color)
    pixels.write_mask(channel, path, pixels.size_of(layer), pixels.offset_of(layer))
    return channel


def made_layer(layer, path, channels, component, name):
    """Return a layer of the same size and place, filled with encoded pixels and not yet inserted."""
    image = layer.get_image()
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAYA_IMAGE if gray else Gimp.ImageType.RGBA_IMAGE
    width, height = pixels.size_of(layer)
    made = Gimp.Layer.new(image, name, width, height, kind, 100.0, Gimp.LayerMode.NORMAL)
    base = {1: "Y'", 3: "R'G'B'", 4: "R'G'B'A"}[channels]
    pixels.write(made, path, f"{base} {component}", channels, (width, height))
    left, top = pixels.offset_of(layer)
    made.set_offsets(left, top)
    return made


def put_above(layer, made):
    """Insert a new layer just above another one."""
    image = layer.get_image()
    image.insert_layer(made, layer.get_parent(), image.get_item_position(layer))


def refuse_indexed(image):
    """Raise `Problem` for images whose palette cannot hold a new layer's colours."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise Problem("An indexed image cannot hold this layer: convert it first (Image > Mode > RGB).")
