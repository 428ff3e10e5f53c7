"""Inside GIMP: whatever goes wrong gives one message, leaves the image as it was and nothing behind."""

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from tools import FOLDER, MASK, SETTINGS, Report, call, load, run, save, use_python, workers

report = Report("faults")
real = SETTINGS.read_bytes()


def left_behind():
    """Return temporary folders and worker processes that are still there, given a moment to go."""
    for _ in range(100):
        folders = [str(path) for path in Path(tempfile.gettempdir()).glob("defocus-*")]
        running = workers()
        if not folders and not running:
            return []
        time.sleep(0.05)
    return folders + [f"worker {process}" for process in running]


def fault(picture="ramp.png", **arguments):
    image = load(picture)
    layer = image.get_layers()[0]
    status, message = call(MASK, image, [layer], **arguments)
    assert status != "success", "nothing went wrong"
    assert layer.get_mask() is None, "a half-made mask"
    assert image.get_layers() == [layer]
    assert not image.get_channels()
    assert not image.undo_group_end(), "an undo group was left open"
    left = left_behind()
    assert not left, left
    return {"message": message}


def with_python(path, *arguments, **options):
    use_python(path)
    return fault(*arguments, **options)


report.check("missing", with_python, FOLDER / "no-such-python")
report.check("without the suite", with_python, FOLDER / "bare-python")
report.check("old", with_python, FOLDER / "old-python")
stub = FOLDER / "stub-python"
report.check("memory", lambda: with_python(stub, smoothness=7.0))
report.check("internal", lambda: with_python(stub, smoothness=7.1))
report.check("worker's disk full", lambda: with_python(stub, smoothness=7.2))
report.check("died", lambda: with_python(stub, smoothness=8.0))
report.check("killed", lambda: with_python(stub, smoothness=8.5))
# What GIMP's Cancel button does: it kills the plug-in while the worker is at work
report.check("cancelled", lambda: with_python(stub, smoothness=9.5))
SETTINGS.write_bytes(real)
report.check("too small", fault, "small.png")


def settings(text):
    SETTINGS.write_text(text)
    try:
        return fault()
    finally:
        SETTINGS.write_bytes(real)


report.check("damaged settings", settings, "{")
report.check("other settings", settings, real.decode().replace('"protocol": 1', '"protocol": 99'))


def works_again():
    image = load("photo.png")
    run(MASK, image, image.get_layers())
    save(image, "after-faults")
    (waiting,) = workers()  # for the next run, a minute long
    os.kill(waiting, signal.SIGTERM)
    assert left_behind() == []


report.check("works again", works_again)
