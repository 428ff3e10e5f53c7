"""Errors that people read: one clear line that names what is wrong and why."""

from __future__ import annotations

__all__ = ["Cancelled", "DefocusError", "InputError"]


class DefocusError(Exception):
    """Base of all errors the suite raises on purpose; its text is one line made to be shown to a person.

    Examples
    --------
    >>> try:
    ...     defocus.analyze(np.zeros((5, 5)))
    ... except defocus.DefocusError as error:
    ...     print(error)
    the picture: 5 x 5 px is smaller than the analysis window of 41 px
    """


class InputError(DefocusError, ValueError):
    """A picture, a map or a parameter that cannot be used; the text names it and says why.

    Examples
    --------
    >>> try:
    ...     defocus.load_image("nowhere.jpg")
    ... except defocus.InputError as error:
    ...     print(error)
    nowhere.jpg: cannot be read (No such file or directory)
    """


class Cancelled(DefocusError):  # noqa: N818 (it is no error of anybody's)
    """Raise this from a progress callback to stop the work; nothing half-made is left behind.

    Examples
    --------
    >>> def impatient(fraction, stage):
    ...     raise defocus.Cancelled(f"stopped while {stage}")
    >>> try:
    ...     defocus.analyze(np.random.default_rng(0).random((96, 96)), progress=impatient)
    ... except defocus.Cancelled as stopped:
    ...     print(stopped)
    stopped while measuring local spectra
    """
