"""The plug-in's modules on a stand-in for GIMP's libraries: what they ask for and decide, in a moment."""

from __future__ import annotations

import dataclasses
import sys
import types
from pathlib import Path
from unittest import mock

import pytest

from defocus.parameters import PARAMETERS, describe
from defocus.session import REQUESTS
from defocus.worker import client

FOLDER = Path(__file__).parents[2] / "gimp_plugin" / "defocus"
NAMES = [path.stem for path in FOLDER.glob("*.py") if path.stem != "defocus"]


def _stand_in():
    """Modules in place of gi and what it gives."""
    gi, repository = types.ModuleType("gi"), types.ModuleType("gi.repository")
    gi.require_version = lambda namespace, version: None
    for name in ("Babl", "Gdk", "GdkPixbuf", "Gegl", "Gimp", "GimpUi", "GLib", "GObject", "Gio", "Gtk", "Pango"):
        setattr(repository, name, mock.MagicMock(name=name))
    gimp = repository.Gimp
    for name, base in (("Drawable", object), ("Layer", "Drawable"), ("Channel", "Drawable"), ("LayerMask", "Channel")):
        setattr(gimp, name, type(name, (getattr(gimp, base) if isinstance(base, str) else base,), {}))
    for name in ("TextLayer", "GroupLayer"):
        setattr(gimp, name, type(name, (gimp.Layer,), {}))
    repository.GLib.get_language_names.return_value = ["C"]
    return {"gi": gi, "gi.repository": repository, "defocus_client": client}


@pytest.fixture
def plugin(monkeypatch):
    """The plug-in's modules, by name."""
    for name, module in _stand_in().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    loaded = types.SimpleNamespace()
    for name in (
        *(
            "controls",
            "entries",
            "first_look",
            "layers",
            "marks",
            "masks",
            "options",
            "outputs",
            "pictures",
            "pixels",
            "problem",
        ),
        *("procedures", "results", "shown", "suite", "view", "words"),
    ):
        setattr(loaded, name, __import__(name))
    yield loaded
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture
def settings():
    """What `defocus gimp-install` writes down, as JSON gives it back."""
    parameters = {
        step: [{**dataclasses.asdict(control), "choices": list(control.choices)} for control in describe(kind)]
        for step, kind in PARAMETERS.items()
    }
    return {"parameters": parameters, "requests": list(REQUESTS)}


class Config:
    """A procedure's arguments at their defaults, but for what is given."""

    def __init__(self, procedure, **changes):
        self.values = {option.name: getattr(option, "default", None) for option in procedure.options}
        self.values["psf-file"] = None
        self.values.update({name.replace("_", "-"): value for name, value in changes.items()})

    def get_property(self, name):
        return self.values[name]


@pytest.fixture
def config():
    return Config
