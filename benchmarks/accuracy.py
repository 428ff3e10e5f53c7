"""Measure accuracy: masks and radii against known truth, each part of the estimator switched off in turn, and peers.

    python benchmarks/accuracy.py [--ablation] [--peers] [-o FOLDER]

Photographs with truth are taken from ../shared/data beside the project where it exists, and scored by the evaluate.py
that lies beside it; simulated pictures are made here. Prints one table, and writes it with a page of pictures, worst
first, to FOLDER.
"""

from __future__ import annotations

import argparse
import html
import importlib.util
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

import defocus
from defocus.psf.simulation import ramp, simulate_blur
from defocus.tuning import changed, describe_tuning

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
DOCUMENT = ROOT / "docs" / "accuracy.md"  # what follows its mark is replaced by the table
RAMP = "simulated ramp, 0 to 8 px, noise 1e-6: mean squared error of the map"
OTHER = {"mask": "map", "radius": "mask"}  # what a variant changes that cannot matter for a kind of truth
SETS = {"cuhk_dev": "mask", "rtf_dev": "radius", "pixel4_dev": "radius"}


def variants():
    """What each variant changes: parameters of the analysis, parameters of the mask, numbers of the tuning."""
    made = {
        "default": ({}, {}, {}),
        "as published (method=paper)": ({"method": "paper"}, {}, {}),
        "noise variance 1e-4, not measured": ({"noise": 1e-4}, {}, {}),
        "no blur by the sensor": ({"sensor_blur": 0.0}, {}, {}),
        "threshold 2 px for all (mask)": ({}, {"threshold": 2.0}, {}),
        "window 31 px": ({"window": 31}, {}, {}),
        "window 61 px": ({"window": 61}, {}, {}),
        "samples 2 px apart": ({"spacing": 2}, {}, {}),
    }
    # Each part of the tuning that can be switched off, all its numbers together
    for number in describe_tuning():
        if number.off is not None:
            _, _, numbers = made.setdefault(number.worth, ({}, {}, {}))
            numbers[number.name] = number.off
    return made


VARIANTS = variants()


def evaluator():
    spec = importlib.util.spec_from_file_location("evaluate", SHARED / "evaluate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def estimate(picture, kind, variant, **known):
    """One variant's mask or map of one picture."""
    first, then, numbers = VARIANTS[variant]
    done = defocus.analyze(picture, tuning=changed(numbers), **{**known, **first})
    return done.focus_mask(**then) if kind == "mask" else done.blur_map()


def laplacian_mask(picture):
    """The usual quick measure: energy of the Laplacian in a window, split by Otsu's threshold."""
    grey = picture.luminance
    padded = np.pad(grey, 1, mode="symmetric")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * grey

    level = np.log(ndimage.uniform_filter(laplacian.astype(float) ** 2, 41, mode="nearest") + 1e-9)
    counts, edges = np.histogram(level, 256)
    middles = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    mean = np.cumsum(counts * middles)
    with np.errstate(all="ignore"):
        between = (mean[-1] * below / below[-1] - mean) ** 2 / (below * (below[-1] - below))
    return level > middles[np.nanargmax(between[:-1])]


def hifst_mask(picture):
    """HiFST (Golestaneh and Karam, CVPR 2017) as PyPI's blur-detector has it: 1 = blurred in its output."""
    from blur_detector import detectBlur

    grey = (picture.luminance * 255).astype(np.uint8)
    blur = np.asarray(detectBlur(grey, downsampling_factor=4, num_scales=4, scale_start=2, num_iterations_RF_filter=3))
    level = np.asarray(Image.fromarray(blur.astype(np.float32)).resize(grey.shape[::-1]))
    level = (level - level.min()) / max(float(np.ptp(level)), 1e-9)
    return level > 0.5


PEERS = {"Laplacian energy, Otsu": laplacian_mask, "HiFST (blur-detector)": hifst_mask}


def score_one(job):
    name, file, variant = job
    kind = SETS[name]
    picture = defocus.load_image(file)
    result = PEERS[variant](picture) if variant in PEERS else estimate(picture, kind, variant)
    score = evaluator()
    if kind == "mask":
        truth = np.asarray(Image.open(SHARED / "data" / name / "mask" / f"{file.stem}.png").convert("L")) < 128
        return score.mask_scores(result.astype(np.float32), truth), result
    truth = np.load(SHARED / "data" / name / "radius" / f"{file.stem}.npy")
    return score.radius_scores(result, truth), result


def ramp_error(job):
    """Mean squared error of the map for the paper's Fig. 8 setting: radius from 0 to 8 px along x, noise 1e-6."""
    file, variant = job
    grey = defocus.load_image(file).luminance
    truth = ramp(grey.shape)
    picture = defocus.as_picture(simulate_blur(grey, truth, noise=1e-6))
    return float(((estimate(picture, "radius", variant, noise=1e-6) - truth) ** 2).mean())


def table(rows):
    """Markdown table of variants by measures; the measures of each set differ."""
    lines = []
    for name, variants in rows.items():
        measures = list(next(iter(variants.values())))
        lines += [f"\n**{name}**\n", "| variant | " + " | ".join(measures) + " |", "|---" * (len(measures) + 1) + "|"]
        for variant, scores in variants.items():
            lines.append(f"| {variant} | " + " | ".join(f"{scores[m]:.3f}" for m in measures) + " |")
    return "\n".join(lines)


def page(folder, results):
    """Pictures with their masks or maps, worst first."""
    parts = ["<!doctype html><meta charset=utf-8><title>Accuracy</title><h1>Accuracy, worst first</h1>"]
    for name, found in results.items():
        key = "focus IoU" if SETS[name] == "mask" else "MAE"
        found.sort(key=lambda item: item[1][key] * (1 if key == "focus IoU" else -1))
        parts.append(f"<h2>{name}</h2>")
        for file, scores, result in found:
            shown = result * 255.0 if SETS[name] == "mask" else np.clip(result / 8, 0, 1) * 255
            Image.fromarray(shown.astype(np.uint8)).save(folder / f"{name}_{file.stem}.png")
            text = ", ".join(f"{k} {v:.3f}" for k, v in scores.items())
            parts.append(
                f"<p>{html.escape(file.stem)}: {text}<br><img height=220 src='{file.as_uri()}'>"
                f" <img height=220 src='{name}_{file.stem}.png'></p>"
            )
    (folder / "index.html").write_text("\n".join(parts), encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ablation", action="store_true", help="also switch off each part in turn")
    parser.add_argument("--peers", action="store_true", help="also run other programs on the masks")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "accuracy_output")
    chosen = parser.parse_args(arguments)
    chosen.output.mkdir(parents=True, exist_ok=True)
    names = list(VARIANTS) if chosen.ablation else ["default", "as published (method=paper)"]
    rows, shown = {}, {}
    with ProcessPoolExecutor(2) as pool:
        for name, kind in SETS.items():
            files = sorted((SHARED / "data" / name / "image").glob("*")) if SHARED.exists() else []
            if not files:
                print(f"{name}: not here, left out", file=sys.stderr)
                continue
            peers = list(PEERS) if chosen.peers and kind == "mask" else []
            variants = [name for name in names if f"({OTHER[kind]})" not in name]
            rows[name] = {}
            for variant in variants + peers:
                done = list(pool.map(score_one, [(name, file, variant) for file in files]))
                rows[name][variant] = {m: float(np.mean([s[m] for s, _ in done])) for m in done[0][0]}
                if variant == "default":
                    shown[name] = [(file, *item) for file, item in zip(files, done, strict=True)]
                print(name, variant, {m: round(v, 3) for m, v in rows[name][variant].items()}, flush=True)
        sharp = [ROOT / "sample_data" / name for name in ("grass.png", "china.jpg", "coffee.jpg")]
        rows[RAMP] = {}
        variants = [name for name in names if "(mask)" not in name]
        for variant in variants:
            errors = pool.map(ramp_error, [(file, variant) for file in sharp])
            rows[RAMP][variant] = {file.stem: error for file, error in zip(sharp, errors, strict=True)}
            print(RAMP, variant, {m: round(v, 3) for m, v in rows[RAMP][variant].items()}, flush=True)
    text = table(rows)
    print(text)
    (chosen.output / "table.md").write_text(text + "\n", encoding="utf-8")
    if chosen.ablation and chosen.peers and set(SETS) <= set(rows):
        before, mark, _ = DOCUMENT.read_text(encoding="utf-8").partition("<!-- table -->\n")
        DOCUMENT.write_text(before + mark + text + "\n", encoding="utf-8")
    page(chosen.output, shown)


if __name__ == "__main__":
    main()
