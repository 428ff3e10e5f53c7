"""The one way in which long work reports: a callback ``progress(fraction, stage)`` that may raise to cancel."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Progress", "ignore_progress", "sub_progress"]

Progress = Callable[[float, str], None]
"""Called with the fraction done, rising from 0 to 1, and the name of the stage in plain words.

Raise `defocus.Cancelled` (or anything else) from it to stop the work.
"""


def ignore_progress(fraction: float, stage: str) -> None:
    """Do nothing: the callback used when the caller wants no reports."""


def sub_progress(progress: Progress, start: float, stop: float) -> Progress:
    """Return a callback whose own 0 to 1 fills `start` to `stop` of `progress`."""

    def report(fraction: float, stage: str) -> None:
        progress(min(start + (stop - start) * min(max(fraction, 0.0), 1.0), stop), stage)

    return report
