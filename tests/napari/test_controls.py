"""Controls say what the core's parameter classes say."""

import pytest
from magicgui.widgets import Slider, SpinBox
from magicgui.widgets.bases import RangedWidget

from defocus import InputError, parameters
from napari_defocus.widgets.controls import Choice, ParameterControls

CLASSES = [
    parameters.AnalysisParameters,
    parameters.MapParameters,
    parameters.MaskParameters,
    parameters.RestorationParameters,
    parameters.MagnificationParameters,
]


def close(controls):
    for widget in controls:
        widget.close()


@pytest.mark.parametrize("kind", CLASSES)
def test_defaults_ranges_units_and_help_come_from_the_core(qapp, kind):
    controls = ParameterControls(kind)
    assert controls.parameters == kind()
    for control in parameters.describe(kind):
        widget = controls.controls[control.name]
        assert widget.label == control.label
        assert widget.tooltip == control.help
        number = widget.number if isinstance(widget, Choice) else widget
        if isinstance(number, RangedWidget):
            assert number.min == pytest.approx(control.minimum)
            assert number.max == pytest.approx(control.maximum)
    close(controls)


def test_a_choice_is_a_word_or_a_number(qapp):
    controls = ParameterControls(parameters.AnalysisParameters)
    spacing = controls.controls["spacing"]
    assert isinstance(spacing.number, SpinBox | Slider)  # whole numbers
    spacing.value = 4
    assert controls.parameters.spacing == 4
    assert spacing.number.enabled
    spacing.value = "auto"
    assert controls.parameters.spacing == "auto"
    assert not spacing.number.enabled
    close(controls)


def test_noise_takes_powers_of_ten_and_names_what_it_cannot_read(qapp):
    controls = ParameterControls(parameters.AnalysisParameters)
    noise = controls.controls["noise"]
    noise.value = 2.5e-7
    assert controls.parameters.noise == 2.5e-7
    noise.number.value = "much"
    with pytest.raises(InputError, match="noise must be a number, not 'much'"):
        _ = controls.parameters
    noise.number.value = "7"
    with pytest.raises(InputError, match="noise must be"):
        _ = controls.parameters
    close(controls)


def test_a_suggested_number_is_no_change(qapp):
    controls = ParameterControls(parameters.MaskParameters, sliders=("threshold",))
    changes = []
    controls.changed.connect(lambda: changes.append(1))
    controls.controls["threshold"].suggest(3.2)
    assert controls.controls["threshold"].number.value == pytest.approx(3.2)
    assert controls.parameters.threshold == "auto"
    assert not changes
    close(controls)
