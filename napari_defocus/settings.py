"""Settings: what was chosen last, kept between docks and sessions in a file. A convenience: a failure keeps nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from defocus.state import state_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["forget", "remember", "remembered"]

_NAME = "napari.json"  # beside the command's log


def _all() -> dict[str, Any]:
    try:
        found = json.loads((state_folder() / _NAME).read_text(encoding="utf-8"))
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

    file = state_folder() / _NAME
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(file) as beside:
            beside.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    except Exception:
        return  # a full disk, a folder that cannot be written
