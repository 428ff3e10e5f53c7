"""Defocus magnification: more background blur, as a wider aperture would have given.

The background is sorted into layers by its blur. From the back to the front each layer is spread by the blur that it
lacks, and covers what lies behind it; the subject comes last, as it was. What the subject hides is filled from around
it, so that none of the subject's light gets into the background. The larger of two radii is taken to lie behind.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from defocus.analysis import with_changes
from defocus.image import Picture, as_picture
from defocus.parallel import run_parts
from defocus.parameters import MagnificationParameters
from defocus.progress import ignore_progress
from defocus.psf import DiscPSF, PolygonPSF
from defocus.restoration import as_laid_out
from defocus.varying_blur import checked_radius_map

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from defocus.progress import Progress
    from defocus.psf import PSF

__all__ = ["magnify"]

_FINEST = 0.5  # px of added blur in the first layer
_RATIO = 1.3  # of the blur of a layer to that of the one before it
_RIM = 2  # px around the subject whose colours are mixed with its own
_TILE = 1024  # px; side of what is computed at a time
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
        `threshold` are exactly the picture's.

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
    picture = as_picture(image)
    radius = checked_radius_map(radius_map, picture.shape)
    if 0 < chosen.blades < 3:
        chosen = with_changes(chosen, {"blades": 0})
    psf = PolygonPSF(chosen.blades, chosen.rotation) if chosen.blades else DiscPSF()
    progress(0.0, _STAGE)
    color = picture.color[..., :1] if picture.gray else picture.color
    planes = np.ascontiguousarray(np.moveaxis(color, 2, 0))
    subject = radius <= chosen.threshold
    added = np.where(subject, 0, radius * np.float32(math.sqrt(chosen.strength**2 - 1)))
    if added.any():
        opaque = np.ones(picture.shape, np.float32) if picture.alpha is None else picture.alpha
        planes = _in_tiles(planes, added, subject, opaque, psf, progress)
    progress(1.0, _STAGE)
    return as_laid_out(np.moveaxis(planes, 0, 2), image, picture)


def _in_tiles(
    planes: NDArray[np.float32],
    added: NDArray[np.float32],
    subject: NDArray[np.bool_],
    opaque: NDArray[np.float32],
    psf: PSF,
    progress: Progress,
) -> NDArray[np.float32]:
    """Compute tile after tile, each from its surroundings as far as kernels reach."""
    cover = _subject_cover(subject)
    # Mixed colours and transparent ones spread nothing
    source = np.where(cover > 0, 0, opaque)
    height, width = subject.shape
    steps = _layer_radii(float(added.max()))
    reach = len(psf.kernel(steps[-1])) // 2
    rows, columns = (np.pad(np.arange(size), reach, mode="symmetric") for size in (height, width))
    result = np.empty_like(planes)
    corners = [(y, x) for y in range(0, height, _TILE) for x in range(0, width, _TILE)]
    for number, (y, x) in enumerate(corners):
        tall, wide = min(_TILE, height - y), min(_TILE, width - x)
        inner = (slice(y, y + tall), slice(x, x + wide))
        if cover[inner].all():
            result[:, *inner] = planes[:, *inner]
            continue
        there = np.ix_(rows[y : y + tall + 2 * reach], columns[x : x + wide + 2 * reach])

        def report(fraction: float, number: int = number) -> None:
            progress((number + fraction) / len(corners), _STAGE)

        light = _linear(np.stack([plane[there] for plane in planes]))
        behind, known = _spread(light, added[there], source[there], steps, psf, reach, report)
        own = planes[:, *inner]
        # Where nothing of the background is near, a pixel keeps its own colour
        share = np.where(known > 1e-3, 1 - cover[inner], 0).astype(np.float32)
        background = _encoded(behind / np.maximum(known, 1e-3))
        result[:, *inner] = own + share * (background - own)
    return np.clip(result, 0, 1)


def _layer_radii(largest: float) -> list[float]:
    """Return the added blur of each layer in px, from 0 to `largest`."""
    count = max(1, math.ceil(math.log(max(largest / _FINEST, 1)) / math.log(_RATIO)) + 1)
    return [0.0, *np.geomspace(min(_FINEST, largest), largest, count).tolist()] if count > 1 else [0.0, largest]


def _subject_cover(subject: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how much of each pixel the subject covers: 1 on it, falling to 0 over the rim around it."""
    cover = subject.astype(np.float32)
    near = subject
    for step in range(1, _RIM + 1):
        padded = np.pad(near, 1)
        near = near | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
        cover[near & (cover == 0)] = 1 - step / (_RIM + 1)
    return cover


def _spread(
    light: NDArray[np.float32],
    added: NDArray[np.float32],
    source: NDArray[np.float32],
    steps: list[float],
    psf: PSF,
    margin: int,
    report: Any,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lay the layers over each other from the back; return their light and how much of each pixel they cover."""
    height, width = added.shape
    inner = (slice(margin, height - margin), slice(margin, width - margin))
    place = np.interp(added, steps, np.arange(len(steps))).astype(np.float32)
    behind = np.zeros((len(light), height - 2 * margin, width - 2 * margin), np.float32)
    known = np.zeros(behind.shape[1:], np.float32)
    for layer in range(len(steps) - 1, -1, -1):
        report(1 - (layer + 1) / len(steps))
        part = np.maximum(1 - np.abs(place - layer), 0) * source  # neighbouring layers share what lies between them
        if not part.any():
            continue
        planes = np.concatenate([light * part, part[np.newaxis]])
        moved = _convolved(planes, psf.kernel(steps[layer]))[:, *inner]
        through = 1 - moved[-1]
        behind = behind * through + moved[:-1]
        known = known * through + moved[-1]
    return behind, known


def _convolved(planes: NDArray[np.float32], kernel: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return each plane convolved with a kernel; right where the kernel stays within the plane."""
    if len(kernel) == 1:
        return planes
    half = len(kernel) // 2
    shape = tuple(_fast_length(size) for size in planes.shape[1:])
    spectrum = np.fft.rfft2(kernel.astype(np.float32), shape)

    def one(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.fft.irfft2(np.fft.rfft2(plane, shape) * spectrum, shape)
        return np.roll(out, (-half, -half), (0, 1))[: plane.shape[0], : plane.shape[1]].astype(np.float32)

    return np.maximum(np.stack(run_parts(one, planes)), 0)


def _fast_length(size: int) -> int:
    """Return the next length with no prime factors but 2, 3 and 5, for which Fourier transforms are quick."""
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 1


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
