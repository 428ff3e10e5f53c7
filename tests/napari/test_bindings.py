"""The plugin under both Qt bindings that napari's users have: some tests of this folder again, in the other one."""

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
_PACKAGES = {"pyside6": "PySide6", "pyqt6": "PyQt6", "pyqt5": "PyQt5"}


@pytest.mark.slow
def test_the_widgets_work_under_the_other_binding(pytestconfig):
    import qtpy

    others = ["pyside6"] if qtpy.API.startswith("pyqt") else ["pyqt6", "pyqt5"]  # 5 is what old napari brings
    found = [name for name in others if importlib.util.find_spec(_PACKAGES[name]) is not None]
    if not found:
        pytest.skip(f"{_PACKAGES[others[0]]} is not installed")
    warnings = [f"-W{one}" for one in pytestconfig.getoption("pythonwarnings") or ()]
    files = FOLDER / "test_widgets.py", FOLDER / "test_window.py"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *warnings, "-k", CHOSEN, *files],
        env={**os.environ, "QT_API": found[0], "PYTEST_QT_API": found[0]},
        capture_output=True,
        text=True,
        timeout=300,
        cwd=FOLDER.parents[1],
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "8 passed" in run.stdout, run.stdout[-500:]
