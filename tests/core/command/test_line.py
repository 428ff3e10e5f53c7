"""The command line, run as a person runs it: files, summaries, exit codes, and one line for everything bad."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from defocus.command.line import app
from defocus.errors import InputError
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters, describe
from defocus.psf.families import DiscPSF
from defocus.psf.simulation import simulate_blur


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures: grain that is sharp on the left and blurred by 4 px on the right, in several formats, and bad ones."""
    folder = tmp_path_factory.mktemp("pictures")
    grain = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((90, 140)), 0.7)
    sharp = np.clip(0.5 + 0.2 * grain / grain.std(), 0, 1)
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
    tifffile.imwrite(folder / "camera.tif", np.rint(gray * 250).astype(np.uint16) + 4000)
    tifffile.imwrite(folder / "cube.tif", np.zeros((5, 60, 60), np.uint8), photometric="minisblack")
    return folder


# What the made pictures are like: no blur of a camera, hardly any noise, random numbers, which are no photograph
CLEAN = ("--sensor-blur", "0", "--noise", "1e-5", "--kind", "brightfield")


@pytest.fixture(autouse=True)
def _own_log(tmp_path_factory, monkeypatch):
    """The log lies in a folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


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


def test_two_results_of_one_name_are_refused_before_the_work_begins(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 60), np.uint8)).save(other / "photo.tif")
    with pytest.raises(InputError, match="same names"):
        run("map", folder / "photo.png", other / "photo.tif", "-o", tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["other"]
    assert run("info", folder / "photo.png", other / "photo.tif") == 0  # which writes nothing


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize("link", [False, True])
def test_an_input_is_never_replaced(folder, tmp_path, monkeypatch, overwrite, link):
    own = (folder / "deep.tif").read_bytes()
    (tmp_path / "photo.png").write_bytes((folder / "photo.png").read_bytes())
    (tmp_path / "photo_blur.png").write_bytes(own)
    named = tmp_path / "linked.png" if link else tmp_path / "photo_blur.png"
    if link:
        named.hardlink_to(tmp_path / "photo_blur.png")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="replace the input"):
        run("map", "--preview", "photo.png", named.name, "-o", ".", *overwrite)
    assert (tmp_path / "photo_blur.png").read_bytes() == own
    assert not (tmp_path / "photo_blur.tif").exists()


def test_results_that_are_there_stay_unless_asked_and_the_other_files_are_done(folder, tmp_path, capsys):
    (tmp_path / "photo_blur.png").write_text("mine")
    (tmp_path / "photo_blur.tif").write_text("mine")
    files = folder / "photo.png", folder / "alpha.png"
    assert run("map", "--preview", *files, "-o", tmp_path) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "photo.png" in error
    assert "--overwrite" in error
    assert (tmp_path / "photo_blur.png").read_text() == "mine"
    names = ["alpha_blur.png", "alpha_blur.tif", "photo_blur.png", "photo_blur.tif"]
    assert sorted(item.name for item in tmp_path.iterdir()) == names
    assert run("map", "--preview", *files, "-o", tmp_path, "--overwrite") == 0
    assert len(list(tmp_path.iterdir())) == 4
    assert (tmp_path / "photo_blur.png").read_bytes()[:4] == b"\x89PNG"


def test_reports_and_lenses_replace_nothing_unless_asked(folder, tmp_path, capsys):
    (tmp_path / "index.html").write_text("mine")
    for command in ("demo", "experiments"):
        assert run(command, "-o", tmp_path) == 1
        assert "not empty" in capsys.readouterr().err
    (tmp_path / "lens.npz").write_text("mine")
    assert run("calibrate", folder / "photo.png", "-o", tmp_path / "lens.npz") == 1
    assert "--overwrite" in capsys.readouterr().err
    assert run("calibrate", tmp_path / "lens.npz", "-o", tmp_path / "lens.npz", "--overwrite") == 1
    assert "would be lost" in capsys.readouterr().err
    assert {item.read_text() for item in tmp_path.iterdir()} == {"mine"}


@pytest.mark.parametrize("error", [ZeroDivisionError("two\nlines"), RuntimeError(), KeyError("a"), MemoryError()])
def test_a_fault_nobody_foresaw_is_the_line_of_its_file(folder, tmp_path, monkeypatch, capsys, error):
    from defocus.pictures import picture

    whole = picture.load_image

    def load(file, **options):
        if file.name == "deep.tif":
            raise error
        return whole(file, **options)

    monkeypatch.setattr(picture, "load_image", load)
    log = tmp_path / "log.txt"
    files = folder / "deep.tif", folder / "photo.png"
    assert run("map", *files, "-o", tmp_path / "out", "--log", log) == 1
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert told.err.startswith("defocus: ")
    assert "deep.tif" in told.err
    assert told.out.count("\n") == 1
    assert (tmp_path / "out" / "photo_blur.tif").exists()
    if not isinstance(error, MemoryError):
        assert str(log) in told.err
        assert "Traceback" in log.read_text()
        assert run("info", files[0], "--verbose") == 1
        assert "Traceback" in capsys.readouterr().err


def test_libraries_write_into_the_log_and_not_on_the_terminal(folder, tmp_path):
    content = bytearray((folder / "deep.tif").read_bytes())
    content[4:8] = (8 + 2).to_bytes(4, "little")  # a directory that begins two bytes late
    (tmp_path / "odd.tif").write_bytes(content)
    log = tmp_path / "log.txt"
    result = program("info", tmp_path / "odd.tif", "--log", log)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("defocus: odd.tif")


def test_the_range_can_be_given_and_is_told(folder, capsys):
    assert run("info", folder / "camera.tif", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert 4000 <= facts["black"] < 4040
    assert 4210 < facts["white"] <= 4250
    assert run("info", folder / "camera.tif") == 0
    assert "black 40" in capsys.readouterr().out
    assert run("info", folder / "camera.tif", "--range", "-100", "5000", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["black"], facts["white"]) == (-100, 5000)
    assert run("info", folder / "camera.tif", "--range", "5", "5") == 1
    assert "range" in capsys.readouterr().err


def test_the_limit_of_pixels_is_an_option(folder, capsys):
    assert run("info", folder / "photo.png", "--max-pixels", 140 * 90 - 1) == 1
    assert "megapixels" in capsys.readouterr().err
    assert run("info", folder / "photo.png", "--max-pixels", 140 * 90) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_standard_output_is_told_and_the_work_done(folder, tmp_path):
    command = [sys.executable, "-m", "defocus.command.line", "map", folder / "photo.png", folder / "alpha.png"]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*command, "-o", tmp_path], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=300
        )
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "cannot be printed" in result.stderr
    assert len(list(tmp_path.iterdir())) == 2


def test_a_reader_that_has_enough_is_no_error(folder):
    words = sys.executable, "-m", "defocus.command.line", "info", str(folder / "photo.png"), str(folder / "alpha.png")
    command = f"{shlex.join(words)} | true"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=300)
    assert result.stderr == ""


def test_any_encoding_and_any_name_can_be_told(folder, tmp_path):
    name = os.fsencode(tmp_path) + b"/na\xffme-\xe2\x82\xac.png"
    Path(os.fsdecode(name)).write_bytes((folder / "photo.png").read_bytes())
    result = program("info", os.fsdecode(name), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""
    closed = subprocess.run(
        [sys.executable, "-m", "defocus.command.line", "info", folder / "photo.png", folder / "words.png"],
        preexec_fn=lambda: (os.close(1), os.close(2)),
        check=False,
        timeout=300,
    )
    assert closed.returncode == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(folder, tmp_path, number):
    code = (
        "import sys, time; import defocus.pictures.files as files; import tifffile\n"
        "whole = tifffile.imwrite\n"
        "def slow(file, *a, **k):\n"
        "    whole(file, *a, **k); print('writing', flush=True); time.sleep(60)\n"
        "tifffile.imwrite = slow\n"
        "from defocus.command.line import main; main()"
    )
    command = [sys.executable, "-c", code, "map", folder / "photo.png", "-o", tmp_path / "out"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # a shell's background jobs have some ignored
    )
    assert process.stdout.readline() == "writing\n"
    assert len(list((tmp_path / "out").iterdir())) == 1
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert error == "defocus: stopped\n"
    assert list((tmp_path / "out").iterdir()) == []


def test_a_scheduler_file_that_is_missing_or_damaged_is_told_at_once(folder, tmp_path):
    (tmp_path / "half.json").write_text('{"addr')
    for name in ("missing.json", "half.json"):
        with pytest.raises(InputError, match=f"{name}: no scheduler file"):
            run("map", folder / "photo.png", "-o", tmp_path / "out", "--dask", tmp_path / name)


def test_an_output_that_is_a_file_is_one_line(folder, tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert run("map", folder / "photo.png", "-o", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cannot be written" in error
    assert (tmp_path / "out").read_text() == ""


@pytest.mark.parametrize(
    "options",
    [
        ["--noise", "loud"],
        ["--noise", "-1"],
        ["--window", "40"],
        ["--window", "40.6"],
        ["--noise", "9" * 400],
        ["--psf", "star"],
        ["--max-radius", "nan"],
    ],
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


def test_a_folder_without_pictures_is_told_in_one_line(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(InputError, match="without pictures"):
        run("map", tmp_path, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_fluorescence_is_told_with_the_part_that_has_evidence(samples, tmp_path, capsys):
    for command in (("info",), ("mask", "--output", tmp_path)):
        assert run(*command, samples / "cells.png") == 0
        share = float(re.search(r"fluorescence, with evidence in ([0-9.]+) % of it", capsys.readouterr().out)[1])
        assert 5 < share < 50
    assert run("info", samples / "grass.png") == 0
    assert "fluorescence" not in capsys.readouterr().out


def test_a_map_of_ones_own_is_taken_and_one_of_another_size_refused(folder, tmp_path, capsys):
    """By a map of zeros nothing is blurred: the picture comes back as it was."""
    tifffile.imwrite(tmp_path / "zeros.tif", np.zeros((90, 140), np.float32))
    tifffile.imwrite(tmp_path / "small.tif", np.zeros((9, 14), np.float32))
    for command, ending in (("magnify", "magnified"), ("deblur", "sharp")):
        asked = [command, str(folder / "photo.png"), "-o", str(tmp_path), *CLEAN, "--map"]
        assert run(*asked, tmp_path / "zeros.tif") == 0
        with Image.open(tmp_path / f"photo_{ending}.png") as made, Image.open(folder / "photo.png") as before:
            np.testing.assert_array_equal(np.asarray(made), np.asarray(before))
        capsys.readouterr()
        assert run(*asked, tmp_path / "small.tif", "--overwrite") == 1
        assert "small.tif: the blur map has shape (9, 14), the picture (90, 140)" in capsys.readouterr().err


def test_a_mask_or_a_cut_out_is_the_subject(folder, tmp_path, capsys):
    """As a grey mask and as what another program cut out; what it holds stays, and one of another size is refused."""
    matte = np.clip(np.linspace(-1, 2, 140) * np.ones((90, 1)), 0, 1)
    levels = np.rint(255 * matte).astype(np.uint8)
    with Image.open(folder / "photo.png") as photo:
        before = np.asarray(photo.convert("RGB"))
    Image.fromarray(levels).save(tmp_path / "mask.png")
    Image.fromarray(np.dstack([before, levels])).save(tmp_path / "cut.png")
    Image.fromarray(levels[:9]).save(tmp_path / "small.png")
    Image.fromarray(before * np.array([1, 0, 1], np.uint8)).save(tmp_path / "colour.png")
    asked = ["magnify", str(folder / "photo.png"), "-o", str(tmp_path), *CLEAN, "--overwrite", "--subject"]
    results = []
    for name in ("mask.png", "cut.png"):
        assert run(*asked, tmp_path / name) == 0
        with Image.open(tmp_path / "photo_magnified.png") as made:
            results.append(np.asarray(made.convert("RGB")))
    np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(results[0][:, 95:], before[:, 95:])
    assert (results[0] != before)[:, :45].any()
    capsys.readouterr()
    for name, words in (
        ("small.png", "shape (9, 140), the picture (90, 140)"),
        ("colour.png", "not a coloured picture"),
    ):
        assert run(*asked, tmp_path / name) == 1
        assert f"{name}: " in (said := capsys.readouterr().err)
        assert words in said


@pytest.mark.parametrize("given", [None, "2"])
def test_threads_of_matrices_are_one_unless_somebody_says_otherwise(given):
    """In a process of its own, as they start when numpy is loaded."""
    known = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    told = known if given is None else known | {"OPENBLAS_NUM_THREADS": given}
    ask = "import defocus.command.line, os, psutil, numpy; a = numpy.ones((400, 400)); a @ a; "
    ask += "print(os.environ['OPENBLAS_NUM_THREADS'], psutil.Process().num_threads())"
    said = subprocess.run([sys.executable, "-c", ask], env=told, check=True, capture_output=True, text=True).stdout
    setting, threads = said.split()
    assert setting == (given or "1")
    assert given or threads == "1" or sys.platform != "linux"
