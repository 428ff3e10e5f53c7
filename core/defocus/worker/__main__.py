"""The worker process itself: reads requests, line by line, and watches for the end of its standard input."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn

from defocus import __version__
from defocus.worker.client import PROTOCOL

__all__ = ["main"]


_LONGEST_LINE = 4 << 20  # bytes; pixels travel as files, so that a request is short
_LOG_NAME = "worker.log"  # which the caller puts there before the start


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


def _listen(source: int, requests: SimpleQueue[bytes | None], folder: Path) -> None:
    """Put the lines of a file descriptor into a queue, None for one that is too long; at its end, end the process.

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
            _end(folder)
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
        strangers = [file.name for file in folder.iterdir() if file.name != _LOG_NAME]
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
    # Answers get a descriptor of their own, so that nothing that a library prints can get among them; and so do
    # requests, before anything else is imported: on Windows a library that looks at descriptor 0 while a thread reads
    # it hangs (CPython 78961, numpy 24290)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def send(message: dict[str, Any]) -> None:
        try:
            answers.write(json.dumps(message).encode() + b"\n")
            answers.flush()
        except OSError:  # nobody reads any more
            _end(folder)

    requests: SimpleQueue[bytes | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(source, requests, folder), daemon=True).start()
    from defocus.worker.wire import WorkerSession

    session = WorkerSession(folder, send)
    send({"event": "ready", "protocol": PROTOCOL, "version": __version__, "folder": str(folder)})
    while True:
        line = requests.get()
        try:
            request = None if line is None else json.loads(line)
        except (ValueError, RecursionError):  # the latter for thousands of brackets in each other
            request = None
        if not isinstance(request, dict):
            reason = "be a JSON object" if line is not None else f"have {_LONGEST_LINE} bytes at most"
            send({"id": None, "event": "error", "kind": "request", "message": f"a request must {reason}"})
        elif request.get("request") == "close":
            send({"id": request.get("id"), "event": "result", "result": {}})
            _end(folder)
        else:
            session.answer(request)


if __name__ == "__main__":
    main()
