"""A small part of `make abuse`, the same every time."""

from __future__ import annotations

import hypothesis
import pytest

from tests.abuse import arrays, cases, page


def test_damaged_files_are_results_or_lines(tmp_path):
    row = cases.damaged_pictures(tmp_path, 300, seed=1)
    assert row.faults == []
    assert row.worked + row.told == 300
    assert row.told > 50


def test_a_worker_answers_anything(tmp_path):
    row = cases.messages(tmp_path, 150, seed=1)
    assert row.faults == []
    assert row.worked > 5
    assert row.told > 50


@pytest.mark.slow
def test_kills_leave_nothing_behind(tmp_path):
    assert cases.kills(tmp_path, 3, seed=2).faults == []


@hypothesis.settings(arrays.PATIENT, max_examples=150, derandomize=True)
@hypothesis.given(arrays.ARRAYS, arrays.PARAMETERS)
def test_odd_arrays_are_results_or_lines(array, parameters):
    arrays.measure(array, parameters)


def test_the_page_keeps_other_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    page.write_page([cases.Row("one", 5, 3, 2, []), cases.Row("two", 7, 4, 2, ["lost"])])
    words = page.PAGE.read_text().replace("What it withstands", "Another heading")
    page.PAGE.write_text(words)  # as somebody may have changed it
    page.write_page([cases.Row("one", 6, 3, 3, [])])
    lines = page.PAGE.read_text().splitlines()
    assert lines[-2:] == ["| one | 6 | 3 | 3 | 0 |", "| two | 7 | 4 | 2 | 1 |"]
    assert sum(line.startswith("# ") for line in lines) == 1
