"""Every text of the dialogs can be translated, and the catalogues hold only texts that there are."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import defocus
from defocus.errors import InputError

CATALOGUES = sorted((Path(__file__).parents[2] / "gimp_plugin" / "defocus" / "locale").glob("*.po"))


def spoken(plugin, settings, monkeypatch):
    """Return all texts that are looked up while the entries are made, their options declared and put in groups."""
    asked = set()

    def note(text, **values):
        asked.add(text)
        return text

    for module in (plugin.options, plugin.procedures, plugin.pictures, plugin.masks, plugin.outputs):
        monkeypatch.setattr(module, "_", note)
    for procedure in plugin.entries.available(settings).values():
        for option in procedure.options:
            option.declare(plugin.procedures.Gimp.Procedure)
            asked.update(getattr(option, name) for name in ("zero", "nothing") if hasattr(option, name))
        asked.update(title for title, _ in plugin.options.grouped(procedure.options, procedure.groups) if title)
    for table in ("_MASK_VIEWS", "_TOOLS"):
        asked.update(label for _, label in getattr(plugin.controls, table))
    for name in ("_ON_LAYERS", "_RESULT", "_RIM_TOOL", "_FOCUS_TOOL"):
        asked.add(getattr(plugin.controls, name)[1])
    return asked | {output.label for output in plugin.outputs.OUTPUTS}


def written_down():
    """Return all texts that the sources look up by name: by `_`, or by `heard`, which looks up what the suite says."""
    found = set()
    for path in CATALOGUES[0].parents[1].glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if called in ("_", "heard") and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def stages():
    """Return what the suite says while it works: the texts that it hands on with its progress."""
    found = set()
    for path in (Path(defocus.__file__).parent).rglob("*.py"):
        if path.parent.name in ("command", "reports"):  # which talk to a terminal
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            texts = []
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("progress", "report"):
                texts = node.args[1:2]
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_STAGE":
                texts = [node.value]
            found.update(text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str))
    return found


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_no_text_lacks_a_translation(plugin, settings, monkeypatch, path):
    texts = plugin.words.read_catalogue(path)
    asked = spoken(plugin, settings, monkeypatch) | written_down()
    suite = {
        text
        for controls in settings["parameters"].values()
        for control in controls
        for text in (control["label"], control["help"], *(word.capitalize() for word in control["choices"]))
    }
    own = asked - suite
    assert len(own) > 100
    assert sorted(own - set(texts)) == []
    assert len(stages()) > 5
    assert sorted(stages() - set(texts)) == []
    missing = sorted(suite & asked - set(texts))
    print(f"{path.stem}: {len(missing)} of {len(suite & asked)} texts of the suite's parameters lack a translation")
    assert missing == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_no_translation_is_of_a_text_that_nobody_says(plugin, settings, monkeypatch, path):
    """What the plug-in does not say itself, it hears: then the suite's sources have its parts."""
    said = spoken(plugin, settings, monkeypatch) | written_down() | stages() | {"."}  # the last: the decimal mark
    folder = Path(defocus.__file__).parent
    sources = "".join(file.read_text(encoding="utf-8") for file in folder.rglob("*.py"))
    joined = re.sub(r'"\s*\n\s*f?"', "", sources)  # texts that are broken into several lines
    for text in set(plugin.words.read_catalogue(path)) - said:
        for part in re.split(r"\{[^{}]*\}", text):
            assert part.strip() in joined, text


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_translations_have_the_same_places_for_values_and_keys(plugin, path):
    texts = plugin.words.read_catalogue(path)
    for english, other in texts.items():
        fields = [sorted(re.findall(r"\{[^{}]*\}", text)) for text in (english, other)]
        assert fields[0] == fields[1], english
        assert ("_" in re.sub(r"\{[^{}]*\}", "", english)) == ("_" in re.sub(r"\{[^{}]*\}", "", other)), english


@pytest.fixture
def german(plugin):
    plugin.words.GLib.get_language_names.return_value = ["de_AT.UTF-8", "de_AT", "de", "C"]
    plugin.words._texts.cache_clear()
    plugin.words._patterns.cache_clear()
    return plugin.words


def test_numbers_have_the_language_s_decimal_mark(german):
    assert german.translated("In focus: blur radius up to {threshold:.2g} px.", threshold=1.5) == (
        "Scharf: Unschärferadius bis 1,5 px."
    )
    german.GLib.get_language_names.return_value = ["C"]
    german._texts.cache_clear()
    assert german.translated("auto {value:g}", value=2.25) == "auto 2.25"


def test_what_the_suite_says_is_heard_in_the_language(german):
    assert german.heard("restoring") == "Das Bild wird geschärft"
    assert german.heard("restoring (compiling for this machine, once)") == (
        "Das Bild wird geschärft (einmal für diesen Rechner übersetzt)"
    )
    with pytest.raises(InputError) as small:
        defocus.analyze(np.zeros((20, 30)))
    assert german.heard(str(small.value)).endswith(": 30 x 20 px ist kleiner als das Messfenster von 41 px")
    assert german.heard("something new") == "something new"


def test_the_language_is_the_desktop_s(plugin):
    plugin.words.GLib.get_language_names.return_value = ["de_AT.UTF-8", "de_AT", "de", "C"]
    plugin.words._texts.cache_clear()
    assert plugin.words.translated("Invert") == "Umkehren"
    assert plugin.words.translated("no such text") == "no such text"
    plugin.words.GLib.get_language_names.return_value = ["en_GB", "en", "de", "C"]
    plugin.words._texts.cache_clear()
    assert plugin.words.translated("Invert") == "Invert"
