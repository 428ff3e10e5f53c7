"""Make the README's picture: ``python docs/readme_picture.py [FOLDER]`` (default: ``docs/images``).

A photograph, its blur map with the scale in px, and its in-focus mask, side by side.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import defocus
from defocus.pictures.render import contact_sheet, mask_overlay, with_scale

PHOTOGRAPH = Path(__file__).parents[1] / "sample_data" / "flower.jpg"
TITLE_HEIGHT = 22  # px: the sheet's line for a title, which one row does not need
WIDTH = 360  # px of each picture


def overview(photograph: Path) -> Image.Image:
    """Return photograph, blur map and mask side by side, each with its caption."""
    picture = defocus.load_image(photograph)
    analysis = defocus.analyze(picture)
    row = [
        ("one photograph", Image.fromarray(np.rint(picture.color * 255).astype(np.uint8))),
        ("blur map: how far each pixel is out of focus", with_scale(analysis.blur_map(), analysis.max_radius)),
        (
            "in-focus mask: what is not in focus is dimmed",
            Image.fromarray(mask_overlay(picture.color, analysis.focus_mask())),
        ),
    ]
    sheet = contact_sheet([("", row)], WIDTH)
    return sheet.crop((0, TITLE_HEIGHT, *sheet.size))


def main(arguments: list[str]) -> None:
    """Write the picture."""
    folder = Path(arguments[0]) if arguments else Path(__file__).parent / "images"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "overview.png"
    overview(PHOTOGRAPH).save(target, optimize=True)
    print(f"wrote {target} ({target.stat().st_size // 1000} kB)")


if __name__ == "__main__":
    main(sys.argv[1:])
