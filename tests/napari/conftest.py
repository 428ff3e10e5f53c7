"""Fixtures for tests in a real napari viewer; pytest-xvfb gives them a display where there is none."""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

# Without napari there is nothing to test here; in CI its absence is a failure
if importlib.util.find_spec("napari") is None and os.environ.get("CI") != "true":
    collect_ignore_glob = ["test_*.py"]

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_defocus.widgets.base import DefocusWidget


def pytest_collection_modifyitems(items):
    for item in items:
        if "napari" in item.path.parts[-3:]:
            item.add_marker(pytest.mark.napari)
            # napari, vispy and Qt warn of their own affairs; what the suite warns of stays an error
            for module in ("napari", "vispy", "superqt", "npe2", "app_model", "in_n_out", "qtpy", "pydantic"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore:::{module}"))


@pytest.fixture(autouse=True)
def settings_of_its_own(monkeypatch, tmp_path):
    """No test begins with the settings of another, or with those of whoever runs it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def scene():
    """A picture, uint8 (120, 160, 3), whose left half is in focus and whose right half is blurred by 4 px."""
    from napari_defocus.layers import samples

    sharp = samples.texture((120, 160), 7, channels=3)
    radius = np.where(np.arange(160) < 80, 0.0, 4.0) * np.ones((120, 1))
    picture = np.where(radius[..., np.newaxis] > 0, samples.blurred(sharp, np.full((120, 160), 4.0)), sharp)
    noisy = picture + np.random.default_rng(8).normal(0, 0.005, picture.shape)
    return np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8), radius


@pytest.fixture(scope="session")
def stack():
    """A focus stack, uint8 (4, 96, 128): slice 1 is sharp on the left, slice 2 on the right."""
    from napari_defocus.layers import samples

    sharp = samples.texture((96, 128), 9)
    best = np.where(np.arange(128) < 64, 1.0, 2.0) * np.ones((96, 1))
    planes = [samples.blurred(sharp, 2.5 * np.abs(z - best))[..., 0] for z in range(4)]
    return np.rint(np.clip(planes, 0, 1) * 255).astype(np.uint8), best


@pytest.fixture
def viewer(make_napari_viewer):
    """A viewer whose widgets must leave no worker process behind."""
    from napari_defocus.widgets.engines import open_widgets

    made = make_napari_viewer()
    yield made
    for widget in open_widgets():
        widget.shut_down()
    assert not open_widgets()


@pytest.fixture
def finish(qtbot) -> Callable[[DefocusWidget], None]:
    """Let the event loop run until a widget's run is over."""

    def wait(widget: DefocusWidget) -> None:
        qtbot.waitUntil(lambda: not widget.running, timeout=120_000)

    return wait


@pytest.fixture
def open_widget(viewer):
    """Open one of the plugin's widgets as its menu entry does."""

    def add(name: str):
        return viewer.window.add_plugin_dock_widget("napari-defocus", name)[1]

    return add


@pytest.fixture
def quick(open_widget):
    """Open a widget and let it measure coarsely."""

    def opened(name):
        widget = open_widget(name)
        for field, value in {"window": 21, "spacing": 4}.items():
            widget.analysis.controls[field].value = value
        return widget

    return opened


@pytest.fixture
def notifications(monkeypatch):
    """The texts of the errors that napari showed."""
    from napari.utils.notifications import notification_manager

    shown: list[str] = []
    connected = notification_manager.notification_ready

    def note(event):
        shown.append(str(getattr(event, "message", event)))

    connected.connect(note)
    yield shown
    connected.disconnect(note)


def children() -> list[int]:
    """Return the ids of this process's children that run the suite's worker."""
    found = []
    for entry in (folder.name for folder in Path("/proc").iterdir()):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
                command = Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                continue
            if int(stat[1]) == os.getpid() and stat[0] != "Z" and b"defocus.worker" in command:
                found.append(int(entry))
    return found


@pytest.fixture
def worker_processes():
    """A function that counts worker processes; Linux only."""

    def count(*, expected: int, seconds: float = 10) -> int:
        end = time.monotonic() + seconds
        while len(children()) != expected and time.monotonic() < end:
            time.sleep(0.02)
        return len(children())

    return count
