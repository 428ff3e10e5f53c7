"""The report holds every experiment and its numbers, and opens without a network."""

from __future__ import annotations

import base64
import builtins
import io
import re

import pytest
from PIL import Image

from defocus.errors import InputError
from defocus.reports.experiments import run

_SECTIONS = ("Fig. 3 and 4", "Fig. 5", "Fig. 6", "Fig. 8", "Section II", "Future work", "Speed")


@pytest.mark.slow
def test_report_holds_every_experiment(samples, tmp_path):
    pytest.importorskip("matplotlib")
    small = tmp_path / "samples"
    small.mkdir()
    for name in ("grass.png", "china.jpg", "coffee.jpg"):
        with Image.open(samples / name) as opened:
            opened.crop((40, 120, 200, 220)).save(small / name)
    run(tmp_path / "out", small)
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    titles = re.findall("<h2>(.*?)</h2>", page)
    assert [title.startswith(start) for title, start in zip(titles, _SECTIONS, strict=True)] == [True] * len(_SECTIONS)
    # Nothing is loaded from elsewhere: every picture lies in the page, and is one
    text = re.sub("base64,[^']+", "", page)
    assert not re.search(r"https?://|url\(|<script|<link|href", text)
    assert len(re.findall("src=", page)) == len(re.findall("src='data:image/png;base64,", page))
    pictures = re.findall("base64,([^']+)'", page)
    assert len(pictures) == 8
    for data in pictures:
        with Image.open(io.BytesIO(base64.b64decode(data))) as opened:
            opened.load()
            assert opened.width > 400
    tables = [re.findall("<tr>(.*?)</tr>", table) for table in re.findall("<table>(.*?)</table>", page, re.DOTALL)]
    assert [len(table) - 1 for table in tables] == [2, 3, 3, 7, 12, 28, 2]
    ramp = [row.split("<td>")[1:] for row in tables[3][1:]]
    assert ramp[0][2:6] == ["0.022", "27.3", "32.3", "+5.0"]
    for row in ramp[1:]:
        before, after, gain = float(row[3]), float(row[4]), float(row[5])
        assert 10 < before < 60
        assert gain == pytest.approx(after - before, abs=0.06)
    assert not re.search(r"\bnan\b", text)


def test_missing_matplotlib_is_told(samples, tmp_path, monkeypatch):
    original = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r'pip install "napari-defocus\[plots\]"'):
        run(tmp_path / "out", samples)
    assert not (tmp_path / "out").exists()


def test_missing_samples_are_told(tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(InputError, match=r"grass\.png is not here"):
        run(tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()
