"""Widgets: the docks, one file each, and what they share.

`base` is a dock that runs requests, `controls` makes its controls from the suite's parameters, `background` runs work
beside the window, `plot` draws the curve of focus over z.
"""

from __future__ import annotations

__all__ = ["background", "base", "blur_map", "controls", "focus_mask", "focus_over_z", "plot", "restore"]
