"""What the widgets do, as functions: an image layer in, napari's ``LayerDataTuple`` out. No viewer, no Qt.

They work in this process unless they are given another engine; the widgets give them the worker process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.parameters import (
    AnalysisParameters,
    MagnificationParameters,
    MapParameters,
    MaskParameters,
    RestorationParameters,
)
from defocus.progress import ignore_progress, sub_progress
from napari_defocus.engine import LocalEngine
from napari_defocus.jobs import Job
from napari_defocus.layers.results import IN_FOCUS_COLOR, layer_data
from napari_defocus.layers.source import Source

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from defocus.progress import Progress
    from napari_defocus.jobs import Answer, Engine, Token

__all__ = [
    "as_source",
    "blur_map_layer",
    "focus_mask_layer",
    "magnified_layer",
    "map_layer_data",
    "named",
    "restored_layer",
]


def blur_map_layer(
    image_layer: Image | Source,
    parameters: MapParameters | None = None,
    *,
    analysis: AnalysisParameters | None = None,
    index: tuple[int, ...] | None = None,
    unit: str = "px",
    engine: Engine | None = None,
    progress: Progress = ignore_progress,
    token: Token | None = None,
) -> LayerDataTuple:
    """Measure the blur radius at every pixel.

    Parameters
    ----------
    image_layer : napari.layers.Image
        Grey or RGB(A), any real type, two axes or more, also multiscale or lazy.
    parameters : MapParameters, optional
    analysis : AnalysisParameters, optional
    index : tuple of int, optional
        Which plane of a stack: one index per axis before the last two. By default all of them.
    unit : str
        "px" for the disc radius in pixels of the full-resolution picture, "layer" for the layer's own unit.
    engine : Engine, optional
        Where to work; this process by default.
    progress : callable, optional
        Called with (fraction, stage).
    token : Token, optional
        Stops the work from another thread.

    Returns
    -------
    LayerDataTuple
        An image layer, float32, named "NAME blur radius", in the place of `image_layer`;
        of one plane of a stack a stack of one.

    Raises
    ------
    defocus.InputError
        If the picture or a parameter cannot be used, or the layer has no unit of its own.

    Examples
    --------
    >>> from napari.layers import Image
    >>> layer = Image(np.random.default_rng(0).random((60, 80)), name="noise", scale=(0.5, 0.5))
    >>> data, metadata, kind = blur_map_layer(layer)
    >>> data.shape, metadata["name"], kind
    ((60, 80), 'noise blur radius', 'image')
    """
    source = as_source(image_layer)
    if unit not in ("px", "layer"):
        raise InputError(f"unit must be 'px' or 'layer', not {unit!r}")
    if unit == "layer" and source.unit is None:
        raise InputError(f"{source.name} has no unit of its own but the pixel")
    factor = source.level_scale * (source.pixel_size if unit == "layer" else 1.0)
    shown_unit = str(source.unit) if unit == "layer" else "px"
    values, answer = _every_plane(
        source, index, "blur_map", parameters or MapParameters(), analysis, engine, progress, token
    )
    values *= np.float32(factor)
    return map_layer_data(values, source, factor, shown_unit, answer, index)


def focus_mask_layer(
    image_layer: Image | Source,
    parameters: MaskParameters | None = None,
    *,
    analysis: AnalysisParameters | None = None,
    hints: Labels | NDArray[Any] | None = None,
    invert: bool = False,
    index: tuple[int, ...] | None = None,
    engine: Engine | None = None,
    progress: Progress = ignore_progress,
    token: Token | None = None,
) -> LayerDataTuple:
    """Tell what is in focus from what is not.

    Parameters
    ----------
    image_layer : napari.layers.Image
        As in `blur_map_layer`, which explains `index`, `engine`, `progress` and `token` as well.
    parameters : MaskParameters, optional
    analysis : AnalysisParameters, optional
    hints : napari.layers.Labels or integer array, optional
        Of the picture's shape: 1 is in focus, 2 is not, 0 leaves it to the measurement.
    invert : bool
        Mark what is blurred instead.

    Returns
    -------
    LayerDataTuple
        Without softness a labels layer, uint8, 1 = in focus, named "NAME in focus"; with softness an image
        layer, float32 in [0, 1], named "NAME focus matte".

    Raises
    ------
    defocus.InputError
        If the picture, a parameter or the hints cannot be used.
    """
    source = as_source(image_layer)
    chosen = parameters or MaskParameters()
    strokes = None if hints is None else np.asarray(getattr(hints, "data", hints))
    if strokes is not None and strokes.shape != source.shape:
        raise InputError(f"hints of shape {strokes.shape} for a picture of {source.shape}")
    values, answer = _every_plane(source, index, "focus_mask", chosen, analysis, engine, progress, token, strokes)
    if invert:
        values = 1 - values
    facts = {"threshold": answer.threshold, "maximum": answer.max_radius, "inverted": invert}
    if chosen.softness > 0:
        return layer_data(
            values, source, "focus_matte", "focus matte", "image", index=index, facts=facts, colormap="gray",
            contrast_limits=(0.0, 1.0), opacity=0.7,
        )  # fmt: skip
    from napari.utils.colormaps import DirectLabelColormap

    colormap = DirectLabelColormap(color_dict={0: "transparent", 1: IN_FOCUS_COLOR, None: "transparent"})
    # napari compiles something when such colours are first used; better in this thread than in the window's
    colormap.map(np.zeros((1, 1), np.uint8))
    return layer_data(
        (values > 0.5).astype(np.uint8),
        source,
        "focus_mask",
        "in focus",
        "labels",
        index=index,
        facts=facts,
        opacity=0.5,
        colormap=colormap,
    )


def restored_layer(
    image_layer: Image | Source,
    parameters: RestorationParameters | None = None,
    *,
    analysis: AnalysisParameters | None = None,
    map_parameters: MapParameters | None = None,
    index: tuple[int, ...] | None = None,
    engine: Engine | None = None,
    progress: Progress = ignore_progress,
    token: Token | None = None,
) -> LayerDataTuple:
    """Compute the picture as if all of it had been in focus, by deconvolution with its blur map.

    Parameters are as in `blur_map_layer`; `map_parameters` says how the map is drawn.

    Returns
    -------
    LayerDataTuple
        An image layer of the source's shape, type and display, named "NAME all in focus".
    """
    return _picture_layer(
        as_source(image_layer), "restore", "restored", "all in focus", parameters or RestorationParameters(),
        analysis, map_parameters, index, engine, progress, token,
    )  # fmt: skip


def magnified_layer(
    image_layer: Image | Source,
    parameters: MagnificationParameters | None = None,
    *,
    analysis: AnalysisParameters | None = None,
    map_parameters: MapParameters | None = None,
    index: tuple[int, ...] | None = None,
    engine: Engine | None = None,
    progress: Progress = ignore_progress,
    token: Token | None = None,
) -> LayerDataTuple:
    """Blur the background further, as a wider aperture would have done.

    Parameters are as in `blur_map_layer`; `map_parameters` says how the map is drawn.

    Returns
    -------
    LayerDataTuple
        An image layer of the source's shape, type and display, named "NAME more blur".
    """
    return _picture_layer(
        as_source(image_layer), "magnify", "magnified", "more blur", parameters or MagnificationParameters(),
        analysis, map_parameters, index, engine, progress, token,
    )  # fmt: skip


def as_source(image_layer: Image | Source) -> Source:
    """Return what a layer shows; a `Source` is returned as it is."""
    return image_layer if isinstance(image_layer, Source) else Source.from_layer(image_layer)


def map_layer_data(
    values: NDArray[np.float32],
    source: Source,
    factor: float,
    unit: str,
    answer: Answer,
    index: tuple[int, ...] | None,
) -> LayerDataTuple:
    """Return a blur map, in `unit`, as a layer; `factor` such units are a pixel of the measured level."""
    maximum = answer.max_radius * factor
    facts = {"unit": unit, "px": factor, "maximum": maximum, "noise_variance": answer.noise_variance}
    return layer_data(
        values,
        source,
        "blur_map",
        "blur radius",
        "image",
        index=index,
        facts=facts,
        colormap="viridis",
        contrast_limits=(0.0, maximum),
    )


def named(progress: Progress, prefix: str) -> Progress:
    """Return a callback that puts words before the name of every stage."""
    return lambda fraction, stage: progress(fraction, f"{prefix}: {stage}")


def _every_plane(
    source: Source,
    index: tuple[int, ...] | None,
    request: str,
    parameters: Any,
    analysis: AnalysisParameters | None,
    engine: Engine | None,
    progress: Progress,
    token: Token | None,
    strokes: NDArray[Any] | None = None,
    map_parameters: MapParameters | None = None,
) -> tuple[NDArray[Any], Answer]:
    """Return the result for one plane, or for all of them in the shape of the stack, and the last answer."""
    if index is not None and len(index) != len(source.stack_shape):
        raise InputError(f"{source.name} needs {len(source.stack_shape)} indices for a plane, not {len(index)}")
    worker = engine or LocalEngine()
    planes = [index] if index is not None else list(source.indices())
    result: NDArray[Any] | None = None
    for number, one in enumerate(planes):
        hints = {}
        if strokes is not None and strokes[one].any():
            hints = {"in_focus": strokes[one] == 1, "blurred": strokes[one] == 2}
        job = Job(
            source,
            one,
            request,
            parameters,
            analysis or AnalysisParameters(),
            map_parameters or MapParameters(),
            hints,
        )
        report = sub_progress(progress, number / len(planes), (number + 1) / len(planes))
        if len(planes) > 1:
            report = named(report, f"slice {number + 1} of {len(planes)}")
        answer = worker.compute(job, report, token)
        if index is not None or not one:
            return answer.values, answer
        if result is None:
            result = np.empty(source.stack_shape + answer.values.shape, answer.values.dtype)
        result[one] = answer.values
    if result is None:
        raise InputError(f"{source.name} holds no picture")
    return result, answer


def _picture_layer(
    source: Source,
    request: str,
    kind: str,
    title: str,
    parameters: Any,
    analysis: AnalysisParameters | None,
    map_parameters: MapParameters | None,
    index: tuple[int, ...] | None,
    engine: Engine | None,
    progress: Progress,
    token: Token | None,
) -> LayerDataTuple:
    values, _ = _every_plane(
        source, index, request, parameters, analysis, engine, progress, token, map_parameters=map_parameters
    )
    return layer_data(values, source, kind, title, "image", index=index, rgb=source.rgb, **source.display)
