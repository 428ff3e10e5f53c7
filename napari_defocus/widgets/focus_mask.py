"""The widget that tells what is in focus from what is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, ComboBox, Container, FileEdit, PushButton

from defocus.errors import InputError
from defocus.parameters import MaskParameters
from napari_defocus.functions import focus_mask_layer
from napari_defocus.layers.export import cut_out, save_mask
from napari_defocus.layers.hints import add_hint_layer
from napari_defocus.layers.results import find_result, is_result, upsert
from napari_defocus.widgets.base import DefocusWidget
from napari_defocus.widgets.controls import Choice, ParameterControls

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels, Layer

    from napari_defocus.layers.source import Source

__all__ = ["FocusMaskWidget"]

_KINDS = ("focus_mask", "focus_matte")


class FocusMaskWidget(DefocusWidget):
    """Adds a layer that marks what is in focus, and cuts it anew while its sliders move or hints are painted.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self._painted: Labels | None = None
        self._strokes: tuple[tuple[int, ...], object] = (), None  # of the slice that was looked at last
        self.parameters = ParameterControls(MaskParameters, sliders=("threshold", "edge_sensitivity"))
        self.hints = ComboBox(
            label="Hints",
            choices=self._hint_layers,
            nullable=True,
            tooltip="A labels layer painted by hand: 1 = in focus, 2 = not.",
        )
        self.add_hints = PushButton(text="Add hint layer", tooltip="Add an empty layer to paint hints on.")
        self.invert = CheckBox(text="Invert", tooltip="Mark what is not in focus instead.")
        self.live = CheckBox(
            value=True, text="Live", tooltip="Cut the mask anew while a slider moves or a hint is painted."
        )
        self.apply_alpha = PushButton(
            text="Apply as alpha", tooltip="Add a copy of the picture with the mask as its opacity."
        )
        self.file = FileEdit(
            mode=FileDialogMode.OPTIONAL_FILE,
            label="File",
            filter="*.png *.tif",
            tooltip="Where to write the mask: .png or .tif.",
        )
        self.export = PushButton(text="Export mask", tooltip="Write the mask to the file above.")
        self.run_button.text = "Find in-focus area"
        switches = Container(widgets=[self.invert, self.live], layout="horizontal", labels=False)
        switches.margins = (0, 0, 0, 0)
        self._build(*self.parameters, self.hints, self.add_hints, switches, self.apply_alpha, self.file, self.export)
        self.parameters.changed.connect(self._recut)
        self.invert.changed.connect(self._recut)
        self.hints.changed.connect(self._on_hints)
        self.add_hints.changed.connect(self._on_add_hints)
        self.apply_alpha.changed.connect(self._on_apply_alpha)
        self.export.changed.connect(self._on_export)

    # ---- the mask

    def run(self) -> None:
        """Measure the chosen picture and show its mask."""
        self._cut(self._index(self.source))

    def _cut(self, index: tuple[int, ...] | None) -> None:
        source = self.source
        parameters, analysis = self.parameters.parameters, self.analysis.parameters
        hints = None if self.hints.value is None else self.hints.value.data
        invert = self.invert.value
        self._start(
            lambda progress, token: focus_mask_layer(
                source,
                parameters,
                analysis=analysis,
                hints=hints,
                invert=invert,
                index=index,
                engine=self._engine,
                progress=progress,
                token=token,
            ),
            lambda result: self._show(result, source),
            f"focus of {source.name}",
        )

    def _show(self, result: Any, source: Source) -> None:
        about = result[1]["metadata"]["defocus"]
        other = find_result(self._viewer, source.layer_id, _KINDS[about["kind"] == _KINDS[0]])
        if other is not None:
            other.visible = False  # out of date, but the user's to delete
        upsert(self._viewer, result, source).visible = True
        threshold = self.parameters.controls["threshold"]
        assert isinstance(threshold, Choice)
        threshold.limit(max(about["maximum"], 1.0))
        if threshold.automatic.value:
            threshold.suggest(about["threshold"])

    @property
    def mask(self) -> Layer | None:
        """The layer with the chosen picture's mask: of hard mask and matte the one that is shown."""
        if self.image.value is None:
            return None
        found = [find_result(self._viewer, str(self.image.value.unique_id), kind) for kind in _KINDS]
        layers = [layer for layer in found if layer is not None]
        return next((layer for layer in layers if layer.visible), layers[0] if layers else None)

    def _recut(self, _: object = None) -> None:
        """Cut the mask of the current slice anew from the analysis that is held, or note to do so next."""
        if not self.live.value or self.mask is None:
            return
        if self.running:
            self._again = self._recut
            return
        with self._complaining():
            self._cut(self.current_index(self.source))

    # ---- hints

    def _hint_layers(self, _: object) -> list[Labels]:
        from napari.layers import Labels

        return [one for one in self._viewer.layers if isinstance(one, Labels) and not is_result(one)]

    def _on_hints(self, layer: Labels | None) -> None:
        self._forget_hints()
        self._painted = layer
        if self.image.value is not None:  # a layer that is painted on already must tell at once
            self._strokes = self.current_index(self.source), self._strokes[1]
        if layer is not None:
            for event in _hint_events(layer):
                event.connect(self._on_paint)
        self._on_paint()

    def _on_paint(self, _: object = None) -> None:
        """Cut anew if the strokes on the current slice are others than before; napari tells of much besides."""
        if self.image.value is None or self._closed:
            return
        source = self.source
        index = self.current_index(source)
        strokes: object = None
        if self._painted is not None and self._painted.data.shape == source.shape:
            plane = np.asarray(self._painted.data[index])
            strokes = plane.tobytes() if plane.any() else None
        (known_index, known), self._strokes = self._strokes, (index, strokes)
        if strokes != known and index in (known_index, ()):  # going to another slice starts nothing
            self._recut()

    def _forget_hints(self) -> None:
        if self._painted is not None:
            for event in _hint_events(self._painted):
                event.disconnect(self._on_paint)
            self._painted = None

    def _on_add_hints(self) -> None:
        with self._complaining():
            layer = add_hint_layer(self._viewer, self.source)
            self.hints.reset_choices()
            self.hints.value = layer

    # ---- what to do with it

    def _made_mask(self) -> Layer:
        layer = self.mask
        if layer is None:
            raise InputError("there is no mask of this picture yet: find its in-focus area first")
        return layer

    def _on_apply_alpha(self) -> None:
        with self._complaining():
            source = self.source
            upsert(self._viewer, cut_out(source, self._made_mask()), source)

    def _on_export(self) -> None:
        with self._complaining():
            layer = self._made_mask()
            file = Path(str(self.file.value))
            save_mask(layer, file)
            self.status.value = f"wrote {file.name}"

    def shut_down(self) -> None:
        """Stop whatever runs; see the base class."""
        self._forget_hints()
        super().shut_down()


def _hint_events(layer: Labels) -> tuple[Any, ...]:
    """Return the events that tell of strokes; of undo and redo napari tells as of any new view of the data."""
    return layer.events.paint, layer.events.labels_update, layer.events.set_data
