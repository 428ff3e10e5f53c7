"""In which unit a map is shown, and what tells it: names, colour bars, and lines that repeat the result."""

import numpy as np
import pytest


def press(button):
    button.native.click()


def test_the_colour_bar_tells_what_its_colours_mean_beside_the_map(make_napari_viewer, qtbot, finish, scene):
    """One for each map, under the map's own name, which ends in the unit; the user's hiding of it holds."""
    viewer = make_napari_viewer(show=True)
    viewer.add_image(scene[0], name="scene", scale=(0.5, 0.5), units=("um", "um"))
    widget = viewer.window.add_plugin_dock_widget("napari-defocus", "Blur map")[1]
    widget.analysis.take({"window": 21, "spacing": 4})
    press(widget.run_button)
    finish(widget)
    layer = viewer.layers["scene blur radius (px)"]
    overlays = [getattr(layer, name) for name in ("colorbar", "name_overlay") if hasattr(layer, name)]
    assert all(overlay.visible for overlay in overlays)
    if len(overlays) == 2:  # not in every napari
        assert overlays[0].position == overlays[1].position

        def seen():
            qtbot.wait(200)
            return viewer.window.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)

        titled = seen()
        overlays[1].visible = False
        assert (seen() != titled).any()
    widget.unit.value = "layer"
    assert layer.name == "scene blur radius (µm)"
    for overlay in overlays:
        overlay.visible = False
    press(widget.run_button)
    finish(widget)
    assert not any(overlay.visible for overlay in overlays)
    layer.name = "mine"
    widget.unit.value = "px"
    assert layer.name == "mine"
    widget.unit.value = "depth"
    qtbot.wait(50)
    assert widget.unit.visible
    assert widget.scale.visible
    widget.what.value = "confidence"
    qtbot.wait(50)
    assert not widget.unit.visible
    assert not widget.scale.visible
    press(widget.run_button)
    finish(widget)
    sure = viewer.layers["scene confidence"]
    assert all(getattr(sure, name).visible for name in ("colorbar", "name_overlay") if hasattr(sure, name))
    widget.shut_down()


def test_the_distance_from_focus_is_told_by_a_depth_scale(viewer, quick, finish, scene, tmp_path, notifications):
    """A layer of its own beside the radius, as the command writes a file of its own; what repeats it says how."""
    from qtpy.QtWidgets import QApplication

    from defocus.depth import DepthScale

    scale = DepthScale(px_per_um=0.5, in_focus_px=1.0, focus_um=3.0, scatter_px=0.1)
    scale.save(tmp_path / "scope.json")
    viewer.add_image(scene[0], name="scene")
    widget = quick("Blur map")
    assert not widget.scale.visible
    press(widget.run_button)
    finish(widget)
    radius = viewer.layers["scene blur radius (px)"].data.copy()
    widget.unit.value = "depth"
    press(widget.run_button)
    assert "choose a depth scale" in notifications[-1]
    widget.scale.value = tmp_path / "none.json"
    press(widget.run_button)
    assert notifications[-1] == "none.json: No such file or directory"
    widget.scale.value = tmp_path / "scope.json"
    press(widget.run_button)
    finish(widget)
    layer = viewer.layers["scene distance from focus (µm)"]
    np.testing.assert_allclose(layer.data, np.sqrt(np.maximum(radius**2 - 1, 0)) / 0.5, rtol=1e-5)
    np.testing.assert_array_equal(viewer.layers["scene blur radius (px)"].data, radius)
    assert layer.metadata["defocus"]["unit"] == "µm"
    assert "0 (in focus)" in widget.legend.value
    assert "µm" in widget.legend.value
    press(widget.copy_python)
    names = {"picture": scene[0]}
    exec(QApplication.clipboard().text(), names)
    np.testing.assert_array_equal(names["values"], layer.data)
    press(widget.copy_command)
    assert QApplication.clipboard().text() == (
        "defocus map PICTURE --output FOLDER --window 21 --spacing 4 --depth SCALE"
    )
    DepthScale(1.0, 1.0, 3.0, 0.1).save(tmp_path / "other.json")
    widget.scale.value = tmp_path / "other.json"
    press(widget.run_button)
    finish(widget)
    np.testing.assert_allclose(layer.data, np.sqrt(np.maximum(radius**2 - 1, 0)), rtol=1e-5)


def test_the_function_reads_radii_by_a_depth_scale_in_px_of_the_full_resolution():
    from napari.layers import Image

    from defocus import InputError
    from defocus.depth import DepthScale
    from defocus.parameters import AnalysisParameters
    from napari_defocus import blur_map_layer
    from napari_defocus.layers.source import Source

    fine = np.random.default_rng(0).random((120, 160)).astype(np.float32)
    layer = Image([fine, fine[::2, ::2]], name="levels", multiscale=True, scale=(0.5, 0.5), units=("um", "um"))
    source, scale = Source.from_layer(layer, level=1), DepthScale(2.0, 0.1, 0.0, 0.0)
    coarse = AnalysisParameters(window=21, spacing=4)
    radius, _, _ = blur_map_layer(source, analysis=coarse)
    away, metadata, _ = blur_map_layer(source, analysis=coarse, depth=scale)
    np.testing.assert_array_equal(away, scale.defocus(radius))
    assert metadata["name"] == "levels distance from focus (µm)"
    with pytest.raises(InputError, match="reads radii in px"):
        blur_map_layer(source, unit="layer", depth=scale)
