"""Blur whose radius varies from pixel to pixel, as a linear operator with its exact adjoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from defocus.compiled import compiled
from defocus.errors import InputError
from defocus.parallel import run_parts
from defocus.psf.families import checked_kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from defocus.psf.families import PSF

__all__ = ["VaryingBlur", "checked_radius_map", "kernel_bank"]

_STEP = 0.25  # px between kernels of the bank, refined below 2 px where kernels change fastest
_FINE_STEP = 0.125
_FINE_UP_TO = 2.0
_STRIP = 32  # rows that one task makes
_IN_FRONT = 0.5  # times a pixel's radius: what is blurred less stands in front
_ROUNDING = 2e-6  # by which a sum of weights may differ from 1
_LARGEST = 128.0  # px; the largest radius that can be measured


def checked_radius_map(
    radius_map: object, shape: tuple[int, int], *, largest: float | None = None
) -> NDArray[np.float32]:
    """Return a radius map as float32 (H, W).

    Parameters
    ----------
    radius_map : array_like (H, W)
        Radii in px.
    shape : (int, int)
        Height and width of the picture it belongs to.
    largest : float, optional
        Largest radius in px that the point-spread function is known for; 128 unless given.

    Raises
    ------
    InputError
        If the map has another shape, or values that are no real numbers, NaN, infinite, negative or too large.
    """
    try:
        given = np.asarray(radius_map)
        if given.dtype.kind not in "iuf":
            what = "a mask" if given.dtype == np.bool_ else f"values of type {given.dtype}"
            raise InputError(f"the blur map must hold radii in px, but this is {what}")
        radius = np.asarray(given, np.float32)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("the blur map is not an array of numbers") from error
    if radius.shape != shape:
        raise InputError(f"the blur map has shape {radius.shape}, the picture {shape}")
    if not np.isfinite(radius).all():
        raise InputError(f"{np.count_nonzero(~np.isfinite(radius))} values of the blur map are NaN or infinite")
    if radius.min() < 0:
        raise InputError(f"the blur map has negative radii, down to {radius.min():g} px")
    bound = _LARGEST if largest is None else largest
    if radius.max() > bound + 1e-6:
        raise InputError(f"the blur map goes up to {radius.max():g} px, but the blur is known up to {bound:g} px")
    return radius


def kernel_bank(psf: PSF, largest: float) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return kernels from 0 px up to at least `largest` px.

    Parameters
    ----------
    psf : PSF
    largest : float
        In px.

    Returns
    -------
    radii : float32 (R,)
        In px.
    kernels : float32 (R, S, S)
        Centred, S odd, each of sum 1.
    reach : int64 (R,)
        Half side of each kernel in px, outside of which it is 0.
    """
    fine = np.arange(0, min(largest + _FINE_STEP, _FINE_UP_TO + 1e-9), _FINE_STEP)
    coarse = np.arange(_FINE_UP_TO + _STEP, largest + _STEP, _STEP) if largest > _FINE_UP_TO else np.empty(0)
    radii = np.concatenate([fine, coarse])
    if len(radii) > 1 and largest < radii[-1]:
        radii[-1] = largest  # never beyond what the point-spread function is known for
    single = [checked_kernel(psf, float(radius)) for radius in radii]
    reach = np.array([len(kernel) // 2 for kernel in single])
    half = int(reach.max())
    kernels = np.zeros((len(radii), 2 * half + 1, 2 * half + 1), np.float32)
    for kernel, out, near in zip(single, kernels, reach, strict=True):
        out[half - near : half + near + 1, half - near : half + near + 1] = kernel / kernel.sum()
    return radii.astype(np.float32), kernels, reach


@compiled(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _gather(planes, index, share, depth, limit, total, kernels, reach, first, last, line, out):  # type: ignore[no-untyped-def]
    """Rows first..last of the blur of each plane: every pixel collects what its own kernel covers.

    `line` is room for a row of a kernel. A limit of 0 says that nothing stands in front.
    """
    channels = planes.shape[0]
    width = index.shape[1]
    half = kernels.shape[1] // 2
    for y in range(first, last):
        for x in range(width):
            lower = index[y, x]
            upper = min(lower + 1, len(kernels) - 1)
            more = share[y, x]
            nearest = limit[y, x]
            near = reach[upper]
            size = 2 * near + 1
            left = half + x - near
            for c in range(channels):
                out[c, y, x] = 0
            if nearest == 0:
                for c in range(channels):
                    below, above = np.float32(0), np.float32(0)
                    for dy in range(-near, near + 1):
                        low = kernels[lower, half + dy, half - near : half + near + 1]
                        high = kernels[upper, half + dy, half - near : half + near + 1]
                        source = planes[c, half + y + dy, left : left + size]
                        for t in range(size):
                            below += low[t] * source[t]
                            above += high[t] * source[t]
                    out[c, y, x] = below + more * (above - below)
            elif nearest < np.inf:
                for dy in range(-near, near + 1):
                    low = kernels[lower, half + dy, half - near : half + near + 1]
                    high = kernels[upper, half + dy, half - near : half + near + 1]
                    radii = depth[half + y + dy, left : left + size]
                    for t in range(size):
                        weight = low[t] + more * (high[t] - low[t])
                        line[t] = weight if radii[t] >= nearest else np.float32(0)
                    for c in range(channels):
                        source = planes[c, half + y + dy, left : left + size]
                        sum_here = np.float32(0)
                        for t in range(size):
                            sum_here += line[t] * source[t]
                        out[c, y, x] += sum_here / total[y, x]


@compiled(nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _scatter(pictures, index, share, depth, limit, total, kernels, reach, first, last, line, out):  # type: ignore[no-untyped-def]
    """Rows first..last of the padded planes: every pixel spreads its value over what its own kernel covers.

    `line` is room for a row of a kernel. A limit of 0 says that nothing stands in front.
    """
    channels, height, width = pictures.shape
    half = kernels.shape[1] // 2
    out[:, first:last] = 0
    for y in range(max(0, first - 2 * half), min(height, last)):
        for x in range(width):
            lower = index[y, x]
            upper = min(lower + 1, len(kernels) - 1)
            more = share[y, x]
            nearest = limit[y, x]
            if nearest == np.inf:
                continue
            near = reach[upper]
            size = 2 * near + 1
            left = half + x - near
            for dy in range(max(-near, first - half - y), min(near + 1, last - half - y)):
                low = kernels[lower, half + dy, half - near : half + near + 1]
                high = kernels[upper, half + dy, half - near : half + near + 1]
                if nearest == 0:
                    for c in range(channels):
                        above = more * pictures[c, y, x]
                        below = pictures[c, y, x] - above
                        target = out[c, half + y + dy, left : left + size]
                        for t in range(size):
                            target[t] += below * low[t] + above * high[t]
                    continue
                radii = depth[half + y + dy, left : left + size]
                for t in range(size):
                    weight = low[t] + more * (high[t] - low[t])
                    line[t] = weight if radii[t] >= nearest else np.float32(0)
                for c in range(channels):
                    value = pictures[c, y, x] / total[y, x]
                    target = out[c, half + y + dy, left : left + size]
                    for t in range(size):
                        target[t] += value * line[t]


class VaryingBlur:
    """The linear operator A of (A f)[x] = (h_x * f)[x], where h_x is the kernel for the radius at pixel x.

    Between the bank's radii kernels are interpolated linearly, so A is linear in the picture and its adjoint exact.
    Light from pixels blurred less than half as much is left out, and the others make up for it: what is nearer to focus
    stands before its blurred surroundings and is not mixed into them.
    It maps a picture with a margin, of `padded_shape`, to one of `shape`: nothing is assumed of what lies outside.

    Parameters
    ----------
    radius : float32 (H, W)
        Blur radius of every pixel in px.
    psf : PSF
        The kernel family.
    threads : int, optional
        As many as there are cores unless given; results do not depend on it.
    active : bool (H, W), optional
        Where the blurred picture is wanted; elsewhere it is 0, which costs nothing. Everywhere unless given.
    watch : callable, optional
        Called without arguments several times a second while the operator works; may raise to stop it.

    Examples
    --------
    >>> from defocus.psf.families import DiscPSF
    >>> blur = VaryingBlur(np.full((20, 30), 2.0), DiscPSF())
    >>> blur.forward(np.ones((1, *blur.padded_shape))).shape
    (1, 20, 30)
    """

    def __init__(
        self,
        radius: NDArray[np.floating],
        psf: PSF,
        *,
        threads: int | None = None,
        active: NDArray[np.bool_] | None = None,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        radii, self.kernels, self.reach = kernel_bank(psf, float(np.max(radius)))
        place = np.interp(radius, radii, np.arange(len(radii)))
        self._index = np.minimum(np.floor(place), max(len(radii) - 2, 0)).astype(np.int64)
        self._share = (place - self._index).astype(np.float32)
        self._threads = threads
        self._watch = watch
        self.shape = (int(radius.shape[0]), int(radius.shape[1]))
        self._depth = np.pad(np.asarray(radius, np.float32), self.margin, mode="edge")
        self._limit = (np.asarray(radius, np.float32) * np.float32(_IN_FRONT)).astype(np.float32)
        # Most pixels have nothing in front of them, which need not be asked again for every weight
        nearest = ndimage.minimum_filter(self._depth, 2 * self.margin + 1)
        self._limit[nearest[self.margin :, self.margin :][: self.shape[0], : self.shape[1]] >= self._limit] = 0
        if active is not None:
            self._limit[~active] = np.inf  # no light is near enough to be seen there
        self._total = np.ones(self.shape, np.float32)
        if ((self._limit > 0) & (self._limit < np.inf)).any():
            self._total = self.forward(np.ones((1, *self.padded_shape), np.float32))[0]
            clear = (self._limit == 0) | (self._total > 1 - _ROUNDING)
            self._limit[clear & (self._limit < np.inf)] = 0
            self._total[clear | (self._limit == np.inf)] = 1

    @property
    def margin(self) -> int:
        """Pixels by which the unblurred picture is larger on each side."""
        return self.kernels.shape[1] // 2

    @property
    def padded_shape(self) -> tuple[int, int]:
        """Height and width of the unblurred picture with its margin."""
        return self.shape[0] + 2 * self.margin, self.shape[1] + 2 * self.margin

    def forward(self, planes: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return A f: float32 (C, H, W) from (C, H + 2 margin, W + 2 margin)."""
        source = np.ascontiguousarray(planes, np.float32)
        out = np.empty((len(source), *self.shape), np.float32)

        def strip(first: int) -> None:
            last = min(first + _STRIP, self.shape[0])
            _gather(
                source,
                self._index,
                self._share,
                self._depth,
                self._limit,
                self._total,
                self.kernels,
                self.reach,
                first,
                last,
                np.empty(self.kernels.shape[1], np.float32),
                out,
            )

        run_parts(strip, range(0, self.shape[0], _STRIP), threads=self._threads, progress=lambda *_: self._watch())
        return out

    @property
    def undisturbed(self) -> NDArray[np.float32]:
        """Share of each pixel's kernel that is not covered by what stands in front, float32 (H, W)."""
        return self._total

    def adjoint(self, pictures: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return A' y: float32 (C, H + 2 margin, W + 2 margin) from (C, H, W)."""
        source = np.ascontiguousarray(pictures, np.float32)
        height = self.padded_shape[0]
        out = np.empty((len(source), *self.padded_shape), np.float32)

        def strip(first: int) -> None:
            last = min(first + _STRIP, height)
            _scatter(
                source,
                self._index,
                self._share,
                self._depth,
                self._limit,
                self._total,
                self.kernels,
                self.reach,
                first,
                last,
                np.empty(self.kernels.shape[1], np.float32),
                out,
            )

        run_parts(strip, range(0, height, _STRIP), threads=self._threads, progress=lambda *_: self._watch())
        return out
