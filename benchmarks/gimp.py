"""Time from calling the GIMP procedure to the mask on the layer, beside the command line's, in one run.

python -m benchmarks.gimp
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.measure import best_time
from benchmarks.pictures import SAMPLES

TESTS = Path(__file__).parents[1] / "tests" / "gimp"


def main():
    """Print both times."""
    specification = importlib.util.spec_from_file_location("gimp_conftest", TESTS / "conftest.py")
    conftest = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(conftest)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        gimp = conftest.installed_gimp(folder)
        picture = folder / "photograph.png"
        Image.open(SAMPLES / "flower.jpg").convert("RGB").save(picture)
        command = [sys.executable, "-m", "defocus.command.line", "mask", str(picture), "-o", str(folder / "masks")]
        shell, _ = best_time(lambda: subprocess.run(command, check=True, capture_output=True))
        batch = conftest.Batch(gimp, "timing")
    calls = []
    for name, check in batch.checks.items():
        if "error" in check:
            sys.exit(f"{name}: {check['error']}")
        calls.append(check["seconds"])
    print(f"command line: {shell:.2f} s; GIMP, from call to mask: {min(calls):.2f} s (calls: {calls})")
    print(f"GIMP takes {min(calls) - shell:+.2f} s")


if __name__ == "__main__":
    main()
