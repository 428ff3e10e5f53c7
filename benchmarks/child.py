"""One measurement in a process of its own, so that its peak memory is its own; prints JSON."""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np


def peak_memory():
    """Return the most memory that this process ever held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def longest_stop(work):
    """Return the most seconds from a refusal to the end of the work, over several times of refusing."""
    import defocus

    longest = 0.0
    for share in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9):
        asked = 0.0

        def refuse(fraction, stage, share=share):
            nonlocal asked
            if fraction >= share:
                asked = time.perf_counter()
                raise defocus.Cancelled

        with contextlib.suppress(defocus.Cancelled):
            work(refuse)
        longest = max(longest, time.perf_counter() - asked)
    return longest


def whole_path(height, width):
    """From file to full-size map and mask."""
    import tifffile

    import defocus
    from benchmarks.pictures import photograph, scene

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photograph.tif"
        tifffile.imwrite(file, photograph(height, width), photometric="rgb")
        warm = defocus.analyze(scene(300, 300)[0])  # compiled code is loaded
        warm.blur_map()
        warm.focus_mask()
        before = peak_memory()
        times = {}
        begin = last = time.perf_counter()
        gaps = []

        def report(fraction, stage):
            nonlocal last
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

        def take(name, work):
            nonlocal last
            start = last = time.perf_counter()
            result = work()
            gaps.append(time.perf_counter() - last)
            times[name] = time.perf_counter() - start
            return result

        picture = take("load", lambda: defocus.load_image(file))
        gaps.clear()
        analysis = take("evidence", lambda: defocus.analyze(picture, progress=report))
        take("map", lambda: analysis.blur_map(progress=report))
        take("mask", lambda: analysis.focus_mask(progress=report))
        times["total"] = time.perf_counter() - begin
        take("re-cut", lambda: analysis.focus_mask(threshold=2.5, progress=report))
        peak = peak_memory()
        stop = max(
            longest_stop(lambda progress: defocus.analyze(picture, progress=progress)),
            longest_stop(lambda progress: analysis.blur_map(progress=progress)),
            longest_stop(lambda progress: analysis.focus_mask(progress=progress)),
        )
    return {
        "pixels": height * width,
        "times": times,
        "peak": peak,
        "before": before,
        "longest_silence": max(gaps),
        "longest_stop": stop,
    }


def start_up():
    """Import, and first picture of a fresh process."""
    import subprocess

    clock = "from time import perf_counter as p; b = p(); import defocus; print(p() - b)"
    imported = float(subprocess.check_output([sys.executable, "-c", clock]))
    import defocus
    from benchmarks.pictures import scene

    picture = scene(427, 640)[0]
    begin = time.perf_counter()
    analysis = defocus.analyze(picture)
    analysis.blur_map()
    analysis.focus_mask()
    return {"import": imported, "first": time.perf_counter() - begin + imported}


def huge_plane(side, block):
    """Map a synthetic plane that is written, read and mapped in chunks; zarr on disk."""
    import dask
    import zarr

    import defocus.dask
    from benchmarks.pictures import scene

    tile = (scene(1000, 1000)[0][..., 1] * 255).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        source = zarr.create_array(f"{folder}/plane.zarr", shape=(side, side), chunks=(1000, 1000), dtype="uint8")
        for y in range(0, side, 1000):
            for x in range(0, side, 1000):
                source[y : y + 1000, x : x + 1000] = tile[: side - y, : side - x]
        target = zarr.create_array(f"{folder}/map.zarr", shape=(side, side), chunks=(1000, 1000), dtype="float32")
        import dask.array as da

        plane = da.from_zarr(f"{folder}/plane.zarr")
        begin = time.perf_counter()
        with dask.config.set(scheduler="threads", num_workers=1):
            da.store(
                defocus.dask.blur_map(plane, block=block, max_radius=8),
                target,
                lock=threading.Lock(),
            )
        seconds = time.perf_counter() - begin
        corner = target[:200, :200]
    return {
        "pixels": side * side,
        "seconds": seconds,
        "peak": peak_memory(),
        "median": float(np.median(corner)),
    }


def main():
    """Run one measurement."""
    kind, *numbers = sys.argv[1:]
    work = {"path": whole_path, "start": start_up, "huge": huge_plane}[kind]
    print(json.dumps(work(*map(int, numbers))))


if __name__ == "__main__":
    main()
