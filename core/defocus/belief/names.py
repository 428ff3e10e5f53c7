"""Names: the numbers that belief is made of, in the order in which they are computed.

All distances are in samples, or relative to the picture, because samples lie about 1/130 of a picture apart whatever
its size. `DIRECTIONS` says what physics says of them.
"""

from __future__ import annotations

__all__ = [
    "AROUND", "BOXES", "CONTEXT_NUMBERS", "DIRECTIONS", "LEVELS", "LOCAL_NUMBERS", "MASSES", "PHYSICAL", "RANKED",
    "SALIENCY", "TEXTURE", "THRESHOLDS", "VOTED", "WIDE", "WINDOW",
]  # fmt: skip

THRESHOLDS = (0.5, 0.8, 1.0, 1.2, 1.4, 1.65, 2.1, 2.6, 3.2, 4.2, 5.5)  # px on a picture of web size
MASSES = (1.3, 2.1, 3.1)  # px
BOXES = (5, 15, 41)  # samples
WINDOW = (
    *[f"preference {t}" for t in THRESHOLDS],
    *[f"plain preference {t}" for t in THRESHOLDS],
    "best radius",
    "plain best radius",
    "mean radius",
    "entropy",
    *[f"mass {m}" for m in MASSES],
    "span",
    *[f"variance {r}" for r in ("best", 0, 2, 4)],
)
WIDE = ("wide best radius", "wide preference 1.2", "wide preference 2.1", "wide preference 3.2", "wide mass")
AROUND = (*[f"mass around {b}" for b in BOXES], *[f"preference around {b}" for b in BOXES])
TEXTURE = (
    *[f"gradient {b}" for b in (1, 3, 9, 25)],
    "largest gradient",
    "laplacian 3",
    *[f"fineness {b}" for b in (3, 9)],
    *[f"coarseness {b}" for b in (3, 9)],
    *[f"bend {b}" for b in (3, 9)],
    "gradient against around",
    *[f"edge width {b}" for b in (3, 7)],
    *[f"range {b}" for b in (3, 7)],
    *[f"crispness {b}" for b in (1, 5)],
)
PHYSICAL = (*WINDOW, *WIDE, *AROUND, *TEXTURE, "radius against around")
RANKED = ("mean radius", "preference 1.65", "gradient 9", "fineness 9", "variance best", "edge width 7")
_RELATIVE = (
    *[f"rank of {name}" for name in RANKED],
    "radius against middle",
    "radius against split",
    "fineness against finest",
    "width against sharpest",
    "gradient against picture",
    "radius against picture",
    "variance against picture",
)
_PLACE = ("brightness", "saturation", "distance across", "distance down", "height")
_WHOLE = (
    *[f"radius at {p} %" for p in (5, 20, 50, 80)],
    "share known",
    "share sharp",
    "share blurred",
    "split",
    "parted",
    "noise",
    "fineness of the finest",
    "width of the sharpest",
    "gradient of the strongest",
)
VOTED = ("vote preference", "vote", "vote around", "share of vote", "vote against share")
SALIENCY = (
    "red against green",
    "yellow against blue",
    "distance from border colours",
    "distance from nearest border",
    "distance from mean colour",
    "barrier to border",
    "rank of barrier",
    "rank of colour distance",
)
LOCAL_NUMBERS = (*PHYSICAL, *VOTED, *_RELATIVE, *_PLACE, *_WHOLE, *SALIENCY)
LEVELS = (5, 15, 30, 50, 70, 85, 95)  # per cent
CONTEXT_NUMBERS = (
    "belief",
    *[f"belief around {b}" for b in (3, 7, 15)],
    *[f"focus around {b}" for b in (15, 31, 61)],
    "belief along colours, near",
    "belief along colours, far",
    "colour",
    *[f"focus {side}" for side in ("above", "below", "left", "right")],
    "focus in row",
    "focus in column",
    "focus in picture",
    "focus at border",
    "focus of the surest",
    "distance from focus",
    "enclosed by focus",
    "enclosed by blur",
    "between focus",
    "between blur",
    *[f"belief at {level} %" for level in LEVELS],
    "cut",
    "cut around",
    "share of cut",
    "cut against share",
    "colours of cut",
    "barrier to focus",
    "barrier to blur",
    "barriers compared",
)
DIRECTIONS = {
    **{name: 1 for name in LOCAL_NUMBERS if "preference" in name or "mass" in name},
    **dict.fromkeys(("best radius", "plain best radius", "mean radius", "wide best radius"), -1),
    "radius against picture": -1,
    **dict.fromkeys(VOTED[:3], 1),
    **dict.fromkeys(CONTEXT_NUMBERS[:4], 1),
    "belief along colours, near": 1,
    "belief along colours, far": 1,
    **dict.fromkeys(("colour", "cut", "cut around", "colours of cut"), 1),
}
