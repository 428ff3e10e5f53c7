"""What somebody meets who has never used the suite: names are found, objects fit on a line, mistakes are told."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

import defocus
from defocus import InputError
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters

PICTURE = np.random.default_rng(0).random((64, 80)).astype(np.float32)


@pytest.fixture(scope="module")
def analysis():
    return defocus.analyze(PICTURE)


def test_all_names_are_listed_before_they_are_used():
    listed = subprocess.run(
        [sys.executable, "-c", "import defocus; print(*dir(defocus))"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set(defocus.__all__) <= set(listed)


@pytest.mark.parametrize(
    ("function", "kinds"),
    [
        (defocus.analyze, [AnalysisParameters]),
        (defocus.blur_map, [AnalysisParameters, MapParameters]),
        (defocus.focus_mask, [AnalysisParameters, MaskParameters]),
        (defocus.Analysis.blur_map, [MapParameters]),
        (defocus.Analysis.focus_mask, [MaskParameters]),
        (defocus.Analysis.focus_matte, [MaskParameters]),
    ],
)
def test_help_names_every_keyword_with_its_default_and_what_it_means(function, kinds):
    signature, text = inspect.signature(function), inspect.getdoc(function)
    for kind in kinds:
        for name, value in vars(kind()).items():
            assert signature.parameters[name].default == value
            assert f"\n{name} : " in text
    assert "**changes" not in text
    assert len(str(signature)) < 700


def test_objects_say_what_they_are_in_a_line(analysis):
    assert repr(analysis) == "<Analysis of the picture: 80 x 64 px, photograph, radii up to 8 px at every 2 px>"
    assert repr(analysis.picture) == "<Picture the picture: 80 x 64 px, grey, 32 bits>"


def test_a_picture_is_an_array_of_its_colours(analysis):
    values = np.asarray(analysis.picture)
    assert values is analysis.picture.color or np.shares_memory(values, analysis.picture.color)
    assert np.array_equal(np.asarray(analysis.picture, np.float64), analysis.picture.color)
    assert np.shape(analysis.picture.__array__()) == (64, 80, 3)


def test_what_is_kept_cannot_be_spoilt(analysis):
    for kept in (analysis.confidence, analysis.known):
        with pytest.raises(ValueError, match="read-only"):
            kept[0, 0] = 0
    analysis.blur_map()[:] = 0  # its caller's own
    assert analysis.blur_map().max() > 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: defocus.analyze("photo.jpg"),
            r"^'photo\.jpg' is the name of a file, .*: defocus\.load_image reads it$",
        ),
        (lambda: defocus.analyze(np.zeros((3, 64, 80))), r"np\.moveaxis\(array, 0, -1\) puts the channels last$"),
        (lambda: defocus.analyze(PICTURE, "disc"), r"^parameters must be such as .*, or keywords, not 'disc'$"),
        (lambda: defocus.analyze(PICTURE, psff="disc"), r"^no parameter is called 'psff'"),
        (lambda: defocus.restore(PICTURE, PICTURE > 0.5), r"^the blur map must hold radii in px, but this is a mask$"),
        (lambda: defocus.restore(PICTURE, PICTURE * 1j), r"^the blur map must hold radii in px, .*complex"),
    ],
)
def test_usual_mistakes_are_told_with_the_mend(call, said):
    with pytest.raises(InputError, match=said):
        call()
