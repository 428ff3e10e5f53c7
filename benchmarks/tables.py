"""Tables of focus against what is known: nuclei of real fields, in focus and not, and cells of a simulated plate.

``python -m benchmarks.tables [FOLDER]`` takes the fields of FOLDER (``../shared`` where it lies beside the project)
whose names begin with "sharp" or "blurred", parts the nuclei from the ground by Otsu's threshold and from each other by
scikit-image, and prints what `defocus.measures.label_table` says of them, and `frame_table` of the fields as frames of
one series; with the kind of picture told by each field itself, and given. Then a plate of 24 wells, two fields of each,
whose blur is known: how far the median radius of cells and fields is off, and how often the verdict is right.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

import defocus
from benchmarks.shapes import blurred, nuclei
from defocus.measures import frame_row, frame_table, label_table

_LEAST, _MOST = 60, 20_000  # px of a nucleus
_APART = 5  # px between the middles of two nuclei
_WELLS = 24
_FIELDS = 2  # of each well
_RADII = np.linspace(0, 8, _WELLS)  # px of blur
_ELECTRONS = 1500
_OFFSET, _READ = 100, 1.5  # counts of the camera, without light and of its noise
_THRESHOLD = 3.5  # px: nuclei are not sharper than that, and verdicts of a plate need one threshold for all


def parts(light: Any) -> Any:
    """Return labels (H, W) of what shines: by Otsu's threshold, touching nuclei parted by their middles."""
    from skimage import feature, filters, measure, morphology, segmentation

    smooth = filters.gaussian(light, 2)
    inside = morphology.remove_small_holes(smooth > filters.threshold_otsu(smooth), max_size=_LEAST)
    inside = morphology.remove_small_objects(inside, max_size=_LEAST)
    away = ndimage.distance_transform_edt(inside)
    middles = feature.peak_local_max(
        filters.gaussian(away, 2), min_distance=_APART, labels=measure.label(inside), exclude_border=False
    )
    seeds = np.zeros(light.shape, int)
    seeds[tuple(middles.T)] = np.arange(1, len(middles) + 1)
    labels = segmentation.watershed(-away, seeds, mask=inside)
    sizes = np.bincount(labels.ravel())
    labels[(sizes < _LEAST)[labels] | (sizes > _MOST)[labels]] = 0
    return labels


def fields(folder: Path, kind: str) -> None:
    """Print the tables of real fields: a row for each with its nuclei, and the fields as frames."""
    print(f"kind of picture: {kind}")
    print("| field | taken for | nuclei | in focus / out / unknown | radius px (5 to 95 %) | threshold px |")
    print("| --- | --- | --- | --- | --- | --- |")
    rows, right, told, total = [], 0, 0, 0
    for file in sorted(one for one in folder.iterdir() if one.stem.startswith(("sharp", "blurred"))):
        picture = defocus.load_image(file)
        analysis = defocus.analyze(picture, kind=kind)
        radius, confidence = analysis.blur_map(unknown="nan"), analysis.confidence
        table = label_table(parts(picture.luminance), radius, confidence, analysis.threshold)
        verdicts = [int(np.sum(table["verdict"] == word)) for word in ("in focus", "out of focus", "unknown")]
        right += verdicts[0] if file.stem.startswith("sharp") else verdicts[1]
        told += verdicts[0] + verdicts[1]
        total += sum(verdicts)
        known = table["median_radius_px"][np.isfinite(table["median_radius_px"])]
        spread = "{:.1f} ({:.1f} to {:.1f})".format(*np.percentile(known, (50, 5, 95))) if known.size else "-"
        told_of = " / ".join(map(str, verdicts))
        cells = (file.stem, analysis.kind, sum(verdicts), told_of, spread, f"{analysis.threshold:.1f}")
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        rows.append({"field": file.stem, **frame_row(radius, confidence, analysis.threshold)})
    print(f"nuclei with a verdict: {told} of {total}; of those right: {right} ({right / max(told, 1):.1%})\n")
    frames = frame_table(rows)
    print("| field as a frame | " + " | ".join(name for name in frames if name != "field") + " |")
    print("| --- " * len(frames) + "|")
    for row in zip(*frames.values(), strict=True):
        print("| " + " | ".join(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row) + " |")


def plate(shape: str) -> None:
    """Print how far the tables of a simulated plate, blurred by discs or Gaussians, are from what is known."""
    errors, verdicts, unknown, rows = [], [], 0, []
    for well, radius in enumerate(_RADII):
        for field in range(_FIELDS):
            rng = np.random.default_rng([well, field])
            sharp = nuclei(rng)
            labels, _ = ndimage.label(sharp > 0)
            light = blurred(sharp, shape, float(radius)) if radius else sharp
            counts = _OFFSET + rng.poisson(_ELECTRONS * light) + rng.normal(0, _READ, light.shape)
            picture = np.clip(np.rint(counts), 0, 65535).astype(np.uint16)
            analysis = defocus.analyze(picture, kind="fluorescence")
            map_, confidence = analysis.blur_map(unknown="nan"), analysis.confidence
            table = label_table(labels, map_, confidence, _THRESHOLD)
            large = table["pixels"] >= _LEAST
            tells = large & (table["verdict"] != "unknown")
            unknown += int(np.sum(large & ~tells))
            errors += [(radius, found - radius) for found in table["median_radius_px"][tells]]
            verdicts += [(radius, word == ("in focus" if radius <= _THRESHOLD else "out of focus"))
                         for word in table["verdict"][tells]]  # fmt: skip
            rows.append({"well": well, "field": field, **frame_row(map_, confidence, _THRESHOLD)})
    off = np.array([error for _, error in errors])
    near = np.array([abs(radius - _THRESHOLD) < 1 for radius, _ in verdicts])
    right = np.array([word for _, word in verdicts])
    frames = frame_table(rows)
    of_fields = np.abs(frames["median_radius_px"] - _RADII[frames["well"]])
    cells = (
        shape,
        f"{len(off)}, {unknown} unknown",
        f"{np.median(np.abs(off)):.2f}, {np.percentile(np.abs(off), 95):.2f}",
        f"{np.median(off):+.2f}",
        f"{right.mean():.1%}",
        f"{right[~near].mean():.1%}",
        f"{np.nanmedian(of_fields):.2f}, {np.nanpercentile(of_fields, 95):.2f}",
    )
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Print all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(__file__).parents[2] / "shared" / "data" / "microscopy_dev"
    parser.add_argument("folder", type=Path, nargs="?", default=shared)
    folder = parser.parse_args().folder
    if folder.is_dir():
        for kind in ("auto", "fluorescence"):
            fields(folder, kind)
            print()
    heads = (
        "plate blurred by a",
        "cells",
        "error of their radius px: median, 95 %",
        "bias px",
        f"right verdicts, in focus up to {_THRESHOLD:g} px",
        "of those 1 px or more from it",
        "error of fields px: median, 95 %",
    )
    print("| " + " | ".join(heads) + " |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for shape in ("gaussian", "disc"):
        plate(shape)


if __name__ == "__main__":
    main()
