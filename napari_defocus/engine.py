"""Where the work is done: in the core's worker process (the widgets), or in this one (scripts).

Nothing here knows Qt.
"""

from __future__ import annotations

import dataclasses
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import Cancelled
from defocus.pictures.picture import as_picture
from defocus.progress import ignore_progress, sub_progress
from defocus.session import REQUESTS, RESULT_FACTS, Session
from napari_defocus.requests import Answer, Token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from defocus.parameters import AnalysisParameters
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress
    from defocus.worker.client import WorkerClient
    from napari_defocus.requests import PlaneRequest

__all__ = ["LocalEngine", "WorkerEngine", "like_source"]

_MEASURING_PART = 0.6  # of the progress of a request whose plane is not held yet


class _Held:
    """Which plane an engine holds the analysis of."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Hold nothing."""
        self._key: object = None
        self._place: tuple[Any, tuple[int, ...]] | None = None
        self.analysis: AnalysisParameters | None = None

    def key(self, request: PlaneRequest) -> object:
        """Return the key of a request's plane; without looking at its pixels if they are said to be unchanged."""
        if request.unchanged and self._place is not None and self._key is not None:
            data, index = self._place
            if data() is request.source.data and index == request.index:
                return self._key
        return request.source.key(request.index)

    def holds(self, key: object, analysis: AnalysisParameters | None = None) -> bool:
        """Whether it is this plane, and this analysis of it if one is given."""
        return self._key is not None and self._key == key and analysis in (None, self.analysis)

    def take(self, key: object, request: PlaneRequest) -> None:
        """Note what is held now."""
        try:
            data: Any = weakref.ref(request.source.data)
        except TypeError:
            data = lambda: None  # noqa: E731  cannot be recognised, so its pixels are looked at each time
        self._key, self._place, self.analysis = key, (data, request.index), request.analysis


class LocalEngine:
    """Works in this process, for scripts: holds the last analysis."""

    def __init__(self) -> None:
        self._session = Session()
        self._held = _Held()

    def compute(
        self, request: PlaneRequest, progress: Progress = ignore_progress, token: Token | None = None
    ) -> Answer:
        """Answer one request; see `Engine`."""
        key = self._held.key(request)
        if not self._held.holds(key, request.analysis):
            self._held.forget()
            pixels = request.source.plane(request.index)
            first = sub_progress(progress, 0, _MEASURING_PART)
            self._session.open(pixels, request.analysis, source=request.source.name, progress=first)
        self._held.take(key, request)
        analysis = self._session.held
        result = self._session.answer(request.question, progress=sub_progress(progress, _MEASURING_PART, 1))
        values: NDArray[Any] = result.values
        if REQUESTS[request.question.request].result == "picture":
            values = like_source(values, analysis.picture, request.source.plane(request.index))
        noise = analysis.noise_variance
        return Answer(values, analysis.max_radius, noise, result.facts, analysis.kind)

    def close(self) -> None:
        """Forget the analysis."""
        self._session.close()
        self._held.forget()


class WorkerEngine:
    """Works in the core's worker process, which is started when first needed; requests wait for their turn.

    A cancelled request ends the process at once; the next one starts another.

    Parameters
    ----------
    command : sequence of str, optional
        What to start in place of the suite's own worker, for tests.
    """

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._command = command
        self._turn = threading.Lock()
        self._client: WorkerClient | None = None
        self._held = _Held()
        self._picture: Picture | None = None
        self._facts: dict[str, Any] = {}
        self._closed = False

    def holds(self, request: PlaneRequest) -> bool:
        """Whether the analysis that a request needs is there already, so that it will be quick."""
        client = self._client
        return client is not None and client.alive and self._held.holds(self._held.key(request), request.analysis)

    def compute(
        self, request: PlaneRequest, progress: Progress = ignore_progress, token: Token | None = None
    ) -> Answer:
        """Answer one request; see `Engine`."""
        from defocus.worker.client import WorkerCancelledError

        token = token or Token()
        if not self._turn.acquire(blocking=False):
            progress(0.0, "waiting for another measurement")
            while not self._turn.acquire(timeout=0.05):
                token.check()
        try:
            token.check()
            client = self._started(progress)
            with token.stopping(client.cancel):
                return self._carry_out(request, client, progress)
        except WorkerCancelledError as error:
            raise Cancelled("cancelled") from error
        finally:
            if self._client is not None and not self._client.alive:
                self._client.close()
                self._client = None
            self._turn.release()

    def _started(self, progress: Progress) -> WorkerClient:
        from defocus.worker.client import WorkerClient

        if self._client is not None and not self._client.alive:  # killed from outside since the last request
            self._client.close()
            self._client = None
        if self._client is None:
            progress(0.0, "starting")
            self._held.forget()
            self._picture = None
            client = WorkerClient(command=self._command)
            if self._closed:  # while it was starting
                client.cancel()
                raise Cancelled("cancelled")
            self._client = client
        return self._client

    def _carry_out(self, request: PlaneRequest, client: WorkerClient, progress: Progress) -> Answer:
        self._open(request, client, sub_progress(progress, 0, _MEASURING_PART))
        question = request.question
        known = REQUESTS[question.request]
        arguments: dict[str, Any] = {}
        if question.parameters is not None:
            arguments["parameters"] = dataclasses.asdict(question.parameters)
        if known.needs_map:
            arguments["map_parameters"] = dataclasses.asdict(question.map_parameters)
        for name, hint in question.hints.items():
            path = client.new_file()
            np.ascontiguousarray(hint, np.uint8).tofile(path)
            arguments[name] = path.name
        result = client.request(question.request, arguments, progress=sub_progress(progress, _MEASURING_PART, 1))
        file = Path(result["path"])
        values = np.fromfile(file, result["dtype"]).reshape(result["shape"])
        file.unlink()
        if known.result == "picture":
            assert self._picture is not None
            values = like_source(values, self._picture, request.source.plane(request.index))
        facts = self._facts
        return Answer(
            values,
            facts["max_radius"],
            facts["noise_variance"],
            {name: result[name] for name in RESULT_FACTS if name in result},
            facts.get("kind", ""),
        )

    def _open(self, request: PlaneRequest, client: WorkerClient, progress: Progress) -> None:
        """Let the worker hold the analysis of the request's plane."""
        key = self._held.key(request)
        parameters = dataclasses.asdict(request.analysis)
        if not self._held.holds(key):
            self._held.forget()
            pixels = request.source.plane(request.index)
            picture = as_picture(pixels, source=request.source.name)
            plain = pixels.dtype == np.uint8 and (picture.black, picture.white) == (0, 255)
            sent = pixels if plain else _packed(picture)
            path = client.new_file()
            np.ascontiguousarray(sent).tofile(path)
            self._facts = client.open(
                path,
                shape=sent.shape,
                dtype=str(sent.dtype),
                parameters=parameters,
                name=request.source.name,
                threshold=False,
                bit_depth=picture.bit_depth,
                progress=progress,
            )
            self._picture = dataclasses.replace(picture, color=picture.color[:0])  # its range, not its pixels
        elif not self._held.holds(key, request.analysis):
            self._held.forget()
            self._facts = client.open(parameters=parameters, threshold=False, progress=progress)
        self._held.take(key, request)

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


def like_source(values: NDArray[np.float32], picture: Picture, pixels: NDArray[Any]) -> NDArray[Any]:
    """Return a picture in [0, 1] in the shape, type and range of the pixels that it was made from.

    Parameters
    ----------
    values : float32 (H, W) or (H, W, 1 to 3)
    picture : Picture
        What the core made of the pixels: its `black` and `white` are used.
    pixels : array (H, W) or (H, W, channels)
    """
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
