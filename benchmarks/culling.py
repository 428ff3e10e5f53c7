"""Judge culling against known truth: the order of pictures, where they are sharp, motion, and time.

    python -m benchmarks.culling DATA [--every N] [--only order|where|motion|speed|many]

DATA is a folder with the pictures that docs/accuracy.md tells of. Every measure that ranks pictures is judged in one
run: the share of pairs that it orders rightly. BRISQUE, a measure of quality without a reference, is among them where
the package of that name is installed (``pip install --group benchmark``).
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import itertools
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.measure import blur_effect

import defocus
from benchmarks.culling_time import many, speed
from defocus.pictures.intensity import whole_numbers
from defocus.psf.simulation import simulate_blur

SERIES = tuple(step / 2 for step in range(17))  # px


def ours(picture):
    found = defocus.sharpness(picture)
    return 1e3 if found.radius is None else found.radius


def laplacian_variance(picture):
    return -float(ndimage.laplace(picture.luminance).var())


def tenengrad(picture):
    gray = picture.luminance
    return -float((ndimage.sobel(gray, 0) ** 2 + ndimage.sobel(gray, 1) ** 2).mean())


def perceptual(picture):
    return float(blur_effect(picture.luminance))


@functools.cache
def _brisque():
    from brisque import BRISQUE

    class Mended(BRISQUE):
        def scale_features(self, features):  # some are arrays of one number, which newer versions of numpy refuse
            return super().scale_features([float(np.ravel(one)[0]) for one in features])

    return Mended(url=False)


def brisque(picture):
    return float(_brisque().score(np.rint(picture.color * 255).astype(np.uint8)))


MEASURES = {
    "defocus": ours,
    "variance of the Laplacian": laplacian_variance,
    "Tenengrad": tenengrad,
    "blur_effect": perceptual,
}
if importlib.util.find_spec("brisque"):
    MEASURES["BRISQUE"] = brisque


def blurred(picture, radius):
    """The picture blurred by a disc, in 8 bits."""
    values = np.dstack([simulate_blur(picture.color[..., i], float(radius)) for i in range(3)])
    return defocus.as_picture(whole_numbers(values, "uint8"))


def pictures(folder, every):
    return [defocus.load_image(file) for file in sorted(folder.iterdir())[::every]]


def values(found):
    return {name: [measure(one) for one in found] for name, measure in MEASURES.items()}


def ordered(pairs_of):
    """Print the share of pairs that each measure orders rightly; a draw counts half."""
    cells = []
    for name in MEASURES:
        right = [(one < other) + 0.5 * (one == other) for one, other in pairs_of(name)]
        cells.append(f"{np.mean(right):.3f}")
    return f"{len(right)} | " + " | ".join(cells)


def order(data, every):
    print("| Pairs | " + " | ".join(["", *MEASURES]) + " |\n" + "| --- " * (len(MEASURES) + 2) + "|")
    chosen = pictures(data / "cuhk_dev" / "image", 6 * every)
    series = [values([picture if r == 0 else blurred(picture, r) for r in SERIES]) for picture in chosen]
    line = ordered(lambda name: [pair for one in series for pair in itertools.combinations(one[name], 2)])
    print(f"| one picture blurred by 0 to 8 px | {line} |", flush=True)
    sharp = values(pictures(data / "pixel4_sharp_dev" / "image", 1))
    soft = values(pictures(data / "pixel4_dev" / "image", 1))
    line = ordered(lambda name: list(zip(sharp[name], soft[name], strict=True)))
    print(f"| scenes in focus over the same defocused (pixel4) | {line} |", flush=True)
    files = sorted((data / "microscopy_dev").iterdir())
    seen = {
        kind: values([defocus.load_image(f) for f in files if f.name.startswith(kind)]) for kind in ("sharp", "blur")
    }
    line = ordered(lambda name: list(itertools.product(seen["sharp"][name], seen["blur"][name])))
    print(f"| fluorescence in focus over out of it | {line} |", flush=True)
    chosen = pictures(data / "szu_train" / "image", 55 * every)
    clear, copies = values(chosen), values([blurred(picture, 3) for picture in chosen])
    line = ordered(lambda name: list(itertools.product(clear[name], copies[name])))
    print(f"| subjects before smooth grounds over blurred copies of any | {line} |", flush=True)
    for apart in (1, 2, 4):  # steps of the series; from 1 px on, as the pictures themselves differ below
        line = ordered(
            lambda name, apart=apart: [
                (one[name][i], other[name][i + apart])
                for one, other in itertools.permutations(series, 2)
                for i in range(2, len(SERIES) - apart)
            ]
        )
        print(f"| different pictures, blurred by {apart / 2:g} px more | {line} |", flush=True)


def where(data, every):
    for name, step in (("cuhk_dev", every), ("szu_train", 3 * every)):
        inside, outside = [], []
        for file in sorted((data / name / "image").iterdir())[::step]:
            found = defocus.sharpness(defocus.load_image(file))
            mask = np.asarray(Image.open(next((data / name / "mask").glob(f"{file.stem}.*"))).convert("L")) < 128
            x, y = (0, 0) if found.center is None else found.center
            inside.append(found.center is not None and bool(mask[int(y * mask.shape[0]), int(x * mask.shape[1])]))
            if not inside[-1]:
                outside.append(file.stem)
        print(
            f"{name}: the centre lies inside the drawn mask on {sum(inside)} of {len(inside)} "
            f"({100 * np.mean(inside):.1f} %), not on {', '.join(outside) or 'none'}",
            flush=True,
        )


def moved(picture, length, angle):
    """The mean of copies of a picture shifted along a straight path, whatever lies between pixels; without its rim.

    A kernel of whole pixels would turn short paths: one of 4 px at 11 degrees lies in a single row.
    """
    height, width = picture.shape
    turn = np.deg2rad(angle)
    along = np.cos(turn) * np.fft.rfftfreq(width) - np.sin(turn) * np.fft.fftfreq(height)[:, np.newaxis]
    count = 16 * int(np.ceil(length))
    steps = length * ((np.arange(count) + 0.5) / count - 0.5)  # the same on either side, so that the phases are real
    through = sum(np.cos(2 * np.pi * step * along) for step in steps) / count
    rim = int(np.ceil(length)) + 8
    return np.fft.irfft2(np.fft.rfft2(picture) * through, s=picture.shape)[rim:-rim, rim:-rim]


def motion(data, every):
    """Sharp scenes moved at angles between those that are tried; photographs, and copies that a disc blurred."""
    rng = np.random.default_rng(0)
    scenes = [picture.luminance for picture in pictures(data / "pixel4_sharp_dev" / "image", 2)]
    for disc in (0, 2):
        for length in (2, 4, 6, 8, 12, 20):
            errors, lengths, called = [], [], 0
            for i, angle in enumerate(range(4, 180, 15 * every)):
                shot = moved(scenes[i % len(scenes)], length, angle)
                shot = simulate_blur(shot, float(disc)) if disc else shot
                shot = np.clip(shot + rng.normal(0, 0.005, shot.shape), 0, 1)
                found = defocus.sharpness(np.rint(shot * 255).astype(np.uint8))
                if found.motion is not None:
                    called += 1
                    errors.append(abs((found.motion.angle - angle + 90) % 180 - 90))
                    lengths.append(found.motion.length)
            said = (
                f", angle within 10 degrees in {sum(error <= 10 for error in errors)}, off by {np.median(errors):.0f} "
                f"(median) and {max(errors):.0f} degrees (most), length {np.median(lengths):.1f} px (median)"
                if called
                else ""
            )
            print(f"{length} px, {disc} px of defocus: {called} of {i + 1} called motion{said}", flush=True)
    discs = itertools.cycle((1.5, 2.5, 4, 6))
    for name, step in (("cuhk_dev", every), ("szu_train", 5 * every)):
        files = sorted((data / name / "image").iterdir())[::step]
        verdicts = [defocus.sharpness(defocus.load_image(file)).verdict for file in files]
        print(f"{name}: photographs called motion: {verdicts.count('motion')} of {len(files)}", flush=True)
        copies = [blurred(defocus.load_image(file), next(discs)) for file in files[::2]]
        verdicts = [defocus.sharpness(copy).verdict for copy in copies]
        print(f"{name}, blurred by a disc of 1.5 to 6 px: {verdicts.count('motion')} of {len(copies)}", flush=True)


PARTS = {"order": order, "where": where, "motion": motion, "speed": speed, "many": many}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1, help="every so many of the pictures")
    parser.add_argument("--only", choices=PARTS)
    arguments = parser.parse_args()
    for name, part in PARTS.items():
        if arguments.only in (None, name):
            part(arguments.data, arguments.every)


if __name__ == "__main__":
    main()
