"""The pages on napari and on microscopes, followed in a window: what they name is there and does what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from defocus.command.line import app
from defocus.psf.simulation import simulate_blur

DOCS = Path(__file__).parents[2] / "docs"
DOCKS = ("Blur map", "In-focus mask", "Restore or magnify", "Focus over z", "Table of focus", "Many pictures")
NO_CONTROLS = {  # what is bold for other reasons than that it is written on the window
    "Plugins > Install/Uninstall Plugins",  # a plugin of its own
}


def page(name, heading=""):
    """Return a page, or one section of it, with its lines joined."""
    text = (DOCS / name).read_text(encoding="utf-8")
    if heading:
        text = re.search(rf"\n## {re.escape(heading)}\n(.*?)(?=\n## |\Z)", text, re.DOTALL)[1]
    return " ".join(re.sub(r"```.*?```", "", text, flags=re.DOTALL).split())


def bold(text):
    return set(re.findall(r"\*\*(.+?)\*\*", text))


def written_on(native):
    """Return all that can be read on a dock: buttons, labels, and "LABEL: CHOICE" for each choice of a list."""
    from qtpy import QtWidgets

    read = set()
    for one in native.findChildren(QtWidgets.QWidget):
        if isinstance(one, QtWidgets.QAbstractButton | QtWidgets.QLabel) and one.text():
            read.add(re.sub(r" \((px|%|\d+ changed)\)$", "", one.text()))
        if isinstance(one, QtWidgets.QComboBox):
            read |= {f"{one.accessibleName()}: {one.itemText(at)}" for at in range(one.count())}
    return read


def menu_paths(window):
    """Return every path through the menus, as the pages write them."""

    def walk(menu, path):
        menu.aboutToShow.emit()
        for action in menu.actions():
            here = f"{path} > {action.text().replace('&', '').removesuffix(' (Defocus)')}"
            yield here
            if action.menu() is not None:
                yield from walk(action.menu(), here)

    return {
        path
        for action in window._qt_window.menuBar().actions()
        for path in walk(action.menu(), action.text().replace("&", ""))
    }


@pytest.fixture
def window(make_napari_viewer, qtbot):
    """A window on the screen; its docks are shut down in the end."""
    from napari_defocus.widgets.engines import open_widgets

    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    yield viewer
    for widget in open_widgets():
        widget.shut_down()


def opened(viewer, name):
    return viewer.window.add_plugin_dock_widget("napari-defocus", name)[1]


class Reader:
    """Does with one dock what a section tells in bold, by what is written on it, quickly measured."""

    def __init__(self, viewer, finish, text, dock):
        self.dock, self._finish, self._bold = opened(viewer, dock), finish, bold(text)
        for field, value in {"window": 21, "spacing": 4}.items():
            self.dock.analysis.controls[field].value = value

    def press(self, words):
        """Press the button, or tick the box, with these words, and wait."""
        from qtpy.QtWidgets import QAbstractButton

        assert words in self._bold
        (button,) = [
            one
            for one in self.dock.native.findChildren(QAbstractButton)
            if one.text() == words and one.isVisibleTo(self.dock.native)
        ]
        assert button.isEnabled()
        button.click()
        self._finish(self.dock)

    def choose(self, words):
        """Choose "LABEL: CHOICE" from the list of that label."""
        from qtpy.QtWidgets import QComboBox

        assert words in self._bold
        label, _, choice = words.partition(": ")
        (box,) = [one for one in self.dock.native.findChildren(QComboBox) if one.accessibleName() == label]
        assert box.isVisibleTo(self.dock.native)
        at = box.findText(choice)
        assert at >= 0, [box.itemText(number) for number in range(box.count())]
        box.setCurrentIndex(at)
        self._finish(self.dock)


def test_what_the_pages_print_in_bold_is_written_on_the_window(window):
    window.add_image(np.zeros((2, 2, 3, 60, 80)), name="s", axis_labels=("t", "c", "z", "y", "x"), units=("um",) * 5)
    window.add_labels(np.zeros((60, 80), int), name="cells")
    read = set(DOCKS) | {"All in tabs"}
    for name in DOCKS:
        read |= written_on(opened(window, name).native)
    read |= menu_paths(window.window)
    wanted = bold(page("napari.md")) - NO_CONTROLS
    assert len(wanted) > 30
    assert sorted(word for word in wanted if word not in read) == []


def test_a_mask_steered_by_hand(window, qtbot, finish, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page("napari.md", "The mask, steered by hand")
    window.open_sample("napari-defocus", "object")
    picture = next(layer for layer in window.layers if layer.visible)
    reader = Reader(window, finish, text + page("napari.md", "First steps"), "In-focus mask")
    reader.press("Find in-focus area")
    mask = window.layers[f"{picture.name} in focus"]
    reader.press("Add hint layer")
    hints = window.layers.selection.active
    before, place = mask.data.copy(), tuple(np.argwhere(mask.data == 0)[0])
    assert "label 1 (blue) is in focus, label 2 (orange) is not" in text
    hints.brush_size = 20
    hints.paint(place, 1)
    qtbot.waitUntil(lambda: mask.data[place] == 1, timeout=60_000)
    finish(reader.dock)
    assert "whatever you undo is undone there, too" in text
    hints.undo()
    qtbot.waitUntil(lambda: np.array_equal(mask.data, before), timeout=60_000)
    finish(reader.dock)
    reader.press("Apply as alpha")
    cut = window.layers[f"{picture.name} cut out"]
    np.testing.assert_array_equal(cut.data[..., 3] > 0, mask.data > 0)
    assert not picture.visible
    reader.press("Export")
    assert len(list(tmp_path.glob("*.png"))) == 1
    assert "asks before it overwrites one" in text
    reader.press("Export")
    assert "there already" in reader.dock.status.value
    reader.dock.parameters.controls["softness"].value = 3.0
    finish(reader.dock)
    assert "soft matte, an image layer from 0 to 1" in text
    assert 0.02 < ((window.layers[-1].data > 0.1) & (window.layers[-1].data < 0.9)).mean() < 0.5


def test_stacks(window, finish, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page("napari.md", "Stacks")
    truth, picture = window.open_sample("napari-defocus", "focus_stack")
    mask = Reader(window, finish, text + page("napari.md", "First steps"), "In-focus mask")
    mask.choose("Slices: all slices")
    mask.press("Find in-focus area")
    shares = (window.layers["focus stack in focus"].data > 0).mean(axis=(1, 2))
    assert shares.shape == (9,)
    reader = Reader(window, finish, text, "Focus over z")
    reader.press("Add a surface")
    reader.press("Measure stack")
    assert reader.dock.plot.native.isVisible()
    heights = window.layers["focus stack height (slice)"]
    assert np.median(np.abs(heights.data - truth.data)) < 0.3
    assert window.layers["focus stack surface"].data[0].shape[1] == 3
    reader.press("Go to the sharpest slice")
    assert window.dims.current_step[0] == reader.dock.curve.sharpest
    reader.press("Export")
    assert tifffile.imread(next(tmp_path.glob("*height*.tif"))).shape == picture.data.shape[-2:]


def test_tables_and_a_whole_folder(window, finish, scene, tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    window.add_image(scene[0], name="scene")
    cells = window.add_labels((1 + (np.arange(160) > 80)) * np.ones((120, 1), int), name="cells")
    text = page("napari.md", "Tables")
    reader = Reader(window, finish, text, "Table of focus")
    reader.dock.run_button.native.click()
    finish(reader.dock)
    assert list(cells.features["verdict"]) == ["in focus", "out of focus"]
    reader.press("Export")
    assert len((tmp_path / "scene_focus.csv").read_text().splitlines()) == 3
    (tmp_path / "in").mkdir()
    Image.fromarray(scene[0]).save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "broken.png").write_bytes(b"nothing")
    folder = Reader(window, finish, page("napari.md", "Many pictures"), "Many pictures")
    folder.dock.folder.value = tmp_path / "in"
    folder.dock.run_button.native.click()
    finish(folder.dock)
    assert "a picture that fails is told and does not stop the others" in page("napari.md", "Many pictures")
    assert folder.dock.status.value.startswith("1 files done, 1 not: ")
    assert folder.dock.command.value.startswith("defocus map ")
    assert (tmp_path / "in" / "a_blur.tif").is_file()
    window.layers.selection = {window.layers["scene"]}
    folder.choose("Of: the selected layers")
    folder.dock.run_button.native.click()
    finish(folder.dock)
    assert folder.dock.status.value == "1 layers done"
    assert "scene blur radius (px)" in window.layers


def blocks(name, heading=""):
    text = (DOCS / name).read_text(encoding="utf-8")
    if heading:
        text = re.search(rf"\n## {re.escape(heading)}\n(.*?)(?=\n## |\Z)", text, re.DOTALL)[1]
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def bead_stack():
    """Beads of a microscope, uint16 (Z, H, W): slice 5 is in focus, and every slice adds 1 px of radius."""
    rng = np.random.default_rng(5)
    points = np.zeros((256, 256), np.float32)
    for row in range(24, 256, 52):
        for column in range(24, 256, 52):
            points[row, column] = 40
    planes = [simulate_blur(points, np.full(points.shape, 0.8 + abs(z - 5), np.float32)) for z in range(11)]
    return (100 + rng.poisson(2000 * np.maximum(planes, 0))).clip(0, 65535).astype(np.uint16)


def test_a_map_in_micrometres(window, finish, bead_stack, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = page("microscopy.md", "Reading a map in micrometres")
    grain = np.kron(np.random.default_rng(6).random((80, 80)), np.ones((2, 2))).astype(np.float32)
    field = simulate_blur(grain, np.full(grain.shape, 3.0, np.float32))
    tifffile.imwrite("beads.tif", bead_stack, photometric="minisblack")
    tifffile.imwrite("slice.tif", (100 + 3000 * np.clip(field, 0, 1)).astype(np.uint16), photometric="minisblack")
    commands = re.findall(r"^    \$ defocus (.+)$", (DOCS / "microscopy.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [words.split()[0] for words in commands] == ["calibrate", "map"]
    for words in commands:
        assert app(words.split(), result_action="return_value", exit_on_error=False) == 0, capsys.readouterr()
    away = tifffile.imread("results/slice_defocus.tif")
    assert away.shape == (160, 160)
    assert np.median(away) == pytest.approx(0.5 * (3 - 0.8), abs=0.2)  # a slice is .5 um, and 1 px of radius
    window.add_image(tifffile.imread("slice.tif"), name="slice")
    reader = Reader(window, finish, page("napari.md"), "Blur map")
    reader.choose("Unit: µm from focus")
    assert "*Unit: µm from focus*" in text
    reader.dock.scale.value = tmp_path / "scope.json"
    reader.press("Measure blur")
    shown = window.layers["slice distance from focus (µm)"]
    assert np.median(shown.data) == pytest.approx(np.median(away), abs=0.2)


def test_the_python_of_the_pages_runs(tmp_path, monkeypatch, scene, stack):
    from defocus import analyze
    from defocus.depth import calibrate_depth

    monkeypatch.chdir(tmp_path)
    texture = np.kron(np.random.default_rng(7).random((64, 64)), np.ones((2, 2))).astype(np.float32)
    thin = np.array([simulate_blur(texture, np.full(texture.shape, abs(z - 3.0), np.float32)) for z in range(7)])
    names = {"stack": (100 + 3000 * np.clip(thin, 0, 1)).astype(np.uint16), "analysis": analyze(scene[0], spacing=8)}
    names["series"] = np.stack([names["stack"][:, np.newaxis]] * 2)
    for block in blocks("microscopy.md"):
        exec(block, names)
    assert names["away"].shape == (120, 160)
    assert names["sharp"].shape == (2, 1, 128, 128)
    assert (tmp_path / "focus.csv").read_text().splitlines()[1].startswith("0,3,")
    calibrate_depth(names["stack"], spacing_um=0.5, by="map")[0].save(tmp_path / "scope.json")
    labels = (1 + (np.arange(160) > 80)) * np.ones((120, 1), int)
    names = {"pixels": scene[0][..., 0], "stack": stack[0], "labels": labels, "np": np}
    for block in blocks("napari.md", "Without a window"):
        exec(block, names)
    assert names["radius"].data.shape == (120, 160)
    assert names["height"].data.shape == stack[1].shape
    assert list(names["cells"]["label"]) == [1, 2]
