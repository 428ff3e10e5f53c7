"""Sharpness: how sharp the sharpest part of a picture is, where it lies, and what that means for whoever took it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import ndimage

from defocus.analysis import analyze
from defocus.answer import Answer
from defocus.culling.look import Look, look_at, look_at_file
from defocus.culling.motion import Motion, motion_blur
from defocus.culling.verdict import Seen, judged
from defocus.evidence import local_evidence
from defocus.parameters import MAX_PIXELS, NOISE_RANGE, AnalysisParameters
from defocus.pictures.kind import kind_of
from defocus.pictures.picture import as_picture
from defocus.pictures.reading import WHOLE
from defocus.pictures.stretched import light_levels, stretched
from defocus.progress import ignore_progress
from defocus.tuning import TUNING, Tuning

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from defocus.analysis import Analysis
    from defocus.pictures.part import Part
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress

__all__ = ["Sharpness", "sharpness", "sharpness_of_file"]

_WIDEST = 32  # px: the largest spacing there is
_REACH = 0.02  # of the diagonal: how far around a point counts for how well it lies within what is in focus
_UNKNOWN, _NEVER = 99, 90  # px: what tells nothing comes last, and what lies among such never

Verdict = Literal["sharp", "soft", "missed", "motion", "blurred", "no evidence"]


@dataclass(frozen=True)
class Sharpness:
    """How sharp a picture's sharpest part is, and where.

    Attributes
    ----------
    width, height : int
        Of the picture, in px.
    radius : float or None
        Blur radius of the sharpest part, in px of the full picture; None without evidence.
    radius_share : float or None
        The same as a share of the picture's diagonal.
    box : tuple of float or None
        Left, top, right and bottom of the sharpest part, as fractions of width and height.
    center : tuple of float or None
        X and y of a point well within it, as fractions of width and height.
    in_focus_share : float
        Part of the picture that is in focus, in [0, 1].
    evidence_share : float
        Part of the picture that tells its blur, in [0, 1].
    confidence : float
        How sure the radius is, in [0, 1].
    motion : Motion or None
        Direction and length of motion blur, if that is what the sharpest part shows.
    verdict : {"sharp", "soft", "missed", "motion", "blurred", "no evidence"}
    reason : str
        Why, in words.

    Examples
    --------
    >>> found = defocus.sharpness(np.kron(np.random.default_rng(0).random((96, 128)), np.ones((2, 2))))
    >>> found.verdict, found.width, found.in_focus_share
    ('sharp', 256, 1.0)
    """

    width: int
    height: int
    radius: float | None
    radius_share: float | None
    box: tuple[float, float, float, float] | None
    center: tuple[float, float] | None
    in_focus_share: float
    evidence_share: float
    confidence: float
    motion: Motion | None
    verdict: Verdict
    reason: str

    def facts(self) -> dict[str, Any]:
        """Return it by the names of `defocus.command.facts.FACTS`, rounded."""

        def rounded(value: float | None, digits: int) -> float | None:
            return None if value is None else round(value, digits)

        return {
            "width": self.width,
            "height": self.height,
            "verdict": self.verdict,
            "reason": self.reason,
            "sharpest_radius_px": rounded(self.radius, 3),
            "sharpest_radius_share": rounded(self.radius_share, 7),
            "box": None if self.box is None else [round(one, 4) for one in self.box],
            "center": None if self.center is None else [round(one, 4) for one in self.center],
            "in_focus_share": round(self.in_focus_share, 4),
            "evidence_share": round(self.evidence_share, 4),
            "confidence": round(self.confidence, 3),
            "motion_angle_degrees": None if self.motion is None else round(self.motion.angle, 1),
            "motion_length_px": None if self.motion is None else round(self.motion.length, 1),
        }


def sharpness(
    image: ArrayLike | Picture, *, tuning: Tuning = TUNING, progress: Progress = ignore_progress
) -> Sharpness:
    """Measure how sharp the sharpest part of a picture is.

    A sharp subject before a blurred ground is as sharp as a picture that is sharp everywhere: the radius is that below
    which 3.5 % of the area lie that tells its blur.

    Parameters
    ----------
    image : array_like (H, W) or (H, W, 1 to 4), or Picture
        See `defocus.as_picture`.
    tuning : Tuning, optional
        For experiments; see `defocus.tuning`.
    progress : callable, optional
        Called as ``progress(fraction, stage)``; raise from it to cancel.

    Returns
    -------
    Sharpness

    Raises
    ------
    InputError
        If the image cannot be used or is smaller than the window.

    Examples
    --------
    >>> import numpy as np
    >>> sharpness(np.full((60, 80), 0.5)).verdict
    'no evidence'
    """
    return _measured(look_at(as_picture(image), tuning.culling), tuning, progress)


def sharpness_of_file(
    file: Path,
    *,
    max_pixels: int = MAX_PIXELS,
    part: Part = WHOLE,
    tuning: Tuning = TUNING,
    progress: Progress = ignore_progress,
) -> Sharpness:
    """Measure how sharp the sharpest part of a picture file is; as `sharpness`, but large JPEGs are decoded reduced.

    Parameters
    ----------
    file : Path
    max_pixels : int
        A file with more pixels is refused before they are read.
    part : Part, optional
        Of a TIFF that holds more than one picture: which.
    tuning : Tuning, optional
    progress : callable, optional

    Returns
    -------
    Sharpness

    Raises
    ------
    InputError
        As `defocus.load_image`, or if the picture is smaller than the window.
    """
    return _measured(look_at_file(file, max_pixels, part, tuning.culling), tuning, progress)


def _measured(look: Look, tuning: Tuning, progress: Progress) -> Sharpness:
    height, width = look.shape
    culling = tuning.culling
    analysis = analyze(look.small, _look_parameters(look.small, tuning), tuning=tuning, progress=progress)
    known = analysis.answer.known_samples
    if not analysis.has_evidence or np.count_nonzero(known) < culling.least_samples:
        nothing = judged(Seen(look.shape, None, 0.0, None, None, None, None), culling)
        return Sharpness(width, height, None, None, None, None, 0.0, analysis.known_share, 0.0, None, *nothing)
    mask = analysis.focus_mask()
    share = analysis.share_of(mask)
    radii = analysis.answer.sample_radii()
    radius = float(np.percentile(radii[known], culling.sharpest_percent)) * look.scale
    box, center, place = _where(analysis, mask, radii)
    sure = float(np.median(analysis.confidence[place])) if place.any() else 0.0
    part = _decisive(look, analysis, radii, tuning)
    if look.scale > 1 and part.radii.size and radius < culling.look_decides * look.scale:
        radius = min(radius, part.sharpest(culling.sharpest_percent, known.mean() * height * width))
    diagonal = math.hypot(height, width)
    # Edges along the path of what moves are sharp: no radius alone says that it moved, or that it did not
    found = motion_blur(part.luminance, radius, culling)
    middle = _middle(radii * look.scale, known, culling.middle)
    seen = Seen(look.shape, radius, share, box, middle, found, _place_in_words(center))
    verdict, reason = judged(seen, culling)
    return Sharpness(
        width,
        height,
        radius,
        radius / diagonal,
        box,
        center,
        share,
        analysis.known_share,
        sure,
        found if verdict == "motion" else None,
        verdict,
        reason,
    )


def _look_parameters(small: Picture, tuning: Tuning) -> AnalysisParameters:
    """Return how the look is measured: by as many samples whatever its size, with the noise that a few of them tell.

    The specks of fluorescence need all samples.
    """
    kind = kind_of(small)
    if kind == "fluorescence" or min(small.shape) < AnalysisParameters().window:
        return AnalysisParameters(kind=kind)
    culling = tuning.culling
    height, width = small.shape
    spacing = math.ceil(math.sqrt(height * width / culling.look_samples))
    spacing = min(max(spacing, tuning.evidence.closest_spacing), tuning.evidence.widest_spacing)
    few = AnalysisParameters(kind=kind, spacing=min(culling.noise_spacing * spacing, _WIDEST))
    noise = analyze(small, few, tuning=tuning).noise_variance
    return AnalysisParameters(kind=kind, spacing=spacing, noise=min(max(noise, NOISE_RANGE[0]), NOISE_RANGE[1]))


@dataclass(frozen=True)
class _Part:
    """What was looked at in full size: windows' radii in px, the area that each stands for, and the crops."""

    radii: NDArray[np.float32]
    area: float
    luminance: list[NDArray[np.float32]]

    def sharpest(self, percent: float, area: float) -> float:
        """Return the radius below which `percent` of an area in px² lie, as far as the crops hold that much."""
        wanted = percent / 100 * area / max(self.area * self.radii.size, 1)
        return float(np.percentile(self.radii, 100 * min(max(wanted, percent / 100), 0.5)))


def _decisive(look: Look, analysis: Analysis, radii: NDArray[np.float32], tuning: Tuning) -> _Part:
    """Return crops of the picture where it is likely sharpest, measured in full size if it was reduced."""
    culling = tuning.culling
    known, evidence = analysis.answer.known_samples, analysis.evidence
    side = min(culling.crop_side, *look.shape)
    order = np.where(known, radii, np.inf)
    if analysis.answer.log_odds is not None:  # of equally sharp ones those that a person would call in focus
        order = order - np.float32(0.1) * analysis.answer.log_odds
    order = ndimage.uniform_filter(np.where(np.isfinite(order), order, np.float32(_UNKNOWN)), 3)
    crops: list[NDArray[np.float32]] = []
    found: list[NDArray[np.float32]] = []
    parameters = AnalysisParameters(
        kind="brightfield", psf="disc", spacing=culling.crop_spacing, max_radius=culling.crop_radius
    )
    # Each crop leaves to the next only what lies beside it
    tops = np.clip(evidence.rows * look.scale - side / 2, 0, look.shape[0] - side).astype(int)
    lefts = np.clip(evidence.columns * look.scale - side / 2, 0, look.shape[1] - side).astype(int)
    while len(crops) < culling.crops:
        y, x = np.unravel_index(int(order.argmin()), order.shape)
        if order[y, x] >= _NEVER:
            break
        top, left = int(tops[y]), int(lefts[x])
        order[np.ix_(abs(tops - top) < side, abs(lefts - left) < side)] = np.inf
        crops.append(look.part(top, left, side))
        if look.scale == 1:
            continue
        picture = as_picture(crops[-1], measured=False)
        seen = stretched(picture, light_levels(picture, counts=False))
        measured = local_evidence(seen.picture, parameters, tuning.evidence)
        if parameters.noise == "auto":
            parameters = dataclasses.replace(parameters, noise=measured.noise_variance)
        answer = Answer(seen, measured, "brightfield", tuning)
        if answer.has_evidence:
            found.append(_agreed_radii(answer))
    return _Part(np.concatenate(found) if found else np.zeros(0, np.float32), culling.crop_spacing**2, crops)


def _agreed_radii(answer: Answer) -> NDArray[np.float32]:
    """Return the radii in px of a crop's samples that are known, (N,): each what it and those around it agree on."""
    known, radii = answer.known_samples, answer.evidence.radii
    costs = np.where(known[..., np.newaxis], answer.likelihood, np.float32(0))
    agreed = ndimage.uniform_filter(costs, (3, 3, 1))[known]
    best = np.clip(agreed.argmin(axis=1), 1, len(radii) - 2)
    before, at, after = (agreed[np.arange(len(best)), best + step] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(bend > 0, 0.5 * (before - after) / np.where(bend > 0, bend, 1), 0)
    return np.asarray(np.maximum(radii[best] + np.clip(shift, -1, 1) * (radii[1] - radii[0]), 0), np.float32)


def _where(
    analysis: Analysis, mask: NDArray[np.bool_], radii: NDArray[np.float32]
) -> tuple[tuple[float, float, float, float] | None, tuple[float, float] | None, NDArray[np.bool_]]:
    """Return box and centre of what is in focus, as fractions, and where it is, bool (H, W)."""
    height, width = mask.shape
    if not mask.any():  # nothing counts as in focus: what is least blurred
        known = analysis.known
        drawn = np.where(known, analysis.blur_map(), np.inf)
        mask = drawn <= np.percentile(drawn[known], 5)
    y, x = _well_within(mask, analysis)
    labels, _ = ndimage.label(mask)
    own = labels == labels[y, x]
    rows, columns = np.nonzero(own)
    top, bottom = np.percentile(rows, (1, 99))
    left, right = np.percentile(columns, (1, 99))
    box = (left / width, top / height, (right + 1) / width, (bottom + 1) / height)
    return (
        tuple(float(min(max(one, 0), 1)) for one in box),
        (  # type: ignore[return-value]
            float((x + 0.5) / width),
            float((y + 0.5) / height),
        ),
        own,
    )


def _well_within(mask: NDArray[np.bool_], analysis: Analysis) -> tuple[int, int]:
    """Return a pixel of a mask in whose surroundings most is in focus, and that most surely."""
    weight = mask.astype(np.float32)
    log_odds = analysis.answer.log_odds
    if log_odds is not None:  # probabilities are all but 1 in most of a mask, and would leave the place to its outline
        weight *= np.maximum(analysis.answer.at_pixels(log_odds), 0) ** 2
    height, width = mask.shape
    reach = math.hypot(height, width) * _REACH
    side = max(1, int(reach / 4))  # of cells that are fine enough for so wide a look
    edges = np.arange(0, height, side), np.arange(0, width, side)

    def of_cells(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.add.reduceat(np.add.reduceat(values, edges[0], 0), edges[1], 1) / side**2)

    inside = of_cells(mask.astype(np.float32))
    smooth = ndimage.gaussian_filter(of_cells(weight), reach / side, mode="constant")
    enough = inside >= min(0.5, float(inside.max()))
    row, column = np.unravel_index(int(np.where(enough, smooth, -1).argmax()), smooth.shape)
    top, left = edges[0][row], edges[1][column]
    ys, xs = np.nonzero(mask[top : top + side, left : left + side])
    nearest = int(((ys - (side - 1) / 2) ** 2 + (xs - (side - 1) / 2) ** 2).argmin())
    return int(top + ys[nearest]), int(left + xs[nearest])


def _middle(radius: NDArray[np.float32], known: NDArray[np.bool_], part: float) -> float | None:
    """Return the radius in px below which a fifth of the middle of the picture lies; None if it tells nothing."""
    height, width = radius.shape
    rows = slice(round(height * (1 - part) / 2), round(height * (1 + part) / 2))
    columns = slice(round(width * (1 - part) / 2), round(width * (1 + part) / 2))
    values = radius[rows, columns][known[rows, columns]]
    return float(np.percentile(values, 10)) if values.size >= 0.1 * radius[rows, columns].size else None


def _place_in_words(center: tuple[float, float] | None) -> str | None:
    """Return where a point lies, as people say it."""
    if center is None:
        return None
    x, y = center
    side = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    level = "top" if y < 1 / 3 else "bottom" if y > 2 / 3 else ""
    return f"at the {' '.join(one for one in (level, side) if one)}" if side or level else "in the middle"
