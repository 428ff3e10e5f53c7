"""Inside a GIMP with windows: a person's way, with keys and screenshots, from the menu entry to undo.

Started by the tests with a small picture, and by the screenshot maker with a photograph.
"""

import os
import sys
import time

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from desk import DIALOG, MAIN, choose, keys, main_window, mouse, screenshot, settled, shell, tint, wait, window
from gi.repository import Gimp
from tools import Report, load, save

report = Report("window")
PICTURE = os.environ.get("DEFOCUS_TEST_PICTURE", "photo.png")


image = load(PICTURE)
layer = image.get_layers()[0]
display = Gimp.Display.new(image)


def opened():
    main_window()
    choose("Add In-Focus", DIALOG)
    before = tint(DIALOG)  # of the picture itself, which may have red in it
    wait("a preview", lambda: tint(DIALOG) > before + 150)
    settled(DIALOG)
    screenshot("dialog", DIALOG)


def marked():
    """A mark of each kind, seen from near; then they are taken back."""

    def at(x, y):
        return f"mousemove --window {window(DIALOG)} {x} {y}"

    for key, places in (("shift", ((230, 60), (270, 85), (310, 75))), ("ctrl", ((110, 130), (130, 150), (160, 160)))):
        first, *others = (at(*place) for place in places)
        mouse(f"keydown {key}", first, "mousedown 1", *others, "mouseup 1", f"keyup {key}")
    mouse(at(210, 110), "click 4")
    time.sleep(1)
    settled(DIALOG)
    screenshot("marks", DIALOG)
    keys("minus", "minus", "ctrl+z", "ctrl+z")
    time.sleep(1)
    settled(DIALOG)


def views():
    """The film gives way to black, and comes back."""
    film = tint(DIALOG)
    keys("alt+v", "Down")
    wait("another view", lambda: tint(DIALOG) < 0.6 * film)
    settled(DIALOG)
    screenshot("view", DIALOG)
    keys("alt+v", "Up")
    wait("the film", lambda: tint(DIALOG) > 0.9 * film)


def grown():
    """A larger dialog shows a larger preview, and a smaller one a smaller."""
    shell("xdotool", "windowsize", "--sync", window(DIALOG), "1200", "820")
    settled(DIALOG)
    screenshot("grown", DIALOG)
    shell("xdotool", "windowsize", "--sync", window(DIALOG), "860", "600")
    settled(DIALOG)
    screenshot("shrunk", DIALOG)


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
    choose("Blur Map Layer", "Blur Map Layer")
    settled("Blur Map Layer")
    screenshot("map", "Blur Map Layer")
    count = len(image.get_layers())
    keys("alt+o")
    wait("the map", lambda: len(image.get_layers()) == count + 1)


def sharpened():
    """The preview of a picture; and the options of the polygon, which show when it is chosen."""
    layer.remove_mask(Gimp.MaskApplyMode.DISCARD)  # the preview shows what it lets through
    title = "Sharpen Out-of-Focus Areas"
    choose("Sharpen Out-of", title)
    settled(title)
    screenshot("sharpen", title)
    keys("alt+a")  # unfold what describes the lens
    settled(title)
    screenshot("unfolded", title)
    keys("alt+k", "Tab", "Down", "Down", "Down")  # from the kind of picture to the shape: auto, disc, gaussian, polygon
    settled(title)
    screenshot("polygon", title)
    keys("Escape")
    wait("the dialog to close", lambda: not window(title))


for check in (
    opened,
    marked,
    views,
    grown,
    preview_follows,
    cancelled,
    accepted,
    undone,
    repeated,
    blur_map,
    sharpened,
):
    if not report.check(check.__name__.replace("_", " "), check):
        break  # the rest would only wait in vain
