"""Many pictures with the settings of a dock: files by the command line, beside the window; layers one by one. No Qt."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus.errors import Cancelled, InputError
from defocus.parameters import MapParameters
from defocus.progress import sub_progress
from defocus.session import REQUESTS, Question
from napari_defocus.functions import computed_layer, named
from napari_defocus.reproduce import COMMAND_OF, changed_options
from napari_defocus.requests import LayerRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from defocus.parameters import AnalysisParameters
    from napari_defocus.layers.source import Source
    from napari_defocus.requests import Run

__all__ = ["COMMANDS", "REQUEST_OF", "Batch", "Outcome", "files_in", "layer_request", "run_batch", "run_layers"]

COMMANDS = {"Blur maps": "map", "In-focus masks": "mask", "All in focus": "deblur", "More blur": "magnify"}
"""What can be made of every file, and the command that makes it."""

REQUEST_OF = {command: REQUESTS[name] for name, command in COMMAND_OF.items()}
"""The request that each command asks."""

_ENDINGS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".webp", ".bmp")
_log = logging.getLogger(__name__)
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
        Files or layers that have results.
    failures : list of str
        A line for each of the others.
    called : str
        What they are.
    """

    done: int = 0
    failures: list[str] = field(default_factory=list)
    called: str = "files"

    @property
    def words(self) -> str:
        """One line for people."""
        told = f"{self.done} {self.called} done"
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


def layer_request(
    task: str, source: Source, analysis: AnalysisParameters, parameters: Any, index: tuple[int, ...] | None
) -> LayerRequest:
    """Return the request for a layer that does what a command does to a file.

    Parameters
    ----------
    task : str
        A command of `COMMANDS`.
    source : Source
    analysis : AnalysisParameters
    parameters : object
        Of the task's own step.
    index : tuple of int or None
        Which plane of a stack; None for all.
    """
    request = REQUEST_OF[task]
    question = Question(request.name, parameters, MapParameters())
    return LayerRequest(source, question, analysis, index, sparing=request.result == "radius")


def run_layers(requests: Sequence[LayerRequest], run: Run) -> Outcome:
    """Answer a request for each of some layers, and show each result as it comes.

    What is raised for one layer becomes a line that names it, and the others are done; cancelling keeps what is there.
    """
    outcome = Outcome(called="layers")
    for number, request in enumerate(requests):
        name = request.source.name
        report = sub_progress(run.progress, number / len(requests), (number + 1) / len(requests))
        report = named(report, f"{name}, {number + 1} of {len(requests)}")
        try:
            # Parts of a large one are not shown: only whole results are told from each other
            result = computed_layer(request, dataclasses.replace(run, progress=report, show=None))
        except Cancelled:
            raise
        except Exception as error:
            _log.warning("%s", name, exc_info=error)
            outcome.failures.append(f"{name}: {str(error).removeprefix(f'{name}: ')}")
            continue
        if run.show is not None:
            run.show(result)
        outcome.done += 1
    run.token.check()
    return outcome
