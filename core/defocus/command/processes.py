"""Processes: the work of a batch on several cores, one picture each; none that ends early stops the others."""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from defocus.errors import DefocusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from defocus.progress import Progress

    One = Callable[[Path, Progress], dict[str, Any]]

__all__ = ["in_processes"]

_Said = tuple[str, int, str]  # logger, level, message
_TRIES = 2  # of a picture whose process ended, which may have been another's fault
_AHEAD = 4  # pictures waiting for each process
_GRACE = 5.0  # seconds in which a process that is to end may tidy up


def in_processes(
    files: list[Path], one: One, jobs: int, report: Callable[[float, str], None]
) -> Iterator[tuple[Path, dict[str, Any] | Exception]]:
    """Yield each file's results, or why it failed, as they come.

    Parameters
    ----------
    files : list of Path
    one : callable
        What is done with a file, and a progress callback that is never called. It is sent to the processes.
    jobs : int
        Processes at the same time; each works on one thread.
    report : callable
        Called with the number of files that are done, and words.
    """
    left, tries = list(reversed(files)), dict.fromkeys(files, 0)
    done = 0
    while left:
        # One by one after a crash, so that the file that is to blame is known
        careful = max(tries[file] for file in left) > 0
        workers = 1 if careful else jobs
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (max(1, _threads() // jobs),))
        running: dict[concurrent.futures.Future[Any], Path] = {}
        broken = False
        try:
            while (left or running) and not broken:
                while left and len(running) < (1 if careful else workers * _AHEAD):
                    file = left.pop()
                    running[pool.submit(_do, one, file)] = file
                ready, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in ready:
                    file = running.pop(future)
                    try:
                        facts, said = future.result()
                    except BrokenProcessPool:
                        broken = True
                        running[future] = file
                        break
                    for name, level, text in said:
                        logging.getLogger(name).log(level, "%s", text)
                    done += 1
                    report(done, f"{done} of {len(files)} pictures")
                    yield file, facts
        finally:
            _end(pool, at_once=bool(left or running))
        for file in running.values():
            tries[file] += 1
            if tries[file] < _TRIES:
                left.append(file)
            else:
                done += 1
                yield (
                    file,
                    DefocusError(f"{file.name}: the process that worked on it ended; of memory, perhaps"),
                )


def _threads() -> int:
    from defocus.parallel import available_threads

    return available_threads()


def _end(pool: ProcessPoolExecutor, *, at_once: bool) -> None:
    """End the processes; at once if there is work left, for whoever asked for it wants it no more."""
    if at_once:
        children = multiprocessing.active_children()
        for child in children:
            child.terminate()
        for child in children:
            child.join(_GRACE)
            if child.is_alive():
                child.kill()
    pool.shutdown(wait=not at_once, cancel_futures=True)


def _begin(threads: int) -> None:
    """Prepare a process: its part of the cores, quiet at Ctrl+C, gone with its parent."""
    from threadpoolctl import threadpool_limits

    from defocus.parallel import limit_threads

    limit_threads(threads)
    threadpool_limits(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent tells when to stop
    signal.signal(signal.SIGTERM, _stop)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: Any) -> None:
    parent.join()
    _stop(0, None)


def _stop(number: int, frame: object) -> None:
    from defocus.pictures.files import remove_unfinished

    with contextlib.suppress(OSError):
        remove_unfinished()
    os._exit(1)


class _Kept(logging.Handler):
    """Keeps what is said of a picture, for the process that has a log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[_Said] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info is not None:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info))
        self.said.append((record.name, record.levelno, text))


def _do(one: One, file: Path) -> tuple[dict[str, Any] | Exception, list[_Said]]:
    """Return what becomes of a file, in a process."""
    from defocus.progress import ignore_progress

    kept = _Kept()
    root = logging.getLogger()
    root.addHandler(kept)
    logging.captureWarnings(True)
    try:
        return one(file, ignore_progress), kept.said
    except Exception as error:  # its own failure, whatever it is
        return _portable(error), kept.said
    finally:
        root.removeHandler(kept)
        sys.stdout.flush()


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent to another process, with its traceback as a note."""
    if isinstance(error, DefocusError | MemoryError):
        return error
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # made by a library, which may do anything
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
