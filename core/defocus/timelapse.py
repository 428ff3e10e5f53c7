"""Focus over time: which slice of a stack is the sharpest at each time, and the series of those slices.

Focus drifts while a specimen is watched for hours. Each time has its own sharpest slice, by what its slices share, as
in `defocus.stack`; all channels follow the one that was looked at.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.effects.detail_curve import detail_curve
from defocus.errors import InputError
from defocus.measures import frame_row, frame_table
from defocus.pictures.intensity import value_range
from defocus.pictures.kind import kind_of
from defocus.pictures.picture import as_picture
from defocus.progress import Progress, ignore_progress, sub_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from defocus.measures import Table
    from defocus.parameters import AnalysisParameters
    from defocus.pictures.picture import Picture

__all__ = ["Measure", "drift_in_words", "focus_over_time", "followed", "of_frames", "sharpest_slices"]

NONE = -1
"""In place of the sharpest slice of a time at which there is none."""


Measure = Callable[[int, int, Progress], Mapping[str, Any]]
"""Measures a slice by its time and its place, as `defocus.measures.frame_row` tells it."""

_OF_RADIUS = "radius_confidence"  # what `frame_row` calls confidence, beside that of the slice
_LOOKING = 0.3  # of the progress of a time whose sharpest slice is measured


def focus_over_time(
    series: Any,
    *,
    measure: Measure | None = None,
    source: str = "the series",
    progress: Progress = ignore_progress,
) -> Table:
    """Find the sharpest slice of each time of a series of stacks.

    Parameters
    ----------
    series : array (T, Z, H, W)
        Also of dask or zarr: slices are loaded one by one, twice.
    measure : callable, optional
        Called with time, slice and a progress callback for the sharpest slice of each time, it returns what
        `defocus.measures.frame_row` does: a series whose light changes is told by a threshold for each time.
    source : str
        Name for messages.
    progress : callable, optional

    Returns
    -------
    dict of str to array (T,)
        ``time``, ``sharpest`` (the slice, -1 where none is), ``confidence`` (that it is this slice or one beside it)
        and ``detail_share`` (how much fine detail the median slice holds of that of the sharpest); for
        `defocus.measures.write_table`. With `measure` what it says of that slice besides, the confidence as
        ``radius_confidence``, and ``outlier``, see `defocus.measures.frame_table`.

    Raises
    ------
    InputError
        If it has other axes, or fewer than two slices.

    Examples
    --------
    >>> from defocus.psf.simulation import simulate_blur
    >>> sharp = np.kron(np.random.default_rng(0).random((48, 48), np.float32), np.ones((2, 2), np.float32))
    >>> slices = [simulate_blur(sharp, np.full((96, 96), radius, np.float32)) for radius in (3, 2, 1, 0, 1)]
    >>> focus_over_time(np.array([slices, slices[::-1]]))["sharpest"].tolist()
    [3, 1]
    """
    shape = tuple(series.shape)
    if len(shape) != 4:
        raise InputError(f"{source}: an array of shape {shape}, but a series is T x Z x H x W")
    times, depth = shape[:2]
    if depth < 2:
        raise InputError(f"{source}: a stack needs two slices at least")
    rows: list[dict[str, Any]] = []
    for time in range(times):
        part = sub_progress(progress, time / times, (time + 1) / times)
        part(0, f"time {time + 1} of {times}")
        curve = detail_curve(_pictures(series, time, depth, source))
        best = NONE if curve.sharpest is None else curve.sharpest
        rows.append(
            {
                "time": time,
                "sharpest": best,
                "confidence": curve.confidence,
                "detail_share": float(np.median(curve.detail)),
            }
        )
        if measure is not None:
            told = _named(sub_progress(part, _LOOKING, 1), f"time {time + 1} of {times}")
            rows[-1] |= _of_slice(None if best == NONE else measure(time, best, told))
    if measure is not None:
        return frame_table(rows)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _named(progress: Progress, words: str) -> Progress:
    return lambda fraction, stage: progress(fraction, f"{words}: {stage}")


def _of_slice(measured: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the columns that tell how sharp a slice is; those of one of which nothing is known, for none."""
    found = frame_row([[np.nan]], [[0.0]], np.nan) if measured is None else dict(measured)
    return {_OF_RADIUS if name == "confidence" else name: value for name, value in found.items()}


def drift_in_words(table: Table) -> str:
    """Return in one line how the focus moved.

    Parameters
    ----------
    table : dict of str to array
        From `focus_over_time`.
    """
    best = np.asarray(table["sharpest"])
    known = best > NONE
    if not known.any():
        return "no slice is in focus at any time: none shows anything but noise"
    low, high = int(best[known].min()), int(best[known].max())
    if low == high:
        words = f"slice {low} is the sharpest at {known.sum()} of {len(best)} times"
    else:
        words = f"the sharpest slice moves between {low} and {high} over {len(best)} times"
    if not known.all():
        words += f"; none is in focus at {(~known).sum()} of them"
    outliers = np.asarray(table.get("outlier", known & ~known)) & known
    if outliers.any():
        words += f"; {outliers.sum()} unlike the others"
    return words


def _pictures(series: Any, time: int, depth: int, source: str) -> Iterator[Picture]:
    """Yield the slices of one time in one range."""
    ranges = [value_range(np.asarray(series[time, z])) for z in range(depth)]
    limits = min(low for low, _ in ranges), max(high for _, high in ranges)
    for z in range(depth):
        yield as_picture(np.asarray(series[time, z]), source=source, limits=limits)


def of_frames(parameters: AnalysisParameters, picture: Picture) -> AnalysisParameters:
    """Return parameters for all frames of a series by one of them: of one kind, as nobody composed them.

    Parameters
    ----------
    parameters : AnalysisParameters
        With ``kind="auto"`` they become fluorescence where the picture is that, else brightfield.
    picture : Picture
        One of the frames.
    """
    if parameters.kind != "auto":
        return parameters
    return dataclasses.replace(parameters, kind="fluorescence" if kind_of(picture) == "fluorescence" else "brightfield")


def followed(sharpest: ArrayLike) -> list[int]:
    """Return the slice to show of each time: the sharpest, or that of the nearest time that has one.

    Parameters
    ----------
    sharpest : integer array (T,)
        From `focus_over_time`; -1 where there is none.

    Raises
    ------
    InputError
        If no time has a sharpest slice.

    Examples
    --------
    >>> followed([-1, 3, -1, -1, 5])
    [3, 3, 3, 5, 5]
    """
    best = np.asarray(sharpest)
    known = np.flatnonzero(best > NONE)
    if not known.size:
        raise InputError("no slice is in focus at any time")
    return [int(best[known[np.abs(known - time).argmin()]]) for time in range(len(best))]


def sharpest_slices(series: Any, sharpest: ArrayLike, *, z_axis: int, around: int = 0) -> NDArray[Any]:
    """Return of each time its sharpest slice, or so many around it, of all channels.

    Parameters
    ----------
    series : array (T, ..., H, W)
        With slices along `z_axis`, channels or nothing along the others.
    sharpest : integer array (T,)
        From `focus_over_time` of one channel; at times without one (-1) that of the nearest time is taken.
    z_axis : int
        Of the slices.
    around : int
        Slices before and after. Near the ends of the stack the window is moved inwards, so that all times have the
        same number.

    Returns
    -------
    array (T, ..., H, W)
        Without `z_axis` for ``around=0``, else with ``2 * around + 1`` slices along it.

    Raises
    ------
    InputError
        If no time has a sharpest slice, or the numbers do not fit the series.
    """
    best = np.asarray(sharpest)
    place = z_axis % series.ndim
    depth, count = series.shape[place], 2 * around + 1
    if place == 0 or best.shape != (series.shape[0],) or best.max(initial=NONE) >= depth or around < 0 or count > depth:
        raise InputError(
            f"sharpest slices {best.tolist()} with {around} around do not fit a series of shape {tuple(series.shape)}"
        )
    result = []
    for time, nearest in enumerate(followed(best)):
        first = int(np.clip(nearest - around, 0, depth - count))
        where: list[Any] = [slice(None)] * (series.ndim - 1)
        where[place - 1] = slice(first, first + count) if around else first
        result.append(np.asarray(series[(time, *where)]))
    return np.stack(result)
