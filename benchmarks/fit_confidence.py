"""Fit the weights of `ConfidenceTuning` on pictures of known blur; print how well they are calibrated on others.

    python -m benchmarks.fit_confidence [DATA]

Sharp sample pictures, and those of DATA's pixel4_sharp_dev where it is given, blurred by known radii with noise, as
photographs and under a microscope; simulated nuclei for fluorescence. Left out picture by picture. A radius is right if
it is within 0.3 px of the truth.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage, optimize, signal

import defocus
from benchmarks.simulated_scenes import blurred, scene
from defocus.answer.confidence import confidence_features, probability_right
from defocus.psf import as_psf
from defocus.tuning import TUNING, changed

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"
_RADII = (0.8, 1.5, 2.5, 4.0, 6.0)
_SENSOR = 0.4  # px of blur that sharp pictures of cameras have already
_EVERY = 7  # samples: neighbours say the same
_PENALTY = 1e-3


def sharp_pictures(data):
    files = [SAMPLES / name for name in ("gravel.png", "grass.png", "coffee.jpg", "china.jpg")]
    return files + (sorted((data / "pixel4_sharp_dev" / "image").iterdir()) if data else [])


def photographs(data):
    """Picture, truth and source: uniform blur as a camera would see it, and scenes."""
    for number, file in enumerate(sharp_pictures(data)):
        light = defocus.load_image(file).luminance
        rng = np.random.default_rng(number)
        for radius in _RADII:
            noisy = blurred(light, np.full(light.shape, radius, np.float32)) + rng.normal(0, 0.004, light.shape)
            picture = np.clip(np.rint(noisy * 255), 0, 255).astype(np.uint8)
            if rng.random() < 0.5:  # parts, which show less of their surroundings
                top, left = (int(rng.integers(0, size // 2)) for size in light.shape)
                picture = picture[top : top + light.shape[0] // 2, left : left + light.shape[1] // 2]
            yield picture, np.full(picture.shape, np.hypot(radius, _SENSOR)), file.stem
        for _ in range(3):
            picture, truth, _ = scene(light, np.ascontiguousarray(light[::-1]), rng)
            yield picture, np.maximum(truth, _SENSOR), file.stem


def fluorescence(_data, shapes):
    """Textured nuclei, blurred by a Gaussian or by a disc, as counts; the brightest of some are cut off."""
    for number in range(14):
        rng = np.random.default_rng(number)
        field = np.zeros((320, 320))
        y, x = np.mgrid[:320, :320]
        for _ in range(30):
            row, column = rng.uniform(15, 305, 2)
            field[(y - row) ** 2 + (x - column) ** 2 < rng.uniform(6, 13) ** 2] = rng.uniform(0.4, 1)
        grain = ndimage.gaussian_filter(rng.standard_normal(field.shape), rng.uniform(0.6, 1.6))
        field *= np.clip(1 + rng.uniform(0.2, 0.6) * grain / grain.std(), 0.1, None)
        for radius in (0.8, 2.0, 3.0, 4.0, 6.0, 8.0):
            kernel = as_psf(shapes[number % len(shapes)]).kernel(radius)
            light = rng.uniform(200, 3000) * np.maximum(signal.fftconvolve(field, kernel, mode="same"), 0) + 12
            counts = 100 + rng.poisson(light) + rng.normal(0, 1.5, light.shape)
            if rng.random() < 0.4:
                counts = np.minimum(counts, np.percentile(counts, rng.uniform(97, 99.7)))
            yield counts.clip(0).astype(np.uint16), np.full(field.shape, radius), str(number)


def gathered(pictures, kind, data, tuning):
    """Features, whether the radius is right, and the source of some samples; of fluorescence by the shape told."""
    rows, right, source = [], [], []
    for picture, truth, name in pictures(data):
        answer = defocus.analyze(picture, kind=kind.split("_")[0], tuning=tuning).answer
        if not answer.has_evidence or answer.evidence.shape_doubt:
            continue
        if answer.evidence.told_disc != kind.endswith("_disc"):
            continue
        radius, radii = answer.sample_radii(), answer.evidence.radii
        learned = answer.learned.costs if kind == "photograph" else None
        features = confidence_features(answer.likelihood, learned, radius, radii, tuning.confidence)
        known = np.zeros(radius.shape, bool)
        known[::2, ::_EVERY] = True
        known &= answer.judged_samples
        there = truth[np.ix_(answer.evidence.rows, answer.evidence.columns)]
        rows.append(features[known])
        right.append((np.abs(radius - there) <= tuning.confidence.near)[known])
        source += [name] * int(known.sum())
    return np.concatenate(rows).astype(float), np.concatenate(right), np.array(source)


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
    given = parser.parse_args()
    tuning = changed({"prior.weights": given.weights}) if given.weights else TUNING
    for kind, pictures in (
        ("photograph", photographs),
        ("brightfield", photographs),
        ("fluorescence", partial(fluorescence, shapes=("gaussian",))),
        ("fluorescence_disc", partial(fluorescence, shapes=("gaussian", "disc"))),
    ):
        features, right, source = gathered(pictures, kind, given.data, tuning)
        said = np.empty(len(right))
        for name in np.unique(source):
            there = source == name
            said[there] = 1 / (1 + np.exp(-features[there] @ fitted(features[~there], right[~there])))
        error, rows = reliability(said, right)
        now, _ = reliability(
            probability_right(features[:, None].astype(np.float32), kind, tuning.confidence)[:, 0], right
        )
        weights = ", ".join(f"{w:.2f}" for w in fitted(features, right))
        print(
            f"{kind}: {len(right)} samples, right {right.mean():.2f}; calibration error {error:.3f}, in use {now:.3f}"
        )
        print("  said / right / share: " + "; ".join(f"{a:.2f} {b:.2f} {c:.2f}" for a, b, c in rows))
        print(f"  weights ({weights})", flush=True)


if __name__ == "__main__":
    main()
