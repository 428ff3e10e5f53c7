"""Sorting: pictures moved, copied or linked into folders by their verdict; nothing is ever replaced or lost."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from defocus.errors import DefocusError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Step", "carry_out", "plan"]

How = Literal["move", "copy", "link"]


@dataclass(frozen=True)
class Step:
    """One file's way.

    Attributes
    ----------
    source, target : Path
    """

    source: Path
    target: Path


def plan(verdicts: Mapping[Path, str], folder: Path, below: Mapping[Path, Path], *, sidecars: bool) -> list[Step]:
    """Return where each picture goes: to FOLDER/VERDICT, and below it as it lay in the folder that was walked.

    Parameters
    ----------
    verdicts : mapping of Path to str
    folder : Path
    below : mapping of Path to Path
    sidecars : bool
        Whether XMP sidecars go with their pictures.

    Raises
    ------
    InputError
        If two files would have one place, or something is there already; nothing is done then.
    """
    steps: list[Step] = []
    for file, verdict in verdicts.items():
        place = folder / verdict.replace(" ", "_") / below.get(file, file.parent.__class__())
        steps.append(Step(file, place / file.name))
        if sidecars:
            besides = (file.with_suffix(".xmp"), file.with_name(file.name + ".xmp"))
            steps.extend(Step(beside, place / beside.name) for beside in besides if beside.is_file())
    owners: dict[str, Path] = {}
    for step in steps:
        name = os.path.realpath(step.target.parent) + os.sep + step.target.name
        other = owners.setdefault(name, step.source)
        if other != step.source:
            raise InputError(f"{step.source} and {other} would both become {step.target}: nothing was done")
        if os.path.lexists(step.target):
            raise InputError(f"{step.target}: is there already: nothing was done")
    return list(dict.fromkeys(steps))


def carry_out(steps: list[Step], how: How) -> None:
    """Do what was planned; a file whose place was taken meanwhile stays, and so do those after it.

    Parameters
    ----------
    steps : list of Step
    how : {"move", "copy", "link"}

    Raises
    ------
    DefocusError
        If a file cannot be brought there; names it. It is where it was.
    """
    for step in steps:
        try:
            step.target.parent.mkdir(parents=True, exist_ok=True)
            if how == "link":
                step.target.symlink_to(os.path.relpath(step.source, os.path.realpath(step.target.parent)))
            elif how == "copy":
                _copy(step)
            else:
                _move(step)
        except OSError as error:
            raise DefocusError(f"{step.source}: cannot be brought to {step.target} ({error.strerror})") from error


def _copy(step: Step) -> None:
    from defocus.pictures.files import written_whole

    with written_whole(step.target, overwrite=False) as beside:
        shutil.copy2(step.source, beside)


def _move(step: Step) -> None:
    try:
        os.link(step.source, step.target, follow_symlinks=False)  # unlike a rename this replaces nothing
    except FileExistsError:
        raise
    except OSError:  # another file system, or one without hard links
        _copy(step)
    step.source.unlink()
