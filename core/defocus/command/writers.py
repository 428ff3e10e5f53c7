"""Writers: what becomes of one picture's result: which files, and what is told of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from defocus.command.facts import common_facts, map_facts, mask_facts
from defocus.errors import DefocusError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from defocus.analysis import Analysis
    from defocus.command.names import Naming
    from defocus.depth import DepthScale
    from defocus.pictures.picture import Picture
    from defocus.session import Result

__all__ = ["CutoutWriter", "InfoWriter", "MapWriter", "MaskWriter", "PictureWriter", "Writer"]


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
    """Writes a blur map, with a depth scale also the distance from focus, and what else is asked for.

    Attributes
    ----------
    naming : Naming
    overwrite : bool
        Whether results may replace what is there.
    more : tuple of str
        Kind and ending of what is written beside the map: "gray.png", 16 bits, black in focus, white the largest radius
        that was looked for; "blur.exr"; "blur.png", in colour.
    scale : DepthScale or None
    """

    naming: Naming
    overwrite: bool
    more: tuple[str, ...]
    scale: DepthScale | None

    def _endings(self) -> list[str]:
        return ["blur.tif", *(["defocus.tif"] if self.scale else []), *self.more]

    def results(self, file: Path) -> list[Path]:
        """Return the places of the map, the distances and what lies beside them."""
        return self.naming(file, *self._endings())

    def __call__(self, file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        """Write them."""
        files = self.results(file)
        wanted = _lacking(files, self.overwrite)
        for ending, place, one in zip(self._endings(), files, wanted, strict=True):
            if one:
                self._write(ending, place, file, result.values, analysis.max_radius)
        return {**map_facts(analysis, result.values), **_told(files, wanted)}

    def _write(self, ending: str, place: Path, file: Path, radius: NDArray[Any], most: float) -> None:
        from defocus.pictures.exchange import write_exr
        from defocus.pictures.files import write_blur_map, write_picture, written_whole
        from defocus.pictures.reading import read_pixel_size
        from defocus.pictures.render import with_scale

        if ending == "gray.png":
            write_picture(place, radius / most, bit_depth=16, overwrite=self.overwrite)
        elif ending == "blur.exr":
            write_exr(place, radius, overwrite=self.overwrite)
        elif ending == "blur.png":
            with written_whole(place, overwrite=self.overwrite) as beside:
                with_scale(radius, most).save(beside)
        else:
            values = self.scale.defocus(radius) if self.scale and ending == "defocus.tif" else radius
            write_blur_map(place, values, overwrite=self.overwrite, size=read_pixel_size(file))


@dataclass(frozen=True)
class MaskWriter:
    """Writes an in-focus mask, and the picture with it for editors.

    Attributes
    ----------
    naming : Naming
    overwrite : bool
        Whether results may replace what is there.
    more : tuple of str
        Kind and ending of what is written beside the mask: "layer.png", the picture with the mask as alpha;
        "mask.psd", with a layer mask; "mask.tif", with the mask as a channel more; "mask.pfm", a float map.
    """

    naming: Naming
    overwrite: bool
    more: tuple[str, ...]

    def results(self, file: Path) -> list[Path]:
        """Return the places of the mask and what lies beside it."""
        return self.naming(file, "mask.png", *self.more)

    def __call__(self, file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        """Write them."""
        from defocus.pictures.files import write_picture

        files = self.results(file)
        wanted = _lacking(files, self.overwrite)
        if wanted[0]:
            write_picture(files[0], result.values, overwrite=self.overwrite)
        for ending, place, one in zip(self.more, files[1:], wanted[1:], strict=True):
            if one:
                self._write(ending, place, file, analysis.picture, result.values)
        return {**common_facts(analysis), **mask_facts(analysis, result), **_told(files, wanted)}

    def _write(self, ending: str, place: Path, file: Path, picture: Picture, mask: NDArray[Any]) -> None:
        import numpy as np
        from PIL import Image

        from defocus.effects.foreground import subject_colors
        from defocus.pictures.exchange import write_psd, write_tiff_with_mask
        from defocus.pictures.files import write_picture, written_whole
        from defocus.pictures.metadata import read_metadata

        depth, said, overwrite = min(picture.bit_depth, 16), read_metadata(file), self.overwrite
        if ending == "mask.pfm":
            with written_whole(place, overwrite=overwrite) as beside:
                Image.fromarray(np.asarray(mask, np.float32)).save(beside, "PPM")
        elif ending == "layer.png":
            colors = np.dstack([subject_colors(picture.color, mask), _seen(mask, picture)])
            write_picture(place, colors, bit_depth=depth, overwrite=overwrite, metadata=said)
        else:
            values = np.dstack([picture.own_color, *([] if picture.alpha is None else [picture.alpha])])
            profile = None if picture.gray else said.profile  # of colours
            if ending == "mask.psd":
                write_psd(place, values, mask, name=file.stem, bit_depth=depth, overwrite=overwrite, profile=profile)
            else:
                write_tiff_with_mask(place, values, mask, bit_depth=depth, overwrite=overwrite, profile=profile)


def _seen(matte: NDArray[Any], picture: Picture) -> NDArray[Any]:
    """Return the opacity (H, W) of what a matte shows of a picture."""
    return matte if picture.alpha is None else matte * picture.alpha


@dataclass(frozen=True)
class CutoutWriter:
    """Writes what is in focus, cut out: its matte as opacity, its rim in its own colours.

    Attributes
    ----------
    naming : Naming
    overwrite : bool
        Whether results may replace what is there.
    trim : bool
        Leave out the empty space around it.
    """

    naming: Naming
    overwrite: bool
    trim: bool

    def results(self, file: Path) -> list[Path]:
        """Return the place of the cut-out."""
        return self.naming(file, "cutout.png")

    def __call__(self, file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        """Write it.

        Raises
        ------
        DefocusError
            If nothing is in focus.
        """
        import numpy as np

        from defocus.effects.foreground import subject_colors
        from defocus.pictures.files import write_picture
        from defocus.pictures.metadata import read_metadata

        picture, matte = analysis.picture, result.values
        (path,) = files = self.results(file)
        wanted = _lacking(files, self.overwrite)
        if not matte.any():
            raise DefocusError(f"{picture.source}: nothing is in focus, so there is nothing to cut out")
        if wanted[0]:
            alpha = _seen(matte, picture)
            values = np.dstack([subject_colors(picture.own_color, matte), alpha])
            depth = min(picture.bit_depth, 16)
            if self.trim:
                seen = alpha > 0.5 / (2**depth - 1)  # else it is written as nothing
                rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
                values = values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if seen.any() else values
            write_picture(path, values, bit_depth=depth, overwrite=self.overwrite, metadata=read_metadata(file))
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
