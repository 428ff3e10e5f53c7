"""Focus over time: which slice of a stack is the sharpest at each time, and the series of those slices.

Focus drifts while a specimen is watched for hours. Each time has its own sharpest slice, by what its slices share, as
in `defocus.stack`; all channels follow the one that was looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.effects.detail_curve import detail_curve
from defocus.errors import InputError
from defocus.pictures.intensity import value_range
from defocus.pictures.picture import as_picture
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from defocus.measures import Table
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress

__all__ = ["focus_over_time", "sharpest_slices"]

NONE = -1
"""In place of the sharpest slice of a time at which there is none."""


def focus_over_time(series: Any, *, source: str = "the series", progress: Progress = ignore_progress) -> Table:
    """Find the sharpest slice of each time of a series of stacks.

    Parameters
    ----------
    series : array (T, Z, H, W)
        Also of dask or zarr: slices are loaded one by one, twice.
    source : str
        Name for messages.
    progress : callable, optional

    Returns
    -------
    dict of str to array (T,)
        ``time``, ``sharpest`` (the slice, -1 where none is), ``confidence`` (that it is this slice or one beside it)
        and ``detail_share`` (how much fine detail the median slice holds of that of the sharpest); for
        `defocus.measures.write_table`.

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
    rows = []
    for time in range(times):
        progress(time / times, f"time {time + 1} of {times}")
        curve = detail_curve(_pictures(series, time, depth, source))
        best = NONE if curve.sharpest is None else curve.sharpest
        rows.append((time, best, curve.confidence, float(np.median(curve.detail))))
    names = ("time", "sharpest", "confidence", "detail_share")
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _pictures(series: Any, time: int, depth: int, source: str) -> Iterator[Picture]:
    """Yield the slices of one time in one range."""
    ranges = [value_range(np.asarray(series[time, z])) for z in range(depth)]
    limits = min(low for low, _ in ranges), max(high for _, high in ranges)
    for z in range(depth):
        yield as_picture(np.asarray(series[time, z]), source=source, limits=limits)


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
    times = series.shape[0]
    place = z_axis % series.ndim
    depth, count = series.shape[place], 2 * around + 1
    if place == 0 or best.shape != (times,) or best.max(initial=NONE) >= depth or around < 0 or count > depth:
        raise InputError(
            f"sharpest slices {best.tolist()} with {around} around do not fit a series of shape {tuple(series.shape)}"
        )
    known = np.flatnonzero(best > NONE)
    if not known.size:
        raise InputError("no slice is in focus at any time")
    result = []
    for time in range(times):
        nearest = best[known[np.abs(known - time).argmin()]]
        first = int(np.clip(nearest - around, 0, depth - count))
        where: list[Any] = [slice(None)] * (series.ndim - 1)
        where[place - 1] = slice(first, first + count) if around else first
        result.append(np.asarray(series[(time, *where)]))
    return np.stack(result)
