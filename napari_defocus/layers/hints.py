"""Brush hints: a labels layer on which the user says what is in focus and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_defocus.layers.results import HINT_COLORS, result_of

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels, Layer

    from napari_defocus.layers.source import Source

__all__ = ["add_hint_layer", "is_hints"]

_KIND = "hints"


def is_hints(layer: Layer) -> bool:
    """Whether a layer was made to be painted on with hints; a segmentation is none."""
    return result_of(layer).get("kind") == _KIND


def add_hint_layer(viewer: napari.viewer.Viewer, source: Source) -> Labels:
    """Add an empty hint layer over a picture, ready to be painted on: 1 = in focus, 2 = not."""
    from napari.utils.colormaps import DirectLabelColormap

    layer = viewer.add_labels(
        np.zeros(source.shape, np.uint8),
        name=f"{source.name} focus hints",
        colormap=DirectLabelColormap(color_dict=HINT_COLORS),
        features={
            "index": [0, 1, 2],
            "hint": ["none", "in focus", "not in focus"],
        },  # shown under the pointer
        metadata={"defocus": {"source": source.layer_id, "kind": _KIND, "index": None}},
        **source.stack_metadata(),
    )
    layer.brush_size = max(4, round(min(source.shape[-2:]) / 40))
    layer.selected_label = 1
    layer.mode = "paint"
    viewer.layers.selection = {layer}
    return layer
