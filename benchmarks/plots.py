"""The plots."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


def _finish(figure, axes, file, x, y):
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)


def time_and_memory(paths, folder):
    """Time and memory against pixels."""
    megapixels = np.array([path["pixels"] for path in paths]) / 1e6
    figure, axes = plt.subplots(figsize=(6, 4))
    for name, marker in (
        ("total", "o"),
        ("load", "v"),
        ("evidence", "s"),
        ("map", "^"),
        ("mask", "d"),
        ("re-cut", "x"),
    ):
        axes.loglog(megapixels, [path["times"][name] for path in paths], marker=marker, label=name)
    total = paths[-1]["times"]["total"]
    axes.loglog(megapixels, total * megapixels / megapixels[-1], "k:", label="linear")
    axes.legend(frameon=False)
    _finish(figure, axes, folder / "benchmark-time.png", "megapixels", "seconds")

    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot(megapixels, [path["peak"] / 1e9 for path in paths], "o-")
    axes.set_ylim(bottom=0)
    _finish(figure, axes, folder / "benchmark-memory.png", "megapixels", "peak memory of the process (GB)")


def energies(points, course, file):
    """Energy above the least one found, against time."""
    least = min([value for _, value in course] + [value for name, _, value in points if name != "lower bound"])
    cycles = [(seconds, value) for name, seconds, value in points if name.startswith("alpha")]
    figure, axes = plt.subplots(figsize=(6, 4))
    for chosen, style, label in (
        (course, "-", "expansion and jump moves"),
        (cycles, "s-", "alpha-expansion (PyMaxflow), each cycle"),
    ):
        seconds, values = np.array(chosen).T
        axes.loglog(seconds, np.maximum(100 * (values / least - 1), 1e-3), style, label=label)
    axes.legend(frameon=False)
    _finish(figure, axes, file, "seconds", "energy above the least found (%)")
