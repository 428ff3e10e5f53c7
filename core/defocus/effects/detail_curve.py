"""Detail over z: which slice of a stack is the sharpest, by what the slices share, whatever the light and the noise.

All slices show one specimen, so that blur takes energy from every frequency and noise adds its own: the sharpest slice
is that with the most energy of fine detail, less that of its noise, in proportion to that of its coarse detail, which
blur hardly changes but light does. A slice of nothing but noise shares nothing with its neighbours and does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from defocus.errors import InputError
from defocus.pictures.sampling import nearest_known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from defocus.pictures.picture import Picture

__all__ = ["BANDS", "DetailCurve", "detail_curve", "filled_light", "fine_energy"]

BANDS = (0.8, 1.6, 3.2)
"""Scales in px of the Laplacians of Gaussians whose energies are compared."""

_COARSE = 8.0  # px, of the one that tells the light
_TILE = 48  # px, side of the squares over which energies are summed
_WHITE = np.array([1, -4, 6, -4, 1]) / 70**0.5  # along both axes: sees the highest frequencies, where noise is alone
_MODEL_ERROR = 0.01  # of an energy: what is not noise, and differs between slices nevertheless
_LEAST_LIGHT = 0.02  # of the largest coarse energy: with less than that a slice is dark
_SHARED = 6.0  # standard deviations above chance that what two slices have in common is
_NEIGHBOURS = 2  # slices before and after with which a slice may share something
_MOST_DRIFT = 0.1  # of the width of a picture, between two such slices
_OPAQUE = 0.5
_RESAMPLED = 400  # times the tiles are drawn anew
_SEED = 0


@dataclass(frozen=True)
class DetailCurve:
    """How much detail each slice of a stack holds.

    Attributes
    ----------
    detail : float64 (Z,)
        Energy of fine detail, without noise and in proportion to the light; 1 is that of the sharpest slice. 0 where a
        slice shares nothing with its neighbours.
    shared : bool (Z,)
        Whether a slice shows something that a neighbour shows as well: noise does not.
    sharpest : int or None
        The slice with the most; None if none shares anything.
    confidence : float
        Probability that the sharpest is that slice or one beside it, in [0, 1]: how often it would be with other parts
        of the specimen in view.
    light : float64 (Z,)
        Energy of coarse detail, which grows with the square of the light; 1 is that of the brightest slice.
    weights : float64 (bands,)
        What the energy of each of `BANDS` counts.
    """

    detail: NDArray[np.float64]
    shared: NDArray[np.bool_]
    sharpest: int | None
    confidence: float
    light: NDArray[np.float64]
    weights: NDArray[np.float64]


def detail_curve(slices: Iterable[Picture]) -> DetailCurve:
    """Measure how much detail each slice of a stack holds.

    Parameters
    ----------
    slices : iterable of Picture
        All of one range and size; looked at once, one after the other.

    Returns
    -------
    DetailCurve

    Raises
    ------
    InputError
        If the slices have different shapes.
    """
    energies: list[NDArray[np.float64]] = []
    likenesses: list[list[float]] = []
    before: list[NDArray[np.complex64]] = []
    shape: tuple[int, int] | None = None
    for picture in slices:
        if shape is None:
            shape, overlap = picture.shape, _overlap(picture.shape)
        if picture.shape != shape:
            raise InputError(f"a slice of {picture.shape} px in a stack of {shape}")
        light, holes = filled_light(picture)
        energies.append(_energies(light, holes))
        spectrum = _spectrum(light)
        likenesses.append([_likeness(spectrum, other, overlap) for other in before])
        before = [*before, spectrum][-_NEIGHBOURS:]
    measured = np.array(energies)  # (Z, bands and coarse and noise, tiles)
    shared = np.zeros(len(measured), bool)
    for z, row in enumerate(likenesses):
        for back, likeness in enumerate(reversed(row), start=1):
            if likeness > _SHARED:
                shared[[z, z - back]] = True
    return _judged(measured, shared)


def fine_energy(light: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the energy of fine detail at every pixel, float32 (H, W), by the weights of a `DetailCurve`."""
    total = np.zeros(light.shape, np.float32)
    for weight, scale in zip(weights, BANDS, strict=True):
        total += np.float32(weight) * _band(light, scale) ** 2
    return total


def filled_light(picture: Picture) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Return luminance, float32 (H, W), holes filled with what is nearest; and where it has none, None if nowhere."""
    light = picture.luminance
    if picture.alpha is None:
        return light, None
    holes = picture.alpha < _OPAQUE
    if not holes.any() or holes.all():
        return light, None
    return np.asarray(light[nearest_known(~holes)]), holes


def _tiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sums over squares, float64 (tiles,); the last of a row or column are larger."""
    edges = [np.arange(max(1, size // _TILE)) * _TILE for size in values.shape]
    return np.add.reduceat(np.add.reduceat(values.astype(np.float64), edges[0], 0), edges[1], 1).ravel()


def _energies(light: NDArray[np.float32], holes: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Return the energy of each band, of the coarse one, and of noise for a unit of its variance, by tiles."""
    from scipy import ndimage

    clear = None if holes is None else ~ndimage.binary_dilation(holes, iterations=round(_COARSE))

    def summed(found: NDArray[np.float32]) -> NDArray[np.float64]:
        return _tiles(found * found if clear is None else np.where(clear, found * found, 0))

    bands = [summed(_band(light, scale)) for scale in (*BANDS, _COARSE)]
    white = ndimage.convolve1d(ndimage.convolve1d(light, _WHITE, 0), _WHITE, 1)
    return np.array([*bands, summed(white)])


def _band(light: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Return the Laplacian of Gaussian of some scale, in proportion to that so that scales compare."""
    from scipy import ndimage

    return np.asarray(ndimage.gaussian_laplace(light, scale) * np.float32(scale**2), np.float32)


def _noise_gains() -> NDArray[np.float64]:
    """Return the energy of each band in white noise of variance 1."""
    point = np.zeros((129, 129), np.float32)
    point[64, 64] = 1
    return np.array([float((_band(point, scale) ** 2).sum()) for scale in (*BANDS, _COARSE)])


def _spectrum(light: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return the Fourier transform of what is neither illumination nor noise, in proportion to its energy."""
    from scipy import fft, ndimage

    step = _step(light.shape)
    band = ndimage.gaussian_filter(light, 1.5) - ndimage.gaussian_filter(light, 6.0)
    spread = np.median(np.abs(band)) * 6  # a few bright points must not decide
    small = (np.clip(band, -spread, spread) * _window(light.shape))[::step, ::step]
    energy = float(np.sqrt((small * small).sum()))
    return np.asarray(fft.rfft2(small / energy if energy > 0 else small), np.complex64)


def _likeness(one: NDArray[np.complex64], other: NDArray[np.complex64], overlap: NDArray[np.float32]) -> float:
    """Return by how many standard deviations two slices are alike, beyond chance, at their best shift.

    By correlation, which weak light needs, or by that of the phases alone, which a dense specimen needs: everything in
    it resembles everything else.
    """
    cross = one * np.conj(other)
    phases = np.asarray(cross / np.sqrt(np.abs(cross) + np.float32(1e-20)), np.complex64)
    return max(_peak(cross, overlap), _peak(phases, overlap))


def _peak(cross: NDArray[np.complex64], overlap: NDArray[np.float32]) -> float:
    """Return the largest correlation near no shift, by the spread of all."""
    from scipy import fft

    shape = overlap.shape
    rows, columns = (max(2, round(_MOST_DRIFT * size)) for size in shape)
    correlation = fft.irfft2(cross, s=shape) / overlap
    middle = np.roll(correlation, (shape[0] // 4, shape[1] // 4), (0, 1))[: shape[0] // 2, : shape[1] // 2]
    spread = 1.4826 * float(np.median(np.abs(middle)))  # where the overlap is still large
    near = np.concatenate([correlation[:rows], correlation[-rows:]])
    best = max(float(near[:, :columns].max()), float(near[:, -columns:].max()))
    return best / spread if spread > 0 else 0.0


def _overlap(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return how much the correlation of noise varies at each shift, in proportion, float32 (h, w)."""
    from scipy import fft

    step = _step(shape)
    window = _window(shape)[::step, ::step] ** 2
    spectrum = fft.rfft2(window)
    power = fft.irfft2(spectrum * np.conj(spectrum), s=window.shape)
    return np.asarray(np.sqrt(np.maximum(power / power.max(), 1e-4)), np.float32)


def _window(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return weights that fade towards the border, float32 (H, W)."""
    return np.outer(*(np.hanning(size).astype(np.float32) for size in shape))


def _step(shape: tuple[int, int]) -> int:
    """Return how far apart pixels are compared."""
    return 2 if min(shape) >= 128 else 1


def _judged(measured: NDArray[np.float64], shared: NDArray[np.bool_]) -> DetailCurve:
    """Rank the slices by their energies (Z, bands and coarse and noise, tiles)."""
    gains = _noise_gains()
    noise = measured[:, -1:, :]
    clean = measured[:, :-1, :] - noise * gains[:, np.newaxis]
    total = clean.sum(axis=2)
    coarse = total[:, -1]
    lit = shared & (coarse > _LEAST_LIGHT * coarse[shared].max()) if shared.any() else shared
    if not lit.any():
        none = np.zeros(len(measured))
        return DetailCurve(none, none > 0, None, 0.0, none + 1, np.eye(len(BANDS))[0])
    relative = clean[:, :-1, :] / np.where(lit, coarse, np.inf)[:, np.newaxis, np.newaxis]
    # Weights by how much blur changes an energy, over how unsure noise makes it
    signal = np.maximum(relative.sum(axis=2)[lit].max(axis=0), 1e-12)
    level = np.median((noise.sum(axis=2) / coarse[:, np.newaxis])[lit], axis=0) * gains[:-1]
    scales = np.array(BANDS)
    count = measured.shape[2] * (_TILE / scales) ** 2
    unsure = (2 * signal * level + level**2) / count + (_MODEL_ERROR * signal) ** 2
    weights = signal / scales**2 / unsure
    by_tile = np.einsum("b,zbt->zt", weights, relative)
    by_tile[~lit] = 0
    detail = by_tile.sum(axis=1)
    sharpest = int(np.where(lit, detail, -np.inf).argmax())
    drawn = np.random.default_rng(_SEED).multinomial(
        by_tile.shape[1], np.full(by_tile.shape[1], 1 / by_tile.shape[1]), _RESAMPLED
    )
    best = np.where(lit[:, np.newaxis], by_tile @ drawn.T, -np.inf).argmax(axis=0)
    confidence = float(np.mean(np.abs(best - sharpest) <= 1))
    return DetailCurve(
        np.clip(detail / max(detail[sharpest], 1e-12), 0, None),
        lit,
        sharpest,
        confidence,
        np.maximum(coarse / coarse[lit].max(), _LEAST_LIGHT),
        weights / weights.sum(),
    )
