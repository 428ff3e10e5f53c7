"""Install: puts the GIMP plug-in where GIMP 3 looks for it, and takes it away."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus import __version__
from defocus.errors import InputError
from defocus.gimp.prepare import prepare
from defocus.gimp.profiles import NAME, chosen_profiles, hidden_from_gimp, sandbox_advice
from defocus.shipped import shipped_folder
from defocus.worker import client
from defocus.worker.client import PROTOCOL, WorkerClient, WorkerError, clean_environment

if TYPE_CHECKING:
    import os

    from defocus.gimp.profiles import Profile

__all__ = ["CLIENT", "LOCALE", "SETTINGS", "install", "is_foreign", "plugin_source", "uninstall"]

SETTINGS = "settings.json"
CLIENT = "defocus_client.py"
LOCALE = "locale"


def plugin_source() -> Path:
    """Return the folder with the plug-in's files, of the installed package or of the source tree.

    Raises
    ------
    InputError
        If the installation lacks them.
    """
    return shipped_folder(f"gimp_plugin/{NAME}", f"{NAME}.py")


def install(profile: str | os.PathLike[str] | None = None) -> list[Path]:
    """Copy the plug-in into GIMP 3 profiles, record which Python to call, and print what was done.

    Parameters
    ----------
    profile : path-like, optional
        A profile folder, such as ``~/.config/GIMP/3.0``; all that are found by default.

    Returns
    -------
    list of Path
        The plug-in folders that were written.

    Raises
    ------
    InputError
        If there is no profile, or one cannot be written, or GIMP would not see what is written.
    """
    source = plugin_source()
    targets = chosen_profiles(profile)
    for target in targets:
        if reason := hidden_from_gimp(target.folder):
            raise InputError(reason)
    described = _describe()
    written = []
    for target in targets:
        _install_into(target, source, described)
        written.append(target.plugin)
        print(f"installed {target.plugin}")
    print(f"the plug-in will call {sys.executable} (defocus {__version__})")
    prepare(print)
    print("start GIMP again; the entries are under Filters > Defocus, Select and Layer > Mask")
    for target in targets:
        if target.packaging:
            print(f"note: {sandbox_advice(target.packaging)}")
    return written


def uninstall(profile: str | os.PathLike[str] | None = None) -> list[Path]:
    """Remove the plug-in from GIMP 3 profiles and print what was done.

    Parameters
    ----------
    profile : path-like, optional
        A profile folder; all that are found by default.

    Returns
    -------
    list of Path
        The plug-in folders that were removed.

    Raises
    ------
    InputError
        If there is no profile, or the folder holds somebody else's plug-in or cannot be removed.
    """
    removed = []
    for target in chosen_profiles(profile):
        if not target.plugin.exists() and not target.plugin.is_symlink():
            print(f"nothing to remove in {target.folder}")
            continue
        _refuse_foreign(target.plugin)
        try:
            _remove(target.plugin)
        except OSError as error:
            raise InputError(f"{target.plugin}: cannot be removed ({error.strerror or error})") from error
        removed.append(target.plugin)
        print(f"removed {target.plugin}")
    return removed


def _describe() -> dict[str, Any]:
    """Return what the plug-in must know of the suite to build its dialogs."""
    try:
        with WorkerClient(sys.executable, environment=clean_environment()) as worker:
            return worker.request("describe")
    except (WorkerError, OSError) as error:
        raise InputError(f"the worker process cannot be used: {error}") from error


def is_foreign(plugin: Path) -> bool:
    """Return whether a folder holds something that `install` did not write."""
    return plugin.is_dir() and any(plugin.iterdir()) and not (plugin / CLIENT).exists()


def _refuse_foreign(plugin: Path) -> None:
    """Raise `InputError` if a folder is not one that `install` wrote."""
    if is_foreign(plugin):
        raise InputError(f"{plugin}: holds another plug-in of that name; move it away first")


def _remove(plugin: Path) -> None:
    """Remove the plug-in's folder if it is there; of a link to a folder elsewhere only the link."""
    if plugin.is_symlink():
        plugin.unlink()
    elif plugin.exists():
        shutil.rmtree(plugin)


def _install_into(target: Profile, source: Path, described: dict[str, Any]) -> None:
    """Write the plug-in beside its place and move it there, so that GIMP never sees half of it."""
    plugin = target.plugin
    _refuse_foreign(plugin)
    fresh: Path | None = None
    try:
        plugin.parent.mkdir(exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".defocus-", dir=target.folder))
        for file in sorted(source.glob("*.py")):
            shutil.copyfile(file, fresh / file.name)  # with a new date: GIMP asks only changed plug-ins anew
        (fresh / LOCALE).mkdir()
        for file in sorted((source / LOCALE).glob("*.po")):
            shutil.copyfile(file, fresh / LOCALE / file.name)
        shutil.copyfile(client.__file__, fresh / CLIENT)
        settings = {
            "protocol": PROTOCOL,
            "version": __version__,
            "python": sys.executable,
            "requests": described["requests"],
            "parameters": described["parameters"],
        }
        (fresh / SETTINGS).write_text(json.dumps(settings, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        fresh.chmod(0o755)
        (fresh / f"{NAME}.py").chmod(0o755)
        _remove(plugin)
        fresh.replace(plugin)
    except OSError as error:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)
        raise InputError(f"{plugin}: cannot be written ({error.strerror or error})") from error
