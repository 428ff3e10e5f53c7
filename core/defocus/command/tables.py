"""Tables: what ``info`` tells of stacks, frame by frame, and of labelled parts of a picture."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.command.options import chosen, part_of
from defocus.errors import InputError
from defocus.measures import as_csv, frame_row, frame_table, label_table, write_table
from defocus.parameters import AnalysisParameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from defocus.command.options import BatchOptions
    from defocus.measures import Table
    from defocus.pictures.picture import Picture

__all__ = ["asks_for_table", "measured", "tabulated"]


def asks_for_table(files: list[Path], within: Path | None, table: Path | None, options: BatchOptions) -> bool:
    """Whether `info` is to tell of parts or frames: of labels, into a file, or of a stack of which no page is meant.

    Parameters
    ----------
    files : list of Path
    within, table : Path or None
        What `tabulated` takes.
    options : BatchOptions
    """
    if within is not None or table is not None:
        return True
    from defocus.pictures.reading import is_stack

    return options.page is None and any(is_stack(file) for file in files)


def tabulated(
    files: list[Path],
    within: Path | None,
    table: Path | None,
    options: BatchOptions,
    overwrite: bool,
    values: Mapping[str, Any],
) -> int:
    """Print a table, or write it: of the labels in one picture, or of all frames of stacks and pictures.

    Parameters
    ----------
    files : list of Path
    within : Path or None
        A picture of labels.
    table : Path or None
        The CSV file to be written.
    options : BatchOptions
    overwrite : bool
        Whether the file may be there already.
    values : mapping
        The parameters of the command line.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    InputError
        If labels are given for more than one picture, or something cannot be read.
    """
    parameters = chosen(AnalysisParameters, values)
    if table is not None and any(table.exists() and file.exists() and table.samefile(file) for file in files):
        raise InputError(f"{table}: is one of the inputs, and would be lost")
    if within is None:
        found = frame_table([row for file in files for row in _frames(file, options, parameters)])
    elif len(files) != 1:
        raise InputError(f"{within.name}: labels belong to one picture, not to {len(files)}")
    else:
        found = _parts(files[0], within, options, parameters)
    if table is None:
        sys.stdout.write(as_csv(found))
    else:
        write_table(table, found, overwrite=overwrite)
        print(f"{table.name}: {len(next(iter(found.values()), ()))} rows")
    return 0


def _frames(file: Path, options: BatchOptions, parameters: AnalysisParameters) -> Iterator[dict[str, Any]]:
    """Yield a row for each frame of a file."""
    from defocus.pictures.picture import load_image
    from defocus.pictures.reading import is_stack, read_planes

    if not is_stack(file) or options.page is not None:
        picture = load_image(file, limits=options.value_range, max_pixels=options.max_pixels, part=part_of(options))
        yield {"file": file.name, "channel": options.channel or "", "frame": 0, **measured(picture, parameters)}
        return
    from defocus.pictures.intensity import value_range
    from defocus.pictures.picture import as_picture
    from defocus.timelapse import of_frames

    for channel, planes in read_planes(file, max_pixels=options.max_pixels, part=part_of(options)):
        limits = options.value_range or value_range(planes.reshape(-1, planes.shape[-1]))
        one = parameters
        for frame, plane in enumerate(planes):
            picture = as_picture(plane, source=file.name, limits=limits)
            one = of_frames(one, picture)
            yield {"file": file.name, "channel": channel, "frame": frame, **measured(picture, one)}


def measured(picture: Picture, parameters: AnalysisParameters) -> dict[str, Any]:
    """Return how sharp a picture is, as a row of a table, by a threshold of its own.

    Parameters
    ----------
    picture : Picture
    parameters : AnalysisParameters
    """
    from defocus.analysis import analyze

    analysis = analyze(picture, parameters)
    return frame_row(analysis.blur_map(unknown="nan"), analysis.confidence, analysis.threshold)


def _parts(file: Path, within: Path, options: BatchOptions, parameters: AnalysisParameters) -> Table:
    from defocus.analysis import analyze
    from defocus.pictures.picture import load_image

    picture = load_image(file, limits=options.value_range, max_pixels=options.max_pixels, part=part_of(options))
    analysis = analyze(picture, parameters)
    radius = analysis.blur_map(unknown="nan")
    return label_table(_labels(within, options.max_pixels), radius, analysis.confidence, analysis.threshold)


def _labels(file: Path, max_pixels: int) -> NDArray[Any]:
    """Return a picture of whole numbers, one for each part."""
    from defocus.pictures.reading import read_array

    labels = np.asarray(read_array(file, max_pixels))
    if labels.ndim != 2 or labels.dtype.kind not in "uib":
        raise InputError(f"{file.name}: holds no labels, which are whole numbers in one channel")
    return labels
