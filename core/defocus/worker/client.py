"""Start the suite's worker process and talk to it, from any Python, with the standard library alone.

The protocol is described in `defocus.worker`. This file is copied beside the GIMP plug-in, whose Python has
no numpy: it must import nothing but the standard library and run on Python 3.10 and later.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "PROTOCOL",
    "ProtocolMismatchError",
    "WorkerCancelledError",
    "WorkerClient",
    "WorkerError",
    "clean_environment",
]

PROTOCOL = 1
"""Version of the protocol that this client speaks."""

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
    ) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._last_id = 0
        self._process: subprocess.Popen[bytes] | None = None
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

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the worker can take another request."""
        return self._process is not None and self._process.poll() is None and not self._cancelled

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
        process = self._process
        if process is not None and process.poll() is None and not self._cancelled:
            with contextlib.suppress(OSError, ValueError):
                assert process.stdin is not None
                process.stdin.close()  # end-of-file: the worker stops whatever it is doing
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)
        self._end()

    def log(self) -> str:
        """Return the end of what the worker wrote to its standard error."""
        try:
            return (self.folder / "worker.log").read_bytes()[-4000:].decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def _start(self, command: Sequence[str], environment: Mapping[str, str] | None) -> None:
        options: dict[str, Any] = {}
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NO_WINDOW
        log = self.folder / "worker.log"
        try:
            with log.open("wb") as errors:
                self._process = subprocess.Popen(
                    [*command, "--folder", str(self.folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=dict(os.environ if environment is None else environment),
                    **options,
                )
        except OSError as error:
            raise WorkerError("start", f"{command[0]} cannot be run: {error.strerror or error}") from error
        process = self._process
        alarm = threading.Timer(_START_SECONDS, process.kill)  # a pipe cannot be read with a time limit on Windows
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
        process = self._process
        if process is None or process.stdin is None or self._cancelled:
            raise self._gone()
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
        except (OSError, ValueError):
            raise self._gone() from None

    def _receive(self, starting: str = "") -> dict[str, Any]:
        process = self._process
        if process is None or process.stdout is None:
            raise self._gone(starting)
        try:
            line = process.stdout.readline()
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
        code = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(2)
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
        """Kill the process if it still runs, and remove the folder."""
        process = self._process
        if process is not None:
            if process.poll() is None:
                with contextlib.suppress(OSError):
                    process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            for pipe in (process.stdin, process.stdout):
                # A thread that still reads or writes gets its end of the file now that the process is gone
                if pipe is not None:
                    with contextlib.suppress(OSError, ValueError):
                        pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)
