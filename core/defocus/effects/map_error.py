"""How far a picture can be trusted to be blurred as its blur map says, and its noise: both by the likelihood (5).

A disc's spectrum has zeros. Where the map is right, the picture has next to no light at those frequencies; the less
sure the map, the more of them are filled. So the relative error of the map, as a standard deviation, is the one under
which the windows of the picture are most likely when each radius is only known up to that error. Everything else that
the model leaves out (lenses that are not discs, windows of several depths, latent gradients that are not white) fills
the zeros as well, and so makes for more caution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, ndimage, sparse

from defocus.parallel import run_parts
from defocus.pictures.sampling import nearest_known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from defocus.psf.families import PSF

__all__ = ["MapError", "map_errors"]

_WINDOW = 32  # px
_HOP = 16  # px from one window to the next
_WINDOWS = 1500  # are enough
_BLOCK = 2000  # windows to look at at a time
_ERRORS = np.array(
    [0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3]
)  # in shares of the radius
_NOISES = np.geomspace(1e-7, 4e-3, 12)
_CONTRASTS = np.geomspace(1e-8, 1, 25)  # variances of latent gradients
_NODES = np.linspace(-2, 2, 9)  # of the normal distribution, in standard deviations
_FROM, _UP_TO, _STEP = 1.5, 12.0, 0.25  # px; radii that are looked at
_VARIETY = 0.35  # share of its radius by which a window's map may vary, beside 0.3 px
_TAPERED = 0.65  # of a window's variation counts, because the taper sees its middle
_TYPICAL = 0.1  # error by which windows are asked whether they are in focus, before any is known
_LEAST = 4  # windows that tell anything
_CAUTIOUS = (0.2, 1e-5)  # error and noise of a picture that has no windows to tell
_DISBELIEF = (3.0, 9.0)  # nats by which a window would rather be less blurred: doubt begins, the map is wrong


@dataclass(frozen=True)
class MapError:
    """What `map_errors` found.

    Attributes
    ----------
    error : float
        Standard deviation of the map's radii, as a share of the radius.
    noise : float
        Variance of the picture's noise.
    belief : float32 (H, W)
        From 1 down to 0 where the picture is clearly sharper than the map says.
    """

    error: float
    noise: float
    belief: NDArray[np.float32]


def map_errors(planes: Sequence[NDArray[np.float32]], radius: NDArray[np.float32], psf: PSF) -> list[MapError]:
    """Judge a blur map by pictures that are said to be blurred so.

    Parameters
    ----------
    planes : sequence of float32 (H, W)
        In [0, 1].
    radius : float32 (H, W)
        In px. Windows with radii between 1.5 and 12 px are judged.
    psf : PSF

    Returns
    -------
    list of MapError
        One for each plane.
    """
    corners, radii, spreads = _windows(radius)
    if len(corners) < _LEAST:
        return [MapError(*_CAUTIOUS, np.ones(radius.shape, np.float32)) for _ in planes]
    tables = np.arange(_FROM, max(radii.max(), _FROM) + _STEP, _STEP)
    spectra, noise_spectrum = _spectra(tables, psf)
    chosen = np.linspace(0, len(radii) - 1, min(len(radii), _WINDOWS)).astype(int)

    def expected(error: float, those: NDArray[np.int64] | slice) -> NDArray[np.float64]:
        # A window in which the map varies has zeros as blurred as one whose radius is unsure
        place = np.interp(np.hypot(error, spreads[those]), _ERRORS, np.arange(len(_ERRORS)))
        return ndimage.map_coordinates(
            spectra[:-1].reshape(len(_ERRORS), len(tables), -1),
            [
                np.broadcast_to(axis, (len(place), spectra.shape[2]))
                for axis in (place[:, None], (radii[those, None] - _FROM) / _STEP, np.arange(spectra.shape[2]))
            ],
            order=1,
            mode="nearest",
        )

    by_error = run_parts(lambda error: expected(error, chosen), _ERRORS)
    blocks = [slice(first, first + _BLOCK) for first in range(0, len(radii), _BLOCK)]

    def judged(luminance: NDArray[np.float32]) -> MapError:
        energies = np.concatenate(run_parts(lambda block: _energies(luminance, corners[block]), blocks))
        misfits = np.array(
            run_parts(
                lambda here: [_misfit(energies[chosen], here, noise * noise_spectrum) for noise in _NOISES], by_error
            )
        )
        quietest = int(np.argmin(misfits.mean(axis=2).min(axis=0)))

        def lead(those: NDArray[np.int64] | slice, error: float) -> NDArray[np.float64]:
            # Would a window rather be in focus?
            noise_here = _NOISES[quietest] * noise_spectrum
            sharp = np.broadcast_to(spectra[-1, 0], energies[those].shape)
            return _misfit(energies[those], expected(error, those), noise_here) - _misfit(
                energies[those], sharp, noise_here
            )

        # What rather is tells nothing of how well the rest is known: its grain would speak for any error, or none
        believed = lead(chosen, _TYPICAL) < _DISBELIEF[0]
        if believed.sum() < _LEAST:
            error, noise = _CAUTIOUS[0], float(_NOISES[quietest])
        else:
            misfit = misfits[:, :, believed].mean(axis=2)
            best, quietest = (int(place) for place in np.unravel_index(misfit.argmin(), misfit.shape))
            error = _vertex(np.log(_ERRORS), misfit[:, quietest], best)
            noise = _vertex(np.log(_NOISES), misfit[best], quietest)
        leads = np.concatenate(run_parts(lambda block: lead(block, error), blocks))
        belief = np.clip((_DISBELIEF[1] - leads) / (_DISBELIEF[1] - _DISBELIEF[0]), 0, 1)
        return MapError(error, noise, _spread(belief, corners, luminance.shape))

    return [judged(plane) for plane in planes]


def _windows(
    radius: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the upper left corners (n, 2) of the windows of about one radius each, the radii, and their variation."""
    height, width = radius.shape
    if min(height, width) <= _WINDOW:
        return np.empty((0, 2), int), np.empty(0), np.empty(0)

    # A window is four cells: no pixel is looked at twice
    rows, columns = ((size - _WINDOW - 1) // _HOP + 1 for size in (height, width))
    cells = radius[: (rows + 1) * _HOP, : (columns + 1) * _HOP].reshape(rows + 1, _HOP, columns + 1, _HOP)

    def over_windows(function: np.ufunc, of_cells: NDArray[np.floating]) -> NDArray[np.floating]:
        beside = function(of_cells[:-1], of_cells[1:])
        return np.asarray(function(beside[:, :-1], beside[:, 1:]))

    smallest, largest = (
        over_windows(function, function.reduce(cells, axis=(1, 3))) for function in (np.minimum, np.maximum)
    )
    count = _WINDOW**2
    mean = over_windows(np.add, cells.sum(axis=(1, 3), dtype=np.float64)) / count
    square = over_windows(np.add, np.einsum("ijkl,ijkl->ik", cells, cells, dtype=np.float64)) / count
    even = (smallest >= _FROM) & (largest <= _UP_TO) & (largest - smallest <= _VARIETY * mean + 0.3)
    mean = mean[even]
    spread = _TAPERED * np.sqrt(np.maximum(square[even] - mean**2, 0)) / mean
    return (np.argwhere(even) * _HOP).astype(np.int64), mean.astype(float), spread.astype(float)


def _taper() -> NDArray[np.float64]:
    line = np.hanning(_WINDOW + 2)[1:-1]
    return np.outer(line, line)


def _rings() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the ring of each frequency, -1 outside all, and how many independent values each ring has."""
    length = np.hypot(np.fft.fftfreq(_WINDOW)[:, np.newaxis], np.fft.rfftfreq(_WINDOW)) * _WINDOW
    ring = np.rint(length).astype(np.int64) - 2  # the lowest are the taper's own
    ring[(ring < 0) | (ring > _WINDOW // 2 + 3)] = -1
    weight = np.full(ring.shape, 1.0)
    weight[:, [0, -1]] = 0.5
    count = np.bincount(ring[ring >= 0], weight[ring >= 0]).astype(float)
    return ring, count


def _ring_means(energies: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean over each ring of frequencies: (n, rings) from (n, rows, columns)."""
    ring, count = _rings()
    weight = np.full(ring.shape, 1.0)
    weight[:, [0, -1]] = 0.5
    inside = (ring >= 0).ravel()
    pick = np.zeros((int(inside.sum()), len(count)))
    pick[np.arange(len(pick)), ring.ravel()[inside]] = weight.ravel()[inside] / count[ring.ravel()[inside]]
    return energies.reshape(len(energies), -1)[:, inside] @ pick


def _energies(luminance: NDArray[np.float32], corners: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the spectra of the gradients in the windows, both directions summed."""
    taper = _taper().astype(np.float32)
    rows, columns = corners.T
    across = np.arange(_WINDOW + 1)
    tiles = luminance[rows[:, None, None] + across[:, None], columns[:, None, None] + across]
    down, right = (fft.rfft2(taper * np.diff(tiles, axis=axis)[:, :_WINDOW, :_WINDOW]) for axis in (1, 2))
    return _ring_means(down.real**2 + down.imag**2 + right.real**2 + right.imag**2)


def _spectra(radii: NDArray[np.float64], psf: PSF) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return spectra (errors + 1, radii, rings) of white gradients blurred so, the last in focus; and the noise's."""
    side = 4 * _WINDOW  # wide enough for the kernels that come up
    taper = np.abs(fft.rfft2(_taper(), (side, side))) ** 2
    seen_through = fft.irfft2(taper, (side, side))

    def in_window(power: NDArray[np.floating]) -> NDArray[np.float64]:
        mixed = fft.rfft2(fft.irfft2(power, (side, side)) * seen_through).real
        return _ring_means(np.maximum(mixed, 0)[np.newaxis, :: side // _WINDOW, :: side // _WINDOW])[0]

    # Of every radius that comes up, in steps in which spectra hardly change
    fine = np.arange(0, radii[-1] * (1 + 2 * _ERRORS[-1]) + 0.1, 0.1)
    power = [in_window(np.abs(fft.rfft2(np.asarray(psf.kernel(float(r))), (side, side))) ** 2) for r in fine]
    table = np.array(power)
    weight = np.exp(-(_NODES**2) / 2)
    result = np.zeros((len(_ERRORS) + 1, len(radii), table.shape[1]))
    for row, error in enumerate(_ERRORS):
        for node, share in zip(_NODES, weight / weight.sum(), strict=True):
            at = np.clip(radii * (1 + node * error), 0, fine[-1])
            for ring in range(table.shape[1]):
                result[row, :, ring] += share * np.interp(at, fine, table[:, ring])
    result[-1] = table[0]
    rows, columns = np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side)
    return result, in_window(4 - 2 * np.cos(2 * np.pi * rows) - 2 * np.cos(2 * np.pi * columns))


def _misfit(
    energies: NDArray[np.float64], spectra: NDArray[np.float64], noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return each window's negative log-likelihood at its best contrast, in nats."""
    _, count = _rings()
    best = np.full(len(energies), np.inf)
    for contrast in _CONTRASTS:
        variance = contrast * spectra + noise
        np.minimum(best, (np.log(variance) + energies / variance) @ count, out=best)
    return best


def _vertex(positions: NDArray[np.float64], values: NDArray[np.float64], best: int) -> float:
    """Return the exponential of where the parabola through the three lowest points is lowest."""
    middle = int(np.clip(best, 1, len(values) - 2))
    if middle != best:
        return float(np.exp(positions[best]))
    a, b, _ = np.polyfit(positions[middle - 1 : middle + 2], values[middle - 1 : middle + 2], 2)
    return float(np.exp(np.clip(-b / (2 * a), positions[middle - 1], positions[middle + 1])))


def _spread(belief: NDArray[np.float64], corners: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the mean belief of the windows that cover each pixel."""
    total, weight = (np.zeros((-(-shape[0] // _HOP) + 2, -(-shape[1] // _HOP) + 2)) for _ in range(2))
    for y in (0, 1):
        for x in (0, 1):
            at = (corners[:, 0] // _HOP + y, corners[:, 1] // _HOP + x)
            np.add.at(total, at, belief)
            np.add.at(weight, at, 1)
    # Where there is no window, the nearest one speaks
    cells = (total / np.maximum(weight, 1))[nearest_known(weight > 0)]
    down, across = (_between_cells(size, length) for size, length in zip(shape, cells.shape, strict=True))
    return np.asarray((down @ cells.astype(np.float32)) @ across.T, np.float32)


def _between_cells(size: int, cells: int) -> sparse.csr_array:
    """Return the weights (size, cells) that interpolate linearly from the middles of cells to pixels."""
    place = np.clip((np.arange(size) + 0.5) / _HOP - 0.5, 0, cells - 1)
    lower = np.minimum(place.astype(int), cells - 2)
    upper = place - lower
    pixels = np.arange(size)
    weights = np.concatenate([1 - upper, upper]).astype(np.float32)
    return sparse.csr_array((weights, (np.tile(pixels, 2), np.concatenate([lower, lower + 1]))), (size, cells))
