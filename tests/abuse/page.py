"""The page on what the suite withstands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.abuse.cases import Row

__all__ = ["write_page"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "robustness.md"

_HEAD = """# What it withstands

`make abuse` does to the suite what should never happen, and writes this page. A fault would be a traceback, a crash, a
result that is lost, half or left over; everything else gives a result, or one line that says why there is none. A small
part, with the same seeds, belongs to `make test`. The rules behind it stand in
[CONTRIBUTING](https://github.com/napari-defocus/napari-defocus/blob/main/CONTRIBUTING.md) under "General rules".

`python -m tests.abuse.window --page` does random steps in windows of napari, 1000 in each, under either Qt binding,
with the plugin's docks and without; there a fault is a window that does not end by itself.

| What | Tried | Results | Told in one line | Faults |
| --- | --- | --- | --- | --- |
"""


def write_page(rows: list[Row]) -> None:
    """Put rows into the page, in place of those of the same name."""
    lines = PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else []
    rows_before = [line for line in lines if line.startswith("| ") and not line.startswith(("| What ", "| --- "))]
    table = {line.split(" | ")[0]: line for line in rows_before}
    for row in rows:
        table[f"| {row.what}"] = f"| {row.what} | {row.count} | {row.worked} | {row.told} | {len(row.faults)} |"
    PAGE.write_text(_HEAD + "".join(f"{line}\n" for line in table.values()), encoding="utf-8")
