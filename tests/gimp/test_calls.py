"""The calls of GIMP's API that the plug-in uses are there, and the page lists them."""

import json

import pytest

from .conftest import Batch, _sibling

pytestmark = [pytest.mark.gimp, pytest.mark.slow]


def test_the_page_lists_the_calls_that_are_used_and_gimp_has_them(gimp):
    calls = _sibling("calls")
    (gimp.folder / "used.json").write_text(json.dumps(calls.used()))
    facts = Batch(gimp, "calls").facts("calls")
    assert facts["missing"] == []
    assert {"get_mask", "add_mask", "create_mask"} <= set(facts["found"]["Gimp.Layer"])
    if facts["version"].startswith("3.0"):
        assert calls.table(facts["found"]) in calls.PAGE.read_text(encoding="utf-8"), "run python tests/gimp/calls.py"
