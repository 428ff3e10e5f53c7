"""Evidence: how well every blur radius explains the surroundings of every sample, over all octaves of the picture.

One octave measures radii up to about 8 px of its own pixels. Larger blur is measured in copies of the picture reduced
by 2, 4, ...; every octave judges every radius, and their log-likelihoods add up. One octave more, whose windows are
twice as wide, steadies the map where narrow windows see too little.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from defocus.errors import InputError
from defocus.progress import ignore_progress, sub_progress
from defocus.psf import PSF, SensorPSF, as_psf
from defocus.resample import cell_means, sample_positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.image import Picture
    from defocus.parameters import AnalysisParameters
    from defocus.progress import Progress
    from defocus.spectrum import BlurSpectra

__all__ = ["Evidence", "local_evidence"]

_STAGE = "measuring local spectra"
_STEP = 0.1  # px between radii, as in the paper
_OCTAVE = 8.0  # px: largest radius of the first octave
_WEB_SIZE = 640 * 427  # pixels of the pictures on which [0, 8] px is right
_HEADROOM = 1.2  # times the web size, in length, up to which [0, 8] px is kept
_SAMPLES = 17_000  # samples that `spacing="auto"` aims at, every fourth pixel of a web-size picture
_ROOM = 4  # wide windows that must fit side by side into a picture: in fewer, they would see little but edges
_FRAME = 4  # px: widest frame of one colour that is left out; what is wider may be part of the scene
_LEVEL = 2.5 / 255  # range of values that counts as one colour: JPEG is not exact
_WIDEST = 16  # px: largest automatic spacing, still well below a window


@dataclass(frozen=True)
class Evidence:
    """What each window tells of its blur.

    Attributes
    ----------
    rows, columns : int64 (h,), (w,)
        Pixels at which the samples lie.
    spacing : int
        Distance of samples in px.
    radii : float64 (R,)
        Radii in px; evenly spaced in each octave.
    profile : float32 (h, w, R)
        Negative log-likelihood (13) of each radius at its best gradient variance, less its minimum, in nats.
    log_variance : float32 (h, w, R)
        Natural logarithm of that variance, in the coarsest octave.
    wide : float32 (ceil(h / 2), ceil(w / 2), R) or None
        The same as `profile` from windows twice as wide as those of the coarsest octave, at every second sample; None
        in pictures too small for them.
    share : float32 (h, w)
        Share of each window that is opaque and no frame, in [0, 1]; below one half a window has no opinion.
    noise_variance : float
        Noise variance used in the first octave, for intensities in [0, 1].
    energies : float32 (h, C, w)
        Local energies of the first octave.
    spectra : BlurSpectra
        Tables of the first octave.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    spacing: int
    radii: NDArray[np.float64]
    profile: NDArray[np.float32]
    log_variance: NDArray[np.float32]
    wide: NDArray[np.float32] | None
    share: NDArray[np.float32]
    noise_variance: float
    energies: NDArray[np.float32]
    spectra: BlurSpectra

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of samples."""
        return len(self.rows), len(self.columns)


def _octaves(parameters: AnalysisParameters, shape: tuple[int, int]) -> tuple[int, NDArray[np.float64]]:
    """Return the number of octaves and the table of radii."""
    if parameters.max_radius == "auto":
        count = 1 + max(0, math.floor(math.log2(math.sqrt(shape[0] * shape[1] / _WEB_SIZE) / _HEADROOM)))
        largest = _OCTAVE * 2 ** (count - 1)
    else:
        largest = float(parameters.max_radius)
        count = 1 + max(0, math.ceil(math.log2(largest / _OCTAVE) - 1e-9))
    # A reduced picture must still hold a window
    room = int(math.log2(max(1, min(shape) / parameters.window)))
    count = min(count, 1 + room)
    largest = min(largest, _OCTAVE * 2 ** (count - 1)) if parameters.max_radius == "auto" else largest
    steps = [np.arange(round(min(largest, _OCTAVE) / _STEP) + 1) * _STEP]
    for octave in range(1, 8):
        bottom = _OCTAVE * 2 ** (octave - 1)
        if largest > bottom + 1e-9:
            step = _STEP * 2**octave
            steps.append(bottom + step * np.arange(1, round((min(largest, 2 * bottom) - bottom) / step) + 1))
    radii = np.concatenate(steps)
    if parameters.max_radius == "auto":  # measured lenses are known up to some radius only
        radii = radii[radii <= getattr(parameters.psf, "largest_radius", np.inf)]
    return count, radii


def _own_radii(radii: NDArray[np.float64], scale: int) -> NDArray[np.int64]:
    """Return which radii one octave compares itself; the others lie too close together for it to tell apart."""
    chosen = [0]
    for i in range(1, len(radii)):
        step = _STEP * scale * (1 if radii[i] <= _OCTAVE * scale + 1e-9 else 8)
        if radii[i] - radii[chosen[-1]] > step - 1e-9 or i == len(radii) - 1:
            chosen.append(i)
    return np.array(chosen)


def _spread(values: NDArray[np.float32], chosen: NDArray[np.int64], radii: NDArray[np.float64]) -> NDArray[np.float32]:
    """Interpolate values known at the chosen radii, along the last axis, to all of them."""
    if len(chosen) == len(radii):
        return values
    place = np.interp(radii, radii[chosen], np.arange(len(chosen)))
    left = np.minimum(place.astype(np.int64), len(chosen) - 2)
    weight = (place - left).astype(np.float32)
    out = np.empty((*values.shape[:2], len(radii)), np.float32)
    for row, line in zip(out, values, strict=True):
        np.multiply(line[:, left], 1 - weight, out=row)
        row += line[:, left + 1] * weight
    return out


def usual_spacing(shape: tuple[int, int]) -> float:
    """Return how many px apart samples of a picture of some size are taken, before rounding."""
    return min(float(_WIDEST), max(1.0, math.sqrt(shape[0] * shape[1] / _SAMPLES)))


def _spacing(parameters: AnalysisParameters, shape: tuple[int, int]) -> int:
    return round(usual_spacing(shape)) if parameters.spacing == "auto" else int(parameters.spacing)


def _share(valid: NDArray[np.bool_], window: NDArray[np.float64], rows, columns) -> NDArray[np.float32]:  # type: ignore[no-untyped-def]
    """Return the share of each window's weight that is valid."""
    half = len(window) // 2
    weight = (window / window.sum()).astype(np.float32)
    padded = np.pad(valid, half, mode="symmetric").astype(np.float32)
    lines = sum(weight[t] * padded[:, columns + t] for t in range(len(weight)))
    return sum(weight[t] * lines[rows + t] for t in range(len(weight)))


def _lines_of_frame(luminance: NDArray[np.float32]) -> int:
    """Return how many rows at the top are a frame: of one colour each, few, and something else below."""
    inner = luminance[: _FRAME + 1, _FRAME:-_FRAME]
    constant = np.ptp(inner, axis=1) <= _LEVEL
    return 0 if constant.all() else int(constant.argmin())


def _valid(picture: Picture, luminance: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Return where pixels carry evidence; None if all do. The sharp inner edge of a frame tells nothing of the lens."""
    turns = [_lines_of_frame(np.rot90(luminance, k)) for k in range(4)]
    if picture.alpha is None and not any(turns):
        return None
    valid = np.ones(picture.shape, bool) if picture.alpha is None else picture.alpha >= 0.5
    for k, lines in enumerate(turns):
        np.rot90(valid, k)[:lines] = False
    return valid


def _psf(parameters: AnalysisParameters) -> PSF:
    """Return the PSF to compare with: a given one as it is, because a measured one holds the sensor's blur already."""
    if isinstance(parameters.psf, PSF):
        return parameters.psf
    shape = as_psf(parameters.psf, parameters.blades, parameters.rotation)
    return shape if parameters.method == "paper" else SensorPSF(shape, parameters.sensor_blur)


def local_evidence(
    picture: Picture, parameters: AnalysisParameters, *, progress: Progress = ignore_progress
) -> Evidence:
    """Measure how well every radius explains the surroundings of every sample.

    Parameters
    ----------
    picture : Picture
    parameters : AnalysisParameters
    progress : callable, optional

    Returns
    -------
    Evidence

    Raises
    ------
    InputError
        If the picture is smaller than the window.
    """
    from defocus.compiled import told_of_compiling
    from defocus.likelihood import profile_kernel
    from defocus.noise import reduced_noise

    height, width = picture.shape
    if min(height, width) < parameters.window:
        raise InputError(
            f"{picture.source}: {width} x {height} px is smaller than the analysis window of {parameters.window} px"
        )
    octaves, radii = _octaves(parameters, picture.shape)
    spacing = _spacing(parameters, picture.shape)
    rows, columns = sample_positions(height, spacing), sample_positions(width, spacing)
    measure = _Windows(parameters, radii)
    progress = told_of_compiling(progress, profile_kernel)
    progress(0.0, _STAGE)
    luminance = picture.luminance
    valid = _valid(picture, luminance)
    share = None if valid is None else _share(valid, measure.bank.window, rows, columns)
    wider = parameters.method != "paper" and min(height, width) >= _ROOM * parameters.window * 2**octaves
    # Samples of the octave that has the wider windows lie twice as far apart
    work = np.append(np.ones(octaves), [0.3] * wider)
    ends = np.append(0, np.cumsum(work) / work.sum())
    profile: NDArray[np.float32] | None = None
    wide: NDArray[np.float32] | None = None
    first = None
    coarsest_noise = 0.0
    for octave in range(octaves + wider):
        progress(float(ends[octave]), _STAGE)
        if octave:
            luminance = cell_means(luminance, 2)
            valid = None if valid is None else cell_means(valid.astype(np.float32), 2) > 0.999
        part_progress = sub_progress(progress, float(ends[octave]), float(ends[octave + 1]))
        if octave == octaves:
            some = None if share is None else np.ascontiguousarray(share[::2, ::2])
            noise = reduced_noise(coarsest_noise)
            wide = measure(luminance, valid, 2**octave, rows[::2], columns[::2], some, part_progress, noise).profile
            wide -= wide.min(axis=2, keepdims=True)
            break
        found = measure(luminance, valid, 2**octave, rows, columns, share, part_progress)
        first = first or found
        profile = found.profile if profile is None else np.add(profile, found.profile, out=profile)
        log_variance, coarsest_noise = found.log_variance, found.noise
    assert profile is not None
    assert first is not None
    profile -= profile.min(axis=2, keepdims=True)
    if share is None:
        share = np.ones(profile.shape[:2], np.float32)
    else:
        profile[share < 0.5] = 0
        log_variance[share < 0.5] = 0
        if wide is not None:
            wide[share[::2, ::2] < 0.5] = 0
    return Evidence(
        rows, columns, spacing, radii, profile, log_variance, wide, share, first.noise, first.energies, first.spectra
    )


@functools.lru_cache(maxsize=32)
def _tables(window: int, psf: Any, radii: tuple[float, ...]) -> BlurSpectra:
    """Return the tables of blur spectra."""
    from defocus.spectrum import blur_spectra, gabor_bank

    return blur_spectra(gabor_bank(window), psf, np.array(radii))


class _Octave(NamedTuple):
    """What the windows of one octave tell."""

    profile: NDArray[np.float32]
    log_variance: NDArray[np.float32]
    noise: float
    energies: NDArray[np.float32]
    spectra: BlurSpectra


class _Windows:
    """Compares the windows of a picture, or of a reduced copy of it, with every radius."""

    def __init__(self, parameters: AnalysisParameters, radii: NDArray[np.float64]) -> None:
        from defocus.spectrum import gabor_bank

        self.parameters, self.radii = parameters, radii
        self.bank, self.psf = gabor_bank(parameters.window), _psf(parameters)
        self.threads = os.cpu_count() or 1

    def __call__(
        self,
        luminance: NDArray[np.float32],
        valid: NDArray[np.bool_] | None,
        scale: int,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        share: NDArray[np.float32] | None,
        progress: Progress,
        noise: float | None = None,
    ) -> _Octave:
        """Measure at some pixels of the whole picture; `luminance` is reduced by `scale`, `noise` is its variance."""
        from defocus.likelihood import local_energies, profile_likelihood
        from defocus.noise import estimate_noise, working_noise

        parameters, radii = self.parameters, self.radii
        own = _own_radii(radii, scale)
        # Tables that pictures of one size share; a PSF of the caller's own need not be hashable
        psf: Any = self.psf
        make = _tables if isinstance(psf, Hashable) else _tables.__wrapped__
        spectra = make(parameters.window, psf, tuple((radii[own] / scale).tolist()))
        progress(0.0, _STAGE)
        energies = local_energies(
            luminance,
            spectra,
            np.minimum(rows // scale, luminance.shape[0] - 1),
            np.minimum(columns // scale, luminance.shape[1] - 1),
            valid=valid,
            threads=self.threads,
            progress=sub_progress(progress, 0, 0.3),
        )
        if parameters.noise != "auto":
            noise = float(parameters.noise) / scale**2  # averaging 2 x 2 pixels quarters the variance
        elif parameters.method == "paper":
            noise = 1e-4 / scale**2
        elif noise is None:
            noise = working_noise(estimate_noise(energies, spectra, share))
        profile, log_variance = profile_likelihood(
            energies, spectra, noise, share=share, threads=self.threads, progress=sub_progress(progress, 0.3, 1)
        )
        return _Octave(_spread(profile, own, radii), _spread(log_variance, own, radii), noise, energies, spectra)
