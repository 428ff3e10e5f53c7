"""The log: where the details go of which people are shown one line."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from defocus.errors import InputError
from defocus.state import state_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Log", "default_log"]

_LARGEST = 1_000_000  # bytes, of which one older file is kept
_LOG = logging.getLogger("defocus")


def default_log() -> Path:
    """Return where the log is unless a command is told otherwise."""
    return state_folder() / "log.txt"


class _File(logging.handlers.RotatingFileHandler):
    """A file that is made when there is something to say, and whose failures end nothing."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (its name in logging)
        """Say nothing: there is nowhere to say it."""


class Log:
    """Gathers what libraries and faults have to say while a command runs, in place of the terminal.

    Parameters
    ----------
    file : Path, optional
        Where to; `default_log` unless given.
    verbose : bool
        Whether to show everything on standard error, too.

    Attributes
    ----------
    screen : text stream
        What is shown to the person: the standard error that the command was started with.
    """

    def __init__(self, file: Path | None = None, *, verbose: bool = False) -> None:
        self._file = default_log() if file is None else file
        self._asked = file is not None
        self._verbose = verbose
        self.screen: IO[str] = sys.stderr
        if sys.stderr is None:  # closed before the start
            self.screen = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (open as long as the program)

    @contextlib.contextmanager
    def gathering(self) -> Iterator[Log]:
        """Take over logging, warnings and the standard error of libraries until the end.

        Yields
        ------
        Log

        Raises
        ------
        InputError
            If the file was asked for and cannot be written.
        """
        handlers = [*self._files(), self._shown()]
        root = logging.getLogger()
        before = root.level
        with contextlib.ExitStack() as stack:
            for handler in handlers:
                root.addHandler(handler)
                stack.callback(handler.close)
                stack.callback(root.removeHandler, handler)
            root.setLevel(logging.INFO if self._verbose or self._asked else logging.WARNING)
            stack.callback(root.setLevel, before)
            logging.captureWarnings(True)
            stack.callback(logging.captureWarnings, False)
            stack.enter_context(self._caught_output())
            yield self

    def _files(self) -> list[logging.Handler]:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            if self._asked:
                self._file.open("a", encoding="utf-8").close()
            elif not os.access(self._file.parent, os.W_OK):
                return []
            handler = _File(
                self._file,
                maxBytes=0 if self._asked else _LARGEST,
                backupCount=1,
                delay=True,
                encoding="utf-8",
                errors="backslashreplace",
            )
        except (OSError, RuntimeError) as error:
            if self._asked:
                raise InputError(f"{self._file}: cannot be written ({getattr(error, 'strerror', error)})") from error
            return []
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s: %(message)s"))
        return [handler]

    def _shown(self) -> logging.Handler:
        handler = logging.StreamHandler(self.screen)
        handler.handleError = lambda record: None  # type: ignore[method-assign]
        if not self._verbose:  # the suite's own warnings are made for people; those of libraries are not
            handler.addFilter(lambda record: record.name.startswith("defocus.") and record.exc_info is None)
        return handler

    @contextlib.contextmanager
    def _caught_output(self) -> Iterator[None]:
        """Lead what libraries in C write to standard error into the log; they know nothing of logging."""
        try:
            ours = self._verbose or sys.stderr.fileno() != 2
        except (AttributeError, OSError, ValueError):  # closed, or not a file at all
            ours = True
        if ours:
            yield
            return
        kept = os.dup(2)
        caught = tempfile.TemporaryFile()  # noqa: SIM115 (closed below)
        os.dup2(caught.fileno(), 2)
        encoding = sys.stderr.encoding or "utf-8"
        self.screen = os.fdopen(os.dup(kept), "w", encoding=encoding, errors="backslashreplace", buffering=1)
        for handler in logging.getLogger().handlers:
            if type(handler) is logging.StreamHandler:
                handler.setStream(self.screen)
        try:
            yield
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            text = caught.read(_LARGEST).decode("utf-8", "backslashreplace").strip()
            caught.close()
            if text:
                _LOG.warning("written to standard error by libraries:\n%s", text)

    def fault(self, name: str, error: BaseException) -> str:
        """Log an error that nobody foresaw, with all details; return the one line for people."""
        _LOG.error("%s", name, exc_info=error)
        reason = " ".join(str(error).split())
        line = f"{name}: {type(error).__name__}{': ' if reason else ''}{reason}"
        return f"{line} (details in {self._file})" if self._file.is_file() else f"{line} (--verbose tells more)"
