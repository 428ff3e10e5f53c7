"""Words: texts in the user's language, from the catalogues in ``locale``."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

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


def translated(text: str) -> str:
    """Return a text in the user's language, or as it is."""
    return _texts().get(text, text)
