"""Work: what a command does with one file, by asking a session."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from defocus.command.options import chosen
from defocus.errors import InputError
from defocus.parameters import AnalysisParameters, MapParameters
from defocus.progress import sub_progress
from defocus.session import REQUESTS, Question, Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Literal

    from defocus.command.writers import Writer
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress

__all__ = ["Work", "asked", "calibrate_depth_file"]


@dataclass(frozen=True)
class Work:
    """Measures a picture, asks, writes; can be sent to another process.

    Attributes
    ----------
    parameters : AnalysisParameters
    question : Question
    writer : Writer
    map_file : Path or None
        Map to work with in place of the measured one.
    subject_file : Path or None
        Mask or cut-out whose subject is kept in place of the measured one.
    """

    parameters: AnalysisParameters
    question: Question
    writer: Writer
    map_file: Path | None = None
    subject_file: Path | None = None

    def __call__(self, file: Path, picture: Picture, progress: Progress) -> dict[str, Any]:
        """Do so for one picture; return the facts to print."""
        session, question = Session(), self.question
        if self.map_file is not None:
            from defocus.effects.map_file import read_blur_map

            question = replace(question, radius=read_blur_map(self.map_file, picture.shape))
        if self.subject_file is not None:
            from defocus.effects.map_file import read_subject

            question = replace(question, subject=read_subject(self.subject_file, picture.shape))
        analysis = session.open(picture, self.parameters, progress=sub_progress(progress, 0, 0.6))
        result = session.answer(question, progress=sub_progress(progress, 0.6, 1))
        return self.writer(file, analysis, result)


def asked(
    request: str,
    values: Mapping[str, Any],
    writer: Writer,
    map_file: Path | None = None,
    subject_file: Path | None = None,
) -> Work:
    """Return what a command does with each picture.

    Parameters
    ----------
    request : str
        Name in `defocus.session.REQUESTS`.
    values : mapping
        The options of the command line.
    writer : Writer
    map_file, subject_file : Path, optional
        See `Work`.

    Raises
    ------
    InputError
        If an option cannot be used.
    """
    parameters = chosen(AnalysisParameters, values)
    kind = REQUESTS[request].parameters
    map_parameters = chosen(MapParameters, values) if REQUESTS[request].needs_map else MapParameters()
    question = Question(request, chosen(kind, values) if kind else None, map_parameters)
    return Work(parameters, question, writer, map_file, subject_file)


def calibrate_depth_file(files: Sequence[Path], output: Path, spacing: float, by: Literal["beads", "map"]) -> int:
    """Measure how blur grows with defocus from the stack in a file, write it and tell it.

    Parameters
    ----------
    files : sequence of Path
        One TIFF.
    output : Path
    spacing : float
        Distance of its slices in um.
    by : {"beads", "map"}

    Returns
    -------
    int
        0.

    Raises
    ------
    InputError
        If the stack cannot tell it; nothing is written then.
    """
    from defocus.depth import DEPTH_FILE, calibrate_depth
    from defocus.pictures.reading import read_stack

    if output.suffix != DEPTH_FILE:
        raise InputError(f"{output.name}: a depth scale is written to a file that ends in {DEPTH_FILE}")
    if len(files) != 1:
        raise InputError(f"a depth scale is measured from one stack, not {len(files)} files")
    scale, radii = calibrate_depth(read_stack(files[0]), spacing, by=by)
    for z, radius in enumerate(radii):
        print(f"{files[0].name}: slice {z} at {z * spacing:g} um: blur radius {radius:.2f} px")
    scale.save(output)
    print(
        f"{output.name}: {scale.px_per_um:.3f} px per um, {scale.in_focus_px:.2f} px in focus at {scale.focus_um:.2f} "
        f"um, scatter {scale.scatter_px:.2f} px"
    )
    return 0
