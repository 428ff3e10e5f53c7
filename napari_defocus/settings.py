"""Settings: what was chosen last and what was given a name, kept between docks and sessions in a file.

A convenience: a failure keeps nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from defocus.state import state_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["drop_preset", "forget", "keep_preset", "presets", "remember", "remembered"]

_NAME = "napari.json"  # beside the command's log
_PRESETS = " presets"  # after a step's name: what the user keeps of it by name


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
    plain = _plain(values)
    if everything.get(step, {}) == plain:
        return
    everything[step] = plain
    _write(everything)


def forget(step: str) -> None:
    """Keep nothing of a step any more."""
    everything = _all()
    if everything.pop(step, None) is not None:
        _write(everything)


def presets(step: str) -> dict[str, dict[str, Any]]:
    """Return the values of a step that the user kept, by the names given to them."""
    found = remembered(step + _PRESETS)
    return {name: values for name, values in found.items() if isinstance(values, dict)}


def keep_preset(step: str, name: str, values: Mapping[str, Any]) -> None:
    """Keep values of a step under a name."""
    _write({**_all(), step + _PRESETS: {**presets(step), name: _plain(values)}})


def drop_preset(step: str, name: str) -> None:
    """Keep nothing under a name any more."""
    _write({**_all(), step + _PRESETS: {one: values for one, values in presets(step).items() if one != name}})


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if isinstance(value, str | int | float)}


def _write(everything: Mapping[str, Any]) -> None:
    from defocus.pictures.files import written_whole

    file = state_folder() / _NAME
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(file) as beside:
            beside.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    except Exception:
        return  # a full disk, a folder that cannot be written
