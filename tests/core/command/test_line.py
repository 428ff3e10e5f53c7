"""The command line, run as a person runs it: files, summaries, exit codes, and one line for everything bad."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from defocus.command.line import app
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters, describe
from defocus.psf.families import DiscPSF
from defocus.psf.simulation import simulate_blur


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures: noise that is sharp on the left and blurred by 4 px on the right, in several formats, and bad ones."""
    folder = tmp_path_factory.mktemp("pictures")
    sharp = np.random.default_rng(0).uniform(0, 1, (90, 140))
    truth = np.where(np.arange(140) < 70, 0.0, 4.0) * np.ones((90, 1))
    gray = np.where(truth > 0, simulate_blur(sharp, 4.0, psf=DiscPSF()), sharp)
    eight = np.rint(gray * 255).astype(np.uint8)
    color = np.dstack([eight, eight, eight])
    alpha = np.full((90, 140), 255, np.uint8)
    alpha[:20] = 0
    Image.fromarray(color).save(folder / "photo.png")
    Image.fromarray(np.dstack([color, alpha])).save(folder / "alpha.png")
    tifffile.imwrite(folder / "deep.tif", np.rint(gray * 65535).astype(np.uint16))
    Image.fromarray(np.full((60, 80, 3), 120, np.uint8)).save(folder / "flat.png")
    (folder / "words.png").write_text("not a picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes((folder / "photo.png").read_bytes()[:3000])
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "tiny.png")
    tifffile.imwrite(folder / "nan.tif", np.full((60, 60), np.nan, np.float32))
    tifffile.imwrite(folder / "cube.tif", np.zeros((5, 60, 60), np.uint8), photometric="minisblack")
    return folder


# What the made pictures are like: no blur of a camera, hardly any noise
CLEAN = ("--sensor-blur", "0", "--noise", "1e-5")


def run(*arguments):
    """Run a command in this process and return its exit code."""
    return app([str(item) for item in arguments], result_action="return_value", exit_on_error=False)


def program(*arguments, **options):
    command = [sys.executable, "-m", "defocus.command.line", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)


def test_map_writes_radii(folder, tmp_path, capsys):
    assert run("map", folder / "photo.png", "-o", tmp_path / "out", "--preview", *CLEAN) == 0
    radius = tifffile.imread(tmp_path / "out" / "photo_blur.tif")
    assert radius.dtype == np.float32
    assert radius.shape == (90, 140)
    assert np.median(radius[:, :45]) < 1
    assert abs(np.median(radius[:, 95:]) - 4) < 0.4
    with Image.open(tmp_path / "out" / "photo_blur.png") as preview:
        assert preview.width == 140
        assert preview.height > 90
    assert sorted(item.name for item in (tmp_path / "out").iterdir()) == ["photo_blur.png", "photo_blur.tif"]
    told = capsys.readouterr().out
    assert told.startswith("photo.png: 140 x 90 px, ")
    assert told.count("\n") == 1


def test_mask_is_white_where_in_focus(folder, tmp_path):
    assert (
        run("mask", folder / "photo.png", folder / "alpha.png", "-o", tmp_path, "--layer", "--threshold", 2, *CLEAN)
        == 0
    )
    with Image.open(tmp_path / "photo_mask.png") as opened:
        assert opened.mode == "L"
        mask = np.asarray(opened)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[:, :45].mean() > 240
    assert mask[:, 95:].mean() < 15
    with Image.open(tmp_path / "photo_layer.png") as layer, Image.open(folder / "photo.png") as photo:
        assert layer.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(layer)[..., :3], np.asarray(photo))
        np.testing.assert_array_equal(np.asarray(layer)[..., 3], mask)
    with Image.open(tmp_path / "alpha_layer.png") as layer:
        assert not np.asarray(layer)[:20, :, 3].any()  # what was transparent stays so


def test_soft_mask_has_values_between(folder, tmp_path):
    assert run("mask", folder / "photo.png", "-o", tmp_path, "--softness", 6) == 0
    with Image.open(tmp_path / "photo_mask.png") as opened:
        assert len(np.unique(np.asarray(opened))) > 10


def test_layer_of_a_deep_picture_keeps_its_depth(folder, tmp_path):
    assert run("mask", folder / "deep.tif", "-o", tmp_path, "--layer") == 0
    assert (tmp_path / "deep_layer.png").read_bytes()[24] == 16  # bits, in the header


@pytest.mark.parametrize("command", ["map", "mask", "info"])
def test_json_is_one_object_per_file(folder, tmp_path, capsys, command):
    files = [folder / "photo.png", folder / "words.png"]
    output = [] if command == "info" else ["-o", tmp_path]
    assert run(command, *files, "--json", *output) == 1
    good, bad = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert good["input"] == str(files[0])
    assert (good["width"], good["height"]) == (140, 90)
    assert good["noise_variance"] > 0
    assert good["evidence"] is True
    assert "words.png" in bad["error"]
    if command == "info":
        assert 0.3 < good["in_focus_share"] < 0.7
        assert good["radius_px_percentile_5"] <= good["radius_px_median"] <= good["radius_px_percentile_95"]
        assert not list(tmp_path.iterdir())


BAD = ["words.png", "empty.png", "cut.png", "tiny.png", "nan.tif", "cube.tif", "missing.png"]


def test_bad_files_are_told_in_one_line_each_and_the_others_are_done(folder, tmp_path):
    result = program("map", *(folder / name for name in BAD), folder / "photo.png", "-o", tmp_path / "out")
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert len(lines) == len(BAD), result.stderr
    for name, line in zip(BAD, lines, strict=True):
        assert line.startswith("defocus: ")
        assert name in line
        assert len(line) > len(name) + 15  # says why
    assert [item.name for item in (tmp_path / "out").iterdir()] == ["photo_blur.tif"]


def test_a_flat_picture_is_no_error_and_is_told(folder, tmp_path, capsys):
    assert run("map", folder / "flat.png", "-o", tmp_path) == 0
    assert "no evidence" in capsys.readouterr().out
    assert np.isfinite(tifffile.imread(tmp_path / "flat_blur.tif")).all()


def test_results_of_two_files_do_not_overwrite_each_other(folder, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 60), np.uint8)).save(other / "photo.tif")
    assert run("map", folder / "photo.png", other / "photo.tif", "-o", tmp_path) == 1
    assert "same names" in capsys.readouterr().err
    assert tifffile.imread(tmp_path / "photo_blur.tif").shape == (90, 140)


def test_an_output_that_is_a_file_is_one_line(folder, tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert run("map", folder / "photo.png", "-o", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cannot be written" in error
    assert (tmp_path / "out").read_text() == ""


@pytest.mark.parametrize(
    "options",
    [["--noise", "loud"], ["--noise", "-1"], ["--window", "40"], ["--psf", "star"], ["--max-radius", "nan"]],
)
def test_bad_options_are_one_line_and_write_nothing(folder, tmp_path, options):
    result = program("map", folder / "photo.png", "-o", tmp_path / "out", *options)
    assert result.returncode == 1
    assert result.stderr.startswith("defocus: ")
    assert result.stderr.count("\n") == 1
    assert options[0].strip("-").replace("-", "_") in result.stderr
    assert not (tmp_path / "out").exists()


def test_every_parameter_is_an_option_that_is_obeyed(folder, tmp_path, capsys):
    shown = program("mask", "--help").stdout
    for control in (*describe(AnalysisParameters), *describe(MaskParameters)):
        assert f"--{control.name.replace('_', '-')}" in shown
    shown = program("map", "--help").stdout
    for control in (*describe(AnalysisParameters), *describe(MapParameters)):
        assert f"--{control.name.replace('_', '-')}" in shown
    # A number where a word is also allowed
    run("info", folder / "photo.png", "--json", "--noise", "0.003")
    assert json.loads(capsys.readouterr().out)["noise_variance"] == 0.003
    run("map", folder / "photo.png", "-o", tmp_path, "--max-radius", "2.5")
    assert tifffile.imread(tmp_path / "photo_blur.tif").max() <= 2.5


def test_help_loads_nothing_heavy():
    code = (
        "import sys, defocus.command.line as c; c.app(['--help'], result_action='return_value');"
        "print([m for m in ('numba', 'maxflow', 'tifffile', 'PIL', 'scipy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
    assert "map" in result.stdout


def test_a_folder_of_pictures_is_told_in_one_line(folder, tmp_path, capsys):
    assert run("map", folder, "-o", tmp_path) == 1
    assert capsys.readouterr().err.count("\n") == 1
