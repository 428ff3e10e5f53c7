"""Kind: whether a picture is a photograph or comes from a microscope, and from which way of lighting.

What shines before a dark ground adds up, so fluorescence has bright specks and no dark ones, finer detail where it is
brighter, and no direction; a photograph has edges of both signs and lines of the world's directions. Both are true of
a field far out of focus, too, whose ground is full of glow. A logistic regression on such features was fitted on
simulated specimens and on photographs, by ``python -m benchmarks.fit_kind``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from defocus.pictures.sampling import cell_means, nearest_known
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.pictures.picture import Picture
    from defocus.tuning import KindTuning

__all__ = ["Kind", "ToldKind", "kind_features", "kind_of", "told_kind"]

Kind = Literal["photograph", "fluorescence", "brightfield"]

_COLORLESS = 2 / 255  # as far apart may the channels of a grey picture be, after JPEG
_COLORED = 0.001  # part of a picture, as a mark or a scale bar, that may have colours all the same
_STEP = 4  # px between those whose colours are looked at
_SIDE = 200  # cells on the short side of the reduced picture that is looked at
_SURROUNDINGS = 8  # cells, standard deviation of the area in which light and detail are compared
_OCTAVES = 2  # the finest, whose detail is compared so
_DIRECTIONS = 12
_DARK = 0.1  # of the range, what is dark ...
_LONELY = 0.8  # ... and of a picture, from which on that is the ground of few things
_SPECKLED = 1.3  # skewness of detail, from which on it has specks; hardly a photograph has more
_LEAST_SIDE = 2  # cells; slopes have two ends
_LEVEL, _EVEN = 0.1, 0.7  # where more than the second part lies within the first of the range, that is the ground
_BINS = 40  # of the range in which that level is looked for


@dataclass(frozen=True)
class ToldKind:
    """What a picture seems to be.

    Attributes
    ----------
    name : {"photograph", "fluorescence", "brightfield"}
    probability : float
        That it is fluorescence, or that it is not, whichever was told.
    doubt : str
        Why it may be another kind, in words; empty where there is no such doubt.
    """

    name: Kind
    probability: float = 1.0
    doubt: str = ""


def kind_of(picture: Picture) -> Kind:
    """Return what a picture seems to be; see `told_kind`.

    Parameters
    ----------
    picture : Picture
    """
    return told_kind(picture).name


def told_kind(picture: Picture, tuning: KindTuning = TUNING.kind) -> ToldKind:
    """Tell what a picture seems to be, by what it shows and never by the kind of its numbers.

    A picture with colours is a photograph; one whose three channels are the same has none. Of grey ones the features
    tell what surely is fluorescence; of the others, what is mostly of one level is of transmitted light (brightfield,
    phase contrast), and the rest are photographs, which may be doubted: light that is uneven and full of noise, and
    shows nothing else, has traits of both.

    Parameters
    ----------
    picture : Picture
    tuning : KindTuning

    Returns
    -------
    ToldKind
    """
    if _colored(picture):
        return ToldKind("photograph")
    light, known = _reduced(picture)
    features = _features(light, known, _specks(picture))
    if features is None:
        return ToldKind("photograph")
    shines = float(1 / (1 + np.exp(-(features @ np.array(tuning.fluorescence)))))
    if shines >= tuning.sure:
        return ToldKind("fluorescence", shines)
    name: Kind = "brightfield" if _even(light[known]) else "photograph"
    doubt = f"it may be fluorescence and not {_WORDS[name]}: say which" if 1 - shines < tuning.sure else ""
    return ToldKind(name, 1 - shines, doubt)


_WORDS = {"photograph": "a photograph", "brightfield": "brightfield"}


def kind_features(picture: Picture) -> NDArray[np.float64] | None:
    """Return what tells fluorescence from other grey pictures, float64 (13,), or None.

    Nothing tells of a constant picture, or of one that is a pixel wide. Of the luminance, reduced to 200 cells on
    its short side, 0 and 1 at its 0.5 and 99.5 percentile: one; the 5 and 95 percentile; the skewness; that of the
    detail of three octaves; the correlation of the amount of detail with the light around, in two octaves; how much
    of the slopes has one direction; how unlike the upper and the lower quarter are; by how much more than 0.8
    of it is dark, as where few things shine; and by how much the skewness of its detail exceeds 1.3 where nothing is
    cut off but what is a px wide, as a few beads are too small to count in any percentile. Skewnesses are their inverse
    hyperbolic sine, so that no feature grows without bounds.

    Parameters
    ----------
    picture : Picture
    """
    return _features(*_reduced(picture), _specks(picture))


def _colored(picture: Picture) -> bool:
    """Whether a picture has colours."""
    if picture.gray:
        return False
    color = picture.color[::_STEP, ::_STEP]
    return bool(np.mean(np.ptp(color, axis=2) > _COLORLESS) > _COLORED)


def _reduced(
    picture: Picture, light: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the luminance of cells, or other light, and which of them are opaque; all are, where none is."""
    light = picture.luminance if light is None else light
    step = max(1, round(min(light.shape) / _SIDE))
    cells = cell_means(light, step) if step > 1 else light
    if picture.alpha is None:
        return cells, np.ones(cells.shape, bool)
    opacity = cell_means(picture.alpha, step) if step > 1 else picture.alpha
    known = opacity > 0.99
    if not known.any():
        return cells, np.ones(cells.shape, bool)
    return cells[nearest_known(known)], known


def _specks(picture: Picture) -> float:
    """Return by how much the skewness of detail exceeds that of photographs; what is a px wide is a defect."""
    from scipy import ndimage

    light = picture.luminance
    if min(light.shape) < _LEAST_SIDE:
        return 0.0
    wide = np.pad(light, 1, mode="reflect")
    whole = np.minimum(light, np.maximum(wide[1:-1, 2:], wide[1:-1, :-2]))  # no brighter than beside it, either way
    np.minimum(whole, np.maximum(wide[2:, 1:-1], wide[:-2, 1:-1]), out=whole)
    cells, known = _reduced(picture, whole)
    fine, coarse = (ndimage.gaussian_filter(cells.astype(np.float64), width, mode="nearest") for width in (1, 2))
    return max(_skewness((fine - coarse)[known]) - _SPECKLED, 0.0)


def _features(light: NDArray[np.float32], known: NDArray[np.bool_], specks: float) -> NDArray[np.float64] | None:
    from scipy import ndimage

    low, high = np.percentile(light[known], (0.5, 99.5))
    if high <= low or min(light.shape) < _LEAST_SIDE:
        return None
    scaled = np.clip((light.astype(np.float64) - low) / (high - low), -0.25, 1.25)

    def smooth(values: NDArray[np.float64], width: float) -> NDArray[np.float64]:
        return np.asarray(ndimage.gaussian_filter(values, width, mode="nearest"))

    found = [1.0, *np.percentile(scaled[known], (5, 95)), _skewness(scaled[known])]
    around = smooth(scaled, _SURROUNDINGS)[known]
    grows: list[float] = []
    finer = scaled
    for width in (1, 2, 4):
        coarser = smooth(scaled, width)
        detail = finer - coarser
        found.append(_skewness(detail[known]))
        if len(grows) < _OCTAVES:
            amount = np.sqrt(smooth(detail * detail, _SURROUNDINGS))[known]
            grows.append(_correlation(around, amount))
        finer = coarser
    down, across = np.gradient(smooth(scaled, 2))
    directions = np.arctan2(down, across)[known] % np.pi
    of_each, _ = np.histogram(directions, _DIRECTIONS, (0, np.pi), weights=np.hypot(down, across)[known])
    quarter = max(len(scaled) // 4, 1)
    unlike = abs(scaled[:quarter].mean() - scaled[-quarter:].mean())
    one_way = np.log(of_each.max() / of_each.mean()) if of_each.any() else 0.0
    lonely = max(float(np.mean(scaled[known] <= _DARK)) - _LONELY, 0.0)
    return np.array([*found, *grows, one_way, unlike, lonely, specks])


def _skewness(values: NDArray[np.float64]) -> float:
    away = values - values.mean()
    spread = float(np.mean(away**2)) ** 1.5
    return float(np.arcsinh(np.mean(away**3) / spread)) if spread > 0 else 0.0


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    one, other = one - one.mean(), other - other.mean()
    both = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / both) if both > 0 else 0.0


def _even(light: NDArray[np.float32]) -> bool:
    """Whether most of a picture has one level that is not the darkest: the ground of transmitted light."""
    counts = np.histogram(light, _BINS, tuple(np.percentile(light, (0.5, 99.5))))[0]
    together = np.convolve(counts, np.ones(round(_LEVEL * _BINS), int), "valid")
    return bool(together.argmax() > 0 and together.max() > _EVEN * light.size)
