"""A person at a GIMP with windows: keys, screenshots, and what is to be seen. For scripts inside GIMP."""

import re
import subprocess
import time

from tools import FOLDER

MAIN, DIALOG = "– GIMP", "Add In-Focus Mask"


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


def mouse(*actions):
    """Do what xdotool calls these, with a moment between."""
    for action in actions:
        shell("xdotool", *action.split())
        time.sleep(0.08)


def search(name):
    """Type an entry's name into GIMP's search for actions, which finds what the menus hold; Return would open it."""
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    keys("slash")
    time.sleep(0.8)
    shell("xdotool", "type", "--delay", "30", name)
    time.sleep(1.5)
    screenshot("search")
    keys("Down")


def choose(name, dialog):
    """Open an entry's dialog."""
    search(name)
    keys("Return")
    wait("the dialog", lambda: window(dialog))


def main_window():
    """Wait for GIMP's window, and put it where screenshots want it."""
    wait("GIMP's window", lambda: window(MAIN))
    time.sleep(2)
    if window("Welcome to"):  # of a new profile
        shell("xdotool", "windowfocus", "--sync", window("Welcome to"))
        keys("Escape")
    shell("xdotool", "windowsize", "--sync", window(MAIN), "1240", "860")
    time.sleep(1)
