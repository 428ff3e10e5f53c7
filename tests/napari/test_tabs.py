"""All docks in one, a tab for each."""

from __future__ import annotations


def test_tabs_are_docks_that_share_a_worker(make_napari_viewer, qtbot, scene, finish):
    from napari_defocus.widgets.engines import open_widgets

    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(scene[0], name="scene")
    dock, tabs = viewer.window.add_plugin_dock_widget("napari-defocus", "All in tabs")
    assert list(tabs.docks) == ["Map"]  # others are made when they are looked at
    for field, value in {"window": 21, "spacing": 4}.items():
        tabs.docks["Map"].analysis.controls[field].value = value
    tabs.docks["Map"].run_button.native.click()
    finish(tabs.docks["Map"])
    assert "scene blur radius (px)" in viewer.layers
    mask = tabs.dock("Mask")
    assert tabs.tabs.currentWidget() is mask.native
    assert mask._engine is tabs.docks["Map"]._engine
    assert mask.analysis.controls["window"].value == 21  # what gave a result is kept
    mask.run_button.native.click()
    finish(mask)
    assert "scene in focus" in viewer.layers
    for name in ("Restore", "Over z", "Table", "Folder", "Map"):
        tabs.dock(name)
        qtbot.wait(20)
        assert dock.width() <= 400
    assert viewer.window._qt_window.height() <= 768
    assert len(open_widgets()) == 6
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: not open_widgets(), timeout=10_000)
