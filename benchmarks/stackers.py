"""The composite of a focus stack beside those of maintained stackers and the simplest: PSNR, halos, time.

``python -m benchmarks.stackers`` prints a row for each of a tilted plane, steps and cells, and for a photograph on a
tilted plane and on steps, in 8 bits. Enfuse (Debian's package of that name) is told what its manual advises for focus
stacks; FocusWeave (``pip install --group benchmark``), which fuses pyramids, that the slices need no alignment. Halos
are judged by the PSNR within 8 px of where the height jumps. Seconds are of the processor, so that other work beside it
hardly counts; those of other programs hold reading and writing their files.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.stack import scene, simplest, stack_of
from defocus.effects.focus_stack import composite
from defocus.pictures.intensity import whole_numbers
from defocus.stack import focus_over_z

if TYPE_CHECKING:
    from collections.abc import Callable

_NEAR = 8  # px


def here(stack: Any) -> Any:
    """Return the composite that `defocus stack` writes, without reading and writing files."""
    return composite(stack, focus_over_z(stack).heights)


def enfuse(stack: Any) -> Any:
    """Return enfuse's composite."""
    weights = ["--exposure-weight=0", "--saturation-weight=0", "--contrast-weight=1", "--hard-mask"]
    return by_program(
        stack, lambda files, out: ["enfuse", *weights, "--gray-projector=l-star", f"--output={out}", *files]
    )


def focusweave(stack: Any) -> Any:
    """Return FocusWeave's composite."""
    return by_program(
        stack,
        lambda files, out: ["focusweave", str(Path(files[0]).parent), "--output", out, "--no-align", "--keep-size"],
    )


def by_program(stack: Any, command: Callable[[list[str], str], list[str]]) -> Any:
    """Return the composite of another program, to which slices are given as files."""
    with tempfile.TemporaryDirectory() as folder:
        slices = Path(folder) / "slices"
        slices.mkdir()
        files = [slices / f"{z:02}.png" for z in range(len(stack))]
        for file, values in zip(files, stack, strict=True):
            Image.fromarray(values).save(file)
        out = f"{folder}/out.tif"
        subprocess.run(command([str(file) for file in files], out), check=True, capture_output=True)
        with Image.open(out) as opened:
            return np.asarray(opened.convert("L"))


METHODS = {
    "here": here,
    "enfuse": enfuse,
    "focusweave": focusweave,
    "energy of the Laplacian": lambda stack: simplest(stack)[0],
}


def chosen(name: str) -> tuple[Any, Any]:
    """Return a sharp picture and its height in slices."""
    if not name.startswith("photograph"):
        return scene(name)[:2]
    with Image.open(Path(__file__).parent.parent / "sample_data" / "china.jpg") as opened:
        sharp = np.asarray(opened.convert("L"), np.float64) / 255
    across = np.linspace(0, 1, sharp.shape[1], endpoint=False)
    height = 2 + 10 * across if name.endswith("plane") else np.array([3.0, 9.0, 5.0, 11.0])[(4 * across).astype(int)]
    return sharp, np.broadcast_to(height, sharp.shape)


def used() -> float:
    """Return the seconds of processor time that this process and those it waited for took."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def psnr(picture: Any, truth: Any, where: Any) -> float:
    """Return the peak signal-to-noise ratio in dB, of pictures in [0, 255]."""
    error = picture.astype(float)[where] - truth[where]
    return float(20 * np.log10(255) - 10 * np.log10(max((error**2).mean(), 1e-9)))


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    missing = [name for name in ("enfuse", "focusweave") if shutil.which(name) is None]
    methods = {name: one for name, one in METHODS.items() if name not in missing}
    print("| Stack: dB, dB at jumps, s | " + " | ".join(methods) + " |")
    print("| --- " * (len(methods) + 1) + "|")
    here(np.rint(stack_of(*scene("plane")[:2])[:3, :64, :64] / 16).astype(np.uint8))  # compiles
    for name in ("plane", "steps", "35 cells", "photograph, plane", "photograph, steps"):
        sharp, height = chosen(name)
        stack = whole_numbers(stack_of(sharp, height) / 4000, "uint8")
        steep = ndimage.maximum_filter(height, 3) - ndimage.minimum_filter(height, 3) > 1
        near = ndimage.distance_transform_edt(~steep) <= _NEAR if steep.any() else None
        cells = []
        for method in methods.values():
            begin = used()
            picture = method(stack)
            seconds = used() - begin
            everywhere = psnr(picture, 255 * sharp, np.ones(sharp.shape, bool))
            rim = "-" if near is None else f"{psnr(picture, 255 * sharp, near):.1f}"
            cells.append(f"{everywhere:.1f}, {rim}, {seconds:.1f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
