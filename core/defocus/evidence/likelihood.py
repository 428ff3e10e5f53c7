"""Likelihood: local energies of the picture's gradients, and how well each blur radius explains them.

The gradient of the latent picture is white and Gaussian with unknown variance s in each window, so the energy |g_i|^2
behind filter i is exponential with mean s sigma_i^2(r) + n_i (equation 5). Both gradient directions are summed first:
a natural picture has no horizontal-gradient power at vertical frequencies, but the sum is flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
_TILE = 128  # samples whose likelihood is computed side by side


@dataclass(frozen=True)
class _Lines:
    """The bank's one-dimensional filters: cosines and sines of every |a|, with the window."""

    cosines: NDArray[np.float32]  # (A, N)
    sines: NDArray[np.float32]  # (A, N)
    channel: NDArray[np.int64]  # (A, A, 2): channel of (+-a1, a2), sign 0 for +, 1 for -; -1 where there is no filter
    scale: NDArray[np.float32]  # (C,): makes a channel the mean over its filters


def _lines(bank: FilterBank, channel: NDArray[np.int64], multiplicity: NDArray[np.float32]) -> _Lines:
    steps = np.unique(np.abs(bank.indices))
    position = np.arange(bank.size) - bank.size // 2
    angle = 2 * np.pi * np.outer(steps, position) / bank.size
    table = np.full((len(steps), len(steps), 2), -1, dtype=np.int64)
    for (a1, a2), target in zip(bank.indices, channel, strict=True):
        table[np.searchsorted(steps, abs(a1)), np.searchsorted(steps, abs(a2)), int(a1 < 0)] = target
    return _Lines(
        (np.cos(angle) * bank.window).astype(np.float32),
        (np.sin(angle) * bank.window).astype(np.float32),
        table,
        (1 / multiplicity).astype(np.float32),
    )


@compiled(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _filter_rows(gradient, starts, cosines, sines, out):  # type: ignore[no-untyped-def]
    """Filter each row at each start: out[row, plane, sample], planes = cosines then sines."""
    kinds, size = cosines.shape
    rows = gradient.shape[0]
    samples = len(starts)
    half = size // 2
    even = np.empty((half + 1, samples), np.float32)
    odd = np.empty((half + 1, samples), np.float32)
    for row in range(rows):
        line = gradient[row]
        # A cosine sees only the even part of the window's content and a sine the odd part: half the multiplications
        for t in range(half + 1):
            for i in range(samples):
                left = line[starts[i] + half - t]
                right = line[starts[i] + half + t]
                even[t, i] = left + right if t > 0 else left
                odd[t, i] = right - left
        for kind in range(kinds):
            target = out[row, kind]
            target[:] = 0
            for t in range(half + 1):
                weight = cosines[kind, half + t]
                for i in range(samples):
                    target[i] += weight * even[t, i]
            target = out[row, kinds + kind]
            target[:] = 0
            for t in range(1, half + 1):
                weight = sines[kind, half + t]
                for i in range(samples):
                    target[i] += weight * odd[t, i]


@compiled(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _filter_columns(planes, start, cosines, sines, channel, scale, first, last, energies):  # type: ignore[no-untyped-def]
    """Add the energies of samples first..last of one sample row to energies[channel, sample]."""
    kinds, size = cosines.shape
    half = size // 2
    width = last - first
    even = np.empty((half + 1, width), np.float32)
    odd = np.empty((half + 1, width), np.float32)
    answers = np.empty((2, kinds, 2, width), np.float32)  # row filter cos/sin, column kind, column filter cos/sin
    for a1 in range(kinds):
        for part in range(2):
            if part == 1 and a1 == 0:
                answers[1] = 0  # the sine of frequency 0
                continue
            plane = a1 + part * kinds
            for t in range(half + 1):
                above = planes[start + half - t, plane]
                below = planes[start + half + t, plane]
                for i in range(width):
                    even[t, i] = above[first + i] + below[first + i] if t > 0 else above[first + i]
                    odd[t, i] = below[first + i] - above[first + i]
            for a2 in range(kinds):
                if channel[a1, a2, 0] < 0 and channel[a1, a2, 1] < 0:
                    continue
                target = answers[part, a2, 0]
                target[:] = 0
                for t in range(half + 1):
                    weight = cosines[a2, half + t]
                    for i in range(width):
                        target[i] += weight * even[t, i]
                target = answers[part, a2, 1]
                target[:] = 0
                for t in range(1, half + 1):
                    weight = sines[a2, half + t]
                    for i in range(width):
                        target[i] += weight * odd[t, i]
        for a2 in range(kinds):
            for sign in range(2):
                where = channel[a1, a2, sign]
                if where < 0:
                    continue
                turn = np.float32(1.0) if sign == 0 else np.float32(-1.0)
                target = energies[where]
                factor = scale[where]
                for i in range(width):
                    real = answers[0, a2, 0, i] - turn * answers[1, a2, 1, i]
                    imaginary = answers[0, a2, 1, i] + turn * answers[1, a2, 0, i]
                    target[first + i] += factor * (real * real + imaginary * imaginary)


@compiled(nogil=True)
def _strip_energies(vertical, horizontal, starts, rows, cosines, sines, channel, scale, out):  # type: ignore[no-untyped-def]
    """Energies of one strip of sample rows, out[row, channel, sample]."""
    samples = len(starts)
    planes = np.empty((vertical.shape[0], 2 * len(cosines), samples), np.float32)
    out[:] = 0
    for direction in range(2):
        _filter_rows(vertical if direction == 0 else horizontal, starts, cosines, sines, planes)
        for row in range(len(rows)):
            for first in range(0, samples, _COLUMNS):
                last = min(first + _COLUMNS, samples)
                _filter_columns(planes, rows[row], cosines, sines, channel, scale, first, last, out[row])


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
    padded = np.pad(luminance, ((half, half + 1), (half, half + 1)), mode="symmetric")
    known = None if valid is None else np.pad(valid, ((half, half + 1), (half, half + 1)), mode="symmetric")
    out = np.empty((len(rows), len(spectra.noise), len(columns)), np.float32)

    spacing = int(rows[1] - rows[0]) if len(rows) > 1 else 1
    count = max(8, min(_STRIP, _STRIP_HEIGHT // max(spacing, 1)))

    def strip(first: int) -> None:
        chosen = rows[first : first + count]
        top, bottom = int(chosen[0]), int(chosen[-1]) + 2 * half + 1
        part = padded[top : bottom + 1]
        # Differentiate first, then filter: the mean, a thousand times larger than a gradient, never enters the sums
        vertical = part[1:, :-1] - part[:-1, :-1]
        horizontal = part[:-1, 1:] - part[:-1, :-1]
        if known is not None:
            mask = known[top : bottom + 1]
            vertical *= mask[1:, :-1] & mask[:-1, :-1]
            horizontal *= mask[:-1, 1:] & mask[:-1, :-1]
        _strip_energies(
            vertical,
            horizontal,
            columns,
            chosen - top,
            lines.cosines,
            lines.sines,
            lines.channel,
            lines.scale,
            out[first : first + count],
        )

    run_parts(strip, range(0, len(rows), count), threads=threads, progress=progress, stage="measuring local spectra")
    return out


_FAST = {"contract", "reassoc", "nsz", "arcp"}


@compiled(nogil=True, fastmath=_FAST, error_model="numpy")
def _add_logarithms(values, weight, total):  # type: ignore[no-untyped-def]
    """Add weight * log(values) to total; destroys values. Vectorises, as calls of a library's log do not."""
    bits = values.view(np.int32)
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


@compiled(nogil=True, fastmath=_FAST, error_model="numpy")
def _evaluate(energy, noise, power, multiplicity, scale, with_value, value, slope, curvature, total):  # type: ignore[no-untyped-def]
    """Negative log-likelihood (13) at s = scale with both derivatives by log s, for a tile of samples."""
    channels, count = energy.shape
    fisher = np.zeros(count, np.float32)
    for i in range(count):
        value[i] = 0
        slope[i] = 0
        curvature[i] = 0
    for c in range(channels):
        weight = multiplicity[c]
        for i in range(count):
            signal = scale[i] * power[c]
            mean = signal + noise[c, i]
            inverse = np.float32(1.0) / mean
            share = signal * inverse
            ratio = energy[c, i] * inverse
            value[i] += weight * ratio
            slope[i] += weight * share * (np.float32(1.0) - ratio)
            fisher[i] += weight * share * share
            curvature[i] += weight * share * ((np.float32(1.0) - share) * (np.float32(1.0) - ratio) + share * ratio)
            total[i] = mean
        if with_value:
            _add_logarithms(total, weight, value)
    for i in range(count):
        # Observed curvature, floored so that a step never leaves the convex part
        curvature[i] = max(curvature[i], np.float32(0.25) * fisher[i] + np.float32(1e-6))


@compiled(nogil=True, fastmath=_FAST, error_model="numpy")
def _move(scale, slope, curvature, lowest, step):  # type: ignore[no-untyped-def]
    """One Newton step in log s, at most 1.5 long; writes the step that was taken."""
    for i in range(len(scale)):
        x = min(max(-slope[i] / curvature[i], np.float32(-1.5)), np.float32(1.5))
        # exp by its Pade approximant: an iteration needs no more, and calls of a library's exp do not vectorise
        even = np.float32(1) + x * x * np.float32(1 / 12)
        grown = scale[i] * (even + np.float32(0.5) * x) / (even - np.float32(0.5) * x)
        step[i] = x if grown > lowest else np.float32(0)
        scale[i] = max(grown, lowest)


@compiled(nogil=True, fastmath=_FAST, error_model="numpy")
def _profile(energies, noise, fraction, power, multiplicity, lowest, out, scales):  # type: ignore[no-untyped-def]
    """Best s for every radius by Newton's method in log s, warm-started along r; outputs are [sample, radius]."""
    channels, count = energies.shape
    radii = power.shape[0]
    floor = np.empty((channels, _TILE), np.float32)
    tile = np.empty((channels, _TILE), np.float32)
    value, slope, curvature, scale, step, total = [np.zeros(_TILE, np.float32) for _ in range(6)]
    filters = multiplicity.sum()
    for first in range(0, count, _TILE):
        width = min(_TILE, count - first)
        for i in range(_TILE):
            source = first + min(i, width - 1)
            start = np.float32(0)
            for c in range(channels):
                floor[c, i] = noise[c] * fraction[source]
                tile[c, i] = energies[c, source]
                start += multiplicity[c] * max(tile[c, i] - floor[c, i], np.float32(0)) / power[0, c]
            scale[i] = max(start / filters, lowest)
        for radius in range(radii):
            # The first radius has no warm start; after that one step and a correction to second order are enough
            for _ in range(6 if radius == 0 else 1):
                _evaluate(tile, floor, power[radius], multiplicity, scale, False, value, slope, curvature, total)
                _move(scale, slope, curvature, lowest, step)
            _evaluate(tile, floor, power[radius], multiplicity, scale, True, value, slope, curvature, total)
            _move(scale, slope, curvature, lowest, step)
            for i in range(width):
                x = step[i]
                out[first + i, radius] = value[i] + x * slope[i] + np.float32(0.5) * x * x * curvature[i]
            for i in range(_TILE):
                total[i] = scale[i]
                value[i] = 0
            _add_logarithms(total, np.float32(1), value)
            for i in range(width):
                scales[first + i, radius] = value[i]


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

    def row(index: int) -> None:
        _profile(
            energies[index],
            noise,
            valid_fraction[index],
            spectra.blur_power,
            spectra.multiplicity,
            lowest,
            profile[index],
            scales[index],
        )

    run_parts(row, range(height), threads=threads, progress=progress, stage="comparing blur radii")
    return profile, scales
