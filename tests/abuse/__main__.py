"""Do all of it at full length and write docs/robustness.md."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import hypothesis

from tests.abuse import arrays, cases

PAGE = Path(__file__).resolve().parents[2] / "docs" / "robustness.md"
SEED = 20
FILES, ARRAYS, KILLS, MESSAGES = 3000, 1500, 40, 1500

_HEAD = """# What it withstands

`make abuse` does to the suite what should never happen, and writes this page. A fault would be a traceback, a crash, a
result that is lost, half or left over; everything else gives a result, or one line that says why there is none. A small
part, with the same seeds, belongs to `make test`. The rules behind it stand in
[CONTRIBUTING](https://github.com/napari-defocus/napari-defocus/blob/main/CONTRIBUTING.md) under "General rules".

| What | Tried | Results | Told in one line | Faults |
| --- | --- | --- | --- | --- |
"""


def odd_arrays(count: int) -> cases.Row:
    """Measure odd arrays with odd parameters."""
    row = cases.Row("Odd arrays and parameters")

    @hypothesis.seed(SEED)
    @hypothesis.settings(arrays.PATIENT, max_examples=count)
    @hypothesis.given(arrays.ARRAYS, arrays.PARAMETERS)
    def each(array, parameters):  # type: ignore[no-untyped-def]
        row.count += 1
        if arrays.measure(array, parameters):
            row.worked += 1
        else:
            row.told += 1

    try:
        each()
    except Exception as error:
        row.faults.append(f"{type(error).__name__}: {error}")
    return row


def main() -> int:
    """Run everything; the exit code is 1 if there was any fault."""
    root = os.geteuid() == 0
    steps = [
        lambda folder: cases.damaged_pictures(folder, FILES, SEED),
        lambda folder: odd_arrays(ARRAYS),
        lambda folder: cases.kills(folder, KILLS, SEED),
        lambda folder: cases.messages(folder, MESSAGES, SEED),
        *([cases.full_disks, cases.unwritable_caches] if root else []),
    ]
    rows = []
    for step in steps:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            row = step(Path(folder))
        rows.append(row)
        print(f"{row.what}: {row.count} tried, {row.worked} worked, {row.told} told, {len(row.faults)} faults", end="")
        print(f" ({time.monotonic() - begin:.0f} s)", flush=True)
        for fault in row.faults[:20]:
            print(f"  {fault}", file=sys.stderr)
    if root:  # without root some rows are missing
        lines = (f"| {row.what} | {row.count} | {row.worked} | {row.told} | {len(row.faults)} |\n" for row in rows)
        PAGE.write_text(_HEAD + "".join(lines), encoding="utf-8")
    return int(any(row.faults for row in rows))


if __name__ == "__main__":
    sys.exit(main())
