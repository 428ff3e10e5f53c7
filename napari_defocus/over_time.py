"""Focus over time as a function: the sharpest slice of each time, as a layer and a table. No viewer, no Qt."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.parameters import AnalysisParameters, MapParameters
from defocus.session import Question
from defocus.timelapse import drift_in_words, focus_over_time, followed
from napari_defocus.layers.results import layer_data
from napari_defocus.layers.source import CHANNEL_LABELS
from napari_defocus.outputs import recorded
from napari_defocus.requests import LayerRequest
from napari_defocus.tables import measured_plane, of_planes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from defocus.progress import Progress
    from napari_defocus.layers.source import Source
    from napari_defocus.requests import Run

__all__ = ["TimeRequest", "computed_times", "time_axes"]


def time_axes(source: Source, axis: int) -> list[int]:
    """Return the axes along which a stack may change over time, counted from the end: those of no channel, nor focus.

    Parameters
    ----------
    source : Source
    axis : int
        That of focus.
    """
    return [
        place - source.ndim
        for place, (label, size) in enumerate(zip(source.axis_labels, source.stack_shape, strict=False))
        if place - source.ndim != axis and size > 1 and label.lower() not in CHANNEL_LABELS
    ]


@dataclass(frozen=True, eq=False)
class TimeRequest:
    """What is asked of a series of stacks.

    Attributes
    ----------
    source : Source
    axis, time : int
        Along which the focus changes, and the time, counted from the end without the axis of colour.
    index : tuple of int
        One index per axis before the last two, for the others, a channel for instance.
    analysis : AnalysisParameters
    """

    source: Source
    axis: int
    time: int
    index: tuple[int, ...]
    analysis: AnalysisParameters = field(default_factory=AnalysisParameters)

    def __post_init__(self) -> None:
        if self.time not in time_axes(self.source, self.axis):
            raise InputError(f"{self.source.name} has no axis of time beside that of focus")

    @property
    def places(self) -> tuple[int, int]:
        """Numbers of the axes of time and focus, counted from the first."""
        return self.source.ndim + self.time, self.source.ndim + self.axis

    def at(self, time: int, z: int) -> tuple[int, ...]:
        """Return the index of a slice."""
        index = list(self.index)
        index[self.places[0]], index[self.places[1]] = time, z
        return tuple(index)


class _Series:
    """The slices that a request is about, as `focus_over_time` takes them, loaded when they are looked at."""

    def __init__(self, request: TimeRequest) -> None:
        self._request = request
        shape = request.source.shape
        self.shape = (*(shape[place] for place in request.places), *shape[-2:])

    def __getitem__(self, place: tuple[int, int]) -> NDArray[Any]:
        return self._request.source.plane(self._request.at(*place))


def computed_times(request: TimeRequest, run: Run) -> LayerDataTuple:
    """Return the sharpest slice of each time, of all channels, as a layer that is seen at every slice of its time.

    Each is measured by a threshold of its own. The metadata's ``["defocus"]["table"]`` tells of each time, see
    `defocus.timelapse.focus_over_time`.

    Parameters
    ----------
    request : TimeRequest
    run : Run

    Raises
    ------
    InputError
        If no slice is in focus at any time.
    """
    source, answer = request.source, None
    chosen = request.analysis

    def measure(time: int, z: int, progress: Progress) -> Mapping[str, Any]:
        nonlocal answer, chosen
        index = request.at(time, z)
        chosen = of_planes(chosen, source, index)
        row, answer = measured_plane(source, index, "auto", chosen, run.part(progress))
        return row

    table = focus_over_time(_Series(request), measure=measure, source=source.name, progress=run.progress)
    best = followed(table["sharpest"])
    assert answer is not None
    time, place = request.places
    planes = [np.asarray(source.data[_where(source, {time: one, place: z})]) for one, z in enumerate(best)]
    # The axis of focus keeps its length without its weight: the layer is seen whatever slice the viewer shows
    values = np.expand_dims(np.stack(planes, time if time < place else time - 1), place)
    values = np.broadcast_to(values, source.data.shape)
    maps = LayerRequest(source, Question("blur_map", MapParameters()), dataclasses.replace(chosen))
    facts = {
        **recorded(maps, answer),
        "request": "focus_over_time",
        "is_picture": True,
        "table": table,
        "verdict": drift_in_words(table),
        "axes": source.axis_labels,
        "focus_axis": place,
        "time_axis": time,
        "fixed": tuple(None if i in (time, place) else one for i, one in enumerate(request.index)),
        "repeated_axis": place,
    }
    facts["analysis"] = recorded(dataclasses.replace(maps, analysis=request.analysis), answer)["analysis"]
    return layer_data(
        values, source, "sharpest_over_time", "sharpest over time", "image", facts=facts, rgb=source.rgb,
        **source.display,
    )  # fmt: skip


def _where(source: Source, chosen: Mapping[int, int]) -> tuple[Any, ...]:
    return tuple(chosen.get(place, slice(None)) for place in range(source.ndim))
