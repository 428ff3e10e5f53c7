"""Fit the weights of `KindTuning`: what is fluorescence, of pictures without colours; judge them on others.

    python -m benchmarks.fit_kind DATA [--judge FOLDER ...] [--keep FILE]

Fitted on simulated specimens (`benchmarks.specimens`) against photographs of DATA's cuhk_train and szu_train without
their colours, as they are, blurred throughout, and parts of them; textures, noise and transmitted light. Judged on
none of those: DATA's other photographs, the suite's and scikit-image's samples, DATA's microscopy_dev, and the pictures
of the folders FOLDER/fluorescence and FOLDER/other, as they are and blurred.
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage, optimize

import defocus
from benchmarks.simulated_scenes import texture
from benchmarks.specimens import beads, fluorescence, lonely, transmitted
from defocus.errors import DefocusError
from defocus.pictures.kind import kind_features, told_kind
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"
_SIMULATED = 1200  # fields of fluorescence
_OTHERS = 300  # of each other simulated kind
_PENALTY = 1e-4
_GRID = np.s_[:, None], np.s_[None, :]
_BLURS = (4, 8, 16, 32)  # px, twice the standard deviation of a Gaussian
_SKIMAGE = ("brick", "camera", "chelsea", "clock", "coins", "grass", "gravel", "moon", "page", "rocket", "text")


def _blurred(light: Any, radius: float) -> Any:
    return ndimage.gaussian_filter(light, radius / 2, mode="nearest") if radius else light


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file()) if folder.is_dir() else []


def _light(file: Path) -> Any:
    return defocus.load_image(file).luminance


def to_fit(data: Path) -> Iterator[tuple[bool, Any]]:
    """Yield whether it is fluorescence, and the light (H, W), of pictures to fit on."""
    for number, file in enumerate(_files(data / "cuhk_train" / "image") + _files(data / "szu_train" / "image")):
        rng, light = np.random.default_rng([1, number]), _light(file)
        yield False, light
        if number % 2 == 0:
            yield False, _blurred(light, rng.uniform(2, 24)) + rng.normal(0, 10 ** rng.uniform(-3, -2), light.shape)
        else:
            rows, columns = (slice(start := int(rng.integers(0, n // 2)), start + n // 2) for n in light.shape)
            yield False, light[rows, columns]
    for number in range(_SIMULATED):
        rng = np.random.default_rng([2, number])
        yield True, fluorescence(_shape(rng), rng)
    for number in range(_OTHERS):
        rng = np.random.default_rng([3, number])
        yield False, transmitted(_shape(rng), rng)
        surface = _blurred(texture(_shape(rng), rng), 8 * rng.uniform(0, 1) ** 2)
        yield False, surface + rng.normal(0, 10 ** rng.uniform(-3, -1.7), surface.shape)
    for number in range(_OTHERS // 2):  # nothing but noise, of an uneven lamp at times
        rng = np.random.default_rng([4, number])
        y, x = (np.linspace(-1, 1, n)[grid] for n, grid in zip(_shape(rng), _GRID, strict=True))
        slope = rng.uniform(-0.5, 0.5, 2) * rng.integers(2)
        fall = rng.uniform(0, 0.25) * rng.integers(2) * (y**2 + x**2) + slope[0] * y + slope[1] * x
        yield False, rng.poisson(10 ** rng.uniform(0.5, 4) * np.maximum(1 - fall, 0)).astype(float)
    for number in range(_OTHERS // 2):
        rng = np.random.default_rng([5, number])
        yield True, lonely(_shape(rng), rng)
        yield True, beads(_shape(rng), rng)


def _shape(rng: np.random.Generator) -> tuple[int, int]:
    height, width = rng.integers(120 if rng.random() < 0.1 else 240, 620, 2)
    return int(height), int(width)


def to_judge(data: Path, folders: list[Path]) -> Iterator[tuple[str, bool, Any]]:
    """Yield the row it counts in, whether it is fluorescence, and the light, of pictures nothing was fitted on."""
    for name in ("cuhk_dev", "pixel4_dev", "pixel4_sharp_dev", "rtf_dev"):
        for file in _files(data / name / "image"):
            light = _light(file)
            yield f"photographs, {name}", False, light
            for radius in _BLURS:
                yield f"photographs, blurred by {radius} px", False, _blurred(light, radius)
    for file in _files(SAMPLES):
        if file.suffix in (".jpg", ".png"):
            yield "the suite's samples", file.stem == "cells", _light(file)
    for name in _SKIMAGE:
        try:
            yield "scikit-image's samples", False, defocus.as_picture(_sample(name)).luminance
        except (OSError, ImportError, AttributeError):
            continue  # not installed with the library
    for file in _files(data / "microscopy_dev"):
        yield f"microscopy_dev, {file.stem.split('_')[0]}", True, _light(file)
    for folder in folders:
        for part in ("fluorescence", "other"):
            for file in _files(folder / part):
                try:
                    light = _light(file)
                except DefocusError:
                    continue
                yield f"{folder.name}, {part}", part == "fluorescence", light
                for radius in _BLURS:
                    yield (
                        f"{folder.name}, {part}, blurred by {radius} px",
                        part == "fluorescence",
                        _blurred(light, radius),
                    )


def _sample(name: str) -> Any:
    import skimage.data

    return getattr(skimage.data, name)()


def features_of(light: Any) -> Any:
    """Return the features of light (H, W); None of what is constant."""
    return kind_features(defocus.as_picture(np.asarray(light, np.float32)))


def fitted(features: Any, shines: Any) -> Any:
    """Return the weights of greatest likelihood, both kinds counting alike, with a small penalty."""
    middle, spread = features.mean(axis=0), features.std(axis=0)
    middle[0], spread[0] = 0, 1
    scaled = (features - middle) / spread
    counts = np.where(shines, 0.5 / shines.mean(), 0.5 / (1 - shines.mean())) / len(shines)

    def loss(weights: Any) -> tuple[float, Any]:
        score = scaled @ weights
        value = float((counts * (np.logaddexp(0, score) - shines * score)).sum())
        slope = scaled.T @ (counts * (1 / (1 + np.exp(-score)) - shines))
        return value + _PENALTY * float((weights[1:] ** 2).sum()), slope + 2 * _PENALTY * np.append(0, weights[1:])

    found = optimize.minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B").x / spread
    found[0] -= (found[1:] * middle[1:]).sum()
    return found


def main() -> None:
    """Fit, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--judge", type=Path, nargs="*", default=[], metavar="FOLDER")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="keep the features of what is fitted on, or take them"
    )
    parser.add_argument("--wrong", action="store_true", help="print each that is told wrongly or doubted")
    given = parser.parse_args()
    if given.keep and given.keep.exists():
        features, shines = pickle.loads(given.keep.read_bytes())
    else:
        pairs = [(shine, found) for shine, light in to_fit(given.data) if (found := features_of(light)) is not None]
        features, shines = np.array([found for _, found in pairs]), np.array([shine for shine, _ in pairs])
        if given.keep:
            given.keep.write_bytes(pickle.dumps((features, shines)))
    weights = fitted(features, shines)
    print(
        f"fitted on {len(shines)}, {int(shines.sum())} of them fluorescence; "
        f"on the right side {np.mean((features @ weights > 0) == shines):.3f}"
    )
    print(f"weights ({', '.join(f'{weight:.2f}' for weight in weights)})")
    print("in use", TUNING.kind.fluorescence)
    print("| judged on, by those in use | pictures | told rightly | wrongly, but doubted | wrongly |")
    print("| --- | --- | --- | --- | --- |")
    rows: dict[str, list[tuple[bool, bool]]] = {}
    for row, shine, light in to_judge(given.data, given.judge):
        told = told_kind(defocus.as_picture(np.asarray(light, np.float32)))
        rows.setdefault(row, []).append(((told.name == "fluorescence") == shine, bool(told.doubt)))
        if given.wrong and (told.doubt or not rows[row][-1][0]):
            print(f"  {row}, number {len(rows[row])}: {told}")
    for row, found in rows.items():
        right, doubted = np.array(found).T
        counts = len(found), int(right.sum()), int((~right & doubted).sum()), int((~right & ~doubted).sum())
        print(f"| {row} | " + " | ".join(map(str, counts)) + " |")


if __name__ == "__main__":
    main()
