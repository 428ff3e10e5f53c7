"""Controls say what the core's parameter classes say."""

import gc

import numpy as np
import pytest
from magicgui.widgets import Slider, SpinBox
from magicgui.widgets.bases import RangedWidget

from defocus import InputError, parameters
from defocus.psf import DiscPSF
from napari_defocus.widgets.controls import Choice, ParameterControls

CLASSES = [
    parameters.AnalysisParameters,
    parameters.MapParameters,
    parameters.MaskParameters,
    parameters.RestorationParameters,
    parameters.MagnificationParameters,
]


@pytest.fixture(autouse=True)
def no_rubbish():
    """Let what is left of loose controls be deleted now, in this thread: found by another, PySide6 deletes it twice."""
    yield
    gc.collect()


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
    spacing.value = "auto"
    assert controls.parameters.spacing == "auto"
    spacing.number.value = 6  # whoever changes the number means it
    assert controls.parameters.spacing == 6
    assert not spacing.automatic.value
    close(controls)


def test_moving_the_slider_means_its_number_and_starts_from_what_auto_found(qapp):
    controls = ParameterControls(parameters.MaskParameters, sliders=("threshold",))
    threshold = controls.controls["threshold"]
    threshold.suggest(3.2)
    assert threshold.slider.value == pytest.approx(3.2)
    heard = []
    controls.changed.connect(lambda: heard.append(controls.parameters.threshold))
    threshold.slider.value = 3.4
    assert not threshold.automatic.value
    assert heard[-1] == pytest.approx(3.4)
    assert threshold.number.value == pytest.approx(3.4)
    threshold.number.value = 5.0
    assert threshold.slider.value == pytest.approx(5.0)
    threshold.automatic.value = True
    assert heard[-1] == "auto"
    close(controls)


def test_controls_are_shown_for_the_shapes_that_they_belong_to(qapp):
    from magicgui.widgets import Container

    controls = ParameterControls(parameters.AnalysisParameters)
    box = Container(widgets=list(controls))
    box.show()
    blades, rotation = controls.controls["blades"], controls.controls["rotation"]
    controls.visible = True
    assert not blades.visible
    controls.controls["psf"].value = "polygon"
    assert blades.visible
    assert rotation.visible
    controls.visible = False
    assert not blades.visible
    controls.controls["psf"].value = "gaussian"
    controls.visible = True
    assert not blades.visible
    assert controls.controls["window"].visible
    box.close()


def test_a_calibrated_lens_can_be_chosen(qapp, tmp_path):
    kernel = np.asarray(DiscPSF().kernel(3.0))
    np.savez(tmp_path / "lens.npz", format=1, radii=[3.0], kernels=kernel[np.newaxis])
    controls = ParameterControls(parameters.AnalysisParameters)
    psf = controls.controls["psf"]
    assert controls.parameters.psf == "auto"
    psf.word.value = psf.word.choices[-1]
    with pytest.raises(InputError, match=r"choose a \.npz file"):
        _ = controls.parameters
    psf.value = str(tmp_path / "lens.npz")
    assert controls.parameters.psf.endswith("lens.npz")
    psf.value = "gaussian"
    assert controls.parameters.psf == "gaussian"
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


def test_a_word_that_found_nothing_yet_shows_no_number(qapp):
    controls = ParameterControls(parameters.AnalysisParameters)
    largest, noise = (controls.controls[name] for name in ("max_radius", "noise"))
    assert largest.number.native.text() == "\N{EN DASH}"
    assert noise.number.value == ""
    largest.suggest(8.0)
    noise.suggest(2e-5)
    assert largest.number.native.text() == "8.00"
    assert noise.number.value == "2e-05"
    largest.suggest(largest.number.min)  # which is found all the same
    assert largest.number.native.text() == "1.00"
    for one in (largest, noise):
        one.forget()
    assert (largest.number.native.text(), noise.number.value) == ("\N{EN DASH}", "")
    for one in (largest, noise):
        one.automatic.value = False  # and then there is one to begin with
    assert largest.number.native.text() == "1.00"
    assert controls.parameters.noise == pytest.approx(1e-5)
    largest.value = "auto"
    assert largest.number.native.text() == "\N{EN DASH}"
    close(controls)
