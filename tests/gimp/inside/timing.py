"""Inside GIMP: how long a call takes from the procedure's start to the mask, and each picture of a folder."""

import os
import sys
import time

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from gi.repository import Gimp, Gio
from tools import FOLDER, MASK, Report, load, run

report = Report("timing")
image = load("photograph.png")
layer = image.get_layers()[0]


def mask():
    run(MASK, image, [layer])
    assert layer.get_mask() is not None


def folder():
    """Load each picture, mask it and save it as XCF, as a script would; return the seconds of each."""
    seconds, masked = [], []
    for path in sorted((FOLDER / "pictures").glob("*.png")):
        began = time.monotonic()
        opened = load(f"pictures/{path.name}")
        called = time.monotonic()
        run(MASK, opened, opened.get_layers())
        masked.append(round(time.monotonic() - called, 3))
        file = path.with_suffix(".xcf")
        assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, opened, Gio.File.new_for_path(str(file)), None)
        opened.delete()
        seconds.append(round(time.monotonic() - began, 3))
    return {"seconds": seconds, "masked": masked}


# The first call starts a worker, which may compile; it waits for the others
for number in range(4):
    report.check(f"call {number}", mask)
report.check("folder", folder)
