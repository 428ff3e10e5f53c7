"""Maps by overlapping blocks against the map of the whole plane; series; a cluster of two processes."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest

da = pytest.importorskip("dask.array")
pytest.importorskip("distributed")

import dask  # noqa: E402
from scipy import ndimage  # noqa: E402

import defocus  # noqa: E402
from defocus import InputError  # noqa: E402
from defocus import dask as of_blocks  # noqa: E402
from defocus.dask import _Layout, batch, blur_map, kind_of_plane  # noqa: E402
from tests.core.fields import nuclei  # noqa: E402

KNOWN = {"noise": 1e-4, "spacing": 4, "kind": "brightfield"}


def plane(height, width, seed=0):
    """Texture whose blur grows from left to right."""
    rng = np.random.default_rng(seed)
    sharp = ndimage.gaussian_filter(rng.standard_normal((height, width)), 1.0)
    soft = ndimage.gaussian_filter(sharp, 2.5)
    share = np.linspace(0, 1, width)
    mixed = np.where(share < 0.5, sharp / sharp.std(), soft / soft.std() * 0.5)
    noisy = 0.5 + 0.15 * mixed + 0.01 * rng.standard_normal((height, width))
    return np.clip(noisy, 0, 1).astype(np.float32)


def test_blocks_cover_an_axis_and_none_is_a_sliver():
    for length, size in ((1000, 256), (1000, 2048), (1025, 512), (41, 16)):
        cuts = _Layout(8, 64).cuts(length, size)
        assert cuts[0][0] == 0
        assert cuts[-1][1] == length
        assert all(a[1] == b[0] for a, b in itertools.pairwise(cuts))
        assert all(begin % 8 == 0 for begin, _ in cuts)
        assert min(end - begin for begin, end in cuts) >= min(length, max(8, size // 8 * 8) / 2)


def test_local_evidence_of_a_block_is_that_of_the_whole():
    picture = plane(300, 420)
    whole = defocus.analyze(picture, max_radius=16, **KNOWN).evidence
    top, left, halo = 64, 128, 48
    part = defocus.analyze(picture[top:, left:], max_radius=16, **KNOWN).evidence
    inside = halo // 4
    np.testing.assert_allclose(
        part.profile[inside:, inside:],
        whole.profile[top // 4 + inside :, left // 4 + inside :],
        rtol=1e-4,
        atol=1e-3,
    )


def test_seams_cannot_be_seen():
    picture = plane(420, 560)
    whole = defocus.analyze(picture, **KNOWN).blur_map()
    lazy = blur_map(da.from_array(picture, chunks=100), block=128, **KNOWN)
    assert lazy.shape == picture.shape
    assert lazy.dtype == np.float32
    assert lazy.numblocks == (3, 4)
    difference = np.abs(lazy.compute(scheduler="threads", num_workers=2) - whole)
    seams = np.zeros(picture.shape, bool)
    for at in np.cumsum(lazy.chunks[0])[:-1]:
        seams[at - 2 : at + 2] = True
    for at in np.cumsum(lazy.chunks[1])[:-1]:
        seams[:, at - 2 : at + 2] = True
    assert whole.std() > 0.5
    assert difference[seams].mean() <= difference[~seams].mean() + 0.01
    assert difference.mean() < 0.03  # the range of light is that of some blocks, too
    # Neither may the map jump at seams: its steps across them are those of the whole map
    steps = np.abs(np.diff(lazy.compute(), axis=1))
    theirs = np.abs(np.diff(whole, axis=1))
    for at in np.cumsum(lazy.chunks[1])[:-1]:
        assert abs(steps[:, at - 1].mean() - theirs[:, at - 1].mean()) < 0.05


def test_one_block_is_the_plain_map():
    picture = plane(90, 110)
    np.testing.assert_array_equal(
        blur_map(picture, noise=1e-4).compute(), defocus.analyze(picture, noise=1e-4, kind="brightfield").blur_map()
    )


def test_leading_axes_are_series_with_one_range():
    planes = (np.stack([plane(60, 70, seed) for seed in range(4)]) * 40_000).astype(np.uint16)
    series = planes.reshape(2, 2, 60, 70)
    found = blur_map(da.from_array(series, chunks=(1, 1, 60, 70)), noise=1e-4)
    assert found.shape == (2, 2, 60, 70)
    expected = defocus.analyze((planes[3] / 65535).astype(np.float32), noise=1e-4, kind="brightfield").blur_map()
    np.testing.assert_allclose(found[1, 1].compute(), expected, atol=1e-3)


def test_colours_are_used():
    gray = (plane(60, 70) * 255).astype(np.uint8)
    color = np.stack([gray, gray // 2, gray // 4])
    found = blur_map(color, channel_axis=0, noise=1e-4).compute()
    whole = defocus.analyze(np.moveaxis(color, 0, -1), noise=1e-4, kind="brightfield")
    np.testing.assert_array_equal(found, whole.blur_map())


def test_noise_is_measured_once_for_all_blocks():
    picture = plane(300, 400)
    measured = defocus.analyze(picture).noise_variance
    automatic = blur_map(picture, block=128).compute()
    given = blur_map(picture, block=128, noise=measured).compute()
    assert np.abs(automatic - given).mean() < 0.15


@pytest.fixture(scope="module")
def cells():
    """Camera counts of nuclei, the right half of the field out of focus; and the whole field's analysis."""
    halves = [nuclei(radius, shape=(480, 640), count=60)[0] for radius in (0.8, 5.0)]
    counts = np.where(np.arange(640) < 320, *halves).astype(np.uint16)
    return counts, defocus.analyze(counts)


@pytest.mark.parametrize(("sample", "differ"), [(512, 0.001), (128, 0.15)])
def test_blocks_of_fluorescence_are_those_of_the_whole_field(cells, monkeypatch, sample, differ):
    """To the last digits where the whole field tells what holds for it, as with 512 px; nearly so where parts do."""
    counts, whole = cells
    monkeypatch.setattr(of_blocks, "_SAMPLE_SIZE", sample)
    expected = whole.blur_map(unknown="nan")
    changes = {"unknown": "nan", "spacing": whole.evidence.spacing, "max_radius": whole.max_radius}
    lazy = blur_map(da.from_array(counts, chunks=100), block=200, **changes)
    assert lazy.numblocks == (2, 3)
    found = lazy.compute()
    assert whole.kind == "fluorescence"
    known, expected_known = np.isfinite(found), np.isfinite(expected)
    assert 0.05 < expected_known.mean() < 0.5  # most is ground
    assert (known != expected_known).mean() < 0.01
    both = known & expected_known
    assert np.abs(found - expected)[both].mean() < differ
    right = both & (np.arange(640) >= 360)
    assert np.median(found[right]) == pytest.approx(5, abs=0.6)


def test_the_kind_of_a_plane_is_told_by_parts_of_it(cells, monkeypatch):
    counts, _ = cells
    monkeypatch.setattr(of_blocks, "_SAMPLE_SIZE", 150)
    assert kind_of_plane(counts) == "fluorescence"
    assert kind_of_plane(plane(480, 640)) == "brightfield"
    assert kind_of_plane(np.stack([counts] * 3) // np.array([1, 2, 4])[:, None, None], channel_axis=0) == "brightfield"


@pytest.mark.parametrize("array", [np.zeros((2, 60, 60)), np.zeros(5), np.zeros((60, 60), complex)])
def test_what_is_no_plane_has_no_kind(array):
    with pytest.raises(InputError, match=r"one is asked for|no planes|real numbers"):
        kind_of_plane(array)


def test_a_kind_and_a_shape_that_were_chosen_are_kept(cells):
    counts, _ = cells
    same = {"spacing": 8, "max_radius": 8}
    for chosen in ({"kind": "brightfield", "noise": 1e-4}, {"kind": "fluorescence", "psf": "disc"}):
        expected = defocus.analyze(counts, **same, **chosen).blur_map(unknown="nan")
        np.testing.assert_allclose(blur_map(counts, unknown="nan", **same, **chosen).compute(), expected, atol=0.01)


@pytest.mark.parametrize(
    ("array", "changes", "says"),
    [
        (np.zeros(5), {}, "no planes"),
        (np.zeros((30, 50)), {}, "smaller than the analysis window"),
        (np.zeros((50, 50), complex), {}, "real numbers"),
        (np.zeros((50, 50, 2)), {"channel_axis": 2}, "2 colours"),
        (np.zeros((50, 50)), {"sharpness": 1}, "no parameter is called 'sharpness'"),
    ],
)
def test_bad_input_is_named_at_once(array, changes, says):
    with pytest.raises(InputError, match=says):
        blur_map(array, **changes)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_of_two_processes():
    from distributed import Client, LocalCluster

    picture = plane(200, 300)
    with (
        dask.config.set({"distributed.worker.daemon": True}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
    ):
        with Client(cluster):
            lazy = blur_map(da.from_array(picture, chunks=150), block=128, **KNOWN)
            remote = lazy.compute()
        np.testing.assert_array_equal(remote, lazy.compute(scheduler="threads"))
        results = dict(batch(divmod, [(7, 2), (1, 0), (9, 4)], cluster.scheduler_address))
        assert results[0] == (3, 1)
        assert results[2] == (2, 1)
        assert isinstance(results[1], ZeroDivisionError)
        owners = dict(batch(os.getpid, [()] * 8, cluster.scheduler_address))
        assert os.getpid() not in owners.values()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_command_line_works_on_a_cluster(tmp_path):
    """A real command, on a cluster of two other processes; one file of three is bad."""
    import json
    import subprocess
    import sys

    import tifffile
    from distributed import LocalCluster

    for name, seed in (("one", 1), ("two", 2)):
        tifffile.imwrite(tmp_path / f"{name}.tif", (plane(90, 110, seed) * 255).astype(np.uint8))
    (tmp_path / "bad.tif").write_bytes(b"nothing of the kind")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        program = [sys.executable, "-c", "from defocus.command.line import main; main()"]
        done = subprocess.run(
            [
                *program,
                "map",
                "one.tif",
                "bad.tif",
                "two.tif",
                "-o",
                "out",
                "--json",
                "--dask",
                cluster.scheduler_address,
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1, done.stderr
    answers = {answer["input"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    assert set(answers) == {"one.tif", "bad.tif", "two.tif"}
    assert "bad.tif" in answers["bad.tif"]["error"]
    for name in ("one", "two"):
        expected = defocus.analyze(defocus.load_image(tmp_path / f"{name}.tif")).blur_map()
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "out" / f"{name}_blur.tif"), expected)


@pytest.mark.filterwarnings("default")
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    with pytest.raises(InputError, match="no Dask scheduler at 'nonsense'"):
        list(batch(divmod, [(1, 1)], "nonsense"))
    assert dask.config.get("scheduler", None) is None  # else whatever is computed afterwards waits for it


def test_a_hot_pixel_does_not_move_the_range():
    """Camera counts with one defect: the map is that of the same counts without."""
    rng = np.random.default_rng(3)
    counts = (4000 + 900 * rng.random((150, 170))).astype(np.uint16)
    hot = counts.copy()
    hot[70, 80] = 65535
    changes = {"max_radius": 4, "noise": 1e-4, "spacing": 4}
    clean, broken = (blur_map(da.from_array(array, chunks=(80, 90)), **changes).compute() for array in (counts, hot))
    assert np.abs(clean - broken).mean() < 0.02


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_culling_on_a_cluster_survives_a_killed_worker(tmp_path):
    """A real command, on a cluster of two other processes, one of which is killed after the first picture."""
    import json
    import signal
    import subprocess
    import sys

    from distributed import LocalCluster
    from PIL import Image

    for seed in range(12):
        Image.fromarray((plane(150, 200, seed) * 255).astype(np.uint8)).save(tmp_path / f"{seed}.png")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        program = [sys.executable, "-c", "from defocus.command.line import main; main()"]
        command = [*program, "cull", str(tmp_path), "--json", "--no-cache", "--dask", cluster.scheduler_address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            lines = [running.stdout.readline()]
            os.kill(cluster.workers[0].pid, signal.SIGKILL)
            rest, said = running.communicate(timeout=300)
            lines += rest.splitlines()
    assert running.returncode == 0, said
    answers = [json.loads(line) for line in lines]
    assert {answer["input"] for answer in answers} == {str(tmp_path / f"{n}.png") for n in range(12)}
    assert len(answers) == 12
    assert all("verdict" in answer for answer in answers)
