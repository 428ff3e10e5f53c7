"""The dock that measures the blur radius at every pixel, and how sure it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.types import FileDialogMode
from magicgui.widgets import ComboBox, FileEdit, Label

from defocus.errors import InputError
from defocus.parameters import MapParameters
from defocus.session import REQUESTS, Question
from napari_defocus.functions import computed_layer
from napari_defocus.layers.results import find_result, result_of
from napari_defocus.outputs import MEASUREMENTS, doubts, output_of
from napari_defocus.requests import LayerRequest
from napari_defocus.widgets.base import DefocusWidget
from napari_defocus.widgets.controls import ParameterControls
from napari_defocus.widgets.layout import AUTO, elide, labelled, stacked, unknown_choice, wrap

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from defocus.depth import DepthScale

__all__ = ["BlurMapWidget"]

_DEPTH = "depth"  # the choice of unit that is the distance from focus


class BlurMapWidget(DefocusWidget):
    """Adds a layer with the blur radius of the chosen picture, or another of the suite's maps.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.parameters = ParameterControls(MapParameters, without=("unknown",))
        self.unknown = unknown_choice()
        self.what = ComboBox(
            label="Show",
            choices=[(request.title, request.name) for request in MEASUREMENTS],
            tooltip="The blur radius, or how sure it is: the probability of being right to 0.3 px.",
        )
        self.unit = ComboBox(
            label="Unit",
            choices=self._units,
            tooltip="Of the radius: pixels of the picture, or the layer's own unit where it has one. Or, by a depth "
            "scale of the microscope, the distance from focus in µm, on either side.",
        )
        self.scale = FileEdit(
            mode=FileDialogMode.EXISTING_FILE,
            label="Depth scale",
            filter="*.json",
            tooltip="How many px of blur a µm of defocus makes: a file by defocus calibrate STACK --spacing UM.",
        )
        self._unit_row, self._scale_row = labelled(self.unit), labelled(self.scale)
        elide(self.unit)
        self.legend = Label(value="")
        self.run_button.text = "Measure blur"
        self._build(
            self.what,
            *self.parameters,
            self.unknown,
            self._unit_row,
            self._scale_row,
            afterwards=(stacked(self.legend),),
        )
        wrap(self.legend)
        self.unit.changed.connect(self._on_unit)
        self.what.changed.connect(self._show_rows)
        self._show_rows()

    def _units(self, _: object) -> list[tuple[str, str]]:
        layer = self.image.value
        unit = self.source.unit if layer is not None else None
        return [("px", "px"), *([(unit, "layer")] if unit else []), ("µm from focus", _DEPTH)]

    def _depth(self) -> DepthScale | None:
        """Return the depth scale, if one is asked for."""
        if self.unit.value != _DEPTH:
            return None
        from defocus.depth import DEPTH_FILE, load_depth_scale  # which loads more than a dock needs to open

        file = Path(str(self.scale.value))
        if file.suffix != DEPTH_FILE:
            raise InputError(f"choose a depth scale: a {DEPTH_FILE} file by defocus calibrate --spacing")
        return load_depth_scale(file)

    def _on_image(self, layer: Image | None) -> None:
        super()._on_image(layer)
        if hasattr(self, "unit"):
            self.unit.reset_choices()

    def _map_parameters(self) -> MapParameters:
        chosen: MapParameters = self.parameters.parameters
        return dataclasses.replace(chosen, unknown="nan" if self.unknown.value == "nan" else "drawn")

    def run(self) -> None:
        """Measure the chosen picture and show its map."""
        source = self.source
        known = REQUESTS[self.what.value]
        question = Question(known.name, self._map_parameters() if known.step == "map" else None)
        depth = self._depth() if known.result == "radius" else None
        unit = self.unit.value if known.result == "radius" and depth is None else "px"
        request = LayerRequest(
            source, question, self.analysis.parameters, self._index(source), unit=unit, depth=depth,
            sparing=known.result == "radius" and self.unknown.value == AUTO,
        )  # fmt: skip

        def done(result: Any) -> None:
            about = result[1]["metadata"]["defocus"]
            layer = find_result(self._viewer, source.layer_id, about["kind"], about["channel"])
            if layer is not None and known.result == "radius":  # the same colours must mean the same blur
                _show_in(layer, about)
            layer = self._add(result, source)
            if known.result == "radius":
                layer.contrast_limits_range = (0, max(layer.contrast_limits[1], about["maximum"]))
                self._explain(layer)
            self.status.value = doubts(about)

        self._start(source, lambda run: computed_layer(request, run), done, output_of(known).title)

    def _explain(self, layer: Image) -> None:
        low, high = layer.contrast_limits
        about = result_of(layer)
        meaning = ("in focus", "on either side") if "depth" in about else ("sharp", "disc radius")
        self.legend.value = f"Colours: {low:.3g} ({meaning[0]}) to {high:.3g} {about['unit']}, {meaning[1]}"

    def _show_rows(self) -> None:
        """Show what belongs to the chosen map: a unit to a radius, a scale to a depth."""
        radius = REQUESTS[self.what.value].result == "radius"
        self._unit_row.visible = radius
        self._scale_row.visible = radius and self.unit.value == _DEPTH

    def _on_unit(self, unit: str | None) -> None:
        """Show the map that is there in the other unit; nothing is measured anew. Depth is a layer of its own."""
        self._show_rows()
        if self.image.value is None or unit in (None, _DEPTH):
            return
        source = self.source
        channel = source.channel(self.current_index(source))
        layer = find_result(self._viewer, source.layer_id, "blur_map", channel)
        if layer is None:
            return
        factor = source.level_scale * (source.pixel_size if unit == "layer" else 1.0)
        _show_in(layer, {"px": factor, "unit": source.unit if unit == "layer" else "px"})
        self._explain(layer)


def _show_in(layer: Image, about: dict[str, Any]) -> None:
    """Rescale a map to the unit of `about`, contrast limits and name too."""
    before = result_of(layer)
    if "depth" in about:
        if about["depth"] != before["depth"]:  # a slice that is measured by another scale goes among the others
            from defocus.depth import DepthScale

            layer.data = DepthScale(**about["depth"]).defocus(DepthScale(**before["depth"]).radius(layer.data))
        return
    ratio = about["px"] / before["px"]
    if ratio == 1 and about["unit"] == before["unit"]:
        return
    low, high = layer.contrast_limits
    layer.data = layer.data * np.float32(ratio)
    layer.contrast_limits_range = (0, max(high * ratio, before["maximum"] * ratio))
    layer.contrast_limits = (low * ratio, high * ratio)
    name = before["name"].removesuffix(f"({before['unit']})") + f"({about['unit']})"
    if layer.name == before["name"]:
        layer.name = name
    changed = {"px": about["px"], "unit": about["unit"], "maximum": before["maximum"] * ratio, "name": name}
    layer.metadata = {**layer.metadata, "defocus": {**before, **changed}}
