"""Metadata: what a picture file says beside its pixels, so that a result made from it says it, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import ExifTags

from defocus.pictures.reading import quietly_opened

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Metadata", "read_metadata"]

_COLORS = ("RGB", "RGBA", "P", "L", "LA", "1", "I", "I;16")


@dataclass(frozen=True)
class Metadata:
    """What belongs to a picture and is no pixel.

    Attributes
    ----------
    profile : bytes or None
        ICC profile of its colours.
    exif : bytes or None
        EXIF block without the prefix of JPEG, with the orientation of a picture that stands upright.
    xmp : bytes or None
        XMP packet.
    """

    profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


def read_metadata(file: Path) -> Metadata:
    """Return what a file says of its picture; nothing where it is damaged or of another kind of colours.

    Parameters
    ----------
    file : Path
    """
    try:
        with quietly_opened(file) as opened:
            profile = opened.info.get("icc_profile") if opened.mode in _COLORS else None
            exif = opened.getexif()
            exif.pop(ExifTags.Base.Orientation, None)
            packet = opened.info.get("xmp")
            block = exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else None
    except Exception:  # decoders of damaged files raise anything, and the picture itself was read
        return Metadata()
    return Metadata(profile or None, block, packet if isinstance(packet, bytes) else None)
