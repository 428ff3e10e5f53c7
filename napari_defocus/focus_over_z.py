"""Focus over z as a function: a stack's layer in, composite and height map out. No viewer, no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.effects.focus_stack import composite, focus_curve, height_map
from defocus.errors import InputError
from defocus.parameters import AnalysisParameters, MapParameters
from defocus.progress import ignore_progress, sub_progress
from napari_defocus.engine import LocalEngine
from napari_defocus.functions import as_source, map_layer_data, named
from napari_defocus.jobs import Job
from napari_defocus.layers.results import layer_data

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.types import LayerDataTuple

    from defocus.progress import Progress
    from napari_defocus.jobs import Engine, Token
    from napari_defocus.layers.source import Source

__all__ = ["focus_over_z_layers"]


def focus_over_z_layers(
    image_layer: Image | Source,
    *,
    axis: int = -3,
    index: tuple[int, ...] | None = None,
    threshold: float = 2.0,
    keep_maps: bool = False,
    parameters: MapParameters | None = None,
    analysis: AnalysisParameters | None = None,
    engine: Engine | None = None,
    progress: Progress = ignore_progress,
    token: Token | None = None,
) -> list[LayerDataTuple]:
    """Measure every slice of a stack and combine them: extended depth of field with its height map.

    Parameters
    ----------
    image_layer : napari.layers.Image
        With three axes or more; the other parameters are explained in `blur_map_layer`.
    axis : int
        Along which the focus changes, counted from the end without the axis of colour; -3 is the usual z.
    index : tuple of int, optional
        One index per axis before the last two, for the axes beside `axis`; 0 by default.
    threshold : float
        Largest blur radius in px that counts as in focus, for the curve.
    keep_maps : bool
        Return the slices' blur maps as a layer too; only of a layer with three axes.

    Returns
    -------
    list of LayerDataTuple
        The composite, named "NAME all in focus over z", and the height map (uint16, index of the sharpest
        slice), named "NAME height". The height map's ``metadata["defocus"]["curve"]`` is a `FocusCurve`.

    Raises
    ------
    defocus.InputError
        If the layer is not a stack along `axis`.
    """
    source = as_source(image_layer)
    place = source.ndim + axis
    if not 0 <= place < source.ndim - 2 or source.shape[place] < 2:
        raise InputError(f"{source.name} is no stack of two slices or more along axis {axis}")
    fixed = list(index or (0,) * len(source.stack_shape))
    depth = source.shape[place]
    height, width = source.shape[-2:]
    radii = np.empty((depth, height, width), np.float32)
    confidence = np.empty_like(radii)
    worker = engine or LocalEngine()
    chosen = analysis or AnalysisParameters()
    for z in range(depth):
        fixed[place] = z
        for part, (request, target) in enumerate((("blur_map", radii), ("confidence", confidence))):
            job = Job(source, tuple(fixed), request, (parameters or MapParameters()) if part == 0 else None, chosen)
            report = sub_progress(progress, (z + part * 0.9) / depth, (z + (0.9, 1)[part]) / depth)
            answer = worker.compute(job, named(report, f"slice {z + 1} of {depth}"), token)
            target[z] = answer.values
    radii *= np.float32(source.level_scale)
    curve = focus_curve(radii, confidence, threshold)
    heights = height_map(radii, confidence)
    where: tuple[Any, ...] = tuple(slice(None) if i == place else at for i, at in enumerate(fixed))
    picture = composite(source.data[where], heights)
    facts = {"curve": curve, "axis": axis, "fixed": tuple(fixed)}
    maps = (
        [map_layer_data(radii, source, source.level_scale, "px", answer, None)]
        if keep_maps and source.ndim == 3
        else []
    )
    return [
        *maps,
        layer_data(
            picture, source, "composite", "all in focus over z", "image", flat=True, facts=facts,
            rgb=source.rgb, **source.display,
        ),
        layer_data(
            heights, source, "height_map", "height", "image", flat=True, facts=facts, colormap="viridis",
            contrast_limits=(0, depth - 1),
        ),
    ]  # fmt: skip
