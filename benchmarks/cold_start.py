"""What an installation compiles for its first mask, kernel by kernel: `python -m benchmarks.cold_start [PICTURE]`.

Time of the processor, as a table in Markdown; what a kernel calls is part of it. The cache is a new, empty folder.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def measure(picture: str) -> None:
    """Print the table; in a process of its own, whose cache is empty."""
    from numba.core import event

    depth, rows = [0], []

    class Listener(event.Listener):
        def on_start(self, event: event.Event) -> None:
            depth[0] += 1
            self.begin = time.thread_time() if depth[0] == 1 else self.begin

        def on_end(self, event: event.Event) -> None:
            depth[0] -= 1
            if depth[0] == 0:
                rows.append((event.data["dispatcher"].__qualname__, time.thread_time() - self.begin))

    event.register("numba:compile", Listener())
    from defocus.command.line import app

    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.suppress(SystemExit),
        contextlib.redirect_stdout(sys.stderr),
    ):
        app(["mask", picture, "-o", folder])
    print("| Kernel | s |\n| --- | --- |")
    for name, seconds in rows:
        print(f"| `{name}` | {seconds:.2f} |")
    print(f"| all | {sum(seconds for _, seconds in rows):.2f} |")
    print(f"\nWhole process: {time.process_time():.1f} s of the processor.")


def main() -> None:
    """Measure in a process with an empty cache."""
    if os.environ.get("DEFOCUS_COLD"):
        measure(sys.argv[1])
        return
    picture = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "sample_data" / "coffee.jpg")
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "DEFOCUS_COLD": "1"}
        subprocess.run([sys.executable, "-m", "benchmarks.cold_start", picture], env=environment, check=True)


if __name__ == "__main__":
    main()
