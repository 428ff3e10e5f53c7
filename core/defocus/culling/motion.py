"""Motion: blur along one direction, told from a disc by how fast a picture's spectrum falls in each direction.

A camera or a subject that moves multiplies the spectrum by sinc²(L · f) along its direction and leaves it as it is
across; a defocused lens lets it fall equally fast in every direction [1]_. What the scene itself prefers, verticals of
a building, shows in the level of each direction and not in how it falls, so that each direction's level is free.

References
----------
.. [1] Y. Yitzhaky, I. Mor, A. Lantzman, N. S. Kopeika, "Direct method for restoration of motion-blurred
   images", *JOSA A* 15(6), 1998. https://doi.org/10.1364/JOSAA.15.001512
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft, special

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from defocus.tuning import CullingTuning

__all__ = ["Motion", "motion_blur", "motion_evidence"]

_SECTORS = 12  # directions whose levels are free
_ANGLES = 24  # 7.5 degrees apart
_FREQUENCIES = (2.0, 28.0)  # periods in a window, from the least that a Hann window tells to where noise rules
_LENGTHS = np.array([3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 23, 26, 30], np.float64)  # px
_DISCS = (0.0, 1.0, 1.8, 3.0)  # px: of defocus besides motion
_FLOORS = (1e-1, 1e-2, 1e-3)  # share of the spectrum that noise fills
_AXES = 1.5  # periods in a window
_LEAST_CONTRAST = 0.1  # of the best window's energy, less is left out
_LEAST_WINDOWS = 4
_AT_A_TIME = 48  # blurs whose spectra are computed together


@dataclass(frozen=True)
class Motion:
    """Motion blur.

    Attributes
    ----------
    angle : float
        Its direction in degrees from the x axis towards the top, in [0, 180).
    length : float
        Px.
    """

    angle: float
    length: float


def motion_blur(crops: list[NDArray[np.float32]], radius: float, tuning: CullingTuning) -> Motion | None:
    """Return the motion that some parts of a picture show, or None if a disc explains them as well.

    Parameters
    ----------
    crops : list of float32 (H, W)
        Luminance of the parts, in [0, 1].
    radius : float
        Blur radius of what is sharpest, in px: where that is as sharp as can be, motion must explain more.
    tuning : CullingTuning
    """
    found = motion_evidence(crops, tuning)
    if found is None:
        return None
    motion, gain = found
    needed = tuning.motion_gain if radius > tuning.motion_radius else tuning.motion_gain_sharp
    return motion if gain > needed * max(1, (tuning.motion_sure / motion.length) ** 2) else None


def motion_evidence(crops: list[NDArray[np.float32]], tuning: CullingTuning) -> tuple[Motion, float] | None:
    """Return the motion that explains some parts of a picture best, and by how much better than the best disc.

    Parameters
    ----------
    crops : list of float32 (H, W)
    tuning : CullingTuning

    Returns
    -------
    tuple of Motion and float, or None
        The gain is the part of the disc's squared error, in the logarithm of the spectrum, that motion explains; None
        if there is too little to see.
    """
    size = tuning.motion_window
    spectrum = _log_spectrum(crops, size)
    if spectrum is None:
        return None
    table = _table(size, tuning.motion_least, tuning.motion_most)
    seen = spectrum[table.rows, table.columns]
    seen = seen - table.free @ (table.free.T @ seen)
    errors = table.norms - 2 * (table.shapes @ seen) + float(seen @ seen)
    disc = float(errors[: table.discs].min())
    moved = errors[table.discs :].reshape(len(_FLOORS), _ANGLES, -1)
    floor, at, rest = np.unravel_index(int(moved.argmin()), moved.shape)
    before, least, after = (float(moved[floor, (at + step) % _ANGLES, rest]) for step in (-1, 0, 1))
    bend = before - 2 * least + after
    angle = (at + (0.5 * (before - after) / bend if bend > 0 else 0)) * 180 / _ANGLES % 180
    return Motion(float(angle), float(table.lengths[rest])), 1 - least / max(disc, 1e-9)


def _log_spectrum(crops: list[NDArray[np.float32]], size: int) -> NDArray[np.float32] | None:
    """Return the mean logarithm of the power of windows that show something, float32 (size, size // 2 + 1)."""
    hann = np.hanning(size + 1)[:-1].astype(np.float32)
    window = np.outer(hann, hann)
    parts = []
    for crop in crops:
        if min(crop.shape) >= size:
            views = np.lib.stride_tricks.sliding_window_view(crop, (size, size))[:: size // 2, :: size // 2]
            parts.append(views.reshape(-1, size, size))
    if not parts:
        return None
    windows = np.concatenate(parts)
    windows = windows - windows.mean(axis=(1, 2), keepdims=True)
    contrast = windows.std(axis=(1, 2))
    windows = windows[contrast > max(_LEAST_CONTRAST * float(contrast.max()), 1e-3)]
    if len(windows) < _LEAST_WINDOWS:
        return None
    power = np.abs(fft.rfft2(windows * window)) ** 2
    return np.asarray(np.log(power + 1e-12).mean(axis=0), np.float32)


@dataclass(frozen=True)
class _Table:
    """Shapes of blurred spectra, without what is free: levels of directions and the fall of the scene's own.

    Attributes
    ----------
    rows, columns : int64 (F,)
        Of the frequencies that are looked at.
    free : float32 (F, K)
        Orthonormal basis of what is free.
    shapes : float32 (S, F)
        Logarithms of the blurs, discs first.
    norms : float32 (S,)
        Their squared lengths.
    discs : int
    lengths : float64 (L,)
        Of the paths, in px: for each floor and each angle these follow the discs.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    free: NDArray[np.float32]
    shapes: NDArray[np.float32]
    norms: NDArray[np.float32]
    discs: int
    lengths: NDArray[np.float64]


def _seen_through_windows(
    size: int,
) -> Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], NDArray[np.float32]]:
    """Return what gives the powers that blurs let through as windows see them, float32 (S, size, size // 2 + 1).

    A window smears the spectrum, and fills the zeros of a long path: its autocorrelation weighs that of the blur.
    """
    hann = np.hanning(size + 1)[:-1]
    lags = np.correlate(hann, hann, "full")
    ordered = np.zeros(2 * size)
    ordered[np.arange(-(size - 1), size) % (2 * size)] = lags / lags.max()
    weight = np.outer(ordered, ordered).astype(np.float32)
    vertical = np.fft.fftfreq(2 * size).astype(np.float32)[:, np.newaxis]
    horizontal = np.fft.rfftfreq(2 * size).astype(np.float32)[np.newaxis]
    radius = np.hypot(vertical, horizontal)

    def seen(disc: NDArray[Any], length: NDArray[Any], angle: NDArray[Any]) -> NDArray[np.float32]:
        sizes, which = np.unique(disc, return_inverse=True)
        argument = np.maximum(2 * np.pi * sizes[:, np.newaxis, np.newaxis] * radius, 1e-6)
        round_ones = ((2 * special.j1(argument) / argument) ** 2).astype(np.float32)
        length, turn = (one.astype(np.float32)[:, np.newaxis, np.newaxis] for one in (length, np.deg2rad(angle)))
        through = round_ones[which] * np.sinc(length * (np.cos(turn) * horizontal - np.sin(turn) * vertical)) ** 2
        correlation = fft.irfft2(through, s=(2 * size, 2 * size)) * weight
        powers = fft.rfft2(correlation).real[:, ::2, ::2]
        return np.asarray(np.maximum(powers, 0) / powers[:, :1, :1], np.float32)

    return seen


@functools.cache
def _table(size: int, least: float, most: float) -> _Table:
    vertical = np.fft.fftfreq(size)[:, np.newaxis]
    horizontal = np.fft.rfftfreq(size)[np.newaxis]
    radius = np.hypot(vertical, horizontal)
    low, high = (count / size for count in _FREQUENCIES)
    # Edges of sensors, screens and JPEG's blocks lie on the axes, as far as a Hann window tells
    off = (np.abs(vertical) > _AXES / size) & (horizontal > _AXES / size)
    rows, columns = np.nonzero((radius >= low) & (radius <= high) & off)
    fy, fx = vertical[rows, 0], horizontal[0, columns]
    radius = np.hypot(fy, fx)
    direction = np.arctan2(-fy, fx) % np.pi  # towards the top
    sector = np.minimum((direction / np.pi * _SECTORS).astype(int), _SECTORS - 1)
    # The scene's own spectrum falls as a power of the frequency
    base = np.column_stack([sector == number for number in range(_SECTORS)] + [np.log(radius)]).astype(np.float64)
    free = np.linalg.qr(base)[0].astype(np.float32)

    seen = _seen_through_windows(size)

    def shapes(disc: NDArray[Any], length: NDArray[Any], angle: NDArray[Any]) -> NDArray[np.float32]:
        parts = np.array_split(np.arange(len(disc)), -(-len(disc) // _AT_A_TIME))
        through = np.concatenate([seen(disc[part], length[part], angle[part])[:, rows, columns] for part in parts])
        found = np.concatenate([np.log(through + np.float32(floor)) for floor in _FLOORS])
        return np.asarray(found - (found @ free) @ free.T, np.float32)

    sizes = np.array([0, *np.geomspace(0.4, 12, 60)])
    discs = shapes(sizes, np.zeros_like(sizes), np.zeros_like(sizes))
    lengths = _LENGTHS[(least <= _LENGTHS) & (most >= _LENGTHS)]
    angles = np.arange(_ANGLES) * 180 / _ANGLES
    angle, length, disc = (one.ravel() for one in np.meshgrid(angles, lengths, _DISCS, indexing="ij"))
    both = np.concatenate([discs, shapes(disc, length, angle)])
    return _Table(
        rows,
        columns,
        free.astype(np.float32),
        both,
        (both**2).sum(axis=1),
        len(discs),
        length[: len(lengths) * len(_DISCS)],
    )
