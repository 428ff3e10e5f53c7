"""Planes that are too large for one piece: their blur map in blocks, at a resolution that a viewer can hold."""

# mypy: allow-untyped-calls
from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.parallel import available_threads
from defocus.parameters import MapParameters
from napari_defocus.engine import LocalEngine
from napari_defocus.helpers import Helpers
from napari_defocus.layers.results import layer_data
from napari_defocus.outputs import as_layer
from napari_defocus.requests import Answer

if TYPE_CHECKING:
    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from napari_defocus.layers.source import Source
    from napari_defocus.requests import LayerRequest, Run

__all__ = ["blocks_layer", "is_large"]

LARGE_PIXELS = 100_000_000
"""Planes of more are measured in blocks."""

_SHOWN_PIXELS = 8_000_000  # of a map at most: such planes are measured at every 16th pixel, and drawing takes its time
_PREVIEW_PIXELS = 1_000_000  # of what is shown while it is measured
_BEAT_SECONDS = 1.0  # at most so often that is drawn anew
_BLOCK = 3072  # px, side of what is measured at a time
_AT_A_TIME = 2  # blocks
_LARGEST = 32.0  # px of blur, unless told: such planes are stitched, and a lens blurs as in one of their fields


def is_large(request: LayerRequest) -> bool:
    """Whether a plane is to be measured in blocks; nothing is loaded to find out.

    Raises
    ------
    InputError
        If it is so large, and what is asked for cannot be had in blocks.
    """
    height, width = request.source.shape[-2:]
    if height * width <= LARGE_PIXELS:
        return False
    if request.question.request != "blur_map":
        raise InputError(
            f"{request.source.name}: {width} x {height} px are too many for one piece: Blur map measures them in "
            "blocks; anything else, a part or a reduced copy of it"
        )
    if request.index is None and request.source.stack_shape:
        raise InputError(f"{request.source.name}: measure planes of {width} x {height} px one at a time")
    return True


def blocks_layer(request: LayerRequest, run: Run) -> LayerDataTuple:
    """Return the blur map of one large plane, as `napari_defocus.functions.computed_layer` does of others.

    Blocks are loaded, measured and let go. The map has one value for a square of pixels, so that 8 megapixels are not
    exceeded; it lies where the picture lies. What a widget asks for is measured in processes of their own.
    """
    import dask
    from dask.array import coarsen, store
    from dask.callbacks import Callback

    from defocus.dask import blur_map, kind_of_plane
    from defocus.evidence.radii import octaves_and_radii
    from defocus.tuning import TUNING

    source = request.source
    index = request.index or ()
    plane = source.data[index] if index else source.data
    analysis = request.analysis
    call: dict[str, Any] = {}
    largest = float(octaves_and_radii(analysis, (source.shape[-2], source.shape[-1]), TUNING.evidence)[1][-1])
    if analysis.max_radius == "auto":
        largest = min(largest, _LARGEST)
        analysis = dataclasses.replace(analysis, max_radius=largest)
    colors = plane.ndim - 1 if source.rgb else None

    def told(_key: object, _result: object, _graph: object, state: dict[str, Any], _worker: object) -> None:
        done = len(state["finished"])
        todo = sum(len(state[name]) for name in ("waiting", "ready", "running"))
        run.token.check()
        run.progress(done / max(1, done + todo), f"measuring in blocks: {done} of {done + todo} steps")

    with contextlib.ExitStack() as stack:
        if not isinstance(run.engine, LocalEngine):
            threads = max(1, available_threads() // _AT_A_TIME)
            helpers = stack.enter_context(Helpers(_AT_A_TIME, threads))
            stack.enter_context(run.token.stopping(helpers.close))
            call["call"] = helpers
        stack.enter_context(dask.config.set(scheduler="threads", num_workers=_AT_A_TIME))
        if analysis.kind == "auto":
            run.progress(0.0, "looking at parts of the plane")
            analysis = dataclasses.replace(analysis, kind=kind_of_plane(plane, channel_axis=colors, **call))
        if request.sparing and analysis.kind == "fluorescence":
            request = request.leaving_out()
        changes = vars(analysis) | vars(request.question.parameters or MapParameters()) | call
        found = blur_map(plane, block=_BLOCK, channel_axis=colors, **changes)
        step = 1
        while found.size / step**2 > _SHOWN_PIXELS:
            step *= 2
        if step > 1:
            found = coarsen(_mean, found, {0: step, 1: step}, trim_excess=True)
        filling = _Filling(request, found.shape, step, largest, run)
        with Callback(posttask=told):
            store(found, filling, lock=False)  # type: ignore[arg-type]  # which only writes parts into it
    radius = filling.radius
    known = float(np.isfinite(radius).mean())
    noise = 0.0 if analysis.noise == "auto" else float(analysis.noise)
    facts = {"known_share": known, "blocks_px": _BLOCK, "px_per_value": step}
    answer = Answer(radius, largest, noise, facts, kind=analysis.kind)
    return as_layer(dataclasses.replace(request, source=_coarse(source, step)), radius, answer)


class _Filling:
    """A map that fills block by block, and what is shown of it meanwhile; dask writes into it from its threads."""

    def __init__(self, request: LayerRequest, shape: tuple[int, int], step: int, largest: float, run: Run) -> None:
        self.radius = np.full(shape, np.nan, np.float32)
        self._run, self._told, self._lock = run, 0.0, threading.Lock()
        if run.show is None:
            return
        self._apart = max(1, math.ceil((self.radius.size / _PREVIEW_PIXELS) ** 0.5))  # values of the map
        self._part = np.full(-(-np.array(shape) // self._apart), np.nan, np.float32)
        coarse = _coarse(request.source, step * self._apart)
        self._shown = layer_data(
            self._part, coarse, "blur_map_so_far", "blur radius so far", "image", index=request.index, unit="px",
            colormap="viridis", contrast_limits=(0.0, largest),
        )  # fmt: skip

    def __setitem__(self, place: tuple[slice, slice], values: NDArray[np.float32]) -> None:
        self.radius[place] = values
        if self._run.show is None:
            return
        first = [-one.start % self._apart for one in place]
        seen = values[first[0] :: self._apart, first[1] :: self._apart]
        top, left = (-(-one.start // self._apart) for one in place)
        self._part[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
        with self._lock:
            now = time.monotonic()
            if now - self._told < _BEAT_SECONDS:
                return
            self._told = now
        self._run.show(self._shown)


def _coarse(source: Source, step: int) -> Source:
    """Return where a map lies whose first value covers so many pixels, and lies at their centre."""
    from napari.utils.transforms import Affine

    places = [source.ndim - 2, source.ndim - 1]
    scale, shift = np.ones(source.ndim), np.zeros(source.ndim)
    scale[places], shift[places] = step, (step - 1) / 2
    return dataclasses.replace(source, transform=source.transform.compose(Affine(scale=scale, translate=shift)))


def _mean(values: NDArray[Any], axis: tuple[int, ...] | None = None, **_: Any) -> NDArray[Any]:
    """Return the mean of what is known along axes; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), values.dtype)
