"""Make the pictures of the pages about single jobs, and the examples that their commands work on.

python docs/job_pictures.py [FOLDER]            (default: docs/images)
python docs/job_pictures.py --examples FOLDER   (only what the commands of these pages work on)
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from defocus.command.line import app
from defocus.pictures.intensity import whole_numbers
from defocus.pictures.render import color_map, contact_sheet
from defocus.psf.simulation import simulate_blur

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_data"
SLICES = 5
DEPTH = 8.0  # px of blur from one side of the stack's scene to the other
LENGTH, ANGLE = 10, 30  # px and degrees of the moved picture


def _saved(values, file):
    Image.fromarray(whole_numbers(values, "uint8")).save(file, quality=92)


def _scene():
    with Image.open(SAMPLES / "china.jpg") as opened:
        return np.asarray(opened.convert("RGB"), np.float32) / 255


def _blurred(scene, radius):
    return np.dstack([simulate_blur(scene[..., i], radius) if radius else scene[..., i] for i in range(3)])


def examples(folder: Path) -> None:
    """Write a sharp scene, the same defocused and moved, and a focus stack of it whose depth grows to the right."""
    (folder / "shots").mkdir(parents=True, exist_ok=True)
    (folder / "stack").mkdir(exist_ok=True)
    scene, rng = _scene(), np.random.default_rng(0)
    steps = np.linspace(-LENGTH / 2, LENGTH / 2, 4 * LENGTH + 1)
    shifts = [(-step * np.sin(np.deg2rad(ANGLE)), step * np.cos(np.deg2rad(ANGLE)), 0) for step in steps]
    moved = np.mean([ndimage.shift(scene, one, order=1, mode="reflect") for one in shifts], axis=0)
    for name, values in (("sharp", scene), ("defocused", _blurred(scene, 4.0)), ("moved", moved)):
        _saved(values + rng.normal(0, 0.004, values.shape), folder / "shots" / f"{name}.jpg")
    for name in ("flower.jpg", "cat.jpg"):
        (folder / "shots" / name).write_bytes((SAMPLES / name).read_bytes())
    scene = scene[60:380, 80:560]
    depth = np.linspace(0, DEPTH, scene.shape[1])
    copies = {radius: _blurred(scene, float(radius)) for radius in np.arange(0, DEPTH + 0.5, 0.5)}
    for number, focus in enumerate(np.linspace(0, DEPTH, SLICES)):
        nearest = np.rint(2 * abs(depth - focus)) / 2
        values = np.stack([copies[radius][:, x] for x, radius in enumerate(nearest)], axis=1)
        _saved(values, folder / "stack" / f"z{number}.png")


def _run(*arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        app([str(one) for one in arguments], result_action="return_value", exit_on_error=False)


def _opened(file):
    with Image.open(file) as opened:
        return opened.convert("RGBA" if opened.mode == "RGBA" else "RGB")


def _row(images, width):
    """Return captioned pictures side by side, without the sheet's line for a title."""
    sheet = contact_sheet([("", images)], width)
    return sheet.crop((0, 22, *sheet.size))


def _checkered(cutout):
    y, x = np.mgrid[: cutout.height, : cutout.width]
    ground = Image.fromarray(np.where((x // 12 + y // 12) % 2, 235, 170).astype(np.uint8)).convert("RGBA")
    return Image.alpha_composite(ground, cutout).convert("RGB")


def motion(work, place):
    """Show a part of the sharp, the defocused and the moved picture."""
    box = (250, 120, 490, 300)
    row = [(name, _opened(work / "shots" / f"{name}.jpg").crop(box)) for name in ("sharp", "defocused", "moved")]
    _row(row, 280).save(place / "job-motion.jpg", quality=85)


def masks(work, place):
    """Show a photograph, its mask and what it cuts out."""
    photo = work / "shots" / "flower.jpg"
    _run("mask", photo, "-o", work / "masks", "--softness", 4)
    _run("cutout", photo, "-o", work / "masks")
    cutout = _checkered(_opened(work / "masks" / "flower_cutout.png"))
    row = [("photograph", _opened(photo)), ("mask", _opened(work / "masks" / "flower_mask.png")), ("cut-out", cutout)]
    _row(row, 280).save(place / "job-masks.jpg", quality=85)


def stack(work, place):
    """Show two slices, the composite and its heights."""
    import tifffile

    _run("stack", work / "stack", "-o", work / "stacked")
    heights = tifffile.imread(work / "stacked" / "height.tif")
    row = [
        ("first slice", _opened(work / "stack" / "z0.png")),
        ("last slice", _opened(work / "stack" / f"z{SLICES - 1}.png")),
        ("composite", _opened(work / "stacked" / "composite.png")),
        ("height, in slices", Image.fromarray(color_map(heights, SLICES - 1))),
    ]
    _row(row, 240).save(place / "job-stack.jpg", quality=85)


def sheet(work, place):
    """Show the contact sheet in a real browser."""
    _run("cull", work / "shots", "--quiet", "--no-cache", "--sort", "verdict", "--sheet", work / "sheet.html")
    target = place / "job-culling.png"
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=880,620"]
    browser += [f"--user-data-dir={work / 'browser'}", f"--screenshot={target}"]
    subprocess.run([*browser, (work / "sheet.html").as_uri()], check=True, capture_output=True, timeout=120)
    with Image.open(target) as opened:
        opened.convert("RGB").quantize(200).save(target, optimize=True)


def main() -> None:
    """Write pictures, or examples."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs" / "images")
    parser.add_argument("--examples", action="store_true")
    chosen = parser.parse_args()
    if chosen.examples:
        examples(chosen.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        examples(Path(folder))
        for part in (motion, masks, stack, sheet):
            part(Path(folder), chosen.folder)


if __name__ == "__main__":
    main()
