"""Focus over z as a function: a stack's layer in, composite and height map out. No viewer, no Qt."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.effects.focus_stack import composite, focus_curve, height_map
from defocus.errors import InputError
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters, describe
from defocus.progress import ignore_progress, sub_progress
from defocus.session import Question
from napari_defocus.engine import LocalEngine
from napari_defocus.functions import as_source, named
from napari_defocus.layers.results import layer_data
from napari_defocus.outputs import as_layer, recorded
from napari_defocus.requests import LayerRequest, PlaneRequest, Run

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.types import LayerDataTuple

    from defocus.parameters import Control
    from defocus.progress import Progress
    from napari_defocus.layers.source import Source

__all__ = ["THRESHOLD", "StackRequest", "computed_stack", "focus_over_z_layers"]

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
    parameters : MapParameters
    analysis : AnalysisParameters
    """

    source: Source
    axis: int = -3
    index: tuple[int, ...] | None = None
    threshold: float = THRESHOLD.default
    keep_maps: bool = False
    parameters: MapParameters = field(default_factory=MapParameters)
    analysis: AnalysisParameters = field(default_factory=AnalysisParameters)

    def __post_init__(self) -> None:
        source = self.source
        if not 0 <= self.place < source.ndim - 2 or source.shape[self.place] < 2:
            raise InputError(f"{source.name} is no stack of two slices or more along axis {self.axis}")
        if self.index is not None and len(self.index) != len(source.stack_shape):
            raise InputError(f"{source.name} needs {len(source.stack_shape)} indices, not {len(self.index)}")
        THRESHOLD.check(self.threshold)
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
    parameters : MapParameters, optional
    analysis : AnalysisParameters, optional
    progress : callable, optional

    Returns
    -------
    list of LayerDataTuple
        The composite, named "NAME all in focus over z", and the height map (float32, in slices, with parts of
        slices), named "NAME height". The height map's ``metadata["defocus"]["curve"]`` is a `FocusCurve`, ``["axis"]``
        the axis and ``["fixed"]`` the index along every other axis.

    Raises
    ------
    defocus.InputError
        If the layer is not a stack along `axis`.
    """
    request = StackRequest(
        as_source(image_layer),
        axis,
        index,
        threshold,
        keep_maps,
        parameters or MapParameters(),
        analysis or AnalysisParameters(),
    )
    return computed_stack(request, Run(LocalEngine(), progress))


def computed_stack(request: StackRequest, run: Run) -> list[LayerDataTuple]:
    """Answer a request about a stack, slice by slice; see `focus_over_z_layers`."""
    source, depth = request.source, request.depth
    radii = np.empty((depth, *source.shape[-2:]), np.float32)
    confidence = np.empty_like(radii)
    for z in range(depth):
        report = named(sub_progress(run.progress, z / depth, (z + 1) / depth), f"slice {z + 1} of {depth}")
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
    heights = height_map(radii, confidence)
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
    return [
        *kept,
        layer_data(
            picture, source, "composite", "all in focus over z", "image", index=slices, flat=True,
            facts={**facts, "is_picture": True}, rgb=source.rgb, **source.display,
        ),
        layer_data(
            heights, source, "height_map", "height", "image", index=slices, flat=True,
            facts={**facts, "unit": "slice", "maximum": float(depth - 1)}, colormap="viridis",
            contrast_limits=(0, depth - 1),
        ),
    ]  # fmt: skip
