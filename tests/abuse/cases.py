"""What is done to the suite, and what has to come of it: each function returns one row of docs/robustness.md."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import Image

from tests.abuse.mutations import damaged_files

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = [sys.executable, "-m", "defocus.command.line"]
WORKER = [sys.executable, "-P", "-m", "defocus.worker"]
# Another user, who may read everything (the project may lie in root's home) and write nothing
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
NOBODY += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


@dataclass
class Row:
    """What came of one kind of abuse.

    Attributes
    ----------
    what : str
    count : int
        How often it was tried.
    worked, told : int
        How often there was a whole result, and one line that says why not.
    faults : list of str
        All else: tracebacks, crashes, results lost, half or left over.
    """

    what: str
    count: int = 0
    worked: int = 0
    told: int = 0
    faults: list[str] = field(default_factory=list)


def leftovers(folder: Path) -> list[str]:
    """Return the names of temporary files in a folder."""
    return [f"left over: {file.name}" for file in folder.iterdir() if file.name.startswith(".")]


def run(arguments: list[object], **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        **{"timeout": 600, **options},
    )


def damaged_pictures(folder: Path, count: int, seed: int, at_a_time: int = 200) -> Row:
    """Map damaged files in batches: each gives a result that can be read, or its line."""
    row = Row(f"Damaged files of {len({name.rpartition('.')[2] for name, _ in damaged_files(60, 0)})} formats", count)
    inputs, out = folder / "in", folder / "out"
    inputs.mkdir()
    names = []
    for name, content in damaged_files(count, seed):
        (inputs / name).write_bytes(content)
        names.append(inputs / name)
    for first in range(0, count, at_a_time):
        part = names[first : first + at_a_time]
        done = run(["map", *part, "-o", out, "--window", 9, "--noise", 1e-4, "--max-radius", 2])
        lines = done.stderr.splitlines()
        if done.returncode not in (0, 1):
            row.faults.append(f"exit code {done.returncode}")
        for file in part:
            told = [line for line in lines if line.startswith("defocus: ") and file.name in line]
            result = out / f"{file.stem}_blur.tif"
            unforeseen = [line for line in told if "details in" in line or "--verbose" in line]
            if len(told) == 1 and not result.exists() and not unforeseen:
                row.told += 1
            elif not told and result.exists() and np.isfinite(tifffile.imread(result)).all():
                row.worked += 1
            else:
                row.faults.append(f"{file.name}: {told or 'lost'}")
        row.faults += [f"not a line: {line}" for line in lines if not line.startswith("defocus: ")]
    return Row(row.what, row.count, row.worked, row.told, row.faults + (leftovers(out) if out.exists() else []))


def kills(folder: Path, count: int, seed: int) -> Row:
    """Kill a batch at any moment: results are whole or not there, and the next run leaves nothing else."""
    row, chance = Row("Kills of a batch while it works", count), random.Random(seed)
    files = []
    for number in range(6):
        values = np.random.default_rng(number).integers(0, 256, (200, 300), dtype=np.uint8)
        files.append(folder / f"picture{number}.png")
        Image.fromarray(values).save(files[-1])
    out = folder / "out"
    begin = time.monotonic()
    run(["map", "--preview", *files, "-o", out])
    usual = time.monotonic() - begin
    for _ in range(count):
        shutil.rmtree(out)
        process = subprocess.Popen(
            [*COMMAND, "map", "--preview", *map(str, files), "-o", str(out)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(chance.uniform(0.3, 1.1) * usual)
        number = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
        process.send_signal(number)
        error = process.communicate()[1]
        row.faults += ["traceback"] if "Traceback" in error and number != signal.SIGINT else []
        out.mkdir(exist_ok=True)
        if number != signal.SIGKILL:
            row.faults += leftovers(out)
        for file in out.glob("[!.]*"):
            try:
                _ = tifffile.imread(file) if file.suffix == ".tif" else Image.open(file).load()
            except Exception as broken:
                row.faults.append(f"half: {file.name} ({broken})")
        again = run(["map", "--preview", *files, "-o", out, "--overwrite"])
        whole = again.returncode == 0 and len(list(out.glob("[!.]*"))) == 2 * len(files)
        row.worked += whole
        row.faults += [] if whole else [f"not done again: {again.stderr}"]
        row.faults += leftovers(out)
    return row


def answered(process: subprocess.Popen[bytes], line: bytes) -> dict[str, Any]:
    """Say a line to a worker; return what it answers in the end. Raises `OSError` or `ValueError` if it died."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    answer: dict[str, Any] = {"event": "progress"}
    while answer["event"] == "progress":
        answer = json.loads(process.stdout.readline())
    return answer


def messages(folder: Path, count: int, seed: int) -> Row:
    """Say anything to a worker: each line gets one answer, and it lives on."""
    row, chance = Row("Messages to the worker", count), random.Random(seed)
    place = folder / "worker"
    process = subprocess.Popen(
        [*WORKER, "--folder", str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    values = [
        None,
        True,
        -1,
        0,
        7,
        1e308,
        10**30,
        "",
        "x",
        "../../x",
        [],
        [1, [2]],
        {},
        {"a": 1},
        "picture.raw",
        [48, 64],
    ]
    names = ["open", "blur_map", "focus_mask", "confidence", "restore", "preview", "describe", "none", 3, None]
    keys = [
        "id",
        "file",
        "shape",
        "dtype",
        "parameters",
        "map_parameters",
        "in_focus",
        "existing",
        "output",
        "of",
        "size",
    ]
    kinds: list[Callable[[], bytes]] = [
        lambda: chance.randbytes(chance.randint(0, 200)).replace(b"\n", b""),
        lambda: b"[" * chance.randint(1, 5000),
        lambda: b'{"a":' * chance.randint(1, 5000),
        lambda: b"9" * chance.randint(1, 10_000),
        lambda: json.dumps(chance.choice(values)).encode(),
    ]
    kinds += [
        lambda: json.dumps(
            {"id": chance.randrange(99), "request": chance.choice(names)}
            | {chance.choice(keys): chance.choice(values) for _ in range(chance.randrange(5))}
        ).encode()
    ] * 10
    picture = np.random.default_rng(0).random((48, 64)).astype(np.float32)
    for number in range(count):
        if number % 20 == 0:
            (place / "picture.raw").write_bytes(picture.tobytes())
            line = b'{"id": 1, "request": "open", "file": "picture.raw", "shape": [48, 64], "dtype": "float32"}'
        else:
            line = chance.choice(kinds)()
        try:
            answer = answered(process, line)
        except (OSError, ValueError) as error:
            row.faults.append(f"died at {line[:60]!r} ({error})")
            break
        if answer["event"] == "result":
            row.worked += 1
        elif answer.get("kind") == "internal":
            row.faults.append(f"{line[:100]!r}: {answer['message']}")
        else:
            row.told += 1
    process.stdin.close()
    process.wait(60)
    process.stdout.close()
    return Row(row.what, count, row.worked, row.told, row.faults + (["folder left over"] if place.exists() else []))


def small_disk(folder: Path, size: str) -> list[str]:
    """Return what a command begins with that shall find a full disk at a folder."""
    mount = f'mount -t tmpfs -o size={size} tmpfs "{folder}" && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mount, "small"]


def full_disks(folder: Path) -> Row:
    """Write results, the log and kept code onto full disks."""
    row = Row("Full disks: results, log, compiled code")
    picture, out, small = folder / "picture.png", folder / "out", folder / "small"
    small.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (150, 200), dtype=np.uint8)).save(picture)
    listed = 'ls -A "$0" | sed "s/^/left: /" >&2'
    for size in ("8k", "40k", "100k", "200k"):
        command = [*COMMAND, "map", "--preview", str(picture), "-o", str(small)]
        inner = ["sh", "-c", f'"$@"; code=$?; {listed}; exit $code', str(small), *command]
        done = subprocess.run([*small_disk(small, size), *inner], capture_output=True, text=True, check=False)
        row.count += 1
        left = [line for line in done.stderr.splitlines() if line.startswith("left: .")]
        lines = [line for line in done.stderr.splitlines() if not line.startswith("left: ")]
        row.faults += left
        if done.returncode == 0 and not lines:
            row.worked += 1
        elif done.returncode == 1 and len(lines) == 1 and "No space left" in lines[0]:
            row.told += 1
        else:
            row.faults.append(f"{size}: {done.stderr}")
    for name in ("XDG_STATE_HOME", "NUMBA_CACHE_DIR", "TMPDIR"):
        shutil.rmtree(out, ignore_errors=True)
        command = [*COMMAND, "map", str(picture), str(folder / "none.png"), "-o", str(out)]
        environment = {**os.environ, name: str(small)}
        done = subprocess.run(
            [*small_disk(small, "4k"), *command], env=environment, capture_output=True, text=True, check=False
        )
        row.count += 1
        good = (out / "picture_blur.tif").exists() and "Traceback" not in done.stderr
        row.worked += good
        row.faults += [] if good else [f"{name}: {done.stderr}"]
    return row


def unwritable_caches(folder: Path) -> Row:
    """Measure as a user who may write nowhere but into the output folder, and with damaged kept code."""
    row = Row("Compiled code that cannot be kept, as another user")
    place = Path(tempfile.mkdtemp(prefix="abuse-"))
    place.chmod(0o777)
    picture = place / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (150, 200), dtype=np.uint8)).save(picture)
    missing = {name: value for name, value in os.environ.items() if name not in ("HOME", "NUMBA_CACHE_DIR")}
    kept = place / "kept"
    kept.mkdir(mode=0o777)
    kept.chmod(0o777)
    cases = {
        "HOME is missing": missing | {"HOME": "/nonexistent"},
        "NUMBA_CACHE_DIR may not be written": missing | {"HOME": "/nonexistent", "NUMBA_CACHE_DIR": "/usr/lib"},
        "kept": missing | {"HOME": "/nonexistent", "NUMBA_CACHE_DIR": str(kept)},
        "kept code is damaged": missing | {"HOME": "/nonexistent", "NUMBA_CACHE_DIR": str(kept)},
    }
    for name, environment in cases.items():
        out = place / f"out_{name.replace(' ', '_')}"
        out.mkdir()
        out.chmod(0o777)
        if "damaged" in name:
            for file in kept.rglob("*.nb?"):
                file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        command = [*NOBODY, *COMMAND, "map", str(picture), "-o", str(out)]
        done = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True, check=False)
        row.count += 1
        lines = done.stderr.splitlines()
        said = len(lines) == (name != "kept") and all(line.startswith("defocus: compiled code") for line in lines)
        good = done.returncode == 0 and (out / "picture_blur.tif").exists() and said
        row.worked += good
        row.faults += [] if good else [f"{name}: {done.stderr}"]
    shutil.rmtree(place)
    return row
