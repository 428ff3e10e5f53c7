"""Inside a GIMP with windows: every dialog, all its groups unfolded, and pictures before and after."""

import os
import re
import sys
import time

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from desk import MAIN, colors, keys, main_window, screenshot, search, settled, shell, wait, window
from gi.repository import Gimp
from tools import BACKGROUND, MAP, MASK, SHARPEN, Report, load

NAME = os.environ.get("DEFOCUS_TEST_NAME", "dialogs")
FACTOR = int(os.environ.get("GDK_SCALE", "1"))
ENTRIES = os.environ.get("DEFOCUS_TEST_ENTRIES", "mask map sharpen background").split()
NAMES = {"mask": MASK, "map": MAP, "sharpen": SHARPEN, "background": BACKGROUND}
report = Report(NAME)
image = load(os.environ.get("DEFOCUS_TEST_PICTURE", "photo.png"))
layer = image.get_layers()[0]
display = Gimp.Display.new(image)


def title_of(name):
    return Gimp.get_pdb().lookup_procedure(name).get_menu_label().replace("_", "").rstrip(".…").strip()


def size(title):
    return [
        int(part) for part in re.search(r"(\d+)x(\d+)", shell("xdotool", "getwindowgeometry", window(title))).groups()
    ]


def opened(name):
    title = title_of(name)
    search(title)
    keys("Return")
    wait("the dialog", lambda: window(title))
    settled(title, 2)
    return title


def escaped(title):
    keys("Escape")
    wait("the dialog to close", lambda: not window(title))


def sizes(entry):
    """How large the dialog is, folded and with everything unfolded by its letters."""
    title = opened(NAMES[entry])
    folded = size(title)
    screenshot(f"{NAME}-{entry}", title)
    for letter in os.environ.get("DEFOCUS_TEST_LETTERS", "e m w a").split():
        keys(f"alt+{letter}")
    settled(title, 1)
    unfolded = size(title)
    screenshot(f"{NAME}-{entry}-unfolded", title)
    escaped(title)
    return {"folded": folded, "unfolded": unfolded}


def shown_again():
    """Open the last dialog again, and wait for its result: the measured threshold then stands on a slider."""
    title = title_of(BACKGROUND)
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    keys("ctrl+shift+f")  # Filters > Re-show last: a search would find Repeat first
    wait("the dialog", lambda: window(title))
    before = colors(title)
    wait("something of the preview", lambda: colors(title) != before)
    settled(title, 4)
    return title


def compared():
    """All before while B is held, of a blurred background."""
    title = shown_again()
    screenshot(f"{NAME}-after", title)
    shell("xdotool", "keydown", "b")
    time.sleep(1)
    screenshot(f"{NAME}-held", title)
    shell("xdotool", "keyup", "b")
    time.sleep(1)
    screenshot(f"{NAME}-let-go", title)
    escaped(title)


def limited():
    """The left half, which is sharp, is selected: the preview stays as the picture was."""
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, layer.get_width() // 2, layer.get_height())
    title = shown_again()
    screenshot(f"{NAME}-limited", title)
    escaped(title)
    Gimp.Selection.none(image)


report.check("window", main_window)
for entry in ENTRIES:
    report.check(entry, sizes, entry)
if NAME == "dialogs":
    report.check("compared", compared)
    report.check("limited", limited)
