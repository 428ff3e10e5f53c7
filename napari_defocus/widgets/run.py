"""Run: one piece of work at a time beside the window, in a thread that waits for the worker process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.qt.threading import GeneratorWorkerSignals, WorkerBase
from napari.utils import cancelable_progress
from psygnal import Signal

from defocus.errors import Cancelled
from napari_defocus.requests import Run, Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.types import LayerDataTuple

    from napari_defocus.requests import Engine

    Work = Callable[[Run], Any]

__all__ = ["Runner"]

_BEAT_SECONDS = 0.05  # at most so often the window is told of progress


class Runner:
    """Runs work in napari's thread pool, with a bar in its activity dock, and tells of it in the event loop.

    Attributes
    ----------
    quick : bool
        Whether the last run was said to be over in a moment.
    started, finished : Signal
        `finished` comes last, however the run ended.
    reported : Signal
        With (fraction, stage).
    shown : Signal
        With a part of the result, see `Run`.
    failed : Signal
        With the exception; of a run that was cancelled, `defocus.Cancelled`.
    """

    started = Signal()
    reported = Signal(float, str)
    shown = Signal(object)
    failed = Signal(object)
    finished = Signal()

    def __init__(self) -> None:
        self._token: Token | None = None
        self._worker: _Worker | None = None
        self._done: Callable[[Any], None] | None = None
        self._bar: Any = None  # in napari's activity dock
        self._reporting = False
        self._closed = False
        self.quick = False

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._token is not None

    @property
    def cancelled(self) -> bool:
        """Whether the run was told to stop."""
        return self._token is not None and self._token.cancelled

    def start(
        self, work: Work, engine: Engine, done: Callable[[Any], None], title: str, *, quick: bool = False
    ) -> None:
        """Run `work` in the background and hand its result to `done` in the event loop.

        Parameters
        ----------
        work : callable
            Called with a `Run`; blocks.
        engine : Engine
        done : callable
        title : str
            What the activity dock calls it.
        quick : bool
            Whether it will be over in a moment: the activity dock is then spared.
        """
        if self.running or self._closed:  # closing a viewer changes choices, which must start nothing
            return
        self._token, self._done, self._title, self.quick = Token(), done, title, quick
        self._worker = _Worker(work, engine, self._token)
        for signal, slot in self._connections():
            signal.connect(slot)
        self.started.emit()
        if not quick:
            self._bar = _Bar(total=100, desc=title, cancel_callback=self.cancel)
        self._worker.start()

    def cancel(self) -> None:
        """Stop the run, if there is one."""
        if self._token is not None:
            self._token.cancel()

    def close(self) -> None:
        """Stop whatever runs, tell nobody, and start nothing any more."""
        self._closed = True
        token, self._token = self._token, None
        if token is not None:
            token.cancel()
        if self._worker is not None:
            for signal, _ in self._connections():
                signal.disconnect()
            self._worker = None
        self._close_bar()

    def _connections(self) -> tuple[tuple[Any, Any], ...]:
        worker = self._worker
        assert worker is not None
        return (
            (worker.yielded, self._on_report),
            (worker.returned, self._on_result),
            (worker.finished, self._on_finished),
        )

    def _on_report(self, report: tuple[float, str] | _Part) -> None:
        if self._token is None or self._token.cancelled:
            return
        if isinstance(report, _Part):
            self.shown.emit(report.layer)
            return
        # napari's bar lets other events in, even the run's next report or its end; one of them is enough at a time
        if self._reporting:
            return
        self._reporting = True
        try:
            fraction, stage = report
            self.reported.emit(fraction, stage)
            bar = self._bar
            if bar is not None:
                bar.set_description(f"{self._title}: {stage}")
                bar.update(max(0, round(100 * fraction) - bar.n))
        finally:
            self._reporting = False

    def _on_result(self, outcome: tuple[Any, Exception | None]) -> None:
        if self._closed:  # it was on its way already
            return
        result, error = outcome
        if self.cancelled and not isinstance(error, Cancelled):
            error = Cancelled("cancelled")
        if error is None and self._done is not None:
            try:
                self._done(result)
            except Exception as failure:
                error = failure
        if error is not None:
            self.failed.emit(error)

    def _on_finished(self) -> None:
        if self._token is None:
            return
        self._token, self._worker, self._done = None, None, None
        self._close_bar()
        self.finished.emit()

    def _close_bar(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()


class _Bar(cancelable_progress):  # type: ignore[misc]
    """A bar in the activity dock whose button calls back at once; napari's does so at the next step of a loop."""

    def cancel(self) -> None:
        """Stop what the bar is about."""
        super().cancel()
        self.cancel_callback()


@dataclass(frozen=True)
class _Part:
    """A part of the result on its way to the window."""

    layer: LayerDataTuple


class _Worker(WorkerBase):  # type: ignore[misc]
    """Does the work and returns its result or its error: napari's own handling of errors fails under PySide6."""

    def __init__(self, work: Work, engine: Engine, token: Token) -> None:
        super().__init__(SignalsClass=GeneratorWorkerSignals)
        self._work, self._engine, self._token = work, engine, token
        self._told = 0.0

    def work(self) -> tuple[Any, Exception | None]:
        """Do the work; called in a thread of the pool."""
        try:
            return self._work(Run(self._engine, self._report, self._token, self._show)), None
        except Exception as error:
            return None, error

    def _show(self, layer: LayerDataTuple) -> None:
        self.yielded.emit(_Part(layer))

    def _report(self, fraction: float, stage: str) -> None:
        self._token.check()
        now = time.monotonic()
        if now - self._told >= _BEAT_SECONDS:
            self._told = now
            self.yielded.emit((fraction, stage))
