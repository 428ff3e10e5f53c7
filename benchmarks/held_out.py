"""Score masks and maps of photographs by learned priors that have not seen them.

    python -m benchmarks.held_out DATA FOLDS [--every N] [--worst FILE]

DATA is the folder that `benchmarks.fit_prior` was fitted on, FOLDS where it wrote the weights of some folds
(``--folds``): each picture of these is measured with the weights of its own fold. Beside the
scores of DATA's evaluate.py it prints the share of masks with more than 30 per cent of all pixels wrong, and for maps
the mean order of the worst tenth. --worst writes the pictures' names and scores, worst masks first.
"""

from __future__ import annotations

import argparse
import importlib.util
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

import defocus
from benchmarks.prior_pictures import MASKED, Sample, all_samples, fold_of, read_mask
from defocus.tuning import changed

GROUPS = {"szu_train": ("szu_train",), "cuhk_train + cuhk_dev": ("cuhk_train", "cuhk_dev"), "cuhk_dev": ("cuhk_dev",)}
COLUMNS = ("blur F", "blur IoU", "MAE", "focus F", "focus IoU", "order", "over 30 % wrong")


def evaluator(data):
    specification = importlib.util.spec_from_file_location("evaluate", data.parent / "evaluate.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def tuning_of(sample, folder):
    return changed({"prior.weights": str(folder / f"{fold_of(sample)}.npz")})


def score(sample, data, tables):
    evaluate = evaluator(data)
    truth = read_mask(sample.file)
    analysis = defocus.analyze(defocus.load_image(sample.file), kind="photograph", tuning=tuning_of(sample, tables))
    mask = analysis.focus_mask()
    found = evaluate.mask_scores(mask.astype(np.float32), truth)
    found.update(evaluate.order_score(analysis.blur_map(), truth))
    found["over 30 % wrong"] = float(np.mean(mask != truth) > 0.3)
    return sample.name, found


def share(sample, tables):
    analysis = defocus.analyze(sample.picture(), kind="photograph", tuning=tuning_of(sample, tables))
    return sample.name, float(analysis.focus_mask().mean())


def all_sharp_or_blurred(data, tables, pool):
    """Share in focus of pictures that are sharp everywhere, and of those that are blurred everywhere."""
    made = [s for s in all_samples(data) if (tables / f"{fold_of(s)}.npz").exists() and s.truth != "mask"]
    for title in ("sharp", "focus_crop", "blurred", "blur_crop", "simulated"):
        found = dict(pool.map(partial(share, tables=tables), [s for s in made if s.set == title]))
        if not found:
            continue
        listed = ", ".join(f"{n} {v:.2f}" for n, v in found.items()) if len(found) < 12 else f"{len(found)} pictures"
        values = list(found.values())
        print(f"{title}, in focus: mean {np.mean(values):.3f}, from {min(values):.3f} to {max(values):.3f} ({listed})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only every so many pictures of each set")
    parser.add_argument("--worst", type=Path, help="file for all pictures' scores, worst first")
    parser.add_argument("--masks", action="store_true", help="only the marked photographs")
    given = parser.parse_args()
    samples = [
        Sample(f"{name}/{file.stem}", file, "mask")
        for name in MASKED
        for file in sorted((given.data / name / "image").iterdir())
    ]
    samples = [s for s in samples if (given.folds / f"{fold_of(s)}.npz").exists()][:: given.every]
    with ProcessPoolExecutor(2) as pool:
        found = dict(pool.map(partial(score, data=given.data, tables=given.folds), samples, chunksize=4))
        report(found)
        if not given.masks:
            all_sharp_or_blurred(given.data, given.folds, pool)
    if given.worst:
        lines = sorted(found.items(), key=lambda item: -item[1]["MAE"])
        text = "\n".join(f"{name}: " + ", ".join(f"{c} {v[c]:.3f}" for c in COLUMNS) for name, v in lines)
        given.worst.write_text(text + "\n", encoding="utf-8")


def report(found):
    print("| pictures | " + " | ".join(COLUMNS) + " | worst tenth of order |\n" + "|---" * (len(COLUMNS) + 2) + "|")
    for title, sets in GROUPS.items():
        rows = [values for name, values in found.items() if name.split("/")[0] in sets]
        order = np.sort([row["order"] for row in rows if np.isfinite(row["order"])])
        means = " | ".join(f"{np.nanmean([row[column] for row in rows]):.3f}" for column in COLUMNS)
        print(f"| {title} ({len(rows)}) | {means} | {order[: max(1, len(order) // 10)].mean():.3f} |")


if __name__ == "__main__":
    main()
