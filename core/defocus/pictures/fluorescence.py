"""Fluorescence: what a picture that is bright on dark says of its blur, in terms of its own light and noise.

Such a picture may fill a hundredth of its range, between a ground that is not black and a few bright specks. What is
measured on it should not depend on that; nor on the noise of counted photons, which is larger where it is bright and
looks like sharp texture there.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.pictures.picture import Picture

__all__ = ["Stretched", "noise_line", "stretched"]

_PERCENTILES = (0.5, 99.5)
_LEAST_NOISE = 32  # standard deviations of the noise that the stretched range holds at least
_MOST = 1_000_000  # pixels that are looked at for all that
_BLOCK = 8  # px, side of the areas whose noise and light are compared
_DARKEST = 2  # per cent of the areas, whose light is that of the ground
_FAINT = 0.05  # of the brightest level, below which levels say little of how the noise grows
_DIFFERENCE = np.array([1, -2, 1]) / 6**0.5  # of three pixels in a row, leaves the variance of white noise as it is
_FREE = 19  # degrees of freedom of its squares' mean over an area, whose values are not independent
_LEAST_AREAS = 6  # of a level
_QUIET = 0.25  # part of the areas of a level that is taken for free of texture
_PLATEAU = 9  # pixels side by side at the largest value that are more than its chance


@dataclass(frozen=True)
class Stretched:
    """A picture for its evidence, not for people.

    Attributes
    ----------
    picture : Picture
        Grey, 0 and 1 at the 0.5 and 99.5 percentile, not cut off beyond; what is saturated is transparent.
    gain : float
        By how much it was stretched.
    noise : float
        Standard deviation of the noise of the ground, in the picture's new range.
    alpha : float32 (H, W) or None
        Opacity of the picture as it came.
    noise_ratio : float32 (H, W)
        The variance of each pixel's noise, in that of the ground.
    """

    picture: Picture
    gain: float
    noise: float
    alpha: NDArray[np.float32] | None
    noise_ratio: NDArray[np.float32]

    @property
    def drawable(self) -> Picture:
        """The picture with colours in [0, 1] and nothing transparent but what came so."""
        return dataclasses.replace(self.picture, color=np.clip(self.picture.color, 0, 1), alpha=self.alpha)


def stretched(picture: Picture) -> Stretched:
    """Return a picture stretched to what its light fills, with its noise at every level of light.

    Parameters
    ----------
    picture : Picture

    Examples
    --------
    >>> from defocus.pictures.picture import as_picture
    >>> rng = np.random.default_rng(0)
    >>> counts = 100 + rng.poisson(np.linspace(20, 900, 200), (100, 200))
    >>> found = stretched(as_picture(counts))
    >>> bool(found.noise_ratio[:, -20:].mean() > 10 * found.noise_ratio[:, :20].mean())
    True
    """
    light = picture.luminance
    known = None if picture.alpha is None else picture.alpha >= 0.5
    step = max(1, round((light.size / _MOST) ** 0.5))
    sample = light[::step, ::step]
    if known is not None and known[::step, ::step].any():
        sample = sample[known[::step, ::step]]
    low, high = (float(value) for value in np.percentile(sample, _PERCENTILES))
    dark, ground, growth = noise_line(light, known)
    span = max(high - low, _LEAST_NOISE * ground**0.5, 1e-6)
    ratio = 1 + growth / ground * np.maximum(light - dark, 0) if ground > 0 else np.ones_like(light)
    opacity = picture.alpha
    full = _saturated(light)
    if full is not None:
        opacity = np.where(full, np.float32(0), np.float32(1) if opacity is None else opacity)
    wide = ((light - np.float32(low)) / np.float32(span)).astype(np.float32)
    color = np.broadcast_to(wide[..., np.newaxis], (*wide.shape, 3))
    seen = dataclasses.replace(picture, color=color, alpha=opacity, gray=True)
    return Stretched(seen, 1 / span, ground**0.5 / span, picture.alpha, ratio.astype(np.float32))


def noise_line(light: NDArray[np.float32], known: NDArray[np.bool_] | None = None) -> tuple[float, float, float]:
    """Return the variance of the noise in the dark, and by how much it grows with the light.

    Photons that are counted have a variance in proportion to their number, so the noise of a camera lies on a line. It
    is looked at in second differences along both axes [1]_, which hold little that a lens has passed, in the quietest
    areas of every level of light.

    Parameters
    ----------
    light : float32 (H, W)
        In proportion to the light.
    known : bool (H, W), optional

    Returns
    -------
    dark, variance, growth : float
        The light of the darkest areas, the variance of the noise there, and what is added to it for each unit above;
        neither negative.

    References
    ----------
    .. [1] J. Immerkær, "Fast noise variance estimation", Computer Vision and Image Understanding 64 (1996) 300-302,
       doi:10.1006/cviu.1996.0060.
    """
    from scipy.ndimage import convolve1d
    from scipy.stats import chi2

    height, width = (size // _BLOCK * _BLOCK for size in light.shape)
    if min(height, width) < 2 * _BLOCK:
        return float(light.min()), 0.0, 0.0
    part = light[:height, :width].astype(np.float64)
    detail = convolve1d(convolve1d(part, _DIFFERENCE, axis=0), _DIFFERENCE, axis=1)
    variance = (detail**2).reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).mean(axis=(1, 3)).ravel()
    mean = part.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).mean(axis=(1, 3)).ravel()
    if known is not None:
        whole = known[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).all(axis=(1, 3))
        variance, mean = variance[whole.ravel()], mean[whole.ravel()]
    if mean.size < _LEAST_AREAS:
        return float(light.min()), 0.0, 0.0
    dark = float(np.percentile(mean, _DARKEST))
    order = np.argsort(mean)
    lights, noises = [], []
    begin = 0
    while begin < len(order):
        # Half of the areas, then half of those that are brighter, and so on: a few beads are a level, too
        left = len(order) - begin
        here = order[begin : begin + left // 2] if left >= 4 * _LEAST_AREAS else order[begin:]
        quiet = here[variance[here] <= np.quantile(variance[here], _QUIET)]
        lights.append(float(mean[quiet].mean()) - dark)
        noises.append(float(np.median(variance[quiet])))
        begin += len(here)
    # The quietest of areas have less than their share of the noise, too
    x, y = np.array(lights), np.array(noises) / (float(chi2.ppf(_QUIET / 2, _FREE)) / _FREE)
    ground, growth = float(y[0]), 0.0
    above = x - x[0] > _FAINT * (x.max() - x[0])
    if ground > 0 and above.any():
        # What is sharp adds to the noise of some levels and takes from that of none
        growth = max(float(np.quantile((y[above] - ground) / (x[above] - x[0]), _QUIET)), 0.0)
        ground = max(ground - growth * x[0], ground / 4)
    return dark, ground, growth


def _saturated(light: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Return where a picture is as bright as it can be, bool (H, W); None if nowhere.

    Known by its plateau: the largest value has no neighbour that is as large by chance.
    """
    from scipy import ndimage

    at_most = light >= light.max()
    if int(at_most.sum()) < _PLATEAU or bool(at_most.all()):
        return None
    labels, count = ndimage.label(at_most)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    large = sizes >= _PLATEAU
    large[0] = False
    return np.asarray(ndimage.binary_dilation(large[labels])) if large.any() else None
