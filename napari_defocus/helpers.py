"""Helpers: processes that call functions of the core, so that a window keeps its turn while large planes are measured.

The worker process holds one picture and answers questions about it; a helper holds nothing. Functions go to it by
their names, arguments and results as pickles through its pipes.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from defocus.errors import Cancelled, DefocusError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Helpers", "serve"]

_NO_WINDOW = 0x08000000  # CREATE_NO_WINDOW, of Windows


class Helpers:
    """Some helpers, of which each call takes one that is free.

    Parameters
    ----------
    count : int
    threads : int
        That each keeps busy.
    """

    def __init__(self, count: int, threads: int) -> None:
        self._closed = False
        command = [sys.executable, "-P", "-c", f"from napari_defocus.helpers import serve; serve({threads})"]
        self._processes = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                creationflags=_NO_WINDOW if sys.platform == "win32" else 0,
            )
            for _ in range(count)
        ]
        self._free: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        for process in self._processes:
            self._free.put(process)

    def __enter__(self) -> Helpers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # of what was on its way
                        pipe.close()

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function makes of arguments, in a helper; from any thread.

        Parameters
        ----------
        function : callable
            Of a module.
        *arguments
            Which can be pickled, as the result.

        Raises
        ------
        Cancelled
            If the helpers were closed meanwhile.
        DefocusError
            If the helper ended, and whatever the function raises.
        """
        process = self._free.get()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump((function, arguments), process.stdin, protocol=5)
            process.stdin.flush()
            result, error = pickle.load(process.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as failure:
            if self._closed:
                raise Cancelled("cancelled") from failure
            raise DefocusError("a process that measured a block ended; of memory, perhaps") from failure
        finally:
            self._free.put(process)
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End all helpers, whatever they are doing; returns at once."""
        self._closed = True
        for process in self._processes:
            process.kill()


def serve(threads: int) -> None:
    """Call what comes through standard input until there is no more; what a helper does.

    Parameters
    ----------
    threads : int
        As many are kept busy.
    """
    from threadpoolctl import threadpool_limits

    from defocus.parallel import limit_threads

    limit_threads(threads)
    threadpool_limits(threads)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            function, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:  # whoever asks is gone
            return
        answer: tuple[Any, Exception | None]
        try:
            answer = function(*arguments), None
        except DefocusError as error:
            answer = None, error
        except Exception as error:  # made by a library, which may hold anything
            answer = None, RuntimeError(f"{type(error).__name__}: {error}")
        pickle.dump(answer, answers, protocol=5)
        answers.flush()
