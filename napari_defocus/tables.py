"""Tables of a layer: how sharp labelled parts are, and the planes of a stack. No viewer, no Qt."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus import __version__
from defocus.errors import InputError
from defocus.measures import frame_row, frame_table, label_table
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters
from defocus.pictures.picture import as_picture
from defocus.progress import ignore_progress, sub_progress
from defocus.session import Question
from defocus.timelapse import of_frames
from napari_defocus.engine import LocalEngine
from napari_defocus.functions import as_source, named
from napari_defocus.requests import PlaneRequest, Run

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from defocus.progress import Progress
    from napari_defocus.layers.source import Source
    from napari_defocus.requests import Answer

__all__ = ["TableRequest", "computed_table", "focus_table", "measured_plane", "of_planes"]

_DRAWN = MapParameters(unknown="nan")


@dataclass(frozen=True, eq=False)
class TableRequest:
    """What is asked: of the labelled parts of one plane, or of all planes.

    Attributes
    ----------
    source : Source
    labels : integer array (H, W), optional
        Of the plane; None asks for all planes, a row for each.
    index : tuple of int
        Which plane, where there are labels.
    threshold : float or "auto"
        Largest blur radius in px that counts as in focus; "auto" finds it for each plane.
    analysis : AnalysisParameters
    """

    source: Source
    labels: NDArray[Any] | None = None
    index: tuple[int, ...] = ()
    threshold: float | str = "auto"
    analysis: AnalysisParameters = field(default_factory=AnalysisParameters)

    def __post_init__(self) -> None:
        if self.labels is not None and self.labels.shape != self.source.shape[-2:]:
            raise InputError(f"labels of shape {self.labels.shape} for a picture of {self.source.shape[-2:]}")
        MaskParameters(threshold=self.threshold)  # type: ignore[arg-type]

    @property
    def about(self) -> dict[str, Any]:
        """What the table is made by, for `napari_defocus.reproduce`."""
        analysis = {
            item.name: value
            if isinstance(value := getattr(self.analysis, item.name), str | int | float)
            else repr(value)
            for item in dataclasses.fields(self.analysis)
        }
        return {
            "request": "frame_table" if self.labels is None else "label_table",
            "version": __version__,
            "picture": self.source.name,
            "analysis": analysis,
            "threshold": self.threshold,
        }


def focus_table(
    image_layer: Image | Source,
    labels: Labels | NDArray[Any] | None = None,
    *,
    threshold: float | str = "auto",
    analysis: AnalysisParameters | None = None,
    index: tuple[int, ...] = (),
    progress: Progress = ignore_progress,
) -> dict[str, NDArray[Any]]:
    """Tell how sharp the labelled parts of a picture are, or every plane of a stack.

    Parameters
    ----------
    image_layer : napari.layers.Image
    labels : napari.layers.Labels or integer array (H, W), optional
        Parts of one plane; None asks for a row for each plane.
    threshold : float or "auto"
        Largest blur radius in px that counts as in focus; "auto" finds it for each plane.
    analysis : AnalysisParameters, optional
    index : tuple of int
        Of the plane of a stack that the labels belong to.
    progress : callable, optional

    Returns
    -------
    dict of str to array
        Columns by name, see `defocus.measures.label_table` and `frame_table`; pandas takes it as it is, and so do the
        ``features`` of a labels layer, after its column "label" was named "index".

    Raises
    ------
    defocus.InputError
        If the labels do not fit, or the picture cannot be used.
    """
    source = as_source(image_layer)
    parts = None if labels is None else np.asarray(getattr(labels, "data", labels))
    if parts is not None and parts.ndim > 2 and parts.shape == source.shape:
        parts = parts[index]
    request = TableRequest(source, parts, tuple(index), threshold, analysis or AnalysisParameters())
    return computed_table(request, Run(LocalEngine(), progress))


def computed_table(request: TableRequest, run: Run) -> dict[str, NDArray[Any]]:
    """Answer a request for a table; see `focus_table`."""
    source = request.source
    if request.labels is not None:
        return label_table(request.labels, *_measured(request, request.index, run)[:-1])
    rows, planes, analysis = [], list(source.indices()), request.analysis
    for number, index in enumerate(planes):
        part = sub_progress(run.progress, number / len(planes), (number + 1) / len(planes))
        there = run.part(named(part, f"plane {number + 1} of {len(planes)}"))
        analysis = of_planes(analysis, source, index)
        row, _ = measured_plane(source, index, request.threshold, analysis, there)
        place = {str(label): at for label, at in zip(source.axis_labels, index, strict=False)}
        rows.append({**place, **row})
    return frame_table(rows)


def of_planes(analysis: AnalysisParameters, source: Source, index: tuple[int, ...]) -> AnalysisParameters:
    """Return parameters for all planes of a series by one of them, which is loaded only if that has to tell the kind.

    Parameters
    ----------
    analysis : AnalysisParameters
    source : Source
    index : tuple of int
    """
    if analysis.kind != "auto":
        return analysis
    return of_frames(analysis, as_picture(source.plane(index), source=source.name))


def measured_plane(
    source: Source, index: tuple[int, ...], threshold: float | str, analysis: AnalysisParameters, run: Run
) -> tuple[dict[str, Any], Answer]:
    """Return how sharp a plane is, as a row of a table, and the answer that its blur map came with.

    Parameters
    ----------
    source : Source
    index : tuple of int
    threshold : float or "auto"
    analysis : AnalysisParameters
    run : Run
    """
    request = TableRequest(source, None, (), threshold, analysis)
    *found, answer = _measured(request, index, run)
    return frame_row(*found), answer


def _measured(request: TableRequest, index: tuple[int, ...], run: Run) -> tuple[Any, Any, float, Answer]:
    """Return radius in px, NaN where unknown, confidence, threshold of a plane, and the answer to the first."""
    plane = PlaneRequest(request.source, index, Question("blur_map", _DRAWN), request.analysis)
    first = run.part(sub_progress(run.progress, 0, 0.8)).compute(plane)
    rest = run.part(sub_progress(run.progress, 0.8, 1))
    plane = dataclasses.replace(plane, question=Question("confidence", _DRAWN), unchanged=True)
    sure = rest.compute(plane).values
    threshold = request.threshold
    if threshold == "auto":
        answer = rest.compute(dataclasses.replace(plane, question=Question("focus_mask", MaskParameters())))
        assert answer.threshold is not None
        threshold = answer.threshold
    scale = request.source.level_scale
    return first.values * np.float32(scale), sure, float(threshold) * scale, first
