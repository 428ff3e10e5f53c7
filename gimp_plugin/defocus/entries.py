"""Entries: all procedures of the plug-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from masks import FocusMask, SelectInFocus
from pictures import Magnify, Sharpen
from procedures import BlurMap, Procedure

if TYPE_CHECKING:
    from suite import Settings

ENTRIES: tuple[type[Procedure], ...] = (FocusMask, SelectInFocus, BlurMap, Sharpen, Magnify)


def available(settings: Settings) -> dict[str, Procedure]:
    """Return the procedures that the installed suite can carry out, by name."""
    return {entry.name: entry(settings["parameters"]) for entry in ENTRIES if entry.request in settings["requests"]}
