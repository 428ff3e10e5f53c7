"""Random steps in a real napari window, under either Qt binding, with the plugin's docks or with napari alone.

``python -m tests.abuse.window`` runs, for every binding that is installed and with and without the plugin, some windows
of many steps each and prints how they ended; where one ended by a signal, the stack of every thread, by faulthandler,
and the steps before. It needs a display (``xvfb-run -a`` has one). A run is done again by its seed::

    QT_API=pyqt6 xvfb-run -a python -m tests.abuse.window --one 3 --steps 1000 --plugin

With ``--page`` the steps of each kind of window are a row of docs/robustness.md: those that were done, those that were
refused, and the windows that did not end by themselves.

Without the plugin the layers' own part of what it does is done: results are added, exchanged, hidden, shown with colour
bars and removed, on a timer, as they come from a worker.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.abuse.cases import Row
from tests.abuse.page import write_page

if TYPE_CHECKING:
    from collections.abc import Callable

DOCKS = ("Blur map", "In-focus mask", "Restore or magnify", "Focus over z", "Table of focus", "All in tabs")
BINDINGS = {"pyqt6": "PyQt6", "pyside6": "PySide6"}
_DIALOGS = ("Export", "Save", "Delete", "elect ", "hoose", "older")  # of buttons that write files or open dialogs
_LIMIT_SECONDS = 7200  # of one window


class Steps:
    """What may be done to a window; every method that is a step takes nothing and may find nothing to do."""

    def __init__(self, viewer: Any, seed: int, *, plugin: bool) -> None:
        self.viewer, self.chance = viewer, random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.plugin, self.docks, self.ended = plugin, [], False
        of_layers = [
            *(self.picture, self.stack, self.labels, self.remove, self.hide, self.choose, self.order, self.opacity),
            *(self.slice, self.zoom, self.three_dimensions, self.grid, self.resize, self.exchange, self.colors),
        ]
        docks = [self.open_dock, self.open_dock, self.close_dock, *[self.control] * 6, *[self.press] * 8]
        self.steps: list[Callable[[], None]] = of_layers + (docks if plugin else [*[self.result] * 6, self.bars])

    def one(self) -> str:
        """Do one step and return its name."""
        step = self.chance.choice(self.steps)
        print(step.__name__, flush=True)
        step()
        return step.__name__

    def _layer(self) -> Any:
        return self.chance.choice(list(self.viewer.layers)) if len(self.viewer.layers) else None

    def picture(self) -> None:
        shape = self.chance.choice([(90, 120), (64, 80, 3), (100, 60, 4)])
        self._add(self.numbers.random(shape, np.float32), scale=(0.5, 0.5), rgb=len(shape) == 3)

    def stack(self) -> None:
        self._add(self.numbers.integers(0, 4000, (4, 64, 80)).astype(np.uint16))

    def _add(self, values: Any, **about: Any) -> None:
        if len(self.viewer.layers) > 8:
            self.viewer.layers.pop(0)
        self.viewer.add_image(values, **about)

    def labels(self) -> None:
        if len(self.viewer.layers) < 9:
            self.viewer.add_labels(self.numbers.integers(0, 4, (64, 80)))

    def remove(self) -> None:
        layer = self._layer()
        if layer is not None:
            self.viewer.layers.remove(layer)

    def hide(self) -> None:
        layer = self._layer()
        if layer is not None:
            layer.visible = not layer.visible

    def choose(self) -> None:
        layer = self._layer()
        if layer is not None:
            self.viewer.layers.selection.active = layer

    def order(self) -> None:
        if len(self.viewer.layers) > 1:
            self.viewer.layers.move(0, len(self.viewer.layers))

    def opacity(self) -> None:
        layer = self._layer()
        if layer is not None:
            layer.opacity = self.chance.random()

    def slice(self) -> None:
        if self.viewer.dims.ndim > 2:
            self.viewer.dims.set_current_step(0, self.chance.randrange(4))

    def zoom(self) -> None:
        self.viewer.camera.zoom = self.chance.uniform(0.5, 20)

    def three_dimensions(self) -> None:
        self.viewer.dims.ndisplay = self.chance.choice([2, 2, 3])

    def grid(self) -> None:
        grid = self.viewer.canvas.grid if hasattr(self.viewer, "canvas") else self.viewer.grid  # napari 0.9 moved it
        grid.enabled = self.chance.random() < 0.3

    def resize(self) -> None:
        self.viewer.window.resize(self.chance.randrange(500, 1300), self.chance.randrange(400, 900))

    def exchange(self) -> None:
        layer = self._layer()
        if layer is not None and type(layer).__name__ == "Image":
            layer.data = np.ascontiguousarray(layer.data[..., ::-1] if not layer.rgb else layer.data[:, ::-1])

    def colors(self) -> None:
        layer = self._layer()
        if layer is not None and type(layer).__name__ == "Image" and not layer.rgb:
            layer.colormap = self.chance.choice(["gray", "viridis", "magma"])

    def bars(self) -> None:
        layer = self._layer()
        if layer is not None and hasattr(layer, "colorbar"):
            layer.colorbar.visible = not layer.colorbar.visible

    def result(self) -> None:
        """Let a map come from a timer, with colour bar and name, as the plugin shows one."""
        from qtpy.QtCore import QTimer

        values = self.numbers.random((90, 120), np.float32) * 8

        def come() -> None:
            if self.ended:  # a window that closes takes no further layer
                return
            for layer in self.viewer.layers:
                if layer.name == "map" and layer.ndim == 2:
                    layer.data = values
                    layer.visible = True
                    return
            layer = self.viewer.add_image(values, name="map", colormap="magma", contrast_limits=(0, 8))
            if hasattr(layer, "colorbar"):
                layer.colorbar.visible = True
            if hasattr(layer, "name_overlay"):
                layer.name_overlay.visible = True

        QTimer.singleShot(self.chance.randrange(200), come)

    # ---- docks

    def open_dock(self) -> None:
        if len(self.docks) >= 3:
            return
        dock = self.viewer.window.add_plugin_dock_widget("napari-defocus", self.chance.choice(DOCKS))[1]
        for widget in _widgets(dock):
            if hasattr(widget, "analysis"):
                widget.analysis.controls["window"].value = 21
                widget.analysis.controls["spacing"].value = 8
        self.docks.append(dock)

    def close_dock(self) -> None:
        if self.docks:
            dock = self.docks.pop(self.chance.randrange(len(self.docks)))
            self.viewer.window.remove_dock_widget(getattr(dock, "native", dock))

    def control(self) -> None:
        """Move a slider, tick a box or choose another entry."""
        from qtpy.QtWidgets import QCheckBox, QComboBox, QSlider

        found = self._inside(QSlider, QCheckBox, QComboBox)
        if not found:
            return
        one = self.chance.choice(found)
        if isinstance(one, QSlider):
            one.setValue(self.chance.randint(one.minimum(), max(one.minimum(), one.maximum())))
        elif isinstance(one, QCheckBox):
            one.toggle()
        elif one.count():
            one.setCurrentIndex(self.chance.randrange(one.count()))

    def press(self) -> None:
        """Press any button that writes no file and opens no dialog."""
        from qtpy.QtWidgets import QPushButton

        found = [
            one
            for one in self._inside(QPushButton)
            if one.isEnabled() and not any(word in one.text() for word in _DIALOGS)
        ]
        if found:
            self.chance.choice(found).click()

    def _inside(self, *kinds: Any) -> list[Any]:
        if not self.docks:
            return []
        dock = self.chance.choice(self.docks)
        native = getattr(dock, "native", dock)
        return [one for kind in kinds for one in native.findChildren(kind) if one.isVisible()]


def _widgets(dock: Any) -> list[Any]:
    """Return the plugin's widgets in a dock: itself, or those in its tabs."""
    from napari_defocus.widgets.engines import open_widgets

    return [dock] if hasattr(dock, "analysis") else open_widgets()


def window(seed: int, steps: int, *, plugin: bool) -> None:
    """Do random steps in one window, and end."""
    faulthandler.enable(all_threads=True)
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer()
    todo = Steps(viewer, seed, plugin=plugin)
    for number in range(steps):
        print(number, end=" ", flush=True)
        try:
            todo.one()
        except Exception as error:
            # A step may be refused, as a click is; what counts is that the window stays
            print(f"  {type(error).__name__}: {str(error)[:200]} {traceback.format_exc(-3)!r}", flush=True)
        end = time.monotonic() + todo.chance.choice([0, 0.01, 0.03, 0.1])
        while True:
            QApplication.processEvents()
            if time.monotonic() >= end:
                break
            time.sleep(0.003)  # leaves the core to the worker
    todo.ended = True
    viewer.close()
    QApplication.processEvents()
    print("closed", flush=True)


def main() -> int:
    """Run all; the exit code is the number of windows that did not end by themselves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--windows", type=int, default=3, help="windows of each kind")
    parser.add_argument("--bindings", nargs="+", choices=BINDINGS, default=list(BINDINGS))
    parser.add_argument("--page", action="store_true", help="write what came of it into docs/robustness.md")
    parser.add_argument("--one", type=int, metavar="SEED", help="do the steps of one window here")
    parser.add_argument("--plugin", action="store_true", help="with --one: with the plugin's docks")
    chosen = parser.parse_args()
    if chosen.one is not None:
        window(chosen.one, chosen.steps, plugin=chosen.plugin)
        return 0
    rows = []
    for binding in chosen.bindings:
        if importlib.util.find_spec(BINDINGS[binding]) is None:
            print(f"{BINDINGS[binding]} is not installed")
            continue
        for plugin in (True, False):
            kind = "with the plugin" if plugin else "napari alone"
            rows.append(Row(f"Random steps in a window, {BINDINGS[binding]}, {kind}"))
            for seed in range(chosen.windows):
                _try(rows[-1], binding, seed, chosen.steps, plugin=plugin)
    if chosen.page:
        write_page(rows)
    return sum(len(row.faults) for row in rows)


def _try(row: Row, binding: str, seed: int, steps: int, *, plugin: bool) -> None:
    """Do the steps of one window in a process of its own, and tell how it ended."""
    options = ["--one", str(seed), "--steps", str(steps), *(["--plugin"] if plugin else [])]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        surroundings = {**os.environ, "QT_API": binding, "XDG_STATE_HOME": folder, "XDG_CONFIG_HOME": folder}
        log = Path(folder) / "log"
        with log.open("wb") as file:
            try:
                run = subprocess.run(
                    [sys.executable, "-m", "tests.abuse.window", *options],
                    env=surroundings,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    timeout=_LIMIT_SECONDS,
                )
                code: int | str = run.returncode
            except subprocess.TimeoutExpired:
                code = f"no end in {_LIMIT_SECONDS} s"
        text = log.read_text(errors="replace")
    well = code == 0 and text.rstrip().endswith("closed")
    done = sum(line[:1].isdigit() for line in text.splitlines())
    told = sum(line.startswith("  ") and "Error: " in line for line in text.splitlines())
    row.count += done
    row.told += told
    row.worked += done - told - (not well)
    print(
        f"{row.what}, seed {seed}: {done} steps, {told} refused, "
        f"{'ended well' if well else f'ended with {code}'} ({time.monotonic() - begin:.0f} s)",
        flush=True,
    )
    if not well:
        row.faults.append(f"seed {seed}: {code}")
        print(text[-6000:], flush=True)


if __name__ == "__main__":
    sys.exit(main())
