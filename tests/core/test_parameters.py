"""Parameters: every control described, every range checked."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from defocus import InputError, analyze, keywords
from defocus import parameters as module
from defocus.parameters import PARAMETERS, AnalysisParameters, MaskParameters, describe
from defocus.psf.families import PolygonPSF

CLASSES = [getattr(module, name) for name in module.__all__ if name.endswith("Parameters")]
CONTROLS = [(cls, control) for cls in CLASSES for control in describe(cls)]
NAMES = [f"{cls.__name__}.{control.name}" for cls, control in CONTROLS]
LENGTHS = {"sensor_blur", "window", "max_radius", "spacing", "threshold", "softness"}


def test_every_class_is_found():
    assert len(CLASSES) == 5


@pytest.mark.parametrize("cls", CLASSES)
def test_controls_come_in_the_order_of_fields_with_their_defaults(cls):
    fields = dataclasses.fields(cls)
    assert [control.name for control in describe(cls)] == [item.name for item in fields]
    made = cls()
    assert all(getattr(made, control.name) == control.default for control in describe(cls))
    assert cls.__doc__


@pytest.mark.parametrize(("cls", "control"), CONTROLS, ids=NAMES)
def test_every_control_says_what_it_is(cls, control):
    assert control.label[0].isupper()
    assert len(control.label) < 40
    assert control.help.endswith(".")
    assert len(control.help) > 15
    if control.name in LENGTHS:
        assert control.unit == "px"
        assert "(px)" in control.label
    if control.name.endswith("rotation"):
        assert control.unit == "degrees"
    if control.minimum is not None:
        assert control.minimum < control.maximum
        assert 0 < control.step <= control.maximum - control.minimum
        if not isinstance(control.default, str):
            assert control.minimum <= control.default <= control.maximum
    else:
        assert control.choices or isinstance(control.default, bool)
    if isinstance(control.default, str):
        assert control.default in control.choices


def refused(cls, name, value):
    with pytest.raises(InputError) as caught:
        cls(**{name: value})
    text = str(caught.value)
    assert name in text
    assert "\n" not in text
    return text


@pytest.mark.parametrize(("cls", "control"), [c for c in CONTROLS if c[1].minimum is not None], ids=str)
def test_numbers_out_of_range_are_refused_in_one_line(cls, control):
    for value in (control.minimum, control.maximum):
        if control.name == "window" and value % 2 == 0:
            continue
        assert getattr(cls(**{control.name: value}), control.name) == value
    for value in (control.minimum - 1, control.maximum + 1, math.nan, math.inf, "much", None, True, [1]):
        text = refused(cls, control.name, value)
        assert f"{control.minimum:g}" in text
        assert control.unit in text


@pytest.mark.parametrize(("cls", "control"), [c for c in CONTROLS if c[1].choices], ids=str)
def test_words_that_are_no_choice_are_refused(cls, control):
    for word in control.choices:
        assert getattr(cls(**{control.name: word}), control.name) == word
    text = refused(cls, control.name, "banana")
    assert "banana" in text
    assert all(word in text for word in control.choices)


def test_words_where_numbers_and_numbers_where_words_are_wanted():
    refused(AnalysisParameters, "psf", 7)
    refused(AnalysisParameters, "method", None)
    refused(AnalysisParameters, "psf", np.ones((5, 5)))
    for name in ("blades", "window", "spacing"):
        assert "whole number" in refused(AnalysisParameters, name, 11.5)
    assert AnalysisParameters(rotation=11.5).rotation == 11.5


def test_a_window_is_odd():
    assert "odd" in refused(AnalysisParameters, "window", 40)


def test_a_psf_object_is_a_blur_shape():
    assert AnalysisParameters(psf=PolygonPSF(5)).psf == PolygonPSF(5)


def test_parameters_cannot_be_changed_but_copied():
    parameters = MaskParameters()
    with pytest.raises(dataclasses.FrozenInstanceError):
        parameters.softness = 3
    assert dataclasses.replace(parameters, softness=3.0).softness == 3
    with pytest.raises(InputError, match="softness"):
        dataclasses.replace(parameters, softness=-3.0)


def test_an_instance_gives_its_own_values_as_defaults():
    by_name = {control.name: control for control in describe(MaskParameters(threshold=3.5))}
    assert by_name["threshold"].default == 3.5
    assert by_name["softness"].default == 0


def test_unknown_names_are_refused_with_those_that_exist():
    with pytest.raises(InputError, match="'fuzziness'") as caught:
        analyze(np.zeros((50, 50)), fuzziness=2)
    assert "sensor_blur" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_numbers():
    assert AnalysisParameters(noise=np.float32(1e-4), spacing=np.int64(3)).spacing == 3


@pytest.mark.parametrize("step", sorted(PARAMETERS))
def test_keywords_are_the_fields_of_the_parameters(step):
    kind = PARAMETERS[step]
    written = getattr(keywords, kind.__name__.replace("Parameters", "Keywords"))
    assert list(written.__annotations__) == [item.name for item in dataclasses.fields(kind)]


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**5000, "9" * 400, [1] * 1000], ids=range(5))
def test_enormous_values_are_refused_in_a_short_line(value):
    for name in ("window", "noise", "max_radius"):
        with pytest.raises(InputError, match=name) as caught:
            AnalysisParameters(**{name: value})
        assert len(str(caught.value)) < 200
