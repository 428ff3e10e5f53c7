"""The demo on small pictures: a page that needs no network, a sheet that can be looked at."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from defocus import InputError
from defocus.pictures.files import write_blur_map
from defocus.psf.simulation import ramp, simulate_blur
from defocus.reports import demo


class Page(HTMLParser):
    """Collects what a page holds and links to."""

    def __init__(self):
        super().__init__()
        self.images, self.titles, self.links, self.text, self.open = [], [], [], "", []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.open.append(tag)
        if tag == "img":
            self.images.append(values["src"])
            assert values["alt"]
        self.links += [values[name] for name in ("href", "src", "data", "action") if name in values]
        assert tag not in ("script", "link", "iframe")

    def handle_endtag(self, tag):
        while self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.titles.append(data)
        self.text += data


@pytest.fixture(scope="module")
def folder(samples, tmp_path_factory):
    """A photograph and a simulated picture, small, and what the two experiments need."""
    small = tmp_path_factory.mktemp("samples")
    for name in ("flower.jpg", "grass.png"):
        with Image.open(samples / name) as opened:
            opened.crop((100, 60, 240, 180)).save(small / name)
    texture = np.asarray(Image.open(small / "grass.png").convert("L"), float) / 255
    truth = ramp(texture.shape, 6.0)
    blurred = simulate_blur(texture, truth, noise=1e-6)
    Image.fromarray(np.rint(blurred * 65535).astype(np.uint16)).save(small / "ramp.png")
    write_blur_map(small / "ramp_radius.tif", truth.astype(np.float32))
    return small


@pytest.fixture
def results(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "_PHOTOGRAPHS", ("flower.jpg",))
    monkeypatch.setattr(demo, "_SYNTHETIC", ("ramp",))
    monkeypatch.setattr(demo, "_ORDINARY", ())
    demo.run(tmp_path / "out", folder)
    return tmp_path / "out", capsys.readouterr().out


def test_page_sheet_and_printed_numbers(results):
    output, printed = results
    assert sorted(file.name for file in output.iterdir()) == ["contact_sheet.png", "culled.html", "index.html"]

    page = Page()
    page.feed((output / "index.html").read_text(encoding="utf-8"))
    assert len(page.images) == 8
    assert page.links[0] == "culled.html"
    assert all(link.startswith("data:image/png;base64,") for link in page.links[1:])
    assert "http" not in (output / "index.html").read_text(encoding="utf-8")
    assert page.titles[:2] == ["flower.jpg", "ramp.png (simulated; --psf disc --noise 1e-06 given)"]
    assert "Fig. 8" in page.text

    culled = (output / "culled.html").read_text(encoding="utf-8")
    assert culled.count("<figure") == 2
    assert "flower.jpg" in culled
    with Image.open(output / "contact_sheet.png") as sheet:
        sheet.load()
        assert sheet.width > 4 * 300
        assert sheet.height > 2 * 250
        assert len(sheet.getcolors(10**7)) > 1000

    # The numbers on the page are those that were printed, and they are sensible
    numbers = re.search(r"grass\.png: MSE ([0-9.]+) px\^2", printed)
    assert numbers
    assert numbers.group(0) in page.text
    assert float(numbers.group(1)) < 1
    best, three = map(int, re.search(r"best candidate (\d+) %, best of three (\d+) %", printed).groups())
    assert 30 < best <= three <= 100
    error = re.search(r"error: mean ([0-9.]+),", page.text)
    assert float(error.group(1)) < 1


def test_without_sample_pictures_it_says_so_and_writes_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no sample pictures") as caught:
        demo.run(tmp_path / "out", tmp_path / "empty")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_noise_of_the_samples_is_that_of_the_script_that_makes_them(samples):
    """Two places say it; a picture's own noise decides who is right."""
    script = (samples / "make.py").read_text(encoding="utf-8")
    for stem in demo._SYNTHETIC:
        given = re.search(rf'save\("{stem}".*?(?:, (\d\.?\d*e-\d))?\)$', script, re.MULTILINE)
        assert given, stem
        assert demo._noise(stem) == float(given.group(1) or 1e-6), stem
