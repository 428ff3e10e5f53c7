"""Blur of a picture whose radii are only known up to an error: the normal equations of restoring it, and a quick start.

The mean of ||A f - g||^2 over what the radii may be is taken over two maps, one standard deviation below and above.
Where both agree on what they let through, a frequency can be restored; where they do not, as in the side lobes of a
disc, the mean tells to leave it, and no errors of the map turn into rings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from defocus.effects.light import encoded, encoded_slope, linear, linear_slope
from defocus.parallel import available_threads
from defocus.psf.families import checked_kernel
from defocus.psf.varying_blur import VaryingBlur

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from defocus.psf.families import PSF

__all__ = ["EncodedBlur", "LayeredInverse", "LinearisedBlur", "RememberedPSF", "UnsureBlur"]

_FINEST_LAYER = 1.0  # px between the radii for which the inverse is computed
_LAYER_RATIO = 0.25  # of the radius, where that is more
_LEAST = 1e-4  # share of a frequency below which it counts as lost


class RememberedPSF:
    """A kernel family that computes no kernel twice."""

    def __init__(self, psf: PSF) -> None:
        self._psf = psf
        self.largest_radius = float(getattr(psf, "largest_radius", np.inf))
        self._known: dict[float, NDArray[np.float64]] = {}

    @property
    def isotropic(self) -> bool:
        """As the family's."""
        return self._psf.isotropic

    def kernel(self, radius: float) -> NDArray[np.float64]:
        """Return the family's kernel."""
        if radius not in self._known:
            self._known[radius] = checked_kernel(self._psf, radius)
        return self._known[radius]


class UnsureBlur:
    """The blur by two maps, below and above the one given.

    Parameters
    ----------
    radius : float32 (H, W)
        In px.
    error : float
        Standard deviation of the radii, as a share of the radius.
    psf : PSF
    largest : float
        Largest radius in px that the point-spread function is known for.
    active : bool (H, W)
        Where the picture says something; the rest is not computed.
    threads, watch : optional
        See `VaryingBlur`.
    """

    def __init__(
        self,
        radius: NDArray[np.float32],
        error: float,
        psf: PSF,
        *,
        largest: float = np.inf,
        active: NDArray[np.bool_] | None = None,
        threads: int | None = None,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        self.shape = (int(radius.shape[0]), int(radius.shape[1]))
        self.radii = [np.minimum(radius * np.float32(factor), np.float32(largest)) for factor in (1 - error, 1 + error)]
        self._blurs = [VaryingBlur(radii, psf, active=active, threads=threads, watch=watch) for radii in self.radii]
        self.margin = max(blur.margin for blur in self._blurs)
        self._parts = [self._inside(self.margin - blur.margin) for blur in self._blurs]
        self.inner = self._inside(self.margin)

    def _inside(self, border: int) -> tuple[slice, ...]:
        height, width = self.padded_shape
        return (slice(None), slice(border, height - border), slice(border, width - border))

    @property
    def padded_shape(self) -> tuple[int, int]:
        """Height and width of the unblurred picture with its margin."""
        return self.shape[0] + 2 * self.margin, self.shape[1] + 2 * self.margin

    def forward(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the planes blurred by both maps: float32 (2, C, H, W) from (C, H + 2 margin, W + 2 margin)."""
        return np.stack([blur.forward(planes[part]) for blur, part in zip(self._blurs, self._parts, strict=True)])

    def near(self, planes: NDArray[np.float32]) -> tuple[NDArray[np.float32], UnsureBlur]:
        """Return the planes blurred, and what small changes of them change: being linear, itself."""
        return self.forward(planes), self

    def adjoint(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean of both adjoints: float32 (C, H + 2 margin, W + 2 margin) from (2, C, H, W)."""
        out = np.zeros((pictures.shape[1], *self.padded_shape), np.float32)
        for blur, part, picture in zip(self._blurs, self._parts, pictures, strict=True):
            out[part] += blur.adjoint(picture) / 2
        return out


class EncodedBlur:
    """The same of a picture that is encoded for a display, while light adds up before: no longer linear.

    Parameters
    ----------
    blur : UnsureBlur
        Of the light.
    """

    def __init__(self, blur: UnsureBlur) -> None:
        self.shape, self.margin, self.inner = blur.shape, blur.margin, blur.inner
        self._blur = blur

    def forward(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return encoded planes blurred by both maps and encoded again, shaped as by `UnsureBlur.forward`."""
        return encoded(self._blur.forward(linear(planes)))

    def near(self, planes: NDArray[np.float32]) -> tuple[NDArray[np.float32], LinearisedBlur]:
        """Return the planes blurred, as `forward` does, and what small changes of them change."""
        light = self._blur.forward(linear(planes))
        return encoded(light), LinearisedBlur(self._blur, linear_slope(planes), encoded_slope(light))


class LinearisedBlur:
    """What small changes of an encoded picture change in it when it is blurred.

    Parameters
    ----------
    blur : UnsureBlur
    before, after : float32
        Slopes of decoding (C, H + 2 margin, W + 2 margin) and of encoding (2, C, H, W).
    """

    def __init__(self, blur: UnsureBlur, before: NDArray[np.float32], after: NDArray[np.float32]) -> None:
        self._blur, self._before, self._after = blur, before, after

    def forward(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what changes, see `UnsureBlur.forward`."""
        return self._after * self._blur.forward(self._before * planes)

    def adjoint(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the adjoint of that, see `UnsureBlur.adjoint`."""
        return self._before * self._blur.adjoint(self._after * pictures)


class LayeredInverse:
    """An approximate inverse of the normal equations, to precondition with: a filter per radius, shared out by pixel.

    Parameters
    ----------
    radius : float32 (H, W)
        Of the padded picture.
    error : float
        See `UnsureBlur`.
    psf : PSF
    wanted : bool (H, W)
        Where the picture is to change at all.
    largest, threads : optional
        See `UnsureBlur`.
    """

    def __init__(
        self,
        radius: NDArray[np.float32],
        error: float,
        psf: PSF,
        wanted: NDArray[np.bool_],
        *,
        largest: float = np.inf,
        threads: int | None = None,
    ) -> None:
        self._threads = threads or available_threads()
        self._shape = tuple(fft.next_fast_len(size, real=True) for size in radius.shape)
        smallest, most = float(radius[wanted].min()), float(radius[wanted].max())
        radii = [smallest]
        while radii[-1] < most:
            radii.append(min(radii[-1] + max(_FINEST_LAYER, _LAYER_RATIO * radii[-1]), most))
        place = np.interp(radius, radii, np.arange(len(radii)))
        shares = [np.maximum(1 - np.abs(place - layer), 0) * wanted for layer in range(len(radii))]
        # The roots keep the whole symmetric
        self._shares = [np.sqrt(share).astype(np.float32) for share in shares if share.any()]
        self._passed = []
        for layer_radius, share in zip(radii, shares, strict=True):
            if share.any():
                kernels = (psf.kernel(min(layer_radius * factor, largest)) for factor in (1 - error, 1 + error))
                spectra = (np.abs(fft.rfft2(kernel.astype(np.float32), self._shape)) ** 2 for kernel in kernels)
                self._passed.append(sum(spectra) / 2)
        rows, columns = (
            2 - 2 * np.cos(2 * np.pi * frequency(size))
            for frequency, size in ((np.fft.fftfreq, self._shape[0]), (np.fft.rfftfreq, self._shape[1]))
        )
        self._steps = (rows[:, np.newaxis] + columns).astype(np.float32)

    def apply(self, planes: NDArray[np.float32], smoothness: float) -> NDArray[np.float32]:
        """Return the planes filtered, float32 (C, H, W), for squared differences that weigh `smoothness`."""
        out = np.zeros_like(planes)
        height, width = planes.shape[1:]
        prior = np.float32(smoothness) * self._steps + np.float32(_LEAST)
        for share, passed in zip(self._shares, self._passed, strict=True):
            spectrum = fft.rfft2(share * planes, self._shape, workers=self._threads)
            spectrum /= passed + prior
            out += (
                share * fft.irfft2(spectrum, self._shape, overwrite_x=True, workers=self._threads)[:, :height, :width]
            )
        return out
