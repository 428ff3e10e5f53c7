"""What the widgets do, as functions: an image layer in, napari's ``LayerDataTuple`` out. No viewer, no Qt.

Those with the name of a result work in this process; `computed_layer` takes a request and works where it is told, as
the widgets do in the worker process.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters
from defocus.progress import ignore_progress, sub_progress
from defocus.session import REQUESTS, Question
from napari_defocus.blocks import blocks_layer, is_large
from napari_defocus.engine import LocalEngine
from napari_defocus.layers.source import Source
from napari_defocus.outputs import as_layer
from napari_defocus.requests import LayerRequest, PlaneRequest, Run

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from defocus.depth import DepthScale
    from defocus.parameters import MagnificationParameters, RestorationParameters
    from defocus.progress import Progress
    from napari_defocus.requests import Answer

__all__ = [
    "as_source",
    "blur_map_layer",
    "computed_layer",
    "confidence_layer",
    "focus_mask_layer",
    "magnified_layer",
    "named",
    "restored_layer",
]

_VOTERS = 7  # slices of a stack that are asked for its threshold


def blur_map_layer(
    image_layer: Image | Source,
    parameters: MapParameters | None = None,
    *,
    analysis: AnalysisParameters | None = None,
    index: tuple[int, ...] | None = None,
    unit: str = "px",
    depth: DepthScale | None = None,
    progress: Progress = ignore_progress,
) -> LayerDataTuple:
    """Measure the blur radius at every pixel.

    Parameters
    ----------
    image_layer : napari.layers.Image
        Grey or RGB(A), any real type, two axes or more, also multiscale or lazy.
    parameters : MapParameters, optional
        Without them what is unknown is NaN in fluorescence, most of which is ground, and drawn in other pictures.
    analysis : AnalysisParameters, optional
    index : tuple of int, optional
        Which plane of a stack: one index per axis before the last two. By default all of them.
    unit : str
        "px" for the disc radius in pixels of the full-resolution picture, "layer" for the layer's own unit.
    depth : DepthScale, optional
        Measured by `defocus.depth.calibrate_depth`, or read by `defocus.depth.load_depth_scale`: tell the distance
        from focus in µm in place of the radius; unsigned, because one picture does not tell on which side.
    progress : callable, optional
        Called with (fraction, stage).

    Returns
    -------
    LayerDataTuple
        An image layer, float32, named "NAME blur radius (px)", or with the other unit, in the place of `image_layer`;
        of one plane of a stack a stack of one. With `depth` it is named "NAME distance from focus (µm)".

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
    ((60, 80), 'noise blur radius (px)', 'image')
    """
    question = Question("blur_map", parameters or MapParameters())
    return _here(image_layer, question, analysis, index, progress, unit=unit, depth=depth, sparing=parameters is None)


def confidence_layer(
    image_layer: Image | Source,
    parameters: MapParameters | None = None,
    *,
    analysis: AnalysisParameters | None = None,
    index: tuple[int, ...] | None = None,
    progress: Progress = ignore_progress,
) -> LayerDataTuple:
    """Tell how sure the blur map is: the probability that a radius is right to 0.3 px.

    Parameters are as in `blur_map_layer`.

    Returns
    -------
    LayerDataTuple
        An image layer, float32 in [0, 1], named "NAME confidence"; flat areas have little.
    """
    return _here(image_layer, Question("confidence", parameters or MapParameters()), analysis, index, progress)


def focus_mask_layer(
    image_layer: Image | Source,
    parameters: MaskParameters | None = None,
    *,
    analysis: AnalysisParameters | None = None,
    hints: Labels | NDArray[Any] | None = None,
    invert: bool = False,
    each: bool = False,
    index: tuple[int, ...] | None = None,
    progress: Progress = ignore_progress,
) -> LayerDataTuple:
    """Tell what is in focus from what is not.

    Parameters
    ----------
    image_layer : napari.layers.Image
        As in `blur_map_layer`, which explains `index` and `progress` as well. All slices of a stack are cut at one
        threshold; "auto" is the median of what seven of them, spread over the stack, would take.
    parameters : MaskParameters, optional
    analysis : AnalysisParameters, optional
    hints : napari.layers.Labels or integer array, optional
        Of the picture's shape: 1 is in focus, 2 is not, 0 leaves it to the measurement.
    invert : bool
        Mark what is blurred instead.
    each : bool
        Find the automatic threshold for each slice of a stack: of a time-lapse one for all leaves frames empty that are
        sharp for themselves.

    Returns
    -------
    LayerDataTuple
        Without softness a labels layer, uint8, 1 = in focus, named "NAME in focus"; with softness an image
        layer, float32 in [0, 1], named "NAME focus matte". Inverted ones are named "NAME not in focus" and
        "NAME defocus matte".

    Raises
    ------
    defocus.InputError
        If the picture, a parameter or the hints cannot be used.
    """
    strokes = None if hints is None else np.asarray(getattr(hints, "data", hints))
    question = Question("focus_mask", parameters or MaskParameters())
    return _here(image_layer, question, analysis, index, progress, strokes=strokes, inverted=invert, each=each)


def restored_layer(
    image_layer: Image | Source,
    parameters: RestorationParameters | None = None,
    *,
    analysis: AnalysisParameters | None = None,
    map_parameters: MapParameters | None = None,
    index: tuple[int, ...] | None = None,
    progress: Progress = ignore_progress,
) -> LayerDataTuple:
    """Compute the picture as if all of it had been in focus, by deconvolution with its blur map.

    Parameters are as in `blur_map_layer`; `map_parameters` says how the map is drawn.

    Returns
    -------
    LayerDataTuple
        An image layer of the source's shape, type and display, named "NAME all in focus".
    """
    question = Question("restore", parameters, map_parameters or MapParameters())
    return _here(image_layer, question, analysis, index, progress)


def magnified_layer(
    image_layer: Image | Source,
    parameters: MagnificationParameters | None = None,
    *,
    analysis: AnalysisParameters | None = None,
    map_parameters: MapParameters | None = None,
    index: tuple[int, ...] | None = None,
    progress: Progress = ignore_progress,
) -> LayerDataTuple:
    """Blur the background further, as a wider aperture would have done.

    Parameters are as in `blur_map_layer`; `map_parameters` says how the map is drawn.

    Returns
    -------
    LayerDataTuple
        An image layer of the source's shape, type and display, named "NAME more blur".
    """
    question = Question("magnify", parameters, map_parameters or MapParameters())
    return _here(image_layer, question, analysis, index, progress)


def computed_layer(request: LayerRequest, run: Run) -> LayerDataTuple:
    """Answer a request about a layer, plane by plane.

    Parameters
    ----------
    request : LayerRequest
    run : Run
        Where to work, whom to tell and what stops it.

    Returns
    -------
    LayerDataTuple
    """
    source = request.source
    planes = [request.index] if request.index is not None else list(source.indices())
    if not planes:
        raise InputError(f"{source.name} holds no picture")
    if is_large(request):
        return blocks_layer(request, run)
    if len(planes) > 1 and REQUESTS[request.question.request].step == "mask" and not request.each:
        voters = planes[:: -(-len(planes) // _VOTERS)]
        share = len(voters) / (len(voters) + len(planes)) if _is_auto(request) else 0.0
        request = _with_one_threshold(request, voters, run.part(sub_progress(run.progress, 0, share)))
        run = run.part(sub_progress(run.progress, share, 1))
    result: NDArray[Any] | None = None
    for number, one in enumerate(planes):
        report = sub_progress(run.progress, number / len(planes), (number + 1) / len(planes))
        if len(planes) > 1:
            report = named(report, f"slice {number + 1} of {len(planes)}")
        answer = run.part(report).compute(_of_plane(request, one))
        if request.sparing and answer.kind == "fluorescence":
            request = request.leaving_out()
            answer = run.part(report).compute(_of_plane(request, one))
        if request.index is not None or not one:
            return as_layer(request, answer.values, answer)
        if result is None:
            result = np.empty(source.stack_shape + answer.values.shape, answer.values.dtype)
        result[one] = answer.values
    assert result is not None
    return as_layer(request, result, answer)


def as_source(image_layer: Image | Source) -> Source:
    """Return what a layer shows; a `Source` is returned as it is."""
    return image_layer if isinstance(image_layer, Source) else Source.from_layer(image_layer)


def named(progress: Progress, prefix: str) -> Progress:
    """Return a callback that puts words before the name of every stage."""
    return lambda fraction, stage: progress(fraction, f"{prefix}: {stage}")


def _here(
    image_layer: Image | Source,
    question: Question,
    analysis: AnalysisParameters | None,
    index: tuple[int, ...] | None,
    progress: Progress,
    **shown: Any,
) -> LayerDataTuple:
    request = LayerRequest(as_source(image_layer), question, analysis or AnalysisParameters(), index, **shown)
    return computed_layer(request, Run(LocalEngine(), progress))


def _of_plane(request: LayerRequest, index: tuple[int, ...]) -> PlaneRequest:
    question, strokes = request.question, request.strokes
    if strokes is not None and strokes[index].any():
        hints = {"in_focus": strokes[index] == 1, "blurred": strokes[index] == 2}
        question = dataclasses.replace(question, hints=hints)
    return PlaneRequest(request.source, index, question, request.analysis, request.unchanged)


def _is_auto(request: LayerRequest) -> bool:
    parameters = request.question.parameters
    return parameters is None or parameters.threshold == "auto"


def _with_one_threshold(request: LayerRequest, voters: list[tuple[int, ...]], run: Run) -> LayerRequest:
    """Return the request with the median of what "auto" means for some slices in place of "auto"."""
    if not _is_auto(request):
        return request
    plain = dataclasses.replace(request, strokes=None)
    found = []
    for number, one in enumerate(voters):
        report = sub_progress(run.progress, number / len(voters), (number + 1) / len(voters))
        answer: Answer = run.part(named(report, "finding the threshold")).compute(_of_plane(plain, one))
        found.append(answer.threshold)
    parameters = request.question.parameters or MaskParameters()
    chosen = dataclasses.replace(parameters, threshold=float(np.clip(np.median(found), 0.1, 64)))  # type: ignore[arg-type]
    return dataclasses.replace(request, question=dataclasses.replace(request.question, parameters=chosen))
