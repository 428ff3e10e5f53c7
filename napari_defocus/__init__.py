"""napari plugin: blur maps, in-focus masks and all-in-focus pictures as layers.

The functions below need no viewer: they take an image layer and return napari's ``LayerDataTuple``.
They are loaded when first used, so that napari starts quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_defocus.focus_over_z import focus_over_z_layers
    from napari_defocus.functions import (
        blur_map_layer,
        confidence_layer,
        focus_mask_layer,
        magnified_layer,
        restored_layer,
    )
    from napari_defocus.tables import focus_table

_HOME = {
    "blur_map_layer": "functions",
    "confidence_layer": "functions",
    "focus_mask_layer": "functions",
    "focus_over_z_layers": "focus_over_z",
    "focus_table": "tables",
    "magnified_layer": "functions",
    "restored_layer": "functions",
}

__all__ = [
    "blur_map_layer",
    "confidence_layer",
    "focus_mask_layer",
    "focus_over_z_layers",
    "focus_table",
    "magnified_layer",
    "restored_layer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'napari_defocus' has no attribute {name!r}")
    return getattr(importlib.import_module(f"napari_defocus.{_HOME[name]}"), name)
