"""The worker process itself: reads requests, line by line, and watches for the end of its standard input."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn

from defocus import __version__
from defocus.worker.client import PROTOCOL

__all__ = ["main"]


def _end(folder: Path) -> NoReturn:
    """Remove the private folder and end at once, whatever other threads do."""
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _listen(source: int, requests: SimpleQueue[bytes], folder: Path) -> None:
    """Put the lines of a file descriptor into a queue; at its end, end the process.

    The descriptor is read directly: a daemon thread inside a buffered reader can abort the interpreter at
    exit.
    """
    rest = b""
    while True:
        try:
            data = os.read(source, 65536)
        except OSError:
            data = b""
        if not data:
            _end(folder)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            requests.put(line)


def main(arguments: list[str] | None = None) -> None:
    """Answer requests from standard input until it ends.

    Parameters
    ----------
    arguments : list of str, optional
        ``["--folder", PATH]``: the private folder to use, which the worker removes at its end; it makes one
        itself otherwise.
    """
    options = sys.argv[1:] if arguments is None else arguments
    if len(options) == 2 and options[0] == "--folder":
        folder = Path(options[1])
    elif not options:
        folder = Path(tempfile.mkdtemp(prefix="defocus-"))
    else:
        raise SystemExit("usage: python -m defocus.worker [--folder PATH]")
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

    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(source, requests, folder), daemon=True).start()
    from defocus.worker.wire import WorkerSession

    session = WorkerSession(folder, send)
    send({"event": "ready", "protocol": PROTOCOL, "version": __version__, "folder": str(folder)})
    while True:
        line = requests.get()
        try:
            request = json.loads(line)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            send(
                {
                    "id": None,
                    "event": "error",
                    "kind": "request",
                    "message": "a request must be a JSON object",
                }
            )
        elif request.get("request") == "close":
            send({"id": request.get("id"), "event": "result", "result": {}})
            _end(folder)
        else:
            session.answer(request)


if __name__ == "__main__":
    main()
