"""Examples run as they stand."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def test_the_watched_folder_is_told_of_line_by_line(tmp_path):
    shutil.copy(ROOT / "sample_data" / "flower.jpg", tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    run = [sys.executable, EXAMPLES / "watch_folder.py", tmp_path, "--once"]
    broken, flower = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    assert broken.startswith("broken.png: not an image")
    assert flower.startswith("flower.jpg: ")
    assert " % in focus, up to " in flower


def test_the_notebook_runs_and_keeps_no_output(monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    notebook = json.loads((EXAMPLES / "first_look.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells)
    monkeypatch.chdir(EXAMPLES)
    names = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), "first_look.ipynb", "exec"), names)
    assert [mask.dtype for mask in names["masks"]] == [np.bool_] * 3
    assert names["radius"].shape == names["picture"].shape
    names["plt"].close("all")
