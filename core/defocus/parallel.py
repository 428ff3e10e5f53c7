"""Work on several threads while the caller's thread reports and may cancel."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from defocus.progress import Progress

__all__ = ["run_parts"]

_POLL = 0.05  # seconds between two looks at the progress callback

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


def run_parts(
    work: Callable[[_Part], _Result],
    parts: Iterable[_Part],
    *,
    threads: int = 2,
    progress: Progress = ignore_progress,
    stage: str = "",
) -> list[_Result]:
    """Return what `work` makes of each part, in order.

    Parameters
    ----------
    work : callable
        Should release the global lock, as numpy and nogil kernels do, and take less than 0.2 s a part.
    parts : iterable
    threads : int
    progress : callable, optional
        Called with the share of parts that are done. If it raises, no further part is begun.
    stage : str
        What to tell it.
    """
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work, part) for part in parts]
        pending = set(futures)
        try:
            while pending:
                _, pending = wait(pending, timeout=_POLL, return_when=FIRST_COMPLETED)
                progress(1 - len(pending) / len(futures), stage)
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
