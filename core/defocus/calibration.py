"""Calibration: the blur of a real lens, measured from pictures of a point light.

Photograph a small light (a distant lamp, a pinhole before a torch) against a dark ground, with the lens focused nearer
or farther and nearer still, without overexposing it: each picture shows the lens's blur at one scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from defocus.errors import InputError
from defocus.files import written_whole
from defocus.image import load_image
from defocus.psf import DiscPSF

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from pathlib import Path

    from numpy.typing import NDArray

    from defocus.image import Picture

__all__ = ["CalibratedPSF", "calibrate", "load_psf", "measure_spot"]

_FORMAT = 1
_BEYOND = 1.5  # how far past the largest measured scale kernels are still made, by magnifying that one
_FINE = 4  # samples per px in which kernels are resized
_CORRECTIONS = 4
_POINT = 0.02  # px^2; light that spreads less is a point
_SMALLEST = 0.6  # px; a smaller disc lies within a pixel
_SAME = 0.05  # px; radii nearer to each other are one scale, and their kernels are averaged
_PIXEL = 1 / 12  # px^2; variance of a pixel's own extent
_VISIBLE = 6.0  # standard deviations of the noise above the ground
_FAINTEST = 0.01  # of the peak
_SECOND = 0.1  # of the spot's light, in another one


@dataclass(frozen=True, eq=False)
class CalibratedPSF:
    """Blur kernels measured at a few scales; those between are made by resizing and mixing their neighbours.

    Parameters
    ----------
    radii : float64 (K,)
        Scales in px, rising: the radius of the disc that spreads light as far (twice the standard deviation).
    kernels : sequence of float64 (S, S)
        One for each scale: odd side, non-negative.

    Raises
    ------
    InputError
        If radii and kernels do not belong together.

    Examples
    --------
    >>> from defocus.psf import DiscPSF
    >>> lens = CalibratedPSF(np.array([2.0, 4.0]), [DiscPSF().kernel(2.0), DiscPSF().kernel(4.0)])
    >>> bool(np.abs(lens.kernel(3.0)[1:-1, 1:-1] - DiscPSF().kernel(3.0)).max() < 0.01)
    True
    """

    radii: NDArray[np.float64]
    kernels: Sequence[NDArray[np.float64]]

    def __post_init__(self) -> None:
        if len(self.radii) == 0 or len(self.radii) != len(self.kernels):
            raise InputError(f"{len(self.radii)} radii do not belong to {len(self.kernels)} kernels")
        if not np.isfinite(self.radii).all() or self.radii[0] <= 0 or (np.diff(self.radii) <= 0).any():
            raise InputError("calibrated radii must rise from above 0 px")
        for kernel in self.kernels:
            if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
                raise InputError(f"a calibrated kernel must be square with an odd side, not {kernel.shape}")
            if not np.isfinite(kernel).all() or kernel.min() < 0 or kernel.sum() <= 0:
                raise InputError("a calibrated kernel must hold light, and none that is negative")

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

        Both neighbouring scales are resized to it and mixed; below the smallest and above the largest scale there is
        only one.

        Raises
        ------
        InputError
            If the radius is negative or larger than `largest_radius`.
        """
        if not math.isfinite(radius) or radius < 0:
            raise InputError(f"a blur radius must be 0 px or more, not {radius!r}")
        if radius > self.largest_radius + 1e-6:
            raise InputError(f"the lens is calibrated up to {self.largest_radius:.1f} px, not to {radius:g} px")
        place = float(np.interp(radius, self.radii, np.arange(len(self.radii))))
        lower = min(int(place), len(self.radii) - 1)
        share = place - lower
        parts = [_resized(self.kernels[lower], self.radii[lower], radius)]
        if share > 0:
            parts.append(_resized(self.kernels[lower + 1], self.radii[lower + 1], radius))
        half = max(len(part) // 2 for part in parts)
        mixed = np.zeros((2 * half + 1, 2 * half + 1))
        for part, weight in zip(parts, (1 - share, share), strict=False):
            gap = half - len(part) // 2
            mixed[gap : gap + len(part), gap : gap + len(part)] += weight * part
        return mixed / mixed.sum()


def calibrate(files: Sequence[Path], output: Path) -> int:
    """Measure a lens from pictures of a point light and write it to a file for ``--psf``.

    Parameters
    ----------
    files : sequence of Path
        Pictures of one light each, at different scales of blur.
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
        radius, kernel = measure_spot(load_image(file))
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
        with np.load(path, allow_pickle=False) as file:
            if int(file["format"]) != _FORMAT:
                raise InputError(f"{path}: written by another version of the suite: calibrate the lens again")
            radii, square = file["radii"].astype(float), file["kernels"].astype(float)
        kernels = [_trimmed(kernel) for kernel in square]
        return CalibratedPSF(radii, kernels)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'not a calibrated lens'}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error
    except Exception as error:  # numpy and zipfile raise many kinds for a file that is something else
        raise InputError(f"{path}: not a calibrated lens") from error


def measure_spot(picture: Picture) -> tuple[float, NDArray[np.float64]]:
    """Return the radius in px and the kernel of the light that a picture shows.

    The radius is twice the standard deviation of the light along one axis, which for a disc is its radius; the
    pixels' own extent is taken off.

    Parameters
    ----------
    picture : Picture

    Returns
    -------
    radius : float
        In px.
    kernel : float64 (S, S)
        Centred, odd side, sum 1.

    Raises
    ------
    InputError
        If there is no light, more than one, or it is overexposed or cut off by the picture's border.
    """
    values = picture.luminance.astype(float)
    ground = float(np.median(values))
    noise = 1.4826 * float(np.median(np.abs(values - ground)))
    light = values - ground
    peak = float(light.max())
    if peak < max(_VISIBLE * noise, 4 / 255):
        raise InputError(f"{picture.source}: shows no light on a dark ground")
    if np.count_nonzero(values >= 0.995) >= 4 and picture.bit_depth < 32:
        raise InputError(f"{picture.source}: the light is overexposed: its shape cannot be measured")
    lit = light > max(_VISIBLE * noise, _FAINTEST * peak)
    spot = _connected(lit, np.unravel_index(int(light.argmax()), light.shape))
    total = light[spot].sum()
    if light[lit & ~_widened(spot, 2)].sum() > _SECOND * total:
        raise InputError(f"{picture.source}: shows more than one light: crop it to one")
    if spot[0].any() or spot[-1].any() or spot[:, 0].any() or spot[:, -1].any():
        raise InputError(f"{picture.source}: the light is cut off by the border")
    # Its faint skirt lies below the limit of what is surely lit
    light = np.where(_widened(spot, 2), light, 0)
    light /= light.sum()
    y, x = np.indices(light.shape)
    middle = float((light * y).sum()), float((light * x).sum())
    variance = float((light * ((y - middle[0]) ** 2 + (x - middle[1]) ** 2)).sum()) / 2
    radius = 2 * math.sqrt(max(variance - _PIXEL, 1e-4))
    lines = np.flatnonzero(light.any(axis=1)), np.flatnonzero(light.any(axis=0))
    half = max(math.ceil(max(abs(line[[0, -1]] - center).max() for line, center in zip(lines, middle, strict=True))), 1)
    return radius, _centered(light, middle, half)


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


def _connected(lit: NDArray[np.bool_], seed: tuple[np.intp, ...]) -> NDArray[np.bool_]:
    """Return the lit pixels that are connected to one of them."""
    found = np.zeros_like(lit)
    found[seed] = True
    count = 0
    while count != (count := int(np.count_nonzero(found))):
        found = _widened(found, 1) & lit
    return found


def _widened(where: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Return a set of pixels with its neighbours, so many times."""
    for _ in range(steps):
        padded = np.pad(where, 1)
        rows = padded[:-2] | padded[1:-1] | padded[2:]
        where = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return where


def _centered(light: NDArray[np.float64], middle: tuple[float, float], half: int) -> NDArray[np.float64]:
    """Return the square around a point, shifted by part of a pixel so that the point is its centre."""
    side = 2 * half + 1
    picture = Image.fromarray(np.pad(light, half + 2).astype(np.float32))
    left, top = middle[1] + 2, middle[0] + 2  # of the square, in the padded picture
    shift = (1, 0, left, 0, 1, top)
    kernel = np.asarray(picture.transform((side, side), Image.Transform.AFFINE, shift, Image.Resampling.BICUBIC), float)
    kernel = np.maximum(kernel, 0)
    return kernel / kernel.sum()


def _resized(kernel: NDArray[np.float64], measured: float, radius: float) -> NDArray[np.float64]:
    """Return a kernel of one measured scale magnified to another, its light integrated over each pixel."""
    disc = DiscPSF()
    spread = _variance(disc.kernel(radius))
    if min(spread, _variance(kernel)) < _POINT:
        return np.ones((1, 1))
    # Pixels and the interpolation between them have an extent of their own, which must not be magnified too: the
    # kernel is to spread as a disc of pixels would
    wanted = _variance(kernel) * spread / _variance(disc.kernel(max(measured, _SMALLEST)))
    scale = radius / measured
    for _ in range(_CORRECTIONS):
        scale *= math.sqrt(wanted / max(_variance(_magnified(kernel, scale)), 1e-3))
    return _magnified(kernel, scale)


def _magnified(kernel: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    half = math.ceil(len(kernel) / 2 * scale)
    side = 2 * half + 1
    fine = 1 / (scale * _FINE)
    corner = len(kernel) / 2 - side / 2 / scale
    size = (side * _FINE, side * _FINE)
    picture = Image.fromarray(np.pad(kernel, 2).astype(np.float32))
    placement = (fine, 0, corner + 2, 0, fine, corner + 2)
    samples = np.asarray(picture.transform(size, Image.Transform.AFFINE, placement, Image.Resampling.BICUBIC), float)
    result = np.maximum(samples, 0).reshape(side, _FINE, side, _FINE).mean(axis=(1, 3))
    return result / result.sum() if result.sum() > 0 else np.ones((1, 1))


def _variance(kernel: NDArray[np.float64]) -> float:
    """Return the variance of a centred kernel's light along one axis in px^2, with its pixels' own extent."""
    position = np.arange(len(kernel)) - len(kernel) // 2
    return float((kernel.sum(axis=0) + kernel.sum(axis=1)) @ position**2) / 2


def _trimmed(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a kernel without empty borders."""
    while len(kernel) > 1 and not (kernel[[0, -1]].any() or kernel[:, [0, -1]].any()):
        kernel = kernel[1:-1, 1:-1]
    return kernel
