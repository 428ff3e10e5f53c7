"""Below: what lies below a layer in its image, to see a mask at work before there is one."""

from __future__ import annotations

from typing import Any

import gi

gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
from gi.repository import GdkPixbuf, Gegl, Gimp, GLib  # noqa: E402
from layers import holds, tree  # noqa: E402

_OPAQUE = 255


class Below:
    """Shows parts of what lies below a layer; `close` it.

    Parameters
    ----------
    layer : Gimp.Layer
    """

    def __init__(self, layer: Gimp.Layer) -> None:
        image = layer.get_image()
        self._copy = image.duplicate()
        for ours, theirs in zip(tree(image.get_layers()), tree(self._copy.get_layers()), strict=True):
            # Groups that hold the layer stay: what lies below may be in them
            if ours == layer or not holds(ours, layer):
                theirs.set_visible(False)
            if ours == layer:
                break
        self._seen = Gimp.Layer.new_from_visible(self._copy, self._copy, "below")
        self._copy.insert_layer(self._seen, None, 0)
        left, top = pixels.offset_of(layer)
        self._seen.resize(*pixels.size_of(layer), -left, -top)

    def under(self, pixbuf: Any, crop: tuple[float, float, float, float]) -> Any:
        """Return a picture of a part of the layer, with opacity, upon what lies below."""
        width, height = pixbuf.get_width(), pixbuf.get_height()
        left, top, across, _down = crop
        scale = width / across
        part = Gegl.Rectangle.new(round(left * scale), round(top * scale), width, height)
        # GIMP 3.0's get_sub_thumbnail frees twice what it gives
        data = self._seen.get_buffer().get(part, scale, "R'G'B'A u8", Gegl.AbyssPolicy.NONE)
        layout = True, 8, width, height, 4 * width
        colors = GLib.Bytes.new(bytes(data))
        ground = GdkPixbuf.Pixbuf.new_from_bytes(colors, GdkPixbuf.Colorspace.RGB, *layout)
        nearest = GdkPixbuf.InterpType.NEAREST
        pixbuf.composite(ground, 0, 0, width, height, 0.0, 0.0, 1.0, 1.0, nearest, _OPAQUE)
        return ground

    def close(self) -> None:
        """Let go of the copy."""
        self._copy.delete()
