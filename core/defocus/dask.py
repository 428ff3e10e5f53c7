"""Blur maps of pictures larger than memory, of long series, and batches on a cluster, with Dask.

Needs the extra ``dask``. A plane is cut into blocks that overlap by more than a window, each block is analysed as a
picture of its own with the parameters of the whole, and the middles are put together.
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
from defocus.evidence.radii import octaves_and_radii, sample_spacing, usual_spacing
from defocus.parameters import NOISE_RANGE, AnalysisParameters, MapParameters, split_changes
from defocus.pictures.intensity import robust_extremes, value_range
from defocus.pictures.picture import as_picture
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dask.delayed import Delayed
    from numpy.typing import ArrayLike, NDArray

    from defocus.pictures.picture import Picture

__all__ = ["batch", "blur_map"]

_COHERENCE = 16  # samples beyond the reach of the windows over which neighbours agree on a radius
_NOISE_BLOCKS = 9  # blocks of a plane from which its noise is measured
_NOISE_SIZE = 512  # px, their side
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
        chosen for the whole plane, the noise by measuring some blocks of it; `kind` has no effect, as no block shows
        what a photograph holds as a whole.

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
    source = array if isinstance(array, da.Array) else da.from_array(array)
    if source.dtype.kind not in "buif":
        raise InputError(f"an array of {source.dtype}, but a picture holds real numbers")
    if channel_axis is not None:
        source = da.moveaxis(source, channel_axis, 0)
    color_axes = 0 if channel_axis is None else 1
    if source.ndim < 2 + color_axes:
        raise InputError(f"an array of shape {source.shape} has no planes")
    if color_axes and source.shape[0] not in (3, 4):
        raise InputError(f"{source.shape[0]} colours along axis {channel_axis}, but a picture has 3, or 4 with alpha")
    ours, theirs = split_changes(changes, AnalysisParameters, MapParameters)
    parameters, map_parameters = AnalysisParameters(**ours), MapParameters(**theirs)
    plane = source.shape[-2:]
    if min(plane) < parameters.window:
        raise InputError(
            f"planes of {plane[1]} x {plane[0]} px are smaller than the analysis window of {parameters.window} px"
        )
    octaves, radii = octaves_and_radii(parameters, plane, TUNING.evidence)
    spacing = sample_spacing(parameters, plane, TUNING.evidence)
    # A block is no photograph: where subjects stand, and what the whole picture holds, does not show in it
    parameters = dataclasses.replace(parameters, spacing=spacing, max_radius=float(radii[-1]), kind="brightfield")
    alignment = math.lcm(2 * spacing, 2**octaves)  # labels and wide windows belong to every second sample
    reach = (parameters.window // 2 + 1) * 2**octaves + _COHERENCE * spacing
    layout = _Layout(alignment, -(-reach // alignment) * alignment)

    limits = _limits(source, call)
    leading = source.shape[color_axes:-2]
    results = []
    for index in np.ndindex(*leading):
        picture = source[(slice(None),) * color_axes + index]
        results.append(_plane_map(picture, limits, parameters, map_parameters, layout, block, call))
    return da.stack(results).reshape((*leading, *plane)) if leading else results[0]


def _limits(source: da.Array, call: Callable[..., Any]) -> Delayed:
    """Return the values that become 0 and 1, one pair for the whole array."""
    if source.dtype in (np.uint8, np.bool_):
        return delayed(value_range, pure=True)(np.zeros(1, source.dtype))
    blocks = [delayed(call)(_extremes, block) for block in source.to_delayed().ravel()]
    return delayed(_joined)(blocks, source.dtype)


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
    light = _light(source, limits, call)
    noise = _noise(source, limits, light, parameters, call)
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
            value = delayed(call)(_block_map, part, limits, light, noise, parameters, map_parameters, spacing, middle)
            row.append(da.from_delayed(value, (bottom - top, right - left), dtype=np.float32))
        rows.append(row)
    return da.block(rows)


def _picture(values: NDArray[Any], limits: tuple[float, float]) -> Picture:
    """Return (H, W) or (colours, H, W) as a picture in the range of the whole array."""
    return as_picture(np.moveaxis(values, 0, -1) if values.ndim == 3 else values, limits=limits)


def _block_map(
    values: NDArray[Any],
    limits: tuple[float, float],
    light: tuple[float, float],
    noise: float,
    parameters: AnalysisParameters,
    map_parameters: MapParameters,
    spacing: float,
    middle: tuple[slice, slice],
) -> NDArray[np.float32]:
    """Return the map of one block without its overlap; `spacing` is the usual one of the plane, `light` its range."""
    from defocus.answer import Answer
    from defocus.evidence import local_evidence
    from defocus.pictures.stretched import stretched

    picture = _picture(values, limits)
    seen = stretched(picture, counts=False, light=light)
    evidence = local_evidence(seen.picture, dataclasses.replace(parameters, noise=noise), TUNING.evidence)
    # Blocks are to be as smooth as the plane, not as pictures of their size
    smoothness = map_parameters.smoothness * spacing / usual_spacing(picture.shape, TUNING.evidence)
    blocks = dataclasses.replace(map_parameters, smoothness=min(smoothness, _SMOOTHEST), unknown="drawn")
    answer = Answer(seen, evidence, "brightfield", TUNING)
    radius = answer.radius(blocks)
    if map_parameters.unknown == "nan":
        radius[~answer.known] = np.nan
    return radius[middle].copy()


def _samples(source: da.Array, least: int) -> list[da.Array]:
    """Return some blocks of a plane, spread evenly over it."""
    height, width = source.shape[-2:]
    size, side = max(_NOISE_SIZE, least), math.isqrt(_NOISE_BLOCKS)
    corners = itertools.product(*(_spread(length, size, side) for length in (height, width)))
    return [source[..., y : y + size, x : x + size].rechunk(-1) for y, x in corners]


def _light(source: da.Array, limits: Delayed, call: Callable[..., Any]) -> Delayed:
    """Return the range that the light of a plane fills, from some blocks of it."""
    return delayed(call)(_joined_light, _samples(source, 0), limits)


def _joined_light(parts: list[NDArray[Any]], limits: tuple[float, float]) -> tuple[float, float]:
    from defocus.pictures.stretched import light_range, quietest_noise

    pictures = [_picture(part, limits) for part in parts]
    noise = float(np.median([quietest_noise(picture.luminance) for picture in pictures]))
    return light_range(np.concatenate([picture.luminance.ravel() for picture in pictures]), noise)


def _noise(
    source: da.Array, limits: Delayed, light: Delayed, parameters: AnalysisParameters, call: Callable[..., Any]
) -> Delayed:
    """Return the noise variance of a plane, for its range of light: the median of what some blocks of it say."""
    if parameters.noise != "auto":
        return delayed(_in_light)(float(parameters.noise), light)
    parts = _samples(source, 2 * parameters.window)
    found = [delayed(call)(_block_noise, part, limits, light, parameters) for part in parts]
    return delayed(lambda values: float(np.median(values)))(found)


def _in_light(noise: float, light: tuple[float, float]) -> float:
    """Return a noise variance within what parameters admit."""
    return min(max(noise / (light[1] - light[0]) ** 2, NOISE_RANGE[0]), NOISE_RANGE[1])


def _spread(length: int, size: int, count: int) -> list[int]:
    """Return where blocks of `size` begin that are spread evenly over `length`."""
    return sorted({round((length - size) * (i + 0.5) / count) for i in range(count)}) if length > size else [0]


def _block_noise(
    values: NDArray[Any], limits: tuple[float, float], light: tuple[float, float], parameters: AnalysisParameters
) -> float:
    from defocus.evidence import local_evidence
    from defocus.pictures.stretched import stretched

    small = dataclasses.replace(parameters, max_radius=min(8.0, float(parameters.max_radius)), spacing=8)
    seen = stretched(_picture(values, limits), counts=False, light=light)
    return local_evidence(seen.picture, small, TUNING.evidence).noise_variance


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
