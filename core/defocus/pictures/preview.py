"""Small pictures that show a person, while the sliders move, what a result will be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from defocus.pictures.render import color_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.pictures.picture import Picture

__all__ = ["illustration"]

_RUBYLITH = np.array([0.86, 0.08, 0.24], np.float32)  # the red film that marks what a mask hides


def illustration(
    kind: str,
    values: NDArray[np.float32],
    picture: Picture,
    limits: tuple[int, int],
    maximum: float = 1.0,
    colors: bool = False,
) -> NDArray[np.uint8]:
    """Return a small RGB picture of a result.

    Parameters
    ----------
    kind : str
        ``"focus_mask"`` shows the picture with red film over what is masked; any other map is shown in grey.
    values : float32 (H, W) or (H, W, 3)
        A mask, a map, or a picture, which is shown as it is.
    picture : Picture
        What the result was made of.
    limits : tuple of int
        Height and width at most, in px.
    maximum : float
        The value that is shown white, for maps.
    colors : bool
        Show maps in colours.

    Returns
    -------
    uint8 (h, w, 3)
    """
    full_height, full_width = picture.shape
    scale = min(limits[0] / full_height, limits[1] / full_width)
    size = max(1, round(full_width * scale)), max(1, round(full_height * scale))

    def reduced(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
        return np.asarray(image.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST))

    def reduced_color(color: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([reduced(color[..., channel]) for channel in range(3)], axis=-1)

    if values.ndim == 3:
        small = reduced_color(values)
    elif kind == "focus_mask":
        color, mask = reduced_color(picture.color), reduced(values)[..., np.newaxis]
        small = mask * color + (1 - mask) * (0.35 * color + 0.65 * _RUBYLITH)
    else:
        level = reduced(values) / max(maximum, 1e-6)
        if colors:
            return color_map(level, 1.0)
        small = np.repeat(level[..., np.newaxis], 3, axis=-1)
    return np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)
