"""The page about GIMP: each row of its comparison with other programs names tests that there are."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ("Select > Focus Area", "Select and Mask", "Lens Blur of Photoshop", "Lens Blur of Lightroom and Camera Raw")


def rows(program):
    """Return the cells of each row of a program's table."""
    page = (ROOT / "docs" / "gimp.md").read_text(encoding="utf-8")
    table = page.split(f"**{program}**\n\n")[1].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def defined():
    """Return the tests of each module, by its name; of several modules of one name those of all."""
    found = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        names = {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if hasattr(node, "name")}
        found.setdefault(path.stem, set()).update(names)
    return found


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_row_names_tests_that_there_are(program):
    tests = defined()
    table = rows(program)
    assert len(table) > 7
    for what, _theirs, ours, shown in table:
        named = [part.partition(":")[::2] for part in shown.split(";") if part.strip()]
        # What is not here has nothing that could show it
        assert bool(named) != (ours.startswith("none") and not shown), what
        for module, cases in named:
            names = re.findall(r"`(test_\w+)`", cases)
            assert names, (what, shown)
            missing = set(names) - tests.get(module.strip().strip("`"), set())
            assert not missing, (what, module, missing)
