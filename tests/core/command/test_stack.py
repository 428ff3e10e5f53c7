"""A focus stack by the command: composite, heights and curve of pictures whose focus is known."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from defocus.command.line import app
from defocus.psf.simulation import simulate_blur


def run(*arguments):
    return app([str(item) for item in arguments], result_action="return_value", exit_on_error=False)


def test_a_stack_becomes_sharp_everywhere(tmp_path, capsys):
    grain = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((100, 240)), 0.7)
    sharp = np.clip(0.5 + 0.2 * grain / grain.std(), 0, 1)
    place = np.broadcast_to(np.arange(240) // 80, sharp.shape)  # which of three pictures is in focus
    files = []
    for z in range(3):
        blurred = [sharp, *(simulate_blur(sharp, 3.0 * step) for step in (1, 2))]
        made = np.choose(np.abs(place - z), blurred)
        files.append(tmp_path / f"{z}.png")
        Image.fromarray(np.rint(made * 255).astype(np.uint8)).save(files[-1])
    out = tmp_path / "out"
    assert run("stack", *files, "-o", out) == 0
    assert sorted(item.name for item in out.iterdir()) == ["composite.png", "curve.csv", "height.tif", "index.png"]
    inner = np.zeros(sharp.shape, bool)
    inner[:, 15:65] = inner[:, 95:145] = inner[:, 175:225] = True
    index = np.asarray(Image.open(out / "index.png"))
    assert (index[inner] == place[inner]).mean() > 0.9
    height = tifffile.imread(out / "height.tif")
    np.testing.assert_array_equal(np.rint(height), index)
    made = np.asarray(Image.open(out / "composite.png")) / 255
    single = [np.abs(np.asarray(Image.open(file)) / 255 - sharp)[inner].mean() for file in files]
    assert np.abs(made - sharp)[inner].mean() < 0.3 * min(single)
    rows = list(csv.DictReader((out / "curve.csv").read_text().splitlines()))
    assert [row["sharpest"] for row in rows].count("true") == 1
    assert all(0.1 < float(row["in_focus_share"]) < 0.7 for row in rows)
    assert run("stack", *files, "-o", out) == 1
    assert "--overwrite" in capsys.readouterr().err


def test_pictures_of_other_sizes_and_single_ones_are_refused(tmp_path, capsys):
    for name, size in (("a", (60, 50)), ("b", (61, 50))):
        Image.new("L", size).save(tmp_path / f"{name}.png")
    assert run("stack", tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "out") == 1
    assert "b.png: differs in size" in capsys.readouterr().err
    assert run("stack", tmp_path / "a.png", "-o", tmp_path / "out") == 1
    assert "stack" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_shifts_are_undone(tmp_path):
    pytest.importorskip("skimage")
    from defocus.command.stack import _aligned

    gray = ndimage.gaussian_filter(np.random.default_rng(1).random((90, 110)), 1.5)
    moved = ndimage.shift(gray, (2.5, -3.0), order=3, mode="reflect")
    color = [np.dstack([one] * 3).astype(np.float32) for one in (gray, moved)]
    found = _aligned(color)
    assert (
        np.abs(found[1] - color[0])[12:-12, 12:-12].mean() < 0.15 * np.abs(color[1] - color[0])[12:-12, 12:-12].mean()
    )
