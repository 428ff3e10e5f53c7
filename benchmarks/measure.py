"""How time and memory are taken."""

from __future__ import annotations

import json
import subprocess
import sys
import time


def best_time(work, repeats=3):
    """Return the least wall time of some runs in seconds, and the last result."""
    best, result = float("inf"), None
    for _ in range(repeats):
        begin = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - begin)
    return best, result


def in_process(*arguments):
    """Run `python -m benchmarks.child ARGUMENTS` and return what it prints as JSON."""
    command = [sys.executable, "-m", "benchmarks.child", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])
