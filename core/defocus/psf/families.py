"""Point-spread functions: what an out-of-focus point looks like, as a function of one scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = [
    "FAMILIES",
    "PSF",
    "AnnulusPSF",
    "DiscPSF",
    "Family",
    "GaussianPSF",
    "PolygonPSF",
    "SensorPSF",
    "as_psf",
    "checked_kernel",
]

_SUBSAMPLES = 16  # sub-pixel samples per side: kernel areas are right to about 1e-3
_SAMPLES_ACROSS = 2048  # of a large kernel, whose areas are right with fewer per pixel


@runtime_checkable
class PSF(Protocol):
    """A family of blur kernels with one scale, the radius in px.

    Any object with these two members can be used wherever the suite takes a PSF.
    """

    @property
    def isotropic(self) -> bool:
        """Whether the kernel looks the same along both axes and both diagonals' mirrors."""
        ...

    def kernel(self, radius: float) -> NDArray[np.float64]:
        """Return the kernel for `radius` px: square, odd side, non-negative, sum 1; a single 1 for radius 0."""
        ...


@dataclass(frozen=True)
class DiscPSF:
    """Uniform disc: the blur of a lens with a round, fully open aperture.

    Examples
    --------
    >>> DiscPSF().kernel(0.4).shape
    (1, 1)
    >>> DiscPSF().kernel(5.0).shape
    (11, 11)
    """

    isotropic: bool = True

    def kernel(self, radius: float) -> NDArray[np.float64]:
        """Return the disc of `radius` px, each pixel weighted by the area that the disc covers."""
        return _covered_area(radius, radius, lambda x, y: x * x + y * y <= radius * radius)


@dataclass(frozen=True)
class GaussianPSF:
    """Gaussian whose standard deviation is half the radius, so that it spreads light as a disc of that radius does.

    A disc of radius r has variance r^2 / 4 along each axis, and so has this Gaussian.
    """

    isotropic: bool = True

    def kernel(self, radius: float) -> NDArray[np.float64]:
        """Return the Gaussian of standard deviation ``radius / 2`` px, integrated over each pixel."""
        _check_radius(radius)
        if radius < 1e-6:
            return np.ones((1, 1))
        sigma = radius / 2
        half = max(math.ceil(4 * sigma - 0.5), 1)
        edges = (np.arange(-half, half + 2) - 0.5) / (sigma * math.sqrt(2))
        line = np.diff([math.erf(edge) for edge in edges])
        kernel = np.outer(line, line)
        return kernel / kernel.sum()


@dataclass(frozen=True)
class PolygonPSF:
    """Regular polygon: the blur of a lens stopped down to an aperture with straight blades.

    Parameters
    ----------
    blades : int
        Number of sides, at least 3.
    rotation : float
        Rotation in degrees; 0 puts one corner on the positive x axis.

    Notes
    -----
    The radius is that of the disc with the same area, so that equal radii mean equal amounts of blur for all families.
    """

    blades: int = 6
    rotation: float = 0.0

    def __post_init__(self) -> None:
        if self.blades < 3:
            raise InputError(f"a polygon needs at least 3 blades, not {self.blades}")

    @property
    def isotropic(self) -> bool:
        """Always False: a polygon's spectrum depends on direction."""
        return False

    def kernel(self, radius: float) -> NDArray[np.float64]:
        """Return the polygon whose area is that of a disc of `radius` px."""
        sector = 2 * math.pi / self.blades
        corner = radius * math.sqrt(sector / math.sin(sector))
        apothem = corner * math.cos(sector / 2)
        turn = math.radians(self.rotation)

        def inside(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
            # Distance along the normal of the side whose sector the point lies in
            angle = np.mod(np.arctan2(y, x) - turn, sector) - sector / 2
            return np.hypot(x, y) * np.cos(angle) <= apothem

        return _covered_area(radius, corner, inside)


@dataclass(frozen=True)
class AnnulusPSF:
    """Uniform ring: the blur of a mirror lens or a telescope, whose second mirror hides the middle of the first.

    Attributes
    ----------
    obstruction : float
        Radius of the dark middle, as a part of the radius of the whole.

    Examples
    --------
    >>> float(AnnulusPSF(0.5).kernel(6.0)[6, 6])
    0.0
    """

    obstruction: float = 0.4

    @property
    def isotropic(self) -> bool:
        """A ring looks the same from all sides."""
        return True

    def kernel(self, radius: float) -> NDArray[np.float64]:
        """Return the ring of `radius` px, each pixel weighted by the area that the ring covers."""
        hidden = (self.obstruction * radius) ** 2

        def inside(x, y):  # type: ignore[no-untyped-def]
            squared = x * x + y * y
            return (squared <= radius * radius) & (squared >= hidden)

        return _covered_area(radius, radius, inside)


@dataclass(frozen=True)
class SensorPSF:
    """A blur shape as a camera records it: further spread by its sensor, demosaicking and resizing.

    Parameters
    ----------
    shape : PSF
        The defocus alone.
    sensor_blur : float
        Standard deviation in px of the Gaussian that stands for the rest.

    Notes
    -----
    The radius stays that of the defocus, so that 0 px means in focus and not perfectly sharp.
    """

    shape: PSF
    sensor_blur: float

    @property
    def isotropic(self) -> bool:
        """Whether the blur shape is."""
        return self.shape.isotropic

    def kernel(self, radius: float) -> NDArray[np.float64]:
        """Return the kernel of the blur shape, convolved with the Gaussian."""
        kernel = checked_kernel(self.shape, radius)
        if self.sensor_blur <= 0:
            return kernel
        spread = GaussianPSF().kernel(2 * self.sensor_blur)
        side = len(kernel) + len(spread) - 1
        product = np.fft.rfft2(kernel, (side, side)) * np.fft.rfft2(spread, (side, side))
        result = np.maximum(np.fft.irfft2(product, (side, side)), 0)
        return result / result.sum()


@dataclass(frozen=True)
class Family:
    """A blur shape that can be chosen by name.

    Attributes
    ----------
    make : callable
        Returns the PSF; takes the named parameters as keywords.
    parameters : tuple of str
        Those fields of `defocus.parameters.AnalysisParameters` that shape it; hosts show them beside the name.
    """

    make: Callable[..., PSF]
    parameters: tuple[str, ...] = ()


FAMILIES: Mapping[str, Family] = {
    "disc": Family(DiscPSF),
    "gaussian": Family(GaussianPSF),
    "polygon": Family(PolygonPSF, ("blades", "rotation")),
    "annulus": Family(AnnulusPSF, ("obstruction",)),
}
"""Every family that has a name."""


def as_psf(name: str | PSF, **shape: float) -> PSF:
    """Return a PSF family by its name.

    Parameters
    ----------
    name : str or PSF
        A name in `FAMILIES`; a PSF is returned as it is.
    **shape
        Parameters of the families; each takes its own and leaves the others alone.

    Raises
    ------
    InputError
        If there is no such family, or an object is no PSF.

    Examples
    --------
    >>> as_psf("polygon", blades=7, rotation=12.0)
    PolygonPSF(blades=7, rotation=12.0)
    """
    if not isinstance(name, str):
        if not isinstance(name, PSF) or not callable(name.kernel):
            raise InputError(f"a PSF has isotropic and kernel, which {type(name).__name__} lacks")
        return name
    if name not in FAMILIES:
        raise InputError(f"no PSF family is called {name!r}: use {', '.join(FAMILIES)}")
    family = FAMILIES[name]
    return family.make(**{key: value for key, value in shape.items() if key in family.parameters})


def checked_kernel(psf: PSF, radius: float) -> NDArray[np.float64]:
    """Return a PSF's kernel for `radius` px, float64, square with an odd side; anybody may write a PSF.

    Raises
    ------
    InputError
        If it is not square with an odd side, holds no light, or anything that is negative or not finite.
    """
    try:
        kernel = np.asarray(psf.kernel(radius), np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{type(psf).__name__} gives no kernel for {radius:g} px ({error})") from error
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
        raise InputError(f"a kernel must be square with an odd side, not {kernel.shape} as that for {radius:g} px")
    if not np.isfinite(kernel).all() or kernel.min() < 0 or kernel.sum() <= 0:
        raise InputError(f"a kernel must hold light, and none that is negative; that for {radius:g} px does not")
    return kernel


def _check_radius(radius: float) -> None:
    if not math.isfinite(radius) or radius < 0:
        raise InputError(f"a blur radius must be 0 px or more, not {radius!r}")


def _covered_area(radius: float, reach: float, inside) -> NDArray[np.float64]:  # type: ignore[no-untyped-def]
    """Return the share of each pixel that lies inside a shape reaching out to `reach` px, normalised to sum 1."""
    _check_radius(radius)
    half = max(math.ceil(reach - 0.5), 0)
    if half == 0:
        return np.ones((1, 1))
    side = 2 * half + 1
    each = min(_SUBSAMPLES, max(_SAMPLES_ACROSS // side, 2))
    # Samples at the middles of sub-pixels, so that a pixel wholly inside counts exactly 1
    fine = (np.arange(side * each) + 0.5) / each - half - 0.5
    hits = inside(fine[np.newaxis, :], fine[:, np.newaxis])
    area = hits.reshape(side, each, side, each).mean(axis=(1, 3))
    return area / area.sum()
