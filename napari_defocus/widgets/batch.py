"""The dock that does many pictures with one setting: the files of a folder, or the selected layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, FileEdit, Label

from defocus.errors import InputError
from defocus.parameters import PARAMETERS
from napari_defocus import settings
from napari_defocus.batch import COMMANDS, REQUEST_OF, Batch, Outcome, files_in, layer_request, run_batch, run_layers
from napari_defocus.layers.results import result_of, upsert
from napari_defocus.layers.source import Source
from napari_defocus.reproduce import as_python
from napari_defocus.widgets.base import DefocusWidget
from napari_defocus.widgets.controls import ParameterControls
from napari_defocus.widgets.layout import labelled, stacked, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import napari.viewer
    from napari.layers import Image
    from napari.types import LayerDataTuple

__all__ = ["BatchWidget"]

_FOLDER, _LAYERS = "folder", "layers"


class BatchWidget(DefocusWidget):
    """Makes maps, masks or pictures of all files of a folder, or of the selected layers.

    Those of files lie beside them or in another folder, and the command is shown; those of layers are layers.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.task = ComboBox(label="Make", choices=list(COMMANDS.items()), tooltip="Of every picture.")
        self.pictures = ComboBox(
            label="Of",
            choices=[("the files of a folder", _FOLDER), ("the selected layers", _LAYERS)],
            tooltip="Files on the disk, or the image layers that are selected in napari's list of layers.",
        )
        self._sources: dict[str, Source] = {}  # of the layers that are being done, by their unique ids
        self._results: list[Mapping[str, Any]] = []  # what the last layers' results were made by
        self.folder = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, label="Folder", tooltip="Whose pictures.")
        self.output = FileEdit(
            mode=FileDialogMode.EXISTING_DIRECTORY,
            label="Results in",
            tooltip="A folder, made if it is missing; that of the pictures unless given.",
        )
        self.overwrite = CheckBox(text="Replace results that are there", tooltip="Else their pictures are left out.")
        self.own = {
            command: ParameterControls(PARAMETERS[request.step], without=("unknown",))
            for command, request in REQUEST_OF.items()
        }
        self.command = Label(value="")
        self._folder_rows = (labelled(self.folder), labelled(self.output), self.overwrite)
        self._build(
            self.task,
            self.pictures,
            *self._folder_rows,
            *(control for controls in self.own.values() for control in controls),
            afterwards=(stacked(self.command),),
        )
        wrap(self.command)
        for one in (self._image_row, self._file_row, self.back, self.saving.button):
            one.visible = False
        self.task.changed.connect(self._on_task)
        self.pictures.changed.connect(self._on_pictures)
        self._on_task(self.task.value)
        self._on_pictures(self.pictures.value)

    def _on_image(self, layer: Image | None) -> None:
        super()._on_image(None)
        self.run_button.enabled = not self.running  # no layer is needed
        if hasattr(self, "pictures"):
            self._planes_row.visible = self.pictures.value == _LAYERS

    def _set_running(self, running: bool) -> None:
        super()._set_running(running)
        self.run_button.enabled = not running

    def _on_task(self, task: str | None) -> None:
        for command, controls in self.own.items():
            controls.visible = command == task

    def _on_pictures(self, pictures: str | None) -> None:
        layers = pictures == _LAYERS
        for one in self._folder_rows:
            one.visible = not layers
        self._planes_row.visible = self.copy_python.visible = layers
        self.command.visible = self.copy_command.visible = not layers
        self.run_button.text = "Do the layers" if layers else "Do the folder"

    @property
    def selected(self) -> list[Image]:
        """The selected image layers that are no results, from the lowest."""
        return [layer for layer in self._pictures(None) if layer in self._viewer.layers.selection]

    def batch(self) -> Batch:
        """Return what the controls say; raises `InputError` if there is nothing to be done."""
        folder = Path(str(self.folder.value))
        if str(self.folder.value) in ("", "."):
            raise InputError("choose a folder of pictures first")
        output = folder if str(self.output.value) in ("", ".") else Path(str(self.output.value))
        task = self.task.value
        steps = {"analysis": self.analysis.changed_values, REQUEST_OF[task].step: self.own[task].changed_values}
        return Batch(task, files_in(folder), output, steps, self.overwrite.value)

    def run(self) -> None:
        """Do it: a folder in a process of its own, layers in the one that the other docks have."""
        if self.pictures.value == _LAYERS:
            self._run_layers()
            return
        batch = self.batch()
        self.command.value = batch.shown(Path(str(self.folder.value)))

        def finish(outcome: Outcome) -> None:
            self.status.value = outcome.words

        self._runner.start(lambda run: run_batch(batch, run), self._engine, finish, self.run_button.text)

    def _run_layers(self) -> None:
        task = self.task.value
        sources = [Source.from_layer(layer) for layer in self.selected]
        if not sources:
            raise InputError("select image layers in the list of layers first")
        asked = self.analysis.parameters, self.own[task].parameters
        requests = [layer_request(task, source, *asked, self._index(source)) for source in sources]
        self._sources, self._results = {source.layer_id: source for source in sources}, []

        def finish(outcome: Outcome) -> None:
            unsure = [str(about["picture"]) for about in self._results if _is_unsure(about)]
            doubt = f"; little is known of {', '.join(unsure)}" if unsure else ""
            self.status.value = outcome.words + doubt
            settings.remember("analysis", self.analysis.changed_values)

        self._runner.start(lambda run: run_layers(requests, run), self._engine, finish, self.run_button.text)

    def _on_part(self, part: LayerDataTuple) -> None:
        """Show the result of one layer, if that is still there."""
        identity = part[1]["metadata"]["defocus"]["source"]
        if self._layer(identity) is None:
            return
        selected = set(self._viewer.layers.selection)
        layer = upsert(self._viewer, part, self._sources[identity])
        self._viewer.layers.selection = selected  # the same layers can be done again
        self._results.append(result_of(layer))

    def _copy(self, write: Callable[[Mapping[str, Any]], str]) -> None:
        with self._complaining():
            if self.pictures.value == _LAYERS:
                if not self._results:
                    raise InputError("no layer was done yet")
                self._to_clipboard("\n".join(as_python(about) for about in self._results))
                return
            batch = self.batch()
            self._to_clipboard(batch.shown(Path(str(self.folder.value))))


def _is_unsure(about: Mapping[str, Any]) -> bool:
    """Whether nothing is known of a picture's blur, or not even what kind of picture it is."""
    return about.get("known_share") == 0 or bool(about.get("kind_doubt"))
