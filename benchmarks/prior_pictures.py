"""Pictures with known focus to fit the learned prior on, and a folder that keeps what was measured in each."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.simulated_scenes import scene, texture
from defocus.answer.features import prior_features, size_scale
from defocus.answer.network import radius_shares
from defocus.evidence import measured_evidence
from defocus.parameters import AnalysisParameters
from defocus.pictures.picture import Picture, as_picture, load_image
from defocus.pictures.sampling import cell_means
from defocus.psf.simulation import simulate_blur
from defocus.tuning import TUNING

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"
MASKED = ("cuhk_dev", "cuhk_train", "szu_train")
_SCENES = 60, 2, 250, 240  # of each sharp picture, of each crop in focus, of photographs of half the size, of textures
_LEAST_SHARP = 0.35  # share in focus of these
_SHORTEST = 200  # px: least side of a crop
_SHARP = 5  # edits of each picture that is sharp everywhere
_LEAST_FOCUS_CROPS, _LEAST_BLUR_CROPS, _SIMULATED, _EDITED, _REDUCED = 160, 60, 60, 200, 100


@dataclass(frozen=True)
class Sample:
    """One picture to fit on.

    Attributes
    ----------
    name : str
        Unique; the name of its set stands before the first slash.
    file : Path
    truth : str
        "mask", "sharp" (all in focus) or "blurred" (nothing).
    box : tuple of int or None
        Top, left, bottom, right of a crop.
    radius : float
        Simulated blur in px.
    edit : str
        "noise" (and exposure, and JPEG again), "half" (the size), "scene" (of known radii), or "" as it is.
    number : int
        Which of the scenes made from one picture.
    """

    name: str
    file: Path
    truth: str
    box: tuple[int, int, int, int] | None = None
    radius: float = 0.0
    edit: str = ""
    number: int = 0

    @property
    def set(self) -> str:
        return self.name.split("/")[0]

    @property
    def source(self) -> str:
        """What photograph it is from: pictures of one source belong into one fold."""
        return self.file.stem.split("_1")[0].split("_2")[0] if "szu" in str(self.file) else self.file.stem

    def picture(self) -> Picture:
        whole = load_image(self.file)
        color = whole.color
        if self.box is not None:
            top, left, bottom, right = self.box
            color = np.ascontiguousarray(color[top:bottom, left:right])
        if self.radius > 0:
            seed = zlib.crc32(self.name.encode())
            noise = 10 ** np.random.default_rng(seed).uniform(-5, -4)
            planes = [simulate_blur(color[..., c], self.radius, noise=noise, seed=seed + c) for c in range(3)]
            color = np.rint(np.stack(planes, -1) * 255).astype(np.float32) / 255
        if self.edit:
            color = _edited(color, self.edit, zlib.crc32(self.name.encode()))
        return as_picture(color) if color is not whole.color else whole

    def mask(self) -> np.ndarray | None:
        """True in focus; None if the picture is all one."""
        if self.truth != "mask":
            return None
        mask = read_mask(self.file)
        return _halved(mask.astype(np.float32)) > 0.5 if self.edit == "half" else mask


def known_scene(sample: Sample) -> tuple[Picture, np.ndarray, np.ndarray]:
    """A scene made from a picture: itself, the radius of every pixel in px, and where that is known.

    What was marked in focus in a photograph of half the size counts as sharp, what was not as unknown.
    """
    rng = np.random.default_rng(zlib.crc32(sample.name.encode()))
    if sample.truth == "texture":
        picture, radius, _ = scene(*(texture((320, 480), rng) for _ in range(2)), rng)
        return as_picture(picture), radius, np.ones(radius.shape, bool)
    content = load_image(sample.file).luminance
    if sample.truth == "mask":
        content, inside = _halved(content), _halved(read_mask(sample.file).astype(np.float32)) > 0.99
        inside = ndimage.binary_erosion(inside, iterations=6, border_value=1)
    else:
        if sample.box is not None:
            top, left, bottom, right = sample.box
            content = content[top:bottom, left:right]
        inside = np.ones(content.shape, bool)
    turned = content[::-1] if rng.random() < 0.5 else content[:, ::-1]
    if rng.random() < 0.5:  # brightness and contrast of the object differ from those of the ground
        turned = rng.uniform(0.4, 1) * turned + rng.uniform(0, 0.3)
    picture, radius, front = scene(content, turned.astype(np.float32), rng)
    both_ways = inside[::-1] & inside[:, ::-1]  # however the content was turned
    known = np.where(front, ndimage.minimum_filter(both_ways, 3), inside)
    least = 0.5 if sample.truth != "sharp" or sample.box is not None else 0.0
    return as_picture(picture), np.maximum(radius, np.float32(least)), known


def _halved(values: np.ndarray) -> np.ndarray:
    return cell_means(values[: values.shape[0] // 2 * 2, : values.shape[1] // 2 * 2], 2)


def _edited(color: np.ndarray, edit: str, seed: int) -> np.ndarray:
    """Colours in [0, 1] as an ordinary edit leaves them."""
    rng = np.random.default_rng(seed)
    if edit == "half":
        return _halved(color)
    color = color * rng.uniform(0.5, 1) + rng.uniform(0, 0.1)
    noise = rng.normal(0, rng.uniform(1, 7) / 255, color.shape)
    eight = np.clip(np.rint((color + noise) * 255), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        file = io.BytesIO()
        Image.fromarray(eight).save(file, "JPEG", quality=int(rng.integers(60, 95)))
        eight = np.asarray(Image.open(file).convert("RGB"))
    return eight.astype(np.float32) / 255


def read_mask(file: Path) -> np.ndarray:
    path = file.parents[1] / "mask" / f"{file.stem}.png"
    return np.asarray(Image.open(path).convert("L")) < 128


def largest_box(inside: np.ndarray) -> tuple[int, int, int, int]:
    """Largest rectangle of True pixels, to 4 px: top, left, bottom, right."""
    small = inside[: inside.shape[0] // 4 * 4, : inside.shape[1] // 4 * 4]
    small = small.reshape(small.shape[0] // 4, 4, -1, 4).all(axis=(1, 3))
    height = np.zeros(small.shape[1], int)
    best, box = 0, (0, 0, 0, 0)
    for y, line in enumerate(small):
        height = np.where(line, height + 1, 0)
        stack: list[tuple[int, int]] = []
        for x, tall in enumerate([*height.tolist(), 0]):
            start = x
            while stack and stack[-1][1] >= tall:
                start, old = stack.pop()
                if min(old, x - start) * 4 >= _SHORTEST and old * (x - start) > best:
                    best, box = old * (x - start), (4 * (y + 1 - old), 4 * start, 4 * (y + 1), 4 * x)
            stack.append((start, tall))
    return box


def all_samples(data: Path) -> list[Sample]:
    """Every picture to fit on, the made ones last."""
    samples = []
    for name in MASKED:
        samples += [Sample(f"{name}/{f.stem}", f, "mask") for f in sorted((data / name / "image").iterdir())]
    photographs = list(samples)
    samples += [Sample(f"sharp/{f.stem}", f, "sharp") for f in sorted((data / "pixel4_sharp_dev/image").iterdir())]
    samples += [Sample(f"blurred/{f.stem}", f, "blurred") for f in sorted((data / "pixel4_dev/image").iterdir())]
    samples += [Sample(f"sharp/{n[:-4]}", SAMPLES / n, "sharp") for n in ("gravel.png", "grass.png", "coffee.jpg")]
    order = np.random.default_rng(0).permutation(len(photographs))
    focus_crops, blur_crops = [], []
    for i in order:
        photo = photographs[i]
        mask = photo.mask()
        if len(focus_crops) < _LEAST_FOCUS_CROPS:
            box = largest_box(mask)
            if box[2]:
                focus_crops.append(Sample(f"focus_crop/{photo.set}_{photo.file.stem}", photo.file, "sharp", box))
                continue
        if len(blur_crops) < _LEAST_BLUR_CROPS:
            box = largest_box(~mask)
            if box[2]:
                blur_crops.append(Sample(f"blur_crop/{photo.set}_{photo.file.stem}", photo.file, "blurred", box))
    simulated = []
    for k, i in enumerate(order[-_SIMULATED:]):
        photo = photographs[i]
        radius = 3 + 3 * k / _SIMULATED
        name = f"simulated/{photo.set}_{photo.file.stem}"
        simulated.append(Sample(name, photo.file, "blurred", None, radius))
    chosen = [photographs[i] for i in np.random.default_rng(1).permutation(len(photographs))]
    edited = [replace(p, name=f"edited/{p.set}_{p.file.stem}", edit="noise") for p in chosen[:_EDITED]]
    reduced = [replace(p, name=f"half/{p.set}_{p.file.stem}", edit="half") for p in chosen[-_REDUCED:]]
    sharp = [s for s in samples if s.set == "sharp"]
    edited += [replace(s, name=f"sharp_edited/{s.file.stem}_{k}", edit="noise") for s in sharp for k in range(_SHARP)]
    reduced += [replace(s, name=f"sharp_edited/{s.file.stem}_half", edit="half") for s in sharp]
    scenes = _kept(samples, [p for p in chosen if p.mask().mean() > _LEAST_SHARP], focus_crops)
    return samples + focus_crops + blur_crops + simulated + edited + reduced + scenes


def _kept(samples: list[Sample], photographs: list[Sample], focus_crops: list[Sample]) -> list[Sample]:
    """Scenes of known radii from what is sharp, many from each of the few pictures that are so everywhere."""
    sharp = [s for s in samples if s.set == "sharp" and "pixel4" in str(s.file)]
    made = [
        replace(s, name=f"scene/{s.file.stem}_{k}", edit="scene", number=k) for s in sharp for k in range(_SCENES[0])
    ]
    for source, count in ((focus_crops, _SCENES[1]), (photographs[: _SCENES[2]], 1)):
        made += [
            replace(s, name=f"scene/{s.set}_{s.file.stem}_{k}", edit="scene", number=k)
            for s in source
            for k in range(count)
        ]
    textures = [Sample(f"scene/texture_{k}", Path(f"texture{k}"), "texture", edit="scene") for k in range(_SCENES[3])]
    return made + textures


def measure(sample: Sample, folder: Path) -> Path:
    """Measure one picture unless that was done; return the file of its features and truth."""
    file = folder / f"{sample.name.replace('/', '__')}.npz"
    if file.exists():
        return file
    if sample.edit == "scene":
        picture, radius, known = known_scene(sample)
    else:
        picture = sample.picture()
    evidence, seen, _ = measured_evidence(picture, AnalysisParameters(kind="photograph"), TUNING)
    features, step = prior_features(evidence, seen.picture.luminance, TUNING.prior)
    folder.mkdir(parents=True, exist_ok=True)
    if sample.edit == "scene":
        shares = radius_shares(radius / size_scale(picture.shape, TUNING.prior)) * known[..., np.newaxis]
        shares = cell_means(cell_means(shares, evidence.spacing), step)
        np.savez(file, features=features.astype(np.float16), shares=np.moveaxis(shares, 2, 0).astype(np.float16))
        return file
    mask = sample.mask()
    whole = np.full(picture.shape, sample.truth == "sharp") if mask is None else mask
    truth = cell_means(cell_means(whole.astype(np.float32), evidence.spacing), step)
    np.savez(file, features=features.astype(np.float16), truth=truth.astype(np.float16))
    return file


def fold_of(sample: Sample, count: int = 5) -> int:
    """Fold of a picture, by its source: what is from one photograph stays together."""
    return zlib.crc32(sample.source.encode()) % count


def folds(samples: list[Sample], count: int = 5) -> np.ndarray:
    """Fold of each picture."""
    return np.array([fold_of(sample, count) for sample in samples])
