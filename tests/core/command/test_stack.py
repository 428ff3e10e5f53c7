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


@pytest.fixture(scope="module")
def series():
    """Counts of a specimen whose focus drifts, uint16 (T, Z, C, H, W); in the second channel stands 10 t + z."""
    rng = np.random.default_rng(0)
    sharp = np.kron(rng.random((64, 64)), np.ones((2, 2))).astype(np.float32)
    counts = np.empty((3, 5, 2, 128, 128), np.uint16)
    for time, best in enumerate((1, 2, 3)):
        for z in range(5):
            light = np.maximum(simulate_blur(sharp, np.full(sharp.shape, 0.9 * abs(z - best), np.float32)), 0)
            counts[time, z, 0] = 100 + rng.poisson(1000 * np.exp(-time) * light)  # it bleaches
            counts[time, z, 1] = 10 * time + z
    return counts


def written_series(path, series):
    metadata = {
        "axes": "TZCYX",
        "Channel": {"Name": ["DAPI", "GFP"]},
        "PhysicalSizeX": 0.1,
        "PhysicalSizeY": 0.1,
        "PhysicalSizeZ": 0.5,
    }
    tifffile.imwrite(path, series, photometric="minisblack", metadata=metadata)


def test_of_a_series_the_sharpest_slice_of_each_time_is_written(tmp_path, capsys, series):
    written_series(tmp_path / "s.ome.tif", series)
    out = tmp_path / "out"
    assert run("stack", tmp_path / "s.ome.tif", "-o", out) == 1
    assert "0: DAPI; 1: GFP: choose one with --channel" in capsys.readouterr().err
    assert not out.exists()
    assert run("stack", tmp_path / "s.ome.tif", "-o", out, "--channel", "DAPI", "--spacing", "4") == 0
    assert capsys.readouterr().out == "the sharpest slice moves between 1 and 3 over 3 times\n"
    assert sorted(item.name for item in out.iterdir()) == ["focus.csv", "sharpest.ome.tif"]
    rows = list(csv.DictReader((out / "focus.csv").read_text().splitlines()))
    assert [row["sharpest"] for row in rows] == ["1", "2", "3"]
    assert [row["outlier"] for row in rows] == ["false"] * 3
    assert all(float(row["median_radius_px"]) < 1 and float(row["threshold_px"]) > 0 for row in rows)
    with tifffile.TiffFile(out / "sharpest.ome.tif") as tiff:
        assert tiff.series[0].axes == "TCYX"
        planes = tiff.asarray()
        words = tiff.ome_metadata
    np.testing.assert_array_equal(planes, series[[0, 1, 2], [1, 2, 3]])
    assert 'PhysicalSizeX="0.1"' in words
    assert 'Name="GFP"' in words
    assert run("stack", tmp_path / "s.ome.tif", "-o", out, "--channel", "0") == 1
    assert "--overwrite" in capsys.readouterr().err


def test_slices_around_the_sharpest_of_each_time(tmp_path, capsys, series):
    written_series(tmp_path / "s.ome.tif", series)
    assert (
        run("stack", tmp_path / "s.ome.tif", "-o", tmp_path, "--channel", "0", "--around", "1", "--spacing", "8") == 0
    )
    found = tifffile.imread(tmp_path / "sharpest.ome.tif")
    np.testing.assert_array_equal(found[:, :, 1, 0, 0], [[0, 1, 2], [11, 12, 13], [22, 23, 24]])
    assert run("stack", tmp_path / "s.ome.tif", "-o", tmp_path / "a", "--channel", "0", "--align") == 1
    assert "not a series of stacks" in capsys.readouterr().err
    Image.new("L", (60, 50)).save(tmp_path / "a.png")
    assert run("stack", tmp_path / "a.png", tmp_path / "a.png", "-o", tmp_path / "a", "--around", "1") == 1
    assert "--around belongs to a series" in capsys.readouterr().err


def test_a_series_of_ome_zarr(tmp_path, capsys, series):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "s.ome.zarr", mode="w", zarr_format=3)
    kinds = {"t": "time", "c": "channel"}
    axes = [{"name": name, "type": kinds.get(name, "space")} for name in "tczyx"]
    scale = [{"type": "scale", "scale": [1, 1, 0.5, 0.1, 0.1]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    group.create_array("0", data=np.ascontiguousarray(series.transpose(0, 2, 1, 3, 4)))
    assert run("stack", tmp_path / "s.ome.zarr", "-o", tmp_path, "--channel", "0", "--spacing", "8") == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "sharpest.ome.tif"), series[[0, 1, 2], [1, 2, 3]])


def test_of_a_stack_with_channels_one_is_chosen(tmp_path, capsys, series):
    written_series(tmp_path / "s.ome.tif", series[:1])
    assert run("stack", tmp_path / "s.ome.tif", "-o", tmp_path / "out", "--channel", "DAPI", "--spacing", "8") == 0
    assert "slice 1 is the sharpest" in capsys.readouterr().out
