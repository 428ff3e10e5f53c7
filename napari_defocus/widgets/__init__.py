"""Widgets: the docks, one file each, and what they share.

`base` is a dock that runs requests, `run` carries one out beside the window, `engines` shares the worker process of a
viewer, `controls` makes controls from the suite's parameters, `presets` sets them by name, `layout` puts them in rows,
`export` writes results, `plot` draws the curve of focus over z.
"""

from __future__ import annotations

__all__ = [
    "base",
    "batch",
    "blur_map",
    "controls",
    "engines",
    "export",
    "focus_mask",
    "focus_over_z",
    "layout",
    "plot",
    "presets",
    "restore",
    "run",
    "tables",
    "tabs",
]
