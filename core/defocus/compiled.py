"""Compiled functions: numba's, kept on disk where that is possible, and without that where it is not.

numba by itself refuses to import a module whose compiled functions it finds no place for, and fails when what it kept
is damaged or the disk is full. Kept code is a convenience: without it the work starts slower, and nothing else.
"""

# mypy: allow-untyped-calls, allow-subclassing-any
from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import numba
from numba.core.caching import FunctionCache

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compiled"]

_LOG = logging.getLogger(__name__)
_told: set[str] = set()  # the one warning of this process


class _ForgivingCache(FunctionCache):
    """numba's cache, whose failures cost time and nothing else."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a damaged pickle raises anything
            _tell(f"what is kept in {self.cache_path} is damaged", error)
            with contextlib.suppress(OSError):
                self.flush()  # what is compiled now takes its place
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception as error:  # full, taken away, or damaged still
            _tell(f"nothing can be kept in {self.cache_path}", error)


def _tell(reason: str, error: Exception) -> None:
    """Say once in a process that compiled code is not kept."""
    if not _told:
        _told.add(reason)
        _LOG.warning("defocus: compiled code is made anew, which takes some time: %s (%s)", reason, error)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return `numba.njit` with a cache that never fails.

    Parameters
    ----------
    **options
        Of `numba.njit`, without ``cache``.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        kernel = numba.njit(**options)(function)
        if kernel is function:  # NUMBA_DISABLE_JIT
            return kernel
        try:
            kernel._cache = _ForgivingCache(function)  # noqa: SLF001 (what Dispatcher.enable_caching does)
        except (RuntimeError, OSError) as error:
            _tell("no folder for it can be written to; NUMBA_CACHE_DIR may name one", error)
        return kernel

    return decorate
