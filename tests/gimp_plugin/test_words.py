"""Every text of the dialogs can be translated, and the catalogues hold only texts that there are."""

import ast
from pathlib import Path

import pytest

CATALOGUES = sorted((Path(__file__).parents[2] / "gimp_plugin" / "defocus" / "locale").glob("*.po"))


def spoken(plugin, settings, monkeypatch):
    """Return all texts that are looked up while the entries are made and their options declared."""
    asked = set()

    def note(text):
        asked.add(text)
        return text

    for module in (plugin.options, plugin.procedures, plugin.masks, plugin.outputs):
        monkeypatch.setattr(module, "_", note)
    for procedure in plugin.entries.available(settings).values():
        for option in procedure.options:
            option.declare(plugin.procedures.Gimp.Procedure)
    return asked


def written_down():
    """Return all texts that the sources look up by name."""
    found = set()
    for path in CATALOGUES[0].parents[1].glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "_"
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(node.args[0].value)
            elif isinstance(node, ast.Tuple) and all(isinstance(item, ast.Constant) for item in node.elts):
                found.update(item.value for item in node.elts)
    return found


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_catalogues_are_complete(plugin, settings, monkeypatch, path):
    texts = plugin.words.read_catalogue(path)
    asked = spoken(plugin, settings, monkeypatch)
    # What the suite itself calls its parameters may wait for a translation, or a new one would have to come with it
    short = {text for text in asked & written_down() if len(text) < 40 and not text.endswith(".")}
    assert len(short) > 20
    assert short <= set(texts), "not translated"
    assert set(texts) <= asked | written_down(), "not said any more"
    for english, other in texts.items():
        assert english.count("{") == other.count("{")
        assert ("_" in english) == ("_" in other)


def test_the_language_is_the_desktop_s(plugin):
    plugin.words.GLib.get_language_names.return_value = ["de_AT.UTF-8", "de_AT", "de", "C"]
    plugin.words._texts.cache_clear()
    assert plugin.words.translated("Invert") == "Umkehren"
    assert plugin.words.translated("no such text") == "no such text"
    plugin.words.GLib.get_language_names.return_value = ["en_GB", "en", "de", "C"]
    plugin.words._texts.cache_clear()
    assert plugin.words.translated("Invert") == "Invert"
