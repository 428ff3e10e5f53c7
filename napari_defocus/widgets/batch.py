"""The dock that does a whole folder with the settings that the other docks have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, FileEdit, Label

from defocus.errors import InputError
from defocus.parameters import PARAMETERS
from napari_defocus.batch import COMMANDS, Batch, Outcome, files_in, run_batch
from napari_defocus.widgets.base import DefocusWidget
from napari_defocus.widgets.controls import ParameterControls
from napari_defocus.widgets.layout import labelled, stacked, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import napari.viewer
    from napari.layers import Image

__all__ = ["BatchWidget"]

_STEPS = {"map": "map", "mask": "mask", "deblur": "restoration", "magnify": "magnification"}


class BatchWidget(DefocusWidget):
    """Makes maps, masks or pictures of all files of a folder, beside them or in another, and shows the command.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.task = ComboBox(label="Make", choices=list(COMMANDS.items()), tooltip="Of every picture in the folder.")
        self.folder = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, label="Folder", tooltip="Whose pictures.")
        self.output = FileEdit(
            mode=FileDialogMode.EXISTING_DIRECTORY,
            label="Results in",
            tooltip="A folder, made if it is missing; that of the pictures unless given.",
        )
        self.overwrite = CheckBox(text="Replace results that are there", tooltip="Else their pictures are left out.")
        self.own = {
            command: ParameterControls(PARAMETERS[step], without=("unknown",)) for command, step in _STEPS.items()
        }
        self.command = Label(value="")
        self.run_button.text = "Do the folder"
        self._build(
            self.task,
            labelled(self.folder),
            labelled(self.output),
            self.overwrite,
            *(control for controls in self.own.values() for control in controls),
            afterwards=(stacked(self.command),),
        )
        wrap(self.command)
        for one in (self._image_row, self._file_row, self.back, self.saving.button, self.copy_python):
            one.visible = False
        self.task.changed.connect(self._on_task)
        self._on_task(self.task.value)

    def _on_image(self, layer: Image | None) -> None:
        super()._on_image(None)
        self.run_button.enabled = not self.running  # no layer is needed

    def _set_running(self, running: bool) -> None:
        super()._set_running(running)
        self.run_button.enabled = not running

    def _on_task(self, task: str | None) -> None:
        for command, controls in self.own.items():
            controls.visible = command == task

    def batch(self) -> Batch:
        """Return what the controls say; raises `InputError` if there is nothing to be done."""
        folder = Path(str(self.folder.value))
        if str(self.folder.value) in ("", "."):
            raise InputError("choose a folder of pictures first")
        output = folder if str(self.output.value) in ("", ".") else Path(str(self.output.value))
        task = self.task.value
        steps = {"analysis": self.analysis.changed_values, _STEPS[task]: self.own[task].changed_values}
        return Batch(task, files_in(folder), output, steps, self.overwrite.value)

    def run(self) -> None:
        """Do it, in a process of its own."""
        batch = self.batch()
        self.command.value = batch.shown(Path(str(self.folder.value)))

        def finish(outcome: Outcome) -> None:
            self.status.value = outcome.words

        self._runner.start(lambda run: run_batch(batch, run), self._engine, finish, self.run_button.text)

    def _copy(self, write: Callable[[Mapping[str, Any]], str]) -> None:
        with self._complaining():
            batch = self.batch()
            self._to_clipboard(batch.shown(Path(str(self.folder.value))))
