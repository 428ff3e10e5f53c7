"""What all tests share: in continuous integration, a test that is left out because a part is missing has failed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Measured pictures that may not be handed on lie beside the project where it is developed, and only there
SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of measured pictures; a test that needs it is left out where it is not."""
    if not SHARED.is_dir():
        pytest.skip("../shared is absent")
    return SHARED


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample pictures."""
    return Path(__file__).resolve().parents[1] / "sample_data"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn skips into failures in CI, but for those that name ../shared."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "../shared" not in reason:
            report.outcome = "failed"
            report.longrepr = f"{reason}\nin CI a part that is missing is a failure"
    return report
