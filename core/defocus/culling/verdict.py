"""Verdict: what the sharpness of a picture means for whoever took it, with the reason in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from defocus.culling.motion import Motion
    from defocus.tuning import CullingTuning

__all__ = ["Seen", "judged"]

Verdict = Literal["sharp", "soft", "missed", "motion", "blurred", "no evidence"]


@dataclass(frozen=True)
class Seen:
    """What a verdict rests on.

    Attributes
    ----------
    shape : (int, int)
        Of the picture, in px.
    radius : float or None
        Of the sharpest part, in px.
    share : float
        In focus.
    box : tuple of float or None
        Of what is in focus: left, top, right, bottom, as fractions.
    middle : float or None
        Radius in px of the sharpest of the middle of the picture; None if it tells nothing.
    motion : Motion or None
        What looks like motion blur.
    place : str or None
        Where it is sharpest, in words.
    """

    shape: tuple[int, int]
    radius: float | None
    share: float
    box: tuple[float, float, float, float] | None
    middle: float | None
    motion: Motion | None
    place: str | None


def judged(seen: Seen, tuning: CullingTuning) -> tuple[Verdict, str]:
    """Return the verdict on a picture, and the reason in words.

    Parameters
    ----------
    seen : Seen
    tuning : CullingTuning
    """
    if seen.radius is None:
        return "no evidence", "nothing but flat areas, noise or burnt-out light: no blur can be measured"
    limit = sharp_limit(seen.shape, tuning)
    words = f"the sharpest part, {seen.place}, is blurred by {seen.radius:.1f} px"
    within = f"(sharp is up to {limit:.1f} px)"
    if seen.motion is not None:
        return (
            "motion",
            f"blurred along {seen.motion.angle:.0f}° over {seen.motion.length:.0f} px, and not across: "
            "the camera or the subject moved",
        )
    if seen.radius > tuning.soft * limit:
        return "blurred", f"{words} {within}"
    if _is_missed(seen, limit, tuning):
        return (
            "missed",
            f"what is sharp lies {seen.place}, at the border, and the middle of the picture, taken for the subject, is "
            f"blurred by {seen.middle:.1f} px",
        )
    if seen.radius > limit:
        return "soft", f"{words} {within}"
    return "sharp", f"{words.replace('is blurred by', 'reads')}, {100 * seen.share:.0f} % of the picture is in focus"


def sharp_limit(shape: tuple[int, int], tuning: CullingTuning) -> float:
    """Return the radius in px up to which the sharpest part of a picture counts as sharp."""
    return max(tuning.sharp_radius, math.hypot(*shape) * tuning.sharp_share)


def _is_missed(seen: Seen, limit: float, tuning: CullingTuning) -> bool:
    """Return whether what is sharp lies at the border and small, and the middle of the picture is clearly blurred."""
    if seen.box is None or seen.middle is None or seen.radius is None or seen.share > tuning.missed_share:
        return False
    left, top, right, bottom = seen.box
    beyond = (1 - tuning.middle) / 2
    outside = right < beyond or left > 1 - beyond or bottom < beyond or top > 1 - beyond
    at_border = min(left, top, 1 - right, 1 - bottom) < tuning.border
    return outside and at_border and seen.middle > tuning.missed_blur * max(limit, seen.radius)
