"""The dock that tells what is in focus from what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, PushButton

from defocus.errors import InputError
from defocus.parameters import MaskParameters
from defocus.session import Question
from napari_defocus.functions import computed_layer
from napari_defocus.layers.export import cut_out
from napari_defocus.layers.hints import add_hint_layer, is_hints
from napari_defocus.layers.results import find_result, result_of, upsert
from napari_defocus.outputs import doubts
from napari_defocus.requests import LayerRequest
from napari_defocus.widgets.base import DefocusWidget
from napari_defocus.widgets.controls import Choice, ParameterControls
from napari_defocus.widgets.layout import row, shortcut

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image, Labels, Layer

    from napari_defocus.layers.source import Source
    from napari_defocus.requests import Run

__all__ = ["FocusMaskWidget"]

_KINDS = ("focus_mask", "focus_matte")
_NOTHING = 0.001  # a mask with less of the picture is called empty


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
        self.parameters = ParameterControls(MaskParameters, sliders=("threshold",))
        self.hints = ComboBox(
            label="Hints",
            choices=self._hint_layers,
            nullable=True,
            tooltip="A layer made by Add hint layer and painted on: 1 = in focus, 2 = not.",
        )
        self.add_hints = PushButton(text="Add hint layer", tooltip="Add an empty layer to paint hints on.")
        shortcut(self, self.add_hints, "Ctrl+Shift+H")
        self.invert = CheckBox(text="Invert", tooltip="Mark what is not in focus instead.")
        self.each = CheckBox(
            text="A threshold for each slice",
            tooltip="Of all slices: let auto find it anew for each. One for all leaves slices empty that are sharp for "
            "themselves.",
        )
        self.live = CheckBox(
            value=True, text="Live", tooltip="Cut the mask anew while a slider moves or a hint is painted."
        )
        self.apply_alpha = PushButton(
            text="Apply as alpha", tooltip="Add a copy of the picture with the mask as its opacity."
        )
        self.run_button.text = "Find in-focus area"
        self._build(
            *self.parameters,
            self.hints,
            self.add_hints,
            row(self.invert, self.live),
            self.each,
            afterwards=(self.apply_alpha,),
        )
        self.parameters.changed.connect(self._recut)
        self.invert.changed.connect(self._recut)
        self.hints.changed.connect(self._on_hints)
        self.add_hints.changed.connect(self._on_add_hints)
        self.apply_alpha.changed.connect(self._on_apply_alpha)

    # ---- the mask

    def _on_image(self, layer: Image | None) -> None:
        super()._on_image(layer)
        self.each.visible = layer is not None and layer.ndim > 2
        threshold = self.parameters.controls["threshold"]
        if threshold.automatic.value:
            threshold.forget()

    def run(self) -> None:
        """Measure the chosen picture and show its mask."""
        self._cut(self._index(self.source))

    def _cut(self, index: tuple[int, ...] | None, *, again: bool = False) -> None:
        """Cut the mask of a slice, or of all; `again` from pixels that nobody needs to look at."""
        source = self.source
        request = LayerRequest(
            source,
            Question("focus_mask", self.parameters.parameters),
            self.analysis.parameters,
            index,
            None if self.hints.value is None else np.asarray(self.hints.value.data),
            inverted=self.invert.value,
            each=self.each.value,
            unchanged=again,
        )

        def work(run: Run) -> Any:
            return computed_layer(request, run)

        self._start(source, work, lambda result: self._show(result, source), "focus", quick=again)

    def _show(self, result: Any, source: Source) -> None:
        about = result[1]["metadata"]["defocus"]
        other = find_result(self._viewer, source.layer_id, _KINDS[about["kind"] == _KINDS[0]], about["channel"])
        if other is not None and other.visible:
            other.visible = False  # out of date, but the user's to delete
        if find_result(self._viewer, source.layer_id, about["kind"], about["channel"]) is None:
            hidden = find_result(self._viewer, source.layer_id, "blur_map", about["channel"])
            if hidden is not None:  # a mask is seen on its picture
                hidden.visible = False
        layer = self._add(result, source)
        if not layer.visible:  # napari draws a layer anew even if nothing changes
            layer.visible = True
        threshold = self.parameters.controls["threshold"]
        assert isinstance(threshold, Choice)
        threshold.limit(max(about["maximum"], 1.0))
        if threshold.automatic.value:
            threshold.suggest(about["threshold"])
        self.status.value = self._remark(about, source, result_of(layer))

    def _remark(self, made: dict[str, Any], source: Source, shown: dict[str, Any]) -> str:
        """Return what a person should know of the mask, in one line."""
        if made["known_share"] == 0:
            return doubts(made)
        share, marked = made["share"], "out of focus" if made["inverted"] else "in focus"
        if share <= _NOTHING:
            return f"The mask is empty: nothing is {marked} at {made['threshold']:.2g} px."
        empty = made.get("empty_slices", 0)
        if empty and not made["each"] and not made["inverted"]:
            return f"{empty} slices are empty at one threshold for all; tick {self.each.text!r} to find it for each."
        if share >= 1 - _NOTHING:
            return f"The mask is full: everything is {marked} at {made['threshold']:.2g} px."
        if made["index"] and shown["index"] is None:
            return f"Cut in this slice only; {self.run_button.text} cuts all of them."
        return ""

    @property
    def mask(self) -> Layer | None:
        """The layer with the chosen picture's mask: of hard mask and matte the one that is shown."""
        if self.image.value is None:
            return None
        source = self.source
        channel = source.channel(self.current_index(source))
        found = [find_result(self._viewer, source.layer_id, kind, channel) for kind in _KINDS]
        layers = [layer for layer in found if layer is not None]
        return next((layer for layer in layers if layer.visible), layers[0] if layers else None)

    def _recut(self, _: object = None) -> None:
        """Cut the mask of the current slice anew from the analysis that is held, as soon as nothing runs."""
        if self.live.value and self.mask is not None:
            self._soon(lambda: self._cut(self.current_index(self.source), again=True))

    # ---- hints

    def _hint_layers(self, _: object) -> list[Labels]:
        from napari.layers import Labels

        return [one for one in self._viewer.layers if isinstance(one, Labels) and is_hints(one)]

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

    def _made(self) -> Layer:
        layer = self.mask
        if layer is None:
            raise InputError("there is no mask of this picture yet: find its in-focus area first")
        return layer

    def _on_apply_alpha(self) -> None:
        with self._complaining():
            source = self.source
            upsert(self._viewer, cut_out(source, self._made()), source)
            self.image.value.visible = False  # else nothing is seen of it through what was cut out

    def shut_down(self) -> None:
        """Stop whatever runs; see the base class."""
        self._forget_hints()
        super().shut_down()


def _hint_events(layer: Labels) -> tuple[Any, ...]:
    """Return the events that tell of strokes; of undo and redo napari tells as of any new view of the data."""
    return layer.events.paint, layer.events.labels_update, layer.events.set_data
