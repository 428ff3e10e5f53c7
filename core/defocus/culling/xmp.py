"""XMP: ratings and labels in sidecars, as photo programs read them; what other programs wrote stays."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["RATINGS", "sidecar", "write_sidecar"]

RATINGS = {
    "sharp": (4, "Green"),
    "soft": (3, "Yellow"),
    "missed": (2, "Purple"),
    "motion": (1, "Red"),
    "blurred": (1, "Red"),
    "no evidence": (0, "Blue"),
}
"""Rating and label of each verdict."""

_X, _RDF, _XMP = "adobe:ns:meta/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://ns.adobe.com/xap/1.0/"
_OURS = "https://github.com/napari-defocus/napari-defocus/ns/1.0/"
_DOCTYPE = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


def sidecar(file: Path) -> Path:
    """Return the place of a picture's sidecar: NAME.ext.xmp, as darktable has it, where that exists, else NAME.xmp."""
    whole = file.with_name(file.name + ".xmp")
    return whole if whole.exists() else file.with_suffix(".xmp")


def write_sidecar(file: Path, facts: Mapping[str, object]) -> Path:
    """Write rating, label and verdict into a picture's sidecar; return its place.

    Parameters
    ----------
    file : Path
        The picture.
    facts : mapping
        From `Sharpness.facts`.

    Raises
    ------
    InputError
        If there is a sidecar that is no XMP; it stays as it is.
    DefocusError
        If it cannot be written.
    """
    from defocus.pictures.files import written_whole

    place = sidecar(file)
    root = _read(place) if place.exists() else ET.Element(f"{{{_X}}}xmpmeta")
    body = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if body is None:
        body = ET.SubElement(root, f"{{{_RDF}}}RDF")
    rating, label = RATINGS[str(facts["verdict"])]
    radius = facts["sharpest_radius_px"]
    values = {
        f"{{{_XMP}}}Rating": str(rating),
        f"{{{_XMP}}}Label": label,
        f"{{{_OURS}}}Verdict": str(facts["verdict"]),
        f"{{{_OURS}}}SharpestRadius": "" if radius is None else str(radius),
    }
    described = body.findall(f"{{{_RDF}}}Description")
    for one in described:  # a property may stand as an attribute or as an element, once
        for name in values:
            one.attrib.pop(name, None)
            for element in one.findall(name):
                one.remove(element)
    target = described[0] if described else ET.SubElement(body, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    target.attrib.update({name: value for name, value in values.items() if value})
    for prefix, space in (("x", _X), ("rdf", _RDF), ("xmp", _XMP), ("defocus", _OURS)):
        ET.register_namespace(prefix, space)
    text = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    with written_whole(place) as beside:
        beside.write_bytes(text)
    return place


def _read(place: Path) -> ET.Element:
    """Return a sidecar's tree, with the prefixes that it has; an entity is no part of any sidecar and is refused."""
    try:
        data = place.read_bytes()
        if _DOCTYPE.search(data):
            raise InputError(f"{place}: declares entities, which no sidecar does, and stays as it is")
        for _, (prefix, space) in ET.iterparse(place, events=("start-ns",)):
            if prefix and not re.fullmatch(r"ns\d+", prefix):
                ET.register_namespace(prefix, space)
        return ET.fromstring(data)
    except (ET.ParseError, OSError, ValueError) as error:
        raise InputError(f"{place}: is no XMP and stays as it is ({error})") from error
