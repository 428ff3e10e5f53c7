"""Small pictures that show a person, while the sliders move, what a result will be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from defocus.pictures.intensity import whole_numbers
from defocus.pictures.render import color_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from defocus.pictures.picture import Picture

    View = Literal["overlay", "black", "white", "mask", "layers"]

__all__ = ["RUBYLITH", "illustration", "reduced_color", "reduced_size"]

RUBYLITH = (0.86, 0.08, 0.24)
"""The red film that marks what a mask hides."""

_FILM = 0.65  # how much of what lies below the film it takes


def reduced_size(shape: tuple[float, float], limits: tuple[int, int]) -> tuple[int, int]:
    """Return the width and height to which a picture of (height, width) is scaled to fit into (height, width)."""
    scale = min(limits[0] / shape[0], limits[1] / shape[1])
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def reduced_color(
    color: NDArray[np.float32], size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> NDArray[np.float32]:
    """Return planes (H, W, channels) scaled to (width, height): means of what falls together, or larger pixels.

    Of a part, if there is a `box`: top, left, bottom and right in px.
    """
    top, left, bottom, right = (0, 0, *color.shape[:2]) if box is None else box
    corner = math.floor(top), math.floor(left)
    color = color[corner[0] : math.ceil(bottom), corner[1] : math.ceil(right)]
    part = left - corner[1], top - corner[0], right - corner[1], bottom - corner[0]
    way = Image.Resampling.BOX if size[0] < right - left else Image.Resampling.NEAREST
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(color[..., channel], np.float32)).resize(size, way, part))
        for channel in range(color.shape[2])
    ]
    return np.stack(planes, axis=-1)


def illustration(
    kind: str,
    values: NDArray[np.float32],
    picture: Picture,
    limits: tuple[int, int],
    maximum: float = 1.0,
    colors: bool = False,
    view: View = "overlay",
    film: Sequence[float] = RUBYLITH,
    box: tuple[float, float, float, float] | None = None,
) -> NDArray[np.uint8]:
    """Return a small RGB picture of a result.

    Parameters
    ----------
    kind : str
        ``"focus_mask"`` shows the picture as `view` says; any other map is shown in grey, a picture as it is.
    values : float32 (H, W) or (H, W, 3 or 4)
        A mask, a map, or a picture, which is shown as it is, without its opacity.
    picture : Picture
        What the result was made of.
    limits : tuple of int
        Height and width at most, in px.
    maximum : float
        The value that is shown white, for maps.
    colors : bool
        Show maps in colours.
    view : {"overlay", "black", "white", "mask", "layers"}
        For masks: film over what is masked, what is not masked on black or on white, the mask itself, or the picture
        with the mask as its opacity.
    film : sequence of float
        Colour of the film, RGB in [0, 1], and how much it takes of what lies below it, in [0, 1], if there is a fourth.
    box : tuple of float, optional
        Top, left, bottom and right in px of the part to show; all unless given.

    Returns
    -------
    uint8 (h, w, 3)
        Or (h, w, 4), with opacity.
    """
    shape = picture.shape if box is None else (box[2] - box[0], box[3] - box[1])
    size = reduced_size(shape, limits)
    if values.ndim == 3:
        small = reduced_color(values[..., :3], size, box)
    elif kind == "focus_mask":
        color, mask = (reduced_color(planes, size, box) for planes in (picture.color, values[..., np.newaxis]))
        if view == "layers":
            return whole_numbers(np.concatenate([color, mask], axis=-1), "uint8")
        opacity = np.float32(film[3] if len(film) > 3 else _FILM)
        hidden = {
            "overlay": (1 - opacity) * color + opacity * np.asarray(film[:3], np.float32),
            "black": np.zeros_like(color),
            "white": np.ones_like(color),
            "mask": np.zeros_like(color),
        }[view]
        small = mask * (np.ones_like(color) if view == "mask" else color) + (1 - mask) * hidden
    else:
        level = reduced_color(values[..., np.newaxis], size, box)[..., 0] / max(maximum, 1e-6)
        if colors:
            return color_map(level, 1.0)
        small = np.repeat(level[..., np.newaxis], 3, axis=-1)
    return whole_numbers(small, "uint8")
