"""Files appear whole or not at all, and other programs read back what was written."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from defocus.errors import DefocusError
from defocus.pictures import files
from defocus.pictures.files import write_blur_map, write_picture, written_whole


def test_blur_map_is_read_back_exactly_by_two_programs(tmp_path):
    radius = np.random.default_rng(1).uniform(0, 8, (13, 17)).astype(np.float32)
    file = tmp_path / "new" / "folder" / "a_blur.tif"
    write_blur_map(file, radius)
    np.testing.assert_array_equal(tifffile.imread(file), radius)
    with Image.open(file) as opened:
        assert opened.mode == "F"
        np.testing.assert_array_equal(np.asarray(opened), radius)


@pytest.mark.parametrize(("channels", "mode"), [(None, "L"), (1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_eight_bits(tmp_path, channels, mode):
    shape = (5, 7) if channels is None else (5, 7, channels)
    levels = np.random.default_rng(2).integers(0, 256, shape)
    file = tmp_path / "picture.png"
    write_picture(file, levels / 255)
    with Image.open(file) as opened:
        assert opened.mode == mode
        np.testing.assert_array_equal(np.asarray(opened), levels.squeeze())


@pytest.mark.parametrize("size", [(1, 7), (5, 1), (1, 1)])
def test_a_picture_one_pixel_wide_keeps_its_shape(tmp_path, size):
    file = tmp_path / "thin.png"
    write_picture(file, np.full((*size, 3), 0.2))
    with Image.open(file) as opened:
        assert (opened.mode, opened.size) == ("RGB", size[::-1])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_are_read_back_exactly_by_another_program(tmp_path, channels):
    gui = pytest.importorskip("qtpy.QtGui")
    levels = np.random.default_rng(3).integers(0, 65536, (6, 9, channels))
    file = tmp_path / "picture.png"
    write_picture(file, levels / 65535, bit_depth=16)
    with Image.open(file) as opened:
        opened.load()  # checks every checksum
        assert opened.size == (9, 6)
    image = gui.QImage(str(file)).convertToFormat(gui.QImage.Format.Format_RGBA64)
    colors = [[image.pixelColor(x, y).rgba64() for x in range(9)] for y in range(6)]
    read = np.array([[(c.red(), c.green(), c.blue(), c.alpha()) for c in line] for line in colors])
    if channels in (1, 3):
        np.testing.assert_array_equal(read[..., 3], 65535)
    else:
        np.testing.assert_array_equal(read[..., 3], levels[..., -1])
    color = levels[..., : channels - (channels in (2, 4))]
    np.testing.assert_array_equal(read[..., :3], np.broadcast_to(color, (6, 9, 3)))


def test_values_outside_the_range_are_cut_off(tmp_path):
    file = tmp_path / "picture.png"
    write_picture(file, np.array([[-1.0, 0.5, 2.0]]))
    with Image.open(file) as opened:
        assert list(np.asarray(opened)[0]) == [0, 128, 255]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "result.txt"
    file.write_text("old")

    def fail(beside):
        beside.write_text("half")
        assert file.read_text() == "old"
        raise RuntimeError("on the way")

    with pytest.raises(RuntimeError), written_whole(file) as beside:
        fail(beside)
    assert file.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["result.txt"]


def test_a_new_file_has_the_rights_of_any_other(tmp_path):
    (tmp_path / "plain").write_text("")
    write_picture(tmp_path / "a.png", np.zeros((2, 2)))
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_that_is_a_file_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DefocusError, match=r"file.a\.png: cannot be written \(.+\)$"):
        write_picture(tmp_path / "file" / "a.png", np.zeros((2, 2)))


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path):
    file = tmp_path / "a.png"
    file.write_text("mine")
    with pytest.raises(DefocusError, match="is there already"):
        write_picture(file, np.zeros((2, 2)), overwrite=False)
    assert file.read_text() == "mine"
    assert [item.name for item in tmp_path.iterdir()] == ["a.png"]
    file.unlink()
    write_picture(file, np.zeros((2, 2)), overwrite=False)
    write_picture(file, np.ones((2, 2)))
    assert [item.name for item in tmp_path.iterdir()] == ["a.png"]


def test_a_file_that_appears_meanwhile_stays(tmp_path):
    file = tmp_path / "a.txt"

    def write():
        with written_whole(file, overwrite=False) as beside:
            beside.write_text("ours")
            file.write_text("mine")

    with pytest.raises(DefocusError, match="is there already"):
        write()
    assert file.read_text() == "mine"


class Stopped(BaseException):
    """What the command line's signals raise."""


def test_a_signal_at_any_line_leaves_nothing(tmp_path):
    """Raise before each line of `written_whole` in turn, as a signal can; the way out of the command tidies up."""
    left, number = [], 0

    def stop_at(frame, event, argument, code=written_whole.__wrapped__.__code__):
        if frame.f_code is code and event == "line":
            steps.append(frame.f_lineno)
            if len(steps) == number:
                raise Stopped
        return stop_at

    before = sys.gettrace()
    while True:
        number, steps = number + 1, []
        sys.settrace(stop_at)
        try:
            with written_whole(tmp_path / "a.txt") as beside:
                beside.write_text("whole")
        except Stopped:
            files.remove_unfinished()
        else:
            break
        finally:
            sys.settrace(before)
        left += [file.name for file in tmp_path.glob(".*")]
    assert number > 10
    assert left == []
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_what_killed_processes_left_is_swept(tmp_path):
    script = (
        "import os, sys, pathlib\nfrom defocus.pictures.files import written_whole\n"
        "with written_whole(pathlib.Path(sys.argv[1])) as beside: os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.png")], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".defocus-")
    foreign = tmp_path / left.name.replace(left.name[9:17], "00000000")  # of another machine
    alive = tmp_path / left.name.replace(f"-{left.name.split('-')[2]}-", f"-{os.getppid()}-")
    own = tmp_path / ".defocus-notes.txt"
    for file in (foreign, alive, own):
        file.write_text("")
    write_picture(tmp_path / "b.png", np.zeros((2, 2)))
    assert sorted(tmp_path.iterdir()) == sorted([foreign, alive, own, tmp_path / "b.png"])
    files._swept.clear()
    os.utime(foreign, (0, 0))
    write_picture(tmp_path / "b.png", np.zeros((2, 2)))
    assert not foreign.exists()
