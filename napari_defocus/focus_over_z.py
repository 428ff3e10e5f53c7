"""Focus over z as a function: a stack's layer in, composite and height map out. No viewer, no Qt."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.effects.detail_peak import refined_heights
from defocus.effects.focus_stack import composite, focus_curve, height_map
from defocus.errors import InputError
from defocus.parameters import NOISE_RANGE, AnalysisParameters, MapParameters, MaskParameters, describe
from defocus.pictures.intensity import value_range
from defocus.pictures.picture import as_picture
from defocus.progress import ignore_progress, sub_progress
from defocus.session import Question
from napari_defocus.engine import LocalEngine
from napari_defocus.functions import as_source, named
from napari_defocus.layers.results import layer_data
from napari_defocus.layers.source import short_unit
from napari_defocus.outputs import as_layer, recorded
from napari_defocus.requests import LayerRequest, PlaneRequest, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Image
    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from defocus.parameters import Control
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress
    from napari_defocus.layers.source import Source

__all__ = ["THRESHOLD", "StackRequest", "computed_stack", "focus_over_z_layers"]

_NOISE_PART, _REFINING_PART = 0.1, 0.1  # of the progress
_SPARSER, _WIDEST = 1.5, 32  # samples of a stack lie farther apart than a picture's, in times and px
_NOISE_SPACING = 16  # px between the windows that tell the noise
_MOST_DRIFT_PX = 0.5  # between the first slice and the last, up to which a pixel is the same place in all of them
_MOST_VERTICES = 250_000  # of a surface

_MASK_THRESHOLD = next(control for control in describe(MaskParameters) if control.name == "threshold")
THRESHOLD: Control = replace(
    _MASK_THRESHOLD, default=2.0, choices=(), help=_MASK_THRESHOLD.help.partition(";")[0] + "."
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
    analysis : AnalysisParameters
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
        if self.analysis.kind == "auto":  # nobody composes the slices of a stack: what photographs teach does not count
            object.__setattr__(self, "analysis", dataclasses.replace(self.analysis, kind="brightfield"))

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
        dataclasses.replace(parameters or MapParameters(), unknown="drawn"),  # slices are compared everywhere
        analysis or AnalysisParameters(),
    )
    return computed_stack(request, Run(LocalEngine(), progress))


def computed_stack(request: StackRequest, run: Run) -> list[LayerDataTuple]:
    """Answer a request about a stack, slice by slice; see `focus_over_z_layers`."""
    source, depth = request.source, request.depth
    request = _with_one_noise(request, run.part(sub_progress(run.progress, 0, _NOISE_PART)))
    run = run.part(sub_progress(run.progress, _NOISE_PART, 1))
    radii = np.empty((depth, *source.shape[-2:]), np.float32)
    confidence = np.empty_like(radii)
    for z in range(depth):
        measuring = sub_progress(run.progress, 0, 1 - _REFINING_PART)
        report = named(sub_progress(measuring, z / depth, (z + 1) / depth), f"slice {z + 1} of {depth}")
        # The second question is about the map of the first, which is held: it is not drawn twice
        parts = (
            ("blur_map", radii, sub_progress(report, 0, 0.9)),
            ("confidence", confidence, sub_progress(report, 0.9, 1)),
        )
        for name, target, part in parts:
            plane = PlaneRequest(
                source, request.at(z), Question(name, request.parameters), request.analysis, name == "confidence"
            )
            answer = run.part(part).compute(plane)
            target[z] = answer.values
    maps = LayerRequest(source, Question("blur_map", request.parameters), request.analysis)
    kept = [as_layer(maps, radii, answer)] if request.keep_maps and source.ndim == 3 else []
    radii *= np.float32(source.level_scale)
    curve = focus_curve(radii, confidence, request.threshold)
    heights = refined_heights(height_map(radii, confidence), _pictures(request, run))
    slices = request.at(0)
    where: tuple[Any, ...] = tuple(slice(None) if i == request.place else at for i, at in enumerate(slices))
    picture = composite(source.data[where], heights)
    facts = {
        **recorded(maps, answer),
        "request": "focus_over_z",
        "curve": curve,
        "threshold": request.threshold,
        "axis": request.axis,
        "fixed": tuple(None if i == request.place else at for i, at in enumerate(slices)),
    }
    if request.surface and source.ndim == 3:
        kept.append(_surface(request, heights, facts))
    return [
        *kept,
        layer_data(
            picture, source, "composite", "all in focus over z", "image", index=slices, flat=True,
            facts={**facts, "is_picture": True}, rgb=source.rgb, **source.display,
        ),
        layer_data(
            heights * np.float32(request.factor), source, "height_map", "height", "image", index=slices, flat=True,
            unit=request.shown_unit, facts={**facts, "maximum": (depth - 1) * request.factor}, colormap="viridis",
            contrast_limits=(0, (depth - 1) * request.factor),
        ),
    ]  # fmt: skip


def _with_one_noise(request: StackRequest, run: Run) -> StackRequest:
    """Return the request with what is one for the whole stack: the noise of its camera, and samples farther apart.

    Which slice a pixel belongs to is found in its finest detail; what the maps add is which detail to trust.
    """
    from defocus.evidence.radii import sample_spacing  # whose package loads the compiler
    from defocus.tuning import TUNING

    analysis, source = request.analysis, request.source
    if analysis.spacing == "auto":
        shape = source.shape[-2], source.shape[-1]
        wider = sample_spacing(analysis, shape, TUNING.evidence) * _SPARSER
        analysis = dataclasses.replace(analysis, spacing=min(round(wider), _WIDEST))
    if analysis.noise == "auto" and analysis.kind != "fluorescence":
        some = sorted({round((request.depth - 1) * part) for part in (0.2, 0.5, 0.8)})
        question, found = Question("confidence", request.parameters), []
        few = dataclasses.replace(analysis, spacing=max(int(analysis.spacing), _NOISE_SPACING))
        for number, z in enumerate(some):
            report = sub_progress(run.progress, number / len(some), (number + 1) / len(some))
            plane = PlaneRequest(source, request.at(z), question, few)
            found.append(run.part(named(report, "measuring the noise")).compute(plane).noise_variance)
        noise = float(np.clip(np.median(found), *NOISE_RANGE))
        analysis = dataclasses.replace(analysis, noise=noise)
    return dataclasses.replace(request, analysis=analysis)


def _pictures(request: StackRequest, run: Run) -> Iterator[Picture]:
    """Go through the slices as pictures of one range."""
    source, depth = request.source, request.depth
    ranges = []
    for z in range(depth):
        part = sub_progress(run.progress, 1 - _REFINING_PART * (1 - z / depth / 2), 1)
        part(0.0, f"range of slice {z + 1} of {depth}")
        plane = source.plane(request.at(z))
        ranges.append(value_range(plane[..., :3] if source.rgb else plane))
    limits = min(low for low, _ in ranges), max(high for _, high in ranges)
    for z in range(depth):
        part = sub_progress(run.progress, 1 - _REFINING_PART / 2 * (1 - z / depth), 1)
        part(0.0, f"detail of slice {z + 1} of {depth}")
        yield as_picture(source.plane(request.at(z)), source=source.name, limits=limits)


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
