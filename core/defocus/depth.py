"""Depth: how many px of blur radius a micrometre of defocus makes, measured from a stack of beads.

In the geometric range the radius grows in proportion to the distance from focus; near it diffraction and the specimen
leave some blur of their own, whose square adds. So radii over z lie on a hyperbola.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from defocus.analysis import analyze
from defocus.errors import InputError
from defocus.pictures.files import written_whole
from defocus.pictures.intensity import value_range
from defocus.pictures.kind import kind_of
from defocus.pictures.picture import as_picture
from defocus.progress import ignore_progress, sub_progress

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import ArrayLike, NDArray

    from defocus.progress import Progress

__all__ = ["DEPTH_FILE", "DepthScale", "bead_radii", "calibrate_depth", "depth_scale", "load_depth_scale"]

DEPTH_FILE = ".json"
"""What the name of a depth scale's file ends in."""

_FORMAT = 1
_LEAST_SLICES = 4
_APART = 9  # px, side of the square in which a bead is the brightest
_LEAST_ROOM = 6  # px around a bead that are its own
_LEAST_PART = 0.1  # of the brightest bead
_MOST_OF_ROOM = 0.7  # of that room, above which a bead is not in it whole
_LEAST_GROWTH = 1.5  # times the radius in focus, that the largest must reach for a slope to be known


@dataclass(frozen=True)
class DepthScale:
    """How the measured radius grows with defocus: ``radius^2 = in_focus_px^2 + (px_per_um * (z - focus_um))^2``.

    Attributes
    ----------
    px_per_um : float
        Slope in the geometric range.
    in_focus_px : float
        What is measured in focus.
    focus_um : float
        Where focus was in the stack that it was measured from.
    scatter_px : float
        Root mean square of what radii differ from the hyperbola.

    Examples
    --------
    >>> scale = DepthScale(4.0, 3.0, 0.0, 0.1)
    >>> float(scale.radius(1.0)), float(scale.defocus(5.0))
    (5.0, 1.0)
    """

    px_per_um: float
    in_focus_px: float
    focus_um: float
    scatter_px: float

    def radius(self, defocus_um: ArrayLike) -> NDArray[Any]:
        """Return the radius in px that is measured at some distances from focus in um."""
        return np.hypot(self.in_focus_px, self.px_per_um * np.asarray(defocus_um))

    def defocus(self, radius_px: ArrayLike) -> NDArray[Any]:
        """Return the distance from focus in um of measured radii in px; one picture does not tell on which side."""
        squared = np.asarray(radius_px) ** 2 - np.float32(self.in_focus_px**2)
        return np.asarray(np.sqrt(np.maximum(squared, 0)) / np.float32(self.px_per_um))

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file, as JSON."""
        with written_whole(Path(path)) as beside:
            beside.write_text(json.dumps({"format": _FORMAT, **asdict(self)}, indent=1) + "\n", encoding="utf-8")


def depth_scale(positions_um: ArrayLike, radii_px: ArrayLike, *, focus: float | None = None) -> DepthScale:
    """Return the hyperbola that radii over z lie on.

    Parameters
    ----------
    positions_um : array_like (N,)
        Where in um each radius was measured, from anywhere.
    radii_px : array_like (N,)
        Those that are NaN have no say.
    focus : float, optional
        Where focus is, in um; found out unless given.

    Returns
    -------
    DepthScale

    Raises
    ------
    InputError
        If there are fewer than four radii, or they do not grow away from focus.
    """
    from scipy.optimize import least_squares

    z, radius = np.asarray(positions_um, float).ravel(), np.asarray(radii_px, float).ravel()
    if z.shape != radius.shape:
        raise InputError(f"{len(z)} positions do not belong to {len(radius)} radii")
    known = np.isfinite(radius) & np.isfinite(z)
    z, radius = z[known], radius[known]
    if len(z) < _LEAST_SLICES:
        raise InputError(f"a depth scale needs {_LEAST_SLICES} slices with evidence at least, not {len(z)}")
    least = max(float(radius.min()), 0.1)
    if radius.max() < _LEAST_GROWTH * least:
        raise InputError("the blur hardly changes over the stack: take slices farther out of focus")
    start = float(z[radius.argmin()]) if focus is None else focus
    reach = max(float(np.abs(z - start).max()), 1e-9)
    guess = [math.log(radius.max() / reach), math.log(least), start]

    def misfit(values: NDArray[np.float64]) -> NDArray[np.float64]:
        center = values[2] if focus is None else focus
        return np.asarray(np.hypot(np.exp(values[1]), np.exp(values[0]) * (z - center)) - radius)

    # Far out, where windows hold little of one thing, single slices stray
    found = least_squares(misfit, guess, loss="soft_l1", f_scale=max(0.1 * least, 0.1))
    slope, rest, center = math.exp(found.x[0]), math.exp(found.x[1]), float(found.x[2] if focus is None else focus)
    if not z.min() <= center <= z.max():
        raise InputError("focus lies outside the stack: take slices on both sides of it")
    scatter = float(np.sqrt(np.mean(misfit(found.x) ** 2)))
    return DepthScale(slope, rest, center, scatter)


def calibrate_depth(
    stack: ArrayLike,
    spacing_um: float,
    *,
    by: Literal["beads", "map"] = "beads",
    progress: Progress = ignore_progress,
    **changes: Any,
) -> tuple[DepthScale, NDArray[np.float64]]:
    """Measure how the blur of a microscope grows with defocus, from a stack of beads or of anything thin.

    Parameters
    ----------
    stack : array_like (Z, H, W)
        Slices at equal steps, through focus: of small bright beads that lie apart, or of a thin specimen.
    spacing_um : float
        Distance of slices in um.
    by : {"beads", "map"}
        Whether beads are measured one by one, or the blur map of each slice is drawn, as of what is to be read by it.
    progress : callable, optional
    **changes
        Fields of `defocus.parameters.AnalysisParameters`, for maps.

    Returns
    -------
    scale : DepthScale
        Its focus is counted from the first slice.
    radii : float64 (Z,)
        Median radius in px of the beads in each slice, or of what has evidence; NaN where nothing stands out.

    Raises
    ------
    InputError
        If it is no stack, shows no beads, or their blur does not grow away from some slice of it.
    """
    slices = np.asarray(stack)
    if slices.ndim != 3 or len(slices) < _LEAST_SLICES or slices.dtype.kind not in "uif":
        raise InputError(f"a depth scale needs a stack of {_LEAST_SLICES} slices at least, not shape {slices.shape}")
    if not (math.isfinite(spacing_um) and spacing_um > 0):
        raise InputError(f"slices lie some um apart, not {spacing_um:g}")
    if slices.dtype.kind == "f" and not np.isfinite(slices).all():
        raise InputError("the stack holds NaN or infinite values")
    if by not in ("beads", "map"):
        raise InputError(f"by must be beads or map, not {by!r}")
    radii = bead_radii(slices) if by == "beads" else _map_radii(slices, changes, progress)
    return depth_scale(np.arange(len(slices)) * spacing_um, radii), radii


def _map_radii(slices: NDArray[Any], changes: dict[str, Any], progress: Progress) -> NDArray[np.float64]:
    """Return the median radius of what has evidence in each slice, float64 (Z,)."""
    limits = value_range(slices.reshape(-1, slices.shape[2]))
    radii = np.full(len(slices), np.nan)
    for z, values in enumerate(slices):
        part = sub_progress(progress, z / len(slices), (z + 1) / len(slices))
        picture = as_picture(values, source=f"slice {z}", limits=limits)
        one_shape = {"psf": "gaussian"} if kind_of(picture) == "fluorescence" else {}  # or the scale would jump
        analysis = analyze(picture, progress=part, **{**one_shape, **changes})
        if analysis.has_evidence and analysis.known.any():
            radii[z] = float(np.median(analysis.blur_map()[analysis.known]))
    return radii


def bead_radii(slices: NDArray[Any]) -> NDArray[np.float64]:
    """Return the median radius in px of the beads of each slice, float64 (Z,); NaN where none stands out.

    The radius of a bead is that of the disc that has half of its light as near to its middle: its rings and its
    glow say less than they would in a standard deviation.

    Parameters
    ----------
    slices : array (Z, H, W)

    Raises
    ------
    InputError
        If no bead lies apart from the others.
    """
    from scipy import ndimage
    from scipy.spatial import cKDTree

    # Beads stay where they are over z; each is found where it is sharpest
    peak = ndimage.gaussian_filter(slices.max(axis=0).astype(np.float64), 1)
    usual = float(np.median(peak))
    spread = 1.4826 * float(np.median(np.abs(peak - usual)))
    least = usual + max(_LEAST_PART * (peak.max() - usual), 6 * spread)
    found = np.argwhere((peak == ndimage.maximum_filter(peak, _APART)) & (peak > least))
    if not len(found):
        raise InputError("the stack shows no beads that stand out")
    distances = cKDTree(found).query(found, k=2)[0][:, 1] if len(found) > 1 else np.array([np.inf])
    border = np.minimum(found, np.array(peak.shape) - 1 - found).min(axis=1)
    reach = np.minimum(distances / 2, border).astype(int)
    kept = [(y, x, int(room)) for (y, x), room in zip(found, reach, strict=True) if room >= _LEAST_ROOM]
    if not kept:
        raise InputError("the beads lie too near to each other, or to the border")
    radii = np.full(len(slices), np.nan)
    for z, values in enumerate(slices):
        ones = [
            _bead_radius(values[y - room : y + room + 1, x - room : x + room + 1].astype(np.float64))
            for y, x, room in kept
        ]
        if np.isfinite(ones).sum() * 2 > len(ones):
            radii[z] = float(np.nanmedian(ones))
    return radii


def _bead_radius(light: NDArray[np.float64]) -> float:
    """Return the radius of one bead in the middle of a square; NaN if it does not stand out or is not in it whole."""
    half = len(light) // 2
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1]
    distance = np.hypot(rows, columns)
    inside, rim = distance <= half + 0.5, (distance > 0.85 * half) & (distance <= half + 0.5)
    above = light - np.median(light[rim])
    total = float(above[inside].sum())
    noise = 1.4826 * float(np.median(np.abs(above[rim]))) * math.sqrt(int(inside.sum()))
    if total <= 10 * noise:
        return math.nan
    order = np.argsort(distance[inside], kind="stable")
    within = np.cumsum(above[inside][order])
    place = int(np.searchsorted(np.maximum.accumulate(within), total / 2))
    # So many pixels hold half of the light: the area of a circle, whose disc has twice as much
    radius = math.sqrt(2 * (place + 0.5) / math.pi)
    return radius if radius < _MOST_OF_ROOM * half else math.nan


def load_depth_scale(path: str | PathLike[str]) -> DepthScale:
    """Return the depth scale that `DepthScale.save` wrote.

    Raises
    ------
    InputError
        If the file is missing or holds none.
    """
    name = Path(path).name
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{name}: {error.strerror or 'cannot be read'}") from error
    except ValueError as error:
        raise InputError(f"{name}: no depth scale") from error
    try:
        if values.pop("format") != _FORMAT:
            raise InputError(f"{name}: written by another version of the suite: calibrate it again")
        scale = DepthScale(**{key: float(value) for key, value in values.items()})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{name}: no depth scale") from error
    if not (math.isfinite(scale.px_per_um) and scale.px_per_um > 0 and scale.in_focus_px >= 0):
        raise InputError(f"{name}: no depth scale")
    return scale
