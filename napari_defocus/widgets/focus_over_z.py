"""The widget that follows the focus through a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, FloatSlider, Label, PushButton

from defocus.parameters import MapParameters
from napari_defocus.focus_over_z import focus_over_z_layers
from napari_defocus.layers.results import find_result, result_of, upsert
from napari_defocus.layers.source import Source
from napari_defocus.widgets.base import DefocusWidget
from napari_defocus.widgets.controls import ParameterControls
from napari_defocus.widgets.plot import FocusPlot

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from defocus.effects.focus_stack import FocusCurve

__all__ = ["FocusOverZWidget"]


class FocusOverZWidget(DefocusWidget):
    """Plots how much of each slice is in focus, and adds the all-in-focus composite and its height map.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.curve: FocusCurve | None = None
        self._plotted: Source | None = None
        self.axis = ComboBox(label="Axis", choices=self._axes, tooltip="Along which the focus changes.")
        self.threshold = FloatSlider(
            label="In focus up to (px)", value=2.0, min=0.1, max=8.0, step=0.1,
            tooltip="Pixels with at most this blur radius count as in focus.",
        )  # fmt: skip
        self.keep_maps = CheckBox(text="Keep the maps", tooltip="Add the blur map of every slice as well.")
        self.parameters = ParameterControls(MapParameters)
        self.sharpest = Label(label="Sharpest slice", value="")
        self.go = PushButton(text="Go to the sharpest slice", enabled=False)
        self.run_button.text = "Measure stack"
        self._build(self.axis, self.threshold, self.keep_maps, *self.parameters, self.sharpest, self.go)
        self.planes.visible = False
        self.plot = FocusPlot(self.go_to)
        self.native.layout().addWidget(self.plot.native)
        self.go.changed.connect(self._on_go)

    def _pictures(self, widget: object) -> list[Image]:
        return [layer for layer in super()._pictures(widget) if layer.ndim > 2]

    def _axes(self, _: object) -> list[tuple[str, int]]:
        layer = self.image.value
        if layer is None:
            return []
        return [
            (f"{name} ({size} slices)", place - layer.ndim)
            for place, (name, size) in enumerate(
                zip(layer.axis_labels[:-2], Source.from_layer(layer).stack_shape, strict=True)
            )
        ][::-1]

    def _on_image(self, layer: Image | None) -> None:
        super()._on_image(layer)
        self.planes.visible = False
        if hasattr(self, "axis"):
            self.axis.reset_choices()

    def run(self) -> None:
        """Measure every slice and show what they say together."""
        source = self.source
        axis = int(self.axis.value)
        arguments: dict[str, Any] = {
            "axis": axis,
            "index": self.current_index(source),
            "threshold": self.threshold.value,
            "parameters": self.parameters.parameters,
            "analysis": self.analysis.parameters,
            "keep_maps": self.keep_maps.value,
            "engine": self._engine,
        }

        def done(results: Any) -> None:
            for result in results:
                upsert(self._viewer, result, source)
            heights = find_result(self._viewer, source.layer_id, "height_map")
            assert heights is not None
            if hasattr(heights, "colorbar"):  # napari 0.6 and later
                heights.colorbar.visible = True
            curve = self.curve = result_of(heights)["curve"]
            self._plotted, self._axis = source, axis
            self.plot.show(curve)
            self.sharpest.value = f"{curve.sharpest} ({curve.in_focus_share[curve.sharpest]:.0%} in focus)"
            self.go.enabled = True

        self._start(
            lambda progress, token: focus_over_z_layers(source, progress=progress, token=token, **arguments),
            done,
            f"focus over z: {source.name}",
        )

    def _on_go(self) -> None:
        if self.curve is not None:
            self.go_to(self.curve.sharpest)

    def go_to(self, z: int) -> None:
        """Move the viewer to a slice of the measured stack."""
        source = self._plotted
        if source is None:
            return
        index = [*self.current_index(source), 0, 0]
        index[source.ndim + self._axis] = z
        point = source.affine(source.transform(index))
        first = self._viewer.dims.ndim - source.ndim
        for place in range(len(source.stack_shape)):
            self._viewer.dims.set_point(first + place, float(point[place]))
