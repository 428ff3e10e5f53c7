"""Intensity: which values of an array are black and white, whatever its type, offset and gain.

Photographs keep the range of their kind of number: 0 to 255 for 8 bits, 0 to 1 for floats. Where an array fills only a
part of that, or numbers have no range of their own, black and white are measured, so that the same scene gives the same
answer as counts of a camera, with an offset, or divided by anything.

An optical image is spread over more than a pixel by its lens, a defect of a sensor is not. So black and white are what
three pixels in a square of 2 x 2 reach, and what peaks beyond that have something of themselves beside them: hot and
dead pixels, and single rows and columns of them, move neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.parallel import run_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "WHITE",
    "checked_limits",
    "found_range",
    "mended",
    "opacity_white",
    "robust_extremes",
    "value_range",
    "whole_numbers",
]

WHITE = {"uint8": 255, "uint16": 65535}
"""The whole numbers that pictures come in, and their largest."""

_FILLED = 0.5  # part of its kind's range from which on values are taken as they are; of 1010 photographs, all fill it
_LEAST_STEPS = 32  # measured range in steps of quantisation, whose error then has a variance of 8e-5
_LEAST_NOISE = 32  # and in standard deviations of the noise, so that an empty field is not stretched into texture
_BESIDE = 0.2  # part of a peak that lies beside it at the least: 0.4 for a Gaussian of standard deviation 0.75 px
_BEYOND = 0.1  # of the range, by which a pixel must exceed it to be a defect
_MOST_DEFECTS = 10_000  # more than that is no defect but what the picture is like
_BLOCK = 16  # px, side of the areas whose noise is compared
_APART = 32  # px between the rows that are looked at first
_STRIP = 256  # rows looked at at a time
_ROWS = 64  # that are made whole numbers at a time, so that they stay in the processor's cache


def whole_numbers(values: NDArray[Any], kind: str) -> NDArray[Any]:
    """Return values of [0, 1] as the nearest whole numbers of a kind, 1 as its largest; what lies beyond is clipped.

    Parameters
    ----------
    values : real (H, ...)
    kind : {"uint8", "uint16"}

    Examples
    --------
    >>> whole_numbers(np.array([0, 0.5, 1, 1.5]), "uint8")
    array([  0, 128, 255, 255], dtype=uint8)
    """
    numbers = np.empty(values.shape, kind)

    def convert(first: int) -> None:
        rows = slice(first, first + _ROWS)
        part = np.clip(values[rows], 0, 1) * np.float32(WHITE[kind])
        numbers[rows] = np.rint(part, out=part)

    run_parts(convert, range(0, len(values), _ROWS))
    return numbers


def checked_limits(limits: tuple[float, float]) -> tuple[float, float]:
    """Return given values of black and white as floats.

    Raises
    ------
    InputError
        If they are no finite numbers, the first below the second.
    """
    try:
        black, white = (float(value) for value in limits)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"a range is two numbers, black and white, not {limits!r}") from None
    if not (np.isfinite(white - black) and black < white):
        raise InputError(f"a range is two finite numbers, black below white, not {black:g} and {white:g}")
    return black, white


def value_range(values: NDArray[Any], *, measured: bool = True) -> tuple[float, float]:
    """Return the values that become 0 and 1.

    Parameters
    ----------
    values : real (H, W), (H, W, C) or any other shape
        Values that are not finite have no say.
    measured : bool
        False takes the range of the kind of number, however little of it is filled, and where there is none the least
        and the largest value: for what is to come back in its own units.

    Returns
    -------
    black, white : float
        The range of the kind of number if the values fill half of it, or are constant: 0 to 255 for 8 bits, 0 to 1 for
        floats within it, 0 to 2^n - 1 for all others that are not negative, n the fewest bits that hold them (8 at
        least). Otherwise the least and largest value that is no defect, at least 32 steps of quantisation and
        32 standard deviations of the noise apart, but never farther apart than the range of the kind.

    Examples
    --------
    >>> value_range(np.arange(256, dtype=np.uint8).reshape(16, 16))
    (0.0, 255.0)
    >>> value_range(np.arange(100).repeat(200).reshape(100, 200) + 4000)
    (4000.0, 4099.0)
    >>> value_range(np.full((50, 50), 0.4), measured=False)
    (0.0, 1.0)
    """
    return found_range(values, measured=measured)[:2]


def found_range(values: NDArray[Any], *, measured: bool = True) -> tuple[float, float, bool]:
    """Return what `value_range` does, and whether it is known that all values lie within."""
    if values.dtype == np.bool_:
        return 0.0, 1.0, True
    if not measured:
        return *_plain_range(values), False
    planes = values if values.ndim == 3 else values[..., np.newaxis] if values.ndim == 2 else values.reshape(1, -1, 1)
    plain = _range_if_plain(planes)
    if plain is not None:
        return *plain, True
    with np.errstate(over="ignore", invalid="ignore"):  # sums of the largest numbers; who asks refuses what is infinite
        return *_measured_range(planes), False


def robust_extremes(values: NDArray[Any]) -> tuple[float, float]:
    """Return the least and the largest value that is no defect, of a part of what has one range.

    Parameters
    ----------
    values : real (H, W)

    Returns
    -------
    low, high : float
        NaN where nothing is finite. `value_range` of those of all parts is the range of the whole.

    Examples
    --------
    >>> counts = np.arange(100).repeat(200).reshape(100, 200) + 4000
    >>> counts[50, 50] = 65535
    >>> robust_extremes(counts)
    (4000.0, 4099.0)
    """
    planes = values[..., np.newaxis]
    low, high = _all_reached(planes)
    if not low <= high or not np.isfinite(high - low):
        return np.nan, np.nan
    near = _BEYOND * (high - low)
    return -_with_peaks(planes, -low, -1, near), _with_peaks(planes, high, 1, near)


def _measured_range(planes: NDArray[Any]) -> tuple[float, float]:
    """Return the range of the kind if the values fill half of it, else that of the values."""
    low, high = _all_reached(planes)
    kind = _range_of_kind(planes.dtype, low, high)
    span = high - low
    if kind is not None and (span >= _FILLED * kind[1] or span == 0):
        return kind
    low, high = -_with_peaks(planes, -low, -1, _BEYOND * span), _with_peaks(planes, high, 1, _BEYOND * span)
    span = high - low
    if span == 0:
        return _around(low)
    step = 1.0
    if planes.dtype.kind == "f":  # of half the value, since the largest number has no next one
        step = 2 * float(np.spacing(planes.dtype.type(max(abs(low), abs(high)) / 2)))
    least = max(_LEAST_STEPS * step, _LEAST_NOISE * _noise(planes), span)
    if kind is not None:
        least = min(least, kind[1])
    if least <= span:
        return low, high
    # More room on both sides, but within the kind's own range where there is one
    middle = (low + high) / 2
    if kind is not None:
        middle = min(max(middle, least / 2), kind[1] - least / 2)
    return middle - least / 2, middle + least / 2


def _around(value: float) -> tuple[float, float]:
    """Return a range that begins at the one value of a constant picture."""
    return value, value + max(1.0, abs(value) / 1000)


def _plain_range(values: NDArray[Any]) -> tuple[float, float]:
    """Return the range of the kind of number, or the least and the largest value."""
    if values.dtype == np.uint8:
        return 0.0, 255.0
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    return _range_of_kind(values.dtype, low, high) or ((low, high) if high > low else _around(low))


def _range_if_plain(planes: NDArray[Any]) -> tuple[float, float] | None:
    """Return the range of the kind where a part of the rows says enough, as in most photographs; else None."""
    reached = _reached(planes[::_APART], planes[1::_APART])
    if planes.dtype == np.uint8:
        extremes = 0.0, 255.0
    else:
        signed = planes.dtype.kind != "u"  # no other can be below 0
        strips = run_parts(
            lambda top: (planes[top : top + _STRIP].min() if signed else 0, planes[top : top + _STRIP].max()),
            range(0, len(planes), _STRIP),
        )
        extremes = float(min(low for low, _ in strips)), float(max(high for _, high in strips))
    if not np.isfinite([*reached, *extremes]).all():
        return None
    # What all pixels reach lies between the two
    kind = _range_of_kind(planes.dtype, *extremes)
    same = kind is not None and kind == _range_of_kind(planes.dtype, *reached)
    return kind if kind is not None and same and reached[1] - reached[0] >= _FILLED * kind[1] else None


def _all_reached(planes: NDArray[Any]) -> tuple[float, float]:
    """Return the least and the largest value that three of 2 x 2 pixels reach, or any where there are few."""
    if min(planes.shape[:2]) < 3:
        return _reached(planes, planes)
    found = run_parts(
        lambda top: _reached(planes[top : top + _STRIP], planes[top + 1 : top + 1 + _STRIP]),
        range(0, len(planes) - 1, _STRIP),
    )
    low, high = min(low for low, _ in found), max(high for _, high in found)
    return (low, high) if low <= high else _reached(planes, planes)  # a checkerboard: no square is bright or dark


def _reached(rows: NDArray[Any], next_rows: NDArray[Any]) -> tuple[float, float]:
    """Return the least and the largest value that three pixels reach, of two in some row and two in the next."""
    count = min(len(rows), len(next_rows))
    same, rows, next_rows = rows is next_rows, rows[:count], next_rows[:count]
    known = rows.dtype.kind != "f" or bool(np.isfinite(rows).all() and np.isfinite(next_rows).all())
    reached = []
    for extreme, less, more in ((np.inf, np.maximum, np.minimum), (-np.inf, np.minimum, np.maximum)):
        # What is not finite counts as the other extreme, so that no square reaches it
        one, other = (part if known else np.where(np.isfinite(part), part, extreme) for part in (rows, next_rows))
        if same or rows.shape[1] < 2:
            found = less(one, other)
        else:
            # The second of four from the inner end, by comparing the pairs in the columns
            inner, outer = less(one, other), more(one, other)
            found = less(more(inner[:, :-1], inner[:, 1:]), less(outer[:, :-1], outer[:, 1:]))
        reached.append(found)
    low, high = reached
    return float(low.min()) if low.size else np.inf, float(high.max()) if high.size else -np.inf


def _with_peaks(planes: NDArray[Any], reached: float, sign: int, near: float) -> float:
    """Return the largest value, times `sign`, that is no defect: one of a peak, a part of which lies beside it.

    The lens spreads a point over more than a pixel: three pixels of some square of 2 x 2 around it have a fifth or more
    of what it is above its surroundings. Nothing is beside a hot pixel, and too little beside a hot row. What is `near`
    to others that are none is none either.
    """
    if min(planes.shape[:2]) < 3:
        return reached
    with np.errstate(invalid="ignore"):
        beyond = planes > reached if sign > 0 else planes < -reached
    places = np.argwhere(beyond & np.isfinite(planes) if planes.dtype.kind == "f" else beyond)
    if len(places) > _MOST_DEFECTS:
        return float((sign * planes[beyond].astype(np.float64)).max(initial=reached, where=np.isfinite(planes[beyond])))
    for y, x, channel in places[np.argsort(sign * planes[tuple(places.T)].astype(np.float64))]:
        top, left = min(max(y - 2, 0), len(planes) - 3), min(max(x - 2, 0), planes.shape[1] - 3)
        given = planes[top : y + 3, left : x + 3, channel]
        if planes.dtype.kind == "f" and not np.isfinite(given).all():
            continue
        value = float(sign * float(planes[y, x, channel]))
        if value <= reached + near:
            reached = max(reached, value)
            continue
        around = sign * given.astype(np.float64)
        usual, row, column = float(np.median(around)), y - top, x - left
        corners = [
            np.sort(around[i : i + 2, j : j + 2], axis=None)[-3:][0]
            for i in (row - 1, row)
            for j in (column - 1, column)
            if i >= 0 and j >= 0 and around[i : i + 2, j : j + 2].size == 4
        ]
        if max(corners) - usual >= _BESIDE * (value - usual):
            reached = max(reached, value)
    return reached


def _range_of_kind(dtype: np.dtype[Any], low: float, high: float) -> tuple[float, float] | None:
    """Return the range that numbers of a kind have by themselves; None if they have none."""
    if dtype == np.uint8:
        return 0.0, 255.0
    if low < 0 or high >= 2.0**64:
        return None
    if dtype.kind == "f" and high <= 1:
        return 0.0, 1.0
    return 0.0, float(2 ** max(8, int(high).bit_length()) - 1)


def _noise(planes: NDArray[Any]) -> float:
    """Return the standard deviation of the noise where the picture is quietest."""
    height, width = (size // 2 * 2 for size in planes.shape[:2])
    if min(height, width) < 2 * _BLOCK:
        return 0.0
    stride = max(1, round((height * width / 1e6) ** 0.5))
    levels = []
    for top in range(0, height - _BLOCK + 1, _BLOCK * stride):
        strip = planes[top : top + _BLOCK, :width, 0].astype(np.float64)
        # What is left of 2 x 2 pixels without mean and slopes
        rest = np.abs(strip[::2, ::2] - strip[1::2, ::2] - strip[::2, 1::2] + strip[1::2, 1::2]) / 2
        rest = rest[:, : rest.shape[1] // (_BLOCK // 2) * (_BLOCK // 2)]
        levels.append(rest.reshape(_BLOCK // 2, -1, _BLOCK // 2).mean(axis=(0, 2)))
    found = np.concatenate(levels)
    found = found[np.isfinite(found)]
    return float(np.percentile(found, 5)) * (np.pi / 2) ** 0.5 if found.size else 0.0


def opacity_white(alpha: NDArray[Any], white: float) -> float:
    """Return the value of opaque pixels in an alpha channel that goes with colours up to `white`.

    1 for floats that stay within it, 255 for 8 bits, and 2^n - 1 for all others, n the fewest bits that hold alpha and
    colours (8 at least): 4095 where both have 12 bits. Beyond 64 bits it is the largest of them.
    """
    if alpha.dtype.kind == "b":
        return 1.0
    if alpha.dtype == np.uint8:
        return 255.0
    finite = alpha[np.isfinite(alpha)] if alpha.dtype.kind == "f" else alpha
    largest = float(finite.max()) if finite.size else 0.0
    if alpha.dtype.kind == "f" and largest <= 1:
        return 1.0
    top = max(largest, white)
    return top if top >= 2.0**64 else float(2 ** max(8, int(top).bit_length()) - 1)


def mended(color: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a scaled picture, float32 (H, W, C), in [0, 1]: without hot and dead pixels, and cut off beyond its range.

    A pixel that lies beyond the range, and farther from its value than all its neighbours, is a defect and takes the
    median of its neighbours.
    """
    beyond = np.argwhere((color > 1 + _BEYOND) | (color < -_BEYOND))
    if len(beyond) <= _MOST_DEFECTS:
        height, width = color.shape[:2]
        before = color.copy()
        for y, x, channel in beyond:
            around = before[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2, channel]
            color[y, x, channel] = np.median(around) if height > 1 or width > 1 else 0
    return np.clip(color, 0, 1, out=color)
