"""Large planes: measured in blocks, refused before anything is loaded where that cannot be."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

import dask.array as da
import numpy as np
import psutil
import pytest
from napari.layers import Image, Layer

import defocus
import napari_defocus
from defocus.parameters import AnalysisParameters
from defocus.session import Question
from napari_defocus import blocks
from napari_defocus.blocks import blocks_layer
from napari_defocus.engine import LocalEngine
from napari_defocus.helpers import Helpers
from napari_defocus.layers.samples import blurred, texture
from napari_defocus.layers.source import Source
from napari_defocus.requests import LayerRequest, Run
from tests.core.fields import nuclei

QUICK = AnalysisParameters(window=21, spacing=4, max_radius=6, noise=1e-4)


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(blocks, "LARGE_PIXELS", 20_000)
    monkeypatch.setattr(blocks, "_SHOWN_PIXELS", 15_000)
    monkeypatch.setattr(blocks, "_BLOCK", 128)


def test_a_large_plane_is_measured_in_blocks_at_its_place(small_limits):
    sharp = texture((160, 320), 3)[..., 0]
    values = np.where(np.arange(320) < 160, sharp, blurred(sharp[..., None], np.full((160, 320), 4.0))[..., 0])
    told = []
    layer = Image(da.from_array(values, chunks=64), name="plate", scale=(-0.5, 0.5), translate=(3, 4))
    made = Layer.create(*napari_defocus.blur_map_layer(layer, analysis=QUICK, progress=lambda *at: told.append(at)))
    assert made.data.shape == (80, 160)  # a value for each 2 x 2 px
    np.testing.assert_allclose(made.data_to_world((-0.5, -0.5)), layer.data_to_world((-0.5, -0.5)))
    np.testing.assert_allclose(made.data_to_world((79.5, 159.5)), layer.data_to_world((159.5, 319.5)))
    assert np.median(made.data[:, :60]) < 1
    assert np.median(made.data[:, 100:]) == pytest.approx(4, abs=0.6)  # px of the picture, not of the map
    assert told[-1][1].startswith("measuring in blocks")


def test_the_ground_of_a_plane_of_fluorescence_is_left_out(small_limits, viewer, open_widget, finish):
    """As it is of one that is measured in one piece; what it was taken for and its settings are told."""
    counts = nuclei(0.8, shape=(300, 420), count=40)[0].astype(np.uint16)
    viewer.add_image(da.from_array(counts, chunks=100), name="plate")
    dock = open_widget("Blur map")
    dock.run_button.native.click()
    finish(dock)
    made = viewer.layers["plate blur radius (px)"]
    assert 0.5 < np.isnan(made.data).mean() < 0.9
    about = made.metadata["defocus"]
    assert about["kind_found"] == "fluorescence"
    assert about["parameters"]["unknown"] == "nan"
    assert "left out" in dock.status.value


def test_what_cannot_be_had_in_blocks_is_refused_before_loading(small_limits):
    loaded = []

    def noted(block):
        loaded.append(block.shape)
        return block

    lazy = da.zeros((200, 200), chunks=100, dtype=np.uint8).map_blocks(
        noted, dtype=np.uint8, meta=np.zeros((1, 1), np.uint8)
    )
    layer = Image(lazy, name="plate", contrast_limits=(0, 1))
    loaded.clear()  # napari makes a thumbnail
    with pytest.raises(defocus.InputError, match="200 x 200 px are too many for one piece"):
        napari_defocus.focus_mask_layer(layer, analysis=QUICK)
    assert loaded == []


def test_a_run_in_blocks_is_cancelled(small_limits):
    values = texture((160, 320), 3)[..., 0]

    def stop(fraction, stage):
        if fraction > 0:
            raise defocus.Cancelled("cancelled")

    with pytest.raises(defocus.Cancelled):
        napari_defocus.blur_map_layer(Image(values, name="plate"), analysis=QUICK, progress=stop)


def helpers_running():
    running = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # ended since; ZombieProcess is one of these
            if "napari_defocus.helpers" in " ".join(child.cmdline()):
                running.append(child.pid)
    return running


def test_the_dock_measures_in_other_processes_what_the_function_measures_here(
    small_limits, viewer, open_widget, finish
):
    sharp = texture((160, 320), 3)[..., 0]
    values = np.where(np.arange(320) < 160, sharp, blurred(sharp[..., None], np.full((160, 320), 4.0))[..., 0])
    layer = viewer.add_image(da.from_array(values, chunks=64), name="plate")
    dock = open_widget("Blur map")
    for field in ("window", "spacing", "max_radius", "noise"):
        dock.analysis.controls[field].value = getattr(QUICK, field)
    dock.run_button.native.click()
    finish(dock)
    expected = napari_defocus.blur_map_layer(layer, analysis=QUICK)[0]
    np.testing.assert_array_equal(viewer.layers["plate blur radius (px)"].data, expected)
    assert helpers_running() == []


def test_cancel_ends_the_other_processes_at_once(small_limits, viewer, open_widget, finish, qtbot):
    values = texture((900, 1600), 3)[..., 0]
    viewer.add_image(da.from_array(values, chunks=400), name="plate")
    dock = open_widget("Blur map")
    dock.analysis.controls["spacing"].value = 1  # a matter of minutes
    dock.run_button.native.click()
    qtbot.waitUntil(lambda: len(helpers_running()) == 2, timeout=30_000)
    dock.cancel_button.native.click()
    finish(dock)
    assert dock.status.value == "cancelled"
    assert helpers_running() == []
    assert len(viewer.layers) == 1


def test_faults_of_helpers_come_back():
    with Helpers(1, 1) as helpers:
        assert helpers(int, "21") == 21
        with pytest.raises(RuntimeError, match="ValueError: invalid literal"):
            helpers(int, "x")
        with pytest.raises(defocus.InputError, match="must be"):
            helpers(AnalysisParameters, 40)
        assert helpers(int, "22") == 22  # it goes on
        with pytest.raises(defocus.DefocusError, match="ended"):
            helpers(os._exit, 3)


def test_a_helper_ends_with_whoever_started_it():
    command = (
        "import os; from napari_defocus.helpers import Helpers; "
        "print(Helpers(1, 1)._processes[0].pid, flush=True); os._exit(0)"
    )
    run = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    process = int(run.stdout)
    for _ in range(200):
        if not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    psutil.Process(process).kill()
    pytest.fail("it lives on")


def test_what_is_there_of_a_map_is_shown_while_it_fills_and_nothing_of_it_after_cancel(
    small_limits, viewer, open_widget, finish, qtbot, monkeypatch
):
    monkeypatch.setattr(blocks, "_BEAT_SECONDS", 0.0)
    monkeypatch.setattr(blocks, "_PREVIEW_PIXELS", 4000)
    sharp = texture((384, 512), 3)[..., 0]
    values = np.where(np.arange(512) < 256, sharp, blurred(sharp[..., None], np.full((384, 512), 4.0))[..., 0])
    plate = viewer.add_image(da.from_array(values, chunks=128), name="plate", scale=(0.5, 0.5))
    dock = open_widget("Blur map")
    for field in ("window", "spacing", "max_radius", "noise"):
        dock.analysis.controls[field].value = getattr(QUICK, field)
    shares = []

    def looked():
        for layer in viewer.layers:
            if layer.name == "plate blur radius so far (px)":
                shares.append(np.isfinite(layer.data).mean())
                assert layer not in dock.image.choices
                corners = [layer.data_to_world(at) for at in ((-0.5, -0.5), np.array(layer.data.shape) - 0.5)]
                np.testing.assert_allclose(corners[0], plate.data_to_world((-0.5, -0.5)))
                np.testing.assert_allclose(corners[1], plate.data_to_world((383.5, 511.5)), atol=8)
        return not dock.running

    dock.run_button.native.click()
    qtbot.waitUntil(looked, timeout=120_000)
    assert len(set(shares)) > 2
    assert shares == sorted(shares)
    assert 0 < shares[0] < 1
    assert [layer.name for layer in viewer.layers] == ["plate", "plate blur radius (px)"]
    viewer.layers.remove(viewer.layers[1])
    shares.clear()
    dock.run_button.native.click()
    qtbot.waitUntil(lambda: looked() or len(shares) > 0, timeout=120_000)
    assert dock.running
    dock.cancel_button.native.click()
    finish(dock)
    assert [layer.name for layer in viewer.layers] == ["plate"]


def test_the_part_that_is_shown_is_that_of_the_map(small_limits, monkeypatch):
    monkeypatch.setattr(blocks, "_BEAT_SECONDS", 0.0)
    monkeypatch.setattr(blocks, "_PREVIEW_PIXELS", 2000)
    values = texture((300, 470), 3)[..., 0]
    parts = []
    request = LayerRequest(Source.from_layer(Image(values, name="plate")), Question("blur_map", None), QUICK)
    whole = blocks_layer(request, Run(LocalEngine(), show=parts.append))[0]
    part = parts[-1][0]
    assert part.size <= 2000
    apart = -(-whole.shape[0] // part.shape[0])
    np.testing.assert_array_equal(part, whole[::apart, ::apart])
