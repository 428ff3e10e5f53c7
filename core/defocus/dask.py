"""Blur maps of pictures larger than memory, of long series, and batches on a cluster, with Dask.

Needs the extra ``dask``. A plane is cut into blocks that overlap by more than a window, each block is analysed as a
picture of its own, with what some of them tell of the whole: its kind, its light and noise, the shape of its blur. The
middles are put together.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import dataclasses
import itertools
import math
import warnings
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
from dask.delayed import delayed

from defocus.errors import InputError
from defocus.evidence.fluorescence import fluorescence_reach
from defocus.evidence.measured import evidence_of
from defocus.evidence.radii import octaves_and_radii, sample_spacing, usual_spacing
from defocus.parameters import NOISE_RANGE, AnalysisParameters, MapParameters, split_changes
from defocus.pictures.intensity import robust_extremes, value_range
from defocus.pictures.picture import as_picture
from defocus.pictures.stretched import light_levels, stretched
from defocus.timelapse import of_frames
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dask.delayed import Delayed
    from numpy.typing import ArrayLike, NDArray

    from defocus.pictures.kind import Kind
    from defocus.pictures.picture import Picture
    from defocus.pictures.stretched import LightLevels
    from defocus.psf import PSF

__all__ = ["batch", "blur_map", "kind_of_plane"]

_COHERENCE = 16  # samples beyond the reach of the windows over which neighbours agree on a radius
_SAMPLES = 3  # parts of a plane down and across that tell what holds for all of it
_SAMPLE_SIZE = 512  # px, their side
_TOLD_RADIUS = 16.0  # px, the largest that is looked for there
_SMOOTHEST = 10.0  # the largest smoothness there is


@dataclasses.dataclass(frozen=True)
class _Layout:
    """How planes are cut."""

    alignment: int
    halo: int

    def cuts(self, length: int, block: int) -> list[tuple[int, int]]:
        """Return begin and end of the blocks of one axis; the last is never a sliver."""
        step = max(self.alignment, block // self.alignment * self.alignment)
        count = max(1, round(length / step))
        edges = [*(step * i for i in range(count)), length]
        return list(itertools.pairwise(edges))

    def widen(self, begin: int, end: int, length: int) -> slice:
        """Return a block with its overlap."""
        return slice(max(begin - self.halo, 0), min(end + self.halo, length))


def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def blur_map(
    array: ArrayLike,
    *,
    block: int = 2048,
    channel_axis: int | None = None,
    call: Callable[..., Any] = _called,
    **changes: Any,
) -> da.Array:
    """Return the blur radius of every pixel of planes of any size, computed when asked for.

    Parameters
    ----------
    array : array_like (..., H, W)
        Dask, zarr, memory-mapped or plain array. All axes but the last two are series (time, depth, channel), each
        plane a picture of its own. Values are scaled by one range for the whole array, see `defocus.as_picture`.
    block : int
        Side in px of the blocks in which a plane is computed. Memory grows with its square.
    channel_axis : int, optional
        The axis of red, green and blue, if there is one.
    call : callable, optional
        Calls a function of this module with its arguments and returns its result, in another process for instance;
        blocks that are loaded already are among the arguments. Here, unless given.
    **changes
        Fields of `defocus.parameters.AnalysisParameters` and `defocus.parameters.MapParameters`. What is "auto" is
        chosen for the whole plane, by nine parts of it: whether it is fluorescence, and the shape of the blur then, or
        else its noise. The largest radius follows from the size of the plane. A photograph is measured as brightfield,
        as no block shows what it holds as a whole.

    Returns
    -------
    dask.array.Array, float32 (..., H, W)
        Disc radius in px. The evidence behind it is the same as for the plane as a whole; so is the map, but for
        small differences where the pull of neighbours reaches farther than the overlap of blocks.

    Raises
    ------
    InputError
        If the array has no two axes, holds no real numbers, or a plane is smaller than the window.

    Examples
    --------
    >>> planes = da.random.random((3, 100, 120), chunks=(1, 100, 120))
    >>> blur_map(planes, max_radius=4).shape
    (3, 100, 120)
    """
    source = _source(array, channel_axis)
    color_axes = 0 if channel_axis is None else 1
    ours, theirs = split_changes(changes, AnalysisParameters, MapParameters)
    parameters, map_parameters = AnalysisParameters(**ours), MapParameters(**theirs)
    plane = source.shape[-2:]
    if min(plane) < parameters.window:
        raise InputError(
            f"planes of {plane[1]} x {plane[0]} px are smaller than the analysis window of {parameters.window} px"
        )
    octaves, radii = octaves_and_radii(parameters, plane, TUNING.evidence)
    spacing = sample_spacing(parameters, plane, TUNING.evidence)
    parameters = dataclasses.replace(parameters, spacing=spacing, max_radius=float(radii[-1]))
    alignment = math.lcm(2 * spacing, 2**octaves)  # labels and wide windows belong to every second sample
    reach = (parameters.window // 2 + 1) * 2**octaves + _COHERENCE * spacing
    if parameters.kind == "fluorescence" or (parameters.kind == "auto" and not color_axes):
        reach = max(reach, fluorescence_reach(parameters.window, TUNING.fluorescence))
    layout = _Layout(alignment, -(-reach // alignment) * alignment)

    limits = _limits(list(source.to_delayed().ravel()), source.dtype, call)
    leading = source.shape[color_axes:-2]
    results = []
    for index in np.ndindex(*leading):
        picture = source[(slice(None),) * color_axes + index]
        results.append(_plane_map(picture, limits, parameters, map_parameters, layout, block, call))
    return da.stack(results).reshape((*leading, *plane)) if leading else results[0]


def _source(array: ArrayLike, channel_axis: int | None) -> da.Array:
    """Return (..., H, W) or (colours, ..., H, W)."""
    source = array if isinstance(array, da.Array) else da.from_array(array)
    if source.dtype.kind not in "buif":
        raise InputError(f"an array of {source.dtype}, but a picture holds real numbers")
    if channel_axis is not None:
        source = da.moveaxis(source, channel_axis, 0)
    if source.ndim < (2 if channel_axis is None else 3):
        raise InputError(f"an array of shape {source.shape} has no planes")
    if channel_axis is not None and source.shape[0] not in (3, 4):
        raise InputError(f"{source.shape[0]} colours along axis {channel_axis}, but a picture has 3, or 4 with alpha")
    return source


def _limits(blocks: list[Any], dtype: np.dtype[Any], call: Callable[..., Any]) -> Delayed:
    """Return the values that become 0 and 1, one pair for all blocks."""
    if dtype in (np.uint8, np.bool_):
        return delayed(value_range, pure=True)(np.zeros(1, dtype))
    return delayed(_joined)([delayed(call)(_extremes, block) for block in blocks], dtype)


def _extremes(block: NDArray[Any]) -> tuple[float, float]:
    """Return the least and the largest value of a block's planes that are no defects."""
    found = [robust_extremes(plane) for plane in block.reshape(-1, *block.shape[-2:])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing but NaN
        return float(np.nanmin([low for low, _ in found])), float(np.nanmax([high for _, high in found]))


def _joined(blocks: list[tuple[float, float]], dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the range of all blocks from their extremes."""
    known = [extremes for extremes in blocks if np.isfinite(extremes).all()]
    if not known:
        return 0.0, 1.0
    return value_range(np.array([min(low for low, _ in known), max(high for _, high in known)]).astype(dtype))


@dataclasses.dataclass(frozen=True)
class _Plane:
    """What holds for a whole plane.

    Attributes
    ----------
    parameters : AnalysisParameters
        With the kind of the plane, and, once they are told, the shape of its blur and its noise.
    levels : LightLevels
        Its light.
    """

    parameters: AnalysisParameters
    levels: LightLevels

    @property
    def kind(self) -> Kind:
        """What the plane is taken for."""
        return "fluorescence" if self.parameters.kind == "fluorescence" else "brightfield"


def _plane_map(
    source: da.Array,
    limits: Delayed,
    parameters: AnalysisParameters,
    map_parameters: MapParameters,
    layout: _Layout,
    block: int,
    call: Callable[..., Any],
) -> da.Array:
    """Return the map of one plane, (H, W) or (colours, H, W)."""
    height, width = source.shape[-2:]
    plane = _told_plane(source, limits, parameters, call)
    spacing = usual_spacing((height, width), TUNING.evidence)
    rows = []
    for top, bottom in layout.cuts(height, block):
        row = []
        for left, right in layout.cuts(width, block):
            vertical, horizontal = layout.widen(top, bottom, height), layout.widen(left, right, width)
            part = source[..., vertical, horizontal].rechunk(-1)
            middle = (
                slice(top - vertical.start, bottom - vertical.start),
                slice(left - horizontal.start, right - horizontal.start),
            )
            value = delayed(call)(_block_map, part, limits, plane, map_parameters, spacing, middle)
            row.append(da.from_delayed(value, (bottom - top, right - left), dtype=np.float32))
        rows.append(row)
    return da.block(rows)


def _picture(values: NDArray[Any], limits: tuple[float, float]) -> Picture:
    """Return (H, W) or (colours, H, W) as a picture in the range of the whole array."""
    return as_picture(np.moveaxis(values, 0, -1) if values.ndim == 3 else values, limits=limits)


def _block_map(
    values: NDArray[Any],
    limits: tuple[float, float],
    plane: _Plane,
    map_parameters: MapParameters,
    spacing: float,
    middle: tuple[slice, slice],
) -> NDArray[np.float32]:
    """Return the map of one block without its overlap; `spacing` is the usual one of the plane."""
    from defocus.answer import Answer

    picture = _picture(values, limits)
    seen = stretched(picture, plane.levels)
    evidence, _ = evidence_of(seen, plane.parameters, TUNING)
    # Blocks are to be as smooth as the plane, not as pictures of their size
    smoothness = map_parameters.smoothness * spacing / usual_spacing(picture.shape, TUNING.evidence)
    blocks = dataclasses.replace(map_parameters, smoothness=min(smoothness, _SMOOTHEST), unknown="drawn")
    answer = Answer(seen, evidence, plane.kind, TUNING)
    radius = answer.radius(blocks)
    if map_parameters.unknown == "nan":
        radius[~answer.known] = np.nan
    return radius[middle].copy()


def kind_of_plane(array: ArrayLike, *, channel_axis: int | None = None, call: Callable[..., Any] = _called) -> Kind:
    """Return what `blur_map` takes a plane for with ``kind="auto"``, by parts of it.

    Parameters
    ----------
    array : array_like (H, W)
        As for `blur_map`, a single plane.
    channel_axis : int, optional
    call : callable, optional

    Returns
    -------
    {"fluorescence", "brightfield"}

    Raises
    ------
    InputError
        If it is no single plane of real numbers.

    Examples
    --------
    >>> kind_of_plane(da.random.random((900, 1200), chunks=300))
    'brightfield'
    """
    source = _source(array, channel_axis)
    planes = source.shape[(channel_axis is not None) : -2]
    if planes:
        raise InputError(f"{math.prod(planes)} planes, but one is asked for")
    samples = _samples(source, 0)
    # The kind hangs on no range: that of the parts will do, and the rest need not be loaded
    limits = _limits([part for row in samples for part in row], source.dtype, call)
    kind: Kind = delayed(call)(_in_small, samples, limits, AnalysisParameters()).compute().parameters.kind
    return kind


def _samples(source: da.Array, least: int) -> list[list[da.Array]]:
    """Return rows of parts of a plane, spread evenly over it; a small plane is one part."""
    height, width = source.shape[-2:]
    size = max(_SAMPLE_SIZE, least)
    if max(height, width) <= _SAMPLES * size:
        return [[source.rechunk(-1)]]
    tops, lefts = (_spread(length, size, _SAMPLES) for length in (height, width))
    return [[source[..., y : y + size, x : x + size].rechunk(-1) for x in lefts] for y in tops]


def _told_plane(source: da.Array, limits: Delayed, parameters: AnalysisParameters, call: Callable[..., Any]) -> Delayed:
    """Return what holds for a whole plane, by some parts of it."""
    samples = _samples(source, 2 * parameters.window)
    plane = delayed(call)(_in_small, samples, limits, parameters)
    told = [delayed(call)(_told_part, part, limits, plane) for row in samples for part in row]
    return delayed(_agreed)(plane, told)


def _in_small(samples: list[list[NDArray[Any]]], limits: tuple[float, float], parameters: AnalysisParameters) -> _Plane:
    """Return the kind and the light of a plane by parts of it, side by side as one picture."""
    picture = _picture(np.block(samples), limits)
    chosen = of_frames(parameters, picture)
    if chosen.kind == "photograph":  # no block shows where its subject stands
        chosen = dataclasses.replace(chosen, kind="brightfield")
    return _Plane(chosen, light_levels(picture, counts=chosen.kind == "fluorescence"))


def _told_part(values: NDArray[Any], limits: tuple[float, float], plane: _Plane) -> tuple[float, str | PSF, int]:
    """Return what a part of a plane tells: its noise variance, the shape of its blur, and by how many samples."""
    chosen = plane.parameters
    if not (chosen.tells_shape if plane.kind == "fluorescence" else chosen.noise == "auto"):
        return 0.0, chosen.psf, 0
    small = dataclasses.replace(chosen, max_radius=min(_TOLD_RADIUS, float(chosen.max_radius)), spacing=8)
    seen = stretched(_picture(values, limits), plane.levels)
    evidence, found = evidence_of(seen, small, TUNING)
    return evidence.noise_variance / seen.gain**2, found.psf, int(np.count_nonzero(evidence.valid_fraction))


def _agreed(plane: _Plane, told: list[tuple[float, str | PSF, int]]) -> _Plane:
    """Return what holds for a whole plane: what most of its parts say."""
    chosen = plane.parameters
    if plane.kind == "fluorescence":
        if chosen.tells_shape:
            discs = sum(count if shape == "disc" else -count for _, shape, count in told)
            chosen = dataclasses.replace(chosen, psf="disc" if discs > 0 else "gaussian")
    elif chosen.noise == "auto":
        noise = float(np.median([noise for noise, _, _ in told]))
        chosen = dataclasses.replace(chosen, noise=min(max(noise, NOISE_RANGE[0]), NOISE_RANGE[1]))
    return dataclasses.replace(plane, parameters=chosen)


def _spread(length: int, size: int, count: int) -> list[int]:
    """Return where blocks of `size` begin that are spread evenly over `length`."""
    return sorted({round((length - size) * (i + 0.5) / count) for i in range(count)}) if length > size else [0]


def batch(function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]], scheduler: str) -> Iterator[tuple[int, Any]]:
    """Run a function for many arguments on an existing Dask cluster.

    Parameters
    ----------
    function : callable
        Importable on the workers.
    jobs : iterable of tuple
        The arguments of each call.
    scheduler : str
        Address of the scheduler, such as ``"tcp://10.0.0.5:8786"``, or the path of its scheduler file.

    Yields
    ------
    index : int
        Which job is done; they come in the order in which they finish.
    result : object
        What it returned, or the exception that it raised.

    Raises
    ------
    InputError
        If no scheduler answers.
    """
    from distributed import Client, as_completed

    address = {"scheduler_file": scheduler} if scheduler.endswith(".json") else {"address": scheduler}
    try:
        # Not the default of whoever asks: one that found no scheduler would stay it, and wait for ever
        client = Client(**address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(f"no Dask scheduler at {scheduler!r} ({error})") from error
    with client:
        futures = {client.submit(function, *job, pure=False): index for index, job in enumerate(jobs)}
        for future in as_completed(list(futures), loop=client.loop):
            failure = future.exception()
            yield futures[future], failure if failure is not None else future.result()
