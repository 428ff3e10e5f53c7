"""Dragging the threshold in a napari window: seconds from a move of the slider to the mask that it asks for.

``python -m benchmarks.drag`` prints, for pictures of 640 x 427 and 3000 x 2000 px, the median and the worst of some
moves that wait for each other, and what part of it the worker took; then of as many moves that do not wait how many
were cut, and how long the last of them took. It needs a display (xvfb-run has one).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

_BETWEEN_SECONDS = 0.02
_SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"


def main() -> None:
    """Print the times of each picture."""
    import napari
    from PIL import Image
    from qtpy.QtWidgets import QApplication

    from napari_defocus.widgets.focus_mask import FocusMaskWidget

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=15)
    chosen = parser.parse_args()
    viewer = napari.Viewer()
    for name, size in (("flower.jpg", None), ("china.jpg", None), ("coffee.jpg", None), ("flower.jpg", (3000, 2000))):
        picture = Image.open(_SAMPLES / name)
        layer = viewer.add_image(np.asarray(picture.resize(size) if size else picture), name=name)
        viewer.layers.selection.active = layer
        dock = FocusMaskWidget(viewer)
        viewer.window.add_dock_widget(dock)

        def settle(dock: FocusMaskWidget = dock) -> None:
            while dock.running:
                QApplication.processEvents()
                time.sleep(0.001)  # leaves the core to the worker, as an event loop does

        compute, inside = dock._engine.compute, []  # noqa: SLF001

        def timed(
            *arguments: object, compute: object = compute, inside: list[float] = inside, **more: object
        ) -> object:
            begin = time.perf_counter()
            try:
                return compute(*arguments, **more)  # type: ignore[operator]
            finally:
                inside.append(time.perf_counter() - begin)

        dock._engine.compute = timed  # type: ignore[method-assign]  # noqa: SLF001
        dock.run()
        settle()
        inside.clear()
        slider = dock.parameters.controls["threshold"]
        start, taken = slider.value if slider.value != "auto" else 1.7, []
        for move in range(chosen.moves):
            begin = time.perf_counter()
            slider.value = round(float(start if start != "auto" else 1.7) + 0.1 * (move + 1), 2)
            settle()
            QApplication.processEvents()
            taken.append(time.perf_counter() - begin)
        height, width = layer.data.shape[:2]
        print(
            f"{name}, {width} x {height} px: median {np.median(taken):.3f} s, worst {max(taken):.3f} s; of that in the "
            f"worker {np.median(inside):.3f} s, worst {max(inside):.3f} s ({len(inside)} cuts)",
            flush=True,
        )
        inside.clear()
        for move in range(chosen.moves):  # as a hand does
            slider.value = round(float(start if start != "auto" else 1.7) + 0.1 * (chosen.moves - move), 2)
            end = time.perf_counter() + _BETWEEN_SECONDS
            while time.perf_counter() < end:
                QApplication.processEvents()
                time.sleep(0.001)
        begin = time.perf_counter()
        settle()
        QApplication.processEvents()
        print(
            f"  {chosen.moves} moves, {_BETWEEN_SECONDS:g} s apart: {len(inside)} cuts, the last seen "
            f"{time.perf_counter() - begin:.3f} s after the last move",
            flush=True,
        )
        viewer.window.remove_dock_widget(dock.native)
        viewer.layers.clear()
    viewer.close()


if __name__ == "__main__":
    main()
