from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from defocus.gimp import install as gimp_install

HERE = Path(__file__).parent


def _sibling(name):
    """Import a helper module of this folder, whatever pytest's import mode."""
    spec = importlib.util.spec_from_file_location(f"gimp_tests_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


real_gimp = _sibling("real_gimp")
read_xcf = _sibling("xcf").read_xcf


def installed_gimp(folder):
    """Return a GIMP 3 with the plug-in installed, as its users install it; raises `real_gimp.Unavailable`."""
    gimp = real_gimp.find_or_build(folder)
    gimp_install.install(gimp.profile)
    return gimp


@pytest.fixture(scope="session")
def gimp(tmp_path_factory):
    """A GIMP 3 with the plug-in installed, programs that stand for its Python, and pictures."""
    folder = tmp_path_factory.mktemp("gimp")
    try:
        gimp = installed_gimp(folder)
    except real_gimp.Unavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; in CI that is a failure")
        pytest.skip(str(reason))
    noting = HERE / "noting_worker.py"
    stub = HERE.parent / "core" / "worker" / "stub_worker.py"
    for name, command in {  # called as: NAME -P -m defocus.worker --folder FOLDER
        "stub-python": f"shift 3\nexec '{sys.executable}' '{stub}' \"$@\"",
        "old-python": f"shift 3\nexec '{sys.executable}' '{stub}' --old \"$@\"",
        "bare-python": f"exec '{sys.executable}' -S \"$@\"",
        "noting-python": f"exec '{sys.executable}' '{noting}' '{folder}/said.log' '{sys.executable}' \"$@\"",
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{command}\n")
        (folder / name).chmod(0o755)
    write_ramp(folder / "ramp.png")
    Image.fromarray(np.full((20, 20, 3), 99, np.uint8)).save(folder / "small.png")
    write_photo(folder / "photo.png", folder / "photo-alpha.png")
    np.save(folder / "radius.npy", np.linspace(0, 6, 160, dtype=np.float32)[None, :].repeat(120, axis=0))
    with Image.open(folder / "photo.png") as photo:
        # Of a size from which on a reduced copy is seen first
        Image.fromarray(np.tile(np.asarray(photo), (14, 14, 1))[:1600, :2000]).save(folder / "large.png")
    return gimp


def write_ramp(path, size=(80, 60)):
    """Write a picture whose red rises to the right and whose green rises downwards."""
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.rint(np.linspace(0, 255, width))[None]
    picture[..., 1] = np.rint(np.linspace(0, 255, height))[:, None]
    picture[..., 2] = 40
    Image.fromarray(picture).save(path)


def write_photo(path, path_with_alpha, size=(160, 120)):
    """Write a picture that is sharp on the left and out of focus on the right, and one with a transparent disc."""
    width, height = size
    random = np.random.default_rng(7)
    with Image.open(HERE.parents[1] / "sample_data" / "grass.png") as opened:
        texture = np.asarray(opened.convert("L")) / 255
    rows, columns = np.arange(40, 40 + height), np.arange(60, 60 + width)
    texture = texture[np.ix_(rows % texture.shape[0], columns % texture.shape[1])]
    sharp = texture[..., np.newaxis] ** np.array([1, 1.1, 1.2])  # few colours, for palettes
    y, x = np.mgrid[-5:6, -5:6]
    disc = (x * x + y * y <= 4.5**2) / np.count_nonzero(x * x + y * y <= 4.5**2)
    padded = np.pad(sharp, ((5, 5), (5, 5), (0, 0)), mode="wrap")
    blurred = sum(disc[dy, dx] * padded[dy : dy + height, dx : dx + width] for dy, dx in np.argwhere(disc > 0))
    picture = np.where((np.arange(width) < width // 2)[None, :, None], sharp, blurred)
    picture = np.rint(np.clip(picture + random.normal(0, 0.004, picture.shape), 0, 1) * 255).astype(np.uint8)
    Image.fromarray(picture).save(path)
    distance = np.hypot(*np.ogrid[-height // 2 : height - height // 2, -width // 2 : width - width // 2])
    alpha = np.rint(np.clip((distance - 20) / 8, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(np.dstack([picture, alpha])).save(path_with_alpha)


class Batch:
    """What a script inside GIMP reported, and the files that it left."""

    def __init__(self, gimp, name, *, window=False, report=None, **options):
        self.folder = gimp.folder
        start = gimp.window if window else gimp.batch
        report = self.folder / f"{report or name}.json"
        # A busy machine may lose a key that is pressed before its window listens: such a session is tried again whole
        for _ in range(3 if window else 1):
            report.unlink(missing_ok=True)
            shutil.rmtree(gimp.profile / "plug-in-settings", ignore_errors=True)  # last values of other sessions
            result = start(HERE / "inside" / f"{name}.py", **options)
            self.output = result.stdout + result.stderr
            assert report.exists(), f"GIMP ended with {result.returncode}:\n{self.output[-4000:]}"
            self.checks = json.loads(report.read_text())
            if not any("error" in check for check in self.checks.values()):
                break

    def facts(self, name):
        """Return what a check found, or fail with what it ran into."""
        assert name in self.checks, f"GIMP did not get to {name!r}:\n{self.output[-4000:]}"
        check = self.checks[name]
        if "error" in check:
            pytest.fail(f"inside GIMP:\n{check['error']}\n{self.output[-2000:]}")
        return check["facts"]

    def image(self, check, file):
        """Return the image that a check saved."""
        self.facts(check)
        return read_xcf(self.folder / f"{file}.xcf")


@contextlib.contextmanager
def kept_settings(gimp):
    """Let a session write settings of its own, and give the installed ones back."""
    settings = gimp.profile / "plug-ins" / "defocus" / "settings.json"
    before = settings.read_bytes()
    try:
        yield
    finally:
        settings.write_bytes(before)


@pytest.fixture(scope="session")
def modes(gimp):
    """Every output and combination, with the stand-in worker."""
    with kept_settings(gimp):
        return Batch(gimp, "modes", timeout=300)


@pytest.fixture(scope="session")
def kinds(gimp):
    """Every kind of picture and every procedure, with the real worker."""
    return Batch(gimp, "kinds", timeout=400)


@pytest.fixture(scope="session")
def window(gimp):
    """A person's way through the dialog, with a display."""
    return Batch(gimp, "window", window=True, timeout=240)


@pytest.fixture(scope="session")
def faults(gimp):
    """Everything that can go wrong."""
    return Batch(gimp, "faults", timeout=300)
