"""One dock with the others as tabs, for small screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import Container

from napari_defocus.widgets.batch import BatchWidget
from napari_defocus.widgets.blur_map import BlurMapWidget
from napari_defocus.widgets.focus_mask import FocusMaskWidget
from napari_defocus.widgets.focus_over_z import FocusOverZWidget
from napari_defocus.widgets.restore import RestoreWidget
from napari_defocus.widgets.tables import FocusTableWidget

if TYPE_CHECKING:
    import napari.viewer

    from napari_defocus.widgets.base import DefocusWidget

__all__ = ["TabsWidget"]

_TABS = {
    "Map": BlurMapWidget,
    "Mask": FocusMaskWidget,
    "Restore": RestoreWidget,
    "Over z": FocusOverZWidget,
    "Table": FocusTableWidget,
    "Folder": BatchWidget,
}


class TabsWidget(Container):  # type: ignore[type-arg]
    """All docks in one, a tab for each; a tab is made when it is first looked at.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer

    Attributes
    ----------
    docks : dict of str to DefocusWidget
        Those that were looked at, by the names of their tabs.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        from qtpy.QtWidgets import QTabWidget, QWidget

        super().__init__(labels=False)
        self.margins = (0, 0, 0, 0)
        self._viewer = napari_viewer
        self.docks: dict[str, DefocusWidget] = {}
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("Defocus")
        for name in _TABS:
            self.tabs.addTab(QWidget(), name)
        self.native.layout().addWidget(self.tabs)
        self.tabs.currentChanged.connect(self._open)
        self.native_parent_changed.connect(self._on_parent)  # a closed dock sets its widget free
        self._open(0)

    def dock(self, name: str) -> DefocusWidget:
        """Show a tab, and return its dock."""
        self.tabs.setCurrentIndex(list(_TABS).index(name))
        return self.docks[name]

    def _open(self, place: int) -> None:
        name = list(_TABS)[place]
        if name in self.docks:
            return
        made = self.docks[name] = _TABS[name](self._viewer)
        empty = self.tabs.widget(place)
        before = self.tabs.blockSignals(True)
        self.tabs.removeTab(place)
        self.tabs.insertTab(place, made.native, name)
        self.tabs.setCurrentIndex(place)
        self.tabs.blockSignals(before)
        empty.deleteLater()

    def _on_parent(self, parent: object) -> None:
        if parent is None:
            self.shut_down()

    def shut_down(self) -> None:
        """Stop whatever runs in any tab."""
        for made in self.docks.values():
            made.shut_down()
