"""Effects: new pictures from a picture and its blur map.

`restoration` undoes the blur (equation 19), `magnification` adds to it, `focus_stack` puts the sharpest of many slices
together.
"""

from __future__ import annotations

__all__ = ["focus_stack", "magnification", "restoration"]
