"""The dock that follows the focus through a stack."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Label, PushButton, SpinBox

from defocus.errors import InputError
from defocus.measures import write_table
from defocus.parameters import MapParameters
from defocus.stack import curve_table
from napari_defocus.focus_over_z import THRESHOLD, StackRequest, computed_stack
from napari_defocus.layers.export import file_name, save_result
from napari_defocus.layers.results import result_of
from napari_defocus.layers.source import CHANNEL_LABELS, Source
from napari_defocus.over_time import TimeRequest, computed_times, time_axes
from napari_defocus.widgets.base import DefocusWidget
from napari_defocus.widgets.controls import ParameterControls, number_control
from napari_defocus.widgets.layout import AUTO, labelled, row, unknown_choice
from napari_defocus.widgets.plot import FocusPlot

if TYPE_CHECKING:
    from pathlib import Path

    import napari.viewer
    from napari.layers import Image

    from defocus.effects.focus_stack import FocusCurve
    from defocus.measures import Table

__all__ = ["FocusOverZWidget"]

_CURVE = "curve"
_TIMES = "sharpest_over_time"
_ABOVE = 2  # rows of the dock above the plot
_NEEDS = (
    "This needs a stack: an image layer with three axes or more, whose focus moves along one of them. "
    "File > Open Sample > Defocus has one."
)


class FocusOverZWidget(DefocusWidget):
    """Plots how much of each slice is in focus, and adds the all-in-focus composite and its height map.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.saving.write_with(self._write)
        self.curve: FocusCurve | None = None
        self.times: Table | None = None
        self._plotted: Source | None = None
        self._time = 0  # the axis of what is plotted over time
        self.axis = ComboBox(label="Axis", choices=self._axes, tooltip="Along which the focus changes.")
        self.threshold = number_control(THRESHOLD, slider=True)
        self.over_time = CheckBox(
            text="Follow focus over time",
            tooltip="In place of heights: find the sharpest slice of each time, measure it by a threshold of its own, "
            "and add those slices of all channels as a layer.",
        )
        self.keep_maps = CheckBox(text="Keep the maps", tooltip="Add the blur map of every slice as well.")
        self.in_units = CheckBox(text="Height in the layer's unit", tooltip="Instead of slices, along the axis.")
        self.surface = CheckBox(
            text="Add a surface", tooltip="The height as a surface, to be seen in three dimensions."
        )
        self.all_channels = CheckBox(
            text="Composite of all channels", tooltip="Of every channel, by the focus of the one that you see."
        )
        self.around = SpinBox(
            label="Sharpest slices, each side",
            value=0,
            min=0,
            max=1000,
            tooltip="Add the sharpest slice and so many before and after it as a layer; 0 adds none.",
        )
        self.what = ComboBox(
            label="To be written",
            choices=self._results,
            tooltip="Which of the results Export writes.",
        )
        self.parameters = ParameterControls(MapParameters, without=("unknown",))
        self.unknown = unknown_choice()
        self.sharpest = Label(label="Sharpest slice", value="")
        self.go = PushButton(
            text="Go to the sharpest slice", enabled=False, tooltip="Show it, as a click on the plot shows any."
        )
        self.run_button.text = "Measure stack"
        self.plot = FocusPlot(self.go_to)
        self._threshold_row, self._around_row = labelled(self.threshold), labelled(self.around)
        self._sharpest_row = labelled(self.sharpest)
        self._extras, self._unknown_row = row(self.keep_maps, self.surface), labelled(self.unknown)
        self._build(
            self.axis,
            self.over_time,
            self._threshold_row,
            self._extras,
            self.in_units,
            self.all_channels,
            self._around_row,
            *self.parameters,
            self._unknown_row,
            afterwards=(self._sharpest_row, self.go, labelled(self.what)),
        )
        layout = self._panel.native.layout()
        layout.insertWidget(_ABOVE, self.plot.native)  # seen without scrolling
        self.plot.native.setVisible(False)  # until there is something to be seen
        self._shown_layers: dict[str, str] = {}
        self.axis.changed.connect(self._show_what_applies)
        self.over_time.changed.connect(self._show_what_applies)
        self._show_what_applies()
        self.what.changed.connect(self._on_what)
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
        self._planes_row.visible = False
        if hasattr(self, "axis"):
            self.axis.reset_choices()
            self._show_what_applies()
        if layer is None:
            self.status.value = _NEEDS
        elif self.status.value == _NEEDS:
            self.status.value = ""

    def _show_what_applies(self, _: object = None) -> None:
        """Show what can be asked of this layer along this axis."""
        if self.image.value is None or self.axis.value is None:
            self.over_time.visible = False
            return
        source, axis = self.source, int(self.axis.value)
        self.over_time.visible = bool(time_axes(source, axis))
        heights = not self._follows
        has_unit = str(source.units[source.ndim + axis]) not in ("pixel", "dimensionless", "")
        self.in_units.value = self.in_units.value and has_unit
        labels = [label.lower() for label in source.axis_labels[:-2]]
        self.in_units.visible = heights and has_unit
        self.all_channels.visible = heights and any(label in CHANNEL_LABELS for label in labels)
        self.keep_maps.enabled = self.surface.enabled = source.ndim == 3
        for one in (
            self._threshold_row,
            self._extras,
            self._around_row,
            self._unknown_row,
            self._sharpest_row,
            self.go,
        ):
            one.visible = heights
        self.parameters.visible = heights

    @property
    def _follows(self) -> bool:
        """Whether focus over time is asked for, and there is one."""
        return bool(self.over_time.value and time_axes(self.source, int(self.axis.value)))

    def _results(self, _: object) -> list[tuple[str, str]]:
        if self.times is not None:
            return [("sharpest slices", _TIMES), ("focus over time (CSV)", _CURVE)]
        return [("height map", "height_map"), ("composite", "composite"), ("curve (CSV)", _CURVE)]

    def run(self) -> None:
        """Measure every slice and show what they say together, or follow the focus over time."""
        source = self.source
        axis = int(self.axis.value)
        if self._follows:
            self._run_over_time(source, axis)
            return
        request = StackRequest(
            source,
            axis,
            self.current_index(source),
            self.threshold.value,
            self.keep_maps.value,
            "layer" if self.in_units.value else "slice",
            self.surface.value,
            dataclasses.replace(self.parameters.parameters, unknown="nan" if self.unknown.value == "nan" else "drawn"),
            self.analysis.parameters,
            sparing=self.unknown.value == AUTO,
            all_channels=self.all_channels.value,
            around=self.around.value,
        )

        def done(results: Any) -> None:
            for result in results:
                heights = self._add(result, source)
                self._shown_layers[result_of(heights)["kind"]] = str(heights.unique_id)
            if hasattr(heights, "colorbar"):  # napari 0.6 and later
                heights.colorbar.visible = True
            curve = self.curve = result_of(heights)["curve"]
            self._plotted, self._axis = source, axis
            self.plot.native.setVisible(True)
            self.plot.show(curve)
            self.times = None
            self.what.reset_choices()
            self._on_what()
            self.sharpest.value = (
                "none" if curve.sharpest is None else f"{curve.sharpest} ({curve.confidence:.0%} sure)"
            )
            self.go.enabled = curve.sharpest is not None
            self.status.value = curve.verdict[0].upper() + curve.verdict[1:]

        self._start(source, lambda run: computed_stack(request, run), done, "focus over z")

    def _run_over_time(self, source: Source, axis: int) -> None:
        time = time_axes(source, axis)[0]
        request = TimeRequest(source, axis, time, self.current_index(source), self.analysis.parameters)

        def done(result: Any) -> None:
            layer = self._add(result, source)
            self._shown_layers[_TIMES] = str(layer.unique_id)
            self.times, self.curve = result_of(layer)["table"], None
            self._plotted, self._axis, self._time = source, axis, time
            self.plot.native.setVisible(True)
            self.plot.show_times(self.times)
            self.what.reset_choices()
            self._on_what()
            words = result_of(layer)["verdict"]
            self.sharpest.value = ""
            self.go.enabled = False
            self.status.value = words[0].upper() + words[1:]

        self._start(source, lambda run: computed_times(request, run), done, "focus over time")

    def _made_identity(self) -> str | None:
        curve_of = "height_map" if self.times is None else _TIMES
        return self._shown_layers.get(curve_of if self.what.value == _CURVE else self.what.value)

    def _write(self, layer: Any, file: Path) -> None:
        if self.what.value != _CURVE:
            save_result(layer, file)
            return
        if file.suffix.lower() != ".csv":
            raise InputError(f"{file.name or 'the file'}: a curve is written as .csv")
        table = curve_table(result_of(layer)["curve"]) if self.times is None else self.times
        write_table(file, table, overwrite=True)

    def _on_what(self, _: object = None) -> None:
        """Name the file after what is to be written, and let that be copied."""
        try:
            layer = self._made()
        except InputError:
            return
        self._last = result_of(layer)
        name = file_name(layer)
        self.saving.suggest_name(name.partition(".")[0] + "_curve.csv" if self.what.value == _CURVE else name)

    def _on_go(self) -> None:
        if self.curve is not None and self.curve.sharpest is not None:
            self.go_to(self.curve.sharpest)

    def go_to(self, place: int) -> None:
        """Move the viewer to a slice of the measured stack, or to a time and the slice that is sharpest then."""
        source = self._plotted
        if source is None:
            return
        index = [*self.current_index(source), 0, 0]
        if self.times is None:
            index[source.ndim + self._axis] = place
        else:
            index[source.ndim + self._time] = place
            index[source.ndim + self._axis] = max(0, int(self.times["sharpest"][place]))
        point = source.affine(source.transform(index))
        first = self._viewer.dims.ndim - source.ndim
        for place in range(len(source.stack_shape)):
            self._viewer.dims.set_point(first + place, float(point[place]))
