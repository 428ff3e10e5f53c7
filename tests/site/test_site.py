"""The built site, opened from disk without a network: search, narrow windows, no address but its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NARROW = 420  # px: a telephone
_SEARCH = """
  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const links = () => [...document.querySelectorAll(".md-search-result__link")];
  for (let i = 0; i < 200 && !links().length; i++) await wait(100);
  return {
    shown: getComputedStyle(document.querySelector(".md-search__input")).visibility,
    found: links().map((link) => link.href.split("/").pop()),
  };
"""
_WIDTHS = """
  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const widths = {};
  addEventListener("message", (event) => { if (event.data && event.data.page) widths[event.data.page] = event.data; });
  for (const page of %s) {
    const frame = document.createElement("iframe");
    frame.style.width = "%dpx";
    frame.style.height = "800px";
    frame.src = page;
    document.body.append(frame);
    for (let i = 0; i < 100 && !(page in widths); i++) await wait(100);
    frame.remove();
  }
  return widths;
"""
_TELLS = """<script>addEventListener("load", () => setTimeout(() => parent.postMessage({
  page: "%s", width: innerWidth, all: document.documentElement.scrollWidth,
  broken: [...document.images].filter((image) => image.complete && !image.naturalWidth).map((image) => image.src),
}, "*"), 300));</script></body>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` does."""
    pytest.importorskip("mkdocstrings_handlers.python")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", folder]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    return folder


def test_nothing_is_fetched_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    fetched = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\bsrc=\"?(https?:[^\s\">]+)|<link[^>]*stylesheet[^>]*(https?:[^\s\">]+)"
    )
    assert [
        (page.name, found[0]) for page in pages for found in fetched.finditer(page.read_text(encoding="utf-8"))
    ] == []


def test_search_works_from_disk(site, ask):
    said = ask(site / "index.html", _SEARCH, query="?q=saturated", milliseconds=40_000)
    assert said["shown"] == "visible"
    assert "method.html" in {name.partition("?")[0].partition("#")[0] for name in said["found"]}


def test_no_page_scrolls_sideways_on_a_telephone(site, ask):
    names = sorted(str(page.relative_to(site)) for page in site.rglob("*.html") if not page.name.startswith("asked"))
    for name in names:
        page = site / name
        page.write_text(page.read_text(encoding="utf-8").replace("</body>", _TELLS % name), encoding="utf-8")
    harness = site / "harness.html"
    harness.write_text("<!doctype html><body></body>", encoding="utf-8")
    said = ask(harness, _WIDTHS % (json.dumps(names), NARROW), milliseconds=120_000)
    assert sorted(said) == names
    assert {facts["width"] for facts in said.values()} == {NARROW}
    assert {name: facts["all"] for name, facts in said.items() if facts["all"] > NARROW} == {}
    assert {name: facts["broken"] for name, facts in said.items() if facts["broken"]} == {}
