"""Make the pictures of the gallery: parts of the sample pictures before and after an effect, at twice their size.

python docs/gallery.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import defocus
from defocus.effects.foreground import subject_colors
from defocus.parameters import MagnificationParameters, RestorationParameters
from defocus.session import Question, Session

ROOT = Path(__file__).parents[1]
SIDE = 200  # px of the picture
# Name, picture, left and top of the part, request, its parameters
PAIRS: tuple[tuple[str, str, int, int, str, dict[str, Any]], ...] = (
    ("blur-flower", "flower.jpg", 130, 60, "magnify", {"strength": 3.0}),
    ("blur-cat-whiskers", "cat.jpg", 150, 130, "magnify", {"strength": 3.0}),
    ("blur-cat-eye", "cat.jpg", 260, 60, "magnify", {"strength": 3.0}),
    ("blur-coffee", "coffee.jpg", 250, 60, "magnify", {"strength": 3.0}),
    ("sharpen-flower", "flower.jpg", 130, 60, "restore", {}),
    ("sharpen-cat", "cat.jpg", 260, 60, "restore", {}),
    ("sharpen-coffee", "coffee.jpg", 250, 60, "restore", {}),
)


def main() -> None:
    sessions: dict[str, Session] = {}
    for name, file, left, top, request, changes in PAIRS:
        if file not in sessions:
            sessions[file] = Session()
            sessions[file].open(defocus.load_image(ROOT / "sample_data" / file))
        session = sessions[file]
        kind = MagnificationParameters if request == "magnify" else RestorationParameters
        after = session.answer(Question(request, kind(**changes))).values
        save(name, session.held.picture.color, after, left, top)
    analysis = sessions["flower.jpg"].held
    matte = analysis.focus_matte(softness=4.0)
    color = analysis.picture.color
    plain, clean = (
        matte[..., np.newaxis] * values + (1 - matte[..., np.newaxis])
        for values in (color, subject_colors(color, matte))
    )
    save("cut-out-flower", plain, clean, 130, 60)


def save(name: str, before: np.ndarray, after: np.ndarray, left: int, top: int) -> None:
    """Write the same part of two pictures side by side."""
    part = np.s_[top : top + SIDE, left : left + SIDE]
    pair = np.concatenate([before[part], np.ones((before[part].shape[0], 4, 3)), after[part]], axis=1)
    shown = Image.fromarray(np.rint(255 * np.clip(pair, 0, 1)).astype(np.uint8))
    shown = shown.resize((2 * shown.width, 2 * shown.height), Image.Resampling.NEAREST)
    shown.save(ROOT / "docs" / "images" / f"gallery-{name}.jpg", quality=88)


if __name__ == "__main__":
    main()
