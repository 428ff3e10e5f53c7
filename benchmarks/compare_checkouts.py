"""Compare what two checkouts compute, bit by bit.

    python -m benchmarks.compare_checkouts OTHER [--pictures FOLDER ...] [--python PYTHON]

OTHER is the root of another checkout. Every picture is measured in both, by processes of their own, and the hashes of
map, mask, confidence, restored and magnified picture are compared. By default the pictures are those of sample_data;
the two effects are computed on pictures of up to half a megapixel only, which bounds the time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_data"
ENDINGS = (".jpg", ".png", ".tif")

# Runs in both checkouts, so it may use public names only
CHILD = """
import hashlib, sys
import numpy as np
import defocus

def show(name, what, values):
    values = np.ascontiguousarray(values)
    print(name, what, values.dtype, hashlib.sha256(values.tobytes()).hexdigest()[:16], flush=True)

for name in sys.argv[1:]:
    picture = defocus.load_image(name)
    analysis = defocus.analyze(picture)
    radius = analysis.blur_map()
    show(name, "map", radius)
    show(name, "mask", analysis.focus_mask())
    show(name, "mask at 2 px", analysis.focus_mask(threshold=2.0))
    show(name, "confidence", analysis.confidence)
    if radius.size <= 500_000:
        show(name, "restored", defocus.restore(picture, radius, psf=analysis.psf, iterations=10))
        show(name, "magnified", defocus.magnify(picture, radius))
"""


def hashes(checkout, python, files):
    environment = {**os.environ, "PYTHONPATH": str(checkout / "core")}
    command = [python, "-c", CHILD, *map(str, files)]
    shown = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    if shown.returncode:
        raise SystemExit(f"{checkout}: {shown.stderr}")
    return shown.stdout.splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--pictures", type=Path, nargs="*", default=[SAMPLES])
    parser.add_argument("--python", default=sys.executable, help="the Python that runs the other checkout")
    options = parser.parse_args()
    files = [
        file.resolve()
        for folder in options.pictures
        for file in sorted(folder.iterdir())
        if file.suffix in ENDINGS and "_radius" not in file.stem
    ]
    ours = hashes(ROOT, sys.executable, files)
    theirs = hashes(options.other.resolve(), options.python, files)
    differ = [(one, other) for one, other in zip(ours, theirs, strict=True) if one != other]
    for one, other in differ:
        print(f"here:  {one}\nthere: {other}")
    print(f"{len(files)} pictures, {len(ours)} results, {len(differ)} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
