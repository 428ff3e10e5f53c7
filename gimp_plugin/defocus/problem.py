"""Problem: what the user is told, in one message; and how anything that goes wrong becomes one."""

from __future__ import annotations

import tempfile

from defocus_client import WorkerError

REINSTALL = "Run “defocus gimp-install” in a terminal to mend this; “defocus gimp-doctor” tells more."


class Problem(Exception):  # noqa: N818 - it names what the user is told
    """Something to tell the user in one message."""


def message_of(error: BaseException) -> str:
    """Return one readable line for anything that can go wrong."""
    if isinstance(error, Problem):
        return str(error)
    if isinstance(error, WorkerError):
        text = str(error)
        hint = f" {REINSTALL}" if error.kind in ("request", "unavailable") else ""
        return f"Defocus: {text}{'' if text.endswith('.') else '.'}{hint}"
    if isinstance(error, MemoryError):
        return "Defocus: there is not enough memory for this picture."
    if isinstance(error, OSError):
        where = f" in {error.filename}" if error.filename else f" in {tempfile.gettempdir()}"
        return f"Defocus: temporary files{where} cannot be written: {error.strerror or error}."
    return f"Defocus: a fault in the plug-in: {type(error).__name__}: {error}"
