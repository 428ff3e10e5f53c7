"""The dock that tells how sharp labelled parts are, or the planes of a stack, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import ComboBox, Label, Table

from defocus.errors import InputError
from defocus.measures import write_table
from defocus.parameters import MaskParameters, describe
from napari_defocus.layers.hints import is_hints
from napari_defocus.layers.results import is_result
from napari_defocus.tables import TableRequest, computed_table
from napari_defocus.widgets.base import DefocusWidget
from napari_defocus.widgets.controls import Choice
from napari_defocus.widgets.layout import labelled, stacked, wrap

if TYPE_CHECKING:
    from pathlib import Path

    import napari.viewer
    from napari.layers import Image, Labels, Layer

__all__ = ["FocusTableWidget"]

_PLANES = "every plane"
_HEIGHT = 220  # px
_SHOWN = {
    "label": "label",
    "verdict": "verdict",
    "outlier": "unlike others",
    "median_radius_px": "radius (px)",
    "in_focus_share": "in focus",
    "threshold_px": "up to (px)",
    "known_share": "known",
    "confidence": "confidence",
    "pixels": "pixels",
}
"""Columns in the order in which they are shown, after those that tell which plane it is, and what they are called."""
_THRESHOLD = next(control for control in describe(MaskParameters) if control.name == "threshold")


class FocusTableWidget(DefocusWidget):
    """Shows a table of the labelled parts of the chosen picture, or of all its planes, and writes it as CSV.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer

    Attributes
    ----------
    table : dict of str to array
        The last one.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        from qtpy.QtWidgets import QStyledItemDelegate

        super().__init__(napari_viewer)
        self.table: dict[str, Any] = {}
        self._within: Labels | None = None
        self._axes = 0  # columns that say which plane it is
        self.rows = ComboBox(
            label="A row for",
            choices=self._parts,
            tooltip="Each label of a labels layer, in the plane that you see, or every plane of a stack.",
        )
        self.threshold = Choice(_THRESHOLD)
        self.view = Table(tooltip="A click on a row chooses the label, or goes to the plane.")
        self.view.native.setAccessibleName("Table of focus")
        self.view.read_only = True
        self._cells = QStyledItemDelegate()  # shows cells as they are written; Qt keeps none alive
        self.view.native.setItemDelegate(self._cells)
        self.summary = Label(value="", tooltip="What the table says in one line.")
        self.run_button.text = "Measure"
        self.saving.write_with(lambda _, file: self._write(file))
        self._build(self.rows, labelled(self.threshold), afterwards=(stacked(self.summary),))
        wrap(self.summary)
        self.back.visible = False
        layout = self._panel.native.layout()
        self.view.native.setMinimumHeight(_HEIGHT)
        layout.insertWidget(layout.count() - 5, self.view.native)
        self.view.native.cellClicked.connect(self._on_row)

    def _parts(self, _: object) -> list[tuple[str, Any]]:
        from napari.layers import Labels

        shape = self.image.value.data.shape if self.image.value is not None else ()
        found = [
            (f"label of {layer.name}", layer)
            for layer in self._viewer.layers
            if isinstance(layer, Labels) and not is_hints(layer) and not is_result(layer)
        ]
        return [*found, *([(_PLANES, _PLANES)] if len(shape) > 2 else [])]

    def _on_image(self, layer: Image | None) -> None:
        super()._on_image(layer)
        self._planes_row.visible = False
        if hasattr(self, "rows"):
            self.rows.reset_choices()

    def run(self) -> None:
        """Measure, and show the table."""
        source, within = self.source, self.rows.value
        if within is None:
            raise InputError("add a labels layer of the parts to be measured, or choose a stack")
        labels: Any = None
        index: tuple[int, ...] = ()
        if within != _PLANES:
            index = self.current_index(source)
            labels = np.asarray(within.data)
            if labels.ndim > 2:
                labels = labels[index] if labels.shape == source.shape else labels
        request = TableRequest(source, labels, index, self.threshold.value, self.analysis.parameters)

        def done(table: Any) -> None:
            self.table, self._last = table, {**request.about, "name": f"table of {source.name}"}
            self._within = None if within == _PLANES else within
            self._axes = len(source.stack_shape) if within == _PLANES else 0
            self._show(table)
            self.saving.suggest_name(f"{source.name}_focus.csv")

        self._start(source, lambda run: computed_table(request, run), done, "table")

    def _show(self, table: dict[str, Any]) -> None:
        first = [name for name in table if name not in _SHOWN]  # which plane it is
        names = [*first, *(name for name in _SHOWN if name in table)]
        columns = [[_shown(name, value) for value in table[name].tolist()] for name in names]
        rows = [list(row) for row in zip(*columns, strict=True)]
        self.view.value = {
            "data": rows,
            "columns": [_SHOWN.get(name, name) for name in names],
            "index": range(len(rows)),
        }
        for place, name in enumerate(names):
            self.view.native.horizontalHeaderItem(place).setToolTip(name.replace("_", " "))
        self.view.native.verticalHeader().setVisible(False)
        self.view.native.resizeColumnsToContents()
        if self._within is not None:
            features = {"index": table["label"], **{name: one for name, one in table.items() if name != "label"}}
            self._within.features = features  # shown under the pointer, and taken by other plugins
            sharp = int(np.sum(table["verdict"] == "in focus"))
            unknown = int(np.sum(table["verdict"] == "unknown"))
            self.summary.value = f"{sharp} of {len(rows)} parts in focus, {unknown} unknown"
        else:
            self.summary.value = f"{len(rows)} planes, {int(np.sum(table['outlier']))} unlike the others"

    def _on_row(self, row: int, _: int = 0) -> None:
        """Choose the label of a row, or go to its plane."""
        if self._within is not None:
            if self._within in self._viewer.layers:
                self._within.selected_label = int(self.table["label"][row])
                self._within.show_selected_label = False
            return
        source = self.source
        index = [int(column[row]) for column in list(self.table.values())[: self._axes]]
        point = source.affine(source.transform([*index, 0, 0]))
        first = self._viewer.dims.ndim - source.ndim
        for place in range(len(index)):
            self._viewer.dims.set_point(first + place, float(point[place]))

    def _made(self) -> Layer:
        if not self.table:
            raise InputError("there is no table yet to be written")
        return self.image.value

    def _write(self, file: Path) -> None:
        if file.suffix.lower() != ".csv":
            raise InputError(f"{file.name or 'the file'}: a table is written as .csv")
        write_table(file, self.table, overwrite=True)


def _shown(name: str, value: Any) -> Any:
    """Return a cell as it is read: shares in percent, nothing where nothing is known."""
    if isinstance(value, float):
        if np.isnan(value):
            return ""
        return f"{value:.0%}" if name.endswith("_share") or name == "confidence" else f"{value:.2f}"
    return ("yes" if value else "") if isinstance(value, bool) else value
