"""One run of a procedure: its worker process and the layer whose analysis that holds."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pixels
from layers import require, usable_layers
from marks import Marks
from suite import leave_worker, start_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from defocus_client import WorkerClient
    from gi.repository import Gimp
    from procedures import Procedure
    from suite import Settings

    Progress = Callable[[float, str], None]


class Session:
    """Starts the worker when it is needed, and opens a layer once for all requests that follow."""

    def __init__(self, settings: Settings, procedure: Procedure) -> None:
        self.settings = settings
        self.procedure = procedure
        self.closed = False
        self.marks = Marks()  # painted over the layer that the dialog shows
        self.marked_layer: Gimp.Layer | None = None
        self.measured: dict[str, Any] = {}  # the worker's answer to `open`
        self._starting = threading.Lock()
        self._worker: WorkerClient | None = None
        self._layer: Gimp.Layer | None = None
        self.fingerprint = b""  # of the pixels that were sent last
        self._analysis: dict[str, Any] | None = None
        self._kept = b""  # fingerprint of the pixels that the worker has from the run before

    @property
    def worker(self) -> WorkerClient:
        """The worker; started if there is none, which takes a moment. May be called from any thread."""
        with self._starting:
            if self._worker is None or not self._worker.alive:
                worker = start_worker(self.settings)
                self._worker, self._layer = worker, None
                held = worker.held
                self._kept = bytes.fromhex(held.get("pixels", ""))
                self._analysis, self.measured = held.get("analysis"), held.get("measured", {})
                if self.closed:
                    worker.cancel()
            return self._worker

    def start_early(self) -> None:
        """Start the worker while something else is done, such as making a dialog; who needs it is told of faults."""

        def start() -> None:
            with contextlib.suppress(Exception):
                self.worker  # noqa: B018 - started by being asked for

        threading.Thread(target=start, daemon=True).start()

    def stop(self) -> None:
        """End the worker at once, whatever it does, and remove its files; the next request starts another."""
        if self._worker is not None:
            self._worker.cancel()

    def close(self) -> None:
        """End the worker for good."""
        self.closed = True
        self.stop()

    def leave(self) -> None:
        """Leave the worker to the next run, with what it holds."""
        self.closed = True
        if self._worker is None or not self._worker.alive:
            return
        held: dict[str, Any] = {}
        if self._layer is not None and self._analysis is not None:
            held = {"pixels": self.fingerprint.hex(), "analysis": self._analysis, "measured": self.measured}
        leave_worker(self._worker, self.settings, held)

    def holds(self, layer: Gimp.Layer) -> bool:
        """Return whether the worker has a layer's pixels from the run before; from GIMP's main thread."""
        if self._kept and self._layer is None and pixels.fingerprint(layer) == self._kept:
            self._layer, self.fingerprint = layer, self._kept
        self._kept = b""
        return self._layer == layer

    def send(self, layer: Gimp.Layer, *, verify: bool = True) -> dict[str, Any]:
        """Hand a layer's pixels over, unless the worker has them; to be called from GIMP's main thread.

        Parameters
        ----------
        layer : Gimp.Layer
        verify : bool
            Whether to look if the pixels are still the same; that takes as long as to read them.

        Returns
        -------
        dict
            Arguments for the worker's `open`, empty where the held picture can be kept.
        """
        worker = self.worker
        require(layer)
        if self._kept and self.holds(layer):
            return {}
        if self._layer == layer and (not verify or pixels.fingerprint(layer) == self.fingerprint):
            return {}
        usable_layers([layer])
        path = worker.new_file()
        self._layer, self._analysis = None, None
        shape, dtype, self.fingerprint = pixels.read_layer(layer, path)
        self._layer = layer
        return {"pixels": path, "shape": shape, "dtype": dtype, "name": f"“{layer.get_name()}”"}

    def with_marks(self, layer: Gimp.Layer, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return a request's arguments with what is painted over a layer."""
        return (
            {**arguments, "strokes": self.marks.written()} if self.marks and layer == self.marked_layer else arguments
        )

    def look(self, sent: dict[str, Any], analysis: dict[str, Any]) -> dict[str, Any]:
        """Have a picture analysed that is not the layer's own; may be called from any thread."""
        self._layer, self._analysis, self._kept = None, None, b""
        return self.worker.open(parameters=analysis, threshold=self.procedure.needs_threshold, **sent)

    def analyze(self, sent: dict[str, Any], parameters: dict[str, Any], progress: Progress) -> None:
        """Analyse what was sent, unless it is analysed that way already; may be called from any thread."""
        needed = self.procedure.needs_threshold
        if sent or parameters != self._analysis or (needed and "threshold" not in self.measured):
            self._analysis = None
            self.measured = self.worker.open(parameters=parameters, threshold=needed, progress=progress, **sent)
            self._analysis = parameters

    def compute(self, layer: Gimp.Layer, config: Gimp.ProcedureConfig, progress: Progress) -> dict[str, Any]:
        """Return the worker's answer for a layer."""
        sent = self.send(layer)
        # What can be refused without measuring is refused before
        arguments = self.with_marks(layer, self.procedure.arguments(self.worker.new_file, layer, config))
        self.analyze(sent, self.procedure.analysis(config), lambda done, stage: progress(done / 2, stage))
        answer = self.worker.request(
            self.procedure.request, arguments, progress=lambda done, stage: progress(0.5 + done / 2, stage)
        )
        return self.procedure.refined(self.worker, layer, config, arguments, answer)
