"""Writers: what becomes of one picture's result: which files, and what is told of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from defocus.command.facts import common_facts, map_facts, mask_facts

if TYPE_CHECKING:
    from pathlib import Path

    from defocus.analysis import Analysis
    from defocus.command.names import Naming
    from defocus.depth import DepthScale
    from defocus.session import Result

__all__ = ["InfoWriter", "MapWriter", "MaskWriter", "PictureWriter", "Writer"]


class Writer(Protocol):
    """What becomes of one picture's result."""

    def results(self, file: Path) -> list[Path]:
        """Return the places of what will be written for a picture."""

    def __call__(self, file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        """Write what is not there yet, or may be replaced; return the facts to print."""


def _lacking(files: list[Path], overwrite: bool) -> list[bool]:
    """Return which of a picture's results are to be written."""
    return [overwrite or not os.path.lexists(file) for file in files]


def _told(files: list[Path], wanted: list[bool]) -> dict[str, Any]:
    """Return what is told of the results."""
    kept = [str(file) for file, one in zip(files, wanted, strict=True) if not one]
    return {"files": [str(file) for file in files], **({"kept": kept} if kept else {})}


@dataclass(frozen=True)
class InfoWriter:
    """Tells of a picture and writes nothing."""

    def results(self, file: Path) -> list[Path]:
        """Return nothing."""
        return []

    def __call__(self, file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        """Return the facts."""
        return {**map_facts(analysis, analysis.blur_map()), **mask_facts(analysis, result)}


@dataclass(frozen=True)
class MapWriter:
    """Writes a blur map, with `preview` in colour too, with a depth scale also the distance from focus.

    Attributes
    ----------
    naming : Naming
    overwrite : bool
        Whether results may replace what is there.
    preview : bool
    gray : bool
        Write a grey picture of 16 bits, too: black in focus, white the largest radius that was looked for.
    scale : DepthScale or None
    """

    naming: Naming
    overwrite: bool
    preview: bool
    gray: bool
    scale: DepthScale | None

    def results(self, file: Path) -> list[Path]:
        """Return the places of the map, the distances, the grey picture and the preview."""
        more = [
            *(["defocus.tif"] if self.scale else []),
            *(["gray.png"] if self.gray else []),
            *(["blur.png"] if self.preview else []),
        ]
        return self.naming(file, "blur.tif", *more)

    def __call__(self, file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        """Write them."""
        from defocus.pictures.files import write_blur_map, write_picture, written_whole
        from defocus.pictures.reading import read_pixel_size
        from defocus.pictures.render import with_scale

        files = self.results(file)
        size = read_pixel_size(file)
        wanted = _lacking(files, self.overwrite)
        if wanted[0]:
            write_blur_map(files[0], result.values, overwrite=self.overwrite, size=size)
        if self.scale and wanted[1]:
            write_blur_map(files[1], self.scale.defocus(result.values), overwrite=self.overwrite, size=size)
        if self.gray and wanted[1 + bool(self.scale)]:
            values = result.values / analysis.max_radius
            write_picture(files[1 + bool(self.scale)], values, bit_depth=16, overwrite=self.overwrite)
        if self.preview and wanted[-1]:
            with written_whole(files[-1], overwrite=self.overwrite) as beside:
                with_scale(result.values, analysis.max_radius).save(beside)
        return {**map_facts(analysis, result.values), **_told(files, wanted)}


@dataclass(frozen=True)
class MaskWriter:
    """Writes an in-focus mask, with `layer` also the picture with the mask as alpha.

    Attributes
    ----------
    naming : Naming
    overwrite : bool
        Whether results may replace what is there.
    layer : bool
    pfm : bool
        Write the mask as a portable float map, too.
    """

    naming: Naming
    overwrite: bool
    layer: bool
    pfm: bool

    def results(self, file: Path) -> list[Path]:
        """Return the places of the mask, the layer and the float map."""
        return self.naming(
            file, "mask.png", *(["layer.png"] if self.layer else []), *(["mask.pfm"] if self.pfm else [])
        )

    def __call__(self, file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        """Write them."""
        import numpy as np
        from PIL import Image

        from defocus.effects.foreground import subject_colors
        from defocus.pictures.files import write_picture, written_whole
        from defocus.pictures.metadata import read_metadata

        picture, mask = analysis.picture, result.values
        files = self.results(file)
        wanted = _lacking(files, self.overwrite)
        if wanted[0]:
            write_picture(files[0], mask, overwrite=self.overwrite)
        if self.layer and wanted[1]:
            alpha = mask if picture.alpha is None else mask * picture.alpha
            depth = min(picture.bit_depth, 16)
            colors, said = np.dstack([subject_colors(picture.color, mask), alpha]), read_metadata(file)
            write_picture(files[1], colors, bit_depth=depth, overwrite=self.overwrite, metadata=said)
        if self.pfm and wanted[-1]:
            with written_whole(files[-1], overwrite=self.overwrite) as beside:
                Image.fromarray(np.asarray(mask, np.float32)).save(beside, "PPM")
        return {**common_facts(analysis), **mask_facts(analysis, result), **_told(files, wanted)}


@dataclass(frozen=True)
class PictureWriter:
    """Writes a picture that was made from the original, with its opacity, profile and metadata.

    Attributes
    ----------
    naming : Naming
    overwrite : bool
        Whether results may replace what is there.
    ending : str
        Kind and ending of the name, as "sharp.png".
    """

    naming: Naming
    overwrite: bool
    ending: str

    def results(self, file: Path) -> list[Path]:
        """Return the place of the picture."""
        return self.naming(file, self.ending)

    def __call__(self, file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        """Write it."""
        import numpy as np

        from defocus.pictures.files import write_picture
        from defocus.pictures.metadata import read_metadata

        picture = analysis.picture
        values = result.values[..., 0] if picture.gray else result.values
        if picture.alpha is not None:
            values = np.dstack([values, picture.alpha])
        (path,) = files = self.results(file)
        wanted = _lacking(files, self.overwrite)
        if wanted[0]:
            depth = min(picture.bit_depth, 16)
            write_picture(path, values, bit_depth=depth, overwrite=self.overwrite, metadata=read_metadata(file))
        return {**common_facts(analysis), **_told(files, wanted)}
