"""Settings: what was chosen last, kept between docks and sessions in a file. A convenience: a failure keeps nothing."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["forget", "remember", "remembered"]


def _file() -> Path:
    """Return the file, beside the command's log."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "defocus" / "napari.json"


def _all() -> dict[str, Any]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remembered(step: str) -> dict[str, Any]:
    """Return the values of a step that are kept, by the names of its parameters."""
    found = _all().get(step, {})
    return found if isinstance(found, dict) else {}


def remember(step: str, values: Mapping[str, Any]) -> None:
    """Keep the values of a step for other docks and sessions."""
    everything = _all()
    plain = {name: value for name, value in values.items() if isinstance(value, str | int | float)}
    if everything.get(step, {}) == plain:
        return
    everything[step] = plain
    _write(everything)


def forget(step: str) -> None:
    """Keep nothing of a step any more."""
    everything = _all()
    if everything.pop(step, None) is not None:
        _write(everything)


def _write(everything: Mapping[str, Any]) -> None:
    from defocus.pictures.files import written_whole

    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(file) as beside:
            beside.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    except Exception:
        return  # a full disk, a folder that cannot be written
