"""The house: each room of the core imports only from floors below it, as CONTRIBUTING.md lists them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.mutants.faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core" / "defocus"


def floors():
    """Return the floor of each room."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = re.search(r"<!-- floors, from below -->\n(.*?)<!-- end -->", text, re.DOTALL)[1]
    lines = enumerate(listed.splitlines())
    return {room: floor for floor, line in lines for room in re.findall(r"`(\w+)`", line)}


def imported(file):
    """Yield the rooms that a module imports when it runs, wherever in it that stands."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        names = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"defocus.{item.name}" for item in node.names] if node.module == "defocus" else [node.module]
        elif isinstance(node, ast.Import):
            names = [item.name for item in node.names]
        for name in names:
            home, _, rest = name.partition(".")
            if home == "defocus" and rest and rest != "__version__":
                yield rest.split(".")[0]


def test_every_fault_to_be_caught_can_still_be_made():
    """What `make mutants` changes in the code stands there once."""
    stale = [fault.name for fault in FAULTS if (CORE / fault.file).read_text(encoding="utf-8").count(fault.old) != 1]
    assert stale == []
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) > 50


def test_every_room_stands_on_a_floor():
    rooms = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert set(floors()) == rooms - {"__init__"}


def test_rooms_import_only_from_below():
    floor = floors()
    climbing = []
    arrows = 0
    for file in CORE.rglob("*.py"):
        parts = file.relative_to(CORE).with_suffix("").parts
        if parts == ("__init__",):
            continue
        for room in imported(file):
            if room != parts[0]:
                arrows += 1
                if floor[room] >= floor[parts[0]]:
                    climbing.append(f"{'/'.join(parts)} imports {room}")
    assert climbing == []
    assert arrows > 100


def test_the_core_knows_no_host():
    hosts = re.compile(r"^\s*(?:from|import) (?:napari|qtpy|magicgui|PyQt\w*|PySide\w*|gi|Gimp)\b", re.MULTILINE)
    assert [file.name for file in CORE.rglob("*.py") if hosts.search(file.read_text(encoding="utf-8"))] == []
