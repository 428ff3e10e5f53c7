"""Work: what a command does with one file, by asking a session, and what it tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from defocus.command.options import chosen
from defocus.errors import InputError
from defocus.parameters import AnalysisParameters, MapParameters
from defocus.progress import sub_progress
from defocus.session import REQUESTS, Question, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Literal

    from numpy.typing import NDArray

    from defocus.analysis import Analysis
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress
    from defocus.session import Result

    Write = Callable[[Path, Analysis, Result], dict[str, Any]]

__all__ = ["asked", "calibrate_depth_file", "common_facts", "map_facts", "mask_facts", "named", "picture_writer"]


def asked(request: str, values: Mapping[str, Any], write: Write) -> Callable[[Path, Picture, Progress], dict[str, Any]]:
    """Return what `defocus.command.batch.each_file` does with each file: measure, ask, write.

    Parameters
    ----------
    request : str
        Name in `defocus.session.REQUESTS`.
    values : mapping
        The options of the command line.
    write : callable
        Called with file, analysis and result; returns the facts to print.

    Raises
    ------
    InputError
        If an option cannot be used.
    """
    parameters = chosen(AnalysisParameters, values)
    kind = REQUESTS[request].parameters
    map_parameters = chosen(MapParameters, values) if REQUESTS[request].needs_map else MapParameters()
    question = Question(request, chosen(kind, values) if kind else None, map_parameters)

    def work(file: Path, picture: Picture, progress: Progress) -> dict[str, Any]:
        session = Session()
        analysis = session.open(picture, parameters, progress=sub_progress(progress, 0, 0.6))
        result = session.answer(question, progress=sub_progress(progress, 0.6, 1))
        return write(file, analysis, result)

    return work


def common_facts(analysis: Analysis) -> dict[str, Any]:
    """Return a picture's size in px, the values that were taken for black and white, and its noise."""
    height, width = analysis.shape
    picture = analysis.picture
    return {
        "width": width,
        "height": height,
        "black": picture.black,
        "white": picture.white,
        "noise_variance": analysis.noise_variance,
    }


def map_facts(analysis: Analysis, radius: NDArray[Any]) -> dict[str, Any]:
    """Return what a person wants to know of a blur map, where anything is known."""
    import numpy as np

    seen = radius[analysis.known] if analysis.known.any() else np.full(1, analysis.max_radius)
    low, middle, high = (round(float(value), 3) for value in np.percentile(seen, (5, 50, 95)))
    return {
        **common_facts(analysis),
        "radius_px_percentile_5": low,
        "radius_px_median": middle,
        "radius_px_percentile_95": high,
        "evidence": analysis.has_evidence,
        "evidence_share": round(analysis.known_share, 4),
        "saturated_share": round(analysis.saturated_share, 4),
        "max_radius_px": analysis.max_radius,
    }


def mask_facts(analysis: Analysis, result: Result) -> dict[str, Any]:
    """Return what a person wants to know of a mask, where anything is known."""
    assert result.threshold is not None
    return {
        "kind": analysis.kind,
        "evidence": analysis.has_evidence,
        "evidence_share": round(analysis.known_share, 4),
        "saturated_share": round(analysis.saturated_share, 4),
        "threshold_px": round(result.threshold, 3),
        "threshold_reason": analysis.threshold_reason,
        "other_threshold_px": result.facts["other_threshold"],
        "psf": str(analysis.parameters.psf),
        "in_focus_share": round(float(result.facts["in_focus_share"] or 0), 4),
    }


def named(output: Path, *endings: str) -> Callable[[Path], list[Path]]:
    """Return what names the results of a file: STEM_`ending` in a folder."""
    return lambda file: [output / f"{file.stem}_{ending}" for ending in endings]


def picture_writer(output: Path, ending: str, overwrite: bool) -> Write:
    """Return what writes a picture as STEM_`ending` into a folder, with the opacity of its original."""

    def write(file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        import numpy as np

        from defocus.pictures.files import write_picture

        picture = analysis.picture
        values = result.values[..., 0] if picture.gray else result.values
        if picture.alpha is not None:
            values = np.dstack([values, picture.alpha])
        (path,) = named(output, ending)(file)
        write_picture(path, values, bit_depth=min(picture.bit_depth, 16), overwrite=overwrite)
        return {**common_facts(analysis), "files": [str(path)]}

    return write


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
