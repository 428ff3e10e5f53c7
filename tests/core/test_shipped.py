"""What travels beside the packages: found, or told with the mend that helps."""

from __future__ import annotations

import importlib.metadata
from pathlib import PurePosixPath

import pytest

from defocus import InputError, shipped


class Recorded(PurePosixPath):
    """A file as an installation records it."""

    def locate(self):
        return f"/nowhere/{self}"


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        (["share/sample_data/flower.jpg"], "grass.png comes with the source tree only"),
        (["share/sample_data/grass.png"], "grass.png is missing from this installation: install napari-defocus again"),
        ([], "grass.png is missing from this installation"),
    ],
)
def test_what_is_not_there_is_told_with_the_mend_that_helps(monkeypatch, tmp_path, recorded, said):
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "a" / "b" / "shipped.py"))
    monkeypatch.setattr(importlib.metadata, "files", lambda name: [Recorded(file) for file in recorded])
    with pytest.raises(InputError, match=f"^{said}"):
        shipped.shipped_folder("sample_data", "grass.png")


def test_the_source_tree_has_its_own():
    assert (shipped.shipped_folder("sample_data", "grass.png") / "flower.jpg").is_file()
