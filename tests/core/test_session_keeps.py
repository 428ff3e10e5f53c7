"""A session keeps its picture whatever becomes of the next one."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import defocus.analysis
from defocus.errors import InputError
from defocus.parameters import AnalysisParameters
from defocus.session import Session


@pytest.mark.parametrize("error", [MemoryError(), ZeroDivisionError(), InputError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("anew", [False, True])
def test_the_held_picture_stays(monkeypatch, error, anew):
    session = Session()
    first = np.random.default_rng(0).uniform(0, 1, (60, 70))
    held = session.open(first, AnalysisParameters(window=31))
    whole = defocus.analysis.analyze

    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(defocus.analysis, "analyze", fail)
    with pytest.raises(type(error)):
        session.open(None if anew else first[:50] / 2, AnalysisParameters(window=21))
    monkeypatch.setattr(defocus.analysis, "analyze", whole)
    assert session.is_open
    assert session.held.parameters == held.parameters
    np.testing.assert_array_equal(session.held.picture.color, held.picture.color)
    np.testing.assert_array_equal(session.blur_map(), held.blur_map())
    session.close()
    assert not session.is_open


def test_an_analysis_can_be_pickled_at_any_time():
    analysis = defocus.analysis.analyze(np.random.default_rng(0).uniform(0, 1, (60, 70)))
    before = pickle.loads(pickle.dumps(analysis))
    mask, radius, confidence = analysis.focus_mask(), analysis.blur_map(), analysis.confidence
    after = pickle.loads(pickle.dumps(analysis))
    for copy in (before, after):
        np.testing.assert_array_equal(copy.focus_mask(), mask)
        np.testing.assert_array_equal(copy.blur_map(), radius)
        np.testing.assert_array_equal(copy.confidence, confidence)
