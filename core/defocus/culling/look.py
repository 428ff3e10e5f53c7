"""Look: a picture reduced, in which it shows where it is sharp, and crops of it in full size, which show how sharp."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from defocus.pictures.kind import kind_of
from defocus.pictures.picture import Picture, as_picture, load_image
from defocus.pictures.reading import WHOLE, check_picture_size, upright, without_limit_of_pillow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from defocus.pictures.part import Part
    from defocus.tuning import CullingTuning

__all__ = ["Look", "look_at", "look_at_file"]


@dataclass(frozen=True)
class Look:
    """A picture as culling sees it.

    Attributes
    ----------
    small : Picture
        Reduced to `CullingTuning.look_side`, or the picture itself if it is not larger.
    shape : (int, int)
        Height and width of the picture in full, in px.
    read : callable
        Returns what gives the luminance of a part of the full picture, float32 in [0, 1], by its top, left and side.
    """

    small: Picture
    shape: tuple[int, int]
    read: Callable[[], Callable[[int, int, int], NDArray[np.float32]]]

    @property
    def scale(self) -> float:
        """Px of the full picture for each px of the small one."""
        return max(self.shape) / max(self.small.shape)

    @cached_property
    def part(self) -> Callable[[int, int, int], NDArray[np.float32]]:
        """Luminance of a part of the full picture, which is read when one is first asked for."""
        return self.read()


def look_at(picture: Picture, tuning: CullingTuning) -> Look:
    """Return a picture that is in memory, reduced by the means of blocks.

    Parameters
    ----------
    picture : Picture
    tuning : CullingTuning
    """
    step = math.ceil(max(picture.shape) / tuning.look_side)
    if step == 1 or kind_of(picture) == "fluorescence":  # whose specks are gone in a reduced look
        return Look(picture, picture.shape, lambda: _part_of(picture.luminance))
    color = _block_means(picture.color, step)
    alpha = None if picture.alpha is None else _block_means(picture.alpha, step)
    small = Picture(color, alpha, picture.gray, picture.white, picture.black, picture.bit_depth, picture.source)
    height, width = color.shape[0] * step, color.shape[1] * step
    return Look(small, (height, width), lambda: _part_of(picture.luminance))


def _part_of(luminance: NDArray[np.float32]) -> Callable[[int, int, int], NDArray[np.float32]]:
    return lambda top, left, side: luminance[top : top + side, left : left + side]


def _block_means(values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Return the means of blocks of `step` x `step` px; what is left over at the far sides is left out."""
    height, width = values.shape[0] // step, values.shape[1] // step
    blocks = values[: height * step, : width * step].reshape(height, step, width, step, *values.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def look_at_file(file: Path, max_pixels: int, part: Part, tuning: CullingTuning) -> Look:
    """Return a picture file's look; a large JPEG is decoded reduced, and in full only if it is asked for.

    Parameters
    ----------
    file : Path
    max_pixels : int
        A file with more pixels is refused before they are read.
    part : Part
        Of a TIFF that holds more than one picture: which.
    tuning : CullingTuning

    Raises
    ------
    InputError
        As `defocus.load_image`.
    """
    reduced = None if part != WHOLE else _reduced_jpeg(file, max_pixels, tuning)  # others refuse a part of a JPEG
    return look_at(load_image(file, max_pixels=max_pixels, part=part), tuning) if reduced is None else reduced


def _reduced_jpeg(file: Path, max_pixels: int, tuning: CullingTuning) -> Look | None:
    """Return the look of a large JPEG, or None for any other file, and for one that is damaged: others tell of it."""
    try:
        with warnings.catch_warnings(), without_limit_of_pillow():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=("JPEG",)) as opened:
                width, height = opened.size
                if max(width, height) < 2 * tuning.look_side or opened.mode not in ("L", "RGB"):
                    return None
                check_picture_size(file.name, width, height, 1, max_pixels)
                wanted = tuning.look_side / max(width, height)
                opened.draft(opened.mode, (math.ceil(width * wanted), math.ceil(height * wanted)))
                small = upright(opened)
                small.thumbnail((tuning.look_side, tuning.look_side), Image.Resampling.BOX, reducing_gap=None)
                values = np.asarray(small)
    except (OSError, ValueError, SyntaxError):
        return None
    turned = (small.width > small.height) != (width > height) and width != height
    shape = (width, height) if turned else (height, width)
    return Look(as_picture(values, source=file.name), shape, lambda: _full_luminance(file))


def _full_luminance(file: Path) -> Callable[[int, int, int], NDArray[np.float32]]:
    """Return what gives parts of a JPEG's luminance, which is decoded in full without its colours and not copied."""
    with warnings.catch_warnings(), without_limit_of_pillow():
        warnings.simplefilter("ignore")
        with Image.open(file, formats=("JPEG",)) as opened:
            opened.draft("L", opened.size)
            gray = upright(opened)
            if gray.mode != "L":
                gray = gray.convert("L")

    def part(top: int, left: int, side: int) -> NDArray[np.float32]:
        values = np.asarray(gray.crop((left, top, left + side, top + side)), np.float32)
        return values / np.float32(255)

    return part
