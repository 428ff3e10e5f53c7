"""Kind: whether a picture is a photograph or comes from a microscope or another camera of science."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from defocus.pictures.picture import Picture

__all__ = ["kind_of"]

_DARK, _GROUND = 0.1, 0.6  # where more than the second part of a picture lies in the first of its range, it is ground


def kind_of(picture: Picture) -> Literal["photograph", "microscope"]:
    """Return what a picture seems to be.

    A picture with colours is a photograph. A grey one is, if it has 8 bits and no dark ground: cameras of science give
    more bits, and fluorescence is bright on dark.

    Parameters
    ----------
    picture : Picture
    """
    if not picture.gray:
        return "photograph"
    sample = picture.luminance[::4, ::4]
    low, high = np.percentile(sample, (0.5, 99.5))
    ground = float(np.mean(sample <= low + _DARK * (high - low))) if high > low else 0.0
    return "microscope" if picture.bit_depth > 8 or ground > _GROUND else "photograph"
