"""The manifest, the menus and the samples, as napari sees them; and what importing the plugin costs."""

import ast
import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest

import defocus
import napari_defocus
from defocus import shipped
from napari_defocus.layers import samples

FOLDER = Path(napari_defocus.__file__).parent


def test_manifest_is_valid_and_every_command_exists():
    manifest = PluginManifest.from_distribution("napari-defocus")
    manifest.validate_imports()
    assert {widget.display_name for widget in manifest.contributions.widgets} == {
        "Blur map",
        "In-focus mask",
        "Restore or magnify",
        "Focus over z",
        "Table of focus",
        "Many pictures",
        "All in tabs",
    }


def test_the_icon_is_a_picture_that_is_shipped(qapp):
    from importlib import resources

    from qtpy.QtGui import QIcon

    manifest = PluginManifest.from_distribution("napari-defocus")
    package, _, name = str(manifest.icon).partition(":")
    assert f'"{name}"' in (FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8")
    with resources.as_file(resources.files(package) / name) as file:
        drawn = QIcon(str(file)).pixmap(32, 32).toImage()
    assert drawn.pixelColor(7, 7).lightness() > 200 > 100 > drawn.pixelColor(3, 16).lightness()


@pytest.mark.parametrize(
    ("menu", "titles"),
    [
        ("napari/layers/measure", {"Defocus blur map", "Focus over z", "Table of focus"}),
        ("napari/layers/segment", {"In-focus mask"}),
        ("napari/layers/filter", {"Restore or magnify defocus"}),
    ],
)
def test_layers_menus_show_the_entries(menu, titles):
    manager = PluginManager()
    manager.register(PluginManifest.from_distribution("napari-defocus"))
    commands = {item.command for item in manager.iter_menu(menu)}
    assert {manager.get_command(command).title for command in commands} == titles


def test_no_qt_binding_is_imported():
    for file in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] not in {"PyQt5", "PyQt6", "PySide2", "PySide6"}, (
                    file.name
                )  # qtpy takes napari's


def test_importing_the_functions_loads_no_qt_and_no_compiler():
    code = (
        "import sys, json; import napari_defocus, napari_defocus.functions, napari_defocus.focus_over_z;"
        "heavy = ('numba', 'maxflow', 'napari', 'qtpy', 'magicgui', 'scipy');"
        "print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(output) == []


def test_samples_open_with_their_truth(viewer):
    truth, picture = viewer.open_sample("napari-defocus", "depth_of_field")
    assert viewer.layers.selection.active is picture
    assert picture.data.shape == (*truth.data.shape, 3)
    height, stack = viewer.open_sample("napari-defocus", "focus_stack")
    assert viewer.layers.selection.active is stack
    assert stack.data.shape[1:] == height.data.shape
    assert str(stack.units[0]) == str(height.units[0]) == "micrometer"
    np.testing.assert_allclose(stack.scale[1:], height.scale)


@pytest.mark.parametrize("key", ["object", "cells"])
def test_the_suites_pictures_open_with_their_truth(viewer, key):
    truth, picture = viewer.open_sample("napari-defocus", key)
    assert viewer.layers.selection.active is picture
    assert picture.data.shape == truth.data.shape
    assert truth.name == f"{key} true blur radius (px)"
    assert truth.data.max() > 3


def test_photographs_open_from_a_source_tree_and_from_an_installation(monkeypatch, tmp_path):
    for sample in (samples.flower, samples.coffee):
        ((pixels, metadata, _),) = sample()
        assert (pixels.ndim, pixels.dtype, metadata["rgb"]) == (3, np.uint8, True)
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "core" / "defocus" / "shipped.py"))
    monkeypatch.setattr(shipped.importlib.metadata, "files", lambda name: ())
    with pytest.raises(defocus.InputError, match=r"flower\.jpg is missing from this installation"):
        samples.flower()
    folder = tmp_path / "data" / "share" / "napari-defocus" / "sample_data"
    shutil.copytree(FOLDER.parent / "sample_data", folder)
    listed = [
        importlib.metadata.PackagePath(f"data/share/napari-defocus/sample_data/{name}") for name in ("cells.png",)
    ]
    for file in listed:
        file.dist = SimpleNamespace(locate_file=lambda path: tmp_path / path)
    monkeypatch.setattr(shipped.importlib.metadata, "files", lambda name: listed)
    assert len(samples.cells()) == 2


@pytest.mark.slow
def test_the_samples_truth_is_what_the_core_measures():
    (truth, _, _), (picture, _, _) = samples.depth_of_field()
    radius = defocus.analyze(picture).blur_map()
    assert np.median(np.abs(radius - truth)) < 0.3
    assert np.median(radius[truth == 0]) < 0.8


def test_varying_blur_equals_each_pixels_own_disc():
    from defocus.psf.families import DiscPSF

    sharp = samples.texture((40, 50), 0)
    radius = np.linspace(1, 3, 50) * np.ones((40, 1))
    made = samples.blurred(sharp, radius)
    for column in (12, 24, 36):  # radius 1.5, 2, 2.5 within a fraction of a step
        kernel = np.asarray(DiscPSF().kernel(radius[20, column]))
        reach = kernel.shape[0] // 2
        window = sharp[20 - reach : 21 + reach, column - reach : column + reach + 1, 0]
        assert made[20, column, 0] == pytest.approx((window * kernel).sum(), abs=0.01)


def test_the_real_menus_show_the_entries():
    """In a napari of its own: the fixture's viewer has no plugin menus."""
    code = """
import json, napari
viewer = napari.Viewer(show=False)
def walk(menu, path):
    for action in menu.actions():
        here = [*path, action.text().replace("&", "")]
        if action.menu() is not None:
            action.menu().aboutToShow.emit()
            yield from walk(action.menu(), here)
        else:
            yield " > ".join(here)
bar = viewer.window._qt_window.menuBar()
print("MENUS", json.dumps([entry for entry in walk(bar, [])]))
viewer.close()
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    line = next(line for line in run.stdout.splitlines() if line.startswith("MENUS"))
    entries = {entry for entry in json.loads(line[6:]) if "Defocus" in entry}
    assert entries == {
        "File > Open Sample > Defocus > Photograph of a flower",
        "File > Open Sample > Defocus > Photograph of a cup",
        "File > Open Sample > Defocus > Object before a blurred ground, with its true blur radius",
        "File > Open Sample > Defocus > Cells on a tilted slide, with their true blur radius",
        "File > Open Sample > Defocus > Depth of field, with its true blur radius",
        "File > Open Sample > Defocus > Focus stack of a tilted surface, with its true height",
        "Layers > Measure > Blur map (Defocus)",
        "Layers > Measure > Focus over z (Defocus)",
        "Layers > Measure > Table of focus (Defocus)",
        "Layers > Filter > Restore or magnify (Defocus)",
        "Layers > Segment > In-focus mask (Defocus)",
        "Plugins > Defocus > Blur map (Defocus)",
        "Plugins > Defocus > In-focus mask (Defocus)",
        "Plugins > Defocus > Restore or magnify (Defocus)",
        "Plugins > Defocus > Focus over z (Defocus)",
        "Plugins > Defocus > Table of focus (Defocus)",
        "Plugins > Defocus > Many pictures (Defocus)",
        "Plugins > Defocus > All in tabs (Defocus)",
    }
