"""Focus over z: what the blur maps of a stack's slices say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.pictures.sampling import nearest_known

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from defocus.effects.detail_curve import DetailCurve

__all__ = ["FocusCurve", "composite", "focus_curve", "height_map"]

_HARDLY = 0.1  # of the largest share known of a slice: of less its radii say nothing
_LEAST_KNOWN = 0.002  # of a slice: less may be chance


@dataclass(frozen=True)
class FocusCurve:
    """How much of each slice is in focus, and which slice is the sharpest.

    Attributes
    ----------
    in_focus_share : float64 (Z,)
        Share of the pixels that are known whose radius is at most the threshold, in [0, 1]; 0 where hardly any is.
    median_radius : float64 (Z,)
        Median radius in px of the pixels that are known; NaN where hardly any is.
    known_share : float64 (Z,)
        Share of the pixels that are known, in [0, 1].
    detail : float64 (Z,)
        How much detail the slice holds, 1 that of the sharpest; see `defocus.effects.detail_curve`.
    threshold : float
        Px.
    sharpest : int or None
        The slice with the most detail; None where no slice shows anything that another shows as well, or that is known.
    confidence : float
        Probability that the sharpest is that slice or one beside it, in [0, 1].
    """

    in_focus_share: NDArray[np.float64]
    median_radius: NDArray[np.float64]
    known_share: NDArray[np.float64]
    detail: NDArray[np.float64]
    threshold: float
    sharpest: int | None
    confidence: float

    @property
    def in_focus(self) -> bool | None:
        """Whether half of what is known of the sharpest slice is in focus; None where nothing is known of it."""
        if self.sharpest is None or not np.isfinite(self.median_radius[self.sharpest]):
            return None
        return bool(self.median_radius[self.sharpest] <= self.threshold)

    @property
    def verdict(self) -> str:
        """What there is to say of the sharpest slice, in one line."""
        best = self.sharpest
        if best is None:
            return "no slice is in focus: none shows anything but noise"
        sure = f"confidence {self.confidence:.0%}"
        if self.in_focus is None:
            return f"slice {best} is the sharpest ({sure}); its noise hides how sharp it is"
        radius, share = self.median_radius[best], self.in_focus_share[best]
        if not self.in_focus:
            return f"no slice is in focus: slice {best} is the sharpest ({sure}), and is blurred by {radius:.2g} px"
        return f"slice {best} is the sharpest ({sure}): {share:.0%} of what is known is in focus, {radius:.2g} px"


def focus_curve(radii: ArrayLike, known: ArrayLike, threshold: float, detail: DetailCurve | None = None) -> FocusCurve:
    """Summarise each slice's blur map.

    Parameters
    ----------
    radii : array_like (Z, H, W)
        Blur radius in px.
    known : array_like (Z, H, W)
        Which pixels are known, bool; or how much each counts, in [0, 1].
    threshold : float
        Largest radius in px that counts as in focus.
    detail : DetailCurve, optional
        Of the same slices. Without it, or where slices have nothing in common, they are ranked by what is known of
        them: by the share in focus, among equal ones by the median radius.

    Returns
    -------
    FocusCurve
    """
    maps, weights = np.asarray(radii), np.asarray(known, np.float32)
    sums = weights.sum(axis=(1, 2), dtype=np.float64)
    share, median = np.zeros(len(maps)), np.full(len(maps), np.nan)
    for z in np.flatnonzero(sums > max(_HARDLY * sums.max(), _LEAST_KNOWN * weights[0].size)):
        radius, weight = maps[z], weights[z]
        share[z] = float(weight[radius <= threshold].sum(dtype=np.float64) / sums[z])
        order = np.argsort(radius, axis=None)
        cumulated = np.cumsum(weight.ravel()[order], dtype=np.float64)
        median[z] = radius.ravel()[order[np.searchsorted(cumulated, cumulated[-1] / 2)]]
    judged = np.isfinite(median)
    sharpest, confidence = (None, 0.0) if detail is None else (detail.sharpest, detail.confidence)
    if sharpest is None and judged.any():
        sharpest = int(np.lexsort((np.where(judged, median, np.inf), -share))[0])
    measured = np.where(judged, share, 0) if detail is None else detail.detail
    known_share = sums / max(1, weights[0].size)
    return FocusCurve(share, median, known_share, measured, float(threshold), sharpest, confidence)


def height_map(radii: ArrayLike, confidence: ArrayLike, *, smoothing: float = 1.0) -> NDArray[np.float32]:
    """Return where between the slices every pixel is sharpest.

    The radii are smoothed along z, so that among slices equally sharp the middle one wins. The radius of a disc grows
    in proportion to the distance from the plane of focus, so its square is a parabola over z, whose vertex is the
    answer. Pixels that had no evidence in any slice take the answer of the nearest pixel that had.

    Parameters
    ----------
    radii : array_like (Z, H, W)
        Blur radius in px.
    confidence : array_like (Z, H, W)
        How much evidence each pixel had, in [0, 1].
    smoothing : float
        Standard deviation in slices.

    Returns
    -------
    float32 (H, W)
        In slices: 3.4 lies between the slices 3 and 4.

    Raises
    ------
    InputError
        If there is only one slice.
    """
    from scipy import ndimage

    maps, weights = np.asarray(radii, np.float32), np.asarray(confidence, np.float32)
    if maps.ndim != 3 or len(maps) < 2:
        raise InputError("a height map needs two slices at least")
    smooth = ndimage.gaussian_filter1d(maps, smoothing, axis=0, mode="nearest") if smoothing > 0 else maps
    best = smooth.argmin(axis=0)
    vertex = _vertex(maps, best)
    # What the sharpest slice shows is what there is to be seen; noise alone is seen in none
    known = np.take_along_axis(weights, best[np.newaxis], axis=0)[0] >= 0.2
    if known.any() and not known.all():
        nearest = nearest_known(known)
        best, vertex = best[nearest], vertex[nearest]
    return ndimage.median_filter(np.clip(best + vertex, 0, len(maps) - 1).astype(np.float32), size=5, mode="nearest")


def _vertex(radii: NDArray[np.float32], best: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """Return how far from the slice `best` the parabola of the squared radii around it has its vertex, in slices.

    The parabola is fitted by weighted least squares. A squared radius is the less sure the larger it is. Measured radii
    saturate: of two slices on one side the farther one does not count unless it is clearly more blurred.
    """
    squares = {}
    for t in (-2, -1, 0, 1, 2):
        at = best + t
        square = np.take_along_axis(radii, np.clip(at, 0, len(radii) - 1)[np.newaxis], axis=0)[0] ** 2
        squares[t] = np.where((at >= 0) & (at < len(radii)), square, np.float32(np.inf))
    for side in (-1, 1):
        near, far = squares[side], squares[2 * side]
        far[(near > 1) & (far < 2 * near)] = np.inf
    moments = np.zeros((5, *best.shape), np.float32)  # sums of weight t^0 to t^4
    values = np.zeros((3, *best.shape), np.float32)  # sums of weight t^0 to t^2 square
    for t, square in squares.items():
        weight = 1 / (square + np.float32(0.25)) ** 2  # 0 where the square does not count
        weighted = weight * np.where(np.isinf(square), 0, square)
        for power in range(5):
            moments[power] += weight * np.float32(t**power)
        for power in range(3):
            values[power] += weighted * np.float32(t**power)
    m0, m1, m2, m3, m4 = moments
    q0, q1, q2 = values
    # Cramer's rule for square = a + slope t + bend t^2, all times the same positive determinant
    slope = m0 * (q1 * m4 - m3 * q2) - q0 * (m1 * m4 - m3 * m2) + m2 * (m1 * q2 - q1 * m2)
    bend = m0 * (m2 * q2 - q1 * m3) - m1 * (m1 * q2 - q1 * m2) + q0 * (m1 * m3 - m2 * m2)
    with np.errstate(divide="ignore", invalid="ignore"):
        offset = np.where(bend > 0, -slope / (2 * bend), 0)
    return np.clip(np.nan_to_num(offset), -1, 1).astype(np.float32)


def composite(stack: NDArray[Any], heights: NDArray[Any]) -> NDArray[Any]:
    """Return the all-in-focus picture: every pixel from the slice that is sharpest there.

    Parameters
    ----------
    stack : array (Z, H, W) or (Z, H, W, channels)
    heights : array (H, W)
        From `height_map`; the nearest slice is taken.

    Returns
    -------
    array (H, W) or (H, W, channels)
        Of the stack's type, values unchanged.
    """
    result = np.empty(stack.shape[1:], stack.dtype)
    nearest = np.rint(heights)
    for z in range(len(stack)):  # slice by slice, so that a lazy stack is never in memory whole
        here = nearest == z
        if here.any():
            result[here] = np.asarray(stack[z])[here]
    return result
