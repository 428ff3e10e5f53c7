"""What an installation's first mask takes, and the ones after it: `python -m benchmarks.cold_start [PICTURE]`.

Tables in Markdown, in seconds of the processor: each kernel compiled by numba, and as the package has it; the whole
process with an empty cache and with a full one; what a process loads. Caches are new folders.

    python -m benchmarks.cold_start --against CHECKOUT

measures the whole process in turn with that of another checkout, run by the same Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOADED = ("numpy", "llvmlite.binding", "numba", "cyclopts", "defocus.command.line", "defocus.analysis")
TURNS = 5  # of a full cache, the least counts


class Listener:
    """Gathers how long kernels take to compile; what a kernel calls is part of it."""

    def __init__(self) -> None:
        self.depth, self.begin, self.rows = 0, 0.0, {}

    def on_start(self, _: object) -> None:
        self.depth += 1
        self.begin = time.thread_time() if self.depth == 1 else self.begin

    def on_end(self, event: object) -> None:
        self.depth -= 1
        if self.depth == 0:
            self.rows[event.data["dispatcher"].__qualname__] = time.thread_time() - self.begin


def make_mask(picture: str) -> None:
    """Do what the command line does."""
    from defocus.command.line import app

    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.suppress(SystemExit),
        contextlib.redirect_stdout(sys.stderr),
    ):
        app(["mask", picture, "-o", folder])


def kernels_by_numba(picture: str) -> dict[str, float]:
    """Return the seconds of each kernel, in this process, whose cache is empty."""
    from numba.core import event

    listener = Listener()

    class Registered(event.Listener):
        on_start, on_end = listener.on_start, listener.on_end

    event.register("numba:compile", Registered())
    make_mask(picture)
    return listener.rows


def kernels_of_the_package(picture: str) -> dict[str, float]:
    """Return the seconds of each kernel, in this process, whose cache is empty."""
    from defocus import native

    rows, address = {}, native.address

    def timed(file: str, tell: native.Tell) -> int:
        begin = time.thread_time()
        found = address(file, tell)
        rows[file] = time.thread_time() - begin
        return found

    native.address = timed
    make_mask(picture)
    names = {code["file"]: name for name, entry in native.contents().items() for code in entry["codes"]}
    return {names[file].rpartition(".")[2]: seconds for file, seconds in rows.items()}


def seconds_of(*command: str, **environment: str) -> float:
    """Return what a process takes of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def against(other: Path, picture: str) -> None:
    """Print what both checkouts take, turn by turn."""
    print("| Turn | there, empty | here, empty | there, full | here, full |\n| --- | --- | --- | --- | --- |")
    for turn in range(TURNS):
        row = {}
        with tempfile.TemporaryDirectory() as folder:
            for kept in ("empty", "full"):
                for name, root in (("there", other), ("here", ROOT)):
                    there = {"NUMBA_CACHE_DIR": f"{folder}/{name}", "PYTHONPATH": str(root / "core")}
                    mask = [sys.executable, "-m", "defocus.command.line", "mask", picture, "-o", folder, "--overwrite"]
                    row[name, kept] = seconds_of(*mask, **there)
        print(f"| {turn + 1} | {' | '.join(f'{seconds:.2f}' for seconds in row.values())} |", flush=True)


def main() -> None:
    """Print the tables."""
    sample = str(ROOT / "sample_data" / "coffee.jpg")
    if sys.argv[1:2] == ["--against"]:
        against(Path(sys.argv[2]), sample)
        return
    if len(sys.argv) == 3:
        print(json.dumps({"numba": kernels_by_numba, "package": kernels_of_the_package}[sys.argv[1]](sys.argv[2])))
        return
    picture = sys.argv[1] if len(sys.argv) > 1 else sample
    found, whole = {}, {}
    for way in ("numba", "package"):
        with tempfile.TemporaryDirectory() as cache:
            there = {"NUMBA_CACHE_DIR": cache, "DEFOCUS_KERNELS": way}
            command = [sys.executable, "-m", "benchmarks.cold_start", way, picture]
            done = subprocess.run(command, env={**os.environ, **there}, check=True, stdout=subprocess.PIPE)
            found[way] = json.loads(done.stdout)
        with tempfile.TemporaryDirectory() as cache:
            there["NUMBA_CACHE_DIR"] = cache
            mask = [sys.executable, "-m", "defocus.command.line", "mask", picture, "-o", cache, "--overwrite"]
            first = seconds_of(*mask, **there)
            whole[way] = first, min(seconds_of(*mask, **there) for _ in range(TURNS))
    print("| Kernel | numba, s | from the package, s |\n| --- | --- | --- |")
    for name, seconds in found["numba"].items():
        print(f"| `{name}` | {seconds:.2f} | {found['package'][name]:.2f} |")
    print(f"| all | {sum(found['numba'].values()):.2f} | {sum(found['package'].values()):.2f} |")
    print("\n| Whole process | numba, s | from the package, s |\n| --- | --- | --- |")
    for number, name in enumerate(("empty cache", "full cache")):
        print(f"| {name} | {whole['numba'][number]:.2f} | {whole['package'][number]:.2f} |")
    print("\n| Loading | s |\n| --- | --- |")
    for name in ("nothing", *LOADED):
        code = "pass" if name == "nothing" else f"import {name}"
        print(f"| {name} | {min(seconds_of(sys.executable, '-c', code) for _ in range(TURNS)):.2f} |")


if __name__ == "__main__":
    main()
