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
    widget = open_widget("Whole folder")
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
    widget = open_widget("Whole folder")
    widget.folder.value = folder
    widget.run_button.native.click()
    widget.cancel_button.native.click()
    finish(widget)
    assert widget.status.value == "cancelled"
    assert not [file for file in folder.iterdir() if file.name.startswith(".defocus")]


def test_no_folder_is_said(viewer, open_widget, notifications):
    widget = open_widget("Whole folder")
    widget.run_button.native.click()
    assert widget.status.value == "choose a folder of pictures first"
