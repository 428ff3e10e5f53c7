"""What travels beside the packages: the sample pictures and the GIMP plug-in's files."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from defocus.errors import InputError

__all__ = ["shipped_folder"]

_DISTRIBUTION = "napari-defocus"


def shipped_folder(name: str, holds: str) -> Path:
    """Return a folder that comes with the suite, in the source tree or where an installation put it.

    Parameters
    ----------
    name : str
        The folder's path in the source tree, such as ``"sample_data"``.
    holds : str
        Name of a file that must be in it.

    Raises
    ------
    InputError
        If it is not there.
    """
    candidates = [Path(__file__).resolve().parents[2] / name]
    try:
        files = importlib.metadata.files(_DISTRIBUTION) or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    installed = [Path(str(file.locate())).resolve().parent for file in files if file.match(f"{name}/{holds}")]
    candidates += installed
    for folder in candidates:
        if (folder / holds).is_file():
            return folder
    if files and not installed:
        raise InputError(f"{holds} comes with the source tree only, to keep installations small: run this there")
    raise InputError(f"{holds} is missing from this installation: install {_DISTRIBUTION} again, or use a source tree")
