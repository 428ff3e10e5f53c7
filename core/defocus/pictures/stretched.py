"""Stretched: the picture as its evidence is measured, in terms of its own light and noise.

What is measured should not depend on the kind of number, an offset, a gain, an exposure or a contrast. A picture may
fill a hundredth of its range, between a ground that is not black and a few bright specks; where photons were counted,
their noise is larger where it is bright and looks like sharp texture there. What is saturated shows where the range
ended, not how sharp the scene was.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.pictures.picture import Picture

__all__ = ["LightLevels", "Stretched", "light_levels", "noise_line", "saturated_pixels", "stretched", "unstretched"]

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
_PLATEAU = 2.0  # times as many pixels as at the next level: a smooth peak has about as many
_NEAR_WHITE = 1.5 / 255  # of the range: as near as JPEG leaves white


@dataclass(frozen=True)
class Stretched:
    """A picture for its evidence, not for people.

    Attributes
    ----------
    picture : Picture
        Its luminance alone, 0 and 1 at the 0.5 and 99.5 percentile, not cut off beyond; what is saturated is
        transparent.
    source : Picture
        The picture as it came, whose colours boundaries follow, `gain` times as far apart.
    gain : float
        By how much it was stretched.
    noise : float
        Standard deviation of the noise of the ground, in the picture's new range.
    noise_ratio : float32 (H, W) or None
        The variance of each pixel's noise, in that of the ground; None if photons were not counted.
    saturated : bool (H, W) or None
        Where the picture is as bright as it can be; None if nowhere.
    """

    picture: Picture
    source: Picture
    gain: float
    noise: float
    noise_ratio: NDArray[np.float32] | None
    saturated: NDArray[np.bool_] | None


def unstretched(picture: Picture) -> Stretched:
    """Return a picture as it is."""
    return Stretched(picture, picture, 1.0, 0.0, None, None)


@dataclass(frozen=True)
class LightLevels:
    """What light and noise a picture holds; it, and parts of it, are stretched by them.

    Attributes
    ----------
    low, high : float
        The luminance that becomes 0 and 1.
    noise : float
        Variance of the noise of the ground.
    dark : float
        Luminance of the ground.
    growth : float or None
        What each unit of light above that adds to the variance; None if photons were not counted.
    """

    low: float
    high: float
    noise: float
    dark: float = 0.0
    growth: float | None = None


def light_levels(picture: Picture, *, counts: bool) -> LightLevels:
    """Return what light and noise a picture holds.

    0 and 1 become nearly the least and the largest of its light, but some deviations of the noise apart.

    Parameters
    ----------
    picture : Picture
    counts : bool
        Whether its values are in proportion to photons that were counted, whose noise grows with the light.
    """
    luminance = picture.luminance
    known = None if picture.alpha is None else picture.alpha >= 0.5
    dark, growth = 0.0, None
    if counts:
        # What is cut off has lost its noise
        full = saturated_pixels(luminance, _NEAR_WHITE * float(np.ptp(luminance)))
        whole = known if full is None else ~full if known is None else known & ~full
        dark, noise, growth = noise_line(luminance, whole)
    else:
        noise = _quietest_noise(luminance)
    step = max(1, round((luminance.size / _MOST) ** 0.5))
    sample = luminance[::step, ::step]
    if known is not None and known[::step, ::step].any():
        sample = sample[known[::step, ::step]]
    low, high = (float(value) for value in np.percentile(sample, _PERCENTILES))
    return LightLevels(low, low + max(high - low, _LEAST_NOISE * noise**0.5, 1e-6), noise, dark, growth)


def stretched(picture: Picture, levels: LightLevels) -> Stretched:
    """Return a picture stretched to what its light fills, with its noise at every level of light.

    Parameters
    ----------
    picture : Picture
    levels : LightLevels
        Its own, from `light_levels`, or those of a larger one that it is a part of.

    Examples
    --------
    >>> from defocus.pictures.picture import as_picture
    >>> rng = np.random.default_rng(0)
    >>> picture = as_picture(100 + rng.poisson(np.linspace(20, 900, 200), (100, 200)))
    >>> found = stretched(picture, light_levels(picture, counts=True))
    >>> bool(found.noise_ratio[:, -20:].mean() > 10 * found.noise_ratio[:, :20].mean())
    True
    """
    luminance, span = picture.luminance, levels.high - levels.low
    ratio: NDArray[np.float32] | None = None
    if levels.growth is not None:
        ratio = np.ones_like(luminance)
        if levels.noise > 0:
            ratio += np.float32(levels.growth / levels.noise) * np.maximum(luminance - np.float32(levels.dark), 0)
    opacity = picture.alpha
    full = saturated_pixels(luminance, _NEAR_WHITE * span)
    if full is not None:
        opacity = np.where(full, np.float32(0), np.float32(1) if opacity is None else opacity)
    wide = luminance - np.float32(levels.low)
    wide *= np.float32(1 / span)
    color = np.broadcast_to(wide[..., np.newaxis], (*wide.shape, 3))
    seen = dataclasses.replace(picture, color=color, alpha=opacity, gray=True)
    return Stretched(seen, picture, 1 / span, levels.noise**0.5 / span, ratio, full)


def _quietest_noise(light: NDArray[np.float32]) -> float:
    """Return the variance of the noise where a picture is quietest; 0 where that is less than its steps."""
    height, width = (size // _BLOCK * _BLOCK for size in light.shape)
    if min(height, width) < 2 * _BLOCK:
        return 0.0
    step = max(1, round((light.size / _MOST) ** 0.5))
    rows = [light[top : top + _BLOCK, :width] for top in range(0, height, _BLOCK * step)]
    part = np.stack(rows)
    # What is left of 2 x 2 pixels without mean and slopes
    rest = part[:, ::2, ::2] - part[:, 1::2, ::2] - part[:, ::2, 1::2] + part[:, 1::2, 1::2]
    rest = np.abs(rest).reshape(len(part), _BLOCK // 2, -1, _BLOCK // 2).mean(axis=(1, 3)) / 2
    return float(np.percentile(rest, 5)) ** 2 * np.pi / 2


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
    from scipy.special import chdtri  # scipy.stats takes a second to import

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
    x, y = np.array(lights), np.array(noises) / (float(chdtri(_FREE, 1 - _QUIET / 2)) / _FREE)
    ground, growth = float(y[0]), 0.0
    above = x - x[0] > _FAINT * (x.max() - x[0])
    if ground > 0 and above.any():
        # What is sharp adds to the noise of some levels and takes from that of none
        growth = max(float(np.quantile((y[above] - ground) / (x[above] - x[0]), _QUIET)), 0.0)
        ground = max(ground - growth * x[0], ground / 4)
    return dark, ground, growth


def saturated_pixels(light: NDArray[np.float32], near: float = 0.0) -> NDArray[np.bool_] | None:
    """Return where a picture is as bright as it can be, and the pixels beside; None if nowhere.

    Known by its plateau: far more pixels are near the largest value than just below, and they fill squares of 3 x 3 px.

    Parameters
    ----------
    light : float32 (H, W)
    near : float
        How near to the largest value counts as it.

    Returns
    -------
    bool (H, W) or None
    """
    top = light.max()
    at_most = light >= top - np.float32(near)
    count = int(np.count_nonzero(at_most))
    below = int(np.count_nonzero(light >= top - np.float32(2 * near))) - count if near > 0 else 0
    if min(light.shape) < 3 or count in (0, light.size) or count < _PLATEAU * max(below, 1):
        return None
    rows = at_most[:-2] & at_most[1:-1] & at_most[2:]
    middles = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    if not middles.any():
        return None
    # The squares around the middles, and one pixel more
    wide = np.zeros(light.shape, bool)
    wide[1:-1, 1:-1] = middles
    for axis in (0, 1):
        for _ in range(2):
            grown = wide.copy()
            first, last = (np.s_[1:], np.s_[:-1]) if axis == 0 else (np.s_[:, 1:], np.s_[:, :-1])
            grown[first] |= wide[last]
            grown[last] |= wide[first]
            wide = grown
    return wide
