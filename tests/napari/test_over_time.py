"""Focus over time in the dock: the sharpest slice of each time, what is plotted, written, and gone to by a click."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile
from napari.layers import Image

import defocus
from defocus.parameters import AnalysisParameters
from defocus.psf.simulation import simulate_blur
from defocus.timelapse import focus_over_time
from napari_defocus.engine import LocalEngine
from napari_defocus.layers.source import Source
from napari_defocus.over_time import TimeRequest, computed_times, time_axes
from napari_defocus.requests import Run

TRUE = [1, 2, 3]


@pytest.fixture(scope="module")
def series():
    """Counts of a specimen whose focus drifts, uint16 (T, C, Z, H, W); in the second channel stands 10 t + z."""
    rng = np.random.default_rng(0)
    sharp = np.kron(rng.random((64, 64)), np.ones((2, 2))).astype(np.float32)
    counts = np.empty((3, 2, 5, 128, 128), np.uint16)
    for time, best in enumerate(TRUE):
        for z in range(5):
            light = np.maximum(simulate_blur(sharp, np.full(sharp.shape, 0.9 * abs(z - best), np.float32)), 0)
            counts[time, 0, z] = 100 + rng.poisson(1000 * np.exp(-time) * light)  # it bleaches
            counts[time, 1, z] = 10 * time + z
    return counts


LABELS = ("t", "c", "z", "y", "x")


def test_axes_of_time_are_those_of_no_channel_nor_focus(series):
    source = Source.from_layer(Image(series, axis_labels=LABELS))
    assert time_axes(source, -3) == [-5]
    assert time_axes(source, -5) == [-3]
    assert time_axes(Source.from_layer(Image(series[0], axis_labels=LABELS[1:])), -3) == []
    with pytest.raises(defocus.InputError, match="no axis of time"):
        TimeRequest(source, -3, -4, (0, 0, 0))


@pytest.mark.parametrize("order", ["tczyx", "ztcyx"])
def test_the_layer_holds_the_sharpest_slice_of_each_time_wherever_one_looks(series, order):
    values = series.transpose([LABELS.index(axis) for axis in order])
    layer = Image(values, name="s", axis_labels=tuple(order), scale=(5, 1, 2, 0.1, 0.1))
    z, t = (order.index(axis) - 5 for axis in "zt")
    request = TimeRequest(Source.from_layer(layer), z, t, (0, 0, 0), AnalysisParameters(spacing=8))
    data, about, kind = computed_times(request, Run(LocalEngine()))
    assert kind == "image"
    assert data.shape == values.shape
    assert tuple(about["scale"]) == (5, 1, 2, 0.1, 0.1)
    at_times = np.moveaxis(data, [t, z], [0, 1])
    for time, best in enumerate(TRUE):
        for seen in range(5):
            np.testing.assert_array_equal(at_times[time, seen], np.moveaxis(values, [t, z], [0, 1])[time, best])
    table = about["metadata"]["defocus"]["table"]
    expected = focus_over_time(series[:, 0])
    assert table["sharpest"].tolist() == TRUE
    np.testing.assert_array_equal(table["confidence"], expected["confidence"])
    for time, best in enumerate(TRUE):  # each by a threshold of its own
        analysis = defocus.analyze(series[time, 0, best], spacing=8, kind="brightfield")
        assert table["threshold_px"][time] == pytest.approx(analysis.threshold, abs=1e-6)


def test_the_dock_follows_focus_over_time(viewer, quick, finish, series, tmp_path):
    layer = viewer.add_image(series, name="s", axis_labels=LABELS, units=("s", "pixel", "um", "um", "um"))
    layer.scale = (60, 1, 0.5, 0.1, 0.1)
    widget = quick("Focus over z")
    widget.analysis.controls["spacing"].value = 8
    assert widget.axis.value == -3
    widget.over_time.value = True
    widget.run_button.native.click()
    finish(widget)
    assert widget.status.value == "The sharpest slice moves between 1 and 3 over 3 times"
    made = viewer.layers["s sharpest over time"]
    assert made.data[2, 1, 0, 0, 0] == 23
    left, right = widget.plot.figure.axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), TRUE)
    np.testing.assert_allclose(right.lines[0].get_ydata(), widget.times["median_radius_px"])
    assert right.get_ylim()[1] > np.max(widget.times["median_radius_px"])
    widget.go_to(2)
    assert viewer.dims.point[0] == 120
    assert viewer.dims.point[2] == pytest.approx(1.5)
    for what, name in (("sharpest_over_time", "s.ome.tif"), ("curve", "s.csv")):
        widget.what.value = what
        widget.saving.file.value = tmp_path / name
        widget.saving.button.native.click()
        assert widget.status.value == f"wrote {name}"
    with tifffile.TiffFile(tmp_path / "s.ome.tif") as tiff:
        assert tiff.series[0].axes in ("TCZYX", "TCYX")
        written = tiff.asarray().reshape(3, 2, 128, 128)  # each slice once
    np.testing.assert_array_equal(written, series[[0, 1, 2], :, TRUE])
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert [row["sharpest"] for row in rows] == ["1", "2", "3"]
    widget.copy_python.native.click()
    space = {"stack": series}
    exec(widget._clip.value, space)
    np.testing.assert_array_equal(space["values"], made.data[:, :, 0])
    widget.copy_command.native.click()
    assert widget._clip.value == "defocus stack STACK --output FOLDER --channel 0 --window 21 --spacing 8"
    widget.over_time.value = False  # and heights of one time again
    widget.run_button.native.click()
    finish(widget)
    assert widget.times is None
    assert widget.what.choices == ("height_map", "composite", "curve")


def test_a_series_of_nothing_says_so(viewer, quick, finish):
    noise = np.random.default_rng(0).poisson(25, (2, 3, 96, 128)).astype(np.uint16)
    viewer.add_image(noise, name="noise", axis_labels=("t", "z", "y", "x"))
    widget = quick("Focus over z")
    widget.over_time.value = True
    widget.run_button.native.click()
    finish(widget)
    assert "no slice is in focus at any time" in widget.status.value
    assert len(viewer.layers) == 1
