"""Marks the tests that `make quick` leaves out: whole files, so that nobody has to think of it for each test.

In other files, those that take a second or more are marked `lengthy` themselves.
"""

from __future__ import annotations

import pytest

# They start processes, compile or measure whole pictures: seconds for each test
_LENGTHY = {
    "test_analysis",
    "test_cancelling",
    "test_compiled",
    "test_culling",
    "test_dask",
    "test_demo",
    "test_docs",
    "test_estimator",
    "test_examples",
    "test_experiments",
    "test_fluorescence",
    "test_formats",
    "test_grid_cut",
    "test_install",
    "test_intensities",
    "test_labeling",
    "test_likelihood",
    "test_line",
    "test_measured_pictures",
    "test_native",
    "test_restoration",
    "test_shape",
    "test_shell",
    "test_staying",
    "test_tables",
    "test_worker",
}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.stem in _LENGTHY:
            item.add_marker(pytest.mark.lengthy)
