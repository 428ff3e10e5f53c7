"""Bursts: which pictures of a run belong together, by when they were taken, else by their names; the best of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Taken", "best_of", "bursts", "taken_at"]

_ORDER = ("sharp", "soft", "missed", "motion", "blurred", "no evidence")


@dataclass(frozen=True)
class Taken:
    """When a picture was taken, and with what.

    Attributes
    ----------
    time : float or None
        Seconds since some day, by the camera's clock.
    camera : str
    """

    time: float | None
    camera: str


def taken_at(file: Path) -> Taken:
    """Return when a picture was taken, as its EXIF says.

    Parameters
    ----------
    file : Path
    """
    from PIL import ExifTags

    from defocus.pictures.reading import quietly_opened

    try:
        with quietly_opened(file) as opened:
            exif = opened.getexif()
            more = exif.get_ifd(ExifTags.IFD.Exif)
        text = more.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
        camera = f"{exif.get(ExifTags.Base.Model, '')}".strip("\0 ")
        fraction = str(more.get(ExifTags.Base.SubsecTimeOriginal, "")).strip("\0 ")
        when = datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S")
        seconds = (when - datetime(1970, 1, 1)).total_seconds()
        return Taken(seconds + (float(f"0.{fraction}") if fraction.isdigit() else 0.0), camera)
    except Exception:  # what EXIF holds may be anything, and no picture is lost by it
        return Taken(None, "")


def bursts(files: Sequence[Path], when: Mapping[Path, Taken], gap: float) -> dict[Path, str]:
    """Return the name of each picture's burst: that of its first picture.

    Pictures of one camera that follow each other within `gap` belong together; those without a time, if they lie in one
    folder and their names differ in a number that grows by one.

    Parameters
    ----------
    files : sequence of Path
    when : mapping of Path to Taken
    gap : float
        Seconds.
    """
    found: dict[Path, str] = {}
    timed = sorted(
        (file for file in files if when[file].time is not None),
        key=lambda one: (when[one].camera, _time(when[one]), one.name),
    )
    for before, file in zip([None, *timed], timed, strict=False):
        together = (
            before is not None
            and when[before].camera == when[file].camera
            and _time(when[file]) - _time(when[before]) <= gap
        )
        found[file] = found[before] if before is not None and together else file.stem
    rest = sorted((file for file in files if file not in found), key=lambda one: (one.parent, *_numbered(one)))
    for before, file in zip([None, *rest], rest, strict=False):
        found[file] = found[before] if before is not None and _follows(before, file) else file.stem
    return found


def _time(one: Taken) -> float:
    return one.time or 0.0


def _numbered(file: Path) -> tuple[str, int]:
    match = re.fullmatch(r"(.*?)(\d+)", file.stem)
    return (match[1], int(match[2])) if match else (file.stem, -1)


def _follows(before: Path, file: Path) -> bool:
    (name, number), (own, count) = _numbered(before), _numbered(file)
    return before.parent == file.parent and name == own and number >= 0 and count == number + 1


def best_of(found: Mapping[Path, str], facts: Mapping[Path, Mapping[str, object]], count: int) -> set[Path]:
    """Return the best `count` pictures of each burst: by verdict, then the smallest sharpest radius.

    Parameters
    ----------
    found : mapping of Path to str
        From `bursts`.
    facts : mapping of Path to mapping
        From `Sharpness.facts`.
    count : int
    """
    groups: dict[str, list[Path]] = {}
    for file, name in found.items():
        if file in facts:
            groups.setdefault(name, []).append(file)
    return {file for group in groups.values() for file in sorted(group, key=lambda one: rank(facts[one]))[:count]}


def rank(facts: Mapping[str, object]) -> tuple[int, float]:
    """Return what pictures are sorted by, the best first."""
    radius = facts.get("sharpest_radius_share")
    return _ORDER.index(str(facts["verdict"])), float(radius) if isinstance(radius, float) else 1.0
