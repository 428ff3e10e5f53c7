"""Inside a GIMP with windows: the preview is clicked, zoomed, moved and painted on; what was said is in said.log."""

import json
import os
import sys
import time

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from desk import DIALOG, MAIN, choose, keys, main_window, mouse, screenshot, settled, shell, tint, wait, window
from gi.repository import Gimp
from tools import FOLDER, SELECT, SETTINGS, Report, end_workers, load, ramp_channel, run, save, use_python

report = Report("marks")
real = SETTINGS.read_bytes()
use_python(FOLDER / "noting-python")
LOG = FOLDER / "said.log"
LOG.unlink(missing_ok=True)
image = load("photo.png")
layer = image.get_layers()[0]
display = Gimp.Display.new(image)
# Places of the preview in the dialog, in px of the screen: its upper left corner, and some way in
LEFT, TOP = 18, 18
CHANNEL = 546, 222  # the choice of the channel that is surely in focus, once its group is unfolded
TOOLS = 82, 350  # what a drag does
FILM = 442, 480  # the film's colour, in the larger dialog
SIZE = "836", "700"  # of the dialog, so that the picture has room


def said(way, **wanted):
    """Return the requests ("<") or answers (">") that have these values."""
    lines = [line.split(" ", 2) for line in LOG.read_text().splitlines()]
    messages = [json.loads(message) for _, kind, message in lines if kind == way]
    return [message for message in messages if all(message.get(name) == value for name, value in wanted.items())]


def at(x, y):
    return f"mousemove --window {window(DIALOG)} {LEFT + x} {TOP + y}"


def previews():
    return said("<", request="preview")


def another(count):
    """Wait for another preview, and its answer."""
    wait("another preview", lambda: len(previews()) > count)
    while True:
        last = previews()[-1]
        wait("its answer", lambda last=last: said(">", id=last["id"], event="result"))
        settled(DIALOG, 0.6)
        if previews()[-1] == last:
            return last


def opened():
    main_window()
    choose("Add In-Focus", DIALOG)
    wait("a preview", lambda: tint(DIALOG) > 150)
    shell("xdotool", "windowsize", "--sync", window(DIALOG), *SIZE)
    settled(DIALOG)
    screenshot("marks-none", DIALOG)


def clicked():
    mouse(at(330, 170), "click 1")
    (probe,) = wait("the question", lambda: said("<", request="probe"))
    (answer,) = wait("the answer", lambda: said(">", id=probe["id"], event="result"))
    settled(DIALOG, 0.6)
    screenshot("marks-clicked", DIALOG)
    return {"place": [probe["x"], probe["y"]], "radius": answer["result"]["radius"]}


def outlined():
    """While Shift is held, the brush's outline is seen at the pointer."""
    mouse("keydown shift", at(150, 100), at(152, 100))
    settled(DIALOG, 0.6)
    screenshot("marks-outlined", DIALOG)
    mouse("keyup shift", at(150, 330))
    settled(DIALOG, 0.6)


def filmed():
    """Another colour for what is not in focus: the second that the chooser offers."""
    count, chooser = len(previews()), "Colour of what is not in focus"
    mouse(f"mousemove --window {window(DIALOG)} {FILM[0]} {FILM[1]}", "click 1")
    wait("the chooser", lambda: window(chooser))
    settled(chooser, 0.6)
    screenshot("marks-chooser", chooser)
    keys("Right", "space", "alt+s")
    last = another(count)
    screenshot("marks-filmed", DIALOG)
    return {"film": last["film"]}


def painted():
    """In focus on the right with Shift, not in focus on the left with Control, once more and undone."""
    count = len(previews())
    drag = [at(300, 100), "mousedown 1", at(330, 105), at(360, 110), "mouseup 1"]
    mouse("keydown shift", *drag, "keyup shift")
    another(count)
    count = len(previews())
    drag = [at(60, 200), "mousedown 1", at(80, 230), at(100, 260), "mouseup 1"]
    mouse("keydown ctrl", *drag, "keyup ctrl")
    another(count)
    screenshot("marks-painted", DIALOG)
    count = len(previews())
    mouse("keydown ctrl", at(100, 100), "click 1", "keyup ctrl")
    three = another(count)
    count = len(previews())
    keys("ctrl+z")
    two = another(count)
    screenshot("marks-undone", DIALOG)
    count = len(previews())
    keys("ctrl+y")
    again = another(count)
    count = len(previews())
    keys("ctrl+z")
    another(count)
    return {"three": three["strokes"], "two": two["strokes"], "again": again["strokes"]}


def zoomed():
    count = len(previews())
    mouse(at(330, 105), "click 4", "click 4", "click 4")
    near = another(count)
    screenshot("marks-zoomed", DIALOG)
    count = len(previews())
    mouse(at(200, 200), "mousedown 1", at(230, 200), at(280, 200), "mouseup 1")
    moved = another(count)
    count = len(previews())
    mouse(at(200, 200), "mousedown 2", at(180, 200), at(140, 200), "mouseup 2")
    back = another(count)
    count = len(previews())
    keys("minus", "minus", "minus", "minus")
    fit = another(count)
    return {"near": near["crop"], "moved": moved["crop"], "back": back["crop"], "fit": fit.get("crop")}


def layered():
    """The picture with its mask upon what lies below: nothing."""
    count = len(previews())
    keys("alt+v", "Down", "Down", "Down", "Down")
    last = another(count)
    screenshot("marks-layers", DIALOG)
    count = len(previews())
    keys("alt+v", "Up", "Up", "Up", "Up")
    another(count)
    return {"view": last["view"]}


def accepted():
    keys("alt+o")
    wait("the mask", lambda: layer.get_mask() is not None)
    wait("the dialog to close", lambda: not window(DIALOG))
    save(image, "marks")
    return {"strokes": said("<", request="focus_mask")[-1]["strokes"]}


def repeated():
    """Filters > Repeat last makes the same mask, marks and all."""
    end_workers()
    mask, count = layer.get_mask().get_id(), len(said("<", request="focus_mask"))
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    keys("ctrl+f")
    wait("the mask made again", lambda: layer.get_mask() is not None and layer.get_mask().get_id() != mask)
    save(image, "marks-repeated")
    return {"strokes": said("<", request="focus_mask")[count].get("strokes")}


def asked_again(use_none):
    """The dialog comes with the channel of the run before; with a click on None it is gone."""
    end_workers()
    count = len(said("<", request="focus_mask"))
    shell("xdotool", "windowfocus", "--sync", window(MAIN))
    keys("ctrl+shift+f")  # Filters > Re-show last
    wait("the dialog", lambda: window(DIALOG))
    settled(DIALOG)
    screenshot(f"marks-channel-{use_none}", DIALOG)
    if use_none:
        keys("alt+w")  # unfold the group of the channels; in the first choice, take what stands above the channel
        mouse(f"mousemove --window {window(DIALOG)} {CHANNEL[0]} {CHANNEL[1]}", "click 1")
        time.sleep(1)
        keys("Up", "Return")
        settled(DIALOG)
        screenshot("marks-channel-gone", DIALOG)
    mask = layer.get_mask().get_id()
    keys("alt+o")
    wait("the mask made again", lambda: layer.get_mask() is not None and layer.get_mask().get_id() != mask)
    wait("the dialog to close", lambda: not window(DIALOG))
    return {"channel": "in_focus" in said("<", request="focus_mask")[count]}


def with_channel():
    channel = ramp_channel(image, "painted")
    image.set_selected_layers([layer])
    kept = {"channels": {"in-focus-channel": channel.get_tattoo()}, "layer": 0, "strokes": []}
    image.attach_parasite(Gimp.Parasite.new("defocus-hints", 0, json.dumps(kept).encode()))
    facts = asked_again(False)
    save(image, "marks-channel")
    return facts


def ants():
    """Two moments of the window without a selection, and two with one."""
    layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
    for name in ("none", "ants"):
        if name == "ants":
            run(SELECT, image, [layer])
        Gimp.displays_flush()
        mouse("mousemove 1270 890")
        time.sleep(2)
        for moment in (1, 2):
            screenshot(f"marks-{name}-{moment}")
            time.sleep(0.37)


def first_look():
    """A larger picture is seen at once as its reduced copy has it, then as it is; with a selection only the latter."""
    large = load("large.png")
    Gimp.Display.new(large)
    time.sleep(2)
    facts = {}
    for name, many in (("plain", 2), ("selected", 1)):
        end_workers()
        count, enough = len(said("<", request="open")), len(previews()) + many
        shell("xdotool", "windowfocus", "--sync", window(MAIN))
        keys("ctrl+shift+f")
        wait("the dialog", lambda: window(DIALOG))
        wait("the previews", lambda enough=enough: len(previews()) >= enough)
        wait("the last answer", lambda: said(">", id=previews()[-1]["id"], event="result"))
        settled(DIALOG)
        screenshot(f"marks-first-{name}", DIALOG)
        keys("Escape")
        wait("the dialog to close", lambda: not window(DIALOG))
        facts[name] = [ask["shape"] for ask in said("<", request="open")[count:]]
        large.select_rectangle(Gimp.ChannelOps.REPLACE, 100, 100, 500, 400)
    return facts


def focused():
    """A click says what becomes the sharpest, once the row below the picture says that it does."""
    layer.get_image().set_selected_layers([layer])
    title = "Blur Background More"
    end_workers()  # nobody writes down what one says that was left by the run before
    choose(title, title)
    settled(title)
    count = len(previews())
    mouse(f"mousemove --window {window(title)} {TOOLS[0]} {TOOLS[1]}", "click 1")
    time.sleep(1)
    keys("Down", "Down", "Down", "Return")
    settled(title, 0.6)
    mouse(f"mousemove --window {window(title)} {LEFT + 230} {TOP + 100}", "click 1")
    wait("another preview", lambda: len(previews()) > count)
    settled(title)
    screenshot("marks-focused", title)
    last, probe = said("<", request="preview", of="magnify")[-1], said("<", request="probe")[-1]
    keys("Escape")
    wait("the dialog to close", lambda: not window(title))
    return {"parameters": last["parameters"], "place": [probe["x"], probe["y"]]}


def effect_painted(title, file, again):
    """What is marked as in focus in the blurred half stays as it was in a new picture."""
    end_workers()
    if again:
        shell("xdotool", "windowfocus", "--sync", window(MAIN))
        keys("ctrl+shift+f")  # Filters > Re-show last: a search would find "Repeat" first
        wait("the dialog", lambda: window(title))
    else:
        choose(title, title)
    settled(title)
    count, layers = len(previews()), layer.get_image().get_layers()
    place = f"mousemove --window {window(title)}"
    drag = [f"{place} 270 90", "mousedown 1", f"{place} 275 110", f"{place} 280 130", "mouseup 1"]
    mouse("keydown shift", *drag, "keyup shift")
    wait("another preview", lambda: len(previews()) > count)
    settled(title)
    screenshot(f"marks-{file}", title)
    keys("alt+o")
    wait("the new layer", lambda: layer.get_image().get_layers() != layers)
    wait("the dialog to close", lambda: not window(title))
    save(image, f"marks-{file}")
    (made,) = [other for other in image.get_layers() if other not in layers]
    image.remove_layer(made)
    image.set_selected_layers([layer])
    request = "restore" if "Sharpen" in title else "magnify"
    return {"strokes": said("<", request=request)[-1]["strokes"]}


def rim_painted():
    """The brush that finds the edge anew: its strokes go along as such, and change the mask."""
    end_workers()
    choose("Add In-Focus", DIALOG)
    settled(DIALOG)
    count = len(previews())
    mouse(f"mousemove --window {window(DIALOG)} {TOOLS[0]} {TOOLS[1]}", "click 1")
    time.sleep(1)
    keys("Down", "Down", "Down", "Return")
    settled(DIALOG, 0.6)
    mouse(at(150, 60), "mousedown 1", at(150, 90), at(152, 120), "mouseup 1")
    last = another(count)
    screenshot("marks-rim", DIALOG)
    keys("Escape")
    wait("the dialog to close", lambda: not window(DIALOG))
    return {"stroke": last["strokes"][-1]}


def background_painted():
    return effect_painted("Blur Background More", "background", True)


def sharpened_painted():
    return effect_painted("Sharpen Out-of-Focus Areas", "sharpened", False)


CHECKS = (
    opened,
    clicked,
    outlined,
    filmed,
    painted,
    zoomed,
    layered,
    accepted,
    repeated,
    with_channel,
    lambda: asked_again(True),
    ants,
    focused,
    background_painted,
    sharpened_painted,
    rim_painted,
    first_look,
)
for check in CHECKS:
    name = check.__name__ if check.__name__ != "<lambda>" else "without channel"
    if not report.check(name, check):
        break
SETTINGS.write_bytes(real)
