"""Take the screenshots of docs/napari.md from a real napari window.

    python docs/napari_screenshots.py [FOLDER]
    python docs/napari_screenshots.py --docks FOLDER     every dock, to be looked at, in windows of two sizes

Without a display it starts itself again under xvfb-run.
"""

from __future__ import annotations

import argparse
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
DOCKS = {
    "Blur map": "flower",
    "In-focus mask": "flower",
    "Restore or magnify": "flower",
    "Focus over z": "focus_stack",
    "Table of focus": "focus_stack",
    "Many pictures": "",
    "All in tabs": "flower",
}
SIZES = ((1366, 768), (1920, 1080))


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


def new_viewer(size: tuple[int, int] = SIZES[0]) -> napari.Viewer:
    """Open an empty window."""
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(*size)
    return viewer


def map_picture(folder: Path) -> None:
    """Show the blur map with its colour bar."""
    viewer = new_viewer()
    viewer.open_sample(PLUGIN, "flower")
    run(open_widget(viewer, "Blur map"))
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


def dock_pictures(folder: Path) -> None:
    """Show every dock with a result, with its settings open at the top and at the end, and all docks in one window."""
    for size in SIZES:
        ending = "{}x{}.png".format(*size)
        for name, sample in DOCKS.items():
            viewer = new_viewer(size)
            if sample:
                viewer.open_sample(PLUGIN, sample)
            widget = open_widget(viewer, name)
            if name == "All in tabs":
                widget = widget.dock("Mask")
            if sample:
                run(widget)
            stem = name.lower().replace(" ", "-")
            take(viewer, folder / f"{stem}-{ending}")
            widget.more.native.click()
            take(viewer, folder / f"{stem}-settings-{ending}")
            bar = widget.scroll_bar
            bar.setValue(bar.maximum())
            take(viewer, folder / f"{stem}-settings-end-{ending}")
            viewer.close()
        viewer = new_viewer(size)
        viewer.open_sample(PLUGIN, "focus_stack")
        for name in DOCKS:
            open_widget(viewer, name)
        take(viewer, folder / f"all-{ending}")
        viewer.close()


def main() -> None:
    """Take all of them."""
    parser = argparse.ArgumentParser(description="Take the screenshots of docs/napari.md, or of every dock.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent / "images")
    parser.add_argument("--docks", action="store_true", help="every dock in windows of two sizes, to be looked at")
    chosen = parser.parse_args()
    if chosen.docks and chosen.folder == parser.get_default("folder"):
        parser.error("--docks needs a folder of its own")
    if not os.environ.get("DISPLAY") and sys.platform == "linux" and shutil.which("xvfb-run"):
        command = ["xvfb-run", "-a", "-s", "-screen 0 1920x1200x24", sys.executable, *sys.argv]
        raise SystemExit(subprocess.call(command))
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for picture in (dock_pictures,) if chosen.docks else (map_picture, mask_picture, stack_picture):
        picture(chosen.folder)


if __name__ == "__main__":
    main()
