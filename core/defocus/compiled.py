"""Compiled functions: from the package where it has them, else by numba; kept on disk where that is possible.

A kernel is written in Python. What numba makes of it for the usual kinds of arguments travels with the package, see
`defocus.native`, so that neither numba need be loaded nor its compiler run. Whatever has no such code, or has changed
since that was made, is compiled by numba when it is first called.

numba by itself refuses to import a module whose compiled functions it finds no place for, and fails when what it kept
is damaged or the disk is full. Kept code is a convenience: without it the work starts slower, and nothing else.
"""

# mypy: allow-untyped-calls, allow-subclassing-any
from __future__ import annotations

import contextlib
import logging
import os
import threading
import types
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus import native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Kernel", "compiled"]

_LOG = logging.getLogger(__name__)
_told: set[str] = set()  # the one warning of this process
_lock = threading.Lock()


class Kernel:
    """A function of numbers and arrays that is compiled when it is first called.

    Parameters
    ----------
    function : callable
        At the top of its module; what it calls is made by `compiled`, too.
    options : dict
        Of `numba.njit`.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self.function = function
        self.options = options
        self._native: dict[tuple[str, ...], Callable[..., Any] | None] = {}

    @property
    def name(self) -> str:
        """Where it stands, such as ``"answer.texture._texture"``."""
        return f"{self.function.__module__.removeprefix('defocus.')}.{self.function.__qualname__}"

    def called(self) -> Iterator[tuple[str, Kernel]]:
        """Yield the kernels that it calls, by the names that it calls them by."""
        for name in self.function.__code__.co_names:
            value = self.function.__globals__.get(name)
            if isinstance(value, Kernel):
                yield name, value

    @cached_property
    def stamp(self) -> str:
        """What its code follows from, in brief: its source, its constants, and those of what it calls."""
        return native.stamp(self.function, self.options, [kernel.stamp for _, kernel in self.called()])

    @cached_property
    def _shipped(self) -> native.Shipped | None:
        return native.shipped(self.name, lambda: self.stamp)

    def dispatcher(self, *, kept: bool = True) -> Any:
        """Return numba's own function.

        Parameters
        ----------
        kept : bool
            Whether its code is read from the disk and written there.
        """
        import numba

        source = self.function
        # numba knows its own functions only
        names = {name: kernel.numba if kept else kernel.dispatcher(kept=False) for name, kernel in self.called()}
        known = {**source.__globals__, **names}
        function = types.FunctionType(source.__code__, known, source.__name__, source.__defaults__, source.__closure__)
        function.__module__, function.__qualname__ = source.__module__, source.__qualname__
        made = numba.njit(**self.options)(function)
        if kept:
            try:
                made._cache = _forgiving_cache(function)  # noqa: SLF001 (what Dispatcher.enable_caching does)
            except (RuntimeError, OSError) as error:
                _tell("no folder for it can be written to; NUMBA_CACHE_DIR may name one", error)
        return made

    @cached_property
    def numba(self) -> Any:
        """Numba's function, whose code is kept."""
        return self.dispatcher()

    def is_compiled(self) -> bool:
        """Return whether the usual call compiles nothing that takes seconds."""
        if self._shipped is not None:
            return True
        folder = self.numba.stats.cache_path
        if self.numba.signatures or folder is None:
            return True
        module = self.function.__module__.rpartition(".")[2]
        return any(Path(folder).glob(f"{module}.{self.function.__qualname__}-*.nbi"))

    def __call__(self, *arguments: Any) -> Any:
        """Return what the function returns."""
        kinds = native.kinds(arguments)
        if kinds not in self._native:
            with _lock:
                if kinds not in self._native:
                    self._native[kinds] = self._code(kinds)
                    if self._native[kinds] is None:
                        _ = self.numba  # made once, whichever thread comes first
        code = self._native[kinds]
        return code(arguments) if code is not None else self.numba(*arguments)

    def _code(self, kinds: tuple[str, ...]) -> Callable[..., Any] | None:
        """Return the package's code for such arguments; None if numba has to make it."""
        if self._shipped is None:
            return None
        try:
            return self._shipped.load(kinds, _tell)
        except Exception as error:  # LLVM says what it does not understand in many ways
            _LOG.info("the package's code of %s cannot be used here: %s", self.name, error)
            return None


def _forgiving_cache(function: Callable[..., Any]) -> Any:
    """Return numba's cache for a function, whose failures cost time and nothing else."""
    from numba.core.caching import FunctionCache

    class ForgivingCache(FunctionCache):
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

    return ForgivingCache(function)


def _tell(reason: str, error: Exception) -> None:
    """Say once in a process that compiled code is not kept."""
    if not _told:
        _told.add(reason)
        _LOG.warning("defocus: compiled code is made anew, which takes some time: %s (%s)", reason, error)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator like `numba.njit`, with a cache that never fails, that takes the package's code if it can.

    Parameters
    ----------
    **options
        Of `numba.njit`, without ``cache``.

    Returns
    -------
    callable
        The decorator. The function itself is what it returns if ``NUMBA_DISABLE_JIT`` is set.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
            return function
        return Kernel(function, options)

    return decorate
