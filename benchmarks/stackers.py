"""The composite of a focus stack beside enfuse's and the simplest: PSNR, halos at edges of height, time.

``python -m benchmarks.stackers`` prints a row for each of a tilted plane, steps and cells, in 8 bits. Enfuse (Debian's
package of that name) is told what its manual advises for focus stacks. Halos are judged by the PSNR within 8 px of
where the height jumps.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.stack import scene, simplest, stack_of
from defocus.effects.focus_stack import composite
from defocus.stack import focus_over_z

_NEAR = 8  # px


def here(stack: Any) -> Any:
    """Return the composite that `defocus stack` writes, without reading and writing files."""
    return composite(stack, focus_over_z(stack).heights)


def enfuse(stack: Any) -> Any:
    """Return enfuse's composite."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{z:02}.png" for z in range(len(stack))]
        for file, values in zip(files, stack, strict=True):
            Image.fromarray(values).save(file)
        weights = ["--exposure-weight=0", "--saturation-weight=0", "--contrast-weight=1", "--hard-mask"]
        command = ["enfuse", *weights, "--gray-projector=l-star", f"--output={folder}/out.tif", *map(str, files)]
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(Path(folder) / "out.tif") as opened:
            return np.asarray(opened.convert("L"))


METHODS = {"here": here, "enfuse": enfuse, "energy of the Laplacian": lambda stack: simplest(stack)[0]}


def psnr(picture: Any, truth: Any, where: Any) -> float:
    """Return the peak signal-to-noise ratio in dB, of pictures in [0, 255]."""
    error = picture.astype(float)[where] - truth[where]
    return float(20 * np.log10(255) - 10 * np.log10(max((error**2).mean(), 1e-9)))


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    methods = {name: one for name, one in METHODS.items() if name != "enfuse" or shutil.which("enfuse")}
    print("| stack | " + " | ".join(f"{name}: dB, dB at jumps, s" for name in methods) + " |")
    print("| --- " * (len(methods) + 1) + "|")
    here(np.rint(stack_of(*scene("plane")[:2])[:3, :64, :64] / 16).astype(np.uint8))  # compiles
    for name in ("plane", "steps", "35 cells"):
        sharp, height, _ = scene(name)
        stack = np.rint(np.clip(stack_of(sharp, height) / 4000, 0, 1) * 255).astype(np.uint8)
        steep = ndimage.maximum_filter(height, 3) - ndimage.minimum_filter(height, 3) > 1
        near = ndimage.distance_transform_edt(~steep) <= _NEAR if steep.any() else None
        cells = []
        for method in methods.values():
            begin = time.perf_counter()
            picture = method(stack)
            seconds = time.perf_counter() - begin
            everywhere = psnr(picture, 255 * sharp, np.ones(sharp.shape, bool))
            rim = "-" if near is None else f"{psnr(picture, 255 * sharp, near):.1f}"
            cells.append(f"{everywhere:.1f}, {rim}, {seconds:.1f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
