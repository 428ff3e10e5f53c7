"""Memory: whether what some work on a picture takes is there, told before the work begins."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

from defocus.errors import InputError

__all__ = ["require_memory"]

_SMALL = 200e6  # bytes that any machine has
_GROUP = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # limits from here on are none


def require_memory(size: float, source: str, *, instead: str = "") -> None:
    """Raise `InputError` if some work takes more memory than this process can have.

    Without it the work would end minutes later, in words of numpy's, or in the system's ending the process.

    Parameters
    ----------
    size : float
        Bytes that the work takes at the least.
    source : str
        What does, for the message.
    instead : str
        What takes less, for the message.

    Examples
    --------
    >>> require_memory(1e6, "a picture")
    >>> require_memory(1e18, "a picture")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    InputError: a picture takes 1000000000.0 GB of memory or more, and 7.9 GB are free
    """
    if size < _SMALL:
        return
    free = _free_memory()
    if size > free:
        wanted, there = (f"{number / 1e9:.1f} GB" for number in (size, free))
        less = f" ({instead})" if instead else ""
        raise InputError(f"{source} takes {wanted} of memory or more, and {there} are free{less}")


def _free_memory() -> float:
    """Return how many bytes this process can still have; infinite where the system does not tell."""
    return max(0.0, min(_free_in_machine(), _free_in_group(), _free_in_process()))


def _free_in_machine() -> float:
    """Return the memory that nothing else needs, and the swap space."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        sizes = {name: 1024.0 * int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        return sizes["MemAvailable"] + sizes["SwapFree"]
    except (OSError, ValueError, KeyError, IndexError):
        pass
    try:  # macOS tells the whole only
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return math.inf


def _free_in_group() -> float:
    """Return what a container leaves."""
    with contextlib.suppress(OSError, ValueError):
        most = int((_GROUP / "memory.max").read_text(encoding="ascii"))
        used = int((_GROUP / "memory.current").read_text(encoding="ascii"))
        for line in (_GROUP / "memory.stat").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(" ")
            if name in ("inactive_file", "active_file"):  # copies of files make room
                used -= int(value)
        return float(most - max(used, 0))
    return math.inf


def _free_in_process() -> float:
    """Return what a limit of this process's address space (``ulimit -v``) leaves."""
    try:
        import resource
    except ImportError:  # Windows
        return math.inf
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    if most == resource.RLIM_INFINITY or not 0 < most < _UNLIMITED:
        return math.inf
    with contextlib.suppress(OSError, ValueError, IndexError):
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        return float(most - used * os.sysconf("SC_PAGE_SIZE"))
    return math.inf
