"""Reports and cancelling through the whole path, on a picture large enough for strips, octaves and the pyramid."""

from __future__ import annotations

import numpy as np
import pytest

import defocus
from defocus import Cancelled


@pytest.fixture(scope="module")
def analysis():
    rng = np.random.default_rng(0)
    return defocus.analyze(rng.random((700, 900, 3)).astype(np.float32), max_radius=16)


def stages(analysis):
    fresh = defocus.analysis.Analysis(
        analysis.picture, analysis.parameters, analysis.evidence, analysis.tuning, analysis.seen
    )
    return {
        "analyze": lambda progress: defocus.analyze(analysis.picture, analysis.parameters, progress=progress),
        "map": lambda progress: fresh.blur_map(progress=progress),
        "mask": lambda progress: fresh.focus_matte(softness=3, progress=progress),
    }


@pytest.mark.parametrize("name", ["analyze", "map", "mask"])
def test_reports_rise_to_one(analysis, name):
    seen = []
    stages(analysis)[name](lambda fraction, stage: seen.append((fraction, stage)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < 0.5
    assert fractions[-1] == 1
    assert len(seen) >= 4
    assert all(stage for _, stage in seen)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.45, 0.7, 0.95])
@pytest.mark.parametrize("name", ["analyze", "map", "mask"])
def test_cancelling_at_any_time_leaves_nothing_behind(analysis, name, share):
    def refuse(fraction, stage):
        if fraction >= share:
            raise Cancelled

    work = stages(analysis)[name]
    with pytest.raises(Cancelled):
        work(refuse)
    again = work(lambda fraction, stage: None)
    expected = stages(analysis)[name](lambda fraction, stage: None)
    if name == "analyze":
        again, expected = again.evidence.profile, expected.evidence.profile
    np.testing.assert_array_equal(again, expected)
