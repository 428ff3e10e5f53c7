"""Profiles: where GIMP 3 keeps a user's plug-ins, for every way in which GIMP can be installed."""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "NAME",
    "Profile",
    "chosen_profiles",
    "find_profiles",
    "hidden_from_gimp",
    "no_profile",
    "quoted",
    "sandbox_advice",
]

NAME = "defocus"
_PLUGINS = "plug-ins"
_VERSION_FOLDER = re.compile(r"3\.\d+")
_OLD_FOLDER = re.compile(r"[012]\.\d+")
_OF_PROFILES = ("gimprc", "pluginrc", "sessionrc", _PLUGINS)  # what GIMP keeps in a profile, and few others anywhere


@dataclass(frozen=True)
class Profile:
    """One GIMP 3 profile folder.

    Attributes
    ----------
    folder : Path
        The folder, such as ``~/.config/GIMP/3.0``.
    packaging : str
        ``"flatpak"``, ``"snap"``, or ``""`` for GIMP as the system or its makers install it.
    """

    folder: Path
    packaging: str = ""

    @property
    def plugin(self) -> Path:
        """The plug-in's folder: GIMP wants folder and file to carry the same name."""
        return self.folder / _PLUGINS / NAME


def find_profiles(
    *, platform: str | None = None, environment: Mapping[str, str] | None = None, home: Path | None = None
) -> list[Profile]:
    """Return the GIMP 3 profiles of this user, for all versions and ways in which GIMP can be installed.

    Parameters
    ----------
    platform, environment, home
        As `sys.platform`, `os.environ` and `Path.home`, which are the defaults.

    Returns
    -------
    list of Profile
        Empty if GIMP 3 was never started.
    """
    platform = sys.platform if platform is None else platform
    environment = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    parents: list[tuple[Path, str]] = []
    if platform == "win32":
        parents.append((Path(environment.get("APPDATA") or home / "AppData" / "Roaming") / "GIMP", ""))
    elif platform == "darwin":
        parents.append((home / "Library" / "Application Support" / "GIMP", ""))
    else:
        parents += [
            (Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "GIMP", ""),
            (home / ".config" / "GIMP", ""),
            (home / ".var" / "app" / "org.gimp.GIMP" / "config" / "GIMP", "flatpak"),
            (home / "snap" / "gimp" / "current" / ".config" / "GIMP", "snap"),
            (home / "snap" / "gimp" / "common" / ".config" / "GIMP", "snap"),
        ]
    profiles: dict[Path, Profile] = {}
    chosen = environment.get("GIMP3_DIRECTORY")
    if chosen and Path(chosen).is_dir():
        profiles[Path(chosen).resolve()] = Profile(Path(chosen))
    for parent, packaging in parents:
        if parent.is_dir():
            for folder in sorted(parent.iterdir()):
                if _VERSION_FOLDER.fullmatch(folder.name) and folder.is_dir():
                    profiles.setdefault(folder.resolve(), Profile(folder, packaging))
    return list(profiles.values())


def chosen_profiles(profile: str | os.PathLike[str] | None) -> list[Profile]:
    """Return a profile by its folder, or all that are found; raise `InputError` if there is none."""
    if profile is not None:
        folder = Path(profile).expanduser()
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder")
        # GIMP's preferences show the folder with the plug-ins: that is what people have at hand
        if folder.name == NAME and folder.parent.name == _PLUGINS:
            folder = folder.parent
        if folder.name == _PLUGINS:
            folder = folder.parent
        if reason := no_profile(folder):
            raise InputError(reason)
        packaging = "flatpak" if ".var" in folder.parts else "snap" if "snap" in folder.parts else ""
        return [Profile(folder, packaging)]
    found = find_profiles()
    if not found:
        raise InputError("no GIMP 3 profile was found: start GIMP 3 once, or give --profile FOLDER")
    return found


def no_profile(folder: Path) -> str:
    """Return why a folder cannot be a profile of GIMP 3; empty where it can.

    A profile is named as GIMP names them, or holds what GIMP keeps in one.
    """
    if _OLD_FOLDER.fullmatch(folder.name):
        return f"{folder}: belongs to GIMP {folder.name}, which cannot run the plug-in: it needs GIMP 3"
    if _VERSION_FOLDER.fullmatch(folder.name) or any((folder / name).exists() for name in _OF_PROFILES):
        return ""
    return (
        f"{folder}: is no profile folder of GIMP 3, which is named like 3.0 and holds a gimprc or a folder "
        f"{_PLUGINS}; GIMP shows it under Edit > Preferences > Folders > Plug-ins"
    )


def hidden_from_gimp(
    folder: Path, *, platform: str | None = None, python: str | None = None, home: Path | None = None
) -> str:
    """Return why GIMP would not see what this Python writes into a folder, and the mend; empty where it does.

    Python from the Microsoft Store is shown a copy of ``AppData`` of its own when it writes there.

    Parameters
    ----------
    folder : Path
    platform, python, home
        As `sys.platform`, `sys.base_prefix` and `Path.home`, which are the defaults.
    """
    platform = sys.platform if platform is None else platform
    python = sys.base_prefix if python is None else python
    home = Path.home() if home is None else home
    from_store = "WindowsApps" in python or "PythonSoftwareFoundation.Python" in python
    if platform != "win32" or not from_store or not folder.is_relative_to(home / "AppData"):
        return ""
    return (
        "this Python comes from the Microsoft Store, whose programs write into a copy of AppData that GIMP does not "
        "see: install Python from python.org and napari-defocus into it, or give --profile a folder outside AppData "
        "that GIMP's preferences list under Folders > Plug-ins"
    )


def quoted(path: str | os.PathLike[str], platform: str | None = None) -> str:
    """Return a path as it can be pasted into the system's command line."""
    if (sys.platform if platform is None else platform) == "win32":
        return f'"{path}"'
    return shlex.quote(str(path))


def sandbox_advice(packaging: str) -> str:
    """Return what a person must know of a GIMP that sees only part of the system."""
    if packaging == "flatpak":
        return (
            "GIMP's flatpak may not start programs outside its sandbox: if the plug-in says so, run "
            "'flatpak override --user --talk-name=org.freedesktop.Flatpak org.gimp.GIMP' and start GIMP again"
        )
    return (
        "GIMP's snap sees only programs in folders of your home whose names do not begin with a dot: the Python "
        f"that it calls, {sys.executable}, must lie in one of these"
    )
