"""What needs a window that lives: responsiveness, cancelling, closing during a run, and what the screen shows."""

import time

import numpy as np
import pytest

from defocus.parameters import AnalysisParameters

LONG = np.random.default_rng(0).random((900, 1200)).astype(np.float32)  # with spacing 1, a matter of many seconds


@pytest.fixture
def long_run(viewer, open_widget, qtbot):
    """A blur map widget in the middle of a long run."""
    viewer.add_image(LONG, name="long")
    widget = open_widget("Blur map")
    widget.analysis.controls["spacing"].value = 1
    widget.run_button.native.click()
    qtbot.waitUntil(lambda: widget.bar.value > 0, timeout=60_000)
    assert widget.running
    return widget


def our_workers():
    from napari.qt.threading import WorkerBase

    return list(WorkerBase._worker_set)


def test_progress_is_shown_in_the_activity_dock_and_cancel_stops_at_once(
    viewer, long_run, qtbot, finish, worker_processes
):
    from napari.utils.progress import progress

    bars = list(progress._all_instances)
    assert [bar.total for bar in bars] == [100]
    assert 0 < bars[0].n < 100
    assert long_run.bar.visible or not viewer.window._qt_window.isVisible()
    assert long_run.status.value
    assert worker_processes(expected=1) == 1
    long_run.cancel_button.native.click()
    finish(long_run)
    assert worker_processes(expected=0) == 0
    assert long_run.status.value == "cancelled"
    assert not list(progress._all_instances)
    assert [layer.name for layer in viewer.layers] == ["long"]
    assert long_run.run_button.enabled
    qtbot.waitUntil(lambda: not our_workers(), timeout=10_000)


def test_the_activity_docks_own_button_cancels_too(viewer, long_run, finish, worker_processes):
    from napari.utils.progress import progress

    (bar,) = progress._all_instances
    bar.cancel()
    finish(long_run)
    assert long_run.status.value == "cancelled"
    assert worker_processes(expected=0) == 0
    assert len(viewer.layers) == 1


def test_after_a_cancel_the_next_run_works(viewer, long_run, finish):
    long_run.cancel_button.native.click()
    finish(long_run)
    viewer.add_image(LONG[:100, :120], name="small")
    long_run.image.value = viewer.layers["small"]
    long_run.analysis.controls["window"].value = 21
    long_run.run_button.native.click()
    finish(long_run)
    assert viewer.layers["small blur radius (px)"].data.shape == (100, 120)


def test_closing_the_viewer_during_a_run_leaves_nothing_behind(viewer, long_run, qtbot, worker_processes):
    from napari.utils.progress import progress

    assert our_workers()
    viewer.close()
    qtbot.waitUntil(lambda: not our_workers(), timeout=10_000)
    assert worker_processes(expected=0) == 0
    assert not list(progress._all_instances)
    qtbot.wait(200)  # signals that were still on their way must find nothing to break


def test_closing_the_dock_during_a_run_stops_it(viewer, long_run, qtbot, worker_processes):
    viewer.window.remove_dock_widget(long_run.native)
    qtbot.waitUntil(lambda: not our_workers(), timeout=10_000)
    assert worker_processes(expected=0) == 0


def test_two_widgets_share_one_worker_and_its_analysis(viewer, open_widget, finish, scene, worker_processes):
    viewer.add_image(scene[0], name="scene")
    first, second = open_widget("Blur map"), open_widget("In-focus mask")
    first.run_button.native.click()
    finish(first)
    assert worker_processes(expected=1) == 1
    stages = []
    second.status.changed.connect(stages.append)
    second.run_button.native.click()
    finish(second)
    assert worker_processes(expected=1) == 1
    assert "starting" not in stages
    first.shut_down()
    assert worker_processes(expected=1) == 1
    second.shut_down()
    assert worker_processes(expected=0) == 0


def test_the_event_loop_answers_within_100_ms_during_a_run(viewer, open_widget, finish, qtbot):
    """The longest silence of the event loop while the worker is busy; other programs may spoil an attempt or two."""
    from qtpy.QtCore import QTimer

    viewer.add_image(LONG[:500, :600], name="picture")
    widget = open_widget("Blur map")
    silences = []
    for attempt in range(4):
        beats = [time.perf_counter()]
        timer = QTimer()
        timer.timeout.connect(lambda beats=beats: beats.append(time.perf_counter()))
        timer.start(5)
        widget.analysis.controls["window"].value = 41 + 2 * attempt  # so that it is measured anew
        widget.run_button.native.click()
        beats.append(time.perf_counter())
        qtbot.waitUntil(lambda: widget.bar.value >= 60 or not widget.running, timeout=120_000)  # the cut goes on
        timer.stop()
        widget.cancel()
        finish(widget)
        assert len(beats) > 20
        silences.append(max(np.diff(beats)))
        if silences[-1] < 0.1:
            break
    assert min(silences) < 0.1, f"silent for {np.round(silences, 3)} s"


def test_the_map_is_seen_in_a_shown_window(make_napari_viewer, qtbot, finish, scene):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1200, 900)
    viewer.add_image(scene[0], name="scene")
    widget = viewer.window.add_plugin_dock_widget("napari-defocus", "Blur map")[1]
    assert widget.analysis.parameters == AnalysisParameters()
    widget.run_button.native.click()
    qtbot.waitUntil(lambda: widget.bar.visible, timeout=5_000)
    finish(widget)
    layer = viewer.layers["scene blur radius (px)"]
    layer.interpolation2d = "nearest"
    viewer.reset_view()
    qtbot.wait(200)
    shot = viewer.window.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    colors = np.unique(shot.reshape(-1, 3), axis=0)
    # Every colour of the map at its pixels' radii is on the screen, and so is the picture hidden behind none
    fractions = np.unique(np.round(np.minimum(layer.data[::7, ::7] / layer.contrast_limits[1], 1), 4))
    wanted = np.rint(layer.colormap.map(fractions)[:, :3] * 255).astype(int)
    distances = np.abs(wanted[:, None] - colors[None]).max(2).min(1)
    assert (distances <= 3).mean() > 0.95
    sharp, blurred = (layer.colormap.map(np.median(layer.data[part])) for part in (np.s_[:, :60], np.s_[:, 100:]))
    assert np.abs(sharp - blurred).max() > 0.1  # two halves, two colours
    seen = viewer.window.screenshot(canvas_only=False, flash=False)
    assert seen.shape[0] >= 800
    layer.visible = False
    qtbot.wait(100)
    gone = viewer.window.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    assert np.abs(gone - shot).max(2).mean() > 5
    widget.shut_down()
