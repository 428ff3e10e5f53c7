"""Write what the page "Try it" shows: ``python docs/try_page.py [FOLDER]`` (default: ``docs/try``).

For each sample picture one script file, which a page that was opened from disk can load, too: the picture, and a second
one of what the core says of every pixel, packed into three bytes:

- red: the place, in the list of thresholds, of the first one at which the pixel is in focus; 255 is none of them,
- green: the blur radius, from 0 to the largest radius looked for,
- blue: the confidence, from 0 to 1.

A mask never loses pixels as its threshold rises, so one number for each pixel holds all masks exactly.
"""

from __future__ import annotations

import base64
import io
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import defocus
from defocus.parameters import MaskParameters, describe
from defocus.pictures.intensity import whole_numbers
from defocus.pictures.render import color_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
PICTURES = {
    "flower.jpg": "A dahlia (vultilion, CC BY 2.0)",
    "cat.jpg": "A cat (Stefan van der Walt, CC0)",
    "coffee.jpg": "A cup (Rachel Michetti, CC0)",
    "china.jpg": "A pavilion (danielbuechele, CC BY 2.0)",
    "object.png": "A star 4 px sharper than its ground, made by computing",
    "cells.png": "Cells on a tilted slide, made by computing",
}
LEAST = next(control.minimum for control in describe(MaskParameters) if control.name == "threshold")
STEPS = 160  # of the threshold at most, hundredths of a px wide
NEVER = 255  # in focus


def thresholds(analysis: defocus.Analysis) -> list[float]:
    """Return the thresholds that the slider stops at: equal steps, and the automatic one in its place."""
    step = math.ceil(100 * analysis.max_radius / STEPS) / 100
    steps = {round(float(stop), 2) for stop in np.arange(LEAST, analysis.max_radius + step / 2, step)}
    return sorted(steps | {analysis.threshold})


def joined(analysis: defocus.Analysis, stops: list[float]) -> NDArray[np.uint8]:
    """Return the place of the first threshold at which each pixel is in focus, uint8 (H, W); 255 is none of them."""
    first = np.full(analysis.shape, NEVER, np.uint8)
    for place, threshold in enumerate(stops):
        mask = analysis.focus_mask(threshold=threshold)
        first[mask & (first == NEVER)] = place
        if np.any(mask != (first <= place)):
            raise RuntimeError(f"the mask loses pixels at the threshold {threshold}")
    return first


def in_bytes(values: NDArray[np.floating], largest: float) -> NDArray[np.uint8]:
    """Return numbers from 0 to `largest` as 0 to 255."""
    return whole_numbers(values / largest, "uint8")


def data_address(image: Image.Image, kind: str, **options: Any) -> str:
    """Return an image as an address that holds it."""
    written = io.BytesIO()
    image.save(written, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(written.getvalue()).decode()}"


def described(path: Path) -> dict[str, Any]:
    """Return all that the page needs of one picture, as JSON takes it."""
    picture = defocus.load_image(path)
    analysis = defocus.analyze(picture)
    stops = thresholds(analysis)
    radius, sure = in_bytes(analysis.blur_map(), analysis.max_radius), in_bytes(analysis.confidence, 1)
    answer = Image.fromarray(np.dstack([joined(analysis, stops), radius, sure]))
    shown = Image.fromarray(np.rint(picture.color * 255).astype(np.uint8))
    return {
        "thresholds": stops,
        "auto": stops.index(analysis.threshold),
        "reason": analysis.threshold_reason,
        "largest": analysis.max_radius,
        "colors": color_map(np.linspace(0, 1, 256)[np.newaxis], 1)[0].tolist(),
        "picture": data_address(shown, "JPEG", quality=88),
        "answer": data_address(answer, "PNG", optimize=True),
    }


def write(path: Path, title: str, folder: Path) -> Path:
    """Write the script file of one picture; return it."""
    target = folder / f"{path.stem}.js"
    content = json.dumps({"file": path.name, "title": title, **described(path)})
    target.write_text(f"(window.defocusTry ??= {{}})[{json.dumps(path.stem)}] = {content};\n", encoding="utf-8")
    return target


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0]) if arguments else Path(__file__).parent / "try"
    folder.mkdir(parents=True, exist_ok=True)
    for name, title in PICTURES.items():
        target = write(ROOT / "sample_data" / name, title, folder)
        print(f"wrote {target} ({target.stat().st_size // 1000} kB)")


if __name__ == "__main__":
    main(sys.argv[1:])
