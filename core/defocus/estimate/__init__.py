"""Estimates: from the evidence to the blur map and the in-focus mask (equations 14 to 18), one verb each.

`blur_map` draws the map and says how sure it is, `focus_mask` cuts the mask. `preference` says how much a sample
prefers being in focus, `threshold` up to which radius that is, `colors` what colours say, `boundary` carries a cut to
full size, `matte` softens its edge. `measured` is what they are made from.
"""

from __future__ import annotations

__all__ = ["blur_map", "boundary", "colors", "focus_mask", "matte", "measured", "preference", "threshold"]
