"""Fluorescence: what fields of a folder read, taken for fluorescence and as any other grey picture.

``python -m benchmarks.fluorescence FOLDER`` prints a row for each picture; with ``../shared`` beside the project the
folder is that of its fields, half of them far out of focus.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import defocus

_WAYS = {
    "as any grey picture (disc)": {"kind": "brightfield", "psf": "disc", "max_radius": 8},
    "fluorescence, up to 8 px": {"kind": "fluorescence", "max_radius": 8},
    "by itself (auto)": {},
}


def row(file: Path, **changes: object) -> str:
    """Return what one picture reads: its radius and what is in focus, of what has evidence."""
    analysis = defocus.analyze(defocus.load_image(file), **changes)  # type: ignore[arg-type]
    radius, mask, known = analysis.blur_map(), analysis.focus_mask(), analysis.known
    if not known.any():
        return "nothing known"
    low, middle, high = np.percentile(radius[known], (5, 50, 95))
    confidence = analysis.confidence
    beside = f"{confidence[~known].mean():.2f}" if not known.all() else "-"
    return (
        f"{middle:.1f} ({low:.1f} to {high:.1f}) | {known.mean():.0%} | {mask[known].mean():.0%} | "
        f"{confidence[known].mean():.2f} / {beside} | {analysis.max_radius:g}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(__file__).parents[2] / "shared" / "data" / "microscopy_dev"
    parser.add_argument("folder", type=Path, nargs="?", default=shared)
    files = sorted(file for file in parser.parse_args().folder.iterdir() if file.suffix in (".png", ".tif"))
    print(
        "| picture | taken | radius in px (5 to 95 %) | with evidence | of that in focus | confidence there / else "
        "| largest px |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for file in files:
        for name, changes in _WAYS.items():
            print(f"| {file.stem} | {name} | {row(file, **changes)} |", flush=True)


if __name__ == "__main__":
    main()
