"""Measure everything, print ratios, write the table and the plots that the documentation shows."""

# ruff: noqa: SLF001 - the course of the energy is seen only from inside
from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks import plots
from benchmarks.measure import best_time, in_process
from benchmarks.pictures import SAMPLES, photograph, scene

_PAPER_SECONDS = 600  # for 500 x 500 in MATLAB, as its authors say
_SIZES = ((427, 640), (1000, 1000), (1500, 2000), (2400, 3600), (4000, 6000))


def stages():
    """Time of each stage on pictures of web size, exact and fast."""
    import defocus

    rows = []
    for height, width in ((500, 500), (427, 640)):
        picture = photograph(height, width)
        defocus.analyze(picture).focus_mask()
        evidence, analysis = best_time(lambda picture=picture: defocus.analyze(picture))
        blur, _ = best_time(lambda analysis=analysis: analysis.blur_map())
        mask, _ = best_time(lambda picture=picture: defocus.analyze(picture).focus_mask())
        whole = mask + blur
        size = f"{width} x {height}"
        rows += [
            (f"{size}: evidence", evidence, ""),
            (f"{size}: blur map from evidence", blur, ""),
            (f"{size}: evidence, map and mask", whole, f"paper's MATLAB at 500 x 500: {_PAPER_SECONDS} s"),
        ]
        exact, _ = best_time(lambda picture=picture: defocus.analyze(picture, spacing=1), repeats=1)
        rows.append((f"{size}: exact evidence at every pixel", exact, f"{exact / evidence:.0f} x evidence"))
    for name in ("flower.jpg", "china.jpg", "coffee.jpg"):
        picture = defocus.load_image(SAMPLES / name)
        analysis = defocus.analyze(picture)
        analysis.focus_mask()
        # As a slider moves: each cut goes on from the one before, so all have to be different
        steps = [
            best_time(lambda analysis=analysis, at=at: analysis.focus_mask(threshold=at), 1)[0]
            for at in np.arange(1.0, 4.0, 0.2)
        ]
        text = f"{name}, {picture.shape[1]} x {picture.shape[0]}: mask after the threshold moved by 0.2 px"
        rows.append((text, float(np.median(steps)), f"median of 15; slowest {max(steps):.3f}"))
    start = in_process("start")
    rows.append(("import defocus", start["import"], ""))
    rows.append(("fresh process, map and mask of 640 x 427", start["first"], ""))
    return rows


def labelling(spacing):
    """Energies and times of the fast labelling and of alpha-expansion, in one run."""
    import defocus
    from benchmarks.lower_bound import lower_bound
    from defocus.cuts import labeling, neighbors, reference
    from defocus.pictures.sampling import cell_means

    picture = defocus.as_picture(photograph(427, 640))
    evidence = defocus.analyze(picture, spacing=spacing).evidence
    data_term = np.minimum(evidence.profile + np.float32(0.3) * (evidence.log_gradient_variance), np.float32(1e6))
    data_term -= data_term.min(axis=2, keepdims=True)
    data_term = np.minimum(data_term, np.float32(46))
    weights = neighbors.contrast_weights(cell_means(picture.color, spacing), 3.0, 0.1)
    labeling.coherent_labels(data_term[:60, :60], weights[:, :60, :60])

    points = []
    seconds, labels = best_time(lambda: labeling.coherent_labels(data_term, weights), 1)
    points.append(("moves", seconds, reference.energy(labels, data_term, weights)))
    seconds, labels, last = 0.0, data_term.argmin(axis=2).astype(np.int16), np.inf
    for cycle in range(1, 8):
        spent, labels = best_time(
            lambda labels=labels: reference.alpha_expansion(data_term, weights, cycles=1, start=labels), 1
        )
        seconds += spent
        energy = reference.energy(labels, data_term, weights)
        points.append((f"alpha-expansion, cycle {cycle}", seconds, energy))
        if energy >= last * (1 - 1e-7):
            break
        last = energy
    spent, bound = best_time(lambda: lower_bound(data_term, weights, iterations=100), 1)
    points.append(("lower bound", spent, bound))
    return data_term.shape, points, trace(data_term, weights)


def trace(data_term, weights):
    """Time and energy after each move of the labelling, energies not timed."""
    from defocus.cuts import labeling, reference

    first = labeling._widely_suited_labels(data_term, labeling._FIRST_LABELS)
    moves = labeling._Moves(data_term, weights, first[0])
    seconds, out = 0.0, []
    with ThreadPoolExecutor(3) as pool:
        for part in (0, 1):
            if part == 0:
                plan = labeling._first_moves(first, moves.count)
            else:
                plan = labeling._last_moves(moves.labels[1:-1, 1:-1], moves.count)
            for kind, value in plan:
                spent, _ = best_time(lambda kind=kind, value=value: getattr(moves, kind)(value, pool), 1)
                seconds += spent
                out.append((seconds, reference.energy(moves.labels[1:-1, 1:-1], data_term, weights)))
    return out


def peers():
    """Time of what people would take instead, and how well each finds a mask that is known."""
    import defocus

    picture, truth = scene(427, 640)
    gray = picture.mean(axis=2)
    rows = []

    def add(name, work, sharpness):
        seconds, result = best_time(work, repeats=2)
        values = sharpness(result)
        # The threshold that suits the peer best: how good it could be
        best = max(_overlap(values > cut, truth) for cut in np.quantile(values, np.linspace(0.02, 0.98, 97)))
        rows.append((name, seconds, best))

    add("defocus, mask", lambda: defocus.focus_mask(picture), lambda mask: mask.astype(float))
    add("defocus, blur map", lambda: defocus.blur_map(picture), lambda radius: -radius)
    try:
        import blur_detector
        import cv2
    except ImportError:
        return rows
    gray8 = (gray * 255).astype(np.uint8)

    def laplacian():
        return cv2.GaussianBlur(cv2.Laplacian(gray8, cv2.CV_32F, ksize=3) ** 2, (0, 0), 10)

    add("Laplacian energy (OpenCV)", laplacian, lambda energy: energy)
    add(
        "HiFST (blur-detector)",
        lambda: blur_detector.detectBlur(gray8, show_progress=False),
        lambda found: np.asarray(found, float),
    )
    return rows


def _overlap(mask, truth):
    return float((mask & truth).sum() / (mask | truth).sum())


def main():
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller pictures, labelling at every 4th pixel")
    parser.add_argument("--huge", action="store_true", help="also a plane of 20000 x 20000 px with Dask")
    parser.add_argument("--output", type=Path, default=Path("docs"), help="where table and plots go")
    chosen = parser.parse_args()
    lines = ["# Benchmarks", "", "Made by `python -m benchmarks`. Times are the best of some runs.", ""]

    def table(head, rows):
        block = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        block += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
        lines.extend([*block, ""])
        print("\n".join(block), flush=True)

    table(("stage", "seconds", ""), [(name, f"{seconds:.3f}", note) for name, seconds, note in stages()])

    shape, points, course = labelling(4 if chosen.quick else 2)
    reference = next(point for point in reversed(points) if point[0].startswith("alpha"))
    rows = [
        (
            name,
            f"{seconds:.2f}",
            f"{value:.0f}",
            f"{100 * (value / reference[2] - 1):+.2f} %",
            f"{reference[1] / seconds:.1f}",
        )
        for name, seconds, value in points
    ]
    lines += [f"## Labelling, {shape[1]} x {shape[0]} samples, {shape[2]} labels", ""]
    table(("method", "seconds", "energy", "against alpha-expansion", "times faster"), rows)

    lines += ["## Peers, 640 x 427, a scene whose mask is known", ""]
    found = peers()
    rows = [(name, f"{seconds:.3f}", f"{score:.3f}", f"{seconds / found[0][1]:.1f}") for name, seconds, score in found]
    table(("method", "seconds", "best IoU", "time against our mask"), rows)

    lines += ["## From file to full-size map and mask", ""]
    sizes = _SIZES[:3] if chosen.quick else _SIZES
    paths = [in_process("path", *size) for size in sizes]
    rows = [
        (
            f"{path['pixels'] / 1e6:.2f}",
            *(f"{path['times'][name]:.2f}" for name in ("load", "evidence", "map", "mask", "total", "re-cut")),
            f"{path['peak'] / 1e9:.2f}",
            f"{path['longest_silence']:.2f}",
            f"{path['longest_stop']:.2f}",
        )
        for path in paths
    ]
    head = (
        "megapixels",
        "load s",
        "evidence s",
        "map s",
        "mask s",
        "total s",
        "re-cut s",
        "peak GB",
        "longest silence s",
        "to stop s",
    )
    table(head, rows)

    if chosen.huge:
        huge = in_process("huge", 20000, 2048)
        lines += ["## 20000 x 20000 px with Dask, zarr to zarr", ""]
        table(("seconds", "peak GB"), [(f"{huge['seconds']:.0f}", f"{huge['peak'] / 1e9:.2f}")])

    images = chosen.output / "images"
    images.mkdir(parents=True, exist_ok=True)
    plots.time_and_memory(paths, images)
    plots.energies(points, course, images / "benchmark-labelling.png")
    lines += [f"![{kind}](images/benchmark-{kind}.png)" for kind in ("time", "memory", "labelling")]
    (chosen.output / "benchmarks.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
