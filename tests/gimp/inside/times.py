"""Inside a GIMP with windows: how long a person waits for each entry, on the pictures that `benchmarks/gimp.py` made.

Written so that it also runs with older versions of the plug-in: entries are found by what they are called there.
"""

import json
import os
import sys
import time

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from desk import MAIN, keys, main_window, screenshot, search, shell, window
from gi.repository import Gimp
from tools import BACKGROUND, FOLDER, MAP, MASK, SHARPEN, Report, end_workers, load, workers

ENTRIES = {"mask": MASK, "map": MAP, "background": BACKGROUND, "sharpen": SHARPEN}
ANSWERS = FOLDER / "answers.log"  # where a stand-in for Python writes down when the worker said what
LIMIT = float(os.environ["DEFOCUS_TIMES_LIMIT"])
report = Report("times")


def until(condition, since):
    """Return the seconds from `since` until a condition holds, or None after the limit."""
    while time.monotonic() - since < LIMIT:
        if condition():
            return round(time.monotonic() - since, 2)
        time.sleep(0.02)
    return None


def previewed(since):
    """Return when the first picture came that the worker made after a time."""
    lines = ANSWERS.read_text().splitlines() if ANSWERS.exists() else []
    for line in lines:
        moment, way, said = line.split(" ", 2)
        if (
            way == ">"
            and float(moment) > since
            and '"event": "result"' in said
            and "file" in json.loads(said)["result"]
        ):
            return float(moment)
    return None


def title_of(name):
    return Gimp.get_pdb().lookup_procedure(name).get_menu_label().replace("_", "").rstrip(".…")


def begun(name):
    """Open an entry's dialog; return its title, when the entry was chosen, and the seconds until it was there."""
    title = title_of(name)
    end_workers()  # of the run before: it would save half of the wait, and nobody writes down what it says
    search(title)
    began = time.monotonic()
    shell("xdotool", "key", "Return")
    opened = until(lambda: window(title), began)
    if opened is None:
        screenshot("no-dialog")
        raise AssertionError(f"no dialog of {title}")
    return title, began, opened


def first_preview(name):
    title, began, opened = begun(name)
    until(lambda: previewed(began), began)
    came = previewed(began)
    return title, opened, None if came is None else round(came - began, 2)


def result(image, layer, title):
    """Press OK; return the seconds until what it makes is there, and take it away again."""
    time.sleep(0.5)
    before = image.get_layers()
    shell("xdotool", "windowfocus", "--sync", window(title))
    began = time.monotonic()
    shell("xdotool", "key", "alt+o")
    seconds = until(lambda: layer.get_mask() is not None or image.get_layers() != before, began)
    if seconds is None:
        end_workers()
    until(lambda: not window(title), time.monotonic())
    take_away(image, layer, before)
    return seconds


def take_away(image, layer, before):
    """Leave the image as it was."""
    for made in image.get_layers():
        if made not in before:
            image.remove_layer(made)
    if layer.get_mask() is not None:
        layer.remove_mask(Gimp.MaskApplyMode.DISCARD)


def repeated(image, layer):
    """Press Filters > Repeat; return the seconds until what it makes is there, and take it away again."""
    before = image.get_layers()
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    time.sleep(0.5)
    began = time.monotonic()
    shell("xdotool", "key", "ctrl+f")
    seconds = until(lambda: layer.get_mask() is not None or image.get_layers() != before, began)
    take_away(image, layer, before)
    return seconds


def cancelled(name):
    """Open the dialog, press Escape while its first preview is made; return the seconds until nothing is left of it."""
    title = title_of(name)
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    keys("ctrl+shift+f")  # Filters > Re-show last: a search would find "Repeat" first
    if until(lambda: window(title), time.monotonic()) is None:
        raise AssertionError(f"no dialog of {title} again")
    time.sleep(0.2)
    shell("xdotool", "windowfocus", "--sync", window(title))
    began = time.monotonic()
    shell("xdotool", "key", "Escape")
    seconds = until(lambda: not window(title) and not workers(), began)
    if seconds is None:
        end_workers()
        until(lambda: not window(title), time.monotonic())
    return seconds


def times(image, layer, name):
    title, opened, preview = first_preview(name)
    made = again = None
    if preview is None:
        end_workers()
        shell("xdotool", "windowfocus", "--sync", window(title))
        keys("Escape")
        until(lambda: not window(title), time.monotonic())
    else:
        made = result(image, layer, title)
        again = repeated(image, layer) if made is not None else None
    return {
        "dialog": opened,
        "preview": preview,
        "result": made,
        "repeat": again,
        "cancel": cancelled(name),
        "limit": LIMIT,
        "load": os.getloadavg()[0],
    }


main = False
for size in os.environ["DEFOCUS_TIMES_SIZES"].split():
    image = load(f"{size}.png")
    layer = image.get_layers()[0]
    display = Gimp.Display.new(image)
    if not main:
        main_window()
        main = True
    time.sleep(3)
    for entry, name in ENTRIES.items():
        if not report.check(f"{size} {entry}", times, image, layer, name):
            break
    display.delete()
