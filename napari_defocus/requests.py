"""What is asked of a layer, what is answered, where and how the work runs, and how it is stopped.

A widget or a function makes one `LayerRequest`; an `Engine` answers one `PlaneRequest` for each of its planes.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from defocus.errors import Cancelled, InputError
from defocus.parameters import AnalysisParameters, MapParameters
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from defocus.depth import DepthScale
    from defocus.progress import Progress
    from defocus.session import Question
    from napari_defocus.layers.source import Source

__all__ = ["Answer", "Engine", "LayerRequest", "PlaneRequest", "Run", "Token"]


@dataclass(frozen=True, eq=False)
class LayerRequest:
    """One question about a layer, and how its answer is to be shown.

    Attributes
    ----------
    source : Source
    question : Question
        What is asked of every plane; hints come from `strokes`.
    analysis : AnalysisParameters
    index : tuple of int, optional
        Which plane of a stack: one index per axis before the last two. None is all of them.
    strokes : integer array, optional
        Of the layer's shape: 1 is in focus, 2 is not, 0 leaves it to the measurement.
    unit : {"px", "layer"}
        Of radii: pixels of the full-resolution picture, or the layer's own unit.
    depth : DepthScale, optional
        Of radii: tell the distance from focus in µm, by this scale, in their place.
    inverted : bool
        Of masks: mark what is not in focus.
    unchanged : bool
        Whether the pixels are known to be those of the last time, as while a slider moves: nobody looks again then.
    each : bool
        Of masks of a whole stack: find the automatic threshold for each plane, not one for all.
    sparing : bool
        Of radii: leave out what is unknown, as NaN, where the picture turns out to be fluorescence, whatever the
        parameters of the map say; most of it is ground.
    """

    source: Source
    question: Question
    analysis: AnalysisParameters = field(default_factory=AnalysisParameters)
    index: tuple[int, ...] | None = None
    strokes: NDArray[Any] | None = None
    unit: str = "px"
    depth: DepthScale | None = None
    inverted: bool = False
    unchanged: bool = False
    sparing: bool = False
    each: bool = False

    def __post_init__(self) -> None:
        source, index = self.source, self.index
        if self.unit not in ("px", "layer"):
            raise InputError(f"unit must be 'px' or 'layer', not {self.unit!r}")
        if self.unit == "layer" and source.unit is None:
            raise InputError(f"{source.name} has no unit of its own but the pixel")
        if self.depth is not None and self.unit != "px":
            raise InputError("a depth scale reads radii in px, not in the layer's unit")
        if self.strokes is not None and self.strokes.shape != source.shape:
            raise InputError(f"hints of shape {self.strokes.shape} for a picture of {source.shape}")
        if index is None:
            return
        if len(index) != len(source.stack_shape):
            raise InputError(f"{source.name} needs {len(source.stack_shape)} indices for a plane, not {len(index)}")
        for place, (at, size) in enumerate(zip(index, source.stack_shape, strict=True)):
            if not isinstance(at, Integral) or not 0 <= at < size:
                raise InputError(f"{source.name} has slices 0 to {size - 1} along axis {place}, not {at}")

    @property
    def factor(self) -> float:
        """How many of the unit a pixel of the measured level is."""
        return self.source.level_scale * (self.source.pixel_size if self.unit == "layer" else 1.0)

    @property
    def shown_unit(self) -> str:
        """Short name of the unit."""
        if self.depth is not None:
            return "µm"
        return str(self.source.unit) if self.unit == "layer" else "px"

    def shown(self, radius_px: Any) -> NDArray[np.float32]:
        """Return radii in px of the measured level, float32, in the unit that they are shown in."""
        values = radius_px * np.float32(self.factor)
        return values if self.depth is None else self.depth.defocus(values)

    def leaving_out(self) -> LayerRequest:
        """Return the request of a map with NaN where nothing is known."""
        parameters = replace(self.question.parameters or MapParameters(), unknown="nan")
        return replace(self, question=replace(self.question, parameters=parameters))


@dataclass(frozen=True, eq=False)
class PlaneRequest:
    """A plane and a question about it.

    Attributes
    ----------
    source : Source
    index : tuple of int
        Which plane.
    question : Question
    analysis : AnalysisParameters
    unchanged : bool
        See `LayerRequest`.
    """

    source: Source
    index: tuple[int, ...]
    question: Question
    analysis: AnalysisParameters = field(default_factory=AnalysisParameters)
    unchanged: bool = False


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of a request.

    Attributes
    ----------
    values : array
        float32 (H, W): radius in px, or a mask, matte or confidence in [0, 1]; for a
        picture, the shape, type and range of the plane it was made from.
    max_radius : float
        The largest radius looked for, in px.
    noise_variance : float
        For intensities in [0, 1].
    facts : mapping
        What belongs to it, see `defocus.session.RESULT_FACTS`.
    kind : str
        What the picture was taken for, see `AnalysisParameters.kind`.
    """

    values: NDArray[Any]
    max_radius: float
    noise_variance: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    kind: str = ""

    @property
    def threshold(self) -> float | None:
        """Of masks: the radius in px up to which pixels count as in focus."""
        return self.facts.get("threshold")


class Token:
    """Stops one run, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._action: Callable[[], None] | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """Ask the run to stop; returns at once."""
        with self._lock:
            self.cancelled = True
            action = self._action
        if action is not None:
            action()

    def check(self) -> None:
        """Raise `Cancelled` if the run is to stop."""
        if self.cancelled:
            raise Cancelled("cancelled")

    @contextmanager
    def stopping(self, action: Callable[[], None]) -> Iterator[None]:
        """Call `action` if the run is cancelled inside the ``with`` block."""
        with self._lock:
            self._action = action
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._action = None


class Engine(Protocol):
    """Answers requests."""

    def compute(
        self, request: PlaneRequest, progress: Progress = ignore_progress, token: Token | None = None
    ) -> Answer:
        """Answer one request, blocking."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


@dataclass(frozen=True)
class Run:
    """Where work is done, whom it tells, and what stops it.

    Attributes
    ----------
    engine : Engine
    progress : callable
        Called with (fraction, stage).
    token : Token
    show : callable, optional
        Called with a part of the result, as napari's (data, metadata, type), and again with more of it, the same array
        that fills; None if nobody looks before the end.
    """

    engine: Engine
    progress: Progress = ignore_progress
    token: Token = field(default_factory=Token)
    show: Callable[[LayerDataTuple], None] | None = None

    def part(self, progress: Progress) -> Run:
        """Return the same run with another progress callback."""
        return replace(self, progress=progress)

    def compute(self, request: PlaneRequest) -> Answer:
        """Answer one request."""
        return self.engine.compute(request, self.progress, self.token)
