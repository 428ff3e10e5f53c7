"""Write tests/constraints.txt: the versions that ``make test`` installs, for every Python that the suite runs on.

``make lock`` runs it. uv finds the newest versions that go together for each Python by itself; those that differ carry
a marker. ``--oldest`` prints in its place what the oldest versions are that pyproject.toml admits.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CONSTRAINTS = PROJECT / "tests" / "constraints.txt"
# The first as Debian 12 has it: some packages ask for a later 3.11
PYTHONS = {"3.11": "3.11.2", "3.12": "3.12", "3.13": "3.13"}
_HEAD = "# What `make test` installs, written by `make lock`; `make newest` tries without.\n"
# What old napari and zarr need to start at all, and do not say
_UNSTATED = "sphinx>=5\nnumcodecs>=0.12,<0.16\n"


def resolved(python: str, resolution: str = "highest") -> dict[str, str]:
    """Return the version of every package that the tests need under one Python."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    wanted = ["--all-extras", "--group", "test", "--python-version", PYTHONS[python], "--python-platform", "linux"]
    made = subprocess.run(
        [*command, *wanted, "--resolution", resolution, "pyproject.toml", "-"],
        cwd=PROJECT,
        input=_UNSTATED if resolution != "highest" else "",
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    pairs = (line.split("==") for line in made.stdout.splitlines() if "==" in line)
    return dict(pairs)


def merged(versions: dict[str, dict[str, str]]) -> str:
    """Return the lines of one file from the versions for each Python."""
    lines = []
    for name in sorted(set().union(*versions.values())):
        found = {python: packages[name] for python, packages in versions.items() if name in packages}
        if len(found) == len(versions) and len(set(found.values())) == 1:
            lines.append(f"{name}=={next(iter(found.values()))}\n")
        else:
            lines += [f"{name}=={version} ; python_version == '{python}'\n" for python, version in found.items()]
    return "".join(lines)


if __name__ == "__main__":
    if "--oldest" in sys.argv:
        print(merged({"3.11": resolved("3.11", "lowest-direct")}), end="")
    else:
        CONSTRAINTS.write_text(_HEAD + merged({python: resolved(python) for python in PYTHONS}), encoding="utf-8")
