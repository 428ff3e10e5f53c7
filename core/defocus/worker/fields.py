"""Fields: what each request of the protocol in `defocus.worker` may hold, and the one line that says what is wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from defocus.session import REQUESTS
from defocus.worker.client import LOG_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FIELDS", "RequestError", "checked", "files_of"]

_LARGEST_NUMBER = 1e30
_LARGEST_SIDE = 1_000_000  # px; no picture is larger
_WIDEST_BAND = 10_000  # px
_LARGEST_RADIUS = 128  # px; no blur is known beyond
_STEEPEST = 100  # times; an edge that is a hundred times as steep is hard
_FARTHEST_SHIFT = 100  # px
_SHOWN = 60  # characters of a wrong value that a message repeats
_UNENCODABLE = {0, *range(0xD800, 0xE000)}  # what no file's name can hold: NUL, and halves of characters


class RequestError(Exception):
    """A request that cannot be understood; `kind` as in the protocol."""

    def __init__(self, message: str, kind: str = "request") -> None:
        super().__init__(message)
        self.kind = kind


def _number(low: float, high: float) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        number = type(value) in (int, float) and low <= value <= high  # no NaN is
        limits = f" from {low:g} to {high:g}" if high < _LARGEST_NUMBER else ""
        return None if number else f"must be a number{limits}"

    return check


def _whole(low: int, high: int) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        return None if type(value) is int and low <= value <= high else f"must be a whole number from {low} to {high}"

    return check


def _one_of(*known: Any) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        if any(type(value) is type(item) and value == item for item in known):
            return None
        *most, last = map(str, known)
        return f"must be {', '.join(most)} or {last}"

    return check


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _object(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be an object"


def _list(value: Any) -> str | None:
    return None if isinstance(value, list) else "must be a list"


def _text(value: Any) -> str | None:
    if isinstance(value, str) and not any(ord(character) in _UNENCODABLE for character in value):
        return None
    return "must be text without NUL and halves of characters"


def _file(value: Any) -> str | None:
    named = isinstance(value, str) and value not in ("", ".", "..", LOG_NAME) and not set(value) & set("/\\:")
    if named and _text(value) is None:
        return None
    return "must be the name of a file in the private folder"


def _numbers(count: tuple[int, ...], low: float, high: float, *, whole: bool, said: str) -> Callable[[Any], str | None]:
    check = _whole(int(low), int(high)) if whole else _number(low, high)

    def check_all(value: Any) -> str | None:
        right = isinstance(value, list) and len(value) in count and all(check(item) is None for item in value)
        return None if right else f"must be {said}"

    return check_all


_SIZE = _numbers((2,), 1, _LARGEST_SIDE, whole=True, said="[height, width], 1 or more each")
_ANY_NUMBER = _number(-_LARGEST_NUMBER, _LARGEST_NUMBER)
_OUTPUTS = ("float32", "uint8", "uint16")
_OWN_MAP = {
    "map": _file,
    "map_dtype": _one_of("uint8", "float32"),
    "map_white": _number(0, _LARGEST_RADIUS),
    "map_path": _text,
}
_ARRAY = _OWN_MAP | {
    "parameters": _object,
    "map_parameters": _object,
    "maximum": _number(0, _LARGEST_NUMBER),
    "alpha": _flag,
    "in_focus": _file,
    "blurred": _file,
    "strokes": _list,
    "matte": _file,
    "subject": _file,
    "rim": _one_of("mask", "matte"),
    "contrast": _number(1, _STEEPEST),
    "shift": _number(-_FARTHEST_SHIFT, _FARTHEST_SHIFT),
    "colors": _flag,
    "trimap": _whole(0, _WIDEST_BAND),
    "invert": _flag,
    "existing": _file,
    "combine": _one_of("replace", "intersect", "add", "subtract"),
    "limit": _file,
    "outside": _number(0, 1),
}

FIELDS: dict[str, dict[str, Callable[[Any], str | None]]] = {
    "open": {
        "file": _file,
        "shape": _numbers((2, 3), 1, _LARGEST_SIDE, whole=True, said="[height, width] or [height, width, channels]"),
        "dtype": _one_of("uint8", "uint16", "float32"),
        "name": _text,
        "bit_depth": _one_of(8, 16, 32),
        "parameters": _object,
        "threshold": _flag,
    },
    **{
        name: _ARRAY | {"output": _one_of(*_OUTPUTS, *(("unit", "color") if asked.result == "radius" else ()))}
        for name, asked in REQUESTS.items()
    },
    "preview": _ARRAY
    | {
        "output": _one_of(*_OUTPUTS, "unit", "color"),
        "of": _one_of("picture", *REQUESTS),
        "size": _SIZE,
        "crop": _numbers((4,), 0, _LARGEST_SIDE, whole=False, said="[top, left, height, width]"),
        "view": _one_of("overlay", "black", "white", "mask", "layers"),
        "film": _numbers((3, 4), 0, 1, whole=False, said="[red, green, blue] and perhaps opacity, from 0 to 1 each"),
    },
    "probe": _OWN_MAP | {"x": _ANY_NUMBER, "y": _ANY_NUMBER, "map_parameters": _object},
    "describe": {},
}
"""For each request its fields and what says what is wrong with a value: None if nothing is."""


def checked(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request whose fields all have values that can be used; those that are null are left out.

    Fields that this version does not know are left alone.

    Raises
    ------
    RequestError
        If one has not; names it.
    """
    known = FIELDS[request["request"]]
    given = {name: value for name, value in request.items() if value is not None}
    for name, value in given.items():
        wrong = known[name](value) if name in known else None
        if wrong is not None:
            raise RequestError(f"{name} {wrong}, not {_shown(value)}")
    return given


def files_of(request: dict[str, Any]) -> list[str]:
    """Return the names of the caller's files that a request speaks of, whatever else is wrong with it."""
    known = FIELDS.get(str(request.get("request")), {})
    return [value for name, value in request.items() if known.get(name) is _file and _file(value) is None]


def _shown(value: object) -> str:
    """Return a wrong value as a message repeats it: in one short line that any host can show."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # Python writes no number of thousands of digits
        return "a value that is too long"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
