"""Fit the weights of `ConfidenceTuning` on pictures of known blur; print how well they are calibrated on others.

    python -m benchmarks.fit_confidence [DATA]

Sharp sample pictures, and those of DATA's pixel4_sharp_dev where it is given, blurred by known radii with noise, as
photographs and under a microscope; simulated nuclei for fluorescence, blurred by Gaussians and by discs. Some are
blurred by more than the largest radius that is looked for, where no answer is right. Left out picture by picture. A
radius is right if it is within 0.3 px of the truth. Then, of other specimens (`benchmarks.shapes`), what the new
weights say, and those in use.
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import numpy as np
from scipy import ndimage, optimize, signal

import defocus
from benchmarks.shapes import scenes
from benchmarks.simulated_scenes import blurred, scene
from benchmarks.specimens import specimen
from defocus.answer.confidence import probability_right
from defocus.psf import as_psf
from defocus.tuning import TUNING, changed

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"
_RADII = (0.8, 1.5, 2.5, 4.0, 6.0)
_BEYOND = (9.0, 12.0, 16.0)  # px, where up to 8 are looked for
_SENSOR = 0.4  # px of blur that sharp pictures of cameras have already
_EVERY = 7  # samples: neighbours say the same
_FIELDS = 48  # of fluorescence: what is right hangs on the specimen more than on all else
_PENALTY = 1e-3
_UNDER_THE_MICROSCOPE = (
    *((radius, "auto") for radius in (0.8, 1.5, 2.5, 4.0, 6.0, 8.0, 12.0, 20.0, 40.0)),
    *((6.0, 4.0), (12.0, 4.0), (12.0, 8.0), (20.0, 8.0)),
)
"""Radius, and the largest that is looked for, of fluorescence: a third lie beyond that."""
_OTHERS = (
    ("blurred by Gaussians", "gaussian", (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0), "auto"),
    ("blurred by small discs", "disc", (1.0, 2.0, 3.0), "auto"),
    ("blurred by large discs", "disc", (4.0, 6.0, 8.0, 12.0), "auto"),
    ("beyond what is looked for", "gaussian", (6.0, 8.0, 12.0), 4.0),
)


def sharp_pictures(data):
    files = [SAMPLES / name for name in ("gravel.png", "grass.png", "coffee.jpg", "china.jpg")]
    return files + (sorted((data / "pixel4_sharp_dev" / "image").iterdir()) if data else [])


def photographs(data):
    """Picture, truth and source: uniform blur as a camera would see it, and scenes."""
    for number, file in enumerate(sharp_pictures(data)):
        light = defocus.load_image(file).luminance
        rng = np.random.default_rng(number)
        for radius in (*_RADII, *_BEYOND):
            noisy = blurred(light, np.full(light.shape, radius, np.float32)) + rng.normal(0, 0.004, light.shape)
            picture = np.clip(np.rint(noisy * 255), 0, 255).astype(np.uint8)
            if rng.random() < 0.5:  # parts, which show less of their surroundings
                top, left = (int(rng.integers(0, size // 2)) for size in light.shape)
                picture = picture[top : top + light.shape[0] // 2, left : left + light.shape[1] // 2]
            yield picture, np.full(picture.shape, np.hypot(radius, _SENSOR)), file.stem, {}
        for _ in range(3):
            picture, truth, _ = scene(light, np.ascontiguousarray(light[::-1]), rng)
            yield picture, np.maximum(truth, _SENSOR), file.stem, {}


def fluorescence(_data):
    """Textured nuclei and other specimens, as counts, and the largest radius to look for; some are cut off above."""
    for number in range(_FIELDS):
        rng = np.random.default_rng(number)
        field = nuclei(rng) if number % 2 == 0 else specimen((320, 320), rng, points=False)
        for place, (radius, largest) in enumerate(_UNDER_THE_MICROSCOPE):
            picture = counted(blurred_field(field, ("gaussian", "disc")[(number // 2 + place) % 2], radius), rng)
            yield picture, np.full(field.shape, radius), str(number), {"max_radius": largest}


def nuclei(rng):
    """Return discs with grain, (320, 320)."""
    field = np.zeros((320, 320))
    y, x = np.mgrid[:320, :320]
    for _ in range(30):
        row, column = rng.uniform(15, 305, 2)
        field[(y - row) ** 2 + (x - column) ** 2 < rng.uniform(6, 13) ** 2] = rng.uniform(0.4, 1)
    grain = ndimage.gaussian_filter(rng.standard_normal(field.shape), rng.uniform(0.6, 1.6))
    return field * np.clip(1 + rng.uniform(0.2, 0.6) * grain / grain.std(), 0.1, None)


def blurred_field(field, shape, radius):
    """Return the light of a field, blurred; the margin beyond it is dark."""
    return np.maximum(signal.fftconvolve(field, as_psf(shape).kernel(radius), mode="same"), 0)


def counted(light, rng):
    """Return light as a camera counts it, uint16."""
    light = rng.uniform(200, 3000) * light / max(light.max(), 1e-9) + 12
    counts = 100 + rng.poisson(light) + rng.normal(0, 1.5, light.shape)
    if rng.random() < 0.4:
        counts = np.minimum(counts, np.percentile(counts, rng.uniform(97, 99.7)))
    return counts.clip(0).astype(np.uint16)


def other_specimens(shape, radii, largest):
    """Nuclei and cells of `benchmarks.shapes`, none of which anything was fitted on."""
    for kind in ("nuclei", "cells"):
        for radius in radii:
            for number, picture in enumerate(scenes(kind, shape, radius)):
                yield picture, np.full(picture.shape, radius), f"{kind} {number}", {"max_radius": largest}


def gathered(pictures, kind, tuning):
    """Of some samples features, whether the radius is right, the largest, and beyond it; and source; by shape told."""
    found = {told: ([], [], [], [], []) for told in ("", "_disc")}
    for picture, truth, name, chosen in pictures:
        answer = defocus.analyze(picture, kind=kind, tuning=tuning, **chosen).answer
        if not answer.has_evidence or answer.evidence.shape_doubt:
            continue
        radius, radii = answer.sample_radii(), answer.evidence.radii
        features = answer.confidence_features()
        known = np.zeros(radius.shape, bool)
        known[::2, ::_EVERY] = True
        known &= answer.judged_samples
        there = answer.evidence.at_samples(truth)
        rows, right, end, beyond, source = found["_disc" if answer.evidence.told_disc else ""]
        rows.append(features[known])
        right.append((np.abs(radius - there) <= tuning.confidence.near)[known])
        end.append(radius[known] >= radii[-1] - tuning.confidence.near)
        beyond.append(there[known] > radii[-1] + tuning.confidence.near)
        source += [name] * int(known.sum())
    return {
        kind + told: (np.concatenate(rows).astype(float), *map(np.concatenate, parts), np.array(source))
        for told, (rows, *parts, source) in found.items()
        if rows
    }


_PICTURES = {"photograph": photographs, "brightfield": photographs, "fluorescence": fluorescence}


def fitted(features, right):
    """Weights of greatest likelihood, with a small penalty."""

    def loss(weights):
        score = features @ weights
        slope = features.T @ (1 / (1 + np.exp(-score)) - right) / len(right)
        value = np.mean(np.logaddexp(0, score) - right * score)
        return value + _PENALTY * (weights[1:] ** 2).sum(), slope + 2 * _PENALTY * np.append(0, weights[1:])

    return optimize.minimize(loss, np.zeros(features.shape[1]), jac=True).x


def reliability(said, right):
    """Mean difference of what was said and what was right over fifths, and each of them."""
    rows = []
    for low in np.arange(0, 1, 0.2):
        here = (said >= low) & (said < low + 0.2)
        if here.sum() > 0.01 * len(said):
            rows.append((float(said[here].mean()), float(right[here].mean()), float(here.mean())))
    return float(np.mean([abs(a - b) for a, b, _ in rows])), rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--weights", default="", help="file of the learned prior; the suite's own unless given")
    parser.add_argument("--kinds", nargs="*", choices=list(_PICTURES), default=list(_PICTURES))
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the features, or take them if they are there")
    given = parser.parse_args()
    tuning = changed({"prior.weights": given.weights}) if given.weights else TUNING
    if given.keep and given.keep.exists():
        samples, others = pickle.loads(given.keep.read_bytes())
    else:
        samples = {}
        for kind in given.kinds:
            samples |= gathered(_PICTURES[kind](given.data), kind, tuning)
        others = {}
        for name, *asked in _OTHERS if "fluorescence" in given.kinds else ():
            others[name] = gathered(other_specimens(*asked), "fluorescence", tuning)
        if given.keep:
            given.keep.write_bytes(pickle.dumps((samples, others)))
    kept = {}
    for kind, (features, right, end, beyond, source) in samples.items():
        said = np.empty(len(right))
        for name in np.unique(source):
            there = source == name
            said[there] = 1 / (1 + np.exp(-features[there] @ fitted(features[~there], right[~there])))
        error, rows = reliability(said, right)
        in_use = probability_right(features[:, None].astype(np.float32), kind, tuning.confidence)[:, 0]
        now, rows_in_use = reliability(in_use, right)
        kept[kind] = fitted(features, right)
        weights = ", ".join(f"{w:.2f}" for w in kept[kind])
        print(
            f"{kind}: {len(right)} samples, right {right.mean():.2f}; calibration error {error:.3f}, in use {now:.3f}"
        )
        for words, each in (("said", rows), ("in use said", rows_in_use)):
            print(f"  {words} / right / share: " + "; ".join(f"{a:.2f} {b:.2f} {c:.2f}" for a, b, c in each))
        surprise = -np.log(np.where(right, said, 1 - said)).mean()
        within = reliability(said[~beyond], right[~beyond])[0]
        print(
            f"  {surprise:.3f} nats a sample; calibration error of what is not beyond what is looked for {within:.3f}"
        )
        if end.any():
            print(
                f"  at the largest radius: {end.mean():.2f} of them, right {right[end].mean():.2f}, "
                f"said {said[end].mean():.2f}, 95 % {np.percentile(said[end], 95):.2f}; "
                f"in use {in_use[end].mean():.2f}, {np.percentile(in_use[end], 95):.2f}"
            )
        print(f"  weights ({weights})", flush=True)
    for name, told in others.items():
        said, used, right, end = [], [], [], []
        for kind, (features, correct, at_end, _, _) in told.items():
            said.append(1 / (1 + np.exp(-features @ kept[kind])))
            used.append(probability_right(features[:, None].astype(np.float32), kind, tuning.confidence)[:, 0])
            right.append(correct)
            end.append(at_end)
        said, used, right, end = (np.concatenate(each) for each in (said, used, right, end))
        shares = ", ".join(f"{kind} {len(told[kind][1])}" for kind in told)
        print(
            f"other specimens, {name} ({shares} samples): right {right.mean():.2f}, said {said.mean():.2f}, "
            f"calibration error {reliability(said, right)[0]:.3f}; in use {used.mean():.2f}, "
            f"{reliability(used, right)[0]:.3f}"
            + (
                f"; at the largest radius said {said[end].mean():.2f}, right {right[end].mean():.2f}"
                if end.any()
                else ""
            )
        )


if __name__ == "__main__":
    main()
