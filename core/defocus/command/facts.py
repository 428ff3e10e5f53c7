"""Facts: what is told of a picture, by name; the table from which the schema of the JSON output is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus.command.names import shown
from defocus.session import MUCH_AT_END, MUCH_SATURATED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.analysis import Analysis
    from defocus.session import Result

__all__ = ["FACTS", "VERSION", "common_facts", "map_facts", "mask_facts", "schema", "summary"]

VERSION = 1
"""Of the JSON output: grows when a fact gets another name or meaning, not when one is added."""

_NUMBER, _SHARE = {"type": "number"}, {"type": "number", "minimum": 0, "maximum": 1}
_RADIUS = {"type": "number", "minimum": 0}
_WORD, _FLAG, _NAMES = {"type": "string"}, {"type": "boolean"}, {"type": "array", "items": {"type": "string"}}
_FRACTION_BOX = {"type": ["array", "null"], "items": _SHARE, "minItems": 4, "maxItems": 4}
_FRACTION_POINT = {"type": ["array", "null"], "items": _SHARE, "minItems": 2, "maxItems": 2}

FACTS: dict[str, tuple[dict[str, Any], str]] = {
    "version": ({"const": VERSION}, "Version of this output."),
    "input": (_WORD, "The picture, as it was called; - is standard input."),
    "error": (_WORD, "Why it could not be done; then nothing else is told."),
    "width": ({"type": "integer", "minimum": 1}, "Px."),
    "height": ({"type": "integer", "minimum": 1}, "Px."),
    "black": (_NUMBER, "The value in the file that counts as black."),
    "white": (_NUMBER, "The value in the file that counts as white."),
    "noise_variance": (_RADIUS, "For intensities in [0, 1]."),
    "radius_px_percentile_5": (_RADIUS, "Of the blur radius, where anything is known."),
    "radius_px_median": (_RADIUS, "Of the blur radius, where anything is known."),
    "radius_px_percentile_95": (_RADIUS, "Of the blur radius, where anything is known."),
    "evidence": (_FLAG, "Whether anything could be measured."),
    "evidence_share": (_SHARE, "Part of the picture that tells its blur."),
    "saturated_share": (_SHARE, "Part of the picture that is as bright as it can be."),
    "kind_doubt": (_WORD, "What else the picture may be, where its kind is in doubt; else empty."),
    "end_share": (_SHARE, "Part of what is known whose radius is the largest looked for and may be larger."),
    "shape_doubt": (_WORD, "What else the blur may be, where its shape is in doubt; else empty."),
    "max_radius_px": (_RADIUS, "Largest radius looked for."),
    "kind": ({"enum": ["photograph", "fluorescence", "brightfield"]}, "What the picture was taken for."),
    "threshold_px": (_RADIUS, "Radius up to which things count as in focus."),
    "threshold_reason": (_WORD, "Why, in one line."),
    "other_threshold_px": ({"type": ["number", "null"]}, "A threshold that was nearly chosen."),
    "psf": (_WORD, "Shape of the blur."),
    "in_focus_share": (_SHARE, "Part of the picture that is in focus."),
    "files": (_NAMES, "The results."),
    "kept": (_NAMES, "Those of them that were there before and stayed."),
    "verdict": (
        {"enum": ["sharp", "soft", "missed", "motion", "blurred", "no evidence"]},
        "What culling says of the picture.",
    ),
    "reason": (_WORD, "Why, in words."),
    "sharpest_radius_px": ({"type": ["number", "null"]}, "Blur radius of what is sharpest, in px of the full picture."),
    "sharpest_radius_share": ({"type": ["number", "null"]}, "The same as a share of the picture's diagonal."),
    "box": (_FRACTION_BOX, "Left, top, right and bottom of what is sharpest, as fractions of width and height."),
    "center": (_FRACTION_POINT, "X and y of its centre, as fractions of width and height."),
    "confidence": (_SHARE, "How sure the sharpest radius is."),
    "motion_angle_degrees": (
        {"type": ["number", "null"]},
        "Direction of motion blur, counted from the x axis towards the top, in [0, 180).",
    ),
    "motion_length_px": ({"type": ["number", "null"]}, "Length of motion blur."),
    "burst": (_WORD, "Name of the series of pictures that it belongs to."),
    "best": (_FLAG, "Whether it is among the best of its burst."),
}
"""Every fact there is: how it is written in JSON, and what it means."""


def schema() -> dict[str, Any]:
    """Return the JSON schema of one line of output."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of defocus --json",
        "type": "object",
        "required": ["version", "input"],
        "properties": {name: {**kind, "description": text} for name, (kind, text) in FACTS.items()},
        "additionalProperties": False,
    }


_NOTHING = 0.002  # share in focus below which a picture has nothing in focus, and everything above the rest


def common_facts(analysis: Analysis) -> dict[str, Any]:
    """Return a picture's size in px, the values that were taken for black and white, and its noise."""
    height, width = analysis.shape
    picture = analysis.picture
    return {
        "width": width,
        "height": height,
        "black": picture.black,
        "white": picture.white,
        "noise_variance": analysis.noise_variance,
    }


def map_facts(analysis: Analysis, radius: NDArray[Any]) -> dict[str, Any]:
    """Return what a person wants to know of a blur map, where anything is known."""
    import numpy as np

    seen = radius[analysis.known] if analysis.known.any() else np.full(1, analysis.max_radius)
    low, middle, high = (round(float(value), 3) for value in np.percentile(seen, (5, 50, 95)))
    return {
        **common_facts(analysis),
        "radius_px_percentile_5": low,
        "radius_px_median": middle,
        "radius_px_percentile_95": high,
        "evidence": analysis.has_evidence,
        "evidence_share": round(analysis.known_share, 4),
        "saturated_share": round(analysis.saturated_share, 4),
        "shape_doubt": analysis.shape_doubt,
        "kind_doubt": analysis.kind_doubt,
        "end_share": round(analysis.share_at_end(radius), 4),
        "max_radius_px": analysis.max_radius,
    }


def mask_facts(analysis: Analysis, result: Result) -> dict[str, Any]:
    """Return what a person wants to know of a mask, where anything is known."""
    assert result.threshold is not None
    return {
        "kind": analysis.kind,
        "evidence": analysis.has_evidence,
        "evidence_share": round(analysis.known_share, 4),
        "saturated_share": round(analysis.saturated_share, 4),
        "threshold_px": round(result.threshold, 3),
        "threshold_reason": analysis.threshold_reason,
        "other_threshold_px": result.facts["other_threshold"],
        "psf": str(analysis.parameters.psf),
        "shape_doubt": analysis.shape_doubt,
        "kind_doubt": analysis.kind_doubt,
        "in_focus_share": round(float(result.facts["in_focus_share"] or 0), 4),
    }


def summary(name: str, facts: dict[str, Any]) -> str:
    """Return what is told of a picture in one line; `name` is what to call it."""
    parts = [f"{facts['width']} x {facts['height']} px"]
    if facts.get("black") or facts.get("white") not in (None, 1.0, 255.0, 65535.0):
        parts.append(f"black {facts['black']:g}, white {facts['white']:g}")
    if "noise_variance" in facts:
        parts.append(f"noise variance {facts['noise_variance']:.1e}")
    if "radius_px_median" in facts:
        low, middle, high = (facts[f"radius_px_{name}"] for name in ("percentile_5", "median", "percentile_95"))
        parts.append(f"blur radius {middle:.2f} px (5 % below {low:.2f}, 5 % above {high:.2f})")
    if "in_focus_share" in facts:
        share, up_to = facts["in_focus_share"], f"(up to {facts['threshold_px']:.2f} px)"
        words = "nothing" if share < _NOTHING else "everything" if share > 1 - _NOTHING else f"{100 * share:.1f} %"
        parts.append(f"{words} in focus {up_to}")
    if facts.get("kind") == "fluorescence" and facts.get("evidence"):
        parts.append(f"taken for fluorescence, with evidence in {100 * facts['evidence_share']:.1f} % of it")
    if facts.get("evidence") is False:
        parts.append("no evidence of blur anywhere: nothing but flat areas or noise")
    if facts.get("saturated_share", 0) > MUCH_SATURATED:
        parts.append(f"{100 * facts['saturated_share']:.1f} % saturated, which tells nothing")
    if facts.get("kind_doubt"):
        parts.append(facts["kind_doubt"])
    if facts.get("end_share", 0) > MUCH_AT_END:
        parts.append(f"{100 * facts['end_share']:.1f} % of what is known is at the largest radius or beyond")
    if facts.get("shape_doubt"):
        parts.append(facts["shape_doubt"])
    if facts.get("other_threshold_px"):
        parts.append(f"a close call: up to {facts['other_threshold_px']:.2f} px gives another mask")
    kept = {Path(item).name for item in facts.get("kept", ())}
    if kept:
        parts.append(f"{', '.join(shown(item) for item in sorted(kept))} was there already and stays")
    text = f"{shown(name)}: {', '.join(parts)}"
    made = [shown(Path(item).name) for item in facts.get("files", ()) if Path(item).name not in kept]
    return f"{text} -> {', '.join(made)}" if made else text
