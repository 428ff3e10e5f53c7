"""Tables of labelled parts and of frames, against plain loops and known truth."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from defocus import InputError
from defocus.errors import DefocusError
from defocus.measures import as_csv, frame_row, frame_table, label_table, write_table


def test_parts_against_a_loop():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, (40, 50)) * 3  # with gaps between the numbers
    radius = rng.uniform(0, 6, labels.shape)
    radius[rng.random(labels.shape) < 0.3] = np.nan
    radius[labels == 6] = np.nan
    confidence = rng.random(labels.shape)
    table = label_table(labels, radius, confidence, 2.0)
    np.testing.assert_array_equal(table["label"], [3, 6, 9, 12, 15, 18])
    for row, label in enumerate(table["label"]):
        here = labels == label
        known = here & np.isfinite(radius)
        assert table["pixels"][row] == here.sum()
        assert table["known_share"][row] == pytest.approx(known.sum() / here.sum())
        if label == 6:
            assert np.isnan(table["median_radius_px"][row])
            assert np.isnan(table["in_focus_share"][row])
            assert (table["confidence"][row], table["verdict"][row]) == (0, "unknown")
            continue
        assert table["median_radius_px"][row] == pytest.approx(np.median(radius[known]))
        assert table["in_focus_share"][row] == pytest.approx((radius[known] <= 2).mean())
        assert table["confidence"][row] == pytest.approx(confidence[known].mean())


def test_verdicts():
    labels = np.repeat([1, 2, 3], 20)[np.newaxis]
    radius = np.repeat([1.0, 3.0, 1.0], 20)[np.newaxis]
    radius[0, 41:] = np.nan  # a twentieth of the third part is known
    table = label_table(labels, radius, np.ones_like(radius), 2.0)
    assert list(table["verdict"]) == ["in focus", "out of focus", "unknown"]


def test_no_parts_make_an_empty_table():
    table = label_table(np.zeros((4, 5), int), np.ones((4, 5)), np.ones((4, 5)), 2.0)
    assert {len(column) for column in table.values()} == {0}
    assert as_csv(table).count("\n") == 1


@pytest.mark.parametrize(
    ("labels", "words"), [(np.zeros((4, 5)), "whole numbers"), (np.zeros((4, 6), int), "labels of shape")]
)
def test_labels_that_are_none_are_refused(labels, words):
    with pytest.raises(InputError, match=words):
        label_table(labels, np.ones((4, 5)), np.ones((4, 5)), 2.0)


def rows_of(radii):
    return [
        {"frame": frame, **frame_row(np.full((4, 5), radius), np.full((4, 5), 0.5), 2.0)}
        for frame, radius in enumerate(radii)
    ]


def test_outliers_among_frames():
    table = frame_table(rows_of([1.0, 1.1, 0.9, 5.0, 1.05, np.nan, 1.0]))
    np.testing.assert_array_equal(table["outlier"], [False, False, False, True, False, True, False])
    np.testing.assert_array_equal(table["frame"], range(7))
    assert table["known_share"][5] == 0
    assert not frame_table(rows_of([1.0, 1.0, 1.2]))["outlier"].any()  # nearly equal frames have none
    assert not frame_table(rows_of([np.nan, np.nan, np.nan]))["outlier"].any()
    assert frame_table([]) == {}


def test_csv_is_read_back(tmp_path):
    table = frame_table(rows_of([1.0, 5.0, np.nan]))
    write_table(tmp_path / "t.csv", table, overwrite=False)
    read = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text(encoding="utf-8"))))
    assert [row["median_radius_px"] for row in read] == ["1", "5", ""]
    assert [row["frame"] for row in read] == ["0", "1", "2"]
    assert {row["outlier"] for row in read} <= {"true", "false"}
    with pytest.raises(DefocusError, match=r"t\.csv"):
        write_table(tmp_path / "t.csv", table, overwrite=False)


def test_frames_as_sharp_as_their_pixels_are_no_outliers():
    radii = [0.05, 0.06, 0.05, 0.3, 0.05]
    rows = [{"frame": at, "median_radius_px": radius} for at, radius in enumerate(radii)]
    assert not frame_table(rows)["outlier"].any()
    rows[3]["median_radius_px"] = 0.6
    assert frame_table(rows)["outlier"].tolist() == [False, False, False, True, False]
