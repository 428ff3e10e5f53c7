"""Helpers for the scripts that run inside GIMP's Python: standard library and gi only."""

import contextlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402

FOLDER = Path(os.environ["DEFOCUS_TEST_FOLDER"])
SETTINGS = Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins" / "defocus" / "settings.json"
MASK = "plug-in-defocus-in-focus-mask"
MAP = "plug-in-defocus-blur-map"
SHARPEN = "plug-in-defocus-sharpen"
SELECT = "plug-in-defocus-select-in-focus"
BACKGROUND = "plug-in-defocus-blur-background"

Gegl.init(None)


def workers():
    """Return the numbers of the worker processes that run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if b"--folder" in command and b"defocus" in command:
            found.append(int(path.parent.name))
    return found


def end_workers():
    """End all workers, those that wait for the next run as well: what is asked of these nobody writes down."""
    for process in workers():
        with contextlib.suppress(OSError):
            os.kill(process, 9)


class Report:
    """Collects what each check says, and writes it down after each, should GIMP not live to the end."""

    def __init__(self, name):
        self.path = FOLDER / f"{name}.json"
        self.checks = {}

    def check(self, name, function, *arguments, **options):
        began = time.monotonic()
        try:
            facts = function(*arguments, **options) or {}
            self.checks[name] = {"facts": facts}
        except Exception:
            self.checks[name] = {"error": traceback.format_exc()}
        self.checks[name]["seconds"] = round(time.monotonic() - began, 2)
        self.path.write_text(json.dumps(self.checks))
        return "error" not in self.checks[name]


def use_python(path):
    """Let the plug-in call another program for its worker."""
    settings = json.loads(SETTINGS.read_text())
    settings["python"] = str(path)
    SETTINGS.write_text(json.dumps(settings))


def load(name):
    """Open a picture of the test folder."""
    return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(FOLDER / name)))


def save(image, name):
    """Save as XCF in the test folder."""
    file = Gio.File.new_for_path(str(FOLDER / f"{name}.xcf"))
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)


def call(name, image, drawables, **arguments):
    """Call a procedure; return its status' name and GIMP's message."""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for argument, value in arguments.items():
        config.set_property(argument.replace("_", "-"), value)
    result = procedure.run(config)
    status = result.index(0)
    message = "" if status == Gimp.PDBStatusType.SUCCESS else Gimp.get_pdb().get_last_error()
    return status.value_nick, message


def run(name, image, drawables, **arguments):
    """Call a procedure that must succeed."""
    status, message = call(name, image, drawables, **arguments)
    assert status == "success", f"{status}: {message}"


def fill(drawable, pixel_format, values):
    """Write bytes over a whole drawable."""
    buffer = drawable.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height()), pixel_format, bytes(values))
    buffer.flush()
    drawable.update(0, 0, drawable.get_width(), drawable.get_height())


def add_ramp_mask(layer):
    """Add a mask that rises from 0 to 255 from left to right."""
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    width = layer.get_width()
    fill(mask, "Y u8", bytes(round(255 * x / (width - 1)) for x in range(width)) * layer.get_height())
    layer.add_mask(mask)
    return mask


def ramp_channel(image, name="ramp"):
    """Insert a channel whose values, as GIMP shows them, rise from 0 to 255 from top to bottom."""
    channel = Gimp.Channel.new(image, name, image.get_width(), image.get_height(), 50, Gegl.Color.new("blue"))
    height = image.get_height()
    rows = (bytes([round(255 * y / (height - 1))]) * image.get_width() for y in range(height))
    fill(channel, "Y' u8", b"".join(rows))
    image.insert_channel(channel, None, 0)
    return channel


def log(*words):
    print(*words, file=sys.stderr, flush=True)
