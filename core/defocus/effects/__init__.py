"""Effects: new pictures from a picture and its blur map.

`restoration` undoes the blur (equation 19), as far as `map_error` finds the map right, by `restoration_solver` on the
operators of `unsure_blur`. `magnification` adds to the blur behind the matte of `subject`, whose rim's colours
`foreground` tells apart, in the shape of `iris`, with the highlights and the grain of `light`. `focus_stack` puts the
sharpest of many slices together.
"""

from __future__ import annotations

__all__ = [
    "focus_stack",
    "foreground",
    "iris",
    "light",
    "magnification",
    "map_error",
    "restoration",
    "restoration_solver",
    "subject",
    "unsure_blur",
]
