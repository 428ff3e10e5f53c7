"""What Focus over z gives beside heights: other channels, the sharpest slices, what is unknown, and all of it again."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from napari.layers import Image, Layer

import defocus
from defocus.parameters import AnalysisParameters, MapParameters
from napari_defocus.engine import LocalEngine
from napari_defocus.focus_over_z import StackRequest, computed_stack
from napari_defocus.functions import as_source
from napari_defocus.reproduce import as_command, as_python
from napari_defocus.requests import Run

QUICK = AnalysisParameters(window=21, spacing=4)


def results(layer, **options):
    request = StackRequest(as_source(layer), analysis=QUICK, **options)
    return [Layer.create(*one) for one in computed_stack(request, Run(LocalEngine()))]


def test_one_channels_focus_makes_the_composite_of_all(stack):
    values, best = stack
    other = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((96, 128), np.uint8)  # tells which slice it is from
    layer = Image(np.stack([values, other], axis=1), name="s", axis_labels=("z", "c", "y", "x"))
    made = results(layer, axis=-4, index=(0, 0), all_channels=True)
    names = {one.name: one.data for one in made}
    heights = names["s channel 0 height (slice)"]
    np.testing.assert_array_equal(names["s channel 1 all in focus over z"], np.rint(heights))
    assert np.abs(np.rint(heights) - best)[:, np.abs(np.arange(128) - 64) > 12].mean() < 0.1
    assert "s channel 0 all in focus over z" in names


def test_the_sharpest_slices_lie_in_their_place(stack):
    values, _ = stack
    layer = Image(values, name="s", scale=(3, 1, 1), translate=(10, 0, 0))
    made = results(layer, around=1)
    heights = made[-1].metadata["defocus"]
    sharpest = heights["curve"].sharpest
    assert sharpest in (1, 2)
    part = next(one for one in made if one.name == "s sharpest slices")
    np.testing.assert_array_equal(part.data, values[sharpest - 1 : sharpest + 2])
    np.testing.assert_allclose(part.data_to_world((0, 0, 0)), layer.data_to_world((sharpest - 1, 0, 0)))


def test_heights_are_left_out_where_nothing_is_known(stack):
    values = stack[0].copy()
    values[:, :, 64:] = 120 + np.random.default_rng(0).integers(0, 3, values[:, :, 64:].shape)
    drawn, left = (
        results(Image(values, name="s"), parameters=MapParameters(unknown=word))[-1] for word in ("drawn", "nan")
    )
    assert np.isfinite(drawn.data).all()
    assert np.isnan(left.data[:, 110:]).mean() > 0.9
    assert np.isfinite(left.data[:, :48]).mean() > 0.95
    assert left.metadata["defocus"]["known_share"] < 0.8
    np.testing.assert_array_equal(left.data[np.isfinite(left.data)], drawn.data[np.isfinite(left.data)])


def test_the_python_of_heights_and_composite_makes_them_again(stack):
    values, _ = stack
    layer = Image(values, name="s", scale=(0.5, 1, 1), units=("um", "um", "um"))
    composite, heights = results(layer, unit="layer")
    for made in (composite, heights):
        space = {"stack": values}
        exec(as_python(made.metadata["defocus"]), space)
        np.testing.assert_allclose(space["values"], made.data, atol=1e-4)


def test_what_a_command_cannot_do_is_refused_in_words(scene):
    import napari_defocus

    inverted = napari_defocus.focus_mask_layer(Image(scene[0], name="s"), analysis=QUICK, invert=True)
    with pytest.raises(defocus.InputError, match="marks what is in focus"):
        as_command(inverted[1]["metadata"]["defocus"])
    layer = Image(scene[0], name="s", scale=(0.5, 0.5), units=("um", "um"))
    radius = napari_defocus.blur_map_layer(layer, analysis=QUICK, unit="layer")
    with pytest.raises(defocus.InputError, match="radii in px, not in"):
        as_command(radius[1]["metadata"]["defocus"])


def test_height_composite_and_curve_are_written_from_the_dock(viewer, quick, finish, stack, tmp_path):
    import tifffile

    values, _ = stack
    viewer.add_image(values, name="s")
    widget = quick("Focus over z")
    widget.run_button.native.click()
    finish(widget)
    assert "is the sharpest (confidence" in widget.status.value
    for what, name in (("height_map", "h.tif"), ("composite", "c.tif"), ("curve", "k.csv")):
        widget.what.value = what
        widget.saving.file.value = tmp_path / name
        widget.saving.button.native.click()
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "h.tif"), viewer.layers["s height (slice)"].data)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "c.tif"), viewer.layers["s all in focus over z"].data)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "k.csv").read_text(encoding="utf-8"))))
    assert [row["slice"] for row in rows] == list("0123")
    assert [row["sharpest"] for row in rows].count("true") == 1
    widget.what.value = "composite"
    widget.copy_python.native.click()
    assert "composite(slices, found.heights)" in widget._clip.value


def test_a_stack_of_noise_says_that_nothing_is_in_focus(viewer, quick, finish):
    noise = np.random.default_rng(0).poisson(25, (4, 96, 128)).astype(np.uint16)
    viewer.add_image(noise, name="noise")
    widget = quick("Focus over z")
    widget.run_button.native.click()
    finish(widget)
    assert widget.status.value.startswith("No slice is in focus")
    assert widget.sharpest.value == "none"
    assert not widget.go.enabled


def test_a_threshold_for_each_slice(stack):
    import napari_defocus

    values, _ = stack
    layer = Image(values, name="s")
    one, each = (napari_defocus.focus_mask_layer(layer, analysis=QUICK, each=word) for word in (False, True))
    for z in range(4):
        alone = napari_defocus.focus_mask_layer(layer, analysis=QUICK, index=(z,))
        np.testing.assert_array_equal(each[0][z], alone[0][0])
    empty = [z for z in range(4) if not one[0][z].any()]
    assert one[1]["metadata"]["defocus"]["empty_slices"] == len(empty)
