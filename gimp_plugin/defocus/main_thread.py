"""The main thread, the only one that may touch GIMP and GTK: how another one has something done there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import GLib  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable


def in_main_thread(function: Callable[[], Any]) -> Any:
    """Call a function in the thread that runs GTK's main loop, and wait for what it returns or raises."""
    done = threading.Event()
    outcome: list[Any] = []

    def call() -> bool:
        try:
            outcome.append((function(), None))
        except Exception as error:
            outcome.append((None, error))
        done.set()
        return GLib.SOURCE_REMOVE

    GLib.idle_add(call)
    done.wait()
    value, error = outcome[0]
    if error is not None:
        raise error
    return value
