"""Does more background blur leave the subject alone, and the background not? Measured on pictures with masks by hand.

    python -m benchmarks.background DATA [--every N] [--save FOLDER] [--oracle]

DATA holds folders of pictures, `cuhk_dev` and `szu_train`, each with `image` and `mask` (0 is in focus, 255 is not).
All of the first are taken, and 40 of the second, or one of every so many. Strength is 3, all else as nobody says.
Prints for each folder

subject   part of the pixels in focus, 6 px and more inside the truth, that change visibly (by more than 8 of 255
          levels): its mean over the pictures and that of the worst tenth of them
left      part of the detailed pixels of the background, 6 to 30 px outside the truth, that stay as they were (to 2
          levels), over pictures that have more than 200 of them

and the pictures that are worst. PYTHONPATH chooses the version that is measured: that of another checkout's `core`
measures that one. `--save` writes before and after side by side. `--oracle` takes the truth for the mask, so that what
is lost by the matte and the effect shows without what is lost by the mask.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from defocus.effects.magnification import magnify
from defocus.effects.subject import subject_matte
from defocus.parameters import MagnificationParameters
from defocus.session import Question, Session

STRENGTH = 3.0
INSIDE, FAR = 6, 30  # px
VISIBLE, SAME, DETAIL = 8, 2, 4  # of 255 levels
TAKEN = {"cuhk_dev": None, "szu_train": 40}


def pictures(folder: Path, most: int | None) -> list[Path]:
    """Return so many of a folder's pictures, spread over all of them."""
    files = sorted((folder / "image").iterdir())
    return files if most is None else [files[round(place)] for place in np.linspace(0, len(files) - 1, most)]


def truth(file: Path) -> np.ndarray:
    """Return where a picture is in focus by hand, bool (H, W)."""
    mask = Image.open(file.parent.parent / "mask" / f"{file.stem}.png").convert("L")
    with Image.open(file) as picture:
        size = picture.size
    return np.asarray(mask.resize(size, Image.Resampling.NEAREST)) < 128


def changed(before: np.ndarray, focus: np.ndarray | None = None) -> np.ndarray:
    """Return a picture, uint8 (H, W, 3), with its background blurred more, perhaps with the mask known, bool (H, W)."""
    session = Session()
    analysis = session.open(before)
    if focus is not None:
        matte = subject_matte(focus, analysis.picture.color)
        chosen = MagnificationParameters(strength=STRENGTH, threshold=analysis.threshold)
        return np.rint(255 * magnify(before, session.blur_map(), chosen, subject=matte)).astype(np.uint8)
    result = session.answer(Question("magnify", MagnificationParameters(strength=STRENGTH))).values
    return np.rint(255 * result).astype(np.uint8)


def measure(before: np.ndarray, after: np.ndarray, focus: np.ndarray) -> tuple[float, float]:
    """Return what the columns say of one picture; NaN where it has nothing to say."""
    gray = before.astype(float).mean(axis=2)
    inside = ndimage.distance_transform_edt(focus) > INSIDE
    outside = ndimage.distance_transform_edt(~focus)
    detail = np.abs(gray - ndimage.gaussian_filter(gray, 2)) > DETAIL
    near = (outside > INSIDE) & (outside <= FAR) & detail
    change = np.abs(after.astype(int) - before).max(axis=2)
    return (
        float(np.mean(change[inside] > VISIBLE)) if inside.any() else np.nan,
        float(np.mean(change[near] <= SAME)) if near.sum() > 200 else np.nan,
    )


def worst_tenth(values: np.ndarray) -> float:
    """Return the mean of the largest tenth."""
    known = np.sort(values[np.isfinite(values)])
    return float(known[-max(1, len(known) // 10) :].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--save", type=Path, help="folder for pictures, before and after side by side")
    parser.add_argument("--every", type=int, default=1, help="take one of so many pictures")
    parser.add_argument("--oracle", action="store_true", help="take the truth for the mask")
    arguments = parser.parse_args()
    print(f"{'pictures':>20}{'subject':>10}{'worst 10th':>12}{'left':>8}{'s':>7}")
    for name, most in TAKEN.items():
        rows, files = [], pictures(arguments.data / name, most)[min(1, arguments.every - 1) :: arguments.every]
        start = time.perf_counter()
        for file in files:
            before = np.asarray(Image.open(file).convert("RGB"))
            after = changed(before, truth(file) if arguments.oracle else None)
            rows.append(measure(before, after, truth(file)))
            if arguments.save:
                arguments.save.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.hstack([before, after])).save(arguments.save / f"{name}_{file.stem}.png")
        subject, left = np.array(rows, float).T
        print(
            f"{f'{len(files)} of {name}':>20}{np.nanmean(subject):10.3f}{worst_tenth(subject):12.3f}"
            f"{np.nanmean(left):8.3f}"
            f"{(time.perf_counter() - start) / len(files):7.2f}",
            flush=True,
        )
        for title, values in (("subject", subject), ("left", left)):
            order = np.argsort(np.nan_to_num(values, nan=-1))[::-1][:8]
            print(f"    worst {title}: " + ", ".join(f"{files[k].stem} {values[k]:.2f}" for k in order), flush=True)


if __name__ == "__main__":
    main()
