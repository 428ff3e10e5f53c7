"""Start the suite's worker process and talk to it, from any Python, with the standard library alone.

The protocol is described in `defocus.worker`. This file is copied beside the GIMP plug-in, whose Python has
no numpy: it must import nothing but the standard library and run on Python 3.10 and later.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "AGAIN",
    "LOG_NAME",
    "PROTOCOL",
    "ProtocolMismatchError",
    "WorkerCancelledError",
    "WorkerClient",
    "WorkerError",
    "clean_environment",
]

PROTOCOL = 1
"""Version of the protocol that this client speaks."""

_LEFT: list[subprocess.Popen[bytes]] = []
_FOLDERS = re.compile(r"defocus-[a-z0-9_]{8}")  # what tempfile makes of the prefix
LOG_NAME = "worker.log"
"""What the caller may have put into the private folder before the start."""

AGAIN = "again"
"""The socket of a worker that waits for another client."""

_ORPHANED_SECONDS = 600.0  # a folder that nobody holds is given that long
_ANSWER_SECONDS = 5.0  # a worker that waits has nothing else to do
_START_SECONDS = 60.0  # a cold disk and a virus scanner can make importing take long
# What macOS bundles, AppImages and Windows installers set for the programs and libraries that they bring
_BUNDLE_VARIABLES = (
    *("GI_TYPELIB_PATH", "GIO_EXTRA_MODULES", "GIO_MODULE_DIR", "GDK_PIXBUF_MODULE_FILE", "GTK_PATH"),
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP"),
)
_BUNDLE_PREFIX = "DYLD_"

Progress = Callable[[float, str], None]


class WorkerError(Exception):
    """What went wrong, in one line made to be shown to a person.

    Attributes
    ----------
    kind : str
        ``"input"``: the picture or a parameter cannot be used; ``"memory"``, ``"disk"``: out of it;
        ``"unavailable"``: this version of the suite cannot do it; ``"request"``: the request was malformed;
        ``"start"``: the worker could not be started; ``"version"``: client and worker speak different
        protocols; ``"died"``: the worker ended unasked; ``"internal"``: a fault in the suite.
    details : str
        The end of the worker's log, for a fault report; may be empty.
    """

    def __init__(self, kind: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.details = details


class ProtocolMismatchError(WorkerError):
    """The worker speaks another version of the protocol; the text says which side to update."""


class WorkerCancelledError(WorkerError):
    """The request was cancelled by `WorkerClient.cancel`."""


def clean_environment() -> dict[str, str]:
    """Return this process's environment without the variables that a host sets for its own Python.

    Returns
    -------
    dict of str
        To be passed to `WorkerClient` by programs that bring their own Python and libraries.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _BUNDLE_VARIABLES and not name.startswith(_BUNDLE_PREFIX)
    }


class WorkerClient:
    """One worker process that holds the analysis of one picture.

    Methods block; `cancel` may be called from another thread. Use it as a context manager, or call `close`.

    Attributes
    ----------
    folder : Path
        The private folder through which pixels go.
    version : str
        Of the suite.
    held : dict
        What the client before knew of what the worker holds; empty for a new one.

    Parameters
    ----------
    python : str
        The Python in which the suite is installed.
    parent_folder : path-like, optional
        Where to make the private folder through which pixels go; the system's temporary folder by default.
        Both processes must see it under the same path.
    environment : mapping, optional
        Environment of the worker, this process's by default; a host that brings its own Python passes
        `clean_environment()`.
    command : sequence of str, optional
        What to run in place of ``[python, "-P", "-m", "defocus.worker"]``; the folder's option is appended.

    Raises
    ------
    WorkerError
        If the worker cannot be started; `ProtocolMismatchError` if its version does not fit.

    Examples
    --------
    ::

        with WorkerClient() as worker:
            worker.open(pixels, shape=(480, 640, 3), dtype="uint8")
            mask = worker.request("focus_mask", {"parameters": {"softness": 4}})
            mask["path"], mask["shape"], mask["dtype"]      # a raw file
    """

    def __init__(
        self,
        python: str = sys.executable,
        *,
        parent_folder: str | os.PathLike[str] | None = None,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
        _found: tuple[Path, _Connection, dict[str, Any]] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._last_id = 0
        self._link: _Link | None = None
        self.held: dict[str, Any] = {}
        if _found is not None:
            self.folder, self._link, ready = _found
            self.version, self.held = str(ready.get("version", "")), ready.get("held") or {}
            # Files of the client before may still be there
            self._last_id = 1 + max((int(part) for part in _numbers(self.folder)), default=0)
            return
        _remove_orphans(parent_folder)
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="defocus-", dir=parent_folder))
        except OSError as error:
            raise WorkerError("disk", f"temporary files cannot be made: {error.strerror or error}") from error
        self.version = ""
        try:
            self._start(list(command or [python, "-P", "-m", "defocus.worker"]), environment)
        except BaseException:
            self._end()
            raise

    @classmethod
    def waiting(
        cls, fits: Callable[[dict[str, Any]], bool], *, parent_folder: str | os.PathLike[str] | None = None
    ) -> WorkerClient | None:
        """Return a client of a worker that `stay` left behind, or None if there is none that fits.

        Parameters
        ----------
        fits : callable
            Called with the worker's greeting: ``version``, ``protocol``, and ``held``, what `stay` was given.
        parent_folder : path-like, optional
            As for the client itself.
        """
        for folder in _folders(parent_folder):
            if not hasattr(socket, "AF_UNIX") or not (folder / AGAIN).exists():
                continue
            try:
                link = _Connection(folder)
                ready = json.loads(link.readline())
            except (OSError, ValueError):
                continue  # it took another client, or its time was over
            client = cls(_found=(folder, link, ready))
            if ready.get("event") == "ready" and ready.get("protocol") == PROTOCOL and fits(ready):
                return client
            client.close()
        return None

    def stay(self, seconds: float, held: Mapping[str, Any]) -> bool:
        """Leave the worker to another client, which finds it by `waiting`; return whether it waits for one.

        Parameters
        ----------
        seconds : float
            After that long it ends.
        held : mapping
            What the other client should know; JSON.
        """
        if not hasattr(socket, "AF_UNIX"):
            return False
        try:
            self.request("stay", {"seconds": seconds, "held": dict(held)})
        except WorkerError:
            self.close()
            return False
        link, self._link, self._cancelled = self._link, None, True
        if link is not None:
            link.leave()
        return True

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def _process(self) -> subprocess.Popen[bytes] | None:
        """The process, if it was started here."""
        return self._link.process if isinstance(self._link, _Child) else None

    @property
    def alive(self) -> bool:
        """Whether the worker can take another request."""
        return self._link is not None and self._link.alive and not self._cancelled

    def new_file(self) -> Path:
        """Return the path of a new file in the private folder, for pixels to be sent with a request."""
        self._last_id += 1
        return self.folder / f"input-{self._last_id}.raw"

    def open(
        self,
        pixels: bytes | bytearray | memoryview | Path | None = None,
        *,
        shape: tuple[int, ...] = (),
        dtype: str = "",
        parameters: Mapping[str, Any] | None = None,
        name: str = "the picture",
        threshold: bool = True,
        bit_depth: int | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Hand over a picture and analyse it, or analyse the held one anew with other parameters.

        Parameters
        ----------
        pixels : bytes-like or Path, optional
            Rows of a (H, W) or (H, W, channels) array with 1 to 4 channels; or a file from `new_file` that
            holds them. None keeps the picture.
        shape : tuple of int
        dtype : str
            ``"uint8"``, ``"uint16"`` or ``"float32"`` (in [0, 1]), in the machine's byte order.
        parameters : mapping, optional
            Fields of `defocus.parameters.AnalysisParameters`.
        name : str
            What to call the picture in messages.
        threshold : bool
            Whether to find out what the threshold "auto" means, which takes as long as measuring.
        bit_depth : int, optional
            Of the picture that the pixels were made from, 8, 16 or 32; that of `dtype` unless given.
        progress : callable, optional
            Called with (fraction, stage); may raise, which ends the worker.

        Returns
        -------
        dict
            ``shape``, ``kind``, ``psf``, ``noise_variance``, ``max_radius`` (px) and ``threshold`` (px, what "auto"
            means).
        """
        arguments: dict[str, Any] = {"parameters": dict(parameters or {}), "name": name, "threshold": threshold}
        if pixels is not None:
            path = pixels if isinstance(pixels, Path) else self.new_file()
            if not isinstance(pixels, Path):
                try:
                    with path.open("wb") as stream:
                        stream.write(pixels)
                except OSError as error:
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)
                    if not self.alive:  # then its folder is gone, too
                        raise self._gone() from error
                    raise WorkerError("disk", f"temporary files: {error.strerror or error}") from error
            arguments.update(file=path.name, shape=list(shape), dtype=dtype)
            if bit_depth is not None:
                arguments["bit_depth"] = bit_depth
        return self.request("open", arguments, progress=progress)

    def request(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Parameters
        ----------
        name : str
            See the table in `defocus.worker`.
        arguments : mapping, optional
            See there.
        progress : callable, optional
            Called with (fraction, stage) as the worker reports; whatever it raises ends the worker and is
            passed on.

        Returns
        -------
        dict
            The worker's result; where it is an array, ``path`` is the full path of its raw file, which is
            yours to read, and to delete when you need the room.

        Raises
        ------
        WorkerError
            With the kind and the message; after ``"died"`` and `WorkerCancelledError` start a new client.
        """
        with self._lock:
            self._last_id += 1
            number = self._last_id
            self._send({"id": number, "request": name, **(arguments or {})})
            while True:
                answer = self._receive()
                if answer.get("id") != number:
                    continue
                event = answer.get("event")
                if event == "progress":
                    if progress is not None:
                        try:
                            progress(float(answer["fraction"]), str(answer["stage"]))
                        except BaseException:
                            self.cancel()
                            raise
                elif event == "error":
                    raise WorkerError(str(answer["kind"]), str(answer["message"]), self.log())
                elif event == "result":
                    result: dict[str, Any] = answer["result"]
                    if "file" in result:
                        result["path"] = str(self.folder / result["file"])
                    return result

    def cancel(self) -> None:
        """End the worker at once, whatever it is doing, and remove its files; a waiting request raises."""
        self._cancelled = True
        self._end()

    def close(self) -> None:
        """Ask the worker to end, insist if it does not, and remove its files."""
        if self._link is not None and not self._cancelled:
            self._link.ask_to_end()
        self._end()

    def log(self) -> str:
        """Return the end of what the worker wrote to its standard error."""
        try:
            return (self.folder / LOG_NAME).read_bytes()[-4000:].decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def _start(self, command: Sequence[str], environment: Mapping[str, str] | None) -> None:
        child = _Child(command, self.folder, environment)
        self._link = child
        alarm = threading.Timer(_START_SECONDS, child.kill)  # a pipe cannot be read with a time limit on Windows
        alarm.daemon = True
        alarm.start()
        try:
            ready = self._receive(starting=command[0])
        finally:
            alarm.cancel()
        theirs = ready.get("protocol")
        if ready.get("event") != "ready" or theirs != PROTOCOL:
            older = "the suite" if isinstance(theirs, int) and theirs < PROTOCOL else "the plug-in"
            mend = (
                "update the suite (pip install --upgrade napari-defocus)"
                if older == "the suite"
                else "update the plug-in (run: defocus gimp-install)"
            )
            raise ProtocolMismatchError(
                "version",
                f"{older} is too old for the other side (protocol {PROTOCOL} here, {theirs} in "
                f"defocus {ready.get('version', '?')}): {mend}",
            )
        self.version = str(ready.get("version", ""))

    def _send(self, message: dict[str, Any]) -> None:
        if self._link is None or self._cancelled:
            raise self._gone()
        try:
            self._link.write(json.dumps(message).encode() + b"\n")
        except (OSError, ValueError):
            raise self._gone() from None

    def _receive(self, starting: str = "") -> dict[str, Any]:
        if self._link is None:
            raise self._gone(starting)
        try:
            line = self._link.readline()
        except (OSError, ValueError):  # closed by `cancel` in another thread
            line = b""
        if not line.endswith(b"\n"):
            raise self._gone(starting)
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            self.cancel()
            raise WorkerError("version", f"the worker answered something unexpected: {line[:80]!r}")
        return answer

    def _gone(self, starting: str = "") -> WorkerError:
        """Return the error that says why the worker is not there any more, and clean up after it."""
        if self._cancelled:
            return WorkerCancelledError("cancelled", "cancelled")
        code = self._link.code() if self._link is not None else None
        details = self.log()
        self._end()
        last = details.splitlines()[-1] if details else ""
        if starting:
            if "No module named" in last:
                last += " (is napari-defocus installed in that Python?)"
            return WorkerError(
                "start", f"the worker did not start with {starting}: {last or f'exit code {code}'}", details
            )
        if code is not None and code in (-9, 137):
            return WorkerError("died", "the worker was killed; the machine may have run out of memory", details)
        return WorkerError(
            "died", f"the worker ended unexpectedly (exit code {code}){': ' + last if last else ''}", details
        )

    def _end(self) -> None:
        """End the worker if it still runs, and remove the folder."""
        if self._link is not None:
            self._link.end()
        elif self._cancelled:
            return  # it was left to another client
        shutil.rmtree(self.folder, ignore_errors=True)


class _Link:
    """The way to a worker, whose lines are written and read."""

    def write(self, line: bytes) -> None:
        raise NotImplementedError

    def readline(self) -> bytes:
        raise NotImplementedError

    @property
    def alive(self) -> bool:
        """Whether the worker runs, as far as that can be seen from here."""
        raise NotImplementedError

    def code(self) -> int | None:
        """Return the exit code of a worker that has ended, if it can be known."""
        raise NotImplementedError

    def ask_to_end(self) -> None:
        """Tell the worker to end, and give it a moment."""
        raise NotImplementedError

    def end(self) -> None:
        """End the worker whatever it does, and close the way."""
        raise NotImplementedError

    def leave(self) -> None:
        """Close the way, and let the worker be."""
        raise NotImplementedError


class _Child(_Link):
    """A worker that was started here."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None) -> None:
        options: dict[str, Any] = {}
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NO_WINDOW
        try:
            with (folder / LOG_NAME).open("wb") as errors:
                _locked(errors)  # by the worker, which has it open as long as it lives
                self.process = subprocess.Popen(
                    [*command, "--folder", str(folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=dict(os.environ if environment is None else environment),
                    **options,
                )
        except OSError as error:
            raise WorkerError("start", f"{command[0]} cannot be run: {error.strerror or error}") from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._input, self._output = self.process.stdin, self.process.stdout

    def write(self, line: bytes) -> None:
        self._input.write(line)
        self._input.flush()

    def readline(self) -> bytes:
        return self._output.readline()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def code(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(2)
        return None

    def kill(self) -> None:
        self.process.kill()

    def ask_to_end(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._input.close()  # end-of-file: the worker stops whatever it is doing
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(3)

    def end(self) -> None:
        if self.alive:
            with contextlib.suppress(OSError):
                self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.leave()

    def leave(self) -> None:
        _LEFT[:] = [process for process in _LEFT if process.poll() is None]  # none stays a zombie
        if self.alive:
            _LEFT.append(self.process)  # or Python would complain of a process that nobody waits for
        for pipe in (self._input, self._output):
            # A thread that still reads or writes gets its end of the file now that the process is gone
            with contextlib.suppress(OSError, ValueError):
                pipe.close()


class _Connection(_Link):
    """A worker that somebody else started, and that waits."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(_ANSWER_SECONDS)
            self._socket.connect(str(folder / AGAIN))
            self._socket.settimeout(None)
        except OSError:
            self._socket.close()
            raise
        self._output = self._socket.makefile("rb")
        self._ended = False

    def write(self, line: bytes) -> None:
        self._socket.sendall(line)

    def readline(self) -> bytes:
        line = self._output.readline()
        self._ended = self._ended or not line.endswith(b"\n")
        return line

    @property
    def alive(self) -> bool:
        return not self._ended

    def code(self) -> int | None:
        return None

    def ask_to_end(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)  # end-of-file, as for a child

    def end(self) -> None:
        self._ended = True
        self.ask_to_end()
        with contextlib.suppress(OSError, ValueError):
            self._socket.settimeout(_ANSWER_SECONDS)
            while self._socket.recv(65536):  # until it has ended
                pass
        self.leave()

    def leave(self) -> None:
        self._ended = True
        with contextlib.suppress(OSError, ValueError):
            self._output.close()
        self._socket.close()


def _folders(parent_folder: str | os.PathLike[str] | None) -> list[Path]:
    """Return the private folders of workers of this user, the newest first."""
    parent = Path(tempfile.gettempdir() if parent_folder is None else parent_folder)
    found = []
    with contextlib.suppress(OSError):
        for folder in parent.iterdir():
            with contextlib.suppress(OSError):
                status = folder.lstat()
                ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
                if ours and _FOLDERS.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                    found.append((status.st_mtime, folder))
    return [folder for _moment, folder in sorted(found, reverse=True)]


def _numbers(folder: Path) -> list[str]:
    """Return the numbers in the names of a private folder's files."""
    return [number for file in folder.iterdir() for number in re.findall(r"-(\d+)\.raw$", file.name)]


def _locked(stream: Any) -> bool:
    """Lock an open file, for all who have inherited it; return whether nobody else had locked it."""
    try:
        import fcntl
    except ImportError:  # Windows, where an open file cannot be removed anyway
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_orphans(parent_folder: str | os.PathLike[str] | None) -> None:
    """Remove the folders of workers that were killed together with those who had started them."""
    for folder in _folders(parent_folder):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime < _ORPHANED_SECONDS:
                continue
            log = folder / LOG_NAME
            if not log.exists():
                folder.rmdir()  # if it is empty
                continue
            with log.open("rb+") as stream:
                gone = _locked(stream)
            if gone:
                log.unlink()  # which Windows refuses as long as somebody has it open
                shutil.rmtree(folder, ignore_errors=True)
