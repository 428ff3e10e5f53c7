"""Refine: the mask's edge found by GIMP's own foreground extraction, within a band around the boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
import results  # noqa: E402
from gi.repository import Gegl, Gimp  # noqa: E402
from problem import Problem  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

BAND = 8  # px to either side of the boundary, where nobody says how wide


def extract(layer: Gimp.Layer, trimap: str, path: Path) -> None:
    """Let GIMP find the edge in a copy of a layer, and write the matte, floats in [0, 1], to a raw file.

    Parameters
    ----------
    layer : Gimp.Layer
    trimap : str
        Raw file of a byte a pixel: 255 in focus, 0 not, between to be found.
    path : Path
    """
    image, copy = results.image_of(layer, layer.get_name())
    try:
        channel = Gimp.Channel.new(image, "trimap", copy.get_width(), copy.get_height(), 50.0, Gegl.Color.new("white"))
        image.insert_channel(channel, None, 0)
        pixels.write(channel, trimap, pixels.value_format(channel, "u8"), 1, pixels.size_of(copy))
        procedure = Gimp.get_pdb().lookup_procedure("gimp-drawable-foreground-extract")
        config = procedure.create_config()
        config.set_property("drawable", copy)
        config.set_property("mode", Gimp.ForegroundExtractMode.MATTING)
        config.set_property("mask", channel)
        if procedure.run(config).index(0) != Gimp.PDBStatusType.SUCCESS:
            reason = Gimp.get_pdb().get_last_error()
            raise Problem(_("Foreground Extraction failed: {reason}.", reason=reason))
        pixels.read_weights(image.get_selection(), copy, path)
    finally:
        image.delete()
