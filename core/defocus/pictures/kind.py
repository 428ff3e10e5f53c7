"""Kind: whether a picture is a photograph or comes from a microscope, and from which way of lighting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from defocus.pictures.picture import Picture

__all__ = ["Kind", "kind_of"]

Kind = Literal["photograph", "fluorescence", "brightfield"]

_DARK, _GROUND = 0.1, 0.6  # where more than the second part of a picture lies in the first of its range, it is ground
_MIDDLE = 0.4  # of the range, below which the median of what is bright on dark lies, however dense it is


def kind_of(picture: Picture) -> Kind:
    """Return what a picture seems to be.

    A picture with colours is a photograph. A grey one is, if it has 8 bits and no dark ground. What is left comes from
    a camera of science: most of fluorescence is dark, of transmitted light (brightfield, phase contrast) it is not.

    Parameters
    ----------
    picture : Picture
    """
    if not picture.gray:
        return "photograph"
    sample = picture.luminance[::4, ::4]
    if picture.alpha is not None and bool((known := picture.alpha[::4, ::4] >= 0.5).any()):
        sample = sample[known]
    low, middle, high = np.percentile(sample, (0.5, 50, 99.5))
    ground = float(np.mean(sample <= low + _DARK * (high - low))) if high > low else 0.0
    if picture.bit_depth <= 8 and ground <= _GROUND:
        return "photograph"
    return "fluorescence" if middle < low + _MIDDLE * (high - low) or ground > _GROUND else "brightfield"
