"""``defocus info`` of stacks and of labelled parts: cells and frames whose focus is known."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from defocus.command.facts import summary
from defocus.command.line import app


def run(*arguments):
    return app([str(word) for word in arguments], result_action="return_value")


@pytest.fixture(scope="module")
def nuclei():
    """Nuclei on a dark ground, uint16 (240, 320), the right half blurred; and their labels."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:240, :320]
    light, labels = np.full((240, 320), 0.02), np.zeros((240, 320), np.uint16)
    grain = ndimage.gaussian_filter(rng.standard_normal((240, 320)), 1)
    for number in range(12):
        y, x = 40 + 80 * (number // 4), 40 + 80 * (number % 4)
        here = np.hypot(rows - y, columns - x) < 14
        light[here] = (0.7 * (1 + 0.4 * grain / grain.std()))[here]
        labels[here] = number + 1
    return np.clip(light, 0, None), labels


def counted(light, seed=1):
    return (100 + np.random.default_rng(seed).poisson(2000 * light)).astype(np.uint16)


def table_of(capsys):
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_info_within_labels_tells_sharp_cells_from_blurred_ones(nuclei, tmp_path, capsys):
    light, labels = nuclei
    mixed = np.where(np.arange(320) < 160, light, ndimage.gaussian_filter(light, 4))
    tifffile.imwrite(tmp_path / "field.tif", counted(mixed))
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    assert run("info", tmp_path / "field.tif", "--within", tmp_path / "labels.tif") == 0
    rows = table_of(capsys)
    assert [row["label"] for row in rows] == [str(number) for number in range(1, 13)]
    blurred = np.array([(number % 4) >= 2 for number in range(12)])
    radii = np.array([float(row["median_radius_px"]) for row in rows])
    assert radii[~blurred].max() < radii[blurred].min()
    assert [row["verdict"] == "in focus" for row in rows] == list(~blurred)


def test_info_of_a_stack_is_a_row_for_each_frame(nuclei, tmp_path, capsys):
    light, _ = nuclei
    blurs = (0.0, 0.0, 4.0, 0.0, 0.0)
    frames = np.stack([counted(ndimage.gaussian_filter(light, blur), t) for t, blur in enumerate(blurs)])
    tifffile.imwrite(tmp_path / "movie.ome.tif", frames, photometric="minisblack", metadata={"axes": "TYX"})
    assert run("info", tmp_path / "movie.ome.tif", "--table", tmp_path / "t.csv") == 0
    assert "5 rows" in capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text(encoding="utf-8"))))
    assert [row["frame"] for row in rows] == list("01234")
    assert [row["outlier"] for row in rows] == ["false", "false", "true", "false", "false"]


def test_channels_have_rows_of_their_own(nuclei, tmp_path, capsys):
    light, _ = nuclei
    planes = np.stack([counted(light), counted(ndimage.gaussian_filter(light, 4))])
    stack = np.stack([planes, planes])
    metadata = {"axes": "ZCYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(tmp_path / "z.ome.tif", stack, photometric="minisblack", metadata=metadata)
    assert run("info", tmp_path / "z.ome.tif") == 0
    rows = table_of(capsys)
    assert [(row["channel"], row["frame"]) for row in rows] == [
        ("DAPI", "0"),
        ("DAPI", "1"),
        ("GFP", "0"),
        ("GFP", "1"),
    ]
    assert float(rows[0]["median_radius_px"]) < float(rows[2]["median_radius_px"])
    assert run("info", tmp_path / "z.ome.tif", "--channel", "GFP") == 0
    assert [row["channel"] for row in table_of(capsys)] == ["GFP", "GFP"]


def test_one_page_of_a_stack_is_told_as_a_picture(nuclei, tmp_path, capsys):
    light, _ = nuclei
    tifffile.imwrite(tmp_path / "z.tif", np.stack([counted(light)] * 3), photometric="minisblack")
    assert run("info", tmp_path / "z.tif", "--page", "1") == 0
    assert capsys.readouterr().out.startswith("z.tif: 320 x 240 px")


def test_what_cannot_be_done_is_one_line(nuclei, tmp_path, capsys):
    light, labels = nuclei
    tifffile.imwrite(tmp_path / "field.tif", counted(light))
    tifffile.imwrite(tmp_path / "small.tif", labels[:100])
    assert run("info", tmp_path / "field.tif", "--within", tmp_path / "small.tif") == 1
    assert "labels of shape (100, 320) for a picture of (240, 320)" in capsys.readouterr().err
    tifffile.imwrite(tmp_path / "float.tif", light)
    assert run("info", tmp_path / "field.tif", "--within", tmp_path / "float.tif") == 1
    assert "float.tif: holds no labels" in capsys.readouterr().err
    assert run("info", tmp_path / "field.tif", "--table", tmp_path / "field.tif") == 1
    assert "is one of the inputs" in capsys.readouterr().err
    both = (tmp_path / "field.tif", tmp_path / "small.tif")
    assert run("info", *both, "--within", tmp_path / "small.tif") == 1
    assert "belong to one picture, not to 2" in capsys.readouterr().err


def test_what_may_be_of_another_kind_or_more_blurred_is_told_in_the_line():
    facts = {"width": 3, "height": 2, "kind": "photograph", "kind_doubt": "it may be fluorescence", "end_share": 0.25}
    told = summary("a.png", facts)
    assert "it may be fluorescence" in told
    assert "25.0 % of what is known is at the largest radius or beyond" in told
    assert summary("a.png", {**facts, "kind_doubt": "", "end_share": 0.01}) == "a.png: 3 x 2 px"
