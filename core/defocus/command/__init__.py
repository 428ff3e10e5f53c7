"""The command line: `line` has the commands, `options` makes their options, `work` does one file, `batch` does many."""

from __future__ import annotations

__all__ = ["batch", "line", "options", "work"]
