"""What the docks have in common: the choice of picture, the run and its report, and the record of the result."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, Label, ProgressBar, PushButton, TextEdit
from superqt.utils import qdebounced

from defocus.errors import Cancelled, DefocusError, InputError
from defocus.parameters import AnalysisParameters
from napari_defocus import settings
from napari_defocus.layers.results import find_result, is_result, result_of, upsert
from napari_defocus.layers.source import Source
from napari_defocus.reproduce import as_command, as_python
from napari_defocus.widgets import engines
from napari_defocus.widgets.controls import Choice, ParameterControls
from napari_defocus.widgets.export import Export
from napari_defocus.widgets.layout import elide, labelled, name_parts, row, shortcut, wrap
from napari_defocus.widgets.presets import Presets
from napari_defocus.widgets.run import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import napari.viewer
    from napari.layers import Image, Layer
    from napari.types import LayerDataTuple

    from napari_defocus.requests import Run

__all__ = ["DefocusWidget"]

_MOMENT_SECONDS = 0.5  # a cut that takes longer shows its bar after all
_WIDTH = 300  # px of a dock unless the user makes it wider
_SETTINGS = "Analysis settings"
_ANALYSIS = "analysis"  # the settings that docks and sessions share
_FOUND = {"noise": "noise_variance", "max_radius": "max_radius_px"}  # what "auto" means, by names of results' metadata
_log = logging.getLogger(__name__)


class DefocusWidget(Container):  # type: ignore[type-arg]
    """A dock that measures the chosen image layer in the worker process.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(labels=False)
        self.margins = (0, 0, 0, 0)
        self._viewer = viewer
        self._engine = engines.acquire(viewer, self)
        self._runner = Runner()
        self._closed = False
        self._shown, self._began = False, 0.0  # whether the dock shows that something runs, and since when it does
        self._so_far = ""  # id of the layer with what is there of a result that is being made
        self._pending: Callable[[], None] | None = None  # to be done as soon as nothing runs
        self._do_soon = qdebounced(self._do_pending, timeout=0)
        self._made_id = ""  # of the layer with the last result
        self._last: Mapping[str, Any] = {}  # what the last result was made by
        self._panel: Any = Container(labels=False, scrollable=True)
        self.image = ComboBox(label="Image", choices=self._pictures, tooltip="The image layer to measure.")
        self.planes = ComboBox(
            label="Slices", choices=("current slice", "all slices"), tooltip="Of a stack: what to measure."
        )
        self._planes_row = labelled(self.planes)
        self.analysis = ParameterControls(AnalysisParameters)
        self.analysis.take(settings.remembered(_ANALYSIS))
        self.presets = Presets(_ANALYSIS, self.analysis)
        self.reset = PushButton(text="Reset", tooltip="Take the default settings again, here and in new docks.")
        self.more = PushButton(text=_SETTINGS, tooltip="Show or hide how the blur is measured.")
        self.run_button = PushButton(text="Run", tooltip="Measure in the background.")
        self.cancel_button = PushButton(text="Cancel", enabled=False, tooltip="Stop at once.")
        self.bar = ProgressBar(min=0, max=100, value=0, visible=False, tooltip="How much of the run is done.")
        self.bar.native.setAccessibleName("Progress")
        self.status = Label(value="")
        self.saving = Export(self._made, self._say, "Export")
        self.copy_python = PushButton(text="Copy as Python", tooltip="Copy lines that compute the last result again.")
        self.copy_command = PushButton(text="Copy as command", tooltip="Copy a command that does it to a file.")
        self.back = PushButton(
            text="Back to the result before", enabled=False, tooltip="And, once more, to the one that is there now."
        )
        self._kept: dict[str, Any] = {}  # the result before the last one, by its layer
        self._clip = TextEdit()  # never shown: the way to the clipboard
        shortcut(self, self.run_button, "Ctrl+Return", "Ctrl+Enter")  # the second is that of the number pad
        shortcut(self, self.cancel_button, "Ctrl+.")
        self.more.changed.connect(self._toggle_analysis)
        self.analysis.changed.connect(self._count_changed)
        self._count_changed()
        self.reset.changed.connect(self._on_reset)
        self.presets.save.changed.connect(lambda: self._on_preset(self.presets.keep))
        self.presets.delete.changed.connect(lambda: self._on_preset(self.presets.forget))
        self.run_button.changed.connect(self._on_run)
        self.cancel_button.changed.connect(self.cancel)
        self.saving.button.changed.connect(self._on_export)
        self.back.changed.connect(self._on_back)
        self.copy_python.changed.connect(lambda: self._copy(as_python))
        self.copy_command.changed.connect(lambda: self._copy(as_command))
        self.image.changed.connect(self._on_image)
        self._runner.started.connect(self._on_started)
        self._runner.reported.connect(self._on_report)
        self._runner.shown.connect(self._on_part)
        self._runner.failed.connect(self._on_failed)
        self._runner.finished.connect(self._on_finished)
        viewer.layers.events.inserted.connect(self._on_layers)
        viewer.layers.events.removed.connect(self._on_layers)
        self.native.destroyed.connect(self.shut_down)  # with the viewer
        self.native_parent_changed.connect(self._on_parent)  # a closed dock sets its widget free

    def _build(self, *controls: Any, afterwards: tuple[Any, ...] = ()) -> None:
        """Lay the dock out: picture, its own controls, run, and what can be done with the result."""
        self._image_row, self._file_row = labelled(self.image), labelled(self.saving.file)
        rows = [labelled(one) if isinstance(one, ComboBox) else one for one in controls]
        after = [labelled(one) if isinstance(one, Label) else one for one in afterwards]
        for box in (self.image, *(one for one in controls if isinstance(one, ComboBox))):
            elide(box)
        buttons = row(self.run_button, self.cancel_button)
        copies = row(self.copy_python, self.copy_command)
        self._panel.extend(
            [
                *(self._image_row, self._planes_row, *rows, row(self.more, self.reset)),
                *(*self.presets.rows, *self.analysis),
                *(
                    buttons,
                    self.bar,
                    self.status,
                    *after,
                    self._file_row,
                    self.saving.button,
                    self.back,
                    copies,
                ),
            ]
        )
        wrap(self.status)
        self._panel.native.layout().addStretch(1)
        name_parts(self._panel.native)
        scroll = self._panel.root_native_widget
        scroll.setMinimumWidth(_WIDTH)
        self.native.layout().addWidget(scroll)
        active = self._viewer.layers.selection.active
        if active in self.image.choices:
            self.image.value = active
        self._on_image(self.image.value)
        self._toggle_analysis()
        self.bar.visible = False

    # ---- the picture

    def _pictures(self, _: object) -> list[Image]:
        from napari.layers import Image

        return [one for one in self._viewer.layers if isinstance(one, Image) and not is_result(one)]

    def _on_layers(self, event: object = None) -> None:
        self._panel.reset_choices()

    def _on_image(self, layer: Image | None) -> None:
        self._planes_row.visible = layer is not None and layer.ndim > 2
        self.run_button.enabled = layer is not None and not self.running
        for control in self.analysis.controls.values():
            if isinstance(control, Choice) and control.automatic.value:
                control.forget()  # what was found is another picture's

    def _toggle_analysis(self) -> None:
        self.analysis.visible = self.presets.visible = not self.analysis.visible

    def _count_changed(self) -> None:
        """Say on the button how many settings are no defaults: they are remembered, and easily forgotten."""
        try:
            count = len(self.analysis.changed_values)
        except InputError:  # half of a lens, as long as its file is to be chosen
            count = 1
        self.more.text = _SETTINGS + (f" ({count} changed)" if count else "")
        self.reset.enabled = count > 0

    def _on_reset(self) -> None:
        self.analysis.reset()
        settings.forget(_ANALYSIS)

    def _on_preset(self, action: Callable[[], None]) -> None:
        with self._complaining():
            action()

    @property
    def scroll_bar(self) -> Any:
        """The bar that moves through what a window is too low for."""
        return self._panel.root_native_widget.verticalScrollBar()

    @property
    def source(self) -> Source:
        """The chosen layer; raises `InputError` if there is none."""
        return Source.from_layer(self.image.value)

    def current_index(self, source: Source) -> tuple[int, ...]:
        """Return the index of the plane that the viewer shows, by the layer's own place in the world."""
        return source.index_at(self._viewer.dims.point)

    def _index(self, source: Source) -> tuple[int, ...] | None:
        if source.stack_shape and self.planes.value == "all slices":
            return None
        if source.oblique:
            raise InputError(
                f"{source.name} is sheared, and what is seen lies across its slices: measure all slices, or resample it"
            )
        return self.current_index(source)

    # ---- running

    @property
    def running(self) -> bool:
        """Whether a run is under way, or about to start."""
        return self._runner.running or self._pending is not None

    def _on_run(self) -> None:
        with self._complaining():
            self.run()

    def run(self) -> None:
        """Start; each dock says what."""
        raise NotImplementedError

    def _start(
        self,
        source: Source,
        work: Callable[[Run], Any],
        done: Callable[[Any], None],
        title: str,
        *,
        quick: bool = False,
    ) -> None:
        """Run `work` in the background and hand its result to `done`, if the picture is still there then."""

        def finish(result: Any) -> None:
            self.status.value = ""
            if self._layer(source.layer_id) is None:
                self.status.value = f"{source.name} was removed meanwhile; its result is dropped"
            else:
                done(result)
                settings.remember(_ANALYSIS, self.analysis.changed_values)

        self._runner.start(work, self._engine, finish, f"{title} of {source.name}", quick=quick)

    def _soon(self, action: Callable[[], None]) -> None:
        """Do something once nothing runs, and never now: napari tells of layers in the middle of drawing them.

        A run that started there would enter the event loop anew, and Qt does not survive that.
        """
        if not self._closed:
            self._pending = action
            self._do_soon()

    def _do_pending(self) -> None:
        if self._closed or self._runner.running:
            return
        action, self._pending = self._pending, None
        if action is not None:
            with self._complaining():
                action()

    def cancel(self) -> None:
        """Stop the run, if there is one."""
        self._pending = None
        if self._runner.running:
            self.status.value = "cancelling"
        self._runner.cancel()

    def _on_started(self) -> None:
        self._began = time.monotonic()
        if not self._runner.quick:
            self._set_running(True)

    def _on_report(self, fraction: float, stage: str) -> None:
        if not self._shown:  # what is over in a moment needs no bar, which Qt paints at once, whatever else it does
            if time.monotonic() - self._began < _MOMENT_SECONDS:
                return
            self._set_running(True)
        self.bar.value = round(100 * fraction)
        self.status.value = stage

    def _on_part(self, part: LayerDataTuple) -> None:
        """Show what is there of a result, until it is whole, or the run ends without it."""
        from napari.layers import Layer

        if self._so_far:
            layer = self._layer(self._so_far)
            if layer is not None:  # else the user deleted it
                layer.refresh(thumbnail=False, extent=False)
            return
        selected = set(self._viewer.layers.selection)
        self._so_far = str(self._viewer.add_layer(Layer.create(*part)).unique_id)
        self._viewer.layers.selection = selected

    def _forget_part(self) -> None:
        layer = self._layer(self._so_far)
        if layer is not None:
            self._viewer.layers.remove(layer)
        self._so_far = ""

    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self.status.value = "cancelled"
        else:
            self._complain(error)

    def _on_finished(self) -> None:
        self._forget_part()
        if self._shown:
            self._set_running(False)
        if self._pending is not None:
            self._do_soon()

    def _set_running(self, running: bool) -> None:
        self._shown = running
        self.run_button.enabled = not running and self.image.value is not None
        self.cancel_button.enabled = running
        self.bar.value = 0
        self.bar.visible = running

    # ---- the result

    def _add(self, result: Any, source: Source) -> Layer:
        """Show a result, and remember what it was made by."""
        about = result[1]["metadata"]["defocus"]
        before = find_result(self._viewer, about["source"], about["kind"], about["channel"])
        kept = {} if before is None else _kept(before)
        layer = upsert(self._viewer, result, source)
        if before is not None and layer is before and before.data is not kept["data"]:  # not painted into the old one
            self._kept = {"layer": str(before.unique_id), **kept}
        elif layer is not before or not self._kept:
            self._kept = {}
        self.back.enabled = bool(self._kept)
        self._last, self._made_id = result_of(layer), str(layer.unique_id)
        self.saving.suggest(layer)
        for field, fact in _FOUND.items():  # what "auto" meant stands beside the word
            if self.analysis.controls[field].automatic.value:
                self.analysis.controls[field].suggest(about[fact])
        return layer

    def _on_back(self) -> None:
        """Exchange the last result for the one before."""
        with self._complaining():
            layer = self._layer(self._kept["layer"]) if self._kept else None
            if layer is None:
                self.back.enabled = False
                raise InputError("the result before is not there any more")
            now = _kept(layer)
            for name in ("data", "metadata", "translate", "name"):
                setattr(layer, name, self._kept[name])
            self._kept = {"layer": self._kept["layer"], **now}
            self._last = result_of(layer)
            self.saving.suggest(layer)

    def _layer(self, identity: str | None) -> Layer | None:
        """Return the layer of the viewer that has a unique id, None if there is none, or no more."""
        return next((layer for layer in self._viewer.layers if str(layer.unique_id) == identity), None)

    def _made_identity(self) -> str | None:
        """Return the unique id of the layer with the result that is to be written."""
        return self._made_id

    def _made(self) -> Layer:
        """Return the layer of the last result."""
        layer = self._layer(self._made_identity())
        if layer is None:
            raise InputError("there is no result yet to be written")
        return layer

    def _say(self, text: str) -> None:
        self.status.value = text

    def _on_export(self) -> None:
        with self._complaining():
            self.saving.write()

    def _copy(self, write: Callable[[Mapping[str, Any]], str]) -> None:
        with self._complaining():
            self._to_clipboard(write(self._last))

    def _to_clipboard(self, text: str) -> None:
        self._clip.value = text
        self._clip.native.selectAll()
        self._clip.native.copy()
        self.status.value = "copied"

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

    @contextmanager
    def _complaining(self) -> Iterator[None]:
        """Turn an error in the ``with`` block into a notification."""
        try:
            yield
        except Exception as error:
            self._complain(error)

    def _on_parent(self, parent: object) -> None:
        if parent is None:
            self.shut_down()

    def shut_down(self) -> None:
        """Stop whatever runs and let the worker process go; called when the widget or the viewer closes."""
        if self._closed:
            return
        self._closed = True
        self._pending = None
        self._runner.close()
        self._forget_part()
        self._viewer.layers.events.inserted.disconnect(self._on_layers)
        self._viewer.layers.events.removed.disconnect(self._on_layers)
        engines.release(self._viewer, self)


def _kept(layer: Layer) -> dict[str, Any]:
    """Return what a result's layer holds of the result."""
    # napari empties the metadata that a layer had when it gets others
    return {"data": layer.data, "metadata": dict(layer.metadata), "translate": layer.translate, "name": layer.name}
