"""Defocus magnification: more background blur, as a wider aperture would have given.

The background is sorted into layers by its blur. From the back to the front each layer is spread by the blur that it
lacks, and covers what lies behind it; the subject comes last, as it was. What the subject hides is filled from around
it, so that none of the subject's light gets into the background. The larger of two radii is taken to lie behind.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage

from defocus.memory import require_memory
from defocus.parallel import run_parts
from defocus.parameters import MagnificationParameters, with_changes
from defocus.pictures.picture import as_laid_out, as_picture
from defocus.progress import ignore_progress, sub_progress
from defocus.psf.families import DiscPSF, PolygonPSF
from defocus.psf.varying_blur import checked_radius_map

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from defocus.pictures.picture import Picture
    from defocus.progress import Progress

__all__ = ["magnify"]

_IN_FOCUS = 1.0  # px; what stays as it is if nobody says so
_FINEST = 0.5  # px of added blur in the first layer
_RATIO = 1.3  # of the blur of a layer to that of the one before it
_RIM = 2  # px around the subject whose colours are mixed with its own
_TILE = 512  # px; side of what is computed at a time
_LEAST_KNOWN = 1e-3  # share of a pixel that must be covered by the background for its colour to be known
_OF_PIXEL = 24  # bytes that the result takes, and what it is made from
_STAGE = "blurring the background"


def magnify(
    image: ArrayLike | Picture,
    radius_map: ArrayLike,
    parameters: MagnificationParameters | None = None,
    *,
    progress: Progress = ignore_progress,
    **changes: Any,
) -> NDArray[np.float32]:
    """Blur the background more, by its blur map.

    Parameters
    ----------
    image : array_like (H, W) or (H, W, 1 to 4), or Picture
        See `defocus.as_picture`.
    radius_map : array_like (H, W)
        Blur radius in px, as from `Analysis.blur_map`.
    parameters : MagnificationParameters, optional
    progress : callable, optional
    **changes
        Fields of `MagnificationParameters` that differ from `parameters`.

    Returns
    -------
    float32, laid out as `image`
        In [0, 1]; a `Picture` gives (H, W, 3), and alpha is passed on unchanged. Pixels whose radius is at most
        `threshold` are exactly the picture's; "auto" is 1 px here, where there is no analysis to ask for the mask's.

    Raises
    ------
    InputError
        If the image or the map cannot be used: other shapes, NaN, negative or too large radii.

    Notes
    -----
    A disc of radius r that is to become one of radius k r lacks a blur of radius r sqrt(k^2 - 1), because variances
    add. Light is added up in linear intensities (sRGB decoded), so that highlights become bright discs.

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
    color = picture.color[..., :1] if picture.gray else picture.color
    threshold = _IN_FOCUS if chosen.threshold == "auto" else float(chosen.threshold)
    if chosen.strength > 1 and radius.max() > threshold:
        color = _in_tiles(color, radius, picture.alpha, chosen, threshold, progress)
    progress(1.0, _STAGE)
    return as_laid_out(np.array(color, np.float32), image, picture)


def _in_tiles(
    color: NDArray[np.float32],
    radius: NDArray[np.float32],
    alpha: NDArray[np.float32] | None,
    chosen: MagnificationParameters,
    threshold: float,
    progress: Progress,
) -> NDArray[np.float32]:
    """Compute tile after tile, each from its surroundings as far as kernels reach."""
    psf = PolygonPSF(chosen.bokeh_blades, chosen.bokeh_rotation) if chosen.bokeh_blades >= 3 else DiscPSF()
    lacking = np.float32(math.sqrt(chosen.strength**2 - 1))
    steps = _layer_radii(float(radius.max() * lacking))
    kernels = [psf.kernel(step) for step in steps]
    reach = len(kernels[-1]) // 2
    margin = reach + _RIM
    height, width = radius.shape
    rows, columns = (np.pad(np.arange(size), margin, mode="symmetric") for size in (height, width))
    side = max(_TILE, 2 * reach)  # wide kernels make small tiles wasteful
    corners = [(y, x) for y in range(0, height, side) for x in range(0, width, side)]
    result = np.array(color, np.float32)
    for number, (y, x) in enumerate(corners):
        part = sub_progress(progress, number / len(corners), (number + 1) / len(corners))
        part(0.0, _STAGE)
        inner = (slice(y, y + side), slice(x, x + side))
        if radius[inner].max() <= threshold:
            continue
        there = np.ix_(rows[y : y + side + 2 * margin], columns[x : x + side + 2 * margin])
        cover = _subject_cover(radius[there] <= threshold)
        # Mixed colours and transparent ones spread nothing
        source = np.where(cover > 0, np.float32(0), np.float32(1) if alpha is None else alpha[there])
        place = np.interp(radius[there] * lacking, steps, np.arange(len(steps))).astype(np.float32)
        light = _linear(np.moveaxis(color[there], 2, 0))
        behind, known = _spread(light, place, source, kernels, margin, part)
        # Where nothing of the background is near, a pixel keeps its own colour
        share = np.where(known > _LEAST_KNOWN, 1 - cover[margin:-margin, margin:-margin], np.float32(0))
        background = _encoded(behind / np.maximum(known, _LEAST_KNOWN))
        mixed = color[inner] + (share * (background - np.moveaxis(color[inner], 2, 0))).transpose(1, 2, 0)
        result[inner] = np.where(share[..., np.newaxis] > 0, np.clip(mixed, 0, 1), color[inner])
    return result


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
    kernels: list[NDArray[np.float64]],
    margin: int,
    progress: Progress,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lay the layers over each other from the back; return their light and how much of each pixel they cover.

    `place` says between which two layers a pixel lies, `source` how much of its light it spreads. Results are smaller
    than these by `margin` on each side.
    """
    height, width = place.shape
    inner = (slice(margin, height - margin), slice(margin, width - margin))
    # Last of the planes: how much is covered. `last` is the layer before, `behind` all that lies behind that one
    last = np.zeros((len(light) + 1, height - 2 * margin, width - 2 * margin), np.float32)
    behind = np.zeros_like(last)
    for layer in range(len(kernels) - 1, -1, -1):
        here = sub_progress(progress, 1 - (layer + 1) / len(kernels), 1 - layer / len(kernels))
        here(0.0, _STAGE)
        part = np.maximum(1 - np.abs(place - layer), 0) * source  # neighbouring layers share what lies between them
        if not part.any():
            continue
        planes = np.concatenate([light * part, part[np.newaxis]])
        moved = _convolved(planes, kernels[layer], here)[:, *inner]
        # Layers that meet add up: a pixel that they share, or that lies on their border, is covered by both together.
        # Through what they leave open one sees what lies behind them
        behind = _before(last, behind, 1 - moved[-1])
        last = moved
    behind = _before(last, behind, np.ones_like(last[-1]))
    return behind[:-1], behind[-1]


def _before(front: NDArray[np.float32], behind: NDArray[np.float32], room: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what is seen where a layer, squeezed into the share `room` of each pixel, stands before the rest."""
    gain = 1 / np.maximum(np.maximum(room, front[-1]), _LEAST_KNOWN)
    return front * gain + (1 - front[-1] * gain) * behind


def _convolved(planes: NDArray[np.float32], kernel: NDArray[np.float64], progress: Progress) -> NDArray[np.float32]:
    """Return each plane convolved with a kernel; right where the kernel stays within the plane."""
    if len(kernel) == 1:
        return planes
    half = len(kernel) // 2
    shape = tuple(fft.next_fast_len(size, real=True) for size in planes.shape[1:])
    spectrum = np.fft.rfft2(kernel.astype(np.float32), shape)

    def one(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.fft.irfft2(np.fft.rfft2(plane, shape) * spectrum, shape)
        return np.roll(out, (-half, -half), (0, 1))[: plane.shape[0], : plane.shape[1]].astype(np.float32)

    return np.maximum(np.stack(run_parts(one, planes, progress=progress, stage=_STAGE)), 0)


def _linear(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Decode sRGB."""
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def _encoded(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Encode as sRGB."""
    return np.where(
        values <= 0.0031308, values * 12.92, 1.055 * np.maximum(values, 0.0031308) ** (1 / 2.4) - 0.055
    ).astype(np.float32)
