"""Inside GIMP: which classes of its API have the calls that the plug-in uses."""

import json
import os
import sys

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

import gi
from gi.repository import Gimp
from tools import FOLDER, Report

gi.require_version("GimpUi", "3.0")
from gi.repository import GimpUi  # noqa: E402

report = Report("calls")
CLASSES = {
    f"{library.__name__.split('.')[-1]}.{name}": getattr(library, name)
    for library, names in (
        (
            Gimp,
            ("Choice", "Channel", "ColorProfile", "Drawable", "DrawableFilter", "GroupLayer", "Image", "Item", "Layer"),
        ),
        (
            Gimp,
            ("LayerMask", "PDB", "Parasite", "PlugIn", "Procedure", "ProcedureConfig", "ImageProcedure", "ValueArray"),
        ),
        (GimpUi, ("ProcedureDialog", "SpinScale", "Dialog")),
    )
    for name in names
}


def calls():
    used = json.loads((FOLDER / "used.json").read_text())
    found, missing = {}, []
    for name in used["dotted"]:
        place = {"Gimp": Gimp, "GimpUi": GimpUi}
        library, *parts = name.split(".")
        thing = place[library]
        for part in parts:
            thing = getattr(thing, part, None)
        if thing is None:
            missing.append(name)
        else:
            owner, _, last = name.rpartition(".")
            found.setdefault(owner, set()).add(last)
    for method in used["methods"]:
        for owner, kind in CLASSES.items():
            if method in vars(kind) and not method.startswith("_"):
                found.setdefault(owner, set()).add(method)
    return {
        "version": Gimp.version(),
        "found": {owner: sorted(names) for owner, names in found.items()},
        "missing": missing,
    }


report.check("calls", calls)
