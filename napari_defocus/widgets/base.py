"""What the widgets have in common: the choice of picture, a run in the background and its end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import ComboBox, Container, Label, ProgressBar, PushButton

from defocus.errors import Cancelled, DefocusError
from defocus.parameters import AnalysisParameters
from napari_defocus import engine, jobs
from napari_defocus.layers import results
from napari_defocus.layers.source import Source
from napari_defocus.widgets.background import reports
from napari_defocus.widgets.controls import ParameterControls

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import napari.viewer
    from napari.layers import Image

    from defocus.progress import Progress

__all__ = ["DefocusWidget", "open_widgets"]

_engines: dict[int, tuple[engine.WorkerEngine, list[DefocusWidget]]] = {}  # one per viewer, and its widgets
_log = logging.getLogger(__name__)


class DefocusWidget(Container):  # type: ignore[type-arg]
    """A widget that measures the chosen image layer in the worker process.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=True)
        self._viewer = viewer
        self._engine = _acquire(viewer, self)
        self._token: jobs.Token | None = None
        self._closed = False
        self._worker: Any = None
        self._bar: Any = None  # in napari's activity dock
        self._again: Callable[[], None] | None = None
        self.image = ComboBox(label="Image", choices=self._pictures, tooltip="The image layer to measure.")
        self.planes = ComboBox(
            label="Slices", choices=("current slice", "all slices"), tooltip="Of a stack: what to measure."
        )
        self.analysis = ParameterControls(AnalysisParameters)
        self.more = PushButton(text="Analysis settings", tooltip="Show or hide how the blur is measured.")
        self.run_button = PushButton(text="Run", tooltip="Measure in the background.")
        self.cancel_button = PushButton(text="Cancel", enabled=False, tooltip="Stop at once.")
        self.bar = ProgressBar(min=0, max=100, value=0, visible=False)
        self.status = Label(value="")
        self.more.changed.connect(self._toggle_analysis)
        self.run_button.changed.connect(self._on_run)
        self.cancel_button.changed.connect(self.cancel)
        self.image.changed.connect(self._on_image)
        viewer.layers.events.inserted.connect(self._on_layers)
        viewer.layers.events.removed.connect(self._on_layers)
        self.native.destroyed.connect(self.shut_down)  # with the viewer
        self.native_parent_changed.connect(self._on_parent)  # a closed dock sets its widget free

    def _build(self, *widgets: Any) -> None:
        """Put a widget's own controls between the choice of picture and the buttons."""
        buttons = Container(widgets=[self.run_button, self.cancel_button], layout="horizontal", labels=False)
        buttons.margins = (0, 0, 0, 0)
        self.extend([self.image, self.planes, *widgets, self.more, *self.analysis, buttons, self.bar, self.status])
        active = self._viewer.layers.selection.active
        if active in self.image.choices:
            self.image.value = active
        self._on_image(self.image.value)
        self.analysis.visible = False
        self.bar.visible = False

    # ---- the picture

    def _pictures(self, _: object) -> list[Image]:
        from napari.layers import Image

        return [one for one in self._viewer.layers if isinstance(one, Image) and not results.is_result(one)]

    def _on_layers(self, event: object = None) -> None:
        self.reset_choices()

    def _on_image(self, layer: Image | None) -> None:
        self.planes.visible = layer is not None and layer.ndim > 2
        self.run_button.enabled = layer is not None and not self.running

    def _toggle_analysis(self) -> None:
        self.analysis.visible = not self.analysis.visible

    @property
    def source(self) -> Source:
        """The chosen layer; raises `InputError` if there is none."""
        return Source.from_layer(self.image.value)

    def current_index(self, source: Source) -> tuple[int, ...]:
        """Return the index of the plane that the viewer shows, by the layer's own place in the world."""
        if not source.stack_shape:
            return ()
        point = np.asarray(self._viewer.dims.point)[-source.ndim :]
        at = source.transform.inverse(source.affine.inverse(point))[: len(source.stack_shape)]
        return tuple(int(i) for i in np.clip(np.rint(at), 0, np.array(source.stack_shape) - 1))

    def _index(self, source: Source) -> tuple[int, ...] | None:
        every = source.stack_shape and self.planes.value == "all slices"
        return None if every else self.current_index(source)

    # ---- running

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._token is not None

    def _on_run(self) -> None:
        with self._complaining():
            self.run()

    def run(self) -> None:
        """Start; each widget says what."""
        raise NotImplementedError

    def _start(self, work: Callable[[Progress, jobs.Token], Any], done: Callable[[Any], None], title: str) -> None:
        """Run `work` in the background and hand its result to `done` in the event loop."""
        from napari.qt.threading import thread_worker
        from napari.utils import cancelable_progress

        if self.running or self._closed:  # closing a viewer changes choices, which must start nothing
            return
        token = self._token = jobs.Token()
        self._done = done
        self._set_running(True)
        self._bar = cancelable_progress(total=100, desc=title)
        self._worker = thread_worker(_outcome)(work, token)
        self._worker.yielded.connect(self._on_report)
        self._worker.returned.connect(self._on_result)
        self._worker.finished.connect(self._on_finished)
        self._worker.start()

    def cancel(self) -> None:
        """Stop the run, if there is one."""
        self._again = None
        if self._token is not None:
            self.status.value = "cancelling"
            self._token.cancel()

    def _on_report(self, report: tuple[float, str] | None) -> None:
        bar = self._bar
        if bar is not None and bar.is_canceled and self._token is not None and not self._token.cancelled:
            self.cancel()  # by the button in the activity dock
        if report is None or bar is None or bar.is_canceled:
            return
        fraction, stage = report
        self.bar.value = round(100 * fraction)
        self.status.value = stage
        bar.set_description(stage)
        bar.update(max(0, round(100 * fraction) - bar.n))  # last: it lets other events in, even the run's end

    def _on_result(self, outcome: tuple[Any, Exception | None]) -> None:
        result, error = outcome
        if error is not None:
            self._on_error(error)
        elif self._token is not None and not self._token.cancelled:
            self.status.value = ""
            with self._complaining():
                self._done(result)

    def _on_error(self, error: Exception) -> None:
        if isinstance(error, Cancelled) or (self._token is not None and self._token.cancelled):
            self.status.value = "cancelled"
        else:
            self._complain(error)

    def _on_finished(self) -> None:
        if self._token is None:
            return
        self._token, self._worker = None, None
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._set_running(False)
        again, self._again = self._again, None
        if again is not None:
            again()

    def _set_running(self, running: bool) -> None:
        self.run_button.enabled = not running and self.image.value is not None
        self.cancel_button.enabled = running
        self.bar.value = 0
        self.bar.visible = running

    # ---- errors and the end

    def _complain(self, error: BaseException) -> None:
        """Show an error as napari shows them, in the core's one line."""
        from napari.utils.notifications import show_error

        from defocus.worker.client import WorkerError

        if isinstance(error, WorkerError) and error.details:
            _log.error("the worker's log:\n%s", error.details)
        elif not isinstance(error, DefocusError | WorkerError):
            _log.error("unexpected", exc_info=error)
        text = str(error) or type(error).__name__
        self.status.value = text
        show_error(text)

    def _complaining(self) -> _Complaining:
        return _Complaining(self._complain)

    def _on_parent(self, parent: object) -> None:
        if parent is None:
            self.shut_down()

    def shut_down(self) -> None:
        """Stop whatever runs and let the worker process go; called when the widget or the viewer closes."""
        if self._closed:
            return
        self._closed = True
        self._again = None
        token, self._token = self._token, None
        if token is not None:
            token.cancel()
        if self._worker is not None:
            for signal in (self._worker.yielded, self._worker.returned, self._worker.finished):
                signal.disconnect()
            self._worker.quit()
            self._worker = None
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._viewer.layers.events.inserted.disconnect(self._on_layers)
        self._viewer.layers.events.removed.disconnect(self._on_layers)
        _release(self._viewer, self)


def _outcome(
    work: Callable[[Progress, jobs.Token], Any], token: jobs.Token
) -> Generator[tuple[float, str] | None, None, tuple[Any, Exception | None]]:
    """Do the work and return its result or its error: napari's own handling of errors fails under PySide6."""
    try:
        return (yield from reports(work, token)), None
    except Exception as error:
        return None, error


class _Complaining:
    """Turns an error in a ``with`` block into a notification."""

    def __init__(self, complain: Callable[[BaseException], None]) -> None:
        self._complain = complain

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self._complain(error)
        return True


def open_widgets() -> list[DefocusWidget]:
    """Return the widgets that have not been shut down."""
    return [widget for _, users in _engines.values() for widget in users]


def _identity(viewer: napari.viewer.Viewer) -> int:
    """Return what is the same for all the wrappers that napari hands to plugins in place of the viewer."""
    return id(getattr(viewer, "__wrapped__", viewer))


def _acquire(viewer: napari.viewer.Viewer, widget: DefocusWidget) -> engine.WorkerEngine:
    """Return the viewer's engine, so that its widgets share the analysis of a picture."""
    shared, users = _engines.setdefault(_identity(viewer), (engine.WorkerEngine(), []))
    users.append(widget)
    return shared


def _release(viewer: napari.viewer.Viewer, widget: DefocusWidget) -> None:
    engine, users = _engines.get(_identity(viewer), (None, []))
    users[:] = [user for user in users if user is not widget]
    if engine is not None and not users:
        del _engines[_identity(viewer)]
        engine.close()
