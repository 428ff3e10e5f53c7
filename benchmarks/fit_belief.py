"""Fit the table that `defocus.belief` reads, on photographs whose focus is known; print how well it does on others.

    python -m benchmarks.fit_belief DATA [--cache FOLDER] [--folds FOLDER] [--write FILE]

DATA holds cuhk_dev, cuhk_train, szu_train, pixel4_dev and pixel4_sharp_dev, as described in its README. What is
measured in each picture is kept in FOLDER (about 14 GB). Five folds by photograph; the second pass only ever learns
from first passes that have not seen the picture. The same numbers every time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmarks.belief_fit import area_under_curve, fit
from benchmarks.belief_pictures import MASKED, Sample, all_samples, folds, measure
from defocus.belief.names import CONTEXT_NUMBERS, DIRECTIONS, LOCAL_NUMBERS
from defocus.belief.numbers import local_numbers
from defocus.belief.surroundings import context_numbers
from defocus.belief.trees import TABLE, Trees, sum_of_trees
from defocus.belief.vote import Vote

_FOLDS = 5
_ROUNDS = 250, 200  # trees of the first pass, and of the second, which has a first to go on
_PER_PICTURE = 250  # samples of each picture that are fitted on
# A picture's weight, by set: the made pictures only guard against calling everything in focus, or nothing
_WEIGHTS = {
    "cuhk_dev": 1.25,
    "cuhk_train": 1.25,
    "szu_train": 1.0,
    "sharp": 2.0,
    "blurred": 2.0,
    "focus_crop": 0.5,
    "blur_crop": 0.3,
    "simulated": 0.5,
}


Written = tuple[tuple[str, ...], list[list[list[float]]]]  # names of the numbers, and the trees


@dataclass
class Rows:
    """Samples to fit on: their numbers, the share of their cell in focus, the index of their picture."""

    numbers: np.ndarray
    truth: np.ndarray
    picture: np.ndarray
    weight: np.ndarray


def numbers_of(place: Path) -> np.ndarray:
    """Local numbers of a measured picture, kept beside what was measured."""
    file = place / "numbers.npy"
    if not file.exists():
        small = np.load(place / "small.npz")
        wide = place / "wide.npy"
        evidence = SimpleNamespace(
            profile=np.load(place / "profile.npy").astype(np.float32),
            log_gradient_variance=np.load(place / "log_gradient_variance.npy").astype(np.float32),
            wide=np.load(wide).astype(np.float32) if wide.exists() else None,
            valid_fraction=small["valid_fraction"],
            shape=small["valid_fraction"].shape,
            radii=small["radii"],
            noise_variance=float(small["noise"]),
        )
        voted = Vote(small["vote_preference"], small["vote_mask"])
        shape = tuple(int(side) for side in small["shape"])
        planes = local_numbers(evidence, small["texture"], small["color"], voted, shape, threads=1)  # type: ignore[arg-type]
        np.save(file, planes.astype(np.float16))
    return np.load(file).astype(np.float32)


def gather(samples: list[Sample], folder: Path, context: bool) -> Rows:
    """Some samples of every picture, always the same."""
    numbers, truth = [], []
    for i, sample in enumerate(samples):
        place = folder / sample.name
        small = np.load(place / "small.npz")
        known = np.flatnonzero(small["valid_fraction"].ravel() >= 0.5)
        rng = np.random.default_rng(i)
        chosen = rng.choice(known, _PER_PICTURE, replace=len(known) < _PER_PICTURE)
        planes = numbers_of(place)
        if context:
            planes = np.concatenate([np.load(place / "context.npy").astype(np.float32), planes])
        numbers.append(planes.reshape(len(planes), -1)[:, chosen].T)
        truth.append(small["truth"].ravel()[chosen])
    picture = np.repeat(np.arange(len(samples)), _PER_PICTURE)
    weight = np.array([_WEIGHTS[s.set] for s in samples])[picture]
    return Rows(np.concatenate(numbers), np.concatenate(truth), picture, weight)


def cross_fit(
    rows: Rows, names: tuple[str, ...], fold: np.ndarray, rounds: int
) -> tuple[list[Trees], list[Written], np.ndarray]:
    """Trees of each fold, fitted on the others, and the log-odds of the rows by those that have not seen them."""
    trees, texts, log_odds = [], [], np.empty(len(rows.truth))
    for k in range(_FOLDS):
        others = fold[rows.picture] != k
        found, written = fit(rows.numbers[others], rows.truth[others], rows.weight[others], names, DIRECTIONS, rounds)
        trees.append(found)
        texts.append((names, written))
        planes = np.ascontiguousarray(rows.numbers[~others].T)[:, np.newaxis]
        log_odds[~others] = sum_of_trees(found, planes)[0]
    return trees, texts, log_odds


def write_context(samples: list[Sample], folder: Path, trees: list[Trees], fold: np.ndarray) -> None:
    """Keep what first passes that have not seen a picture say of the surroundings of its samples."""

    def one(i: int) -> None:
        place = folder / samples[i].name
        first = sum_of_trees(trees[fold[i]], numbers_of(place), threads=1)
        np.save(place / "context.npy", context_numbers(first, np.load(place / "small.npz")["color"]).astype(np.float16))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(len(samples))))


def report(label: str, samples: list[Sample], rows: Rows, log_odds: np.ndarray) -> None:
    """Print areas under the curve, and what share of the made pictures is called in focus."""
    print(label)
    for name in _WEIGHTS:
        pictures = [i for i, s in enumerate(samples) if s.set == name]
        if not pictures:
            continue
        if name in MASKED:
            own = [rows.picture == i for i in pictures]
            each = [area_under_curve(log_odds[here], rows.truth[here] > 0.5) for here in own]
            each = np.sort([a for a in each if np.isfinite(a)])
            of_set = np.isin(rows.picture, pictures)
            whole = area_under_curve(log_odds[of_set], rows.truth[of_set] > 0.5)
            worst = each[: max(1, len(each) // 10)].mean()
            print(f"  {name}: area {whole:.4f}; of each picture {np.mean(each):.4f}, worst tenth {worst:.3f}")
        else:
            share = [np.mean(log_odds[rows.picture == i] > 0) for i in pictures]
            print(f"  {name}: in focus {np.mean(share):.3f}, from {min(share):.2f} to {max(share):.2f}")


def as_text(passes: list[Written]) -> str:
    """JSON with one tree a line."""
    parts = []
    for names, trees in passes:
        lines = ",\n".join(" " + json.dumps(tree, separators=(",", ":")) for tree in trees)
        parts.append(f'{{"offset": 0, "names": {json.dumps(names)}, "trees": [\n{lines}]}}')
    return '{\n"photograph": [\n' + ",\n".join(parts) + "]\n}\n"


def main() -> None:
    """Measure, fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "defocus_belief")
    parser.add_argument("--folds", type=Path, help="folder for the table of each fold, for benchmarks.held_out")
    parser.add_argument("--every", type=int, default=1, help="only every so many pictures, to try the script")
    parser.add_argument("--write", type=Path, default=TABLE)
    given = parser.parse_args()
    samples = all_samples(given.data)[:: given.every]
    for done, sample in enumerate(samples):
        measure(sample, given.cache)
        if done % 100 == 0:
            print(f"{done} of {len(samples)} pictures measured", flush=True)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda s: numbers_of(given.cache / s.name), samples))
    fold = folds(samples, _FOLDS)
    rows = gather(samples, given.cache, context=False)
    firsts, first_texts, log_odds = cross_fit(rows, LOCAL_NUMBERS, fold, _ROUNDS[0])
    report("first pass, pictures that were not fitted on", samples, rows, log_odds)
    first = fit(rows.numbers, rows.truth, rows.weight, LOCAL_NUMBERS, DIRECTIONS, _ROUNDS[0])[1]
    write_context(samples, given.cache, firsts, fold)
    rows = gather(samples, given.cache, context=True)
    names = (*CONTEXT_NUMBERS, *LOCAL_NUMBERS)
    _, texts, log_odds = cross_fit(rows, names, fold, _ROUNDS[1])
    report("second pass, pictures that were not fitted on", samples, rows, log_odds)
    if given.folds:
        given.folds.mkdir(parents=True, exist_ok=True)
        for k, passes in enumerate(zip(first_texts, texts, strict=True)):
            (given.folds / f"{k}.json").write_text(as_text(list(passes)), encoding="utf-8")
    second = fit(rows.numbers, rows.truth, rows.weight, names, DIRECTIONS, _ROUNDS[1])[1]
    given.write.write_text(as_text([(LOCAL_NUMBERS, first), (names, second)]), encoding="utf-8")
    print(f"wrote {given.write}")


if __name__ == "__main__":
    main()
