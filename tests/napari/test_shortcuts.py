"""Keys that press buttons while the keyboard is in a dock."""

import numpy as np
import pytest

DOCKS = ("Blur map", "In-focus mask", "Restore or magnify", "Focus over z")


@pytest.fixture
def shown(make_napari_viewer, qtbot):
    """A window on the screen, in front, with a picture; its docks are shut down in the end."""
    from napari_defocus.widgets.engines import open_widgets

    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.random.default_rng(0).random((90, 110)), name="picture")
    viewer.window._qt_window.activateWindow()
    qtbot.waitUntil(viewer.window._qt_window.isActiveWindow)
    yield viewer
    for widget in open_widgets():
        widget.shut_down()


@pytest.fixture
def press_keys(qtbot):
    """Press a key and modifiers where the keyboard is."""
    from qtpy.QtCore import Qt

    def press(control, key, *modifiers):
        native = control.native
        native.setFocus()
        qtbot.waitUntil(native.hasFocus)
        qtbot.wait(50)
        held = Qt.KeyboardModifier.NoModifier
        for modifier in modifiers:
            held |= getattr(Qt.KeyboardModifier, f"{modifier}Modifier")
        qtbot.keyClick(native, getattr(Qt.Key, f"Key_{key}"), held)

    return press


def test_keys_run_cancel_and_add_hints_in_the_dock_that_has_the_keyboard(shown, qtbot, finish, press_keys):
    blur, mask = (shown.window.add_plugin_dock_widget("napari-defocus", name)[1] for name in DOCKS[:2])
    qtbot.wait(100)
    press_keys(blur.what, "Return", "Control")
    assert blur.running
    assert not mask.running  # the same keys, another dock
    press_keys(blur.what, "Period", "Control")
    finish(blur)
    assert blur.status.value == "cancelled"
    press_keys(blur.parameters.controls["smoothness"], "Enter", "Control")
    assert blur.running
    blur.cancel()
    finish(blur)
    press_keys(blur.what, "H", "Control", "Shift")
    assert "picture focus hints" not in shown.layers
    press_keys(mask.hints, "H", "Control", "Shift")
    assert "picture focus hints" in shown.layers


def test_keys_stand_in_the_tooltips_and_are_none_of_naparis(shown):
    from napari.utils.shortcuts import default_shortcuts
    from qtpy.QtGui import QKeySequence

    def walk(menu):
        for action in menu.actions():
            yield action
            if action.menu() is not None:
                action.menu().aboutToShow.emit()
                yield from walk(action.menu())

    taken = {QKeySequence(str(keys)).toString() for bound in default_shortcuts.values() for keys in bound}
    menus = walk(shown.window._qt_window.menuBar())
    taken |= {keys.toString() for action in menus for keys in action.shortcuts()}
    assert taken >= {"Ctrl+G", "Ctrl+O"}  # one of either
    for name in DOCKS:
        widget = shown.window.add_plugin_dock_widget("napari-defocus", name)[1]
        ours = {keys.toString() for action in widget.native.actions() for keys in action.shortcuts()}
        assert ours >= {"Ctrl+Return", "Ctrl+."}
        assert not ours & taken
        assert widget.run_button.tooltip.endswith("(Ctrl+Return)")
        assert widget.cancel_button.native.toolTip().endswith("(Ctrl+.)")
