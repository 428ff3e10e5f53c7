"""The plugin under both Qt bindings that napari's users have: the tests of this folder again, in the other one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
CHOSEN = " or ".join(
    [
        "blur_map_is_added",
        "slider_cuts",
        "hints_change",
        "errors_are_shown",
        "focus_over_z_plots",
        "closing",
        "shown_window",
    ]
)


@pytest.mark.slow
def test_the_widgets_work_under_the_other_binding():
    import qtpy

    other, package = ("pyside6", "PySide6") if qtpy.API == "pyqt6" else ("pyqt6", "PyQt6")
    if importlib.util.find_spec(package) is None and os.environ.get("CI") != "true":
        pytest.skip(f"{package} is not installed")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", CHOSEN, FOLDER / "test_widgets.py", FOLDER / "test_window.py"],
        env={**os.environ, "QT_API": other, "PYTEST_QT_API": other},
        capture_output=True,
        text=True,
        timeout=300,
        cwd=FOLDER.parents[1],
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "8 passed" in run.stdout, run.stdout[-500:]
