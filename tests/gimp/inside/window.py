"""Inside a GIMP with windows: a person's way, with keys and screenshots, from the menu entry to undo.

Started by the tests with a small picture, and by the screenshot maker with a photograph.
"""

import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from gi.repository import Gimp
from tools import FOLDER, Report, load, save

report = Report("window")
PICTURE = os.environ.get("DEFOCUS_TEST_PICTURE", "photo.png")
MAIN, DIALOG = "– GIMP", "In-focus layer mask"


def shell(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def window(title):
    return shell("xdotool", "search", "--onlyvisible", "--name", title).split("\n")[0]


def wait(what, condition, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.15)
    screenshot("timeout")
    raise AssertionError(f"waited in vain for {what}")


def screenshot(name, title=None):
    target = window(title) if title else "root"
    subprocess.run(["import", "-window", target, str(FOLDER / f"window-{name}.png")], check=True)


def colors(title):
    """Return the mean colours of a coarse grid of a window."""
    return shell("convert", f"x:{window(title)}", "-scale", "8x6!", "-depth", "8", "txt:-")


def tint(title):
    """Return by how much red leads in a window on the whole: what is out of focus is tinted red."""
    found = re.findall(r"#([0-9A-F]{2})([0-9A-F]{2})[0-9A-F]{2}", colors(title))
    return sum(max(int(red, 16) - int(green, 16), 0) for red, green in found)


def settled(title, seconds=1.2):
    """Wait until a window has not changed for a while."""
    last, since = colors(title), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.2)
        now = colors(title)
        if now != last:
            last, since = now, time.monotonic()
    return last


def keys(*names):
    for name in names:
        shell("xdotool", "key", "--delay", "60", name)
        time.sleep(0.25)


def choose(search, dialog):
    """Open a dialog through GIMP's search for actions, which finds what the menus hold."""
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    keys("slash")
    time.sleep(0.8)
    shell("xdotool", "type", "--delay", "30", search)
    time.sleep(1.5)
    screenshot("search")
    keys("Down", "Return")
    wait("the dialog", lambda: window(dialog))


image = load(PICTURE)
layer = image.get_layers()[0]
display = Gimp.Display.new(image)


def opened():
    wait("GIMP's window", lambda: window(MAIN))
    time.sleep(2)
    if window("Welcome to"):  # of a new profile
        shell("xdotool", "windowfocus", "--sync", window("Welcome to"))
        keys("Escape")
    shell("xdotool", "windowsize", "--sync", window(MAIN), "1240", "860")
    time.sleep(1)
    choose("In-focus layer", DIALOG)
    wait("a preview", lambda: tint(DIALOG) > 200)
    settled(DIALOG)
    screenshot("dialog", DIALOG)


def preview_follows():
    before = tint(DIALOG)
    keys("alt+i")
    shell("xdotool", "type", "7.5")
    keys("Tab")
    wait("another preview", lambda: tint(DIALOG) < 0.8 * before)
    settled(DIALOG)
    screenshot("moved", DIALOG)
    assert layer.get_mask() is None


def cancelled():
    keys("Escape")
    wait("the dialog to close", lambda: not window(DIALOG))
    time.sleep(0.5)
    assert layer.get_mask() is None


def accepted():
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    keys("ctrl+shift+f")  # Filters > Re-show last
    wait("the dialog", lambda: window(DIALOG))
    settled(DIALOG)
    keys("alt+f")
    shell("xdotool", "type", "4")
    keys("Tab")
    settled(DIALOG)
    keys("alt+o")
    wait("the mask", lambda: layer.get_mask() is not None)
    wait("the dialog to close", lambda: not window(DIALOG))
    time.sleep(1.5)
    screenshot("result")
    save(image, "window")


def undone():
    """One step back must take the whole mask away, and one forward bring it back."""
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    keys("ctrl+z")
    wait("undo", lambda: layer.get_mask() is None, 5)
    keys("ctrl+y")
    wait("redo", lambda: layer.get_mask() is not None, 5)


def repeated():
    """Filters > Repeat last runs again with the last values, without a dialog."""
    mask = layer.get_mask().get_id()
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    keys("ctrl+f")
    wait("the mask made again", lambda: layer.get_mask() is not None and layer.get_mask().get_id() != mask)
    assert not window(DIALOG)
    save(image, "window-repeated")


def blur_map():
    choose("Blur map layer", "Blur map layer")
    settled("Blur map layer")
    screenshot("map", "Blur map layer")
    count = len(image.get_layers())
    keys("alt+o")
    wait("the map", lambda: len(image.get_layers()) == count + 1)


for check in (opened, preview_follows, cancelled, accepted, undone, repeated, blur_map):
    if not report.check(check.__name__.replace("_", " "), check):
        break  # the rest would only wait in vain
