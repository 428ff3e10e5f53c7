"""Focus over time: each time has its own sharpest slice, and all channels follow."""

from __future__ import annotations

import numpy as np
import pytest

from defocus import InputError
from defocus.psf.simulation import simulate_blur
from defocus.timelapse import drift_in_words, focus_over_time, sharpest_slices

TRUE = [2, 3, 4, 3]
SIDE = 128


@pytest.fixture(scope="module")
def series():
    """Counts of a specimen whose focus drifts, uint16 (T, Z, H, W), and of another channel in which z is written."""
    rng = np.random.default_rng(0)
    sharp = np.kron(rng.random((SIDE // 2, SIDE // 2)), np.ones((2, 2))).astype(np.float32)
    stacks = [
        [simulate_blur(sharp, np.full(sharp.shape, 0.9 * abs(z - best), np.float32)) for z in range(7)] for best in TRUE
    ]
    light = np.array(stacks) * np.exp(-np.arange(len(TRUE)) / 2)[:, None, None, None]  # it bleaches
    counts = (100 + rng.poisson(1000 * np.maximum(light, 0))).astype(np.uint16)
    other = np.broadcast_to(np.arange(7, dtype=np.uint16)[None, :, None, None], counts.shape)
    return counts, other


def test_each_time_has_its_own_sharpest_slice(series):
    table = focus_over_time(series[0])
    assert table["sharpest"].tolist() == TRUE
    assert (table["confidence"] > 0.9).all()
    assert table["time"].tolist() == [0, 1, 2, 3]
    assert (table["detail_share"] < 0.8).all()


def test_a_time_of_nothing_but_noise_has_none_and_takes_its_neighbours_slice(series):
    counts = series[0].copy()
    counts[1] = np.random.default_rng(1).poisson(300, counts[1].shape)
    table = focus_over_time(counts)
    assert table["sharpest"].tolist() == [2, -1, 4, 3]
    assert table["confidence"][1] == 0
    assert sharpest_slices(series[1], table["sharpest"], z_axis=1)[:, 0, 0].tolist() == [2, 2, 4, 3]


def test_a_slice_with_a_bright_glow_is_measured_in_the_range_of_all(series):
    counts = series[0][:1].astype(float)
    y, x = np.mgrid[:SIDE, :SIDE]
    counts[0, TRUE[0]] += 50_000 * np.exp(-((y - 20) ** 2 + (x - 20) ** 2) / 200)
    assert focus_over_time(counts)["sharpest"].tolist() == TRUE[:1]


def test_all_channels_follow_one(series):
    both = np.stack(series, axis=2)  # (T, Z, C, H, W)
    planes = sharpest_slices(both, TRUE, z_axis=1)
    assert planes.shape == (4, 2, SIDE, SIDE)
    np.testing.assert_array_equal(planes[:, 1, 0, 0], TRUE)
    np.testing.assert_array_equal(planes[2, 0], series[0][2, 4])
    around = sharpest_slices(both, [0, 3, 6, 3], z_axis=1, around=1)
    assert around[:, :, 1, 0, 0].tolist() == [[0, 1, 2], [2, 3, 4], [4, 5, 6], [2, 3, 4]]


def test_lazy_series_are_loaded_slice_by_slice(series):
    da = pytest.importorskip("dask.array")
    sizes = []

    def noted(block):
        sizes.append(block.size)
        return block

    lazy = da.from_array(series[0], chunks=(1, 1, SIDE, SIDE)).map_blocks(
        noted, dtype=np.uint16, meta=np.empty((0, 0, 0, 0), np.uint16)
    )
    assert focus_over_time(lazy)["sharpest"].tolist() == TRUE
    assert len(sizes) == 2 * 4 * 7
    assert max(sizes) == SIDE * SIDE


def test_what_does_not_fit_is_refused(series):
    with pytest.raises(InputError, match="T x Z x H x W"):
        focus_over_time(series[0][0])
    with pytest.raises(InputError, match="two slices"):
        focus_over_time(series[0][:, :1])
    with pytest.raises(InputError, match="do not fit"):
        sharpest_slices(series[0], [2, 3], z_axis=1)
    with pytest.raises(InputError, match="do not fit"):
        sharpest_slices(series[0], [2, 3, 9, 3], z_axis=1)
    with pytest.raises(InputError, match="at any time"):
        sharpest_slices(series[0], [-1] * 4, z_axis=1)


def test_the_sharpest_slice_of_each_time_is_measured_by_a_threshold_of_its_own(series):
    counts = series[0].copy()
    counts[1] = np.random.default_rng(1).poisson(300, counts[1].shape)
    asked = []

    def measure(time, z, progress):
        asked.append((time, z))
        progress(0.5, "halfway")
        return {
            "known_share": 0.9,
            "median_radius_px": 9.0 if time == 3 else 1.0,
            "in_focus_share": 0.8,
            "threshold_px": 1.5 + time,
            "confidence": 0.7,
        }

    told = []
    table = focus_over_time(counts, measure=measure, progress=lambda *report: told.append(report))
    assert asked == [(0, 2), (2, 4), (3, 3)]  # of the time without one there is nothing to be measured
    np.testing.assert_array_equal(table["threshold_px"], [1.5, np.nan, 3.5, 4.5])
    np.testing.assert_array_equal(table["radius_confidence"], [0.7, 0, 0.7, 0.7])
    assert (table["confidence"][[0, 2, 3]] > 0.9).all()  # that of the slice
    assert table["outlier"].tolist() == [False, True, False, True]
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert (0.25 * (3 + 0.3 + 0.7 * 0.5), "time 4 of 4: halfway") in [(round(at, 9), words) for at, words in told]
    assert drift_in_words(table) == (
        "the sharpest slice moves between 2 and 4 over 4 times; none is in focus at 1 of them; 1 unlike the others"
    )


def test_drift_in_words():
    assert drift_in_words({"sharpest": np.array([3, 3])}) == "slice 3 is the sharpest at 2 of 2 times"
    assert drift_in_words({"sharpest": np.array([-1, -1])}).startswith("no slice is in focus at any time")
