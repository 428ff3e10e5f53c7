"""A whole folder from the dock: results beside the pictures, one line for what fails, the command, cancel."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

import defocus
from napari_defocus.batch import Batch, files_in


@pytest.fixture
def folder(tmp_path, scene):
    for name in ("a", "b"):
        PillowImage.fromarray(scene[0]).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "a_mask.png").write_bytes(b"an old result")
    (tmp_path / "notes.txt").write_text("words")
    return tmp_path


def test_pictures_of_a_folder_but_no_results(folder, tmp_path):
    assert [file.name for file in files_in(folder)] == ["a.png", "b.png", "broken.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(defocus.InputError, match="holds no pictures"):
        files_in(tmp_path / "empty")


def test_the_command_that_is_shown_is_the_one_that_runs(folder):
    batch = Batch("map", files_in(folder), folder / "out put", {"analysis": {"window": 21, "noise": 1e-4}})
    words = shlex.split(batch.shown(folder))
    assert words[:2] == ["defocus", "map"]
    assert words[2] == f"{folder}/*.png"
    assert words[3:] == ["--output", str(folder / "out put"), "--window", "21", "--noise", "0.0001"]


def test_a_folder_is_done_with_the_settings_of_the_dock(viewer, open_widget, finish, folder, scene):
    widget = open_widget("Many pictures")
    widget.folder.value = folder
    widget.output.value = folder / "maps"
    for field, value in {"window": 21, "spacing": 4}.items():
        widget.analysis.controls[field].value = value
    widget.run_button.native.click()
    assert widget.cancel_button.enabled
    finish(widget)
    assert widget.status.value.startswith("2 files done, 1 not: broken.png: ")
    assert "--window 21 --spacing 4" in widget.command.value
    wanted = defocus.analyze(scene[0], window=21, spacing=4).blur_map()
    for name in ("a", "b"):
        np.testing.assert_allclose(tifffile.imread(folder / "maps" / f"{name}_blur.tif"), wanted, atol=1e-4)


def test_cancel_ends_the_process(viewer, open_widget, finish, folder):
    widget = open_widget("Many pictures")
    widget.folder.value = folder
    widget.run_button.native.click()
    widget.cancel_button.native.click()
    finish(widget)
    assert widget.status.value == "cancelled"
    assert not [file for file in folder.iterdir() if file.name.startswith(".defocus")]


def test_no_folder_is_said(viewer, open_widget, notifications):
    widget = open_widget("Many pictures")
    widget.run_button.native.click()
    assert widget.status.value == "choose a folder of pictures first"


def test_selected_layers_are_done_one_by_one(viewer, open_widget, finish, scene, stack):
    """Each as the library does it; what fails is one line, and what is not selected is left alone."""
    left = viewer.add_image(scene[0], name="left", rgb=True)
    other = viewer.add_image(scene[0][::-1], name="other", rgb=True)
    small = viewer.add_image(np.zeros((9, 9)), name="small")
    many = viewer.add_image(stack[0], name="many")
    flat = viewer.add_image(np.full((60, 80), 7, np.uint8), name="flat")
    widget = open_widget("Many pictures")
    widget.pictures.value = "layers"
    for field, value in {"window": 21, "spacing": 4}.items():
        widget.analysis.controls[field].value = value
    widget.planes.value = "all slices"
    viewer.layers.selection = {left, small, many, flat}
    widget.run_button.native.click()
    assert widget.cancel_button.enabled
    finish(widget)
    assert widget.status.value.startswith("3 layers done, 1 not: small: ")
    assert widget.status.value.endswith("; little is known of flat")
    results = {layer.name: layer for layer in viewer.layers if layer not in (left, other, small, many, flat)}
    assert set(results) == {"left blur radius (px)", "many blur radius (px)", "flat blur radius (px)"}
    wanted = defocus.analyze(scene[0], window=21, spacing=4).blur_map()
    np.testing.assert_allclose(results["left blur radius (px)"].data, wanted, atol=1e-4)
    assert results["many blur radius (px)"].data.shape == stack[0].shape
    assert viewer.layers.selection == {left, small, many, flat}
    widget.copy_python.native.click()
    copied = widget._clip.value
    for name, picture in (("left", scene[0]), ("many", stack[0][0])):
        assert f"picture is the array of {name}" in copied
        lines = copied[copied.index(f"# {name} ") :]
        scope = {"picture": picture}
        exec(lines.split("\n# ")[0], scope)
        shown = results[f"{name} blur radius (px)"].data
        np.testing.assert_allclose(scope["values"], shown if name == "left" else shown[0], atol=1e-4)


def test_layers_that_are_done_stay_when_the_rest_is_cancelled(viewer, open_widget, finish, qtbot, scene):
    viewer.add_image(scene[0], name="a", rgb=True)
    planes = np.array([np.roll(scene[0], z, axis=1) for z in range(200)])  # none is measured by another's analysis
    viewer.add_image(planes, name="long", rgb=True)
    widget = open_widget("Many pictures")
    widget.pictures.value = "layers"
    widget.task.value = "mask"
    widget.planes.value = "all slices"
    viewer.layers.selection = set(viewer.layers)
    widget.run_button.native.click()
    qtbot.waitUntil(lambda: "a in focus" in viewer.layers, timeout=120_000)
    widget.cancel_button.native.click()
    finish(widget)
    assert widget.status.value == "cancelled"
    assert "long in focus" not in viewer.layers
    wanted = defocus.analyze(scene[0]).focus_mask()
    np.testing.assert_array_equal(viewer.layers["a in focus"].data.astype(bool), wanted)


def test_no_layer_is_said(viewer, open_widget, notifications):
    widget = open_widget("Many pictures")
    widget.pictures.value = "layers"
    widget.run_button.native.click()
    assert widget.status.value == "select image layers in the list of layers first"
