"""Time reading and writing in two checkouts, in turns.

    python -m benchmarks.compare_files OTHER [--megapixels 24] [--rounds 7] [--python PYTHON]

OTHER is the root of another checkout. Pictures of every common kind are made once; then a process in each checkout
reads (`load_image`) and writes (`write_picture`, `write_blur_map`) them in turns, so that what else the machine does
slows both alike. Printed are the least times of both, here and there, and their ratio; above 1 this checkout is slower.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]

# Runs in both checkouts, so it may use public names only; the files' module was moved between them
CHILD = """
import json, sys, time
from pathlib import Path
import numpy as np
import defocus
try:
    from defocus.pictures.files import write_blur_map, write_picture
except ImportError:
    from defocus.files import write_blur_map, write_picture

held = {}
for line in sys.stdin:
    what, name, out = json.loads(line)
    if what != "read" and held.get("name") != name:
        held = {"name": name, "picture": defocus.load_image(name)}
    begin = time.perf_counter()
    if what == "read":
        defocus.load_image(name)
    elif what == "map":
        write_blur_map(Path(out), held["picture"].color[..., 0])
    else:
        write_picture(Path(out), held["picture"].color, bit_depth=int(what))
    print(time.perf_counter() - begin, flush=True)
"""


def pictures(folder, megapixels):
    """Write a photograph of that size in every kind; return the files by what they are."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(1.5 * height)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.01, (height, width)).astype(np.float32)
    planes = [0.5 + 0.45 * np.sin(x / (30 + 9 * c)) * np.cos(y / (50 - 7 * c)) + noise for c in range(3)]
    color = np.clip(np.stack(planes, -1), 0, 1)
    eight, sixteen = (np.rint(color * top).astype(kind) for top, kind in ((255, np.uint8), (65535, np.uint16)))
    files = {
        "JPEG": folder / "eight.jpg",
        "PNG, 8 bits": folder / "eight.png",
        "PNG, 16 bits": folder / "sixteen.png",
        "TIFF, 8 bits": folder / "eight.tif",
        "TIFF, 16 bits": folder / "sixteen.tif",
        "TIFF, 16 bits, grey": folder / "grey.tif",
        "TIFF, 16 bits, zlib": folder / "packed.tif",
        "TIFF, float": folder / "float.tif",
    }
    Image.fromarray(eight).save(files["JPEG"], quality=92)
    Image.fromarray(eight).save(files["PNG, 8 bits"], compress_level=1)
    tifffile.imwrite(files["TIFF, 8 bits"], eight, photometric="rgb")
    tifffile.imwrite(files["TIFF, 16 bits"], sixteen, photometric="rgb")
    tifffile.imwrite(files["TIFF, 16 bits, grey"], sixteen[..., 0], photometric="minisblack")
    tifffile.imwrite(files["TIFF, 16 bits, zlib"], sixteen, photometric="rgb", compression="zlib", rowsperstrip=64)
    tifffile.imwrite(files["TIFF, float"], color, photometric="rgb")
    from defocus.pictures.files import write_picture

    write_picture(files["PNG, 16 bits"], color, bit_depth=16)
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="only rows that contain this")
    parser.add_argument("--python", default=sys.executable, help="the Python that runs the other checkout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = pictures(folder, options.megapixels)
        work = {f"reading {kind}": ["read", str(file), ""] for kind, file in files.items()}
        held = str(files["TIFF, float"])
        work["writing PNG, 8 bits"] = ["8", held, str(folder / "out8.png")]
        work["writing PNG, 16 bits"] = ["16", held, str(folder / "out16.png")]
        work["writing TIFF, float"] = ["map", held, str(folder / "out.tif")]
        sides = {
            root: subprocess.Popen(
                [python, "-c", CHILD],
                env={**os.environ, "PYTHONPATH": str(root / "core")},
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for root, python in ((ROOT, sys.executable), (options.other.resolve(), options.python))
        }
        print("| | here, s | there, s | ratio |\n| --- | --- | --- | --- |")
        for name, order in work.items():
            if options.only not in name:
                continue
            least = dict.fromkeys(sides, float("inf"))
            for number in range(options.rounds if "writing PNG" not in name else max(2, options.rounds // 2)):
                for root in sorted(sides, reverse=bool(number % 2)):
                    print(json.dumps(order), file=sides[root].stdin, flush=True)
                    least[root] = min(least[root], float(sides[root].stdout.readline()))
            here, there = least[ROOT], least[options.other.resolve()]
            print(f"| {name} | {here:.3f} | {there:.3f} | {here / there:.2f} |", flush=True)
        for side in sides.values():
            side.stdin.close()
            side.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
