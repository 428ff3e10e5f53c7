"""Cut-outs: a subject of known shape and colours, laid on another ground."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from defocus.command.line import app
from defocus.psf.simulation import simulate_blur


@pytest.fixture(autouse=True)
def _own_log(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


def texture(rng):
    values = ndimage.gaussian_filter(rng.standard_normal((200, 240)), 0.6)
    return np.clip(0.5 + 0.2 * values / values.std(), 0, 1)


@pytest.fixture(scope="module")
def subject():
    """Its opacity, a disc with an edge of 3 px; its colours, without green; a ground, blurred and green."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:200, :240]
    alpha = np.clip(0.5 + (60 - np.hypot(y - 100, x - 120)) / 3, 0, 1)[..., np.newaxis]
    ground = simulate_blur(texture(rng), 5.0)[..., np.newaxis] * [0.1, 1, 0.1]
    return alpha, texture(rng)[..., np.newaxis] * [1, 0, 0.5], ground


@pytest.fixture
def file(subject, tmp_path):
    alpha, front, back = subject
    place = tmp_path / "subject.png"
    Image.fromarray(np.rint(255 * (alpha * front + (1 - alpha) * back)).astype(np.uint8)).save(place)
    return place


def run(*arguments):
    return app([str(item) for item in arguments], result_action="return_value", exit_on_error=False)


def test_a_cutout_on_another_ground_has_no_ring(subject, file, tmp_path):
    assert run("cutout", file, "-o", tmp_path) == 0
    with Image.open(tmp_path / "subject_cutout.png") as opened:
        assert opened.mode == "RGBA"
        found = np.asarray(opened) / 255
    alpha, front, back = subject
    assert abs(found[..., 3] - alpha[..., 0]).mean() < 0.02
    laid = found[..., 3:] * found[..., :3]  # on black
    rim = (alpha[..., 0] > 0.05) & (alpha[..., 0] < 0.95)
    mixed = found[..., 3:] * (alpha * front + (1 - alpha) * back)
    assert laid[rim][:, 1].mean() < 0.4 * mixed[rim][:, 1].mean()  # of the ground's green


def test_a_trimmed_cutout_holds_the_subject_and_no_more(file, tmp_path):
    assert run("cutout", file, "-o", tmp_path, "--trim") == 0
    with Image.open(tmp_path / "subject_cutout.png") as opened:
        assert opened.getbbox(alpha_only=True) == (0, 0, *opened.size)
        assert all(abs(side - 122) < 14 for side in opened.size)


def test_a_hard_cutout_has_a_hard_rim(file, tmp_path):
    assert run("cutout", file, "-o", tmp_path, "--softness", 0) == 0
    with Image.open(tmp_path / "subject_cutout.png") as opened:
        assert set(opened.getchannel("A").get_flattened_data()) == {0, 255}


def test_where_nothing_is_in_focus_nothing_is_written(tmp_path, capsys):
    file = tmp_path / "flat.png"
    Image.new("L", (90, 90), 128).save(file)
    code = run("cutout", file, "-o", tmp_path / "out", "--threshold", 0.1)
    assert (code, list((tmp_path / "out").glob("*"))) == (1, [])
    assert "nothing is in focus" in capsys.readouterr().err
