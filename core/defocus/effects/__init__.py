"""Effects: new pictures from a picture and its blur map.

`restoration` undoes the blur (equation 19), as far as `map_error` finds the map right, by `restoration_solver` on the
operators of `unsure_blur`; `magnification` adds to the blur, `focus_stack` puts the sharpest of many slices together.
"""

from __future__ import annotations

__all__ = ["focus_stack", "magnification", "map_error", "restoration", "restoration_solver", "unsure_blur"]
