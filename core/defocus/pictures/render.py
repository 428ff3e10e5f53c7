"""Pictures for people: blur maps in colour with a scale, masks over the picture, sheets of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from defocus.pictures.intensity import whole_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["color_map", "contact_sheet", "mask_overlay", "with_scale"]

# Viridis at nine equal steps, from dark violet (sharp) over green to yellow (blurred)
_STOPS = np.array(
    [
        (68, 1, 84),
        (71, 45, 123),
        (59, 82, 139),
        (44, 114, 142),
        (33, 145, 140),
        (40, 174, 128),
        (94, 201, 98),
        (173, 220, 48),
        (253, 231, 37),
    ]
)
_PAPER, _INK = (250, 250, 250), (30, 30, 30)


def color_map(radius: NDArray[np.floating], largest: float) -> NDArray[np.uint8]:
    """Return radii as colours, uint8 (H, W, 3): dark is 0 px, yellow is `largest` px and more; NaN is grey."""
    known = np.isfinite(radius)
    place = np.clip(np.where(known, radius, 0) / largest, 0, 1)
    stops = np.linspace(0, 1, len(_STOPS))
    color = np.stack([np.interp(place, stops, _STOPS[:, c]) for c in range(3)], axis=-1)
    color[~known] = 128
    return np.rint(color).astype(np.uint8)


def mask_overlay(color: NDArray[np.floating], mask: NDArray[np.floating | np.bool_]) -> NDArray[np.uint8]:
    """Return the picture with what is not in focus dimmed and tinted, uint8 (H, W, 3)."""
    share = np.asarray(mask, float)[..., np.newaxis]
    away = 0.35 * color + np.array([0.0, 0.08, 0.3])
    return whole_numbers(share * color + (1 - share) * away, "uint8")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def with_scale(radius: NDArray[np.floating], largest: float, title: str = "blur radius (px)") -> Image.Image:
    """Return a blur map in colour with a scale bar in px below it.

    Parameters
    ----------
    radius : float (H, W)
        Disc radius in px.
    largest : float
        Radius at the end of the scale in px.
    title : str
        What the scale shows.
    """
    height, width = radius.shape
    size = int(np.clip(width / 32, 10, 96))
    band = round(3.9 * size)  # bar, numbers and title, to the bottoms of its brackets
    image = Image.new("RGB", (width, height + band), _PAPER)
    image.paste(Image.fromarray(color_map(radius, largest)), (0, 0))
    draw = ImageDraw.Draw(image)
    margin = round(1.2 * size)
    left, right = margin, max(width - margin, margin + 2)
    bar = color_map(np.linspace(0, largest, right - left)[np.newaxis].repeat(size, 0), largest)
    image.paste(Image.fromarray(bar), (left, height + round(0.4 * size)))
    font = _font(size)
    line = height + round(1.5 * size)
    steps = 4 if width >= 200 else 2
    for i in range(steps + 1):
        x = left + (right - left) * i / steps
        anchor = "lt" if i == 0 else "rt" if i == steps else "mt"
        draw.text((x, line), f"{largest * i / steps:g}", fill=_INK, font=font, anchor=anchor)
    draw.text(((left + right) / 2, line + round(0.95 * size)), title, fill=_INK, font=font, anchor="mt")
    return image


def contact_sheet(rows: list[tuple[str, list[tuple[str, Image.Image]]]], width: int = 330) -> Image.Image:
    """Return one picture of many: a title for each row, a caption under each picture.

    Parameters
    ----------
    rows : list of (title, list of (caption, image))
    width : int
        Width of each picture in px.
    """
    gap, line = 12, 22
    columns = max(len(pictures) for _, pictures in rows)
    scaled = [
        (
            title,
            [(text, image.resize((width, max(1, round(image.height * width / image.width))))) for text, image in row],
        )
        for title, row in rows
    ]
    heights = [line + max(image.height for _, image in row) + line + gap for _, row in scaled]
    sheet = Image.new("RGB", (columns * (width + gap) + gap, sum(heights) + gap), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = gap
    for (title, row), height in zip(scaled, heights, strict=True):
        draw.text((gap, top), title, fill=_INK, font=_font(16))
        for column, (text, image) in enumerate(row):
            x = gap + column * (width + gap)
            sheet.paste(image, (x, top + line))
            draw.text((x, top + line + image.height + 3), text, fill=_INK, font=_font(13))
        top += height
    return sheet
