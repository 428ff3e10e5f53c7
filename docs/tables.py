"""Write the tables and outputs of the documentation that follow from the code, or tell that they are stale.

    python docs/tables.py [--check]

Each stands between marks, ``<!-- table: NAME -->`` and ``<!-- end -->``; what lies between is replaced. With --check
nothing is written, and the exit code is 1 if anything would be.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from defocus.parameters import PARAMETERS, describe
from defocus.session import REQUESTS
from defocus.tuning import describe_tuning

if TYPE_CHECKING:
    from collections.abc import Callable

    from defocus.parameters import Control

DOCS = Path(__file__).parent
RESULTS = {
    "radius": "float32 (H, W), disc radius in px",
    "unit": "float32 (H, W) in [0, 1]",
    "picture": "float32, laid out as the image was, in [0, 1]",
}


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def allowed(control: Control) -> str:
    words = [f"`{word}`" for word in control.choices]
    if control.file:
        words.append(f"a `{control.file}` file")
    if control.minimum is not None and control.maximum is not None:
        words.append(f"{control.minimum:g} to {control.maximum:g}")
    return ", ".join(words)


def value(control: Control) -> str:
    default = control.default
    shown = f"`{default}`" if isinstance(default, str) else f"{default:g}"
    return f"{shown} {control.unit}".rstrip() if not isinstance(default, str) else shown


def options(step: str) -> str:
    rows = []
    for control in describe(PARAMETERS[step]):
        only = f" Only for {', '.join(control.applies_to)}." if control.applies_to else ""
        rows.append([f"`--{control.name.replace('_', '-')}`", value(control), allowed(control), control.help + only])
    return table(["Option", "Default", "Allowed", ""], rows)


def parameters() -> str:
    rows = []
    for step, kind in PARAMETERS.items():
        verbs = [f"`{request.name}`" for request in REQUESTS.values() if request.step == step]
        names = ", ".join(f"`{control.name}`" for control in describe(kind))
        rows.append([f"`{kind.__name__}`", ", ".join(verbs) or "`analyze`", names])
    return table(["Class", "Step", "Fields"], rows)


def requests() -> str:
    rows = []
    for request in REQUESTS.values():
        kind = f"`{request.parameters.__name__}`" if request.parameters else ""
        more = "a blur map, drawn by `MapParameters`" if request.needs_map else ""
        more = more or ", ".join(f"`{hint}`" for hint in request.hints)
        rows.append([f"`{request.name}`", request.title, kind, more, RESULTS[request.result]])
    return table(["Request", "", "Parameters", "Takes also", "Gives"], rows)


def tuning() -> str:
    rows = []
    for number in describe_tuning():
        shown = number.value if not isinstance(number.value, float) else f"{number.value:.6g}"
        rows.append([f"`{number.name}`", f"{shown} {number.unit}".strip(), number.source, number.worth])
    return table(["Number", "Value", "Source", "Worth: row of [accuracy](accuracy.md)"], rows)


def output(*arguments: str) -> str:
    """Return what a command says, as a page shows it; a folder that it writes to is called FOLDER."""
    with tempfile.TemporaryDirectory() as folder:
        line = [folder if one == "FOLDER" else one for one in arguments]
        line = [sys.executable, "-m", "defocus.command.line", *line]
        said = subprocess.run(line, cwd=DOCS.parent, check=True, capture_output=True, text=True).stdout
    indented = said.strip().replace("\n", "\n    ")
    return f"\n    $ defocus {' '.join(arguments)}\n    {indented}\n"


TABLES: dict[str, Callable[[], str]] = {
    "parameters": parameters,
    "requests": requests,
    "tuning": tuning,
    "output of mask": lambda: output("mask", "sample_data/flower.jpg", "-o", "FOLDER"),
    "output of cull": lambda: output("cull", "sample_data/flower.jpg", "sample_data/uniform.png", "--no-cache"),
    "output of info": lambda: output("info", "sample_data/flower.jpg", "--json"),
    **{f"options of {step}": lambda step=step: options(step) for step in PARAMETERS},  # type: ignore[misc]
}


def filled(text: str) -> str:
    """Return a page with its tables made anew."""

    def fill(match: re.Match[str]) -> str:
        return f"{match[1]}\n{TABLES[match[2]]()}\n{match[3]}"

    return re.sub(r"(<!-- table: ([^>]*?) -->)\n.*?(<!-- end -->)", fill, text, flags=re.S)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; tell what is stale")
    check = parser.parse_args().check
    stale = []
    for file in sorted(DOCS.glob("*.md")):
        text = file.read_text(encoding="utf-8")
        if filled(text) != text:
            stale.append(file.name)
            if not check:
                file.write_text(filled(text), encoding="utf-8")
    print(f"{'stale' if check else 'written'}: {', '.join(stale) or 'none'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
