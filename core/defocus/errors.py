"""Errors that people read: one clear line that names what is wrong and why."""

from __future__ import annotations

__all__ = ["Cancelled", "DefocusError", "InputError"]


class DefocusError(Exception):
    """Base of all errors the suite raises on purpose; its text is one line made to be shown to a person."""


class InputError(DefocusError, ValueError):
    """A picture, a map or a parameter that cannot be used; the text names it and says why."""


class Cancelled(DefocusError):  # noqa: N818 (it is no error of anybody's)
    """Raise this from a progress callback to stop the work; nothing half-made is left behind."""
