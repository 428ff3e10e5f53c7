"""Part: which of the pictures in one file is meant, and how large its pixels are, whatever kind of file it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Part", "PixelSize", "channel_number", "chosen_channel", "chosen_plane", "in_order", "micrometers"]


@dataclass(frozen=True)
class Part:
    """Which part of a file is meant, where it holds more than one picture; all count from 0.

    Attributes
    ----------
    series : int, optional
        Of several pictures in one file.
    page : int, optional
        Of the planes of that along time and depth.
    channel : int or str, optional
        Number or name of a channel of a microscope, or number of a sample.
    """

    series: int | None = None
    page: int | None = None
    channel: int | str | None = None


@dataclass(frozen=True)
class PixelSize:
    """How large pixels are, and how far slices lie apart; None where a file does not say.

    Attributes
    ----------
    y, x : float
        In um.
    z : float or None
        In um.
    """

    y: float
    x: float
    z: float | None = None


def chosen_plane(values: NDArray[Any], axes: Sequence[str], name: str, part: Part) -> tuple[NDArray[Any], list[str]]:
    """Return the plane that is meant of those along time, depth and whatever else, and its axes before Y and X.

    Parameters
    ----------
    values : array
    axes : sequence of str
        A letter for each axis: Y and X, C for channels, S for samples of a colour.
    name : str
        Of the file.
    part : Part

    Returns
    -------
    values : array (..., H, W)
    rest : list of str
        Its axes before the last two.

    Raises
    ------
    InputError
        If there are several planes to choose from, or the one that was chosen is not there.
    """
    values = np.moveaxis(values, [axes.index(axis) for axis in "YX"], (-2, -1))
    rest = [axis for axis in axes if axis not in "YX"]  # of the leading axes
    for axis in [one for one in rest if one not in "SC"]:  # time, depth, tiles, whatever
        if values.shape[rest.index(axis)] == 1:
            values = values.squeeze(rest.index(axis))
            rest.remove(axis)
    planes = [axis for axis in rest if axis not in "SC"]
    values = np.moveaxis(values, [rest.index(axis) for axis in planes], range(len(planes)))
    rest = planes + [axis for axis in rest if axis in "SC"]
    if planes:
        sizes = values.shape[: len(planes)]
        count = math.prod(sizes)
        if part.page is None:
            along = " x ".join(f"{size} along {axis}" for axis, size in zip(planes, sizes, strict=True))
            raise InputError(
                f"{name}: more than two spatial dimensions, planes {along}: choose one with --page 0 to {count - 1}"
            )
        if not 0 <= part.page < count:
            raise InputError(f"{name}: there is no page {part.page}; it has pages 0 to {count - 1}")
        values = values.reshape(count, *values.shape[len(planes) :])[part.page]
        rest = rest[len(planes) :]
    elif part.page not in (None, 0):
        raise InputError(f"{name}: there is no page {part.page}; it has one")
    return values, rest


def in_order(values: NDArray[Any], axes: Sequence[str], names: list[str], name: str) -> tuple[NDArray[Any], list[str]]:
    """Return an array as (T, Z, C, H, W), with axes of length 1 where it has none, and the names of its channels.

    Parameters
    ----------
    values : array
    axes : sequence of str
        A letter for each axis.
    names : list of str
        Of the channels, as far as the file says; none are returned unless there is one for each.
    name : str
        Of the file.

    Raises
    ------
    InputError
        If it reaches along another axis.
    """
    letters, shape = list(axes), list(values.shape)
    for place in reversed(range(len(letters))):
        if letters[place] not in "TZCYX":
            if shape[place] > 1:
                raise InputError(f"{name}: reaches along {letters[place]}, but a series is time, depth and channels")
            values = values.squeeze(place)
            letters.pop(place)
    missing = [letter for letter in "TZC" if letter not in letters]
    values = values.reshape((1,) * len(missing) + values.shape)
    found = values.transpose([[*missing, *letters].index(letter) for letter in "TZCYX"])
    return found, names if len(names) == found.shape[2] else []


def chosen_channel(
    values: NDArray[Any], rest: Sequence[str], axis: str, names: list[str], name: str, part: Part
) -> NDArray[Any]:
    """Return the channel that is meant, without that axis; raise `InputError` if there are several to choose from.

    Parameters
    ----------
    values : array
    rest : sequence of str
        Its first axes.
    axis : str
        Which of them is that of channels.
    names : list of str
        Of the channels, or none.
    name : str
        Of the file.
    part : Part
    """
    place = rest.index(axis)
    count = values.shape[place]
    if count == 1 and part.channel in (None, 0):
        return values.squeeze(place)
    names = names if len(names) == count else []
    if part.channel is None:
        shown = "; ".join(f"{number}: {word}" for number, word in enumerate(names)) or f"0 to {count - 1}"
        raise InputError(f"{name}: holds {count} channels, {shown}: choose one with --channel")
    return values.take(channel_number(part.channel, names, count, name), place)


def channel_number(channel: int | str, names: list[str], count: int, name: str) -> int:
    """Return the number of a channel that is called by its number or name; raise `InputError` if there is none.

    Parameters
    ----------
    channel : int or str
    names : list of str
        Of all channels, or none.
    count : int
        Of channels.
    name : str
        Of the file.
    """
    number = channel if isinstance(channel, int) else names.index(channel) if channel in names else None
    if number is None and str(channel).isdigit():
        number = int(channel)
    if number is None or not 0 <= number < count:
        known = ", ".join(names) or f"0 to {count - 1}"
        raise InputError(f"{name}: there is no channel {channel}; it has {known}")
    return number


def micrometers(unit: str) -> float | None:
    """Return how many um a unit of length is; None if it is none that is known."""
    known = {
        "micrometer": 1.0,
        "nanometer": 1e-3,
        "millimeter": 1e3,
        "centimeter": 1e4,
        "meter": 1e6,
        "angstrom": 1e-4,
        "µm": 1.0,
        "μm": 1.0,
        "um": 1.0,
        "micron": 1.0,
        "\\u00B5m": 1.0,
        "nm": 1e-3,
        "mm": 1e3,
        "cm": 1e4,
        "m": 1e6,
    }
    return known.get(unit)
