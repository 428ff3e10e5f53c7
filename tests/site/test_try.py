"""The page "Try it": in a browser, its masks and numbers are those of the core."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import defocus

DOCS = Path(__file__).resolve().parents[2] / "docs"
PLACES = (0, 7, 25, 60, 110, 150)  # of the slider
CLICKS = ((30, 40), (225, 150), (440, 290))  # x, y
_SCRIPT = """
  await window.defocusTryReady;
  const root = document.getElementById("try");
  const canvas = root.querySelector("canvas");
  const slider = root.querySelector("input");
  const press = (selector) => root.querySelector(selector).click();
  const move = (place) => { slider.value = place; slider.dispatchEvent(new Event("input")); };
  const said = { auto: Number(slider.value), views: {}, masks: {}, clicks: [], counts: {} };
  said.share = root.querySelector(".try-share").textContent;
  for (const view of ["picture", "map"]) {
    press(`[data-view=${view}]`);
    said.views[view] = canvas.toDataURL();
  }
  press("[data-view=mask]");
  for (const place of %s) {
    move(place);
    said.masks[place] = canvas.toDataURL();
    said.counts[place] = Number(root.dataset.inFocus);
  }
  said.command = document.getElementById("try-command").textContent;
  for (const [x, y] of %s) {
    const box = canvas.getBoundingClientRect();
    const scale = box.width / canvas.width;
    const place = { clientX: box.left + (x + 0.5) * scale, clientY: box.top + (y + 0.5) * scale };
    canvas.dispatchEvent(new MouseEvent("click", place));
    said.clicks.push({ ...root.dataset, text: root.querySelector(".try-said").textContent });
  }
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", shiftKey: true }));
  said.moved = { ...root.dataset };
  press(".try-auto");
  said.back = Number(slider.value);
  return said;
"""


def in_picture(address):
    """Return what an address holds, as RGB."""
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def tried(ask, tmp_path_factory, samples):
    """What the page says of the cat, and what the core says."""
    specification = importlib.util.spec_from_file_location("try_page", DOCS / "try_page.py")
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    folder = tmp_path_factory.mktemp("try")
    written = script.write(samples / "cat.jpg", "A cat", folder)
    shutil.copy(DOCS / "try.js", folder)
    text = (DOCS / "try.md").read_text(encoding="utf-8")
    assert all(f'"try/{Path(name).stem}.js"' in text for name in script.PICTURES)
    parts = re.findall(r'<div id="try".*?\n</div>|<p id="try-missing.*?</p>|<pre>.*?</pre>', text, re.DOTALL)
    assert len(parts) == 3
    scripts = f'<script src="{written.name}"></script><script src="try.js"></script>'
    page = folder / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><body>{''.join(parts)}{scripts}</body>", encoding="utf-8")
    data = json.loads(written.read_text(encoding="utf-8").partition("] = ")[2].rstrip(";\n"))
    said = ask(page, _SCRIPT % (list(PLACES), [list(click) for click in CLICKS]))
    return SimpleNamespace(data=data, said=said, core=defocus.analyze(defocus.load_image(samples / "cat.jpg")))


def test_every_mask_of_the_slider_is_the_cores(tried):
    color = in_picture(tried.said["views"]["picture"])
    away = np.floor(0.35 * color + [0, 20, 77]).astype(int)
    told_apart = np.abs(color - away).max(axis=2) > 8
    assert told_apart.mean() > 0.95
    shares = []
    for place in PLACES:
        mask = tried.core.focus_mask(threshold=tried.data["thresholds"][place])
        assert tried.said["counts"][str(place)] == np.count_nonzero(mask)
        shown = in_picture(tried.said["masks"][str(place)])
        undimmed = np.abs(shown - color).max(axis=2) < np.abs(shown - away).max(axis=2)
        assert np.array_equal(undimmed[told_apart], mask[told_apart])
        shares.append(mask.mean())
    assert shares[0] < 0.5 < shares[-1]


def test_the_automatic_threshold_is_where_the_slider_begins_and_comes_back_to(tried):
    assert tried.data["thresholds"][tried.said["auto"]] == pytest.approx(tried.core.threshold)
    assert tried.said["back"] == tried.said["auto"]
    assert f"{100 * tried.core.focus_mask().mean():.1f} %" in tried.said["share"]
    assert (
        tried.said["command"] == f"defocus mask cat.jpg -o results --threshold {tried.data['thresholds'][PLACES[-1]]}"
    )


def test_a_click_reads_the_radius_there(tried):
    radius, step = tried.core.blur_map(), tried.core.max_radius / 255
    for (x, y), said in zip(CLICKS, tried.said["clicks"], strict=True):
        assert (int(said["x"]), int(said["y"])) == (x, y)
        assert float(said["radius"]) == pytest.approx(radius[y, x], abs=step)
        assert f"{100 * tried.core.confidence[y, x]:.0f} % sure" in said["text"]
    assert np.ptp([radius[y, x] for x, y in CLICKS]) > 1
    x, y = CLICKS[-1]
    assert (int(tried.said["moved"]["x"]), int(tried.said["moved"]["y"])) == (x - 10, y)


def test_the_picture_and_the_map_are_shown(tried, samples):
    with Image.open(samples / "cat.jpg") as opened:
        assert np.abs(in_picture(tried.said["views"]["picture"]) - np.asarray(opened.convert("RGB"))).mean() < 4
    drawn = in_picture(tried.said["views"]["map"])
    blurred = tried.core.blur_map() > 0.7 * tried.core.max_radius
    sharp = tried.core.blur_map() < 0.1 * tried.core.max_radius
    assert drawn[blurred].mean(axis=0)[1] > drawn[sharp].mean(axis=0)[1] + 80  # yellow and green, against violet
