"""The dock that makes pictures by the blur map: all in focus, or with more blur."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox

from defocus.parameters import MapParameters
from defocus.session import REQUESTS, Question
from napari_defocus.functions import computed_layer
from napari_defocus.outputs import PICTURES, output_of
from napari_defocus.requests import LayerRequest
from napari_defocus.widgets.base import DefocusWidget
from napari_defocus.widgets.controls import ParameterControls

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["RestoreWidget"]


class RestoreWidget(DefocusWidget):
    """Adds the chosen picture restored to focus everywhere, or with its background blurred further.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer

    Attributes
    ----------
    own : dict of str to ParameterControls
        The controls of each request.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.task = ComboBox(
            label="Make",
            choices=[(output_of(request).title, request.name) for request in PICTURES],
            tooltip="What to make of the picture.",
        )
        self.own = {
            request.name: ParameterControls(request.parameters)
            for request in PICTURES
            if request.parameters is not None
        }
        self.map = ParameterControls(MapParameters, without=("unknown",))
        self.run_button.text = "Make picture"
        self._build(self.task, *(control for controls in self.own.values() for control in controls), *self.map)
        self.task.changed.connect(self._on_task)
        self._on_task(self.task.value)

    def _on_task(self, task: str | None) -> None:
        for name, controls in self.own.items():
            controls.visible = name == task

    def run(self) -> None:
        """Make the chosen picture anew and show it."""
        source, task = self.source, self.task.value
        question = Question(task, self.own[task].parameters if task in self.own else None, self.map.parameters)
        request = LayerRequest(source, question, self.analysis.parameters, self._index(source))
        self._start(
            source,
            lambda run: computed_layer(request, run),
            lambda result: self._add(result, source),
            output_of(REQUESTS[task]).title,
        )
