"""Whether numba still has to compile a kernel on this machine: it takes seconds, once, and people should know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from defocus.progress import Progress

__all__ = ["told_of_compiling"]


def _is_compiled(kernel: Any) -> bool:
    """Return whether a kernel has been compiled by this process or an earlier one."""
    folder = kernel.stats.cache_path
    if kernel.signatures or folder is None:
        return True
    function = kernel.py_func
    name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}-*.nbi"
    return any(Path(folder).glob(name))


def told_of_compiling(progress: Progress, kernel: Any) -> Progress:
    """Return a callback that says so if `kernel` is yet to be compiled, else `progress` itself.

    Parameters
    ----------
    progress : callable
    kernel : numba function
        The one of the coming work that takes longest to compile.
    """
    if _is_compiled(kernel):
        return progress

    def tell(fraction: float, stage: str) -> None:
        progress(fraction, f"{stage} (compiling for this machine, once)")

    return tell
