"""What is asked of an engine, what it answers, and how it is stopped."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from defocus.errors import Cancelled
from defocus.parameters import (
    AnalysisParameters,
    MagnificationParameters,
    MapParameters,
    MaskParameters,
    RestorationParameters,
)
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from defocus.progress import Progress
    from napari_defocus.layers.source import Source

__all__ = ["Answer", "Engine", "Job", "Token"]

Parameters = MapParameters | MaskParameters | RestorationParameters | MagnificationParameters


@dataclass(frozen=True, eq=False)
class Job:
    """One request about one plane of a layer.

    Attributes
    ----------
    source : Source
    index : tuple of int
        Which plane.
    request : str
        "blur_map", "focus_mask", "confidence", "restore" or "magnify".
    parameters : object or None
        Of the class that belongs to the request.
    analysis : AnalysisParameters
    map_parameters : MapParameters
        For "restore" and "magnify": how the map is drawn.
    hints : mapping of str to bool (H, W)
        For "focus_mask": "in_focus" and "blurred".
    """

    source: Source
    index: tuple[int, ...]
    request: str
    parameters: Parameters | None = None
    analysis: AnalysisParameters = field(default_factory=AnalysisParameters)
    map_parameters: MapParameters = field(default_factory=MapParameters)
    hints: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of a job.

    Attributes
    ----------
    values : array
        float32 (H, W): radius in px, or a mask, matte or confidence in [0, 1]; for a
        picture, the shape, type and range of the plane it was made from.
    max_radius, threshold : float
        Px: the largest radius looked for, and what "auto" means.
    noise_variance : float
        For intensities in [0, 1].
    """

    values: NDArray[Any]
    max_radius: float
    threshold: float
    noise_variance: float


class Token:
    """Stops one job, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._action: Callable[[], None] | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """Ask the job to stop; returns at once."""
        with self._lock:
            self.cancelled = True
            action = self._action
        if action is not None:
            action()

    def check(self) -> None:
        """Raise `Cancelled` if the job is to stop."""
        if self.cancelled:
            raise Cancelled("cancelled")

    @contextmanager
    def stopping(self, action: Callable[[], None]) -> Iterator[None]:
        """Call `action` if the job is cancelled inside the ``with`` block."""
        with self._lock:
            self._action = action
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._action = None


class Engine(Protocol):
    """Carries out jobs."""

    def compute(self, job: Job, progress: Progress = ignore_progress, token: Token | None = None) -> Answer:
        """Carry out one job, blocking."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
