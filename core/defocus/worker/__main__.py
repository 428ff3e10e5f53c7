"""The worker process itself: reads requests, line by line, and watches for the end of its standard input."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn

from defocus import __version__
from defocus.worker.client import AGAIN, LOG_NAME, PROTOCOL

__all__ = ["main"]


_LONGEST_LINE = 4 << 20  # bytes; pixels travel as files, so that a request is short
_LONGEST_WAIT = 3600.0  # s


def _end(folder: Path, code: int = 0) -> NoReturn:
    """Remove the private folder and end at once, whatever other threads do."""
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            # Whatever was put here belongs to this conversation, but folders are nothing that it knows of
            if not file.is_dir() or file.is_symlink():
                with contextlib.suppress(OSError):
                    file.unlink()
        folder.rmdir()
    os._exit(code)


def _end_on_signals(folder: Path) -> None:
    """Have a thread of its own wait for signals: the main one may be deep in a computation when one comes."""
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)  # Python's own handler writes there at once, whichever thread gets the signal
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: None)

    def wait() -> None:
        _end(folder, 128 + os.read(told, 1)[0])

    threading.Thread(target=wait, daemon=True).start()


class _Caller:
    """Who is answered: the one who started the worker, and whoever comes after that one has left it.

    Attributes
    ----------
    waits : float
        How long, in seconds, the worker waits for another caller once this one is gone; 0 to end at once.
    held : dict
        What the next one is told.
    """

    def __init__(self, answers: Any, folder: Path) -> None:
        self._answers, self._folder = answers, folder
        self.waits, self.held = 0.0, {}  # type: float, dict[str, Any]

    def send(self, message: dict[str, Any]) -> None:
        """Send a line; end if nobody reads any more."""
        try:
            self._answers.write(json.dumps(message).encode() + b"\n")
            self._answers.flush()
        except OSError:
            _end(self._folder)

    def greet(self) -> None:
        """Say who answers."""
        greeting = {"event": "ready", "protocol": PROTOCOL, "version": __version__, "folder": str(self._folder)}
        self.send({**greeting, "held": self.held} if self.held else greeting)

    def stay(self, request: dict[str, Any]) -> dict[str, Any]:
        """Take note of how long to wait."""
        seconds, held = request.get("seconds"), request.get("held", {})
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST_WAIT:
            problem = f"seconds must be a number from 0 to {_LONGEST_WAIT:g}"
            return {"event": "error", "kind": "request", "message": problem}
        self.waits, self.held = float(seconds), held if isinstance(held, dict) else {}
        return {"event": "result", "result": {}}

    def another(self) -> int:
        """Wait for another caller; return the descriptor with its requests, or end."""
        if not self.waits or not hasattr(socket, "AF_UNIX"):
            _end(self._folder)
        place = self._folder / AGAIN
        try:
            with socket.socket(socket.AF_UNIX) as door:
                door.bind(str(place))
                door.listen(1)
                door.settimeout(self.waits)
                connection, _address = door.accept()
            place.unlink()
        except OSError:  # nobody came, or the folder's name is too long for a socket
            _end(self._folder)
        connection.settimeout(None)
        source = connection.detach()
        with contextlib.suppress(OSError):
            self._answers.close()
        self._answers = os.fdopen(os.dup(source), "wb")
        self.waits = 0.0
        self.greet()
        return source


def _listen(source: int, requests: SimpleQueue[bytes | None], caller: _Caller) -> None:
    """Put the lines of a file descriptor into a queue, None for one that is too long; at its end, end the process.

    Unless it was told to stay: then wait for another caller.

    The descriptor is read directly: a daemon thread inside a buffered reader can abort the interpreter at
    exit.
    """
    line, too_long = bytearray(), False
    while True:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if not data:
            os.close(source)
            source = caller.another()
            line, too_long = bytearray(), False
            continue
        for number, part in enumerate(data.split(b"\n")):
            if number > 0:
                requests.put(None if too_long else bytes(line))
                line, too_long = bytearray(), False
            too_long = too_long or len(line) + len(part) > _LONGEST_LINE
            if not too_long:
                line += part


def _private(folder: Path) -> Path:
    """Return a folder that the worker may remove at its end: one that holds nothing of anybody else's.

    Raises
    ------
    SystemExit
        If there are other files in it, or it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        strangers = [file.name for file in folder.iterdir() if file.name != LOG_NAME]
    except OSError as error:
        raise SystemExit(f"{folder}: cannot be used ({error.strerror or error})") from error
    if strangers:
        raise SystemExit(f"{folder}: is not empty, and the worker removes its folder at its end")
    return folder


def main(arguments: list[str] | None = None) -> None:
    """Answer requests from standard input until it ends.

    Parameters
    ----------
    arguments : list of str, optional
        ``["--folder", PATH]``: the private folder to use, which the worker removes at its end and which must hold
        nothing yet; it makes one itself otherwise.
    """
    options = sys.argv[1:] if arguments is None else arguments
    if len(options) == 2 and options[0] == "--folder":
        folder = _private(Path(options[1]))
    elif not options:
        folder = Path(tempfile.mkdtemp(prefix="defocus-"))
    else:
        raise SystemExit("usage: python -m defocus.worker [--folder PATH]")
    _end_on_signals(folder)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the command line, and for its reason
    # Answers get a descriptor of their own, so that nothing that a library prints can get among them; and so do
    # requests, before anything else is imported: on Windows a library that looks at descriptor 0 while a thread reads
    # it hangs (CPython 78961, numpy 24290)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    caller = _Caller(answers, folder)
    requests: SimpleQueue[bytes | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(source, requests, caller), daemon=True).start()
    from defocus.worker.wire import WorkerSession

    session = WorkerSession(folder, caller.send)
    caller.greet()
    while True:
        line = requests.get()
        try:
            request = None if line is None else json.loads(line)
        except (ValueError, RecursionError):  # the latter for thousands of brackets in each other
            request = None
        if not isinstance(request, dict):
            reason = "be a JSON object" if line is not None else f"have {_LONGEST_LINE} bytes at most"
            caller.send({"id": None, "event": "error", "kind": "request", "message": f"a request must {reason}"})
        elif request.get("request") == "close":
            caller.send({"id": request.get("id"), "event": "result", "result": {}})
            _end(folder)
        elif request.get("request") == "stay":
            caller.send({"id": request.get("id"), **caller.stay(request)})
        else:
            caller.waits = 0.0  # whoever goes while it works does not want it any more
            session.answer(request)


if __name__ == "__main__":
    main()
