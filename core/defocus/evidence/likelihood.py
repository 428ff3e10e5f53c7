"""Likelihood: local energies of the picture's gradients, and how well each blur radius explains them.

The gradient of the latent picture is white and Gaussian with unknown variance s in each window, so the energy |g_i|^2
behind filter i is exponential with mean s sigma_i^2(r) + n_i (equation 5). Both gradient directions are summed first:
a natural picture has no horizontal-gradient power at vertical frequencies, but the sum is flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.compiled import compiled
from defocus.parallel import run_parts
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence.spectrum import BlurSpectra, FilterBank
    from defocus.progress import Progress

__all__ = ["local_energies", "profile_kernel", "profile_likelihood"]

_STRIP = 32  # rows of samples that one task filters; bounds the memory of the row-filtered planes
_STRIP_HEIGHT = 256  # px; where samples lie far apart fewer rows of them make a task, so that it ends soon
_COLUMNS = 64  # columns of samples filtered at a time: their accumulators stay in the first-level cache
_TILE = 128  # samples whose likelihood is computed side by side, at most
_LANES = 16  # their number is a multiple of this, for vectors of the processor


@dataclass(frozen=True)
class _Lines:
    """The bank's one-dimensional filters: cosines and sines of every |a|, with the window.

    They are halves, from the middle on: a cosine sees only the even part of the window's content and a sine the odd
    part. The middle counts half, as both parts hold it twice.
    """

    halves: NDArray[np.float32]  # (2, A, N // 2 + 1): cosines, sines
    channel: NDArray[np.int64]  # (A, A, 2): channel of (+-a1, a2), sign 0 for +, 1 for -; -1 where there is no filter
    scale: NDArray[np.float32]  # (C,): makes a channel the mean over its filters


def _lines(bank: FilterBank, channel: NDArray[np.int64], multiplicity: NDArray[np.float32]) -> _Lines:
    steps = np.unique(np.abs(bank.indices))
    position = np.arange(bank.size // 2 + 1)
    angle = 2 * np.pi * np.outer(steps, position) / bank.size
    halves = np.stack([np.cos(angle), np.sin(angle)]) * bank.window[bank.size // 2 :]
    halves[:, :, 0] /= 2
    table = np.full((len(steps), len(steps), 2), -1, dtype=np.int64)
    kinds = np.searchsorted(steps, np.abs(bank.indices))
    table[kinds[:, 0], kinds[:, 1], (bank.indices[:, 0] < 0).astype(int)] = channel
    return _Lines(halves.astype(np.float32), table, (1 / multiplicity).astype(np.float32))


@compiled(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _filter_rows(gradient, starts, halves, parts, out):  # type: ignore[no-untyped-def]
    """Filter each row at each start: out[row, plane, sample], planes = cosines then sines."""
    _, kinds, taps = halves.shape
    samples = len(starts)
    for row in range(gradient.shape[0]):
        for t in range(taps):
            for i in range(samples):
                left = gradient[row, starts[i] + taps - 1 - t]
                right = gradient[row, starts[i] + taps - 1 + t]
                parts[0, t, i] = left + right
                parts[1, t, i] = right - left
        for part in range(2):
            for kind in range(kinds):
                for i in range(samples):
                    out[row, part * kinds + kind, i] = 0
                for t in range(taps):
                    weight = halves[part, kind, t]
                    for i in range(samples):
                        out[row, part * kinds + kind, i] += weight * parts[part, t, i]


@compiled(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _add_energies(planes, rows, halves, channel, scale, parts, answers, out):  # type: ignore[no-untyped-def]
    """Filter the columns of each sample row, and add the energies to out[row, channel, sample].

    `answers` is room for what the filters say: [row filter cosine or sine, kind, column filter cosine or sine, sample].
    """
    _, kinds, taps = halves.shape
    samples = planes.shape[2]
    for job in range(len(rows) * ((samples + _COLUMNS - 1) // _COLUMNS)):
        row = job % len(rows)
        first = job // len(rows) * _COLUMNS
        width = min(_COLUMNS, samples - first)
        middle = rows[row] + taps - 1
        for a1 in range(kinds):
            for plane in range(a1, 2 * kinds, kinds):
                for t in range(taps):
                    for i in range(width):
                        above = planes[middle - t, plane, first + i]
                        below = planes[middle + t, plane, first + i]
                        parts[0, t, i] = below + above
                        parts[1, t, i] = below - above
                for a2 in range(kinds):
                    if channel[a1, a2, 0] < 0 and channel[a1, a2, 1] < 0:
                        continue
                    for part in range(2):
                        for i in range(width):
                            answers[plane // kinds, a2, part, i] = 0
                        for t in range(taps):
                            weight = halves[part, a2, t]
                            for i in range(width):
                                answers[plane // kinds, a2, part, i] += weight * parts[part, t, i]
            for a2 in range(kinds):
                for sign in range(2):
                    where = channel[a1, a2, sign]
                    if where < 0:
                        continue
                    turned = np.float32(1 - 2 * sign)
                    factor = scale[where]
                    for i in range(width):
                        real = answers[0, a2, 0, i] - turned * answers[1, a2, 1, i]
                        imaginary = answers[0, a2, 1, i] + turned * answers[1, a2, 0, i]
                        out[row, where, first + i] += factor * (real * real + imaginary * imaginary)


def _mirrored(values: NDArray[Any], top: int, bottom: int, margin: int) -> NDArray[Any]:
    """Return the rows top..bottom of what goes on beyond its borders as in a mirror, with columns to either side."""
    height = len(values)
    rows = np.arange(top, bottom) % (2 * height)
    return np.pad(values[np.minimum(rows, 2 * height - 1 - rows)], ((0, 0), (margin, margin + 1)), mode="symmetric")


def local_energies(
    luminance: NDArray[np.float32],
    spectra: BlurSpectra,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    *,
    valid: NDArray[np.bool_] | None = None,
    threads: int | None = None,
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Return the mean energy |g_i|^2 of each channel in the windows around some pixels, equation (4).

    Parameters
    ----------
    luminance : float32 (H, W)
        Intensities in [0, 1]; the picture is mirrored at its borders.
    spectra : BlurSpectra
        Gives the filters and how they share channels.
    rows, columns : int (h,), (w,)
        Windows are centred at all pixels (row, column).
    valid : bool (H, W), optional
        False where a pixel carries no evidence: gradients that touch it count as 0.
    threads : int, optional
        As many as there are cores unless given; the result does not depend on it.
    progress : callable, optional

    Returns
    -------
    float32 (h, C, w)
        Sum over both gradient directions; the noise in it has mean ``noise_variance * spectra.noise``.
    """
    lines = _lines(spectra.bank, spectra.channel, spectra.multiplicity)
    half = spectra.bank.size // 2
    out = np.empty((len(rows), len(spectra.noise), len(columns)), np.float32)

    spacing = int(rows[1] - rows[0]) if len(rows) > 1 else 1
    count = max(8, min(_STRIP, _STRIP_HEIGHT // max(spacing, 1)))

    def strip(first: int) -> None:
        chosen = rows[first : first + count]
        top, bottom = int(chosen[0]), int(chosen[-1]) + 2 * half + 1
        # Mirrored strip by strip: a padded copy of a large picture would be the largest array of all
        part = _mirrored(luminance, top - half, bottom + 1 - half, half)
        # Differentiate first, then filter: the mean, a thousand times larger than a gradient, never enters the sums
        gradients = np.stack([part[1:, :-1] - part[:-1, :-1], part[:-1, 1:] - part[:-1, :-1]])
        if valid is not None:
            mask = _mirrored(valid, top - half, bottom + 1 - half, half)
            gradients[0] *= mask[1:, :-1] & mask[:-1, :-1]
            gradients[1] *= mask[:-1, 1:] & mask[:-1, :-1]
        target = out[first : first + count]
        target[:] = 0
        _, kinds, taps = lines.halves.shape
        planes = np.empty((part.shape[0] - 1, 2 * kinds, len(columns)), np.float32)
        wide, narrow = (np.empty((2, taps, width), np.float32) for width in (len(columns), _COLUMNS))
        answers = np.empty((2, kinds, 2, _COLUMNS), np.float32)
        for gradient in gradients:
            _filter_rows(gradient, columns, lines.halves, wide, planes)
            _add_energies(planes, chosen - top, lines.halves, lines.channel, lines.scale, narrow, answers, target)

    run_parts(strip, range(0, len(rows), count), threads=threads, progress=progress, stage="measuring local spectra")
    return out


_FAST = {"contract", "reassoc", "nsz", "arcp"}


@compiled(nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _add_logarithms(values, bits, weight, total):  # type: ignore[no-untyped-def]
    """Add weight * log(values) to total; destroys values. Vectorises, as calls of a library's log do not.

    `bits` is the memory of `values`, read as whole numbers.
    """
    for i in range(len(values)):
        # x = 2^k (1 + m) with 1 + m from sqrt(1/2) to sqrt(2)
        k = (bits[i] - np.int32(0x3F3504F3)) >> np.int32(23)
        bits[i] -= k << np.int32(23)
        total[i] += weight * np.float32(0.6931472) * np.float32(k)
    for i in range(len(values)):
        m = values[i] - np.float32(1)
        # Taylor series of log(1 + m) with coefficients fitted to the interval, right to a few units in the last place
        p = np.float32(0.070376836)
        p = p * m - np.float32(0.11514610)
        p = p * m + np.float32(0.11676999)
        p = p * m - np.float32(0.12420141)
        p = p * m + np.float32(0.14249323)
        p = p * m - np.float32(0.16668058)
        p = p * m + np.float32(0.20000715)
        p = p * m - np.float32(0.24999994)
        p = p * m + np.float32(0.33333331)
        total[i] += weight * (m + m * m * (m * p - np.float32(0.5)))


@compiled(nogil=True, fastmath=_FAST, error_model="numpy", inline="always")
def _newton_step(  # type: ignore[no-untyped-def]
    energy, noise, power, multiplicity, lowest, with_value, scale, step, value, slope, curvature, fisher, mean, bits
):
    """One Newton step in log s from s = scale, at most 1.5 long, for a tile of samples; writes the step that was taken.

    With the negative log-likelihood (13) at the old s, if wanted, and both its derivatives by log s.
    """
    channels, count = energy.shape
    for i in range(count):
        value[i] = 0
        slope[i] = 0
        curvature[i] = 0
        fisher[i] = 0
    for c in range(channels):
        weight = multiplicity[c]
        for i in range(count):
            signal = scale[i] * power[c]
            expected = signal + noise[c, i]
            inverse = np.float32(1.0) / expected
            share = signal * inverse
            ratio = energy[c, i] * inverse
            value[i] += weight * ratio
            slope[i] += weight * share * (np.float32(1.0) - ratio)
            fisher[i] += weight * share * share
            curvature[i] += weight * share * ((np.float32(1.0) - share) * (np.float32(1.0) - ratio) + share * ratio)
            mean[i] = expected
        if with_value:
            _add_logarithms(mean, bits, weight, value)
    for i in range(count):
        # Observed curvature, floored so that a step never leaves the convex part
        curvature[i] = max(curvature[i], np.float32(0.25) * fisher[i] + np.float32(1e-6))
        x = min(max(-slope[i] / curvature[i], np.float32(-1.5)), np.float32(1.5))
        # exp by its Pade approximant: an iteration needs no more, and calls of a library's exp do not vectorise
        even = np.float32(1) + x * x * np.float32(1 / 12)
        grown = scale[i] * (even + np.float32(0.5) * x) / (even - np.float32(0.5) * x)
        step[i] = x if grown > lowest else np.float32(0)
        scale[i] = max(grown, lowest)


@compiled(nogil=True, fastmath=_FAST, error_model="numpy")
def _profile(energies, noise, fraction, power, multiplicity, filters, lowest, tiles, lines, bits, out, scales):  # type: ignore[no-untyped-def]
    """Best s for every radius by Newton's method in log s, warm-started along r; outputs are [sample, radius].

    `tiles` (2, C, T) and `lines` (7, T), whose last `bits` is as whole numbers, are room for the work on T samples at a
    time.
    """
    channels, count = energies.shape
    radii = power.shape[0]
    together = tiles.shape[2]
    tile, floor = tiles[0], tiles[1]
    scale, step, value, slope, curvature = lines[0], lines[1], lines[2], lines[3], lines[4]
    for first in range(0, count, together):
        width = min(together, count - first)
        for i in range(together):
            source = first + min(i, width - 1)
            start = np.float32(0)
            for c in range(channels):
                floor[c, i] = noise[c] * fraction[source]
                tile[c, i] = energies[c, source]
                start += multiplicity[c] * max(tile[c, i] - floor[c, i], np.float32(0)) / power[0, c]
            scale[i] = max(start / filters, lowest)
        for radius in range(radii):
            # The first radius has no warm start; after that one step and a correction to second order are enough
            last = 6 if radius == 0 else 1
            for turn in range(last + 1):
                _newton_step(
                    tile, floor, power[radius], multiplicity, lowest, turn == last,
                    scale, step, value, slope, curvature, lines[5], lines[6], bits,
                )  # fmt: skip
            for i in range(width):
                x = step[i]
                out[first + i, radius] = value[i] + x * slope[i] + np.float32(0.5) * x * x * curvature[i]
                scales[first + i, radius] = scale[i]


profile_kernel = _profile  # for those who ask whether it is compiled


def profile_likelihood(
    energies: NDArray[np.float32],
    spectra: BlurSpectra,
    noise_variance: float,
    *,
    valid_fraction: NDArray[np.float32] | None = None,
    threads: int | None = None,
    progress: Progress = ignore_progress,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the negative log-likelihood of every radius, each at its best gradient variance s.

    Parameters
    ----------
    energies : float32 (h, C, w)
        From `local_energies`.
    spectra : BlurSpectra
    noise_variance : float
        sigma_n^2 for intensities in [0, 1].
    valid_fraction : float32 (h, w), optional
        Part of each window's weight that carries evidence; 1 unless given. Noise energy shrinks with it.
    threads : int, optional
        As many as there are cores unless given; the result does not depend on it.
    progress : callable, optional

    Returns
    -------
    profile : float32 (h, w, R)
        Equation (13) minimised over s, in nats.
    log_gradient_variance : float32 (h, w, R)
        Natural logarithm of the s that minimises it.
    """
    height, _, width = energies.shape
    radii = len(spectra.radii)
    noise = (noise_variance * spectra.noise).astype(np.float32)
    # Below this s a signal changes no energy by more than a thousandth of the noise: it cannot be told from none
    lowest = np.float32(1e-3 * float(np.min(noise / spectra.blur_power.max(axis=0))))
    profile = np.empty((height, width, radii), np.float32)
    scales = np.empty((height, width, radii), np.float32)
    if valid_fraction is None:
        valid_fraction = np.ones((height, width), np.float32)

    power = np.ascontiguousarray(spectra.blur_power)  # one type of array for every caller: kernels compile once
    filters = spectra.multiplicity.sum()
    # Every tile is computed whole: as few as there must be, and no wider than a row needs
    tiles = -(-width // _TILE)
    together = -(-width // (tiles * _LANES)) * _LANES

    def row(index: int) -> None:
        lines = np.empty((7, together), np.float32)
        _profile(
            energies[index],
            noise,
            valid_fraction[index],
            power,
            spectra.multiplicity,
            filters,
            lowest,
            np.empty((2, len(noise), together), np.float32),
            lines,
            lines[-1].view(np.int32),
            profile[index],
            scales[index],
        )
        np.log(scales[index], out=scales[index])

    run_parts(row, range(height), threads=threads, progress=progress, stage="comparing blur radii")
    return profile, scales
