"""Do again what once went wrong, here and in another checkout, and print both outcomes beside each other.

    python -m tests.abuse.reported [OTHER] [--only TEXT]

OTHER is the root of another checkout, run by this Python. Some cases need root on Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import Image

from tests.abuse.cases import NOBODY, WORKER, answered, leftovers, small_disk
from tests.abuse.mutations import damaged_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).resolve().parents[2]
QUICK = ["--window", 9, "--noise", 1e-4, "--max-radius", 2]
WAIT = 30  # s; what lasts longer waits without end
# What the snippets begin with: a photograph, sharp on the left, as floats in [0, 1] and in 8 bits
PICTURE = f"""
import pickle, sys, numpy as np, defocus
from scipy import ndimage
from PIL import Image
flower = np.asarray(Image.open({str(HERE / "sample_data" / "flower.jpg")!r}))[:200, :300]
unit = flower / np.float32(255)
quick = dict(noise=1e-4, max_radius=4)
def told(work):
    try:
        return work()
    except defocus.DefocusError as error:
        return f"told: {{error}}"
    except Exception as error:
        return f"{{type(error).__name__}}: {{error}}"
"""


@dataclass(frozen=True)
class Suite:
    """A checkout, and a folder in which it may do what it likes."""

    root: Path
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to run this checkout."""
        return {**os.environ, "PYTHONPATH": str(self.root / "core"), "XDG_STATE_HOME": str(self.folder / "state")}

    @property
    def command(self) -> list[str]:
        """What the command line begins with."""
        old = (self.root / "core" / "defocus" / "command_line.py").exists()
        return [sys.executable, "-m", "defocus.command_line" if old else "defocus.command.line"]

    def run(
        self, *arguments: object, before: list[str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run the command; 124 is the exit code of what waits without end."""
        line = [*(before or []), *self.command, *map(str, arguments)]
        return self.process(line, **options)

    def process(self, line: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a process of this checkout."""
        given = {
            "env": self.environment,
            "cwd": self.folder,
            "timeout": 300,
            "text": True,
            "errors": "replace",
            **options,
        }
        if "stdout" not in given:
            given |= {"capture_output": True}
        try:
            return subprocess.run(line, check=False, **given)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(line, 124, "", "waits without end")

    @property
    def client(self) -> str:
        """The module of the worker's client."""
        return "defocus.worker.client" if (self.root / "core/defocus/worker").is_dir() else "defocus.client"

    def python(self, code: str, before: Sequence[str] = (), **options: Any) -> str:
        """Return the last line that a snippet says."""
        done = self.process([*before, sys.executable, "-W", "ignore", "-c", PICTURE + code], **options)
        return last(done.stdout if done.returncode == 0 else done.stderr)

    def picture(self, name: str = "x.png", size: tuple[int, int] = (120, 160)) -> Path:
        """Write a picture."""
        file = self.folder / name
        values = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(values).save(file)
        return file

    def started_worker(self) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a worker; return it, and its folder."""
        process = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environment | {"TMPDIR": str(self.folder)},
        )
        assert process.stdout is not None
        return process, Path(json.loads(process.stdout.readline())["folder"])

    def worker(self, *lines: bytes) -> list[str]:
        """Say lines to a worker; return what it answers to each, in a word."""
        process, place = self.started_worker()
        pixels = np.random.default_rng(0).random((48, 64)).astype(np.float32)
        said: list[str] = []
        for line in lines:
            (place / "picture.raw").write_bytes(pixels.tobytes())
            try:
                answer = answered(process, line)
            except (OSError, ValueError):
                said.append("died")
                break
            said.append(str(answer.get("kind", answer["event"])))
        process.kill()
        process.communicate()
        return said


def last(text: str, most: int = 90) -> str:
    """Return the last line of a text, not too long."""
    lines = [line for line in text.splitlines() if line.strip()]
    line = lines[-1].strip() if lines else ""
    return line if len(line) <= most else line[: most - 3] + "..."


def outcome(done: subprocess.CompletedProcess[str]) -> str:
    """Return in a few words how a command ended."""
    if done.returncode == 124:
        return "waits without end"
    if "Traceback" in (done.stderr or ""):
        return f"traceback: {last(done.stderr, 60)}"
    lines = (done.stderr or "").splitlines()
    said = f", {len(lines)} line{'s' * (len(lines) != 1)}: {last(done.stderr)}" if lines else ""
    return f"exit code {done.returncode}{said}"


CASES: dict[str, Callable[[Suite], str]] = {}


def case(name: str) -> Callable[[Callable[[Suite], str]], Callable[[Suite], str]]:
    """Add a case to the table."""

    def add(function: Callable[[Suite], str]) -> Callable[[Suite], str]:
        CASES[name] = function
        return function

    return add


def _as_nobody(suite: Suite, **more: str) -> str:
    suite.folder.chmod(0o777)
    out = suite.folder / "out"
    out.mkdir()
    out.chmod(0o777)
    kept = ("HOME", "NUMBA_CACHE_DIR", "XDG_STATE_HOME")
    environment = {name: value for name, value in suite.environment.items() if name not in kept} | more
    done = suite.run("map", suite.picture(), "-o", out, *QUICK, before=NOBODY, env=environment)
    return outcome(done) + (", result" if any(out.iterdir()) else ", no result")


@case("(a) HOME is unset, another user")
def _(suite: Suite) -> str:
    return _as_nobody(suite)


@case("(a) HOME is missing")
def _(suite: Suite) -> str:
    return _as_nobody(suite, HOME="/nonexistent")


@case("(a) NUMBA_CACHE_DIR may not be written")
def _(suite: Suite) -> str:
    return _as_nobody(suite, HOME="/nonexistent", NUMBA_CACHE_DIR="/usr/lib")


@case("(a) NUMBA_CACHE_DIR is full")
def _(suite: Suite) -> str:
    small = suite.folder / "small"
    small.mkdir()
    environment = {**suite.environment, "NUMBA_CACHE_DIR": str(small)}
    before = small_disk(small, "8k")
    return outcome(
        suite.run("map", suite.picture(), "-o", suite.folder / "out", *QUICK, before=before, env=environment)
    )


@case("(a) NUMBA_CACHE_DIR holds damaged files")
def _(suite: Suite) -> str:
    environment = {**suite.environment, "NUMBA_CACHE_DIR": str(suite.folder / "kept")}
    suite.run("map", suite.picture(), "-o", suite.folder / "out", *QUICK, env=environment)
    for file in (suite.folder / "kept").rglob("*.nb?"):
        file.write_bytes(b"damaged")
    return outcome(suite.run("map", suite.picture(), "-o", suite.folder / "out2", *QUICK, env=environment))


@case("(a) HOME is missing, the worker")
def _(suite: Suite) -> str:
    suite.folder.chmod(0o777)
    code = f"from {suite.client} import WorkerClient"
    code += """
with WorkerClient() as worker:
    pixels = np.random.default_rng(0).random((48, 64)).astype(np.float32)
    try:
        worker.open(pixels.tobytes(), shape=(48, 64), dtype="float32")
        print("a result of", worker.request("blur_map", {})["shape"])
    except Exception as error:
        print("told:", error)
"""
    environment = {k: v for k, v in suite.environment.items() if k != "NUMBA_CACHE_DIR"} | {"HOME": "/nonexistent"}
    return suite.python(code, NOBODY, env=environment)


@case("(b) opaque alpha as int16, int32, int64, uint32; 12 bits")
def _(suite: Suite) -> str:
    return suite.python("""
said = []
for kind, top in ((np.int16, 32767), (np.int32, 65535), (np.int64, 255), (np.uint32, 65535), (np.uint16, 4095)):
    values = np.dstack([unit, np.ones(unit.shape[:2])]) * top
    said.append(f"{np.median(defocus.blur_map(np.rint(values).astype(kind))):.2f}")
print("median radius", *said, "px; in 8 bits", f"{np.median(defocus.blur_map(flower)):.2f}")
""")


@case("(b) floats 0 to 255 with an alpha of 100: opacity")
def _(suite: Suite) -> str:
    return suite.python("""
values = np.dstack([flower, np.full(flower.shape[:2], 100)]).astype(np.float32)
alpha = defocus.as_picture(values).alpha
print("opaque" if alpha is None else f"{np.median(alpha):.2f}")
""")


@case("(c) 600 damaged files in batches of 50")
def _(suite: Suite) -> str:
    files = []
    for name, content in damaged_files(600, 20):
        files.append(suite.folder / name)
        files[-1].write_bytes(content)
    lost = ended = noise = 0
    for first in range(0, len(files), 50):
        part, out = files[first : first + 50], suite.folder / "out"
        done = suite.run("map", *part, "-o", out, *QUICK)
        ended += "Traceback" in done.stderr or done.returncode not in (0, 1)
        lines = done.stderr.splitlines()
        noise += sum(not line.startswith("defocus: ") for line in lines)
        told = [line for line in lines if line.startswith("defocus: ")]
        lost += sum(
            not (out / f"{f.stem}_blur.tif").exists() and not any(f.name in line for line in told) for f in part
        )
    return f"{ended} of 12 batches ended by an exception, {lost} files without result or line, {noise} other lines"


@case("(d) map --preview x.png x_blur.png -o .")
def _(suite: Suite) -> str:
    first, second = suite.picture("x.png"), suite.picture("x_blur.png")
    before = second.read_bytes()
    done = suite.run("map", "--preview", first, second, "-o", ".", *QUICK)
    return f"{outcome(done)}; the input is {'whole' if second.read_bytes() == before else 'LOST'}"


@case("(d) two inputs of one stem")
def _(suite: Suite) -> str:
    first, second = suite.picture("x.png"), suite.picture("x.tif")
    done = suite.run("map", first, second, "-o", "out", *QUICK)
    out = suite.folder / "out"
    return f"{outcome(done)}; {len(list(out.iterdir())) if out.exists() else 0} results"


@case("(d) a result that is there already")
def _(suite: Suite) -> str:
    (suite.folder / "x_mask.png").write_bytes(b"mine")
    done = suite.run("mask", suite.picture(), "-o", ".", *QUICK)
    return f"{outcome(done)}; {'kept' if (suite.folder / 'x_mask.png').read_bytes() == b'mine' else 'REPLACED'}"


@case("values of 1e300")
def _(suite: Suite) -> str:
    return suite.python("print(told(lambda: f'{np.median(defocus.blur_map(unit.astype(float) * 1e300)):.2f} px'))")


@case("lines on standard error for one damaged TIFF")
def _(suite: Suite) -> str:
    file = suite.folder / "x.tif"
    tifffile.imwrite(
        file, np.random.default_rng(0).integers(0, 256, (300, 400), dtype=np.uint8), compression="zlib", rowsperstrip=1
    )
    content = bytearray(file.read_bytes())
    content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
    file.write_bytes(content)
    return outcome(suite.run("map", file, "-o", "out", *QUICK))


def _killed(suite: Suite, number: signal.Signals) -> str:
    files = [suite.picture(f"{i}.png", (900, 1200)) for i in range(3)]
    left = 0
    for _ in range(6):
        process = subprocess.Popen(
            [*suite.command, "mask", *map(str, files), "-o", "out", "--softness", "20", "--noise", "1e-4"],
            env=suite.environment,
            cwd=suite.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        out, end = suite.folder / "out", time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            if out.exists() and leftovers(out):
                break
        process.send_signal(number)
        process.wait()
        if out.exists():
            left += bool(leftovers(out))
            for file in out.iterdir():
                if not file.name.startswith(".") or number != signal.SIGKILL:
                    file.unlink()
    if number == signal.SIGKILL:
        suite.run("mask", *files, "-o", "out", "--noise", 1e-4, "--overwrite")
        return f"{len(leftovers(suite.folder / 'out'))} temporary files after 6 kills and the next run"
    return f"temporary files left by {left} of 6"


@case("SIGTERM while a result is written")
def _(suite: Suite) -> str:
    return _killed(suite, signal.SIGTERM)


@case("SIGHUP while a result is written")
def _(suite: Suite) -> str:
    return _killed(suite, signal.SIGHUP)


@case("SIGKILL while a result is written")
def _(suite: Suite) -> str:
    return _killed(suite, signal.SIGKILL)


@case("signals to the worker: its folder")
def _(suite: Suite) -> str:
    said = []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        process, folder = suite.started_worker()
        (folder / "picture.raw").write_bytes(bytes(1000))
        process.send_signal(number)
        process.communicate()
        said.append(f"{number.name} {'stays' if folder.exists() else 'gone'}")
    return ", ".join(said)


@case("--dask without a scheduler file")
def _(suite: Suite) -> str:
    return outcome(
        suite.run("map", suite.picture(), "-o", "out", "--dask", suite.folder / "none.json", *QUICK, timeout=WAIT)
    )


@case("a FIFO as input")
def _(suite: Suite) -> str:
    os.mkfifo(suite.folder / "pipe.png")
    return outcome(suite.run("map", "pipe.png", "-o", "out", *QUICK, timeout=WAIT))


@case("contrast times .1: median radius and mask that change")
def _(suite: Suite) -> str:
    return suite.python("""
one, low = unit, 0.45 + 0.1 * unit
a, b = (np.median(defocus.blur_map(p)) for p in (one, low))
c, d = (defocus.focus_mask(p) for p in (one, low))
print(f"{a:.2f} -> {b:.2f} px, {100 * np.mean(c != d):.0f} % of the mask")
""")


@case("a dark picture as floats 0 to 255 against 0 to 1: mask that changes")
def _(suite: Suite) -> str:
    return suite.python("""
a, b = (defocus.focus_mask(0.4 * unit * np.float32(top)) for top in (1, 255))
print(f"{100 * np.mean(a != b):.1f} %")
""")


OPEN = b'{"id": 1, "request": "open", "file": "picture.raw", "shape": [48, 64], "dtype": "float32"}'
MAP = b'{"id": 2, "request": "blur_map"}'


@case("worker: 1000 nested [")
def _(suite: Suite) -> str:
    return " ".join(suite.worker(OPEN, b"[" * 100_000, b"[" * 1000, MAP))


@case("worker: a failed open, then a map of what it held")
def _(suite: Suite) -> str:
    small = b'{"id": 3, "request": "open", "file": "picture.raw", "shape": [4, 768], "dtype": "float32"}'
    return " ".join(suite.worker(OPEN, small, MAP))


@case("worker: an id with ../")
def _(suite: Suite) -> str:
    said = suite.worker(OPEN, b'{"id": "../../outside", "request": "blur_map"}')
    outside = [file.name for file in suite.folder.rglob("*outside*")]
    return f"{' '.join(said)}; outside its folder: {outside or 'nothing'}"


@case("worker: --folder with a user's files")
def _(suite: Suite) -> str:
    place = suite.folder / "mine"
    place.mkdir()
    (place / "thesis.txt").write_text("mine")
    done = suite.process([*WORKER, "--folder", str(place)], input="")
    return f"exit code {done.returncode}; {'kept' if (place / 'thesis.txt').exists() else 'DELETED'}"


@case("worker: a line of 40 MB")
def _(suite: Suite) -> str:
    begin = time.monotonic()
    said = suite.worker(b'{"id": 1, "request": "' + b"x" * 40_000_000 + b'"}', MAP)
    return f"{' '.join(said)} in {time.monotonic() - begin:.1f} s"


@case("mask not monotone in the threshold")
def _(suite: Suite) -> str:
    return suite.python(
        f"""
from pathlib import Path
pairs = broken = 0
pixels = 0.0
for name in ("flower.jpg", "coffee.jpg", "china.jpg", "object.png"):
    file = Path({str(HERE / "sample_data")!r}) / name
    analysis = defocus.analyze(defocus.load_image(file))
    before = None
    for threshold in np.arange(0.5, 8.0, 0.1):
        mask = analysis.focus_mask(threshold=round(float(threshold), 2)) > 0.5
        if before is not None:
            lost = np.count_nonzero(before & ~mask)
            pairs, broken, pixels = pairs + 1, broken + (lost > 0), max(pixels, lost / mask.size)
        before = mask
print(f"{{broken}} of {{pairs}} pairs, at most {{100 * pixels:.2f}} % of the pixels")
""",
        timeout=900,
    )


@case("standard output is full")
def _(suite: Suite) -> str:
    with Path("/dev/full").open("w") as full:
        return outcome(suite.run("info", suite.picture(), stdout=full, stderr=subprocess.PIPE))


@case("standard output is closed")
def _(suite: Suite) -> str:
    return outcome(suite.process(["sh", "-c", 'exec "$@" >&-', "sh", *suite.command, "info", str(suite.picture())]))


@case("standard output in ASCII, a name with an umlaut")
def _(suite: Suite) -> str:
    environment = {**suite.environment, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    return outcome(suite.run("info", suite.picture("Grün.png"), env=environment))


@case("a JPEG of 200 megapixels, read")
def _(suite: Suite) -> str:
    file = suite.folder / "phone.jpg"
    Image.new("L", (16384, 12288)).save(file, quality=30)
    return suite.python(f"print(told(lambda: defocus.load_image({str(file)!r}).shape))")


@case("a TIFF that claims 6.5 billion pixels")
def _(suite: Suite) -> str:
    file = suite.folder / "x.tif"
    tifffile.imwrite(file, np.zeros((40, 40), np.uint8))
    with tifffile.TiffFile(file, mode="r+b") as opened:
        for tag in ("ImageWidth", "ImageLength"):
            opened.pages[0].tags[tag].overwrite(100_000 if tag == "ImageWidth" else 65_000)
    return suite.python(f"print(told(lambda: defocus.load_image({str(file)!r}).shape))", timeout=120)


@case("restore(iterations=5.0)")
def _(suite: Suite) -> str:
    return suite.python(
        "print(told(lambda: defocus.restore(unit, np.full(unit.shape[:2], 2.0), iterations=5.0).shape))"
    )


@case("a number of 400 digits")
def _(suite: Suite) -> str:
    return suite.python("print(told(lambda: defocus.blur_map(unit, max_radius=10 ** 400).shape))")


@case("ragged hints")
def _(suite: Suite) -> str:
    return suite.python("print(told(lambda: defocus.focus_mask(unit, in_focus=[[1], [1, 2]]).shape))")


@case("--window 40.6")
def _(suite: Suite) -> str:
    return outcome(suite.run("map", suite.picture(), "-o", "out", "--window", 40.6))


@case("window=40.6")
def _(suite: Suite) -> str:
    return suite.python("print(told(lambda: defocus.analyze(unit, window=40.6).parameters.window))")


@case("NUMBA_DISABLE_JIT")
def _(suite: Suite) -> str:
    environment = {**suite.environment, "NUMBA_DISABLE_JIT": "1"}
    done = suite.run("map", suite.picture(size=(40, 40)), "-o", "out", *QUICK, env=environment, timeout=WAIT)
    return outcome(done)


@case("memory of 2 GB for 60 megapixels")
def _(suite: Suite) -> str:
    file = suite.picture("large.png", (6000, 10_000))
    return outcome(suite.run("map", file, "-o", "out", before=["sh", "-c", 'ulimit -v 2000000; exec "$@"', "sh"]))


@case("pickle of an analysis after focus_mask")
def _(suite: Suite) -> str:
    return suite.python("""
analysis = defocus.analyze(unit, **quick)
mask = analysis.focus_mask()
print(told(lambda: np.array_equal(pickle.loads(pickle.dumps(analysis)).focus_mask(), mask)))
""")


@case("WorkerClient in a folder that is not there")
def _(suite: Suite) -> str:
    return suite.python(f"""
from {suite.client} import WorkerClient, WorkerError
try:
    WorkerClient(parent_folder="/nonexistent")
except WorkerError as error:
    print("told:", error)
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
""")


@case("restore at radius 128 on 41 x 41, one iteration")
def _(suite: Suite) -> str:
    begin = time.monotonic()
    said = suite.python(
        "print(told(lambda: defocus.restore(unit[:41, :41], np.full((41, 41), 128.0), iterations=1).shape))"
    )
    return f"{said}, {time.monotonic() - begin:.1f} s with the start"


@case("a PSF whose kernel is NaN, zero, 1-d, None")
def _(suite: Suite) -> str:
    return suite.python("""
class Shape:
    isotropic = True
    def __init__(self, given):
        self.given = given
    def kernel(self, radius):
        return self.given
kernels = np.full((3, 3), np.nan), np.zeros((3, 3)), np.ones(3), None
print(*(told(lambda: defocus.blur_map(unit, psf=Shape(kernel)).shape)[:32] for kernel in kernels), sep="; ")
""")


@case("the JSON that docs/cli.md shows")
def _(suite: Suite) -> str:
    page = (suite.root / "docs" / "cli.md").read_text(encoding="utf-8")
    shown = next(line for line in map(str.strip, page.splitlines()) if line.startswith('{"input"'))
    made = json.loads(suite.run("info", HERE / "sample_data" / "flower.jpg", "--json").stdout)
    said = {name: f"{json.dumps(name)}: {json.dumps(value)}" for name, value in made.items() if name != "input"}
    stale = [name for name, text in said.items() if text not in shown]
    return f"stale: {', '.join(stale) or 'nothing'}"


@case("a TIFF strip at offset 0")
def _(suite: Suite) -> str:
    file = suite.folder / "x.tif"
    tifffile.imwrite(file, np.random.default_rng(0).integers(0, 256, (100, 100), dtype=np.uint8), rowsperstrip=10)
    with tifffile.TiffFile(file, mode="r+b") as opened:
        opened.pages[0].tags["StripOffsets"].overwrite([0] * 10)
    return suite.python(
        f"print(told(lambda: 'black' if not defocus.load_image({str(file)!r}).color.any() else 'pixels'))"
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path, nargs="?")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    given = parser.parse_args()
    sides = [HERE] if given.other is None else [given.other.resolve(), HERE]
    print("| case | there | here |\n| --- | --- | --- |" if given.other else "| case | here |\n| --- | --- |")
    for name, work in CASES.items():
        if given.only not in name:
            continue
        said = []
        for root in sides:
            with tempfile.TemporaryDirectory(prefix="reported-") as folder:
                said.append(work(Suite(root, Path(folder))).replace(folder, "").replace("|", "/"))
        print(f"| {' | '.join([name, *said])} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
