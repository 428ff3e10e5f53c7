"""Inside a GIMP with windows: every dialog, all its groups unfolded, and pictures before and after."""

import os
import re
import sys
import threading
import time

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from desk import colors, keys, mouse, screenshot, settled, shell, wait, window
from gi.repository import Gimp
from tools import BACKGROUND, MAP, MASK, SHARPEN, Report, load

NAME = os.environ.get("DEFOCUS_TEST_NAME", "dialogs")
FACTOR = int(os.environ.get("GDK_SCALE", "1"))
ENTRIES = os.environ.get("DEFOCUS_TEST_ENTRIES", "mask map sharpen background").split()
NAMES = {"mask": MASK, "map": MAP, "sharpen": SHARPEN, "background": BACKGROUND}
LETTERS = {  # of what is folded
    "en": {"mask": "emwa", "map": "eia", "sharpen": "wbma", "background": "banmu"},
    "de": {"mask": "kmid", "map": "kib", "sharpen": "wemb", "background": "euwid"},
}
BEFORE, LINE = (312, 312), (184, 60)  # the button, and the middle of the picture, in px of the dialog
report = Report(NAME)
image = load(os.environ.get("DEFOCUS_TEST_PICTURE", "photo.png"))
layer = image.get_layers()[0]
CALLS = []


def title_of(name):
    return Gimp.get_pdb().lookup_procedure(name).get_menu_label().replace("_", "").rstrip(".…").strip()


def size(title):
    return [
        int(part) for part in re.search(r"(\d+)x(\d+)", shell("xdotool", "getwindowgeometry", window(title))).groups()
    ]


def opened(name):
    """Call an entry, as its menu does, and wait for its dialog; the call lasts until that is closed."""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.INTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    title = title_of(name)
    CALLS.append(threading.Thread(target=procedure.run, args=(config,)))
    CALLS[-1].start()
    wait("the dialog", lambda: window(title))
    shell("xdotool", "windowfocus", "--sync", window(title))
    before = colors(title)
    wait("something of the preview", lambda: colors(title) != before)
    settled(title, 3)
    return title


def escaped(title):
    keys("Escape")
    wait("the dialog to close", lambda: not window(title))
    CALLS.pop().join()


def sizes(entry):
    """How large the dialog is, folded and with everything unfolded by its letters."""
    title = opened(NAMES[entry])
    folded = size(title)
    screenshot(f"{NAME}-{entry}", title)
    for letter in LETTERS[os.environ.get("LANGUAGE", "en")][entry]:
        keys(f"alt+{letter}")
    settled(title, 1)
    unfolded = size(title)
    screenshot(f"{NAME}-{entry}-unfolded", title)
    escaped(title)
    return {"folded": folded, "unfolded": unfolded}


def compared(entry):
    """All before while B is held; a line between before and after, which is moved to the right."""
    title = opened(NAMES[entry])
    screenshot(f"{NAME}-{entry}-after", title)
    shell("xdotool", "keydown", "b")
    time.sleep(1)
    screenshot(f"{NAME}-{entry}-held", title)
    shell("xdotool", "keyup", "b")
    time.sleep(1)
    screenshot(f"{NAME}-{entry}-let-go", title)
    place = f"mousemove --window {window(title)}"
    mouse(f"{place} {BEFORE[0]} {BEFORE[1]}", "click 1")
    settled(title, 1)
    screenshot(f"{NAME}-{entry}-split", title)
    middle, far = f"{place} {LINE[0]} {LINE[1]}", f"{place} {LINE[0] + 80} {LINE[1]}"
    mouse(middle, "mousedown 1", f"{place} {LINE[0] + 40} {LINE[1]}", far, "mouseup 1")
    settled(title, 1)
    screenshot(f"{NAME}-{entry}-moved", title)
    escaped(title)


def masked():
    """The layer's mask hides its left half: of the blurred background, too."""
    half = layer.get_width() // 2
    image.select_rectangle(Gimp.ChannelOps.REPLACE, half, 0, half, layer.get_height())
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
    Gimp.Selection.none(image)
    title = opened(BACKGROUND)
    screenshot(f"{NAME}-masked", title)
    escaped(title)
    layer.remove_mask(Gimp.MaskApplyMode.DISCARD)


def limited():
    """The left half, which is sharp, is selected: the preview stays as the picture was."""
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, layer.get_width() // 2, layer.get_height())
    title = opened(BACKGROUND)
    screenshot(f"{NAME}-limited", title)
    escaped(title)
    Gimp.Selection.none(image)


for entry in ENTRIES:
    report.check(entry, sizes, entry)
if NAME == "dialogs":
    for entry in ENTRIES:
        report.check(f"compared {entry}", compared, entry)
    report.check("masked", masked)
    report.check("limited", limited)
