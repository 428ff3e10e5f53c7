"""Problem: what the user is told, in one message; and how anything that goes wrong becomes one."""

from __future__ import annotations

import tempfile

from defocus_client import WorkerError
from words import heard
from words import translated as _


class Problem(Exception):  # noqa: N818 - it names what the user is told
    """Something to tell the user in one message."""


def reinstall() -> str:
    """Return what mends an installation."""
    return _("Run “defocus gimp-install” in a terminal to mend this; “defocus gimp-doctor” tells more.")


def message_of(error: BaseException) -> str:
    """Return one readable line for anything that can go wrong."""
    if isinstance(error, Problem):
        return str(error)
    if isinstance(error, WorkerError):
        text = heard(str(error))
        hint = f" {reinstall()}" if error.kind in ("request", "unavailable") else ""
        return f"Defocus: {text}{'' if text.endswith('.') else '.'}{hint}"
    if isinstance(error, MemoryError):
        return f"Defocus: {heard('there is not enough memory for this picture')}."
    if isinstance(error, OSError):
        where, reason = error.filename or tempfile.gettempdir(), error.strerror or error
        return _("Defocus: temporary files in {where} cannot be written: {reason}.", where=where, reason=reason)
    fault = f"{type(error).__name__}: {error}"
    return _("Defocus: a fault in the plug-in: {fault}", fault=fault)
