"""Make each fault of `tests.mutants.faults` in a copy of the tree and run the tests that should catch it.

    python -m tests.mutants [NAME ...]

A fault is caught if these tests fail. Tests that need ../shared have no say: the copy has none. Prints a line for each
fault; the exit code is 1 if one was not caught, 2 if there is none of that name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.faults import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("core", "tests", "benchmarks", "sample_data", "pyproject.toml", "napari_defocus")
_LONGEST = 600  # seconds


def run(tree: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """Run some tests in the copy; return pytest's exit code and its last line."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "core"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("CI", None)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=_LONGEST, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR")) or "passed" in line]
    return done.returncode, lines[-1] if lines else done.stdout[-300:]


def caught(tree: Path, fault: Fault) -> tuple[bool, str]:
    """Make one fault, run its tests, take it back."""
    file = tree / "core" / "defocus" / fault.file
    right = file.read_text(encoding="utf-8")
    if right.count(fault.old) != 1:
        return False, f"stands {right.count(fault.old)} times in {fault.file}, not once"
    try:
        file.write_text(right.replace(fault.old, fault.new), encoding="utf-8")
        code, line = run(tree, fault.tests)
    finally:
        file.write_text(right, encoding="utf-8")
    return code == 1, line


def main() -> int:
    """Return the exit code."""
    names = sys.argv[1:]
    unknown = sorted(set(names) - {fault.name for fault in FAULTS})
    if unknown:
        print(f"no such fault: {', '.join(unknown)}; there are {', '.join(fault.name for fault in FAULTS)}")
        return 2
    chosen = [fault for fault in FAULTS if not names or fault.name in names]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc"))
            else:
                shutil.copy(source, tree / name)
        code, line = run(tree, tuple(sorted({test for fault in chosen for test in fault.tests})))
        if code != 0:
            print(f"without a fault the tests fail: {line}")
            return 1
        missed = 0
        for fault in chosen:
            start = time.monotonic()
            ok, line = caught(tree, fault)
            missed += not ok
            print(
                f"{'caught' if ok else 'MISSED'}  {fault.name} ({time.monotonic() - start:.0f} s): {line}", flush=True
            )
    print(f"{len(chosen) - missed} of {len(chosen)} faults caught")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
