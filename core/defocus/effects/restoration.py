"""Restoration: the all-in-focus picture from a picture and its blur map (equation 19).

How far the map can be trusted is read from the picture itself (`map_error`); the blur is undone as far as that allows
(`restoration_solver`), and not at all where the picture says that it is not blurred so. Only luminance is sharpened:
cameras record colour more coarsely, and JPEG files keep still less of it. Large radii are restored in reduced pictures,
in which nothing is missing that so much blur would have let through.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from defocus.effects.light import encoded, linear
from defocus.effects.map_error import MapError, map_errors
from defocus.effects.restoration_solver import rounds
from defocus.effects.unsure_blur import EncodedBlur, LayeredInverse, RememberedPSF, UnsureBlur
from defocus.memory import require_memory
from defocus.parallel import run_long_parts
from defocus.parameters import RestorationParameters, with_changes
from defocus.pictures.picture import Picture, as_laid_out, as_picture
from defocus.pictures.sampling import cell_means
from defocus.progress import ignore_progress, sub_progress
from defocus.psf.families import DiscPSF, as_psf
from defocus.psf.varying_blur import VaryingBlur, checked_radius_map

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Unpack

    from numpy.typing import ArrayLike, NDArray

    from defocus.keywords import RestorationKeywords
    from defocus.progress import Progress
    from defocus.psf.families import PSF

__all__ = ["restore"]

_TILE = 1024  # px; side of what is solved at a time in large pictures
_LARGEST = 10.0  # px; larger radii are restored in a reduced picture ...
_UNSURE = 0.75  # ... and those that may be wrong by more px: what it lacks differs from one radius to the other then
_ENOUGH = 1.0  # times the map's error: share of all that was changed, below which more change gains nothing
_MEAN_GRADIENT = 0.2  # in [0, 1] per px, the scale of the prior's Laplace distribution: that of the steepest texture
_MODEL_ERROR = 8e-5  # variance that stands for what the model leaves out in photographs, as in `noise` ...
_USUAL_ERROR = 0.15  # ... whose maps are wrong by so much of the radius; where they are better, so is the model
_BEST, _WORST = 0.02, 0.17  # of the radius: no map is better, and if it were worse nothing would be restored
_LENS, _AS_MUCH_AGAIN = 0.12, 1.5  # error up to which that of photographs counts so much more: no blur is quite a disc
_USUAL = 2.0  # times as wrong may a map seem by the way of blur that is usual, before the other one is taken
_SIDE = 9  # px; what is known of pixels is smoothed over so many
_CLEARANCE = 1.5  # radii from what is in focus within which nothing is restored
_MISFIT = 3.0  # times the variance expected: mean squared error around a pixel, from which on its radius is doubted
_RANGE = 6  # px around a pixel whose range of luminance ...
_EXCESS = 0.03  # ... may be exceeded by so much of itself, divided by the map's error
_UNTOUCHED, _RESTORED = 1.0, 1.8  # px; up to the first nothing is changed, from the second on everything
_SATURATED = 0.995  # recorded values from here up may have been any larger
_USUAL_STEPS = 6  # that bring two thirds of the change
_OF_PIXEL = 28  # bytes that the result takes, and what it is made from
_STAGE = "restoring"
_DISC = RememberedPSF(DiscPSF())


def restore(
    image: ArrayLike | Picture,
    radius_map: ArrayLike,
    parameters: RestorationParameters | None = None,
    *,
    psf: PSF | None = None,
    progress: Progress = ignore_progress,
    **changes: Unpack[RestorationKeywords],
) -> NDArray[np.float32]:
    """Undo the blur that a blur map describes, equation (19).

    Parameters
    ----------
    image : array_like (H, W) or (H, W, 1 to 4), or Picture
        See `defocus.as_picture`.
    radius_map : array_like (H, W)
        Blur radius in px, as from `Analysis.blur_map`.
    parameters : RestorationParameters, optional
    psf : PSF, optional
        The blur's shape; a disc unless given.
    progress : callable, optional
    **changes
        Fields of `RestorationParameters` that differ from `parameters`.

    Returns
    -------
    float32, laid out as `image`
        In [0, 1]; a `Picture` gives (H, W, 3), and alpha is passed on unchanged. Pixels whose radius is up to 1 px
        are exactly the picture's, and up to 1.8 px they pass over: estimates there are mostly too high, since no
        lens is perfectly sharp, and restoring by them would do more harm than good.

    Raises
    ------
    InputError
        If the image or the map cannot be used: other shapes, NaN, negative radii, radii larger than the PSF is known
        for.

    Notes
    -----
    How far the map can be trusted is measured from the picture, see `map_error`. Only luminance is restored. Rims of
    burnt-out lights stay as they are. The picture is solved with a margin of unknown pixels around it, so that borders
    do not ring. Large pictures are solved in overlapping tiles, large radii in reduced pictures.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> picture = rng.random((40, 50), dtype=np.float32)
    >>> bool((restore(picture, np.zeros((40, 50))) == picture).all())
    True
    """
    chosen = with_changes(parameters or RestorationParameters(), changes)
    picture = as_picture(image, measured=False)  # it comes back in its own units
    family = DiscPSF() if psf is None else as_psf(psf)
    radius = checked_radius_map(radius_map, picture.shape, largest=getattr(family, "largest_radius", None))
    progress(0.0, _STAGE)
    require_memory(radius.size * _OF_PIXEL, f"{picture.source}: restoring {radius.shape[1]} x {radius.shape[0]} px")
    color = picture.own_color
    burnt = ndimage.maximum_filter((color >= _SATURATED).any(axis=2), _SIDE)
    change = _change(picture.luminance, burnt, radius, _photograph(picture), chosen, RememberedPSF(family), progress)
    change *= np.clip((radius - _UNTOUCHED) / (_RESTORED - _UNTOUCHED), 0, 1)
    restored = color + change[..., np.newaxis]
    restored = np.where(change[..., np.newaxis] == 0, color, np.clip(restored, 0, 1)).astype(np.float32)
    progress(1.0, _STAGE)
    return as_laid_out(restored, image, picture)


@dataclass(frozen=True)
class _Level:
    """The picture reduced by a factor, and what of it is to be restored there."""

    factor: int
    luminance: NDArray[np.float32]
    radius: NDArray[np.float32]
    share: NDArray[np.float32]  # how much of a pixel's restoration is done here
    clear: NDArray[np.bool_]  # away from burnt-out lights, which may have been any brighter
    belief: NDArray[np.float32]  # as in `map_error`
    error: float  # of the map, to work with
    noise: float
    largest: float  # px; the largest radius that is restored here
    display: bool  # light added up before it was encoded for a display

    def tile(self, here: tuple[slice, slice]) -> _Level:
        """Return a part of it."""
        names = ("luminance", "radius", "share", "clear", "belief")
        return replace(self, **{name: getattr(self, name)[here] for name in names})


def _levels(
    luminance: NDArray[np.float32],
    burnt: NDArray[np.bool_],
    radius: NDArray[np.float32],
    photograph: bool,
    psf: PSF,
) -> Iterator[_Level]:
    """Yield the picture and reduced ones, as long as there are radii too large for the one before."""
    factor = 1
    left = ((radius > _UNTOUCHED) * np.float32(1)).astype(np.float32)
    light = linear(luminance)
    while left.any() and min(radius.shape) >= 4 * factor:
        here = cell_means(radius, factor) / np.float32(factor)
        seen, judged, display = _judged(luminance, light, here, factor, photograph, psf)
        error = judged.error
        if photograph:
            error = max(error, min(_AS_MUCH_AGAIN * error, _LENS))
        error = float(np.clip(error, _BEST, _WORST))
        largest = min(_LARGEST, _UNSURE / error)
        coarser = np.clip(radius / np.float32(factor * largest) * 4 - 3, 0, 1)
        share = cell_means(left * (1 - coarser), factor)
        if share.any():
            clear = cell_means(burnt.astype(np.float32), factor) == 0
            yield _Level(factor, seen, here, share, clear, judged.belief, error, judged.noise, largest, display)
        left = left * coarser
        factor *= 2


def _judged(
    luminance: NDArray[np.float32],
    light: NDArray[np.float32],
    radius: NDArray[np.float32],
    factor: int,
    photograph: bool,
    psf: PSF,
) -> tuple[NDArray[np.float32], MapError, bool]:
    """Return the luminance reduced by a factor, what it tells of the map, and whether light added up before encoding.

    It did in photographs that are encoded for a display, and did not in what was measured or simulated: blur is a disc
    only in what added up, so that the map seems less wrong there.
    """
    planes = cell_means(luminance, factor), cell_means(light, factor)
    as_it_is, before = map_errors(planes, radius, psf)
    if before.error > (_USUAL if photograph else 1 / _USUAL) * as_it_is.error:
        return planes[0], as_it_is, False
    # Noise is judged in what is seen, as misfits are
    return encoded(planes[1]), replace(before, noise=as_it_is.noise), True


def _photograph(picture: Picture) -> bool:
    """Tell whether a picture looks encoded for a display, as photographs mostly are.

    Those of 8 bits do, whatever holds them, and colour of 16; grey of 16 bits comes from cameras that measure, and what
    is in floating point may be anything.
    """
    if picture.bit_depth == 8 or (picture.bit_depth == 16 and not picture.gray):
        return True
    levels = picture.color[::7, ::7] * 255
    return bool((np.abs(levels - np.rint(levels)) < 1e-3).all())


def _change(
    luminance: NDArray[np.float32],
    burnt: NDArray[np.bool_],
    radius: NDArray[np.float32],
    photograph: bool,
    chosen: RestorationParameters,
    psf: PSF,
    progress: Progress,
) -> NDArray[np.float32]:
    """Return what restoration adds to the luminance, level by level, in tiles that overlap."""
    levels = []
    for level in _levels(luminance, burnt, radius, photograph, psf):
        levels.append(level)
        progress(0.0, _STAGE)
    if not levels:
        return np.zeros_like(luminance)
    work = [float((level.share > 0).sum() * (1 + np.square(level.radius).mean())) for level in levels]
    changes = []
    for number, level in enumerate(levels):
        part = sub_progress(progress, sum(work[:number]) / sum(work), sum(work[: number + 1]) / sum(work))
        changes.append(_in_tiles(level, chosen, psf, part))
    result, factor = changes.pop(), levels[-1].factor
    for level, change in zip(reversed(levels[:-1]), reversed(changes), strict=True):
        result = change + _enlarged(result, factor // level.factor, change.shape)
        factor = level.factor
    return _enlarged(result, factor, luminance.shape)


def _enlarged(change: NDArray[np.float32], factor: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a change for as many times as many pixels."""
    if factor == 1:
        return change
    # Cubic, because linear interpolation would take away part of what has just been restored
    return ndimage.zoom(change, factor, mode="nearest", grid_mode=True)[: shape[0], : shape[1]]


def _in_tiles(level: _Level, chosen: RestorationParameters, psf: PSF, progress: Progress) -> NDArray[np.float32]:
    """Return what restoration adds to one level: tiles that overlap are solved and blended where they do."""
    height, width = level.radius.shape
    overlap = int(np.ceil(2 * _LARGEST)) + 8
    tiles = [(rows, columns) for rows in _spans(height, overlap) for columns in _spans(width, overlap)]
    tiles = [tile for tile in tiles if level.share[slice(*tile[0]), slice(*tile[1])].any()]
    total = np.zeros_like(level.luminance)
    weight = np.zeros_like(level.luminance)

    def solved(tile: tuple[tuple[int, int], tuple[int, int]], part: Progress, threads: int) -> NDArray[np.float32]:
        rows, columns = tile
        here = level.tile((slice(*rows), slice(*columns)))
        needed = _needed(here.share > 0, overlap)
        change = np.zeros(here.share.shape, np.float32)
        change[needed] = _solve(here.tile(needed), chosen, psf, part, threads)
        return change * here.belief

    for (rows, columns), change in zip(
        tiles, run_long_parts(solved, tiles, progress=progress, stage=_STAGE), strict=True
    ):
        fade = np.outer(_fade(rows, height, overlap), _fade(columns, width, overlap)).astype(np.float32)
        total[slice(*rows), slice(*columns)] += fade * change
        weight[slice(*rows), slice(*columns)] += fade
    return (total / np.maximum(weight, 1e-6)).astype(np.float32)


def _needed(wanted: NDArray[np.bool_], around: int) -> tuple[slice, slice]:
    """Return the smallest rectangle that holds all that is wanted and so much around it."""
    found = [np.flatnonzero(wanted.any(axis=axis)) for axis in (1, 0)]
    rows, columns = (slice(max(0, int(at[0]) - around), int(at[-1]) + 1 + around) for at in found)
    return rows, columns


def _spans(length: int, overlap: int) -> list[tuple[int, int]]:
    """Return equal spans of about a tile's length that cover an axis and overlap."""
    count = max(1, -(-(length - overlap) // max(_TILE - overlap, _TILE // 2)))
    if length <= _TILE + overlap:
        count = 1
    size = -(-(length + (count - 1) * overlap) // count)
    starts = [round(k * (length - size) / max(count - 1, 1)) for k in range(count)]
    return [(start, start + size) for start in starts]


def _fade(span: tuple[int, int], length: int, overlap: int) -> NDArray[np.float64]:
    """Return weights that rise in the middle half of each overlap: a tile is least right at its very border."""
    position = np.arange(*span)
    rise, fall = ((inside - overlap / 4) / (overlap / 2) for inside in (position - span[0] + 1, span[1] - position))
    return np.clip(np.minimum(rise if span[0] > 0 else 1, fall if span[1] < length else 1), 1e-3, 1) + 0 * position


def _solve(
    level: _Level, chosen: RestorationParameters, psf: PSF, progress: Progress, threads: int
) -> NDArray[np.float32]:
    """Return what restoration adds to one tile."""
    error = level.error
    steps = 0

    def stepped(more: int = 1) -> None:
        nonlocal steps
        steps += more
        progress(1 - np.exp(-steps / _USUAL_STEPS), _STAGE)  # the end comes when nothing changes any more

    largest = getattr(psf, "largest_radius", np.inf)
    radius = np.minimum(level.radius, np.float32(level.largest))
    near = ndimage.maximum_filter(level.share, 2 * int(radius.max()) + 1) > 0
    active = (level.radius > _UNTOUCHED / level.factor) & (level.radius <= level.largest) & near & level.clear
    # Beside what is more in focus nothing can be trusted if the map's edge is not quite in its place: it stays as it is
    wide = VaryingBlur(radius * np.float32(_CLEARANCE), _DISC, active=active, threads=threads)
    known = active & (wide.undisturbed > 0.999)
    if not known.any():
        return np.zeros_like(level.luminance)
    even = UnsureBlur(radius, error, psf, largest=largest, active=known, threads=threads, watch=lambda: stepped(0))
    blur = EncodedBlur(even) if level.display else even
    around = ndimage.maximum_filter(np.pad(known, blur.margin), 2 * blur.margin + 1)
    padded = np.pad(radius, blur.margin, mode="edge")
    inverse = LayeredInverse(padded, error, psf, around, largest=largest, threads=threads)
    # Laplace prior of mean gradient b against Gaussian noise: lambda = 2 sigma^2 / b
    variance = 2 * level.noise + _MODEL_ERROR * (error / _USUAL_ERROR) ** 2
    smoothness = 2 * variance / _MEAN_GRADIENT / chosen.strength
    planes = level.luminance[np.newaxis]
    # What is unsure by so much is not worth more exact an answer
    course = rounds(blur, inverse, planes, known, smoothness, chosen.iterations, _ENOUGH * error, stepped)
    for solution, (lower, upper) in course:  # noqa: B007 - the last one counts
        pass
    share = level.share * np.clip(2 * _smooth(known) - 1, 0, 1)
    # What no picture blurred by this map could look like is not blurred by it: it is in focus, and stays
    misfit = np.where(known, (planes - (lower + upper) / 2)[0] ** 2, 0)
    expected = variance + _smooth(np.where(known, ((lower - upper) / 2)[0] ** 2, 0))
    share = share * np.clip(2 - _smooth(misfit / expected) / _MISFIT, 0, 1)
    # Rings go beyond the range of what is around them; the less sure the map, the less of that is allowed
    around = 2 * _RANGE + 1
    low, high = ndimage.minimum_filter(planes[0], around), ndimage.maximum_filter(planes[0], around)
    excess = np.float32(_EXCESS / error) * (high - low)
    inner = np.clip(solution[blur.inner][0], low - excess, high + excess)
    return (share * (inner - planes[0])).astype(np.float32)


def _smooth(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return the mean over the square around each pixel."""
    return ndimage.uniform_filter(values.astype(np.float32), _SIDE, mode="nearest")
