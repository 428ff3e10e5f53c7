"""Time and memory of culling by the command, of large and of many pictures, and what an interrupted run keeps.

A part of ``python -m benchmarks.culling DATA``: its ``--only speed`` and ``--only many``.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).parent.parent / "sample_data"
SMALL = (160, 120)  # px
MANY = 10_000
INTERRUPTED = 1_000  # of them
FOLDERS = ("cuhk_dev", "cuhk_train", "szu_train", "pixel4_sharp_dev")


def speed(data, every):
    """JPEGs of 24 megapixels, and small ones, by the command: a sample picture with a camera's noise."""
    rng = np.random.default_rng(0)
    grain = rng.integers(-6, 7, (4000, 6000, 3), dtype=np.int16)
    scene = np.asarray(Image.open(SAMPLES / "china.jpg").convert("RGB").resize((6000, 4000), Image.Resampling.BICUBIC))
    large = Image.fromarray(np.clip(scene.astype(np.int16) + grain, 0, 255).astype(np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        for name, image, count in (
            ("24 megapixels", large, 99 // every),
            ("160 x 120 px", large.resize(SMALL), 200),
        ):
            place = Path(folder) / name.replace(" ", "")
            place.mkdir()
            image.save(place / "0.jpg", quality=92)
            for i in range(1, count):
                (place / f"{i}.jpg").write_bytes((place / "0.jpg").read_bytes() + bytes(i))
            for run in ("first", "second"):
                timed(place, folder, f"{count} of {name}, {run} run")
        print_memory()


def many(data, every):
    """Small JPEGs, all different: a first and a second run, and a run that is ended twice and goes on."""
    with tempfile.TemporaryDirectory() as folder:
        place, cut = Path(folder) / "small", Path(folder) / "interrupted"
        crops(place, MANY // every, data)
        whole = timed(place, f"{folder}/cache", f"{MANY // every} of {SMALL[0]} x {SMALL[1]} px, first run")
        again = timed(place, f"{folder}/cache", "second run")
        print(f"the second run says the same: {again == whole}")
        print_memory()
        cut.mkdir()
        for file in sorted(place.iterdir())[: INTERRUPTED // every]:
            os.link(file, cut / file.name)
        cache, count = Path(folder) / "cut", INTERRUPTED // every
        for number, share in ((signal.SIGINT, 1 / 3), (signal.SIGKILL, 2 / 3)):
            code = ended(cut, cache, number, share * count)
            print(
                f"{count} of them, ended by {number.name}: exit code {code}, {judged(cache)} judged, "
                f"left beside the pictures: {len(list(cut.iterdir())) - count}",
                flush=True,
            )
        on = timed(cut, cache, "going on")
        expected = {name: row for name, row in whole.items() if (cut / name).exists()}
        print(f"{len(on)} rows; the same as in one go: {on == expected}")


def crops(place, count, data):
    """Write so many crops of photographs, each reduced by a factor of its own."""
    place.mkdir()
    files = [SAMPLES / "china.jpg", SAMPLES / "flower.jpg", SAMPLES / "coffee.jpg"]
    files += [file for name in FOLDERS for file in sorted((data / name / "image").iterdir())]
    rng = np.random.default_rng(0)
    made = 0
    for file, share in zip(files, np.diff(np.linspace(0, count, len(files) + 1).astype(int)), strict=True):
        if share == 0:
            continue
        with Image.open(file) as opened:
            image = opened.convert("RGB")
        for _ in range(share):
            factor = rng.uniform(1, min(image.width / SMALL[0], image.height / SMALL[1]))
            width, height = SMALL[0] * factor, SMALL[1] * factor
            left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
            crop = image.resize(SMALL, Image.Resampling.BOX, (left, top, left + width, top + height))
            crop.save(place / f"{made:05}.jpg", quality=int(rng.integers(80, 96)))
            made += 1


def timed(place, cache, words):
    """Cull a folder; print how long that took; return the rows of the table by name."""
    table = Path(f"{place}.csv")
    before, cpu = time.perf_counter(), children_time()
    subprocess.run([*command(place), "--csv", str(table), "--overwrite"], check=True, env=environment(cache))
    took = time.perf_counter() - before
    _, *rows = table.read_text().splitlines()
    print(
        f"{words}: {len(rows) / took:.1f} pictures/s, {took:.1f} s, {took / len(rows):.3f} s each, "
        f"{(children_time() - cpu) / len(rows):.3f} s of CPU each",
        flush=True,
    )
    return {Path(row.partition(",")[0]).name: row.partition(",")[2] for row in rows}


def ended(place, cache, number, count):
    """Cull a folder until so many pictures are judged, then end the run as a terminal or the system would."""
    run = subprocess.Popen(
        command(place),
        env=environment(cache),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which shells ignore in the background
    )
    while judged(cache) < count and run.poll() is None:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        if number == signal.SIGINT:
            os.killpg(run.pid, number)  # Ctrl+C reaches the workers, too
        else:
            run.send_signal(number)
    run.communicate()  # until the workers have ended, too, who hold the other end of the pipe
    return run.returncode


def judged(cache):
    """Return how many verdicts are kept."""
    place = Path(cache) / "defocus" / "cull.sqlite"
    if not place.exists():
        return 0
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(place, timeout=5)) as base:
        return base.execute("select count(*) from pictures").fetchone()[0]
    return 0


def command(place):
    return [sys.executable, "-m", "defocus.command.line", "cull", str(place), "--quiet"]


def environment(cache):
    return {**os.environ, "XDG_CACHE_HOME": str(cache)}


def children_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def print_memory():
    print(f"largest process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3:.0f} MB", flush=True)
