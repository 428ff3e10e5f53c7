"""The widget that makes pictures by the blur map: all in focus, or with more blur."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox

from defocus.parameters import MagnificationParameters, MapParameters, RestorationParameters
from napari_defocus.functions import magnified_layer, restored_layer
from napari_defocus.layers.results import upsert
from napari_defocus.widgets.base import DefocusWidget
from napari_defocus.widgets.controls import ParameterControls

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["RestoreWidget"]

_RESTORE, _MAGNIFY = "all in focus", "more blur"


class RestoreWidget(DefocusWidget):
    """Adds the chosen picture restored to focus everywhere, or with its background blurred further.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.task = ComboBox(label="Make", choices=(_RESTORE, _MAGNIFY), tooltip="What to make of the picture.")
        self.restoration = ParameterControls(RestorationParameters)
        self.magnification = ParameterControls(MagnificationParameters)
        self.map = ParameterControls(MapParameters)
        self.run_button.text = "Make picture"
        self._build(self.task, *self.restoration, *self.magnification, *self.map)
        self.task.changed.connect(self._on_task)
        self._on_task(self.task.value)

    def _on_task(self, task: str | None) -> None:
        self.restoration.visible = task == _RESTORE
        self.magnification.visible = task == _MAGNIFY
        self.run_button.enabled = task is not None and self.image.value is not None and not self.running

    def run(self) -> None:
        """Make the chosen picture anew and show it."""
        source = self.source
        arguments: dict[str, Any] = {
            "analysis": self.analysis.parameters,
            "map_parameters": self.map.parameters,
            "index": self._index(source),
            "engine": self._engine,
        }
        verb: Any
        if self.task.value == _RESTORE:
            verb, parameters = restored_layer, self.restoration.parameters
        else:
            verb, parameters = magnified_layer, self.magnification.parameters
        self._start(
            lambda progress, token: verb(source, parameters, progress=progress, token=token, **arguments),
            lambda result: upsert(self._viewer, result, source),
            f"{self.task.value}: {source.name}",
        )
