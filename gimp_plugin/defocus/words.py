"""Words: texts in the user's language, from the catalogues in ``locale``."""

from __future__ import annotations

import ast
import re
import string
from functools import cache
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import GLib  # noqa: E402

FOLDER = Path(__file__).with_name("locale")


def read_catalogue(path: Path) -> dict[str, str]:
    """Return the texts of a gettext catalogue (a PO file without plurals), by the English ones."""
    texts: dict[str, str] = {}
    entry: dict[str, str] = {}
    field = ""
    for line in [*path.read_text(encoding="utf-8").splitlines(), 'msgid ""']:
        word, _, rest = line.partition(" ")
        if word in ("msgid", "msgstr"):
            if word == "msgid":
                if entry.get("msgid") and entry.get("msgstr"):
                    texts[entry["msgid"]] = entry["msgstr"]
                entry = {}
            field = word
            entry[field] = ast.literal_eval(rest)
        elif line.startswith('"'):
            entry[field] += ast.literal_eval(line)
    return texts


@cache
def _texts() -> dict[str, str]:
    for language in GLib.get_language_names():
        path = FOLDER / f"{language}.po"
        if path.is_file():
            return read_catalogue(path)
        if language.startswith("en") or language == "C":
            break
    return {}


class _Local(string.Formatter):
    """Fills numbers in with the decimal mark of the language that the text is in."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        said = super().format_field(value, format_spec)
        return said.replace(".", _texts().get(".", ".")) if isinstance(value, float) else said


def translated(text: str, /, **values: Any) -> str:
    """Return a text in the user's language, or as it is, with the values that it has places for."""
    own = _texts().get(text, text)
    return _Local().vformat(own, (), values) if values else own


def heard(text: str) -> str:
    """Return in the user's language what the suite says in English, where a catalogue has it.

    What it says may have values in it; such texts stand in the catalogues with names in brackets in their places.
    """
    if text in _texts():
        return _texts()[text]
    for english, pattern in _patterns().items():
        found = pattern.fullmatch(text)
        if found:
            return _texts()[english].format(**{name: heard(part) for name, part in found.groupdict().items()})
    return text


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Return what fits each text of the catalogue that has values in it, and is said by the suite."""
    return {
        english: re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(english)))
        for english in _texts()
        if re.search(r"\{\w+\}", english)
    }
