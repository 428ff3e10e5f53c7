"""Measure defocus blur from one photograph.

The names below are loaded when first used, so that ``import defocus`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from defocus.analysis import Analysis, analyze, blur_map, focus_mask
    from defocus.culling.sharpness import Sharpness, sharpness
    from defocus.effects.magnification import magnify
    from defocus.effects.restoration import restore
    from defocus.errors import Cancelled, DefocusError, InputError
    from defocus.pictures.picture import Picture, as_picture, load_image

__version__ = "0.1.0"

_HOME = {
    "Analysis": "analysis",
    "Cancelled": "errors",
    "DefocusError": "errors",
    "InputError": "errors",
    "Picture": "pictures.picture",
    "analyze": "analysis",
    "as_picture": "pictures.picture",
    "Sharpness": "culling.sharpness",
    "sharpness": "culling.sharpness",
    "blur_map": "analysis",
    "focus_mask": "analysis",
    "load_image": "pictures.picture",
    "magnify": "effects.magnification",
    "restore": "effects.restoration",
}

__all__ = [
    "Analysis",
    "Cancelled",
    "DefocusError",
    "InputError",
    "Picture",
    "Sharpness",
    "__version__",
    "analyze",
    "as_picture",
    "blur_map",
    "focus_mask",
    "load_image",
    "magnify",
    "restore",
    "sharpness",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'defocus' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"defocus.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
