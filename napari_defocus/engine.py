"""Where the work is done: in the core's worker process (the widgets), or in this one (scripts).

Nothing here knows Qt.
"""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import Cancelled
from defocus.pictures.picture import as_picture
from defocus.progress import ignore_progress, sub_progress
from defocus.session import REQUESTS, Question, Session
from napari_defocus.jobs import Answer, Token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from defocus.parameters import AnalysisParameters
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress
    from defocus.worker.client import WorkerClient
    from napari_defocus.jobs import Job

__all__ = ["LocalEngine", "WorkerEngine"]


class LocalEngine:
    """Works in this process, for scripts: holds the last analysis."""

    def __init__(self) -> None:
        self._session = Session()
        self._held: tuple[object, AnalysisParameters] | None = None

    def compute(self, job: Job, progress: Progress = ignore_progress, token: Token | None = None) -> Answer:
        """Carry out one job; see `Engine`."""
        key = job.source.key(job.index)
        if self._held != (key, job.analysis):
            self._held = None
            pixels = job.source.plane(job.index)
            first = sub_progress(progress, 0, 0.6)
            self._session.open(pixels, job.analysis, source=job.source.name, progress=first)
            self._held = key, job.analysis
        analysis = self._session.held
        question = Question(job.request, job.parameters, job.map_parameters, job.hints)
        values: NDArray[Any] = self._session.answer(question, progress=sub_progress(progress, 0.6, 1)).values
        if REQUESTS[job.request].result == "picture":
            values = _as_source(values, analysis.picture, job.source.plane(job.index))
        return Answer(values, analysis.max_radius, analysis.threshold, analysis.noise_variance)

    def close(self) -> None:
        """Forget the analysis."""
        self._session.close()
        self._held = None


class WorkerEngine:
    """Works in the core's worker process, which is started when first needed; jobs wait for their turn.

    A cancelled job ends the process at once; the next job starts another one.

    Parameters
    ----------
    command : sequence of str, optional
        What to start in place of the suite's own worker, for tests.
    """

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = command
        self._turn = threading.Lock()
        self._client: WorkerClient | None = None
        self._held: tuple[object, AnalysisParameters] | None = None
        self._picture: Picture | None = None
        self._facts: dict[str, Any] = {}
        self._closed = False

    def holds(self, job: Job) -> bool:
        """Whether the analysis that a job needs is there already, so that it will be quick."""
        client = self._client
        return client is not None and client.alive and self._held == (job.source.key(job.index), job.analysis)

    def compute(self, job: Job, progress: Progress = ignore_progress, token: Token | None = None) -> Answer:
        """Carry out one job; see `Engine`."""
        from defocus.worker.client import WorkerCancelledError

        token = token or Token()
        while not self._turn.acquire(timeout=0.05):  # another widget's job
            token.check()
        try:
            token.check()
            client = self._started(progress)
            with token.stopping(client.cancel):
                return self._carry_out(job, client, progress)
        except WorkerCancelledError as error:
            raise Cancelled("cancelled") from error
        finally:
            if self._client is not None and not self._client.alive:
                self._client.close()
                self._client = None
            self._turn.release()

    def _started(self, progress: Progress) -> WorkerClient:
        from defocus.worker.client import WorkerClient

        if self._client is not None and not self._client.alive:  # killed from outside since the last job
            self._client.close()
            self._client = None
        if self._client is None:
            progress(0.0, "starting")
            self._held, self._picture = None, None
            client = WorkerClient(command=self._command)
            if self._closed:  # while it was starting
                client.cancel()
                raise Cancelled("cancelled")
            self._client = client
        return self._client

    def _carry_out(self, job: Job, client: WorkerClient, progress: Progress) -> Answer:
        key = job.source.key(job.index)
        parameters = dataclasses.asdict(job.analysis)
        first = sub_progress(progress, 0, 0.6)
        if self._held is None or self._held[0] != key:
            self._held = None
            pixels = job.source.plane(job.index)
            picture = as_picture(pixels, source=job.source.name)
            sent = pixels if pixels.dtype == np.uint8 else _packed(picture)
            path = client.new_file()
            np.ascontiguousarray(sent).tofile(path)
            self._facts = client.open(
                path,
                shape=sent.shape,
                dtype=str(sent.dtype),
                parameters=parameters,
                name=job.source.name,
                progress=first,
            )
            self._picture = dataclasses.replace(picture, color=picture.color[:0])  # its range, not its pixels
        elif self._held[1] != job.analysis:
            self._held = None
            self._facts = client.open(parameters=parameters, progress=first)
        self._held = key, job.analysis
        arguments: dict[str, Any] = {"parameters": dataclasses.asdict(job.parameters) if job.parameters else {}}
        known = REQUESTS[job.request]
        if known.needs_map:
            arguments["map_parameters"] = dataclasses.asdict(job.map_parameters)
        for name, hint in job.hints.items():
            path = client.new_file()
            np.ascontiguousarray(hint, np.uint8).tofile(path)
            arguments[name] = path.name
        result = client.request(job.request, arguments, progress=sub_progress(progress, 0.6, 1))
        file = Path(result["path"])
        values = np.fromfile(file, result["dtype"]).reshape(result["shape"])
        file.unlink()
        if known.result == "picture":
            assert self._picture is not None
            values = _as_source(values, self._picture, job.source.plane(job.index))
        facts = self._facts
        return Answer(values, facts["max_radius"], facts["threshold"], facts["noise_variance"])

    def close(self) -> None:
        """End the worker process, whatever it is doing; the engine cannot be used again."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            client.cancel()


def _packed(picture: Picture) -> NDArray[np.float32]:
    """Return colour and opacity in one array, (H, W, 1 to 4)."""
    color = picture.color[..., :1] if picture.gray else picture.color
    if picture.alpha is None:
        return color
    return np.concatenate([color, picture.alpha[..., np.newaxis]], axis=2)


def _as_source(values: NDArray[np.float32], picture: Picture, pixels: NDArray[Any]) -> NDArray[Any]:
    """Return a picture in [0, 1] in the shape, type and range of the pixels that it was made from."""
    result = np.empty(pixels.shape, pixels.dtype if pixels.dtype != np.bool_ else np.float32)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] - (pixels.shape[2] in (2, 4))
    scaled = values if values.ndim == 3 else values[..., np.newaxis]
    scaled = scaled[..., :channels] * (picture.white - picture.black) + picture.black
    if result.dtype.kind in "iu":
        limits = np.iinfo(result.dtype)
        scaled = np.clip(np.rint(scaled), limits.min, limits.max)
    if pixels.ndim == 2:
        result[...] = scaled[..., 0]
    else:
        result[..., :channels] = scaled
        result[..., channels:] = pixels[..., channels:]
    return result
