from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from defocus import gimp_install

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


@pytest.fixture(scope="session")
def gimp(tmp_path_factory):
    """A GIMP 3 with the plug-in installed, as its users install it."""
    folder = tmp_path_factory.mktemp("gimp")
    command, root = real_gimp.machine_command(), None
    if command is None:
        reason = real_gimp.cannot_build()
        if reason:
            if os.environ.get("CI"):
                pytest.fail(f"{reason}; in CI that is a failure")
            pytest.skip(reason)
        root = real_gimp.built_root(real_gimp.cache_folder())
        command = "gimp-console-3.0"
    gimp = real_gimp.RealGimp(folder, root, command)
    gimp_install.install(gimp.profile)
    stub = HERE.parent / "core" / "stub_worker.py"
    wrapper = folder / "stub-python"  # called as: stub-python -P -m defocus.worker --folder FOLDER
    wrapper.write_text(f"#!/bin/sh\nshift 3\nexec '{sys.executable}' '{stub}' \"$@\"\n")
    wrapper.chmod(0o755)
    write_ramp(folder / "ramp.png")
    return gimp


def write_ramp(path, size=(80, 60)):
    """Write a picture whose red rises to the right and whose green rises downwards."""
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.rint(np.linspace(0, 255, width))[None]
    picture[..., 1] = np.rint(np.linspace(0, 255, height))[:, None]
    picture[..., 2] = 40
    Image.fromarray(picture).save(path)


class Batch:
    """What a script inside GIMP reported, and the files that it left."""

    def __init__(self, gimp, name, **options):
        self.folder = gimp.folder
        result = gimp.batch(HERE / "inside" / f"{name}.py", **options)
        self.output = result.stdout + result.stderr
        report = self.folder / f"{name}.json"
        assert report.exists(), f"GIMP ended with {result.returncode}:\n{self.output[-4000:]}"
        self.checks = json.loads(report.read_text())

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


@pytest.fixture(scope="session")
def modes(gimp):
    installed = gimp.profile / "plug-ins" / "defocus" / "settings.json"
    before = installed.read_bytes()
    batch = Batch(gimp, "modes", timeout=200)
    installed.write_bytes(before)
    shutil.copyfile(gimp.folder / "modes.json", gimp.folder / "modes-report.json")
    return batch
