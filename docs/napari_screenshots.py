"""Take the screenshots of docs/napari.md from a real napari window.

    python docs/napari_screenshots.py [FOLDER]

Without a display it starts itself again under xvfb-run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_defocus.widgets.base import DefocusWidget

PLUGIN = "napari-defocus"


def until(condition: Callable[[], bool], seconds: float = 300) -> None:
    """Let the event loop run until a condition holds."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there in time")
        QApplication.processEvents()
        time.sleep(0.01)


def rest(seconds: float) -> None:
    """Let the window settle."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end)


def run(widget: DefocusWidget) -> None:
    """Press a widget's button and wait."""
    widget.run_button.native.click()
    until(lambda: not widget.running)


def take(viewer: napari.Viewer, file: Path) -> None:
    """Write what the window shows."""
    viewer.reset_view()
    rest(1.0)
    viewer.window.screenshot(str(file), canvas_only=False, flash=False)
    print(file)


def open_widget(viewer: napari.Viewer, name: str) -> DefocusWidget:
    """Open one of the plugin's widgets."""
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    return widget


def new_viewer() -> napari.Viewer:
    """Open an empty window."""
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    return viewer


def map_picture(folder: Path) -> None:
    """Show the blur map with its colour bar."""
    viewer = new_viewer()
    viewer.open_sample(PLUGIN, "flower")
    run(open_widget(viewer, "Blur map"))
    viewer.layers[-1].colorbar.font_size = 14
    viewer.canvas.grid.enabled = True
    take(viewer, folder / "napari-blur-map.png")
    viewer.close()


def mask_picture(folder: Path) -> None:
    """Show the in-focus mask over its picture, with the slider and a brush hint."""
    viewer = new_viewer()
    viewer.open_sample(PLUGIN, "flower")
    widget = open_widget(viewer, "In-focus mask")
    run(widget)
    widget.add_hints.native.click()
    until(lambda: not widget.running)
    hints = widget.hints.value
    hints.brush_size = 14
    for step in range(60):
        hints.paint((190 + step, 300 + step), 1)
    hints.selected_label = 2
    for column in range(60, 200, 3):
        hints.paint((80, column), 2)
    until(lambda: not widget.running)
    take(viewer, folder / "napari-mask.png")
    viewer.close()


def stack_picture(folder: Path) -> None:
    """Show focus over z: plot, composite and height map."""
    viewer = new_viewer()
    truth, _ = viewer.open_sample(PLUGIN, "focus_stack")
    viewer.layers.remove(truth)
    widget = open_widget(viewer, "Focus over z")
    run(widget)
    viewer.canvas.grid.enabled = True
    take(viewer, folder / "napari-focus-over-z.png")
    viewer.close()


def main() -> None:
    """Take all of them."""
    if not os.environ.get("DISPLAY") and sys.platform == "linux" and shutil.which("xvfb-run"):
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", sys.executable, *sys.argv]
        raise SystemExit(subprocess.call(command))
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for picture in (map_picture, mask_picture, stack_picture):
        picture(folder)


if __name__ == "__main__":
    main()
