"""Documentation: tables that follow from the code are what the code says, and links of the README lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def script(path):
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["cli.md", "api.md", "method.md"])
def test_tables_are_not_stale(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert "<!-- table: " in text
    filled = script(ROOT / "docs" / "tables.py").filled(text)
    number = re.compile(r"\d+\.\d+(?:e-\d+)?")
    assert number.sub("NUMBER", filled) == number.sub("NUMBER", text), "run: python docs/tables.py"
    # What is measured may differ a little between processors
    shown, true = ([float(word) for word in number.findall(page)] for page in (text, filled))
    assert shown == pytest.approx(true, rel=0.02), "run: python docs/tables.py"


def test_links_of_the_readme_lead_to_files_here_and_to_the_projects_address_elsewhere():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)#][^)]*)\)", readme)]
    local = [link for link in links if not link.startswith("http")]
    assert len(local) > 10
    assert [link for link in local if not (ROOT / link).exists()] == []
    shown = script(ROOT / "setup.py").absolute_readme()
    assert not re.findall(r"\]\((?!https?:|#)", shown)
    assert "/raw/main/docs/images/overview.png)" in shown
