"""Threads: how many there are, work on them while the caller may cancel, and whether kernels are yet to be compiled."""

from __future__ import annotations

import functools
import logging
import math
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from defocus.errors import Cancelled
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from defocus.progress import Progress

__all__ = ["available_threads", "limit_threads", "run_long_parts", "run_parts", "told_of_compiling"]

_LOG = logging.getLogger(__name__)
_compiled: set[Any] = set()  # kernels that are known to be compiled
_said: list[bool] = []  # whether this process has said that it compiles
_POLL = 0.05  # seconds between two looks at the progress callback

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


_limit: int | None = None


def limit_threads(most: int) -> None:
    """Keep at most so many threads busy in this process, from now on: one of several that share the cores."""
    global _limit
    _limit = most


def available_threads() -> int:
    """Return how many threads this process may keep busy: its cores, less what an affinity or a container withholds."""
    return _cores() if _limit is None else min(_limit, _cores())


@functools.cache
def _cores() -> int:
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # neither Windows nor macOS has it
        cores = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        pass
    return max(1, cores)


def run_parts(
    work: Callable[[_Part], _Result],
    parts: Iterable[_Part],
    *,
    threads: int | None = None,
    progress: Progress = ignore_progress,
    stage: str = "",
) -> list[_Result]:
    """Return what `work` makes of each part, in order.

    Parameters
    ----------
    work : callable
        Should release the global lock, as numpy and nogil kernels do, and take less than 0.2 s a part.
    parts : iterable
    threads : int, optional
        As many as there are cores unless given.
    progress : callable, optional
        Called with the share of parts that are done. If it raises, no further part is begun.
    stage : str
        What to tell it.
    """
    count = threads or available_threads()
    if count == 1:
        return _one_by_one(work, list(parts), progress, stage)
    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(work, part) for part in parts]
        finished: list[Future[_Result]] = []
        ready = threading.Semaphore(0)

        def note(future: Future[_Result]) -> None:
            finished.append(future)
            ready.release()

        for future in futures:
            future.add_done_callback(note)
        count = 0
        try:
            while count < len(futures):
                if ready.acquire(timeout=_POLL):
                    finished[count].result()
                    count += 1
                progress(count / len(futures), stage)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _one_by_one(work: Callable[[_Part], _Result], parts: list[_Part], progress: Progress, stage: str) -> list[_Result]:
    """Return what `work` makes of each part, here: threads would take longer to begin than small parts to do."""
    results = []
    for count, part in enumerate(parts, start=1):
        results.append(work(part))
        progress(count / len(parts), stage)
    return results


def run_long_parts(
    work: Callable[[_Part, Progress, int], _Result],
    parts: Iterable[_Part],
    *,
    progress: Progress = ignore_progress,
    stage: str = "",
) -> list[_Result]:
    """Return what `work` makes of each part, in order, where a part takes longer than people wait for a sign.

    Parameters
    ----------
    work : callable
        Called with a part, a progress callback of its own, which raises when all shall stop, and the number of threads
        that it may use by itself: one where there are parts enough for all.
    parts : iterable
    progress : callable, optional
        Called with the share of all that is done, from the thread that called.
    stage : str
        What to tell it.
    """
    listed = list(parts)
    cores = available_threads()
    threads = min(cores, max(len(listed), 1))
    inside = cores // threads
    shares = [0.0] * len(listed)
    caller = threading.get_ident()
    stopped = threading.Event()

    def tell(*_: object) -> None:
        try:
            progress(math.fsum(shares) / len(listed), stage)
        except BaseException:
            stopped.set()
            raise

    def one(number: int) -> _Result:
        def report(fraction: float, _: str) -> None:
            if stopped.is_set():
                raise Cancelled
            shares[number] = fraction
            if threading.get_ident() == caller:
                tell()

        try:
            result = work(listed[number], report, inside)
        except BaseException:
            stopped.set()
            raise
        shares[number] = 1.0
        return result

    return run_parts(one, range(len(listed)), threads=threads, progress=tell)


def _is_compiled(kernel: Any) -> bool:
    """Return whether a call of a kernel compiles nothing that takes seconds."""
    if kernel in _compiled:
        return True
    # A plain function, with NUMBA_DISABLE_JIT
    if not hasattr(kernel, "is_compiled") or kernel.is_compiled():
        _compiled.add(kernel)  # asked once, not for each of many small pictures
    return kernel in _compiled


def told_of_compiling(progress: Progress, kernel: Any) -> Progress:
    """Return a callback that says so if `kernel` is yet to be compiled, else `progress` itself.

    If nobody listens to progress the log is told, once.

    Parameters
    ----------
    progress : callable
    kernel : Kernel
        The one of the coming work that takes longest to compile.
    """
    if _is_compiled(kernel):
        return progress
    if progress is ignore_progress:
        if not _said:
            _said.append(True)
            _LOG.warning("defocus: compiling for this machine, once; this takes some seconds")
        return progress

    def tell(fraction: float, stage: str) -> None:
        progress(fraction, f"{stage} (compiling for this machine, once)")

    return tell
