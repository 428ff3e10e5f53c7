"""Inputs: from what stands on the command line to the pictures that are meant: files, folders, standard input."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["STANDARD", "Pictures", "taken"]

STANDARD = Path("-")
"""Standard input where a picture is expected, standard output where a folder for results is."""
# Beside what Pillow reads; which of them can be read here is said of each file
_MORE = (".heic", ".heif", ".avif", ".jxl")


@dataclass(frozen=True)
class Pictures:
    """The pictures that are meant.

    Attributes
    ----------
    files : list of Path
    below : mapping of Path to Path
        Of those found by walking a folder, in which folder below it they lie.
    called : mapping of Path to str
        Of those that are not called as they lie, what to call them: standard input.
    """

    files: list[Path]
    below: Mapping[Path, Path]
    called: Mapping[Path, str]

    def name(self, file: Path) -> str:
        """Return what a person called a picture."""
        return self.called.get(file, str(file))


@contextlib.contextmanager
def taken(inputs: Sequence[Path], *, recursive: bool, output: Path | None = None) -> Iterator[Pictures]:
    """Give the pictures that are meant by files, folders and "-".

    Parameters
    ----------
    inputs : sequence of Path
        A folder stands for the pictures in it, by their endings; "-" for the picture on standard input.
    recursive : bool
        Whether also for those in folders within it.
    output : Path, optional
        A folder that is not walked: what lies there are results.

    Raises
    ------
    InputError
        If a folder holds no picture or cannot be read, or standard input is meant twice.
    """
    if sum(one == STANDARD for one in inputs) > 1:
        raise InputError("standard input (-) can be read once only")
    from defocus.pictures.omezarr import is_zarr  # whose package loads more than --help needs

    files: dict[Path, None] = {}  # in order, each once
    below: dict[Path, Path] = {}
    called: dict[Path, str] = {}
    with contextlib.ExitStack() as stack:
        for one in inputs:
            if one == STANDARD:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="defocus-")))
                file = folder / "stdin"
                with file.open("wb") as spool:
                    shutil.copyfileobj(sys.stdin.buffer, spool)
                called[file] = "-"
                files[file] = None
            elif one.is_dir() and not is_zarr(one):
                found = list(_walked(one, recursive=recursive, output=output))
                if not found:
                    more = "" if recursive else " (--recursive looks into the folders within it)"
                    raise InputError(f"{one}: a folder without pictures{more}")
                for file in found:
                    files.setdefault(file)
                    below.setdefault(file, file.parent.relative_to(one))
            else:
                files.setdefault(one)
        yield Pictures(list(files), below, called)


def _endings() -> frozenset[str]:
    from PIL import Image

    from defocus.pictures.raw import RAW_ENDINGS

    Image.init()
    pictures = {ending for ending, kind in Image.EXTENSION.items() if kind in Image.OPEN and kind not in _NO_PICTURES}
    return frozenset({*pictures, *_MORE, *RAW_ENDINGS})


_NO_PICTURES = ("PDF", "MPEG", "HDF5", "GRIB", "BUFR", "WMF", "EPS", "FITS", "XVTHUMB")


def _walked(folder: Path, *, recursive: bool, output: Path | None) -> Iterator[Path]:
    """Yield the pictures in a folder by their endings, sorted; nothing hidden, and no links to folders."""
    from defocus.pictures.omezarr import is_zarr

    endings = _endings()
    results = None if output is None else Path(os.path.realpath(output))
    start = Path(os.path.realpath(folder))

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for place, folders, names in os.walk(folder, onerror=refuse):
        shown = sorted(name for name in folders if not name.startswith("."))
        packed = [name for name in shown if name.lower().endswith(".zarr") and is_zarr(Path(place) / name)]
        folders[:] = [name for name in shown if name not in packed] if recursive else []
        here = Path(os.path.realpath(place))
        if results is not None and results != start and (here == results or results in here.parents):
            folders[:] = []
            continue
        yield from (Path(place) / name for name in packed)  # whose chunks are no pictures
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in endings:  # noqa: PTH122 (a plain string)
                yield Path(place) / name
