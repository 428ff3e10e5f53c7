"""Settings by name: the suite's own and the user's, in real docks."""

import pytest

from defocus.parameters import AnalysisParameters
from napari_defocus.widgets.presets import BUILT_IN


def press(button):
    button.native.click()


def test_every_preset_of_the_suite_can_be_measured_with(viewer, open_widget, finish, scene):
    viewer.add_image(scene[0], name="scene")
    widget = open_widget("Blur map")
    assert widget.presets.choice.value == "Default"
    for name, values in BUILT_IN.items():
        widget.presets.choice.value = name
        assert widget.analysis.parameters == AnalysisParameters(**values)
        assert not widget.presets.delete.enabled
    widget.presets.choice.value = "Fast"
    press(widget.run_button)
    finish(widget)
    assert viewer.layers["scene blur radius (px)"].metadata["defocus"]["analysis"]["spacing"] == 16
    assert open_widget("In-focus mask").presets.choice.value == "Fast"  # settings are shared by docks


def test_the_choice_follows_what_is_set_by_hand(viewer, open_widget):
    widget = open_widget("Blur map")
    widget.presets.choice.value = "Fine"
    widget.analysis.controls["sensor_blur"].value = 1.0
    assert widget.presets.choice.value == ""
    widget.presets.choice.value = "Fast"  # takes all of it, not what differs only
    assert widget.analysis.parameters == AnalysisParameters(spacing=16)
    press(widget.reset)
    assert widget.presets.choice.value == "Default"
    word = widget.analysis.controls["psf"].word
    word.value = word.choices[-1]  # a file that is still to be chosen
    assert widget.presets.choice.value == ""


def test_presets_are_kept_under_a_name_and_deleted(viewer, open_widget, notifications):
    widget = open_widget("Blur map")
    presets = widget.presets
    widget.analysis.controls["window"].value = 61
    press(presets.save)
    assert notifications[-1] == "give the new preset a name first"
    for taken in ("Fast", " Default "):
        presets.name.value = taken
        press(presets.save)
        assert "there is a preset" in notifications[-1]
    presets.name.value = "20x  beads"
    press(presets.save)
    assert presets.choice.value == "20x beads"
    assert presets.name.value == ""
    assert presets.delete.enabled

    other = open_widget("Focus over z")
    assert other.analysis.parameters == AnalysisParameters()  # kept, but nothing was measured by it
    other.presets.choice.value = "20x beads"
    assert other.analysis.parameters == AnalysisParameters(window=61)
    press(other.presets.delete)
    assert "20x beads" not in other.presets.choice.choices
    assert other.presets.choice.value == ""
    assert other.analysis.parameters == AnalysisParameters(window=61)  # the name is gone, not what it said
    assert "20x beads" not in open_widget("Restore or magnify").presets.choice.choices


def test_presets_outlive_a_reset_of_the_settings(viewer, open_widget):
    widget = open_widget("Blur map")
    widget.presets.choice.value = "Fine"
    widget.presets.name.value = "mine"
    press(widget.presets.save)
    press(widget.reset)
    widget.presets.choice.value = "mine"
    assert widget.analysis.parameters == AnalysisParameters(**BUILT_IN["Fine"])
    assert widget.presets.choice.value == "mine"  # though Fine says the same


@pytest.mark.parametrize("kept", ["3", '{"bad": 7, "Fast": {"window": 9}}', '{"odd": {"window": 8, "x": []}}'])
def test_presets_that_make_no_sense_are_passed_over(viewer, open_widget, tmp_path, kept):
    file = tmp_path / "state" / "defocus" / "napari.json"
    file.parent.mkdir(parents=True)
    file.write_text(f'{{"analysis presets": {kept}}}')
    widget = open_widget("Blur map")
    for name in widget.presets.choice.choices:
        widget.presets.choice.value = name
    widget.presets.choice.value = "Fast"
    assert widget.analysis.parameters == AnalysisParameters(spacing=16)


def test_presets_are_shown_with_the_settings_that_they_set(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    widget = viewer.window.add_plugin_dock_widget("napari-defocus", "Blur map")[1]
    for shown in (False, True, False):
        assert widget.presets.choice.visible == widget.presets.save.visible == shown
        press(widget.more)
        qtbot.wait(50)
    widget.shut_down()
