"""Estimates: from evidence and belief to the blur map and the in-focus mask (equations 14 to 18), one verb each.

`blur_map` draws the map and says how sure it is, `focus_mask` cuts the mask, both from what `measured` holds.
`boundary` carries a cut to full size, `matte` softens its edge.
"""

from __future__ import annotations

__all__ = ["blur_map", "boundary", "focus_mask", "matte", "measured"]
