"""Put the GIMP plug-in where GIMP 3 looks for it, take it away, and find out why it does not work."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus import __version__, client
from defocus.client import PROTOCOL, WorkerClient, WorkerError, clean_environment
from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Check", "Profile", "diagnose", "doctor", "find_profiles", "install", "plugin_source", "uninstall"]

_NAME = "defocus"
_SETTINGS = "settings.json"
_CLIENT = "defocus_client.py"
_VERSION_FOLDER = re.compile(r"3\.\d+")


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
        return self.folder / "plug-ins" / _NAME


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


def plugin_source() -> Path:
    """Return the folder with the plug-in's files, of the installed package or of the source tree.

    Raises
    ------
    InputError
        If the installation lacks them.
    """
    candidates = [Path(__file__).resolve().parents[2] / "gimp_plugin" / _NAME]
    try:
        files: Iterable[Any] = importlib.metadata.files("napari-defocus") or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    candidates += [
        Path(str(file.locate())).resolve().parent
        for file in files
        if file.name == f"{_NAME}.py" and file.parent.name == _NAME and "gimp_plugin" in file.parts
    ]
    for folder in candidates:
        if (folder / f"{_NAME}.py").is_file():
            return folder
    raise InputError("the GIMP plug-in's files are missing from this installation: install napari-defocus again")


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
        If there is no profile, or one cannot be written.
    """
    source = plugin_source()
    described = _describe()
    written = []
    for target in _profiles(profile):
        _install_into(target, source, described)
        written.append(target.plugin)
        print(f"installed {target.plugin}")
    print(f"the plug-in will call {sys.executable} (defocus {__version__})")
    print("start GIMP again; the entries are under Filters > Defocus")
    for target in _profiles(profile):
        if target.packaging:
            print(f"note: {_sandbox_advice(target.packaging)}")
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
    for target in _profiles(profile):
        if not target.plugin.exists():
            print(f"nothing to remove in {target.folder}")
            continue
        _refuse_foreign(target.plugin)
        try:
            shutil.rmtree(target.plugin)
        except OSError as error:
            raise InputError(f"{target.plugin}: cannot be removed ({error.strerror or error})") from error
        removed.append(target.plugin)
        print(f"removed {target.plugin}")
    return removed


@dataclass(frozen=True)
class Check:
    """One link of the chain from GIMP to the suite.

    Attributes
    ----------
    ok : bool
    text : str
        What was found.
    mend : str
        What to do about it; empty where all is well.
    """

    ok: bool
    text: str
    mend: str = ""


def doctor(profile: str | os.PathLike[str] | None = None) -> bool:
    """Check each link from GIMP to the suite and print what is wrong and the mend.

    Parameters
    ----------
    profile : path-like, optional
        A profile folder; all that are found by default.

    Returns
    -------
    bool
        Whether everything is right.
    """
    checks = diagnose(profile)
    for check in checks:
        print(f"{'ok   ' if check.ok else 'WRONG'}  {check.text}")
        if check.mend:
            print(f"       mend: {check.mend}")
    return all(check.ok for check in checks)


def diagnose(profile: str | os.PathLike[str] | None = None) -> list[Check]:
    """Return the checks that `doctor` prints, from the profile to a picture through the worker.

    Parameters
    ----------
    profile : path-like, optional
        A profile folder; all that are found by default.
    """
    try:
        profiles = _profiles(profile)
    except InputError as error:
        return [Check(False, str(error), "start GIMP 3 once, or name its profile folder with --profile")]
    checks: list[Check] = []
    for target in profiles:
        checks += _diagnose_profile(target)
    return checks


def _profiles(profile: str | os.PathLike[str] | None) -> list[Profile]:
    if profile is not None:
        folder = Path(profile).expanduser()
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder")
        packaging = "flatpak" if ".var" in folder.parts else "snap" if "snap" in folder.parts else ""
        return [Profile(folder, packaging)]
    found = find_profiles()
    if not found:
        raise InputError("no GIMP 3 profile was found: start GIMP 3 once, or give --profile FOLDER")
    return found


def _describe() -> dict[str, Any]:
    """Return what the plug-in must know of the suite to build its dialogs."""
    try:
        with WorkerClient(sys.executable, environment=clean_environment()) as worker:
            return worker.request("describe")
    except (WorkerError, OSError) as error:
        raise InputError(f"the worker process cannot be used: {error}") from error


def _refuse_foreign(plugin: Path) -> None:
    """Raise `InputError` if a folder is not one that `install` wrote."""
    if plugin.is_dir() and any(plugin.iterdir()) and not (plugin / _CLIENT).exists():
        raise InputError(f"{plugin}: holds another plug-in of that name; move it away first")


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
        shutil.copyfile(client.__file__, fresh / _CLIENT)
        settings = {
            "protocol": PROTOCOL,
            "version": __version__,
            "python": sys.executable,
            "requests": described["requests"],
            "parameters": described["parameters"],
        }
        (fresh / _SETTINGS).write_text(json.dumps(settings, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        fresh.chmod(0o755)
        (fresh / f"{_NAME}.py").chmod(0o755)
        if plugin.exists():
            shutil.rmtree(plugin)
        fresh.replace(plugin)
    except OSError as error:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)
        raise InputError(f"{plugin}: cannot be written ({error.strerror or error})") from error


def _sandbox_advice(packaging: str) -> str:
    if packaging == "flatpak":
        return (
            "GIMP's flatpak may not start programs outside its sandbox: if the plug-in says so, run "
            "'flatpak override --user --talk-name=org.freedesktop.Flatpak org.gimp.GIMP' and start GIMP again"
        )
    return (
        "GIMP's snap sees only programs in folders of your home whose names do not begin with a dot: the Python "
        f"that it calls, {sys.executable}, must lie in one of these"
    )


def _diagnose_profile(target: Profile) -> list[Check]:
    again = "run: defocus gimp-install" + ("" if target in find_profiles() else f" --profile '{target.folder}'")
    plugin = target.plugin
    script = plugin / f"{_NAME}.py"
    checks = [Check(True, f"GIMP profile {target.folder}")]
    if not script.is_file():
        return [*checks, Check(False, f"the plug-in is not in {plugin}", again)]
    checks.append(Check(True, f"plug-in in {plugin}"))
    if sys.platform != "win32" and not os.access(script, os.X_OK):
        checks.append(
            Check(
                False,
                f"{script} may not be run, so that GIMP ignores it without a word",
                f"chmod +x '{script}'",
            )
        )
    stale = [
        file.name
        for file in [*plugin_source().glob("*.py"), Path(client.__file__)]
        if not _same(file, plugin / (_CLIENT if file == Path(client.__file__) else file.name))
    ]
    if stale:
        checks.append(
            Check(
                False,
                f"the plug-in's files are not those of defocus {__version__} ({', '.join(stale)})",
                again,
            )
        )
    try:
        settings = json.loads((plugin / _SETTINGS).read_text(encoding="utf-8"))
        python, version = str(settings["python"]), str(settings["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [*checks, Check(False, f"{plugin / _SETTINGS} cannot be read ({error})", again)]
    if not Path(python).is_file():
        return [*checks, Check(False, f"the Python that the plug-in calls is gone: {python}", again)]
    checks.append(Check(True, f"Python {python}"))
    checks += _diagnose_worker(python, version, again)
    if target.packaging == "flatpak":
        checks.append(_diagnose_flatpak())
    elif target.packaging == "snap":
        checks.append(Check(True, f"note: {_sandbox_advice('snap')}"))
    return checks


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _diagnose_worker(python: str, version: str, again: str) -> list[Check]:
    """Put a picture of 64 x 64 px through the worker: random dots, which are sharp."""
    import random

    pixels = random.Random(1).randbytes(64 * 64)
    try:
        with WorkerClient(python, environment=clean_environment()) as worker:
            if worker.version != version:
                return [
                    Check(
                        False,
                        f"the plug-in was installed by defocus {version}, but {python} has {worker.version}",
                        again,
                    )
                ]
            worker.open(pixels, shape=(64, 64), dtype="uint8", name="the test picture")
            mask = Path(worker.request("focus_mask", {"output": "uint8"})["path"]).read_bytes()
    except (WorkerError, OSError) as error:
        return [Check(False, f"the worker does not work: {error}", "pip install --force-reinstall napari-defocus")]
    if len(mask) != 64 * 64 or mask.count(255) < 64 * 32:
        return [Check(False, "the worker calls a sharp test picture blurred", "this is a fault: please report it")]
    return [Check(True, f"defocus {version} answers, and a test picture came through right")]


def _diagnose_flatpak() -> Check:
    flatpak = shutil.which("flatpak")
    if flatpak is None:
        return Check(True, f"note: {_sandbox_advice('flatpak')}")
    command = [flatpak, "info", "--show-permissions", "org.gimp.GIMP"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if "org.freedesktop.Flatpak=talk" in shown.stdout:
        return Check(True, "GIMP's flatpak may start programs outside its sandbox")
    return Check(
        False,
        "GIMP's flatpak may not start programs outside its sandbox",
        "flatpak override --user --talk-name=org.freedesktop.Flatpak org.gimp.GIMP",
    )
