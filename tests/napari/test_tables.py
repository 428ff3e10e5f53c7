"""The table dock and its function: labelled parts and planes, in a real viewer."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from napari.layers import Image, Labels

import defocus
from defocus.parameters import AnalysisParameters
from napari_defocus import focus_table

QUICK = AnalysisParameters(window=21, spacing=4)


@pytest.fixture
def halves(scene):
    """Labels: 3 is the half in focus, 5 the blurred one, but for their border."""
    labels = np.where(np.arange(160) < 80, 3, 5) * np.ones((120, 1), int)
    labels[:, 70:90] = 0
    return labels


def test_parts_are_those_of_the_core(scene, halves):
    table = focus_table(Image(scene[0], name="scene"), Labels(halves), analysis=QUICK, threshold=2.0)
    analysis = defocus.analyze(scene[0], QUICK)
    radius = analysis.blur_map(unknown="nan")
    for row, label in enumerate((3, 5)):
        here = (halves == label) & np.isfinite(radius)
        assert table["median_radius_px"][row] == pytest.approx(np.median(radius[here]), abs=1e-5)
    assert list(table["verdict"]) == ["in focus", "out of focus"]


def test_labels_of_another_shape_are_refused(scene, halves):
    with pytest.raises(defocus.InputError, match="labels of shape"):
        focus_table(Image(scene[0]), halves[:50], analysis=QUICK)


def test_the_dock_fills_the_features_of_the_labels_and_writes_a_table(viewer, quick, finish, scene, halves, tmp_path):
    viewer.add_image(scene[0], name="scene")
    labels = viewer.add_labels(halves, name="halves")
    widget = quick("Table of focus")
    assert widget.rows.value is labels
    widget.run_button.native.click()
    finish(widget)
    assert list(labels.features["index"]) == [3, 5]
    assert list(labels.features["verdict"]) == ["in focus", "out of focus"]
    assert widget.view.shape == (2, 7)
    assert widget.summary.value == "1 of 2 parts in focus, 0 unknown"
    widget.view.native.cellClicked.emit(1, 0)
    assert labels.selected_label == 5
    widget.saving.file.value = tmp_path / "new" / "t.csv"
    widget.saving.button.native.click()
    assert not (tmp_path / "new").exists()  # a folder that is not there is asked for
    assert widget.saving.button.text == "Make the folder"
    widget.saving.button.native.click()
    read = list(csv.DictReader(io.StringIO((tmp_path / "new" / "t.csv").read_text(encoding="utf-8"))))
    assert [row["label"] for row in read] == ["3", "5"]
    widget.copy_command.native.click()
    assert widget._clip.value.startswith("defocus info PICTURE --within LABELS --table TABLE.csv")
    widget.copy_python.native.click()
    space = {"picture": scene[0], "labels": halves}
    exec(widget._clip.value, space)
    np.testing.assert_allclose(space["table"]["median_radius_px"], widget.table["median_radius_px"], atol=1e-5)


def test_planes_of_a_stack_and_a_click_that_goes_there(viewer, quick, finish, stack):
    viewer.add_image(stack[0], name="stack", axis_labels=("z", "y", "x"), scale=(3, 1, 1))
    widget = quick("Table of focus")
    widget.rows.value = "every plane"
    widget.threshold.value = 2.0
    widget.run_button.native.click()
    finish(widget)
    np.testing.assert_array_equal(widget.table["z"], range(4))
    assert widget.table["median_radius_px"][[1, 2]].max() < widget.table["median_radius_px"][[0, 3]].min()
    widget.view.native.cellClicked.emit(3, 0)
    assert viewer.dims.point[0] == 9
    assert "4 planes" in widget.summary.value


def test_changed_settings_show_until_they_are_reset(viewer, open_widget):
    widget = open_widget("Table of focus")
    assert widget.more.text == "Analysis settings"
    widget.analysis.controls["window"].value = 21
    widget.analysis.controls["spacing"].value = 4
    assert widget.more.text == "Analysis settings (2 changed)"
    widget.reset.native.click()
    assert widget.more.text == "Analysis settings"


def test_cells_are_written_with_units_and_no_more_digits_than_are_known(viewer, quick, finish, scene, halves):
    viewer.add_image(scene[0], name="scene")
    viewer.add_labels(halves, name="halves")
    widget = quick("Table of focus")
    widget.run_button.native.click()
    finish(widget)
    native = widget.view.native
    heads = [native.horizontalHeaderItem(place).text() for place in range(native.columnCount())]
    assert heads == ["label", "verdict", "radius (px)", "in focus", "known", "confidence", "pixels"]
    assert native.horizontalHeaderItem(2).toolTip() == "median radius px"
    for row in range(2):
        shown = [native.item(row, place).text() for place in range(len(heads))]
        drawn = [native.itemDelegate().displayText(text, native.locale()) for text in shown]
        table = {name: column[row] for name, column in widget.table.items()}
        assert drawn == [
            str(table["label"]),
            table["verdict"],
            f"{table['median_radius_px']:.2f}",
            f"{table['in_focus_share']:.0%}",
            f"{table['known_share']:.0%}",
            f"{table['confidence']:.0%}",
            str(table["pixels"]),
        ]
