"""Kept: verdicts of earlier runs, by a picture's place, size and time, so that a run goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from defocus.state import cache_folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Kept"]

_CHANGED = 3  # grows when the same picture would be judged otherwise


class Kept:
    """What is known of pictures. A convenience: what cannot be read or written is measured anew.

    Parameters
    ----------
    file : Path, optional
        A database; one in the user's cache folder unless given.
    tuning : str
        What the measurement rests on; verdicts of another are not given.
    """

    def __init__(self, file: Path | None, tuning: str) -> None:
        self._base: sqlite3.Connection | None = None
        self._tuning = hashlib.sha256(f"{_CHANGED} {tuning}".encode()).hexdigest()[:16]
        place = cache_folder() / "cull.sqlite" if file is None else file
        with contextlib.suppress(OSError, sqlite3.Error):
            place.parent.mkdir(parents=True, exist_ok=True)
            base = sqlite3.connect(place, timeout=5, isolation_level=None)
            base.execute("pragma journal_mode = wal")
            base.execute("pragma synchronous = off")  # losing the last verdicts is no harm
            base.execute(
                "create table if not exists pictures "
                "(place text, tuning text, size integer, time integer, facts text, primary key (place, tuning))"
            )
            self._base = base

    def get(self, file: Path) -> dict[str, Any] | None:
        """Return the facts of a picture, or None if it is not known as it is now."""
        if self._base is None:
            return None
        with contextlib.suppress(OSError, ValueError, sqlite3.Error, UnicodeEncodeError):
            found = file.stat()
            row = self._base.execute(
                "select facts from pictures where place = ? and tuning = ? and size = ? and time = ?",
                (self._place(file), self._tuning, found.st_size, found.st_mtime_ns),
            ).fetchone()
            return None if row is None else dict(json.loads(row[0]))
        return None

    def put(self, file: Path, facts: dict[str, Any]) -> None:
        """Keep the facts of a picture."""
        if self._base is None:
            return
        with contextlib.suppress(OSError, ValueError, sqlite3.Error, UnicodeEncodeError):
            found = file.stat()
            self._base.execute(
                "insert or replace into pictures values (?, ?, ?, ?, ?)",
                (self._place(file), self._tuning, found.st_size, found.st_mtime_ns, json.dumps(facts)),
            )

    def close(self) -> None:
        """Let go of the database."""
        if self._base is not None:
            with contextlib.suppress(sqlite3.Error):
                self._base.close()
            self._base = None

    @staticmethod
    def _place(file: Path) -> str:
        return os.fsencode(os.path.realpath(file)).hex()
