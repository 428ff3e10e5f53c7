"""Plot the curves of the belief that weigh most into docs/images/belief-curves.png."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from defocus.belief.curves import read_table

SHOWN = 12  # of each pass


def main() -> None:
    passes = read_table()
    figure = Figure(figsize=(13, 8.5), layout="constrained")
    axes = figure.subplots(4, 6)
    for lines, curves, title in zip((axes[:2], axes[2:]), passes, ("first pass", "second pass"), strict=True):
        # Between the outermost knots but one, where nearly all samples lie
        weight = np.ptp(curves.values[:, 1:-1], axis=1)
        chosen = np.argsort(-weight)[:SHOWN]
        for axis, k in zip(lines.ravel(), chosen, strict=True):
            values = curves.values[k] - np.interp(np.median(curves.knots[k]), curves.knots[k], curves.values[k])
            axis.plot(curves.knots[k], values, color="#d1495b")
            axis.axhline(0, color="#888888", linewidth=0.6)
            axis.set_title(f"{title}: {curves.names[k]}", fontsize=8)
            axis.tick_params(labelsize=7)
        lines[0, 0].set_ylabel("log-odds", fontsize=8)
        lines[1, 0].set_ylabel("log-odds", fontsize=8)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images"
    figure.savefig(folder / "belief-curves.png", dpi=90)


if __name__ == "__main__":
    main()
