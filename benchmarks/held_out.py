"""Score masks and maps of photographs by belief tables that have not seen them.

    python -m benchmarks.held_out DATA FOLDS [--every N] [--worst FILE]

DATA is the folder that `benchmarks.fit_belief` was fitted on, FOLDS where it wrote one table for each fold
(``--folds``): each picture is measured with the table of its own fold. Beside the scores of DATA's evaluate.py it
prints the share of masks with more than 30 per cent of all pixels wrong, and for maps the mean order of the worst
tenth. --worst writes the pictures' names and scores, worst masks first.
"""

from __future__ import annotations

import argparse
import importlib.util
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

import defocus
from benchmarks.belief_pictures import MASKED, Sample, fold_of, read_mask
from defocus.tuning import changed

GROUPS = {"szu_train": ("szu_train",), "cuhk_train + cuhk_dev": ("cuhk_train", "cuhk_dev"), "cuhk_dev": ("cuhk_dev",)}
COLUMNS = ("blur F", "blur IoU", "MAE", "focus F", "focus IoU", "order", "over 30 % wrong")


def evaluator(data):
    specification = importlib.util.spec_from_file_location("evaluate", data.parent / "evaluate.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def score(sample, data, tables):
    evaluate = evaluator(data)
    truth = read_mask(sample.file)
    table = tables / f"{fold_of(sample)}.json"
    analysis = defocus.analyze(defocus.load_image(sample.file), tuning=changed({"belief.table": str(table)}))
    mask = analysis.focus_mask()
    found = evaluate.mask_scores(mask.astype(np.float32), truth)
    found.update(evaluate.order_score(analysis.blur_map(), truth))
    found["over 30 % wrong"] = float(np.mean(mask != truth) > 0.3)
    return sample.name, found


def all_sharp_or_blurred(data):
    """Share in focus of pictures that are sharp everywhere, and of those that are blurred everywhere."""
    samples = Path(__file__).resolve().parents[1] / "sample_data"
    sharp = [
        *sorted((data / "pixel4_sharp_dev" / "image").iterdir()),
        *(samples / n for n in ("gravel.png", "grass.png", "coffee.jpg")),
    ]
    for title, files in (
        ("sharp everywhere", sharp),
        ("blurred everywhere", sorted((data / "pixel4_dev" / "image").iterdir())),
    ):
        shares = {file.stem: float(defocus.focus_mask(defocus.load_image(file)).mean()) for file in files}
        listed = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        print(
            f"{title}, in focus: mean {np.mean(list(shares.values())):.3f}, least {min(shares.values()):.3f}, "
            f"most {max(shares.values()):.3f} ({listed}; by the table in use)"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only every so many pictures of each set")
    parser.add_argument("--worst", type=Path, help="file for all pictures' scores, worst first")
    given = parser.parse_args()
    samples = [
        Sample(f"{name}/{file.stem}", file, "mask")
        for name in MASKED
        for file in sorted((given.data / name / "image").iterdir())[:: given.every]
    ]
    with ProcessPoolExecutor(2) as pool:
        found = dict(pool.map(partial(score, data=given.data, tables=given.folds), samples, chunksize=4))
    print("| pictures | " + " | ".join(COLUMNS) + " | worst tenth of order |\n" + "|---" * (len(COLUMNS) + 2) + "|")
    for title, sets in GROUPS.items():
        rows = [values for name, values in found.items() if name.split("/")[0] in sets]
        order = np.sort([row["order"] for row in rows if np.isfinite(row["order"])])
        means = " | ".join(f"{np.nanmean([row[column] for row in rows]):.3f}" for column in COLUMNS)
        print(f"| {title} ({len(rows)}) | {means} | {order[: max(1, len(order) // 10)].mean():.3f} |")
    all_sharp_or_blurred(given.data)
    if given.worst:
        lines = sorted(found.items(), key=lambda item: -item[1]["MAE"])
        text = "\n".join(f"{name}: " + ", ".join(f"{c} {v[c]:.3f}" for c in COLUMNS) for name, v in lines)
        given.worst.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
