"""Restoration: the all-in-focus picture from a picture and its blur map (equation 19).

The picture sought minimises ||W (A f - g)||^2 + lambda |grad f|_1, where A is the varying blur. The prior's absolute
values are replaced by the half-quadratic bound |d| <= (d^2 / e + e) / 2, tight at e = |d|: conjugate gradients solve
the quadratic problem for fixed e and then e is set anew, which lowers the energy at every round. W trusts a pixel less
where its blur depends much on the radius, because no map is exact: without that, errors of the map become ringing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.parameters import RestorationParameters, with_changes
from defocus.pictures.picture import as_laid_out, as_picture
from defocus.progress import ignore_progress, sub_progress
from defocus.psf.families import DiscPSF
from defocus.psf.varying_blur import VaryingBlur, checked_radius_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from defocus.pictures.picture import Picture
    from defocus.progress import Progress
    from defocus.psf.families import PSF

__all__ = ["restore"]

_TILE = 1024  # px; side of what is solved at a time in large pictures
_ROUND = 10  # conjugate-gradient steps between two settings of the prior's weights
_TOLERANCE = 3e-4  # root-mean-square change of a whole round, in grey values of [0, 1], below which nothing changes
_MEAN_GRADIENT = 0.2  # in [0, 1] per px, the scale of the prior's Laplace distribution: that of the steepest texture
_SMALLEST_GRADIENT = 2e-3  # below this the prior is quadratic
_MODEL_ERROR = 1e-6  # variance; kernels are never exact
_EIGHT_BIT_ERROR = 5e-5  # variance; pictures of 8 bits mostly are JPEG files, whose errors lie in every frequency
_SATURATED = 0.995  # recorded values from here up may have been any larger
_MAP_ERROR = 0.08  # px, standard deviation: errors of the map that the solution must bear
_MAP_ERROR_SIDE = 9  # px; errors of the map are alike over so many pixels
_CLEARANCE = 1.5  # radii from what is in focus within which nothing is restored
_MISFIT = 3.0  # times the noise variance: mean squared error around a pixel, from which on its radius is doubted
_UNTOUCHED, _RESTORED = 1.0, 1.8  # px; up to the first nothing is changed, from the second on everything


def restore(
    image: ArrayLike | Picture,
    radius_map: ArrayLike,
    parameters: RestorationParameters | None = None,
    *,
    psf: PSF | None = None,
    progress: Progress = ignore_progress,
    **changes: Any,
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
    Saturated pixels only bound the picture from below. The picture is solved with a margin of unknown pixels around
    it, so that borders do not ring. Large pictures are solved in overlapping tiles.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> picture = rng.random((40, 50), dtype=np.float32)
    >>> bool((restore(picture, np.zeros((40, 50))) == picture).all())
    True
    """
    chosen = with_changes(parameters or RestorationParameters(), changes)
    picture = as_picture(image, measured=False)  # it comes back in its own units
    family = DiscPSF() if psf is None else psf
    radius = checked_radius_map(radius_map, picture.shape, largest=getattr(family, "largest_radius", None))
    progress(0.0, "restoring")
    color = picture.color[..., :1] if picture.gray else picture.color
    planes = np.ascontiguousarray(np.moveaxis(color, 2, 0))
    restored = _in_tiles(planes, radius, chosen, family, progress)
    progress(1.0, "restoring")
    return as_laid_out(np.moveaxis(restored, 0, 2), image, picture)


def _in_tiles(
    planes: NDArray[np.float32],
    radius: NDArray[np.float32],
    chosen: RestorationParameters,
    psf: PSF,
    progress: Progress,
) -> NDArray[np.float32]:
    """Solve tiles that overlap, and blend them where they do."""
    height, width = radius.shape
    if radius.max() <= _UNTOUCHED:
        return planes.copy()
    noise = _noise_variance(planes)
    overlap = int(np.ceil(2 * radius.max())) + 8
    tiles = [(rows, columns) for rows in _spans(height, overlap) for columns in _spans(width, overlap)]
    if len(tiles) == 1:
        return _solve(planes, radius, noise, chosen, psf, progress)
    total = np.zeros_like(planes)
    weight = np.zeros((height, width), np.float32)
    for number, (rows, columns) in enumerate(tiles):
        here = (slice(*rows), slice(*columns))
        part = sub_progress(progress, number / len(tiles), (number + 1) / len(tiles))
        solved = _solve(np.ascontiguousarray(planes[:, *here]), radius[here], noise, chosen, psf, part)
        share = np.outer(_fade(rows, height, overlap), _fade(columns, width, overlap)).astype(np.float32)
        total[:, *here] += share * solved
        weight[here] += share
    total /= weight
    untouched = radius <= _UNTOUCHED
    total[:, untouched] = planes[:, untouched]
    return np.clip(total, 0, 1)


def _spans(length: int, overlap: int) -> list[tuple[int, int]]:
    """Return equal spans of about a tile's length that cover an axis and overlap."""
    count = max(1, -(-(length - overlap) // max(_TILE - overlap, _TILE // 2)))
    if length <= _TILE + overlap:
        count = 1
    size = -(-(length + (count - 1) * overlap) // count)
    starts = [round(k * (length - size) / max(count - 1, 1)) for k in range(count)]
    return [(start, start + size) for start in starts]


def _fade(span: tuple[int, int], length: int, overlap: int) -> NDArray[np.float64]:
    """Return weights that rise from a tile's inner borders over the overlap."""
    position = np.arange(*span)
    rise = np.ones(len(position)) if span[0] == 0 else np.minimum(1, (position - span[0] + 1) / overlap)
    fall = np.ones(len(position)) if span[1] >= length else np.minimum(1, (span[1] - position) / overlap)
    return np.minimum(rise, fall)


def _noise_variance(planes: NDArray[np.float32]) -> float:
    """Return the noise variance from second differences across both axes; blurred pictures have next to none."""
    inner = planes[:, 1:-1, 1:-1]
    if inner.size == 0:
        return _MODEL_ERROR
    across = planes[:, :, :-2] - 2 * planes[:, :, 1:-1] + planes[:, :, 2:]
    both = across[:, :-2] - 2 * across[:, 1:-1] + across[:, 2:]
    # The lower quartile, because texture that is in focus adds to the rest; 0.3186 is that of |N(0, 1)|
    deviation = float(np.percentile(np.abs(both[:, ::2, ::2]), 25)) / 0.3186 / 6
    sample = planes[:, ::7, ::7] * 255
    eight_bits = bool((np.abs(sample - np.rint(sample)) < 1e-3).all())
    return max(deviation * deviation, _EIGHT_BIT_ERROR if eight_bits else _MODEL_ERROR)


def _solve(
    planes: NDArray[np.float32],
    radius: NDArray[np.float32],
    noise: float,
    chosen: RestorationParameters,
    psf: PSF,
    progress: Progress,
) -> NDArray[np.float32]:
    """Minimise the energy by rounds of conjugate gradients."""
    if radius.max() <= _UNTOUCHED:
        return planes.copy()
    steps = 0

    def stepped(more: int = 1) -> None:
        nonlocal steps
        steps += more
        progress(min(steps / chosen.iterations, 1.0), "restoring")

    blur = VaryingBlur(radius, psf, watch=lambda: stepped(0))
    margin = blur.margin
    # Beside what is more in focus nothing can be trusted if the map's edge is not quite in its place: it stays as it is
    wide = VaryingBlur(np.minimum(radius * _CLEARANCE, radius.max()), DiscPSF())
    known = (radius > _UNTOUCHED) & (wide.undisturbed > 0.999)
    # Nor can the rim of a burnt-out light, which may have been any brighter
    known &= _box_mean((planes >= _SATURATED).any(axis=0).astype(float)) < 1e-6
    solution, trust = planes, np.ones_like(planes)
    for solution, trust in _rounds(blur, planes, known, noise, chosen, stepped):  # noqa: B007 - the last one counts
        pass
    inner = solution[:, margin : margin + radius.shape[0], margin : margin + radius.shape[1]]
    share = np.clip((radius - _UNTOUCHED) / (_RESTORED - _UNTOUCHED), 0, 1)
    share = share * np.clip(2 * _box_mean(known.astype(float)) - 1, 0, 1).astype(np.float32)
    # What no picture blurred by this map could look like is not blurred by it: it is in focus, and stays
    misfit = np.asarray(np.mean((planes - blur.forward(solution)) ** 2, axis=0, dtype=np.float64))
    expected = noise / np.maximum(trust.min(axis=0), 1e-6)  # with what errors of the map make
    doubt = np.where(known, misfit / expected, 0) / _MISFIT
    share = share * np.clip(2 - _box_mean(doubt), 0, 1).astype(np.float32)
    result = np.clip(planes + share * (inner - planes), 0, 1)
    untouched = radius <= _UNTOUCHED
    result[:, untouched] = planes[:, untouched]
    return result


def _rounds(
    blur: VaryingBlur,
    planes: NDArray[np.float32],
    known: NDArray[np.bool_],
    noise: float,
    chosen: RestorationParameters,
    stepped: Callable[[], None] = lambda: None,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield the picture with its margin after each round of conjugate gradients, and the trust W^2 in each pixel."""
    margin = blur.margin
    pad = ((0, 0), (margin, margin), (margin, margin))
    restored = np.pad(planes, pad, mode="symmetric" if margin <= min(blur.shape) else "edge")
    # Laplace prior of mean gradient b against Gaussian noise: lambda = 2 sigma^2 / b
    strength = 2 * noise / _MEAN_GRADIENT / chosen.strength
    saturated = planes >= _SATURATED
    certain = np.ones(blur.shape, np.float32)
    done = 0
    while done < chosen.iterations:
        before = restored
        steps = min(_ROUND, chosen.iterations - done)
        blurred = blur.forward(restored)
        if done <= _ROUND:  # known well enough after one round; fixed from then on, so that the energy falls
            certain = _certainty(blur.slope(restored), noise) * known
        trust = np.where(saturated & (blurred >= planes), np.float32(0), certain)
        residual = trust * (planes - blurred)
        restored = _conjugate_gradients(
            blur, trust, _prior_weights(before, strength), residual, restored, steps, stepped
        )
        done += steps
        yield restored, trust
        if float(np.sqrt(np.mean((restored - before) ** 2))) < _TOLERANCE:
            return


def _certainty(slope: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """Return the noise's share in the variance of each pixel's error, float32 (H, W); the rest comes from the map."""
    variance = np.asarray(np.mean(slope * slope, axis=0, dtype=np.float64)) * _MAP_ERROR**2
    return (noise / (noise + np.maximum(_box_mean(variance), 0))).astype(np.float32)


def _box_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the square around each pixel, float64 (H, W)."""
    half = _MAP_ERROR_SIDE // 2
    for axis in (0, 1):
        total = np.cumsum(
            np.pad(values, [(half + 1, half) if k == axis else (0, 0) for k in (0, 1)], mode="edge"), axis
        )
        ends = np.take(total, np.arange(_MAP_ERROR_SIDE, total.shape[axis]), axis)
        values = (ends - np.take(total, np.arange(total.shape[axis] - _MAP_ERROR_SIDE), axis)) / _MAP_ERROR_SIDE
    return values


def _prior_weights(planes: NDArray[np.float32], strength: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the weights strength / (2 |d|) of the vertical and horizontal differences; channels share them."""
    # Colours share their edges, which a joint weight keeps aligned
    vertical = np.sqrt(np.mean(np.diff(planes, axis=1) ** 2, axis=0))
    horizontal = np.sqrt(np.mean(np.diff(planes, axis=2) ** 2, axis=0))
    half = np.float32(strength / 2)
    floor = np.float32(_SMALLEST_GRADIENT)
    return (
        np.asarray(half / np.maximum(vertical, floor), np.float32),
        np.asarray(half / np.maximum(horizontal, floor), np.float32),
    )


def _prior_force(
    planes: NDArray[np.float32], weights: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the gradient of the weighted squared differences, halved."""
    out = np.zeros_like(planes)
    flow = np.diff(planes, axis=1) * weights[0]
    out[:, :-1] -= flow
    out[:, 1:] += flow
    flow = np.diff(planes, axis=2) * weights[1]
    out[:, :, :-1] -= flow
    out[:, :, 1:] += flow
    return out


def _conjugate_gradients(
    blur: VaryingBlur,
    trust: NDArray[np.float32],
    weights: tuple[NDArray[np.float32], NDArray[np.float32]],
    residual: NDArray[np.float32],
    start: NDArray[np.float32],
    steps: int,
    stepped: Callable[[], None],
) -> NDArray[np.float32]:
    """Solve (A' W A + D' V D) f = A' W g from `start`, each channel with its own step length."""

    def inner(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.einsum("cyx,cyx->c", a, b, dtype=np.float64)

    result = start.copy()
    force = blur.adjoint(residual) - _prior_force(start, weights)
    direction = force.copy()
    power = inner(force, force)
    for _ in range(steps):
        stepped()
        bent = blur.adjoint(trust * blur.forward(direction)) + _prior_force(direction, weights)
        bend = inner(direction, bent)
        length = np.divide(power, bend, out=np.zeros_like(power), where=bend > 0).astype(np.float32)[:, None, None]
        result += length * direction
        force -= length * bent
        following = inner(force, force)
        if not (following > 0).any():
            break
        turn = np.divide(following, power, out=np.zeros_like(power), where=power > 0)
        direction = force + turn.astype(np.float32)[:, None, None] * direction
        power = following
    return result
