"""Every widget in a real viewer, driven as a person drives it."""

import numpy as np
import pytest
from napari.layers import Image, Labels
from scipy import ndimage

import defocus
from defocus.parameters import AnalysisParameters

QUICK = {"window": 21, "spacing": 4}


def _stages_of_measuring(picture):
    stages = set()
    defocus.analyze(picture, progress=lambda _, stage: stages.add(stage), **QUICK)
    assert stages
    return stages


def press(button):
    button.native.click()


def test_blur_map_is_added_beside_its_picture(viewer, quick, finish, scene):
    picture = viewer.add_image(scene[0].copy(), name="scene", scale=(0.5, 0.5), translate=(3, 4), units=("um", "um"))
    widget = quick("Blur map")
    assert widget.image.value is picture
    press(widget.run_button)
    assert widget.cancel_button.enabled
    assert not widget.run_button.enabled
    finish(widget)
    layer = viewer.layers["scene blur radius (px)"]
    np.testing.assert_array_equal(layer.data, defocus.analyze(scene[0], **QUICK).blur_map())
    assert layer.colormap.name == "viridis"
    assert layer.contrast_limits[0] == 0
    assert layer.contrast_limits[1] == pytest.approx(np.percentile(layer.data, 99))  # what the values ask for
    assert layer.contrast_limits[1] < 8
    assert layer.contrast_limits_range == [0, 8]
    np.testing.assert_allclose(layer.translate, (3, 4))
    assert layer.units == picture.units
    assert f"0 (sharp) to {layer.contrast_limits[1]:.3g} px" in widget.legend.value
    np.testing.assert_array_equal(picture.data, scene[0])  # never changed
    assert widget.run_button.enabled
    assert not widget.cancel_button.enabled


def test_a_second_run_updates_the_layer_and_keeps_what_the_user_chose(viewer, quick, finish, scene):
    viewer.add_image(scene[0], name="scene")
    widget = quick("Blur map")
    press(widget.run_button)
    finish(widget)
    layer = viewer.layers["scene blur radius (px)"]
    first = layer.data.copy()
    layer.colormap, layer.contrast_limits, layer.opacity, layer.name = "magma", (1, 5), 0.6, "mine"
    widget.parameters.controls["smoothness"].value = 0.0
    press(widget.run_button)
    finish(widget)
    assert [one.name for one in viewer.layers] == ["scene", "mine"]
    assert not np.array_equal(layer.data, first)
    assert (layer.colormap.name, layer.contrast_limits, layer.opacity) == ("magma", [1, 5], 0.6)


def test_the_map_is_shown_in_the_layers_unit_without_measuring_again(viewer, quick, finish, scene):
    viewer.add_image(scene[0], name="scene", scale=(0.5, 0.5), units=("um", "um"))
    widget = quick("Blur map")
    press(widget.run_button)
    finish(widget)
    layer = viewer.layers["scene blur radius (px)"]
    in_px, high = layer.data.copy(), layer.contrast_limits[1]
    assert widget.unit.choices == ("px", "layer", "depth")
    widget.unit.value = "layer"
    assert not widget.running
    np.testing.assert_allclose(layer.data, in_px / 2)
    assert layer.contrast_limits == pytest.approx([0, high / 2])
    assert f"{high / 2:.3g} µm" in widget.legend.value
    press(widget.run_button)  # and the next run stays in that unit
    finish(widget)
    np.testing.assert_allclose(layer.data, in_px / 2)
    widget.unit.value = "px"
    np.testing.assert_allclose(layer.data, in_px)


def test_the_slider_cuts_anew_from_the_held_analysis(viewer, quick, finish, scene):
    viewer.add_image(scene[0], name="scene")
    widget = quick("In-focus mask")
    measuring = _stages_of_measuring(scene[0])
    press(widget.run_button)
    finish(widget)
    layer = viewer.layers["scene in focus"]
    assert isinstance(layer, Labels)
    threshold = widget.parameters.controls["threshold"]
    analysis = defocus.analyze(scene[0], **QUICK)
    np.testing.assert_array_equal(layer.data, analysis.focus_mask())
    assert threshold.number.value == pytest.approx(analysis.threshold, abs=0.05)  # what auto meant
    stages = []
    widget.status.changed.connect(stages.append)
    threshold.automatic.value = False
    for value in (1.0, 2.0, 3.0, 6.0):  # faster than the cuts: the last one counts
        threshold.number.value = value
    finish(widget)
    np.testing.assert_array_equal(layer.data, analysis.focus_mask(threshold=6.0))
    assert set(stages).isdisjoint(measuring)
    assert len([one for one in viewer.layers if isinstance(one, Labels)]) == 1
    widget.live.value = False
    threshold.number.value = 1.0
    assert not widget.running


def test_invert_softness_alpha_and_export(viewer, quick, finish, scene, tmp_path, notifications):
    picture = viewer.add_image(scene[0], name="scene", scale=(2, 2))
    widget = quick("In-focus mask")
    press(widget.saving.button)
    assert "no mask of this picture yet" in notifications[-1]
    press(widget.run_button)
    finish(widget)
    hard = viewer.layers["scene in focus"]
    mask = hard.data.copy()
    widget.invert.value = True
    finish(widget)
    np.testing.assert_array_equal(hard.data, 1 - mask)
    widget.invert.value = False
    finish(widget)
    widget.parameters.controls["softness"].value = 4.0
    finish(widget)
    matte = viewer.layers["scene focus matte"]
    assert isinstance(matte, Image)
    assert not hard.visible
    assert 0 < ((matte.data > 0.05) & (matte.data < 0.95)).mean() < 0.5
    press(widget.apply_alpha)
    cut = viewer.layers["scene cut out"]
    np.testing.assert_array_equal(cut.data[..., :3], scene[0])
    np.testing.assert_array_equal(cut.data[..., 3], np.rint(matte.data * 255))
    np.testing.assert_allclose(cut.scale, picture.scale)
    widget.saving.file.value = tmp_path / "out.tif"
    press(widget.saving.button)
    assert (tmp_path / "out.tif").stat().st_size > 0
    widget.saving.file.value = tmp_path / "out.xyz"
    press(widget.saving.button)
    assert "must end in .png or .tif" in notifications[-1]


def test_painted_hints_change_the_mask_there_and_only_there(viewer, finish, open_widget):
    from napari_defocus.layers.samples import blurred, texture

    # Two discs in focus on a blurred ground: one of them is painted away
    rows, columns = np.mgrid[:140, :220]
    discs = [np.hypot(rows - 70, columns - x) < 32 for x in (55, 165)]
    ground = blurred(texture((140, 220), 3, channels=3), np.full((140, 220), 5.0))
    inside = (discs[0] | discs[1])[..., np.newaxis]
    sharp = np.clip(1.2 - texture((140, 220), 4, channels=3) * [0.9, 0.5, 1.0], 0, 1)
    viewer.add_image(np.rint(np.where(inside, sharp, ground) * 255).astype(np.uint8), name="discs")
    widget = open_widget("In-focus mask")
    widget.analysis.controls["window"].value = 21
    press(widget.run_button)
    finish(widget)
    before = viewer.layers["discs in focus"].data.copy()
    assert before[discs[0]].mean() > 0.9
    assert before[discs[1]].mean() > 0.9
    press(widget.add_hints)
    hints = widget.hints.value
    finish(widget)
    assert hints.mode == "paint"
    assert list(hints.features["hint"]) == ["none", "in focus", "not in focus"]
    hints.selected_label, hints.brush_size = 2, 40
    hints.paint((70, 165), 2)
    finish(widget)
    after = viewer.layers["discs in focus"].data
    assert not after[hints.data == 2].any()
    np.testing.assert_array_equal(after[:, :110], before[:, :110])  # the other half is as it was
    hints.undo()
    finish(widget)
    np.testing.assert_array_equal(viewer.layers["discs in focus"].data, before)


def test_restore_and_magnify(viewer, quick, finish, scene):
    viewer.add_image(scene[0], name="scene")
    widget = quick("Restore or magnify")
    widget.analysis.controls["window"].value = 41
    assert widget.task.choices == ("restore", "magnify")
    widget.own["restore"].controls["iterations"].value = 10
    press(widget.run_button)
    finish(widget)
    blurred_half = np.s_[:, 100:, 1]
    detail = [np.abs(np.diff(layer.data[blurred_half].astype(float))).mean() for layer in viewer.layers]
    assert viewer.layers["scene all in focus"].rgb
    assert detail[1] > 1.2 * detail[0]
    widget.task.value = "magnify"
    assert not widget.own["restore"].visible
    press(widget.run_button)
    finish(widget)
    made = viewer.layers["scene more blur"].data
    assert np.abs(np.diff(made[blurred_half].astype(float))).mean() < 0.9 * detail[0]


def test_focus_over_z_plots_and_combines(viewer, quick, finish, stack):
    values, best = stack
    viewer.add_image(values, name="stack", scale=(3, 1, 1), translate=(10, 0, 0))
    widget = quick("Focus over z")
    assert widget.axis.value == -3
    widget.keep_maps.value = True
    press(widget.run_button)
    finish(widget)
    heights = viewer.layers["stack height (slice)"]
    inner = np.s_[10:-10, [*range(10, 54), *range(74, 118)]]
    assert (np.abs(heights.data - best) < 0.3)[inner].mean() > 0.9
    assert viewer.layers["stack all in focus over z"].data.shape == values.shape[1:]
    assert viewer.layers["stack blur radius (px)"].data.shape == values.shape
    left, right = widget.plot.figure.axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), 100 * widget.curve.in_focus_share)
    np.testing.assert_allclose(right.lines[0].get_ydata(), widget.curve.median_radius)
    viewer.dims.set_current_step(0, 0)
    press(widget.go)
    assert viewer.dims.point[0] == pytest.approx(10 + 3 * widget.curve.sharpest)
    widget.go_to(3)
    assert viewer.dims.current_step[0] == 3


def test_the_current_slice_then_all_slices(viewer, quick, finish, stack):
    values, _ = stack
    viewer.add_image(values, name="stack", scale=(3, 1, 1))
    widget = quick("Blur map")
    assert widget.planes.value == "current slice"
    viewer.dims.set_current_step(0, 2)
    press(widget.run_button)
    finish(widget)
    layer = viewer.layers["stack blur radius (px)"]
    expected = defocus.analyze(values[2], **QUICK).blur_map()
    assert layer.data.shape == (1, 96, 128)
    np.testing.assert_array_equal(layer.data[0], expected)
    np.testing.assert_allclose(layer.translate, (6, 0, 0))
    viewer.dims.set_current_step(0, 1)
    press(widget.run_button)
    finish(widget)
    np.testing.assert_allclose(layer.translate, (3, 0, 0))
    widget.planes.value = "all slices"
    press(widget.run_button)
    finish(widget)
    assert viewer.layers["stack blur radius (px)"] is layer
    np.testing.assert_allclose(layer.translate, (0, 0, 0))
    np.testing.assert_array_equal(layer.data[2], expected)
    widget.planes.value = "current slice"
    widget.parameters.controls["smoothness"].value = 0.0
    others = layer.data[[0, 2, 3]].copy()
    press(widget.run_button)
    finish(widget)
    np.testing.assert_array_equal(layer.data[[0, 2, 3]], others)  # a slice goes into the whole stack's layer
    np.testing.assert_array_equal(layer.data[1], defocus.analyze(values[1], **QUICK).blur_map(smoothness=0.0))


def test_errors_are_shown_in_the_cores_own_words(viewer, quick, finish, notifications):
    viewer.add_image(np.zeros((10, 12)), name="tiny")
    widget = quick("Blur map")
    press(widget.run_button)
    finish(widget)
    assert notifications[-1] == "tiny: 12 x 10 px is smaller than the analysis window of 21 px"
    assert len(viewer.layers) == 1
    widget.analysis.controls["noise"].value = 1e-4
    widget.analysis.controls["noise"].number.value = "loud"
    press(widget.run_button)
    assert notifications[-1] == "noise must be a number, not 'loud'"
    assert not widget.running


def test_results_are_not_offered_as_pictures(viewer, quick, finish, scene):
    viewer.add_image(scene[0], name="scene")
    widget = quick("Blur map")
    press(widget.run_button)
    finish(widget)
    assert [layer.name for layer in widget.image.choices] == ["scene"]
    assert AnalysisParameters(**QUICK) == widget.analysis.parameters


def test_every_kind_of_layer_is_measured_and_cut(viewer, quick, finish, scene):
    import dask.array

    rgb = scene[0]
    gray = rgb[..., 1]
    kinds = {
        "rgba": np.concatenate([rgb, np.full((*rgb.shape[:2], 1), 255, np.uint8)], 2),
        "pyramid": [gray, gray[::2, ::2]],
        "lazy": dask.array.from_array(gray, chunks=50),
        "signed": gray.astype(np.int32) - 100,
        "half": (gray / 255).astype(np.float16),
        "bool": gray > 110,
    }
    widget = quick("In-focus mask")
    for name, data in kinds.items():
        layer = viewer.add_image(data, name=name, contrast_limits=None if name in ("rgba", "bool") else (-100, 255))
        widget.image.value = layer
        press(widget.run_button)
        finish(widget)
        assert viewer.layers[f"{name} in focus"].data.shape == gray.shape
        press(widget.apply_alpha)
        cut = viewer.layers[f"{name} cut out"]
        assert cut.data.shape == (*gray.shape, 4)
        np.testing.assert_array_equal(cut.data[..., 3] > 0, viewer.layers[f"{name} in focus"].data == 1)


def test_hints_on_a_stack_belong_to_their_slice(viewer, quick, finish, stack):
    values, _ = stack
    viewer.add_image(values, name="stack")
    widget = quick("In-focus mask")
    widget.parameters.controls["threshold"].value = 2.0
    viewer.dims.set_current_step(0, 1)
    press(widget.run_button)
    finish(widget)
    press(widget.add_hints)
    finish(widget)
    hints = widget.hints.value
    assert hints.data.shape == values.shape
    mask = viewer.layers["stack in focus"]
    hints.selected_label, hints.brush_size = 1, 12
    hints.paint((1, 48, 110), 1)
    finish(widget)
    assert mask.data[0][hints.data[1] == 1].all()
    before = mask.data.copy()
    viewer.dims.set_current_step(0, 2)  # no strokes here, but looking at another slice starts nothing
    assert not widget.running
    widget.planes.value = "all slices"
    press(widget.run_button)
    finish(widget)
    np.testing.assert_array_equal(mask.data[1], before[0])
    np.testing.assert_array_equal(mask.data[3], defocus.analyze(values[3], **QUICK).focus_mask(threshold=2.0))


def test_a_picture_removed_during_its_run_is_no_fault(viewer, quick, finish, scene, notifications):
    layer = viewer.add_image(scene[0], name="scene")
    widget = quick("Blur map")
    press(widget.run_button)
    viewer.layers.remove(layer)
    finish(widget)
    assert not notifications
    assert not widget.run_button.enabled
    press(widget.run_button)
    assert not widget.running


def test_the_result_before_is_kept_one_step(viewer, quick, finish, scene):
    """Back and forth between two runs of different settings, what belongs to each with it."""
    viewer.add_image(scene[0], name="scene", rgb=True)
    widget = quick("Blur map")
    widget.run()
    finish(widget)
    assert not widget.back.enabled
    layer = viewer.layers["scene blur radius (px)"]
    first = layer.data.copy()
    widget.parameters.controls["smoothness"].value = 0.0
    widget.run()
    finish(widget)
    second = layer.data.copy()
    assert (first != second).any()
    widget.back.native.click()
    np.testing.assert_array_equal(layer.data, first)
    assert layer.metadata["defocus"]["parameters"]["smoothness"] == 1.0
    widget.back.native.click()
    np.testing.assert_array_equal(layer.data, second)
    assert layer.metadata["defocus"]["parameters"]["smoothness"] == 0.0
    viewer.layers.remove(layer)
    widget.back.native.click()
    assert "not there any more" in widget.status.value


def test_a_note_says_what_kind_it_may_be_and_that_the_largest_radius_is_at_least(viewer, open_widget, finish):
    """Somewhat brighter specks than dark ones may be either; more blur than was looked for reads the end."""
    from benchmarks.shapes import scenes

    rng = np.random.default_rng(7)
    texture = ndimage.gaussian_filter(rng.standard_normal((256, 300)), 2)
    texture /= texture.std()
    noise = rng.normal(0, 0.02, texture.shape)
    specks = (0.2 * np.exp(texture) + 0.8 * texture + noise).astype(np.float32)
    viewer.add_image(specks, name="specks")
    widget = open_widget("Blur map")
    doubt = defocus.analyze(specks).kind_doubt
    assert doubt
    widget.run_button.native.click()
    finish(widget)
    assert f"The kind of picture is in doubt: {doubt}." in widget.status.value
    viewer.add_image(next(scenes("nuclei", "gaussian", 12.0)), name="far")
    widget.image.value = viewer.layers["far"]
    widget.analysis.controls["kind"].value = "fluorescence"
    widget.analysis.controls["max_radius"].value = 4.0
    widget.run_button.native.click()
    finish(widget)
    assert "of what is known reads the largest radius, so that is at least its blur." in widget.status.value
    assert "in doubt" not in widget.status.value
