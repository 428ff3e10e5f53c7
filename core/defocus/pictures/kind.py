"""Kind: whether a picture is a photograph or comes from a microscope, and from which way of lighting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from defocus.pictures.picture import Picture

__all__ = ["Kind", "kind_of"]

Kind = Literal["photograph", "fluorescence", "brightfield"]

_DARK, _GROUND = 0.1, 0.6  # where more than the second part of a picture lies in the first of its range, it is ground
_LEVEL, _EVEN = 0.1, 0.7  # the same for a ground of any other level: a field of transmitted light
_BINS = 40  # of the range in which that level is looked for


def kind_of(picture: Picture) -> Kind:
    """Return what a picture seems to be, by what it shows and never by the kind of its numbers.

    A picture with colours is a photograph. A grey one that is mostly dark ground is fluorescence, one that is mostly
    of one other level is of transmitted light (brightfield, phase contrast); all others are photographs.

    Parameters
    ----------
    picture : Picture
    """
    if not picture.gray:
        return "photograph"
    sample = picture.luminance[::4, ::4]
    if picture.alpha is not None and bool((known := picture.alpha[::4, ::4] >= 0.5).any()):
        sample = sample[known]
    low, high = np.percentile(sample, (0.5, 99.5))
    if high <= low:
        return "photograph"
    if float(np.mean(sample <= low + _DARK * (high - low))) > _GROUND:
        return "fluorescence"
    counts = np.histogram(sample, _BINS, (low, high))[0]
    together = np.convolve(counts, np.ones(round(_LEVEL * _BINS), int), "valid")
    return "brightfield" if float(together.max()) > _EVEN * sample.size else "photograph"
