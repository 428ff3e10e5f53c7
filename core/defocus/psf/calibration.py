"""Calibration: the blur of a real lens, measured from pictures of a point light.

Photograph a small light (a distant lamp, a pinhole before a torch) against a dark ground, with the lens focused nearer
or farther and nearer still, without overexposing it: each picture shows the lens's blur at one scale. Intensities are
taken as they are in the file; a gamma makes soft rims look wider, so linear ones (from a raw converter) are better.
"""

from __future__ import annotations

import functools
import math
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from defocus.errors import InputError
from defocus.pictures.files import written_whole
from defocus.pictures.picture import load_image
from defocus.psf.families import DiscPSF
from defocus.psf.spot import measure_spot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from numpy.typing import NDArray

__all__ = ["CalibratedPSF", "calibrate", "load_psf"]

_FORMAT = 1
_BEYOND = 1.5  # how far past the largest measured scale kernels are still made, by magnifying that one
_SHARPER = 4  # power of the scale by which the larger of two neighbours counts for more: it is resolved more finely
_RESIZABLE = 1.0  # px; smaller kernels lie almost within a pixel and are mixed of this one and a single 1
_CORRECTIONS = 2
_PIXEL = 1 / 12  # px^2; variance of a pixel's own extent
_SAME = 0.05  # px; radii nearer to each other are one scale, and their kernels are averaged
_NOTHING = 1e-6  # of the light, in a pixel
_LARGEST_FILE = 64 << 20  # bytes of an array in a lens's file; 100 kernels of 200 x 200 px take a quarter of it
_LARGEST_HALF = 500  # px; half the side of a kernel that is made by resizing, beyond every lens's


@dataclass(frozen=True, eq=False)
class CalibratedPSF:
    """Blur kernels measured at a few scales, one at least; others are made by resizing and mixing their neighbours.

    Parameters
    ----------
    radii : float64 (K,)
        Scales in px, rising: the radius of the disc that spreads light as far (twice the standard deviation). For
        polygons that is a little more than the radius of the disc of equal area: 0.4 % for six blades, 10 % for three.
    kernels : sequence of float64 (S, S)
        One for each scale: odd side, non-negative.

    Raises
    ------
    InputError
        If radii and kernels do not belong together.

    Notes
    -----
    Measured kernels hold all of a camera's blur, its sensor's too, so radii of what is in focus are not 0.

    A kernel is resized by its spectrum, which holds the pixel's own extent once before and once after, and no more.
    Discs sampled at 1, 2, ... 8 px so give blur spectra between the samples that are right within 0.17 (root mean
    square of the logarithm, near the zeros too), and estimates of radii as good as from discs.

    Examples
    --------
    >>> from defocus.psf.families import DiscPSF
    >>> lens = CalibratedPSF(np.array([2.0, 4.0]), [DiscPSF().kernel(2.0), DiscPSF().kernel(4.0)])
    >>> bool(np.abs(lens.kernel(3.0) - DiscPSF().kernel(3.0)).max() < 0.01)
    True
    """

    radii: NDArray[np.float64]
    kernels: Sequence[NDArray[np.float64]]

    def __post_init__(self) -> None:
        try:
            radii = np.asarray(self.radii, np.float64)
            kernels = [np.asarray(kernel, np.float64) for kernel in self.kernels]
        except (TypeError, ValueError) as error:
            raise InputError("calibrated radii and kernels must be arrays of numbers") from error
        if radii.ndim != 1:
            raise InputError(f"calibrated radii must be one after the other, not of shape {radii.shape}")
        object.__setattr__(self, "radii", radii)
        object.__setattr__(self, "kernels", kernels)
        if len(self.radii) == 0 or len(self.radii) != len(self.kernels):
            raise InputError(f"{len(self.radii)} radii do not belong to {len(self.kernels)} kernels")
        if not np.isfinite(self.radii).all() or self.radii[0] <= 0 or (np.diff(self.radii) <= 0).any():
            raise InputError("calibrated radii must rise from above 0 px")
        for kernel in self.kernels:
            if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
                raise InputError(f"a calibrated kernel must be square with an odd side, not {kernel.shape}")
            if not np.isfinite(kernel).all() or kernel.min() < 0 or kernel.sum() <= 0:
                raise InputError("a calibrated kernel must hold light, and none that is negative")
        reach = np.append(self.radii[1:], self.largest_radius) / self.radii
        if max(len(kernel) / 2 * scale for kernel, scale in zip(self.kernels, reach, strict=True)) > _LARGEST_HALF:
            raise InputError("calibrated radii lie too far apart for the size of their kernels")

    @property
    def isotropic(self) -> bool:
        """Always False: real lenses are never quite symmetric."""
        return False

    @property
    def largest_radius(self) -> float:
        """Largest radius in px that kernels are made for: half as much again as the largest measured one."""
        return float(self.radii[-1]) * _BEYOND

    def kernel(self, radius: float) -> NDArray[np.float64]:
        """Return the kernel for `radius` px: odd side, sum 1.

        Both neighbouring scales are resized to it and mixed, the larger one counting for more; below the smallest and
        above the largest scale there is only one. Up to 0.5 px the kernel is a single 1.

        Raises
        ------
        InputError
            If the radius is negative or larger than `largest_radius`.
        """
        if not math.isfinite(radius) or radius < 0:
            raise InputError(f"a blur radius must be 0 px or more, not {radius!r}")
        if radius > self.largest_radius + 1e-6:
            raise InputError(f"the lens is calibrated up to {self.largest_radius:.1f} px, not to {radius:g} px")
        kernel = self._resized(max(radius, _RESIZABLE))
        if radius < _RESIZABLE:
            share = _variance(DiscPSF().kernel(radius)) / _variance(DiscPSF().kernel(_RESIZABLE))
            kernel *= share
            kernel[len(kernel) // 2, len(kernel) // 2] += 1 - share
        return _trimmed(kernel)

    def _resized(self, radius: float) -> NDArray[np.float64]:
        """Return the kernel for a radius that is worth resizing to, with the spread that belongs to it."""
        place = float(np.interp(radius, self.radii, np.arange(len(self.radii))))
        near = (int(place), math.ceil(place))
        shares = [(_variance(self.kernels[k]) - _PIXEL) / self.radii[k] ** 2 for k in near]
        wanted = radius**2 * max(shares[0] + (place - near[0]) * (shares[1] - shares[0]), 0)
        kernel, scale = self._mixed(place, radius), radius
        for _ in range(_CORRECTIONS):
            scale *= math.sqrt(max(wanted, _PIXEL) / max(_variance(kernel) - _PIXEL, _PIXEL))
            kernel = self._mixed(place, scale)
        return kernel

    def _mixed(self, place: float, radius: float) -> NDArray[np.float64]:
        """Return the scales beside `place` resized to `radius` and mixed."""
        lower, upper = int(place), math.ceil(place)
        more = (place - lower) * self.radii[upper] ** _SHARPER
        less = (upper - place) * self.radii[lower] ** _SHARPER
        scales = {k: radius / float(self.radii[k]) for k in (upper, lower)}
        half = max(math.ceil(len(self.kernels[k]) / 2 * scale) for k, scale in scales.items()) + 1
        if half > 2 * _LARGEST_HALF:
            raise InputError(f"the lens cannot be resized to {radius:g} px: its kernels are too large for their radii")
        side = 4 * half + 1  # room for what the sharp end of the spectrum makes ring
        spectrum, known = _magnified_spectrum(self.kernels[upper], scales[upper], side)
        if lower < upper:
            other, known = _magnified_spectrum(self.kernels[lower], scales[lower], side)
            # Frequencies too high for the smaller kernel's pixels are known from the larger one only
            spectrum = np.where(known, (more * spectrum + less * other) / (more + less), spectrum)
        kernel = np.fft.fftshift(np.fft.ifft2(spectrum).real)[half:-half, half:-half]
        # It rings only where there is light at all
        lit = np.any([_magnified_footprint(self.kernels[k], scale, half) for k, scale in scales.items()], axis=0)
        kernel = np.where(lit, np.maximum(kernel, 0), 0)
        return kernel / kernel.sum()


def calibrate(files: Sequence[Path], output: Path) -> int:
    """Measure a lens from pictures of a point light and write it to a file for ``--psf``.

    Parameters
    ----------
    files : sequence of Path
        Pictures of one light each, at different scales of blur. One is enough if the lens looks the same at all.
    output : Path
        The ``.npz`` file to write.

    Returns
    -------
    int
        0.

    Raises
    ------
    InputError
        If a picture shows no light, several, an overexposed one or one that is cut off; nothing is written then.
    """
    if output.suffix != ".npz":
        raise InputError(f"{output.name}: a lens is written to a file that ends in .npz")
    spots = []
    for file in files:
        radius, kernel = measure_spot(load_image(file, measured=False))
        print(f"{file.name}: blur radius {radius:.2f} px")
        spots.append((radius, kernel))
    if not spots:
        raise InputError("there are no pictures to measure a lens from")
    lens = _lens(spots)
    half = max(len(kernel) // 2 for kernel in lens.kernels)
    square = np.stack([np.pad(kernel, half - len(kernel) // 2) for kernel in lens.kernels])
    with written_whole(output) as beside, beside.open("wb") as stream:
        np.savez_compressed(stream, format=np.array(_FORMAT), radii=lens.radii, kernels=square.astype(np.float32))
    print(f"{output.name}: {len(lens.radii)} scales, good for radii up to {lens.largest_radius:.1f} px")
    return 0


def load_psf(path: str | PathLike[str]) -> CalibratedPSF:
    """Return the lens that `calibrate` wrote.

    Raises
    ------
    InputError
        If the file is missing or holds no lens.
    """
    try:
        return _loaded(os.fspath(path), Path(path).stat().st_mtime_ns)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'not a calibrated lens'}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{os.fspath(path)!a}: is no name of a file") from error


@functools.lru_cache(maxsize=8)
def _loaded(path: str, changed: int) -> CalibratedPSF:
    """Return the lens in a file; the same object until the file changes, so that tables made for it are found again."""
    try:
        _require_small(path)
        with np.load(path, allow_pickle=False) as file:
            if int(file["format"]) != _FORMAT:
                raise InputError(f"{path}: written by another version of the suite: calibrate the lens again")
            radii, square = file["radii"].astype(float), file["kernels"].astype(float)
        kernels = [_trimmed(kernel) for kernel in square]
        return CalibratedPSF(radii, kernels)
    except OSError:
        raise
    except InputError as error:
        raise InputError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error
    except Exception as error:  # numpy and zipfile raise many kinds for a file that is something else
        raise InputError(f"{path}: not a calibrated lens") from error


def _require_small(path: str) -> None:
    """Raise `InputError` if a file would unpack to more than a lens can hold: before it is unpacked."""
    with zipfile.ZipFile(path) as archive:
        for name in ("format", "radii", "kernels"):
            member = archive.getinfo(f"{name}.npy")
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(stream)
            if max(member.file_size, math.prod(shape) * dtype.itemsize) > _LARGEST_FILE:
                raise InputError(f"{path}: {name} of more than {_LARGEST_FILE >> 20} MB are no lens's")


def _lens(spots: list[tuple[float, NDArray[np.float64]]]) -> CalibratedPSF:
    """Return spots as one lens, those of one scale averaged."""
    groups: list[list[tuple[float, NDArray[np.float64]]]] = []
    for radius, kernel in sorted(spots, key=lambda spot: spot[0]):
        if groups and radius - groups[-1][0][0] < _SAME:
            groups[-1].append((radius, kernel))
        else:
            groups.append([(radius, kernel)])
    radii, kernels = [], []
    for group in groups:
        half = max(len(kernel) // 2 for _, kernel in group)
        radii.append(float(np.mean([radius for radius, _ in group])))
        kernels.append(np.mean([np.pad(kernel, half - len(kernel) // 2) for _, kernel in group], axis=0))
    return CalibratedPSF(np.array(radii), kernels)


def _magnified_spectrum(
    kernel: NDArray[np.float64], scale: float, side: int
) -> tuple[NDArray[np.complex128], NDArray[np.bool_]]:
    """Return the spectrum of a kernel when magnified, at the frequencies of `numpy.fft`, and where it is known."""
    frequency = np.fft.fftfreq(side)
    own = frequency * scale  # cycles per px of the kernel as it was measured
    known = np.abs(own) <= 0.5
    position = np.arange(len(kernel)) - len(kernel) // 2
    waves = np.exp(-2j * np.pi * np.outer(own, position))
    # The extent of the pixels that it was measured with is taken off, that of the new ones put on
    pixel = np.where(known, np.sinc(frequency) / np.sinc(np.clip(own, -0.5, 0.5)), 0)
    return waves @ kernel @ waves.T * np.outer(pixel, pixel), np.outer(known, known)


def _magnified_footprint(kernel: NDArray[np.float64], scale: float, half: int) -> NDArray[np.bool_]:
    """Return the pixels that a magnified kernel's lit pixels touch."""
    ends = (np.arange(-half, half + 1)[:, np.newaxis] + (-0.5, 0.5)) / scale + len(kernel) / 2
    first, last = np.clip(np.floor(ends[:, 0]), 0, len(kernel)), np.clip(np.ceil(ends[:, 1]), 0, len(kernel))
    # Sums over squares, by differences of the sum over all that is before
    before = np.pad(np.cumsum(np.cumsum(kernel > 0, axis=0), axis=1), ((1, 0), (1, 0)))
    low, high = first.astype(int), np.maximum(last, first).astype(int)
    count = (
        before[np.ix_(high, high)] - before[np.ix_(low, high)] - before[np.ix_(high, low)] + before[np.ix_(low, low)]
    )
    return np.asarray(count > 0)


def _variance(kernel: NDArray[np.float64]) -> float:
    """Return the variance of a centred kernel's light along one axis in px^2, with its pixels' own extent."""
    position = np.arange(len(kernel)) - len(kernel) // 2
    return float((kernel.sum(axis=0) + kernel.sum(axis=1)) @ position**2 / kernel.sum()) / 2


def _trimmed(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a kernel of sum 1 without borders that hold next to nothing."""
    kernel = kernel / kernel.sum()
    while len(kernel) > 1 and max(kernel[[0, -1]].max(), kernel[:, [0, -1]].max()) < _NOTHING:
        kernel = kernel[1:-1, 1:-1]
    return kernel / kernel.sum()
