"""Do all of it at full length and write docs/robustness.md."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import hypothesis

from tests.abuse import arrays, cases
from tests.abuse.page import write_page

SEED = 20
FILES, ARRAYS, KILLS, MESSAGES = 3000, 1500, 40, 1500


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
    """Run the steps named (files, arrays, kills, messages, disks, caches), or all; the exit code is 1 for any fault."""
    root = os.geteuid() == 0
    steps = {
        "files": lambda folder: cases.damaged_pictures(folder, FILES, SEED),
        "arrays": lambda folder: odd_arrays(ARRAYS),
        "kills": lambda folder: cases.kills(folder, KILLS, SEED),
        "messages": lambda folder: cases.messages(folder, MESSAGES, SEED),
    }
    if root:
        steps |= {"disks": cases.full_disks, "caches": cases.unwritable_caches}
    chosen = [steps[name] for name in sys.argv[1:] or steps]
    rows = []
    for step in chosen:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            row = step(Path(folder))
        rows.append(row)
        print(f"{row.what}: {row.count} tried, {row.worked} worked, {row.told} told, {len(row.faults)} faults", end="")
        print(f" ({time.monotonic() - begin:.0f} s)", flush=True)
        for fault in row.faults[:20]:
            print(f"  {fault}", file=sys.stderr)
    write_page(rows)
    return int(any(row.faults for row in rows))


if __name__ == "__main__":
    sys.exit(main())
