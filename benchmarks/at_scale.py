"""Many pictures and one large plate on a Dask cluster of plain processes, one of which is killed at work.

``python -m benchmarks.at_scale [--pictures 200] [--side 8192] [--workers 2]`` starts a scheduler and workers of one
core each on this machine, has `defocus map` measure the pictures on them and `defocus.dask` the plate, kills a worker
in the middle of each and puts another in its place, does the same without a cluster, and compares every pixel. Seconds
of the processor are those of the workers; they do not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import psutil
import zarr
from PIL import Image

import defocus.dask

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).parents[1] / "sample_data"
_PHOTOGRAPHS = "flower.jpg", "cat.jpg", "coffee.jpg", "china.jpg"
_CHUNK = 1024  # px of the plate's own chunks
_PROGRAM = [sys.executable, "-c", "from defocus.command.line import main; main()"]


class Cluster:
    """A scheduler and workers, each a process of its own with one core."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.started = 0
        self.lost = 0.0  # seconds of the processor of workers that were killed
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        while not self.file.exists():
            time.sleep(0.1)
        self.workers = [self.worker() for _ in range(count)]
        from distributed import Client

        with Client(scheduler_file=str(self.file), set_as_default=False) as client:
            client.wait_for_workers(count, timeout=120)

    def _start(self, command: str, *options: str, core: int | None = None) -> psutil.Popen:
        words = [sys.executable, "-m", "dask", command, "--scheduler-file", str(self.file), *options]
        prefix = [] if core is None else ["taskset", "--cpu-list", str(core)]
        with (self.folder / f"{command}.log").open("ab") as log:
            return psutil.Popen([*prefix, *words], stdout=log, stderr=log, cwd=self.folder)

    def worker(self) -> psutil.Popen:
        """Start a worker on the next core."""
        core = sorted(os.sched_getaffinity(0))[self.started % len(os.sched_getaffinity(0))]
        self.started += 1
        options = "--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0"
        return self._start("worker", *options, core=core)

    def kill_one(self) -> None:
        """End a worker as a machine that fails does, and start another."""
        victim = self.workers.pop(0)
        self.lost += sum(victim.cpu_times()[:2])
        victim.kill()
        victim.wait()
        self.workers.append(self.worker())

    def spent(self) -> float:
        """Return the seconds of the processor that all workers have used."""
        return self.lost + sum(sum(process.cpu_times()[:2]) for process in self.workers)

    def peak(self) -> int:
        """Return the most that a worker has needed, in bytes."""
        found = []
        for process in self.workers:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            found += [1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
        return max(found)

    def close(self) -> None:
        """End all of it."""
        for process in (*self.workers, self.scheduler):
            process.send_signal(signal.SIGTERM)
        for process in (*self.workers, self.scheduler):
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(20)
            if process.is_running():
                process.kill()


@contextlib.contextmanager
def failing(cluster: Cluster, begun: Any, killed: list[float]) -> Iterator[None]:
    """Kill a worker once the work has begun."""

    def watch() -> None:
        while not begun() and not over.wait(0.1):
            pass
        if not over.is_set():
            cluster.kill_one()
            killed.append(time.monotonic())

    over = threading.Event()
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def photographs(folder: Path, count: int) -> list[Path]:
    """Write parts of the sample photographs, 400 x 300 px, no two alike."""
    folder.mkdir()
    random = np.random.default_rng(5)
    opened = [np.asarray(Image.open(SAMPLES / name).convert("RGB")) for name in _PHOTOGRAPHS]
    files = []
    for index in range(count):
        source = opened[index % len(opened)]
        top, left = (
            int(random.integers(0, size - part + 1)) for size, part in zip(source.shape, (300, 400), strict=False)
        )
        part = source[top : top + 300, left : left + 400]
        files.append(folder / f"{index:05d}.png")
        Image.fromarray(part[:, :: random.choice([-1, 1])]).save(files[-1], compress_level=1)
    return files


def command(name: str, files: list[Path], out: Path, *options: str) -> float:
    """Run a command of the suite over all files; return its seconds."""
    begin = time.monotonic()
    words = [*_PROGRAM, name, *map(str, files), "-o", str(out), "--quiet", *options]
    subprocess.run(words, check=True)
    return time.monotonic() - begin


def many(cluster: Cluster, folder: Path, count: int, cores: int) -> None:
    """Measure many pictures, on the cluster and without."""
    files = photographs(folder / "pictures", count)
    command("map", files[:2], folder / "warm")  # compiles, which is not what is asked
    out, apart, killed = folder / "cluster", folder / "alone", []
    before = cluster.spent()
    with failing(cluster, lambda: out.exists() and len(list(out.iterdir())) > count // 3, killed):
        seconds = command("map", files, out, "--dask", str(cluster.file))
    spent = cluster.spent() - before
    alone = command("map", files, apart, "--jobs", str(cores))
    results = sorted(out.iterdir())
    same = sum(file.read_bytes() == (apart / file.name).read_bytes() for file in results)
    taken = sum(file.stat().st_size for file in results) / len(results)
    print(
        f"map: {len(results)} of {count} pictures of 400 x 300 px, {len(killed)} worker killed, "
        f"{same} results equal to those without a cluster, byte by byte; {seconds:.1f} s, with --jobs {cores} "
        f"{alone:.1f} s; {spent / count:.2f} s of the processor a picture; "
        f"a worker's peak {cluster.peak() / 1e6:.0f} MB; a map takes {taken / 1e3:.0f} kB",
        flush=True,
    )


def write_plate(path: Path, side: int) -> zarr.Array:
    """Write a plate, uint16 (side, side): texture whose blur grows to the right."""
    plate = zarr.open_array(str(path), mode="w", shape=(side, side), chunks=(_CHUNK, _CHUNK), dtype="uint16")
    from scipy import ndimage

    random = np.random.default_rng(9)
    sharp = np.asarray(Image.open(SAMPLES / "grass.png").convert("L")).astype(float)
    sharp = np.tile(sharp, (4, 3))[:_CHUNK, :_CHUNK]
    for left in range(0, side, _CHUNK):
        soft = ndimage.gaussian_filter(sharp, 3 * left / side, mode="wrap")
        for top in range(0, side, _CHUNK):
            block = (
                soft[: side - top, : side - left] * 200 + random.normal(0, 60, soft.shape)[: side - top, : side - left]
            )
            plate[top : top + _CHUNK, left : left + _CHUNK] = np.clip(block + 2000, 0, 65535).astype(np.uint16)
    return plate


def plate(cluster: Cluster, folder: Path, side: int) -> None:
    """Measure one large plane in blocks, on the cluster and without."""
    from distributed import Client

    source = write_plate(folder / "plate.zarr", side)
    lazy = defocus.dask.blur_map(da.from_zarr(source), block=2048)
    target = folder / "radius.zarr"
    killed: list[float] = []

    def begun() -> bool:
        return sum(1 for file in target.rglob("*") if file.is_file()) > (side / 2048) ** 2 / 3

    before, begin = cluster.spent(), time.monotonic()
    with Client(scheduler_file=str(cluster.file)), failing(cluster, begun, killed):
        da.to_zarr(lazy.rechunk(2048), str(target))
    seconds, spent = time.monotonic() - begin, cluster.spent() - before
    begin = time.monotonic()
    with dask.config.set(scheduler="threads", num_workers=1):
        da.to_zarr(lazy.rechunk(2048), str(folder / "alone.zarr"))
    alone = time.monotonic() - begin
    here, there = zarr.open_array(str(folder / "alone.zarr"), mode="r"), zarr.open_array(str(target), mode="r")
    same = all(np.array_equal(here[top : top + 2048], there[top : top + 2048]) for top in range(0, side, 2048))
    taken = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(
        f"plate: {side} x {side} px, {len(killed)} worker killed, equal to that of one process: {same}; "
        f"{seconds:.1f} s on the cluster, {alone:.1f} s in one process; {1e6 * spent / side / side:.2f} s of the "
        f"processor a megapixel; a worker's peak {cluster.peak() / 1e6:.0f} MB; the map takes {taken / 1e6:.0f} MB",
        flush=True,
    )


def overhead(cluster: Cluster, count: int) -> None:
    """Print what a cluster needs for a call that does nothing."""
    here, there = psutil.Process(), cluster.scheduler

    def state() -> tuple[float, float, float, float]:
        spent = [sum(process.cpu_times()[:2]) for process in (here, there)]
        return *spent, here.memory_info().rss, there.memory_info().rss

    before, largest = state(), [0.0, 0.0]
    for index, _ in defocus.dask.batch(divmod, [(7, 2)] * count, str(cluster.file)):
        if index % 500 == 0:
            largest = [max(most, now) for most, now in zip(largest, state()[2:], strict=True)]
    after = state()
    told = [
        f"{name} {1e3 * (after[k] - before[k]) / count:.2f} ms and {(largest[k] - before[2 + k]) / count / 1e3:.1f} kB"
        for k, name in enumerate(("whoever asks", "the scheduler"))
    ]
    print(f"{count} calls of nothing: {', '.join(told)} for each", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--side", type=int, default=8192, help="px of the plate")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--calls", type=int, default=20_000, help="that do nothing")
    given = parser.parse_args()
    cores = min(given.workers, len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory(prefix="at-scale-") as name:
        folder = Path(name)
        cluster = Cluster(folder, given.workers)
        try:
            overhead(cluster, given.calls)
            many(cluster, folder, given.pictures, cores)
            plate(cluster, folder, given.side)
        finally:
            cluster.close()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"all of it: {spent.ru_utime + spent.ru_stime:.0f} s of the processor")


if __name__ == "__main__":
    main()
