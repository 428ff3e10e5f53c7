"""What the docks copy gives the same result again: the command, run on the layer's pixels in a file, and the Python."""

from __future__ import annotations

import csv
import shlex

import numpy as np
import pytest
import tifffile
from PIL import Image

from defocus.command.line import app

WORDS = {"PICTURE": "scene.png", "STACK": "stack.tif", "LABELS": "labels.tif"}


@pytest.fixture
def folder(tmp_path, scene, stack):
    """The pixels as files, by the words that a copied command has for them."""
    Image.fromarray(scene[0]).save(tmp_path / "scene.png")
    tifffile.imwrite(tmp_path / "stack.tif", stack[0], photometric="minisblack")
    tifffile.imwrite(tmp_path / "labels.tif", halves())
    return tmp_path


def halves():
    return (np.where(np.arange(160) < 80, 1, 2) * np.ones((120, 1))).astype(np.uint8)


def run_command(text, folder):
    """Run a copied command in a folder, with its files in place of its words."""
    words = shlex.split(text)
    assert words[0] == "defocus"
    places = {word: str(folder / file) for word, file in WORDS.items()}
    places |= {"FOLDER": str(folder / "out"), "TABLE.csv": str(folder / "table.csv")}
    told = app([places.get(word, word) for word in words[1:]], result_action="return_value", exit_on_error=False)
    assert told == 0
    return folder / "out"


def copied(widget, button):
    button.native.click()
    assert widget.status.value == "copied"
    return widget._clip.value


def repeated(widget, folder, pixels):
    """Return what the copied command wrote, and what the copied Python computes."""
    space = dict(pixels)
    exec(copied(widget, widget.copy_python), space)
    return run_command(copied(widget, widget.copy_command), folder), space


def test_a_map(viewer, quick, finish, scene, folder):
    viewer.add_image(scene[0], name="scene")
    widget = quick("Blur map")
    widget.parameters.controls["smoothness"].value = 2.0
    widget.run_button.native.click()
    finish(widget)
    made = viewer.layers["scene blur radius (px)"].data
    out, space = repeated(widget, folder, {"picture": scene[0]})
    np.testing.assert_allclose(tifffile.imread(out / "scene_blur.tif"), made, atol=1e-5)
    np.testing.assert_allclose(space["values"], made, atol=1e-5)


def test_a_mask(viewer, quick, finish, scene, folder):
    viewer.add_image(scene[0], name="scene")
    widget = quick("In-focus mask")
    widget.parameters.controls["threshold"].value = 2.5
    widget.run_button.native.click()
    finish(widget)
    made = viewer.layers["scene in focus"].data
    out, space = repeated(widget, folder, {"picture": scene[0]})
    np.testing.assert_array_equal(np.asarray(Image.open(out / "scene_mask.png")) > 127, made == 1)
    np.testing.assert_array_equal(space["values"] > 0.5, made == 1)


@pytest.mark.parametrize(("task", "ending"), [("restore", "sharp"), ("magnify", "magnified")])
def test_a_picture(viewer, quick, finish, scene, folder, task, ending):
    viewer.add_image(scene[0], name="scene")
    widget = quick("Restore or magnify")
    widget.task.value = task
    widget.run_button.native.click()
    finish(widget)
    made = viewer.layers[-1].data
    out, space = repeated(widget, folder, {"picture": scene[0]})
    written = np.asarray(Image.open(out / f"scene_{ending}.png")).astype(int)
    assert np.abs(written - made.astype(int)).max() <= 1
    assert np.abs(np.rint(255 * np.clip(space["values"], 0, 1)) - made).max() <= 1


def test_tables(viewer, quick, finish, scene, stack, folder):
    viewer.add_image(scene[0], name="scene")
    viewer.add_labels(halves(), name="halves")
    viewer.add_image(stack[0], name="stack")
    widget = quick("Table of focus")
    for layer, rows, pixels in (
        (viewer.layers["scene"], viewer.layers["halves"], {"picture": scene[0], "labels": halves()}),
        (viewer.layers["stack"], "every plane", {"pictures": stack[0]}),
    ):
        widget.image.value = layer
        widget.rows.value = rows
        (folder / "table.csv").unlink(missing_ok=True)
        widget.run_button.native.click()
        finish(widget)
        text = copied(widget, widget.copy_command)
        if rows == "every plane":
            text = text.replace("PICTURE", "STACK")
        run_command(text, folder)
        written = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
        radius = [float(row["median_radius_px"]) for row in written]
        np.testing.assert_allclose(radius, widget.table["median_radius_px"], atol=1e-3)
        exec(copied(widget, widget.copy_python), pixels)
        np.testing.assert_allclose(pixels["table"]["median_radius_px"], widget.table["median_radius_px"], atol=1e-5)
        share = [float(row["in_focus_share"]) for row in written]
        np.testing.assert_allclose(share, widget.table["in_focus_share"], atol=1e-3)


@pytest.mark.parametrize("unknown", ["drawn", "nan"])
def test_a_stack(viewer, quick, finish, stack, folder, unknown):
    values = stack[0].copy()
    values[:, :, 90:] = 120 + np.random.default_rng(0).integers(0, 3, values[:, :, 90:].shape)
    tifffile.imwrite(folder / "stack.tif", values, photometric="minisblack")
    viewer.add_image(values, name="stack")
    widget = quick("Focus over z")
    widget.unknown.value = unknown
    widget.run_button.native.click()
    finish(widget)
    made = viewer.layers["stack height (slice)"].data
    assert np.isnan(made).any() == (unknown == "nan")
    out, space = repeated(widget, folder, {"stack": values})
    np.testing.assert_allclose(tifffile.imread(out / "height.tif"), made, atol=1e-4)
    np.testing.assert_allclose(space["values"], made, atol=1e-4)
    written = np.asarray(Image.open(out / "composite.png"))
    assert np.abs(written - viewer.layers["stack all in focus over z"].data.astype(float)).max() <= 1


def test_a_folder(viewer, open_widget, finish, scene, folder):
    (folder / "in").mkdir()
    (folder / "scene.png").rename(folder / "in" / "scene.png")
    widget = open_widget("Many pictures")
    widget.folder.value = folder / "in"
    widget.output.value = folder / "made"
    widget.task.value = "mask"
    widget.analysis.controls["window"].value = 21
    widget.run_button.native.click()
    finish(widget)
    text = copied(widget, widget.copy_command)
    words = shlex.split(text.replace("*.png", "scene.png").replace(str(folder / "made"), str(folder / "again")))
    assert app(words[1:], result_action="return_value", exit_on_error=False) == 0
    assert (folder / "made" / "scene_mask.png").read_bytes() == (folder / "again" / "scene_mask.png").read_bytes()
