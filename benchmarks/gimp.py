"""How long a person waits in a real GIMP: from menu to first preview, from OK to result, from Cancel to closed.

    python benchmarks/gimp.py [--sizes small large] [--only windows|scripts]

Prints a table for the four entries on 640 x 427 px and on 24 megapixels. Everything is measured from the key that is
pressed; what the worker answers, and when, is written down between it and the plug-in. Cancel is pressed while the
first preview is made. With another checkout's Python it measures that one, as far as its windows can be told apart:

    OTHER/.venv/bin/python benchmarks/gimp.py --checkout OTHER

Repeat is pressed when the result is there, and the worker still holds the picture. Also prints the time of a call
without a window beside that of the command line, and what each picture of a folder takes by a script: loaded, masked,
saved.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
SIZES = {"small": (640, 427), "large": (6000, 4000)}
PICTURES = 12  # of the folder
COLUMNS = {
    "dialog": "menu to dialog",
    "preview": "menu to preview",
    "result": "OK to result",
    "repeat": "Repeat",
    "cancel": "cancel to closed",
}


def module(name, path):
    specification = importlib.util.spec_from_file_location(name, path)
    loaded = importlib.util.module_from_spec(specification)
    sys.modules[name] = loaded
    specification.loader.exec_module(loaded)
    return loaded


def prepare(gimp, sizes):
    """Put pictures, the scripts that run inside GIMP and the stand-in for Python where GIMP sees them."""
    photograph = module("benchmark_pictures", HERE / "pictures.py").photograph
    for name in sizes:
        width, height = SIZES[name]
        flower = Image.open(PROJECT / "sample_data" / "flower.jpg").convert("RGB")
        picture = np.asarray(flower) if flower.size == (width, height) else photograph(height, width)
        Image.fromarray(picture).save(gimp.folder / f"{name}.png", compress_level=1)
    if "small" not in sizes:
        shutil.copyfile(PROJECT / "sample_data" / "flower.jpg", gimp.folder / "flower.jpg")
        Image.open(gimp.folder / "flower.jpg").convert("RGB").save(gimp.folder / "small.png")
    shutil.copytree(PROJECT / "tests" / "gimp" / "inside", gimp.folder / "code" / "inside")
    noting = shutil.copyfile(PROJECT / "tests" / "gimp" / "noting_worker.py", gimp.folder / "noting_worker.py")
    shim = gimp.folder / "noting-python"
    log = gimp.folder / "answers.log"
    shim.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{noting}' '{log}' '{sys.executable}' \"$@\"\n")
    shim.chmod(0o755)
    settings = gimp.profile / "plug-ins" / "defocus" / "settings.json"
    told = json.loads(settings.read_text())
    settings.write_text(json.dumps({**told, "python": str(shim)}))
    return settings, told


def windows(gimp, sizes, limit):
    """Print the table of times with windows; kernels are compiled before."""
    for command in ("mask", "map", "deblur", "magnify"):
        target = str(gimp.folder / f"warm-{command}")
        gimp.run(
            [sys.executable, "-m", "defocus.command.line", command, f"{gimp.folder}/small.png", "-o", target],
            timeout=300,
        )
    report = gimp.folder / "times.json"
    started = gimp.window(
        gimp.folder / "code" / "inside" / "times.py",
        timeout=1500,
        DEFOCUS_TEST_CODE=str(gimp.folder / "code"),
        DEFOCUS_TIMES_SIZES=" ".join(sizes),
        DEFOCUS_TIMES_LIMIT=str(limit),
    )
    if not report.exists():
        sys.exit(f"GIMP ended with {started.returncode}:\n{(started.stdout + started.stderr)[-3000:]}")
    print(f"{'':22}" + "".join(f"{label:>18}" for label in COLUMNS.values()) + f"{'load':>8}")
    for name, check in json.loads(report.read_text()).items():
        if "error" in check:
            print(f"{name:22}  {check['error'].strip().splitlines()[-1]}")
            continue
        facts = check["facts"]
        if facts:
            cells = (f"> {limit:g} s" if facts.get(key) is None else f"{facts[key]:.2f} s" for key in COLUMNS)
            print(f"{name:22}" + "".join(f"{cell:>18}" for cell in cells) + f"{facts['load']:8.1f}")


def calls(gimp):
    """Print the time of a call without a window, beside that of the command line, and that of a folder's pictures."""
    shutil.copyfile(gimp.folder / "small.png", gimp.folder / "photograph.png")
    picture, masks = gimp.folder / "photograph.png", gimp.folder / "masks"
    command = [sys.executable, "-m", "defocus.command.line", "mask", str(picture), "-o"]
    shell = []
    for turn in range(3):
        begin = time.perf_counter()
        subprocess.run([*command, f"{masks}-{turn}"], check=True, capture_output=True)
        shell.append(time.perf_counter() - begin)
    (gimp.folder / "pictures").mkdir()
    whole = Image.open(picture).convert("RGB")
    for number in range(PICTURES):  # parts of it, which all differ
        left, top = 8 * (number % 4), 8 * (number // 4)
        part = whole.crop((left, top, left + whole.width - 24, top + whole.height - 24))
        part.save(gimp.folder / "pictures" / f"{number:02}.png")
    gimp.batch(PROJECT / "tests" / "gimp" / "inside" / "timing.py", timeout=600)
    checks = json.loads((gimp.folder / "timing.json").read_text())
    folder = checks.pop("folder")
    taken = [check["seconds"] for check in checks.values() if "error" not in check]
    if not taken:
        sys.exit(str(checks))
    print(f"command line: {min(shell):.2f} s; GIMP, from call to mask: {min(taken):.2f} s (calls: {taken})")
    if "error" in folder:
        sys.exit(folder["error"])
    seconds, masked = (folder["facts"][name] for name in ("seconds", "masked"))
    size = f"{whole.width - 24} x {whole.height - 24} px"
    print(
        f"a folder of {PICTURES} pictures of {size} by a script, seconds each: median {statistics.median(seconds):.2f}"
    )
    print(f"  of it from call to mask {statistics.median(masked):.2f}; all: {seconds}")


def main():
    """Print all times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--limit", type=float, default=180, help="seconds after which a wait is given up")
    parser.add_argument("--checkout", type=Path, default=PROJECT, help="whose plug-in to measure")
    parser.add_argument("--only", choices=["windows", "scripts"], help="one half of what is printed")
    arguments = parser.parse_args()
    conftest = module("gimp_conftest", arguments.checkout.resolve() / "tests" / "gimp" / "conftest.py")
    print(f"load before: {os.getloadavg()}, cores: {os.cpu_count()}")
    with tempfile.TemporaryDirectory() as temporary:
        gimp = conftest.installed_gimp(Path(temporary))
        settings, told = prepare(gimp, arguments.sizes)
        if arguments.only != "scripts":
            windows(gimp, arguments.sizes, arguments.limit)
        if arguments.checkout.resolve() == PROJECT and arguments.only != "windows":
            settings.write_text(json.dumps(told))
            calls(gimp)
    print(f"load after: {os.getloadavg()}")


if __name__ == "__main__":
    main()
