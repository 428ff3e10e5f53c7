"""Many files: the command line, run beside the window with the settings of a dock, line by line. No Qt."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus.errors import InputError
from napari_defocus.reproduce import changed_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_defocus.requests import Run

__all__ = ["COMMANDS", "Batch", "Outcome", "files_in", "run_batch"]

COMMANDS = {"Blur maps": "map", "In-focus masks": "mask", "All in focus": "deblur", "More blur": "magnify"}
"""What can be made of every file, and the command that makes it."""

_ENDINGS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".webp", ".bmp")
_RESULTS = ("_blur.tif", "_defocus.tif", "_mask.png", "_layer.png", "_sharp.png", "_magnified.png", "_blur.png")


@dataclass(frozen=True)
class Batch:
    """What is to be done.

    Attributes
    ----------
    command : str
        One of `COMMANDS`.
    files : sequence of Path
    output : Path
        Folder of the results; made if it is missing.
    steps : mapping of str to mapping
        Values of parameters that are no defaults, by step and name.
    overwrite : bool
    """

    command: str
    files: Sequence[Path]
    output: Path
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    overwrite: bool = False

    @property
    def options(self) -> list[str]:
        """Words of the command after the files."""
        words = ["--output", str(self.output), *shlex.split(" ".join(changed_options(self.steps)))]
        return [*words, *(["--overwrite"] if self.overwrite else [])]

    def shown(self, folder: Path) -> str:
        """Return the equivalent command for a shell, with a pattern for the files of a folder."""
        endings = sorted({file.suffix for file in self.files})
        patterns = " ".join(f"{shlex.quote(str(folder))}/*{ending}" for ending in endings)
        return shlex.join(["defocus", self.command]) + f" {patterns} " + shlex.join(self.options)


@dataclass
class Outcome:
    """What came of it.

    Attributes
    ----------
    done : int
        Files that have results.
    failures : list of str
        A line for each of the others.
    """

    done: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """One line for people."""
        told = f"{self.done} files done"
        if self.failures:
            told += f", {len(self.failures)} not: {self.failures[0]}"
        return told


def files_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder, without those that are results.

    Raises
    ------
    InputError
        If there are none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder")
    found = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in _ENDINGS and file.is_file() and not file.name.endswith(_RESULTS)
    ]
    if not found:
        raise InputError(f"{folder}: holds no pictures")
    return found


def run_batch(batch: Batch, run: Run) -> Outcome:
    """Run the command, tell of each file, and end it at once if the run is cancelled: nothing half-written stays."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "defocus.command.line",
        batch.command,
        *map(str, batch.files),
        *batch.options,
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    outcome = Outcome()
    run.progress(0.0, "starting")
    with subprocess.Popen(
        [*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            with run.token.stopping(process.terminate):
                for line in process.stdout:
                    facts = json.loads(line)
                    if "error" in facts:
                        outcome.failures.append(str(facts["error"]))
                    else:
                        outcome.done += 1
                    count = outcome.done + len(outcome.failures)
                    name = Path(str(facts.get("input", ""))).name
                    run.progress(count / len(batch.files), f"{name}: {count} of {len(batch.files)}")
                words = process.stderr.read().decode(errors="replace").strip()
        except BaseException:
            process.terminate()
            raise
    run.token.check()
    if not outcome.done and not outcome.failures:
        raise InputError(words.removeprefix("defocus: ") or f"the command ended with {process.returncode}")
    return outcome
