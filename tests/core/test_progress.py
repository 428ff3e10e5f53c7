"""Progress reports: parts of a whole stay in their place and in order."""

from __future__ import annotations

import pytest

from defocus import Cancelled
from defocus.progress import ignore_progress, sub_progress


def test_a_part_fills_its_share():
    seen = []
    report = sub_progress(lambda fraction, stage: seen.append((fraction, stage)), 0.2, 0.6)
    for fraction in (0.0, 0.5, 1.0):
        report(fraction, "cutting")
    assert [fraction for fraction, _ in seen] == pytest.approx([0.2, 0.4, 0.6])
    assert {stage for _, stage in seen} == {"cutting"}


def test_parts_nest_and_stray_fractions_stay_inside():
    seen = []
    outer = sub_progress(lambda fraction, stage: seen.append(fraction), 0.5, 1.0)
    inner = sub_progress(outer, 0.0, 0.5)
    for fraction in (-3.0, 0.0, 1.0, 1.0 + 1e-9, 7.0):
        inner(fraction, "")
    assert seen == pytest.approx([0.5, 0.5, 0.75, 0.75, 0.75])
    assert max(seen) <= 0.75


def test_cancelling_passes_through():
    def refuse(fraction, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        sub_progress(refuse, 0, 1)(0.5, "")
    ignore_progress(0.5, "")
