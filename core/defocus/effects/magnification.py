"""Defocus magnification: more background blur, as a wider aperture would have given.

The background is sorted into layers by its blur. From the back to the front each layer is spread by the blur that it
lacks, and covers what lies behind it; the subject comes last, as it was. What the subject hides is filled from around
it, so that none of the subject's light gets into the background. The larger of two radii is taken to lie behind.

The subject is a matte: where it is neither whole nor absent, as in hair, the background's own colours are found
(`foreground`) and are what is blurred. What lies before the focus, where the focus has a near end, is spread last, over
everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage

from defocus.effects.foreground import unmixed_colors
from defocus.effects.iris import Iris
from defocus.effects.light import encoded, grain_covariance, grain_field, lamps, linear
from defocus.errors import InputError
from defocus.memory import require_memory
from defocus.parallel import run_long_parts
from defocus.parameters import MagnificationParameters, with_changes
from defocus.pictures.picture import as_laid_out, as_picture
from defocus.pictures.sampling import nearest_known
from defocus.progress import ignore_progress, sub_progress
from defocus.psf.varying_blur import checked_radius_map

if TYPE_CHECKING:
    from typing import Unpack

    from numpy.typing import ArrayLike, NDArray

    from defocus.keywords import MagnificationKeywords
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress

__all__ = ["IN_FOCUS", "checked_subject", "magnify"]

IN_FOCUS = 1.0
"""Radius in px up to which pixels stay as they are if nobody says another."""

_DECIDED = 1.2  # times the end of the focus: blur that is clearly more, where strength is whole
_RIM_DECIDED = 0.5  # from which on what lies beside the subject is another surface
_LEAST = 0.05  # px; radii below it are one
_FINEST = 0.5  # px of added blur in the first layer
_RATIO = 1.3  # of the blur of a layer to that of the one before it
_RIM = 2  # px around the subject whose colours are mixed with its own
_MIXED = 0.02  # opacity of the subject from which on the radius of a pixel says nothing of its background
_TILE = 512  # px; side of what is computed at a time
_EYE_TILE = 64  # px; the same where the iris changes over the picture, half of which tiles blend over, ...
_EYE_USUAL = 800.0  # ... in a picture of this diagonal
_LEAST_KNOWN = 1e-3  # share of a pixel that must be covered by the background for its colour to be known
_OF_PIXEL = 48  # bytes that the result takes, and what it is made from
_STAGE = "blurring the background"


def magnify(
    image: ArrayLike | Picture,
    radius_map: ArrayLike,
    parameters: MagnificationParameters | None = None,
    *,
    subject: ArrayLike | None = None,
    progress: Progress = ignore_progress,
    **changes: Unpack[MagnificationKeywords],
) -> NDArray[np.float32]:
    """Blur the background more, by its blur map.

    Parameters
    ----------
    image : array_like (H, W) or (H, W, 1 to 4), or Picture
        See `defocus.as_picture`.
    radius_map : array_like (H, W)
        Blur radius in px, as from `Analysis.blur_map`.
    parameters : MagnificationParameters, optional
    subject : array_like (H, W), optional
        Matte in [0, 1] of what stays: 1 stays exactly, 0 is background, whatever its radius. From the map unless given:
        what is within the range of focus.
    progress : callable, optional
    **changes
        Fields of `MagnificationParameters` that differ from `parameters`.

    Returns
    -------
    float32, laid out as `image`
        In [0, 1]; a `Picture` gives (H, W, 3), and alpha is passed on unchanged. Pixels whose radius is at most
        `threshold` and at least `focus_from`, or where the subject is 1, are exactly the picture's; "auto" is 1 px
        here, where there is no analysis to ask for the mask's.

    Raises
    ------
    InputError
        If the image, the map or the subject cannot be used: other shapes, NaN, negative or too large values.

    Notes
    -----
    A disc of radius r that is to become one of radius k r lacks a blur of radius r sqrt(k^2 - 1), because variances
    add. Strength is whole from 1.2 times the end of the focus on, and begins at 1 there, so that a surface that runs
    out of focus is not torn in two. What lies before the near end of the focus, by so many px of radius, is blurred as
    what lies so far behind its other end: to a radius of k (t + f - r) for a range from f to t. Light is added up in
    linear intensities (sRGB decoded), so that highlights become bright discs.

    References
    ----------
    S. Bae and F. Durand, "Defocus Magnification", Computer Graphics Forum 26(3), 2007.
    https://doi.org/10.1111/j.1467-8659.2007.01080.x

    Examples
    --------
    >>> picture = np.random.default_rng(0).random((40, 50), dtype=np.float32)
    >>> radius = np.where(np.arange(50) < 25, 0.0, 3.0) * np.ones((40, 1))
    >>> blurred = magnify(picture, radius, strength=2)
    >>> bool((blurred[:, :25] == picture[:, :25]).all()), bool(blurred[:, 30:].std() < picture[:, 30:].std() / 2)
    (True, True)
    """
    chosen = with_changes(parameters or MagnificationParameters(), changes)
    progress(0.0, _STAGE)
    picture = as_picture(image, measured=False)  # it comes back in its own units
    radius = checked_radius_map(radius_map, picture.shape)
    require_memory(radius.size * _OF_PIXEL, f"{picture.source}: magnifying {radius.shape[1]} x {radius.shape[0]} px")
    scene = None
    if chosen.strength > 1:
        matte = None if subject is None else checked_subject(subject, radius.shape)
        scene = _scene(picture.own_color, radius, matte, picture.alpha, chosen)
    if scene is None:
        color = np.array(picture.own_color, np.float32)
    else:
        color = _in_tiles(scene, Iris(chosen.bokeh_blades, chosen.bokeh_rotation, chosen.cats_eye), progress)
    progress(1.0, _STAGE)
    return as_laid_out(color, image, picture)


def checked_subject(subject: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the matte of a subject as float32 (H, W).

    Parameters
    ----------
    subject : array_like (H, W)
        In [0, 1].
    shape : (int, int)
        Height and width of the picture it belongs to.

    Raises
    ------
    InputError
        If it has another shape, or values that are no numbers in [0, 1].
    """
    try:
        matte = np.asarray(subject, np.float32)
    except (TypeError, ValueError) as error:
        raise InputError("the subject is not an array of numbers") from error
    if matte.shape != shape:
        raise InputError(f"the subject has shape {matte.shape}, the picture {shape}")
    if not (matte.min() >= 0 and matte.max() <= 1):  # nor NaN
        raise InputError("the subject must lie within [0, 1]")
    return matte


@dataclass(frozen=True)
class _Scene:
    """What is blurred, and by how much."""

    color: NDArray[np.float32]  # (H, W, C), encoded
    cover: NDArray[np.float32]  # (H, W): how much of each pixel the subject covers
    source: NDArray[np.float32]  # (H, W): how much of its light a pixel of the background spreads
    near: NDArray[np.float32] | None  # the same of what lies before the focus
    lacking: NDArray[np.float32]  # px; the blur to be added
    lamps: NDArray[np.float32] | None  # (H, W): gain of linear light, less 1
    grain: NDArray[np.float64]  # covariance
    matte: bool  # whether colours are to be unmixed


def _scene(
    color: NDArray[np.float32],
    radius: NDArray[np.float32],
    subject: NDArray[np.float32] | None,
    alpha: NDArray[np.float32] | None,
    chosen: MagnificationParameters,
) -> _Scene | None:
    """Return what is to be blurred by how much; None if nothing is."""
    end = IN_FOCUS if chosen.threshold == "auto" else float(chosen.threshold)
    start = min(float(chosen.focus_from), end)
    kept = (radius <= end) & (radius >= start) if subject is None else subject > 0
    if kept.all() if subject is None else (subject == 1).all():
        return None
    decided = _decided(radius, start, end)
    before = (radius < start) & ~kept if start > 0 else None
    if before is not None and not before.any():
        before = None
    if subject is None:
        cover = _subject_cover(kept)
        cover[~kept & (decided < _RIM_DECIDED)] = 0  # where a surface runs on, no colours are mixed
        if before is not None:
            cover[before] = 0  # its rim is its own
    else:
        cover = subject
        mixed = subject > _MIXED
        if mixed.any() and not mixed.all():  # windows at the rim saw the subject, too
            mixed = ndimage.binary_dilation(mixed, iterations=_RIM)
        if mixed.any() and not mixed.all():
            nearest = nearest_known(~mixed)
            radius, decided = radius[nearest], decided[nearest]
        if before is None:
            radius = np.maximum(radius, np.float32(end))  # what is no subject is not in focus
        else:
            before = (radius < start) & (cover < 1)
            radius = np.where(before, radius, np.maximum(radius, np.float32(end)))
    wanted = np.where(radius < start, np.float32(end + start) - radius, radius)
    decided *= np.float32(chosen.strength - 1)
    wanted *= 1 + decided
    np.square(wanted, out=wanted)
    wanted -= np.square(radius)
    lacking = np.sqrt(np.maximum(wanted, 0, out=wanted), out=wanted)
    # Mixed colours and transparent ones spread nothing; those that are unmixed spread what they cover
    opaque = np.float32(1) if alpha is None else alpha
    share = np.where(cover > 0, np.float32(0), np.float32(1)) if subject is None else 1 - cover
    away = share > 0
    if not away.any():
        return None
    largest = float(lacking[away].max())
    np.minimum(lacking, np.float32(largest), out=lacking)
    lit = None
    if chosen.highlights > 0:
        lit = lamps(color, 2 * math.ceil(largest) + 1) * np.float32(2**chosen.highlights - 1)
        lit = lit if lit.any() else None
    grain = np.zeros((color.shape[2],) * 2)
    if chosen.grain > 0:
        grain = grain_covariance(color, away) * chosen.grain**2
    source = (share * opaque).astype(np.float32)
    near = None
    if before is not None:
        near = np.where(before, source, np.float32(0)).astype(np.float32)
        source = np.where(before, np.float32(0), source).astype(np.float32)
    matte = subject is not None and bool(((cover > 0) & (cover < 1)).any())
    return _Scene(color, np.asarray(cover, np.float32), source, near, lacking, lit, grain, matte)


def _decided(radius: NDArray[np.float32], start: float, end: float) -> NDArray[np.float32]:
    """Return how clearly each pixel lies off the ends of the range of focus, float32 (H, W) in [0, 1], 0 at an end.

    A radius near an end belongs to a surface that runs out of focus, or to one of which nobody knows the side: a step
    of the blur would tear the one in two, and spoil half of the other.
    """
    sizes = np.maximum(radius, np.float32(_LEAST))
    np.log(sizes, out=sizes)
    away = np.abs(sizes - np.float32(math.log(max(end, _LEAST))))
    if start > 0:
        sizes -= np.float32(math.log(max(start, _LEAST)))
        np.minimum(away, np.abs(sizes, out=sizes), out=away)
    away /= np.float32(math.log(_DECIDED))
    return np.minimum(away, 1, out=away)


def _in_tiles(scene: _Scene, iris: Iris, progress: Progress) -> NDArray[np.float32]:
    """Compute tile after tile, each from its surroundings as far as kernels reach."""
    color, cover = scene.color, scene.cover
    height, width = cover.shape
    steps = _layer_radii(float(scene.lacking.max()))
    reach = len(iris.kernel(steps[-1])) // 2
    margin = reach + _RIM
    eye = iris.cats_eye > 0
    middle = math.hypot(height, width) / 2
    least = max(_EYE_TILE, round(_EYE_TILE * 2 * middle / _EYE_USUAL)) if eye else _TILE
    blend = least // 2 if eye else 0
    rows, columns = (np.pad(np.arange(size), margin + blend, mode="symmetric") for size in (height, width))
    side = max(least, 2 * reach)  # wide kernels make small tiles wasteful
    corners = [(y, x) for y in range(0, height, side) for x in range(0, width, side)]
    kernels = [iris.kernel(step) for step in steps]
    total = np.array(color, np.float32)

    def compute(corner: tuple[int, int], part: Progress, threads: int) -> None:
        y, x = corner
        inner = tuple(
            slice(max(0, at - blend), min(size, at + side + blend))
            for at, size in zip((y, x), (height, width), strict=True)
        )
        there = np.ix_(
            rows[inner[0].start + blend : inner[0].stop + blend + 2 * margin],
            columns[inner[1].start + blend : inner[1].stop + blend + 2 * margin],
        )
        if cover[inner].min() >= 1 and (scene.near is None or not scene.near[there].any()):
            return
        own = kernels
        if eye:
            place = (y + side / 2 - height / 2) / middle, (x + side / 2 - width / 2) / middle
            own = [iris.kernel(step, place) for step in steps]
        change = _tile(scene, there, steps, own, margin, (y, x), part, threads)
        fades = [
            _fade(span, at, side, blend, size) for span, at, size in zip(inner, (y, x), (height, width), strict=True)
        ]
        total[inner] += np.outer(*fades)[..., np.newaxis] * change

    # Tiles that blend are neighbours: of every second one none meets another, and sums do not depend on their order
    groups = [[at for at in corners if (at[0] // side % 2, at[1] // side % 2) == turn] for turn in np.ndindex(2, 2)]
    done = 0
    for group in groups if eye else [corners]:
        part = sub_progress(progress, done / len(corners), (done + len(group)) / len(corners))
        run_long_parts(compute, group, progress=part, stage=_STAGE)
        done += len(group)
    return np.clip(total, 0, 1, out=total)


def _fade(span: slice, at: int, side: int, blend: int, size: int) -> NDArray[np.float32]:
    """Return the weights of a tile along one axis: they fall where it overlaps its neighbours, and add up to 1."""
    if blend == 0:
        return np.ones(span.stop - span.start, np.float32)
    place = np.arange(span.start, span.stop) + 0.5
    rise = np.clip((place - (at - blend)) / (2 * blend), 0, 1) if at > 0 else np.ones_like(place)
    fall = np.clip((at + side + blend - place) / (2 * blend), 0, 1) if at + side < size else np.ones_like(place)
    return (rise * fall).astype(np.float32)


def _tile(
    scene: _Scene,
    there: tuple[NDArray[np.intp], ...],
    steps: list[float],
    kernels: list[NDArray[np.float64]],
    margin: int,
    corner: tuple[int, int],
    progress: Progress,
    threads: int,
) -> NDArray[np.float32]:
    """Return what is added to the colours of a tile, float32 (h, w, C), given the pixels in and around it."""
    seen = color = scene.color[there]
    cover, source = scene.cover[there], scene.source[there]
    within = np.s_[margin:-margin, margin:-margin]
    own = unmixed_colors(color, cover)[1] if scene.matte and ((cover > 0) & (cover < 1)).any() else color
    place = np.interp(scene.lacking[there], steps, np.arange(len(steps))).astype(np.float32)
    light = linear(np.moveaxis(own, 2, 0))
    if scene.lamps is not None:
        light = light * (1 + scene.lamps[there])
    near = None if scene.near is None or not scene.near[there].any() else scene.near[there]
    parts = sub_progress(progress, 0, 1 if near is None else 0.5)
    if near is None:
        behind, known = _spread(light, place, source, list(enumerate(kernels))[::-1], margin, parts, threads)
    else:  # what lies before the focus hides things: take them for what is seen beside
        _, nearest = ndimage.distance_transform_edt(near > 0, return_indices=True)
        at = tuple(nearest)
        seen, own, cover, source = color[at], own[at], cover[at], source[at]
        order = list(enumerate(kernels))[::-1]
        behind, known = _spread(light[:, *at], place[at], source, order, margin, parts, threads)
    # Where nothing of the background is near, a pixel keeps its own colour
    share = np.where(known > _LEAST_KNOWN, 1 - cover[within], np.float32(0))
    blurred = np.minimum(encoded(behind / np.maximum(known, _LEAST_KNOWN)), 1)
    result = seen[within] + (share * (blurred - np.moveaxis(own[within], 2, 0))).transpose(1, 2, 0)
    if near is not None:
        parts = sub_progress(progress, 0.5, 1)
        front, covered = _spread(light, place, near, list(enumerate(kernels)), margin, parts, threads)
        over = np.moveaxis(encoded(front + (1 - covered) * linear(np.moveaxis(result, 2, 0))), 0, 2)
        result = np.where(covered[..., np.newaxis] > _LEAST_KNOWN, np.minimum(over, 1), result)
        share = np.maximum(share, covered)
    if scene.grain.any():
        kept = np.array([np.square(kernel).sum() for kernel in kernels])
        gone = 1 - np.interp(place[within], np.arange(len(kernels)), kept).astype(np.float32)
        noise = grain_field(share.shape, corner, scene.grain)
        # A pixel that is blurred in part keeps its grain in part
        result = result + (np.sqrt(np.clip(share * (2 - share), 0, 1) * gone) * noise).transpose(1, 2, 0)
    changed = share[..., np.newaxis] > 0
    return np.where(changed, np.clip(result, 0, 1) - color[within], np.float32(0)).astype(np.float32)


def _layer_radii(largest: float) -> list[float]:
    """Return the added blur of each layer in px, from 0 to `largest`."""
    count = max(1, math.ceil(math.log(max(largest / _FINEST, 1)) / math.log(_RATIO)) + 1)
    return [0.0, *np.geomspace(min(_FINEST, largest), largest, count).tolist()] if count > 1 else [0.0, largest]


def _subject_cover(subject: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how much of each pixel the subject covers: 1 on it, falling to 0 over the rim around it."""
    cover = subject.astype(np.float32)
    near = subject
    for step in range(1, _RIM + 1):
        near = ndimage.binary_dilation(near)
        cover[near & (cover == 0)] = 1 - step / (_RIM + 1)
    return cover


def _spread(
    light: NDArray[np.float32],
    place: NDArray[np.float32],
    source: NDArray[np.float32],
    order: list[tuple[int, NDArray[np.float64]]],
    margin: int,
    progress: Progress,
    threads: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lay the layers over each other from the back; return their light and how much of each pixel they cover.

    `place` says between which two layers a pixel lies, `source` how much of its light it spreads, `order` the number
    and the kernel of each layer, from the back. Results are smaller than these by `margin` on each side.
    """
    # Last of the planes: how much is covered. `last` is the layer before, `behind` all that lies behind that one
    last = np.zeros((len(light) + 1, *(size - 2 * margin for size in place.shape)), np.float32)
    behind = np.zeros_like(last)
    places = place[source > 0]
    first, end = (places.min() - 1, places.max() + 1) if places.size else (0, 0)
    for number, (layer, kernel) in enumerate(order):
        progress(number / len(order), _STAGE)
        if not first < layer < end:
            continue
        part = np.maximum(1 - np.abs(place - layer), 0) * source  # neighbouring layers share what lies between them
        if not part.any():
            continue
        planes = np.concatenate([light * part, part[np.newaxis]])
        moved = _convolved(planes, kernel, margin, threads)
        # Layers that meet add up: a pixel that they share, or that lies on their border, is covered by both together.
        # Through what they leave open one sees what lies behind them
        behind = _before(last, behind, 1 - moved[-1])
        last = moved
    behind = _before(last, behind, np.ones_like(last[-1]))
    return behind[:-1], behind[-1]


def _before(front: NDArray[np.float32], behind: NDArray[np.float32], room: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what is seen where a layer, squeezed into the share `room` of each pixel, stands before the rest.

    `front` is used up: it becomes the result.
    """
    front *= 1 / np.maximum(np.maximum(room, front[-1]), _LEAST_KNOWN)
    front += (1 - front[-1]) * behind
    return front


def _convolved(
    planes: NDArray[np.float32], kernel: NDArray[np.float64], margin: int, threads: int
) -> NDArray[np.float32]:
    """Return each plane convolved with a kernel that reaches no farther than a margin, without that margin."""
    height, width = planes.shape[1:]
    if len(kernel) == 1:
        return planes[:, margin : height - margin, margin : width - margin]
    first = margin + len(kernel) // 2
    shape = tuple(fft.next_fast_len(size, real=True) for size in (height, width))
    spectrum = fft.rfft2(planes, shape, workers=threads)
    spectrum *= fft.rfft2(kernel.astype(np.float32), shape, workers=threads)
    whole = fft.irfft2(spectrum, shape, overwrite_x=True, workers=threads)
    return np.maximum(whole[:, first : first + height - 2 * margin, first : first + width - 2 * margin], 0)
