"""Inside a GIMP with windows: closing the dialog, taking a preview over, layers that change behind its back."""

import os
import sys
import time

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from desk import DIALOG, MAIN, choose, keys, main_window, screenshot, settled, shell, wait, window
from gi.repository import Gimp
from tools import FOLDER, SETTINGS, Report, end_workers, load, save, use_python, workers

report = Report("closing")
real = SETTINGS.read_bytes()
use_python(FOLDER / "stub-python")
LOG = FOLDER / "masks-made.log"
image = load("ramp.png")
layer = image.get_layers()[0]
display = Gimp.Display.new(image)


def made():
    """Return how often the stand-in was asked for each smoothness."""
    return LOG.read_text().split() if LOG.exists() else []


def smoothness(value):
    keys("alt+t")
    shell("xdotool", "type", str(value))
    keys("Tab")


def opened():
    end_workers()  # the one that waits for the next run has its results ready
    LOG.unlink(missing_ok=True)
    if not report.checks.get("window", {}).get("opened"):
        choose("Add In-Focus", DIALOG)
        report.checks["window"]["opened"] = True
    else:
        shell("xdotool", "windowfocus", "--sync", window(MAIN))
        keys("ctrl+shift+f")  # Filters > Re-show last
        wait("the dialog", lambda: window(DIALOG))
    wait("the first preview", made)
    keys("alt+e")  # unfold the group of the smoothness
    settled(DIALOG, 0.6)


def busy():
    """Open the dialog, and let the preview work for a minute."""
    opened()
    smoothness(9.2)
    wait("the worker to be busy", lambda: "9.2" in made(), 15)
    time.sleep(0.3)
    assert workers()


def closed(key):
    busy()
    began = time.monotonic()
    shell("xdotool", "key", key)
    while workers() and time.monotonic() - began < 20:
        time.sleep(0.01)
    ended = time.monotonic() - began
    wait("the dialog to close", lambda: not window(DIALOG), 20)
    gone = time.monotonic() - began
    assert layer.get_mask() is None
    return {"worker": round(ended, 2), "window": round(gone, 2)}


def switched_off():
    busy()
    began = time.monotonic()
    shell("xdotool", "key", "alt+p")
    while workers() and time.monotonic() - began < 20:
        time.sleep(0.01)
    ended = time.monotonic() - began
    assert window(DIALOG)
    smoothness(1)
    keys("alt+p")
    wait("another preview", lambda: made()[-1] == "1.0", 15)
    keys("Escape")
    wait("the dialog to close", lambda: not window(DIALOG), 20)
    return {"worker": round(ended, 2)}


def taken_over(value, while_busy):
    opened()
    smoothness(value)
    wait("the preview", lambda: str(value) in made(), 15)
    if not while_busy:
        settled(DIALOG)
    keys("alt+o")
    wait("the mask", lambda: layer.get_mask() is not None, 30)
    wait("the dialog to close", lambda: not window(DIALOG), 20)
    count = made().count(str(value))
    time.sleep(0.5)
    layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
    return {"computed": count}


def changed():
    """The layer is flipped while the dialog shows its preview; the mask must be that of the flipped layer."""
    opened()
    layer.transform_flip_simple(Gimp.OrientationType.HORIZONTAL, True, 0)
    keys("alt+o")
    wait("the mask", lambda: layer.get_mask() is not None, 30)
    wait("the dialog to close", lambda: not window(DIALOG), 20)
    save(image, "changed")


def removed():
    """The layer is deleted while the dialog shows its preview: that is told, and nothing breaks."""
    opened()
    image.remove_layer(layer)
    smoothness(4.5)
    settled(DIALOG)
    screenshot("removed", DIALOG)
    assert window(DIALOG), "the plug-in is gone"
    keys("alt+o")
    wait("the dialog to close", lambda: not window(DIALOG), 20)
    wait("the worker to end", lambda: not workers(), 20)
    assert image.get_layers() == []
    return {"asked": made().count("4.5")}


def shell_works():
    main_window()
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    assert window(MAIN)


report.check("window", shell_works)
report.check("escape", closed, "Escape")
report.check("cancel", closed, "alt+c")
report.check("window's X", closed, "alt+F4")
report.check("switched off", switched_off)
report.check("finished preview", taken_over, 5.5, False)
report.check("running preview", taken_over, 8.8, True)
report.check("changed", changed)
report.check("removed", removed)
SETTINGS.write_bytes(real)
screenshot("closing")
