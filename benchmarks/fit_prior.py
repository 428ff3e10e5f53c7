"""Fit the network that `defocus.answer.network` reads, on photographs whose focus is known; score it on others.

    python -m benchmarks.fit_prior DATA [--cache FOLDER] [--folds 0 1 2 3 4 all] [--write FOLDER]

DATA holds cuhk_dev, cuhk_train, szu_train, pixel4_dev and pixel4_sharp_dev, as described in its README. What is
measured in each picture is kept in FOLDER (about 1 GB). Five folds by photograph: ``--folds 0`` keeps a fifth apart,
fits on the rest, prints its scores and writes ``FOLDER/0.npz``; with "all", and without it, all photographs are fitted
on and ``FOLDER/weights.npz`` is written. The networks are fitted side by side, each on one core. Seeded; needs PyTorch
(``pip install --group fit``).
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.prior_pictures import MASKED, Sample, all_samples, fold_of, measure
from defocus.answer.network import CENTERS

EPOCHS, BATCH, RATE, DECAY = 24, 8, 3e-3, 1e-3
# Widths of the first layer and of the levels, and outputs, of each network
_FOCUS, _RADIUS = (48, (24, 40, 56, 64), 1), (40, (16, 24, 32, 40), len(CENTERS))
NETWORKS = {"focus1": _FOCUS, "focus2": _FOCUS, "radius1": _RADIUS, "radius2": _RADIUS}
_LEVELS = 127  # a weight is stored as so many steps of its output's largest one, up or down
_DROP = 0.15
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
    "edited": 0.25,
    "half": 0.25,
    "sharp_edited": 0.5,
}
_EVERY_EPOCH = (*MASKED, "sharp", "blurred")  # of the others, half
# Channels (of `prior_features`) of energies and brightness, which an exposure moves together
_SPREAD = 0.12


@dataclass
class Grid:
    """Features and truth of one picture."""

    sample: Sample
    features: np.ndarray
    truth: np.ndarray  # share in focus; empty where only radii are known
    shares: np.ndarray  # of the radii `CENTERS`, (16, h, w); empty where only the focus is known


class Pair(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shortcut(x) + functional.relu(self.second(functional.relu(self.first(x))))


class Network(nn.Module):
    """As `defocus.answer.network` describes it."""

    def __init__(self, inputs: int, name: str) -> None:
        super().__init__()
        first, widths, outputs = NETWORKS[name]
        self.levels = len(widths)
        self.squeeze = nn.ModuleList([nn.Conv2d(inputs, first, 1), nn.Conv2d(first, widths[0], 1)])
        self.down = nn.ModuleList([Pair(a, b) for a, b in zip((widths[0], *widths), widths, strict=False)])
        self.whole = nn.ModuleList([nn.Linear(widths[-1], widths[-1]), nn.Linear(widths[-1], widths[-1])])
        self.rise = nn.ModuleList([nn.Conv2d(b, a, 1) for a, b in itertools.pairwise(widths)])
        self.up = nn.ModuleList([Pair(a, a) for a in widths[:-1]])
        self.last = nn.Conv2d(widths[0], outputs, 1)

    def forward(self, x: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        x = torch.cat([x * inside, inside], 1)
        x = functional.dropout2d(functional.relu(self.squeeze[0](x)), _DROP, self.training)
        x = functional.relu(self.squeeze[1](x))
        kept = []
        for level, pair in enumerate(self.down):
            if level:
                x = functional.avg_pool2d(x, 2)
                inside = functional.avg_pool2d(inside, 2)
            x = functional.dropout2d(pair(x), _DROP if level > 1 else 0.05, self.training)
            kept.append(x)
        mean = (x * inside).sum((2, 3)) / inside.sum((2, 3))
        x = x + self.whole[1](functional.relu(self.whole[0](mean)))[..., None, None]
        for level in range(self.levels - 2, -1, -1):
            x = functional.interpolate(self.rise[level](x), scale_factor=2, mode="bilinear", align_corners=False)
            x = self.up[level](x + kept[level])
        return self.last(x)


def read_grids(samples: list[Sample], folder: Path) -> tuple[list[Grid], np.ndarray, np.ndarray]:
    """Grids of all pictures, standardised, with the mean and the deviation of each feature."""
    loaded = [np.load(measure(sample, folder)) for sample in samples]
    features = [file["features"].astype(np.float32) for file in loaded]
    some = np.concatenate([f.reshape(len(f), -1)[:, ::17] for f in features], 1)
    mean, deviation = some.mean(1), some.std(1) + 1e-3
    grids = []
    for sample, raw, file in zip(samples, features, loaded, strict=True):
        scaled = (raw - mean[:, None, None]) / deviation[:, None, None]
        known = [file[name] if name in file else np.zeros((0, 0, 0), np.float16) for name in ("truth", "shares")]
        grids.append(Grid(sample, scaled.astype(np.float16), *known))
    return grids, mean, deviation


def changed(grid: Grid, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Features and truth, mirrored, cut and with every feature moved a little."""
    x = grid.features.astype(np.float32)
    truth = grid.shares if grid.shares.size else grid.truth[np.newaxis]
    if rng.random() < 0.5:
        x, truth = x[:, :, ::-1], truth[:, :, ::-1]
    if rng.random() < 0.1:
        x, truth = x[:, ::-1], truth[:, ::-1]
    if rng.random() < 0.3:
        height, width = x.shape[1:]
        tall, wide = (max(12, int(size * rng.uniform(0.45, 0.95))) for size in (height, width))
        top, left = rng.integers(0, max(height - tall, 0) + 1), rng.integers(0, max(width - wide, 0) + 1)
        x, truth = (a[:, top : top + tall, left : left + wide] for a in (x, truth))
    x = x * rng.normal(1, 0.08, (len(x), 1, 1)).astype(np.float32)
    return x + rng.normal(0, _SPREAD, (len(x), 1, 1)).astype(np.float32), truth.astype(np.float32)


def batches(grids: list[Grid], rng: np.random.Generator):
    """Batches of pictures of like shape: features, where they are, share in focus, of radii, and weights."""
    wide = [g for g in grids if g.features.shape[1] <= g.features.shape[2]]
    tall = [g for g in grids if g.features.shape[1] > g.features.shape[2]]
    groups = []
    for some in (wide, tall):
        order = rng.permutation(len(some))
        groups += [[some[i] for i in order[k : k + BATCH]] for k in range(0, len(some), BATCH)]
    for k in rng.permutation(len(groups)):
        parts = [changed(grid, rng) for grid in groups[k]]
        height, width = (-(-max(t.shape[axis] for _, t in parts) // 8) * 8 for axis in (1, 2))
        x = np.zeros((len(parts), len(parts[0][0]), height, width), np.float32)
        inside, truth, shares = (np.zeros((len(parts), n, height, width), np.float32) for n in (1, 1, len(CENTERS)))
        for i, (features, t) in enumerate(parts):
            _, h, w = t.shape
            x[i, :, :h, :w], inside[i, 0, :h, :w] = features, 1
            (truth if len(t) == 1 else shares)[i, :, :h, :w] = t
        weight = np.array([_WEIGHTS.get(g.sample.set, 0) for g in groups[k]], np.float32)
        yield tuple(torch.from_numpy(a) for a in (x, inside, truth[:, 0], shares, weight))


def loss_of(logits: torch.Tensor, truth: torch.Tensor, inside: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, and what both sides lack of an intersection over union of one."""
    count = inside.sum((1, 2))
    entropy = (functional.binary_cross_entropy_with_logits(logits, truth, reduction="none") * inside).sum(
        (1, 2)
    ) / count
    focus = torch.sigmoid(logits)

    def lack(p: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        both, either = (p * t * inside).sum((1, 2)), ((p + t - p * t) * inside).sum((1, 2))
        return 1 - (both + 5) / (either + 5)

    share = (truth * inside).sum((1, 2)) / count
    mixed = ((share > 0.03) & (share < 0.97)).float()
    loss = entropy + 0.35 * mixed * (lack(focus, truth) + lack(1 - focus, 1 - truth))
    return (loss * weight).sum() / weight.sum().clamp(min=1)


def radius_loss(logits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of radii, where they are known."""
    known = shares.sum()
    return -(functional.log_softmax(logits, 1) * shares).sum() / known if known > 0 else logits.sum() * 0


def fit(name: str, grids: list[Grid], epochs: int, seed: int) -> Network:
    """Return a network fitted on the pictures that know its answer: the running mean of its weights."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    grids = [g for g in grids if bool(g.shares.size) == (name.startswith("radius"))]
    network = Network(grids[0].features.shape[0] + 1, name).to(memory_format=torch.channels_last)
    mean = Network(grids[0].features.shape[0] + 1, name)
    mean.load_state_dict(network.state_dict())
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    main = [g for g in grids if name.startswith("radius") or g.sample.set in _EVERY_EPOCH]
    rest = [g for g in grids if not (name.startswith("radius") or g.sample.set in _EVERY_EPOCH)]
    total = epochs * -(-(len(main) + len(rest) // 2) // BATCH)
    done, start = 0, time.time()
    for epoch in range(epochs):
        half = [rest[i] for i in rng.permutation(len(rest))[: len(rest) // 2]]
        losses = []
        for x, inside, truth, shares, weight in batches(main + half, rng):
            part = min(1.0, done / total)
            rate = RATE * min(1, done / 100) * max(0.02, 0.5 * (1 + np.cos(np.pi * part)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(x.to(memory_format=torch.channels_last), inside)
            logits = logits.float()
            loss = (
                radius_loss(logits, shares)
                if name.startswith("radius")
                else loss_of(logits[:, 0], truth, inside[:, 0], weight)
            )
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            done += 1
            keep = min(0.997, (1 + done) / (10 + done))
            with torch.no_grad():
                for a, b in zip(mean.parameters(), network.parameters(), strict=True):
                    a.lerp_(b, 1 - keep)
            losses.append(loss.item())
        print(
            f"{name}, epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.4f}, {time.time() - start:.0f} s",
            flush=True,
        )
    return mean.eval()


def answers(network: Network, grid: Grid) -> np.ndarray:
    """Mean of what is said of a picture and of its mirror image, (outputs, h, w)."""
    height, width = grid.features.shape[1:]
    x = np.zeros((2, len(grid.features), -(-height // 8) * 8, -(-width // 8) * 8), np.float32)
    inside = np.zeros((2, 1, *x.shape[2:]), np.float32)
    x[0, :, :height, :width], x[1, :, :height, :width] = grid.features, grid.features[:, :, ::-1]
    inside[:, :, :height, :width] = 1
    with torch.no_grad():
        both = network(torch.from_numpy(x), torch.from_numpy(inside)).numpy()[..., :height, :width]
    return (both[0] + both[1][..., ::-1]) / 2


def report(networks: list[Network], grids: list[Grid]) -> None:
    """Print scores of the mean of some networks on the cells of pictures that were not fitted on."""
    for name in _WEIGHTS:
        rows = []
        for grid in (g for g in grids if g.sample.set == name):
            focus, truth = np.mean([answers(network, grid)[0] for network in networks], 0) > 0, grid.truth > 0.5
            hit = np.count_nonzero(~focus & ~truth)
            precision, recall = hit / max(np.count_nonzero(~focus), 1), hit / max(np.count_nonzero(~truth), 1)
            both, either = np.count_nonzero(focus & truth), np.count_nonzero(focus | truth)
            rows.append(
                (
                    1.3 * precision * recall / max(0.3 * precision + recall, 1e-9),
                    hit / max(np.count_nonzero(~focus | ~truth), 1),
                    np.mean(focus != truth),
                    both / max(either, 1),
                    np.mean(focus),
                )
            )
        if rows:
            f, blur, error, focus_iou, share = np.mean(rows, 0)
            wrong = np.mean(np.array(rows)[:, 2] > 0.3)
            print(
                f"  {name}, {len(rows)}: blurred F {f:.3f} IoU {blur:.3f} error {error:.3f}, "
                f"in-focus IoU {focus_iou:.3f}, "
                f"over 30 % wrong {wrong:.3f}, share in focus {share:.3f}",
                flush=True,
            )


def report_radii(networks: list[Network], grids: list[Grid]) -> None:
    """Print how far from the truth the median of the learned radii is, in scenes that were not fitted on."""
    rows = []
    for grid in (g for g in grids if g.shares.size):
        logits = np.mean([answers(network, grid) for network in networks], 0)
        known = grid.shares.astype(np.float32).sum(0) > 0.9
        chance = np.exp(logits - logits.max(0))
        below = np.cumsum(chance / chance.sum(0), 0)
        found, truth = CENTERS[(below < 0.5).sum(0)], np.tensordot(CENTERS, grid.shares.astype(np.float32), (0, 0))
        if known.any():
            rows.append(np.abs(found - truth)[known].mean())
    if rows:
        worst = np.sort(rows)[-max(1, len(rows) // 10) :].mean()
        print(f"  scene, {len(rows)}: mean error of radii {np.mean(rows):.3f} px, worst tenth {worst:.3f}")


def stored(name: str, value: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays that stand for some weights: kernels as steps of 8 bits and the step of each output, the rest as it is."""
    if value.ndim < 2:
        return {name: value.astype(np.float16)}
    value = value[..., 0, 0] if value.ndim == 4 and value.shape[-1] == 1 else value
    largest = np.abs(value.reshape(len(value), -1)).max(1)
    step = (np.maximum(largest, 1e-6) / _LEVELS).astype(np.float32)
    levels = np.rint(value / step.reshape(-1, *[1] * (value.ndim - 1))).astype(np.int8)
    return {name: levels, f"{name}.step": step}


def write(file: Path, networks: dict[str, Network], mean: np.ndarray, deviation: np.ndarray) -> None:
    """Write the weights, with the features' means and deviations."""
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"features.mean": mean.astype(np.float32), "features.deviation": deviation.astype(np.float32)}
    for kind, network in networks.items():
        for name, value in network.state_dict().items():
            arrays |= stored(f"{kind}.{name}", value.detach().numpy())
    np.savez_compressed(file, **arrays)
    count = sum(value.numel() for network in networks.values() for value in network.parameters())
    print(f"wrote {file}: {count} weights, {file.stat().st_size} bytes", flush=True)


def main() -> None:
    """Measure, fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "defocus_prior")
    parser.add_argument("--folds", nargs="*", default=["all"], help="keep these fifths apart, each in turn; or all")
    parser.add_argument("--every", type=int, default=1, help="only every so many pictures, to try the script")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--write", type=Path, default=Path(__file__).parents[1] / "core/defocus/answer")
    given = parser.parse_args()
    samples = all_samples(given.data)[:: given.every]
    grids, mean, deviation = read_grids(samples, given.cache)
    print(f"{len(grids)} pictures", flush=True)
    _GRIDS.extend(grids)  # forked processes find them here
    jobs = [(fold, name) for fold in given.folds for name in NETWORKS]
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(os.cpu_count(), context, torch.set_num_threads, (1,)) as pool:
        fitted = {job: pool.submit(_fit_without, *job, given.epochs) for job in jobs}
        for fold in given.folds:
            networks = {name: fitted[fold, name].result() for name in NETWORKS}
            write(given.write / ("weights.npz" if fold == "all" else f"{fold}.npz"), networks, mean, deviation)
            if fold != "all":
                print(f"fold {fold}, pictures that were not fitted on")
                apart = [g for g in grids if fold_of(g.sample) == int(fold)]
                report([network for name, network in networks.items() if name.startswith("focus")], apart)
                report_radii([network for name, network in networks.items() if name.startswith("radius")], apart)


_GRIDS: list[Grid] = []


def _fit_without(fold: str, name: str, epochs: int) -> Network:
    """Return a network fitted on the pictures of all other folds; its seed is its number.

    Radii are learned without the first fold also where everything is fitted on, so that scenes are left to score them.
    """
    left_out = 0 if fold == "all" and name.startswith("radius") else fold
    others = [g for g in _GRIDS if left_out == "all" or fold_of(g.sample) != int(left_out)]
    return fit(name, others, epochs, list(NETWORKS).index(name))


if __name__ == "__main__":
    main()
