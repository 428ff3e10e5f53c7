"""Prepare: makes the kernels that the worker needs fit this machine: the first picture in GIMP waits for none."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from defocus.worker.client import WorkerClient, WorkerError, clean_environment

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["clear_progress", "prepare", "show_progress"]

_SIDE = 96  # px
_WORK: tuple[tuple[str, dict[str, Any]], ...] = (
    ("blur_map", {}),
    ("focus_mask", {"parameters": {"softness": 3.0}}),
    ("restore", {"parameters": {"iterations": 5}}),
    ("magnify", {}),
)


def show_progress(fraction: float, stage: str) -> None:
    """Write over the last line of a terminal how far work is; write nothing into a file or a pipe."""
    if sys.stderr.isatty():
        print(f"\r{stage} {100 * fraction:3.0f} %\x1b[K", end="", file=sys.stderr, flush=True)


def clear_progress() -> None:
    """Take away the line that `show_progress` wrote."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def prepare(tell: Callable[[str], object], python: str = sys.executable) -> bool:
    """Let a worker carry out every request on a small picture, which makes ready all that is not ready yet.

    Parameters
    ----------
    tell : callable
        Told in one line what is done.
    python : str
        The Python with the suite.

    Returns
    -------
    bool
        Whether it worked; if not, the first picture takes longer, or the doctor says why.
    """
    began = time.monotonic()
    tell("making ready what pictures need; the first time that takes some seconds ...")
    try:
        with WorkerClient(python, environment=clean_environment()) as worker:
            worker.open(_test_picture(), shape=(_SIDE, _SIDE), dtype="uint8", progress=show_progress)
            for request, arguments in _WORK:
                worker.request(request, arguments, progress=show_progress)
    except (WorkerError, OSError) as error:
        tell(f"note: that did not work ({error}); run: defocus gimp-doctor")
        return False
    finally:
        clear_progress()
    tell(f"ready, in {time.monotonic() - began:.0f} s")
    return True


def _test_picture() -> bytes:
    """Return bytes of random dots, sharp on the left and averaged over five rows and columns on the right."""
    import random

    dots = random.Random(1)
    rows = [[dots.randrange(256) for _ in range(_SIDE)] for _ in range(_SIDE)]

    def mean(y: int, x: int) -> int:
        near = [rows[(y + dy) % _SIDE][(x + dx) % _SIDE] for dy in range(-2, 3) for dx in range(-2, 3)]
        return sum(near) // len(near)

    return bytes(rows[y][x] if x < _SIDE // 2 else mean(y, x) for y in range(_SIDE) for x in range(_SIDE))
