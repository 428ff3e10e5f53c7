"""What a newcomer meets: the documented first steps, docks that fit, files and names that say what they are."""

import re
from pathlib import Path

import numpy as np
import pytest

import defocus
import defocus.parameters

DOCS = Path(__file__).parents[2] / "docs" / "napari.md"
QUICK = {"window": 21, "spacing": 4}


def press(button):
    button.native.click()


def test_the_documented_first_steps_lead_where_they_say(make_napari_viewer, qtbot, finish):
    text = DOCS.read_text(encoding="utf-8")
    steps = re.search(r"## First steps\n(.*?)\n## ", text, re.DOTALL)[1]
    bold = set(re.findall(r"\*\*(.+?)\*\*", " ".join(steps.split())))
    viewer = make_napari_viewer(show=True)
    assert "File > Open Sample > Defocus > Depth of field, with its true blur radius" in bold
    truth, picture = viewer.open_sample("napari-defocus", "depth_of_field")
    assert viewer.layers.selection.active is picture

    assert "Plugins > Defocus > Blur map" in bold
    blur = viewer.window.add_plugin_dock_widget("napari-defocus", "Blur map")[1]
    assert blur.image.value is picture
    assert truth not in blur.image.choices  # the truth is nothing to measure
    assert blur.run_button.text in bold
    press(blur.run_button)
    finish(blur)
    radius = viewer.layers["depth of field blur radius (px)"]
    assert f"`{radius.name}`" in steps
    assert np.median(np.abs(radius.data - truth.data)) < 0.4

    assert "Plugins > Defocus > In-focus mask" in bold
    mask = viewer.window.add_plugin_dock_widget("napari-defocus", "In-focus mask")[1]
    assert mask.image.value is picture
    assert mask.run_button.text in bold
    press(mask.run_button)
    finish(mask)
    layer = viewer.layers["depth of field in focus"]
    before, found = layer.data.copy(), layer.metadata["defocus"]["threshold"]
    threshold = mask.parameters.controls["threshold"]
    assert "In focus up to" in bold
    assert threshold.slider.value == pytest.approx(found, abs=0.06)  # where auto is
    threshold.slider.value = 5.0
    finish(mask)
    assert not threshold.automatic.value
    assert layer.data.sum() > before.sum()  # the mask follows
    for widget in (blur, mask):
        widget.shut_down()


def test_docks_stay_narrow_whatever_they_have_to_say(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(np.zeros((60, 80)), name="a name that nobody could read in a list of choices " * 3)
    widgets = []
    for name in ("Blur map", "In-focus mask", "Restore or magnify", "Focus over z"):
        dock, widget = viewer.window.add_plugin_dock_widget("napari-defocus", name)
        widgets.append(widget)
        press(widget.more)
        widget._complain(defocus.InputError("/one/long/path" * 12 + ".png: cannot be written, for " + "reasons " * 30))
        qtbot.wait(50)
        assert dock.width() <= 360
        assert dock.minimumSizeHint().width() <= 360
        inside, shown = widget._panel.native, widget._panel.root_native_widget.viewport()
        assert inside.minimumSizeHint().width() <= shown.width()  # nothing is cut off at the right
        labels = [one for one in inside.findChildren(type(widget.status.native)) if one.isVisible() and one.text()]
        assert len(labels) > 10
        for label in labels:
            assert label.heightForWidth(label.width()) <= label.height(), label.text()  # nor at the bottom
        before = {label.mapTo(inside, label.rect().topLeft()).x() for label in labels if label.wordWrap()}
        assert len(before) == 1  # in line
        bar = widget.scroll_bar
        bar.setValue(bar.maximum())
        last = widget.copy_command.native
        below = last.mapTo(shown, last.rect().bottomLeft()).y()
        assert below <= shown.height()  # the last button is reached
    qtbot.wait(50)
    assert viewer.window._qt_window.height() <= 768  # all four, one below the other
    for widget in widgets:
        widget.shut_down()


def test_focus_over_z_says_what_it_needs(viewer, open_widget, scene, stack):
    viewer.add_image(scene[0], name="scene")
    widget = open_widget("Focus over z")
    assert "needs a stack" in widget.status.value
    assert not widget.run_button.enabled
    viewer.add_image(stack[0], name="stack")
    assert not widget.status.value
    assert widget.run_button.enabled


def test_what_auto_found_stands_beside_the_word(viewer, quick, finish, scene):
    viewer.add_image(scene[0], name="scene")
    widget = quick("Blur map")
    press(widget.run_button)
    finish(widget)
    analysis = defocus.analyze(scene[0], **QUICK)
    noise, largest = (widget.analysis.controls[name] for name in ("noise", "max_radius"))
    assert float(noise.number.value) == pytest.approx(analysis.noise_variance, rel=0.05)
    assert largest.number.value == pytest.approx(analysis.max_radius)
    assert (noise.value, largest.value) == ("auto", "auto")
    assert widget.analysis.changed_values.keys() == {"window", "spacing"}  # which the test set


def test_other_maps_of_the_core_are_offered(viewer, quick, finish, scene):
    viewer.add_image(scene[0], name="scene")
    widget = quick("Blur map")
    widget.what.value = "confidence"
    press(widget.run_button)
    finish(widget)
    layer = viewer.layers["scene confidence"]
    np.testing.assert_allclose(layer.data, defocus.analyze(scene[0], **QUICK).confidence, atol=1e-6)
    assert layer.contrast_limits == [0, 1]
    assert layer not in widget.image.choices


def test_export_names_the_file_and_asks_before_it_overwrites(viewer, quick, finish, scene, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    viewer.add_image(scene[0], name="my/scene")
    widget = quick("In-focus mask")
    press(widget.run_button)
    finish(widget)
    assert Path(widget.saving.file.value) == tmp_path / "my_scene_in_focus.png"
    press(widget.saving.button)
    first = (tmp_path / "my_scene_in_focus.png").read_bytes()
    widget.parameters.controls["threshold"].value = 6.0
    finish(widget)
    press(widget.saving.button)
    assert "there already" in widget.status.value
    assert (tmp_path / "my_scene_in_focus.png").read_bytes() == first
    press(widget.saving.button)
    assert (tmp_path / "my_scene_in_focus.png").read_bytes() != first
    press(widget.saving.button)  # and asks again the next time
    assert "there already" in widget.status.value
    widget.invert.value = True
    finish(widget)
    assert viewer.layers[-1].name == "my/scene not in focus"
    assert Path(widget.saving.file.value).name == "my_scene_not_in_focus.png"
    viewer.layers[-1].name = "mine"
    widget.invert.value = False
    finish(widget)
    assert viewer.layers[-1].name == "mine"


def test_a_segmentation_is_not_taken_for_hints(viewer, quick, finish, scene):
    viewer.add_image(scene[0], name="scene")
    cells = viewer.add_labels(np.ones(scene[0].shape[:2], int), name="cells")
    widget = quick("In-focus mask")
    assert cells not in widget.hints.choices
    press(widget.add_hints)
    assert widget.hints.value.name == "scene focus hints"


def test_a_full_mask_says_so(viewer, quick, finish, scene):
    viewer.add_image(scene[0], name="scene")
    widget = quick("In-focus mask")
    widget.parameters.controls["threshold"].value = 7.9
    press(widget.run_button)
    finish(widget)
    assert widget.status.value == "The mask is full: everything is in focus at 7.9 px."
    widget.invert.value = True
    finish(widget)
    assert widget.status.value == "The mask is empty: nothing is out of focus at 7.9 px."


def test_one_slice_cut_anew_in_a_stack_says_so(viewer, quick, finish, stack):
    viewer.add_image(stack[0], name="stack")
    widget = quick("In-focus mask")
    widget.planes.value = "all slices"
    press(widget.run_button)
    finish(widget)
    mask = viewer.layers["stack in focus"]
    before = mask.data.copy()
    viewer.dims.set_current_step(0, 1)
    widget.parameters.controls["threshold"].slider.value = 1.2
    finish(widget)
    assert (mask.data != before).any(axis=(1, 2)).tolist() in ([False, True, False, False], [False] * 4)
    assert widget.status.value.startswith("Cut in this slice only")
    assert mask.metadata["defocus"]["changed_since"] == [1]


def test_channels_have_results_of_their_own(viewer, quick, finish, stack):
    values, _ = stack
    viewer.add_image(values[1:3], name="cells", axis_labels=("c", "y", "x"))
    widget = quick("Blur map")
    for channel in (0, 1):
        viewer.dims.set_current_step(0, channel)
        press(widget.run_button)
        finish(widget)
    for channel in (0, 1):
        layer = viewer.layers[f"cells channel {channel} blur radius (px)"]
        np.testing.assert_array_equal(layer.data[0], defocus.analyze(values[1 + channel], **QUICK).blur_map())


def test_strokes_start_nothing_in_the_middle_of_drawing_and_cuts_leave_the_activity_dock_alone(
    viewer, quick, finish, scene, monkeypatch
):
    from napari.utils.progress import progress

    viewer.add_image(scene[0], name="scene")
    widget = quick("In-focus mask")
    press(widget.run_button)
    finish(widget)
    press(widget.add_hints)
    finish(widget)
    hints = widget.hints.value
    bars = []
    monkeypatch.setattr(
        progress, "__init__", lambda self, *a, **k: bars.append(a) or (_ for _ in ()).throw(AssertionError)
    )
    hints.data[50:70, 120:140] = 1
    hints.events.set_data()  # as when napari draws the layer
    assert widget.running  # it will be, but nothing has begun that could enter the event loop
    assert not widget._runner.running
    finish(widget)
    assert viewer.layers["scene in focus"].data[50:70, 120:140].all()
    assert not bars


def test_a_report_that_enters_the_event_loop_is_not_nested(viewer, quick, finish, scene, monkeypatch):
    """napari's bars let other events in while they are drawn; more of them there would end the program."""
    from napari.utils.progress import cancelable_progress
    from qtpy.QtWidgets import QApplication

    depth, deepest = [0], [0]

    def update(self, n=1):
        depth[0] += 1
        deepest[0] = max(deepest[0], depth[0])
        for _ in range(5):
            QApplication.processEvents()
        depth[0] -= 1

    monkeypatch.setattr(cancelable_progress, "update", update)
    viewer.add_image(np.tile(scene[0], (3, 3, 1)), name="scene")
    widget = quick("Blur map")
    widget.analysis.controls["spacing"].value = 1
    press(widget.run_button)
    finish(widget)
    assert deepest[0] == 1


def test_a_result_whose_picture_is_gone_is_dropped_with_a_word(viewer, quick, finish, scene):
    layer = viewer.add_image(scene[0], name="scene")
    widget = quick("Blur map")
    press(widget.run_button)
    viewer.layers.remove(layer)
    finish(widget)
    assert not len(viewer.layers)
    assert widget.status.value == "scene was removed meanwhile; its result is dropped"


def test_the_last_result_is_copied_as_python_and_as_a_command(viewer, quick, finish, scene, notifications):
    from qtpy.QtWidgets import QApplication

    picture = viewer.add_image(scene[0], name="scene")
    widget = quick("In-focus mask")
    press(widget.copy_python)
    assert "no result yet" in notifications[-1]
    widget.parameters.controls["threshold"].value = 2.5
    press(widget.run_button)
    finish(widget)
    press(widget.copy_python)
    names = {"picture": picture.data}
    exec(QApplication.clipboard().text(), names)
    np.testing.assert_array_equal(names["values"], viewer.layers["scene in focus"].data)
    press(widget.copy_command)
    assert QApplication.clipboard().text() == (
        "defocus mask PICTURE --output FOLDER --window 21 --spacing 4 --threshold 2.5"
    )


def test_a_map_is_written_with_what_it_was_made_by(viewer, quick, finish, scene, tmp_path, notifications):
    import json

    import tifffile

    viewer.add_image(scene[0], name="scene", scale=(0.5, 0.5), units=("um", "um"))
    widget = quick("Blur map")
    widget.unit.value = "layer"
    press(widget.saving.button)
    assert "no result yet" in notifications[-1]
    press(widget.run_button)
    finish(widget)
    assert Path(widget.saving.file.value).name == "scene_blur_radius_µm.ome.tif"
    widget.saving.file.value = tmp_path / "map.tif"
    press(widget.saving.button)
    with tifffile.TiffFile(tmp_path / "map.tif") as written:
        about = json.loads(written.pages[0].description)
        np.testing.assert_array_equal(written.asarray(), viewer.layers["scene blur radius (µm)"].data)
    assert (about["unit"], about["version"]) == ("µm", defocus.__version__)
    assert about["analysis"]["window"] == 21


@pytest.mark.parametrize("kind", ["constant", "noise"])
def test_pictures_that_tell_nothing_say_so(viewer, open_widget, finish, kind):
    """In one line, for maps and masks alike; a textured one leaves the line empty."""
    values = np.full((90, 110), 700, np.uint16)
    if kind == "noise":
        values = (np.random.default_rng(0).poisson(30, values.shape) + 100).astype(np.uint16)
    viewer.add_image(values, name="empty")
    for name in ("Blur map", "In-focus mask"):
        widget = open_widget(name)
        widget.analysis.controls["kind"].value = "fluorescence"
        widget.run()
        finish(widget)
        assert widget.status.value.startswith("Nothing is known of its blur")


def test_a_sheared_stack_is_refused_in_one_line(viewer, open_widget, stack):
    viewer.add_image(stack[0], name="skewed", shear=[0.5, 0, 0])
    widget = open_widget("Blur map")
    widget._on_run()
    assert "lies across its slices" in widget.status.value
    assert not widget.running


@pytest.mark.parametrize(
    ("place", "refused"),
    [
        ({"shear": [0.5, 0, 0]}, True),
        ({"shear": [0, 0.5, 0], "scale": (3, 0.2, 0.2)}, True),
        ({"affine": np.array([[1, 0, 0, 0], [0.4, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])}, True),
        ({"rotate": (20, 30, 40), "scale": (3, 0.5, 0.5)}, False),
        ({"shear": [0, 0, 0.3]}, False),  # within the slices
        ({"shear": [0.01, 0, 0]}, False),  # less than can be seen
    ],
)
def test_focus_over_z_refuses_slices_that_are_not_in_line(viewer, quick, finish, stack, notifications, place, refused):
    viewer.add_image(stack[0], name="skewed", **place)
    widget = quick("Focus over z")
    press(widget.run_button)
    if refused:
        assert widget.status.value == (
            "skewed is sheared, and its slices do not lie straight above each other: resample it"
        )
        assert notifications == [widget.status.value]
        assert not widget.running
        return
    assert widget.running
    finish(widget)
    assert not notifications
    assert "skewed height (slice)" in viewer.layers


def test_settings_are_kept_between_docks_until_they_are_reset(viewer, quick, open_widget, finish, scene):
    viewer.add_image(scene[0], name="scene", rgb=True)
    first = quick("Blur map")
    untouched = open_widget("Restore or magnify")
    assert untouched.analysis.controls["window"].value == 41  # nothing was measured by them yet
    first.analysis.controls["psf"].value = "gaussian"
    first.run()
    finish(first)
    second = open_widget("In-focus mask")
    kept = second.analysis.parameters
    assert (kept.window, kept.spacing, kept.psf) == (21, 4, "gaussian")
    second.reset.native.click()
    assert second.analysis.parameters == defocus.parameters.AnalysisParameters()
    assert open_widget("Focus over z").analysis.parameters == defocus.parameters.AnalysisParameters()


@pytest.mark.parametrize("text", ["", "[1]", '{"analysis": 3}', '{"analysis": {"window": 7, "colour": 1, "psf": "x"}}'])
def test_settings_that_make_no_sense_are_passed_over(viewer, open_widget, tmp_path, text):
    file = tmp_path / "state" / "defocus" / "napari.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert open_widget("Blur map").analysis.parameters == defocus.parameters.AnalysisParameters()
