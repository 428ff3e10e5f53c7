"""Focus over z as a function: a stack's layer in, composite and height map out. No viewer, no Qt."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.effects.focus_stack import composite
from defocus.errors import InputError
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters, describe
from defocus.progress import ignore_progress
from defocus.session import Question
from defocus.stack import THRESHOLD_PX, SliceMap, focus_over_z
from napari_defocus.engine import LocalEngine
from napari_defocus.functions import as_source
from napari_defocus.layers.results import layer_data
from napari_defocus.layers.source import CHANNEL_LABELS, short_unit
from napari_defocus.outputs import as_layer, recorded
from napari_defocus.requests import LayerRequest, PlaneRequest, Run

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from defocus.parameters import Control
    from defocus.progress import Progress
    from napari_defocus.layers.source import Source
    from napari_defocus.requests import Answer

__all__ = ["THRESHOLD", "StackRequest", "computed_stack", "focus_over_z_layers"]

_MOST_DRIFT_PX = 0.5  # between the first slice and the last, up to which a pixel is the same place in all of them
_MOST_VERTICES = 250_000  # of a surface

_MASK_THRESHOLD = next(control for control in describe(MaskParameters) if control.name == "threshold")
THRESHOLD: Control = replace(
    _MASK_THRESHOLD, default=THRESHOLD_PX, choices=(), help=_MASK_THRESHOLD.help.partition(";")[0] + "."
)
"""The control of the curve's threshold: the mask's, as a number."""


@dataclass(frozen=True, eq=False)
class StackRequest:
    """What is asked of a stack.

    Attributes
    ----------
    source : Source
    axis : int
        Along which the focus changes, counted from the end without the axis of colour.
    index : tuple of int, optional
        One index per axis before the last two, for the axes beside `axis`; 0 by default.
    threshold : float
        Largest blur radius in px that counts as in focus, for the curve.
    keep_maps : bool
        Whether the slices' blur maps are wanted as well; only of a layer with three axes.
    unit : str
        Of heights: "slice", or "layer" for the layer's own along the axis.
    surface : bool
        Whether the height is wanted as a surface as well; only of a layer with three axes.
    parameters : MapParameters
        With ``unknown="nan"`` the height is NaN where no slice tells it.
    analysis : AnalysisParameters
    sparing : bool
        Leave out what is unknown where the stack turns out to be fluorescence.
    all_channels : bool
        Whether a composite of every channel is wanted, by the heights of this one.
    around : int
        If not 0, the sharpest slice and so many on either side are wanted as a layer, too.
    """

    source: Source
    axis: int = -3
    index: tuple[int, ...] | None = None
    threshold: float = THRESHOLD.default
    keep_maps: bool = False
    unit: str = "slice"
    surface: bool = False
    parameters: MapParameters = field(default_factory=MapParameters)
    analysis: AnalysisParameters = field(default_factory=AnalysisParameters)
    sparing: bool = False
    all_channels: bool = False
    around: int = 0

    def __post_init__(self) -> None:
        source = self.source
        if not 0 <= self.place < source.ndim - 2 or source.shape[self.place] < 2:
            raise InputError(f"{source.name} is no stack of two slices or more along axis {self.axis}")
        if source.drift_px(self.place) > _MOST_DRIFT_PX:
            raise InputError(
                f"{source.name} is sheared, and its slices do not lie straight above each other: resample it"
            )
        if self.index is not None and len(self.index) != len(source.stack_shape):
            raise InputError(f"{source.name} needs {len(source.stack_shape)} indices, not {len(self.index)}")
        THRESHOLD.check(self.threshold)
        if self.unit not in ("slice", "layer"):
            raise InputError(f"unit must be 'slice' or 'layer', not {self.unit!r}")
        if self.unit == "layer" and str(source.units[self.place]) in ("pixel", "dimensionless", ""):
            raise InputError(f"{source.name} has no unit of its own along axis {self.axis} but the pixel")

    @property
    def place(self) -> int:
        """Number of the axis, counted from the first."""
        return self.source.ndim + self.axis

    @property
    def depth(self) -> int:
        """Number of slices."""
        return self.source.shape[self.place]

    @property
    def factor(self) -> float:
        """How many of the unit a slice is."""
        return float(abs(self.source.transform.scale[self.place])) if self.unit == "layer" else 1.0

    @property
    def shown_unit(self) -> str:
        """Short name of the unit."""
        return short_unit(self.source.units[self.place]) if self.unit == "layer" else "slice"

    def at(self, z: int) -> tuple[int, ...]:
        """Return the index of a slice."""
        index = list(self.index or (0,) * len(self.source.stack_shape))
        index[self.place] = z
        return tuple(index)


def focus_over_z_layers(
    image_layer: Image | Source,
    *,
    axis: int = -3,
    index: tuple[int, ...] | None = None,
    threshold: float = THRESHOLD.default,
    keep_maps: bool = False,
    unit: str = "slice",
    surface: bool = False,
    parameters: MapParameters | None = None,
    analysis: AnalysisParameters | None = None,
    progress: Progress = ignore_progress,
) -> list[LayerDataTuple]:
    """Measure every slice of a stack and combine them: extended depth of field with its height map.

    Parameters
    ----------
    image_layer : napari.layers.Image
        With three axes or more; the other parameters are explained in `StackRequest`.
    axis : int
    index : tuple of int, optional
    threshold : float
    keep_maps : bool
    unit : str
    surface : bool
    parameters : MapParameters, optional
    analysis : AnalysisParameters, optional
    progress : callable, optional

    Returns
    -------
    list of LayerDataTuple
        The composite, named "NAME all in focus over z", and the height map (float32, in slices, with parts of
        slices, or in the layer's unit), named "NAME height (slice)" or with that unit; before them the maps and the
        surface that were asked for. The height map's ``metadata["defocus"]["curve"]`` is a `FocusCurve`, ``["axis"]``
        the axis and ``["fixed"]`` the index along every other axis.

    Raises
    ------
    defocus.InputError
        If the layer is not a stack along `axis`, or is sheared so that its slices do not lie straight above each other.
    """
    request = StackRequest(
        as_source(image_layer),
        axis,
        index,
        threshold,
        keep_maps,
        unit,
        surface,
        parameters or MapParameters(),
        analysis or AnalysisParameters(),
        sparing=parameters is None,
    )
    return computed_stack(request, Run(LocalEngine(), progress))


def computed_stack(request: StackRequest, run: Run) -> list[LayerDataTuple]:
    """Answer a request about a stack, slice by slice; see `focus_over_z_layers`."""
    source, depth = request.source, request.depth
    slices = _Slices(request)
    answer: Answer | None = None

    def measure(z: int, parameters: AnalysisParameters, drawn: MapParameters, progress: Progress) -> SliceMap:
        nonlocal answer
        plane = PlaneRequest(source, request.at(z), Question("blur_map", drawn), parameters)
        answer = run.part(progress).compute(plane)
        return SliceMap(answer.values, answer.noise_variance, answer.max_radius)

    found = focus_over_z(
        slices,
        request.analysis,
        request.parameters,
        threshold=request.threshold,
        measure=measure,
        radius_scale=source.level_scale,
        source=source.name,
        progress=run.progress,
    )
    assert answer is not None
    question = Question("blur_map", dataclasses.replace(request.parameters, unknown="nan"))
    maps = LayerRequest(source, question, found.parameters)
    kept = []
    if request.keep_maps and source.ndim == 3:
        kept = [as_layer(maps, found.radii / np.float32(source.level_scale), answer)]
    at = request.at(0)
    heights = found.heights
    facts = {
        **recorded(maps, answer),
        "request": "focus_over_z",
        "curve": found.curve,
        "verdict": found.curve.verdict,
        "threshold": request.threshold,
        "axis": request.axis,
        "fixed": tuple(None if i == request.place else one for i, one in enumerate(at)),
        "known_share": float(found.known.mean()),
        "axes": source.axis_labels,
        "per_slice": request.factor,
        "radius_scale": source.level_scale,
    }
    shown = heights
    left_out = request.parameters.unknown == "nan" or (request.sparing and found.parameters.kind == "fluorescence")
    if left_out:
        shown = np.where(found.known, heights, np.float32(np.nan))
    facts["parameters"] = {**facts["parameters"], "unknown": "nan" if left_out else "drawn"}
    if request.surface and source.ndim == 3:
        kept.append(_surface(request, heights, facts))
    if request.around and found.curve.sharpest is not None:
        kept.append(_around(request, found.best_slices(request.around), facts))
    return [
        *kept,
        *(
            layer_data(
                composite(_Slices(one).data, heights), source, "composite", "all in focus over z", "image",
                index=one.at(0), flat=True, facts={**facts, "is_picture": True}, rgb=source.rgb, **source.display,
            )
            for one in _of_channels(request)
        ),
        layer_data(
            shown * np.float32(request.factor), source, "height_map", "height", "image", index=at, flat=True,
            unit=request.shown_unit, facts={**facts, "maximum": (depth - 1) * request.factor}, colormap="viridis",
            contrast_limits=(0, (depth - 1) * request.factor),
        ),
    ]  # fmt: skip


def _of_channels(request: StackRequest) -> list[StackRequest]:
    """Return the request for each channel, the one that is measured last; or that one alone."""
    source, at = request.source, request.at(0)
    places = [place for place, label in enumerate(source.axis_labels[:-2]) if label.lower() in CHANNEL_LABELS]
    if not request.all_channels or not places or places[0] == request.place:
        return [request]
    place = places[0]
    others = [number for number in range(source.shape[place]) if number != at[place]]
    indices = [(*at[:place], number, *at[place + 1 :]) for number in (*others, at[place])]
    return [dataclasses.replace(request, index=index) for index in indices]


def _around(request: StackRequest, slices: range, facts: dict[str, Any]) -> LayerDataTuple:
    """Return the sharpest slices, where they lie in the stack, of all channels and times."""
    source = request.source
    where = [slice(None)] * len(source.stack_shape)
    where[request.place] = slice(slices.start, slices.stop)
    first = [0] * len(source.stack_shape)
    first[request.place] = slices.start
    values, metadata, kind = layer_data(
        source.data[tuple(where)], source, "sharpest_slices", "sharpest slices", "image",
        facts={**facts, "is_picture": True, "slices": [slices.start, slices.stop - 1]}, rgb=source.rgb,
        **source.display,
    )  # fmt: skip
    return values, {**metadata, **source.slice_metadata(first)}, kind


class _Slices:
    """The slices that a request is about, loaded when they are looked at."""

    def __init__(self, request: StackRequest) -> None:
        self._request = request
        at = request.at(0)
        where: tuple[Any, ...] = tuple(slice(None) if i == request.place else one for i, one in enumerate(at))
        self.data: Any = request.source.data[where]

    def __len__(self) -> int:
        return self._request.depth

    def __getitem__(self, z: int) -> NDArray[Any]:
        return self._request.source.plane(self._request.at(z))


def _surface(request: StackRequest, heights: NDArray[np.float32], facts: dict[str, Any]) -> LayerDataTuple:
    """Return the height as napari's surface: vertices in the stack's own coordinates."""
    source = request.source
    step = max(1, round((heights.size / _MOST_VERTICES) ** 0.5))
    rows, columns = np.arange(0, heights.shape[0], step), np.arange(0, heights.shape[1], step)
    z = heights[np.ix_(rows, columns)]
    vertices = np.stack([z, *np.meshgrid(rows, columns, indexing="ij")], axis=-1).reshape(-1, 3).astype(np.float32)
    number = np.arange(z.size).reshape(z.shape)
    corners = [number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]]
    a, b, c, d = (corner.ravel() for corner in corners)
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    values = z.ravel() * np.float32(request.factor)
    return layer_data(
        (vertices, faces, values), source, "surface", "surface", "surface",
        facts={**facts, "unit": request.shown_unit}, colormap="viridis",
    )  # fmt: skip
