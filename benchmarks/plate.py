"""A plate in one plane, too large for memory, in napari's dock: time, memory, silence of the window, errors.

``python -m benchmarks.plate`` writes a plane of 20000 x 20000 px as zarr, 100 wells that are each blurred by a radius
of their own, opens it in a napari window and runs **Blur map** on it. It prints how long that took, the most memory
that the window's process and its children held together, the longest time in which the window's event loop did not
come to its turn and where it was, how long Cancel took, and the median of each well beside the truth. With
``--fluorescence`` the wells hold cells on a dark ground. It needs a display (xvfb-run has one).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

_WELLS = 10  # in a row, and in a column
_LARGEST = 6.0  # px
_NOISE = 0.004
_ELECTRONS = 1500
_APART = 77  # px, as far as cells are apart on average
_CHUNK = 1000
_SILENT = 0.15  # s of the event loop, from which on it is told where it is
_CALLS = 6  # innermost, that are told


def radii() -> Any:
    """Return the radius of each well, px (10, 10), in no order."""
    return np.random.default_rng(3).permutation(np.linspace(0, _LARGEST, _WELLS**2)).reshape(_WELLS, _WELLS)


def write_plate(folder: Path, side: int, *, fluorescence: bool = False) -> Any:
    """Write the plane, uint16 (side, side), and return it as a dask array."""
    import dask.array as da
    import zarr

    rng = np.random.default_rng(4)
    well = side // _WELLS
    counts_of = _cells_in_well(well, rng) if fluorescence else _texture_in_well(well, rng)
    plane = zarr.create_array(folder / "plate.zarr", shape=(side, side), chunks=(_CHUNK, _CHUNK), dtype="uint16")
    for row, of_row in enumerate(radii()):
        for column, radius in enumerate(of_row):
            plane[row * well : (row + 1) * well, column * well : (column + 1) * well] = counts_of(radius)
    return da.from_zarr(folder / "plate.zarr")


def _texture_in_well(well: int, rng: np.random.Generator) -> Callable[[float], Any]:
    """Return what makes the counts of a well of texture that is blurred by some radius."""
    from scipy import ndimage

    from defocus.psf.simulation import simulate_blur

    texture = sum(
        ndimage.gaussian_filter(rng.standard_normal((well, well)), scale, mode="wrap") * scale
        for scale in (0.6, 1.2, 2.5, 5, 10, 20)
    )
    sharp = np.clip(0.5 + 0.16 * texture / texture.std(), 0, 1).astype(np.float32)

    def counts(radius: float) -> Any:
        light = simulate_blur(sharp, np.full(sharp.shape, radius, np.float32))
        light += rng.normal(0, _NOISE, light.shape)
        return np.rint(200 + 4000 * np.clip(light, 0, 1)).astype(np.uint16)

    return counts


def _cells_in_well(well: int, rng: np.random.Generator) -> Callable[[float], Any]:
    """Return what makes the counts of a well of cells that are blurred by some radius."""
    from benchmarks.fluorescence import cells, soft

    sharp = cells(well, _APART, rng)

    def counts(radius: float) -> Any:
        photons = rng.poisson(_ELECTRONS * soft(sharp, radius) + 20)
        return np.rint(photons + rng.normal(100, 2, photons.shape)).clip(0, 65535).astype(np.uint16)

    return counts


class _Watch(threading.Thread):
    """Looks every quarter of a second at how much memory a process and its children hold."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.over = 0, threading.Event()

    def run(self) -> None:
        import psutil

        process = psutil.Process()
        while not self.over.wait(0.25):
            held = 0
            for one in (process, *process.children(recursive=True)):
                try:
                    held += one.memory_full_info().pss
                except psutil.Error:
                    continue
            self.most = max(self.most, held)


class _Stalls(threading.Thread):
    """Looks where the window's thread is whenever its event loop has been silent for a while."""

    def __init__(self, beats: list[float]) -> None:
        super().__init__(daemon=True)
        self._beats, self.over = beats, threading.Event()
        self.seen: Counter[str] = Counter()

    def run(self) -> None:
        window = threading.main_thread().ident
        while not self.over.wait(0.02):
            if self._beats and time.perf_counter() - self._beats[-1] > _SILENT:
                frame = sys._current_frames().get(window or 0)  # noqa: SLF001 - there is no other way
                calls = traceback.extract_stack(frame)[-_CALLS:]
                self.seen[" < ".join(f"{Path(one.filename).name}:{one.name}" for one in reversed(calls))] += 1


def main() -> None:
    """Print what came of it."""
    import napari
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    from napari_defocus.widgets.blur_map import BlurMapWidget

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--cancel-after", type=float, default=20, help="seconds of a first run, which is cancelled")
    parser.add_argument("--fluorescence", action="store_true", help="cells in place of texture")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plane = write_plate(Path(folder), chosen.side, fluorescence=chosen.fluorescence)
        viewer = napari.Viewer()
        viewer.add_image(plane, name="plate", contrast_limits=(200, 4200))
        dock = BlurMapWidget(viewer)
        viewer.window.add_dock_widget(dock)
        beats: list[float] = []
        timer = QTimer()
        timer.timeout.connect(lambda: beats.append(time.perf_counter()))

        def wait(seconds: float) -> None:
            end = time.perf_counter() + seconds
            while dock.running and time.perf_counter() < end:
                QApplication.processEvents()
                time.sleep(0.001)  # as an event loop does

        wait(0)
        dock.run()
        wait(chosen.cancel_after)
        begin = time.perf_counter()
        dock.cancel()
        wait(600)
        print(
            f"cancelled after {chosen.cancel_after:.0f} s: over {time.perf_counter() - begin:.2f} s later", flush=True
        )
        watch = _Watch()
        watch.start()
        stalls = _Stalls(beats)
        stalls.start()
        timer.start(10)
        begin = time.perf_counter()
        dock.run()
        wait(7200)
        taken = time.perf_counter() - begin
        timer.stop()
        watch.over.set()
        stalls.over.set()
        silent = np.diff([begin, *beats])
        print(
            f"{chosen.side} x {chosen.side} px: {taken:.0f} s, at most {watch.most / 1e9:.2f} GB, window silent for "
            f"{silent.max():.2f} s at most, over .1 s {(silent > 0.1).sum()} times; {dock.status.value}"
        )
        for calls, count in stalls.seen.most_common(5):
            print(f"  silent, seen {count} times, in {calls}")
        found = viewer.layers[-1].data if len(viewer.layers) > 1 else np.full((_WELLS, _WELLS), np.nan)
        truth = radii()
        step = found.shape[0] // _WELLS
        edge = step // 20
        errors = []
        for row in range(_WELLS):
            for column in range(_WELLS):
                inner = [slice(at * step + edge, (at + 1) * step - edge) for at in (row, column)]
                errors.append(abs(np.nanmedian(found[tuple(inner)]) - truth[row, column]))
        print(
            f"100 wells of 0 to {_LARGEST:.0f} px, error of their medians: median {np.median(errors):.2f} px, 95 % "
            f"{np.percentile(errors, 95):.2f} px, worst {max(errors):.2f} px; map {found.shape[1]} x {found.shape[0]}"
        )
        viewer.close()


if __name__ == "__main__":
    main()
