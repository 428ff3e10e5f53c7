"""Write into docs/gimp.md which of GIMP's calls the plug-in uses: ``python tests/gimp/calls.py``.

The names are taken from the plug-in's source; a real GIMP says which class of its API has them.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PAGE = PROJECT / "docs" / "gimp.md"
MARKED = re.compile(r"(<!-- gimp calls -->)\n.*?(<!-- end -->)", re.S)
LIBRARIES = ("Gimp", "GimpUi")


def used():
    """Return the dotted names of GIMP's libraries in the plug-in's source, and the names of all methods called."""
    dotted, methods = set(), set()
    for path in (PROJECT / "gimp_plugin" / "defocus").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                name = ast.unparse(node)
                if name.split(".")[0] in LIBRARIES and re.fullmatch(r"[\w.]+", name):
                    dotted.add(name)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                methods.add(node.func.attr)
    whole = {name for name in dotted if not any(other.startswith(f"{name}.") for other in dotted)}
    return {"dotted": sorted(whole), "methods": sorted(methods)}


def table(found):
    """Return the table for the page, from what GIMP found."""
    rows = [f"| `{owner}` | {', '.join(f'`{name}`' for name in names)} |" for owner, names in sorted(found.items())]
    return "\n".join(["| Class or library | Calls and values used |", "| --- | --- |", *rows])


def main():
    """Ask a real GIMP and write the page."""
    specification = importlib.util.spec_from_file_location("gimp_conftest", HERE / "conftest.py")
    conftest = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(conftest)
    with tempfile.TemporaryDirectory() as temporary:
        gimp = conftest.installed_gimp(Path(temporary))
        (gimp.folder / "used.json").write_text(json.dumps(used()))
        facts = conftest.Batch(gimp, "calls").facts("calls")
    print(f"GIMP {facts['version']}; not found: {', '.join(facts['missing']) or 'none'}")
    PAGE.write_text(MARKED.sub(lambda match: f"{match[1]}\n{table(facts['found'])}\n{match[2]}", PAGE.read_text()))


if __name__ == "__main__":
    main()
