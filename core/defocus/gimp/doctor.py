"""Doctor: checks each link from GIMP to the suite, and says what is wrong and what to do about it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus import __version__
from defocus.errors import InputError
from defocus.gimp.install import CLIENT, LOCALE, SETTINGS, is_foreign, plugin_source
from defocus.gimp.prepare import clear_progress, show_progress
from defocus.gimp.profiles import NAME, chosen_profiles, find_profiles, hidden_from_gimp, quoted, sandbox_advice
from defocus.worker import client
from defocus.worker.client import WorkerClient, WorkerError, clean_environment

if TYPE_CHECKING:
    from defocus.gimp.profiles import Profile

__all__ = ["Check", "diagnose", "doctor"]


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
        profiles = chosen_profiles(profile)
    except InputError as error:
        reason, _, mend = str(error).partition("; ")
        return [Check(False, reason, mend or "start GIMP 3 once, or name its profile folder with --profile")]
    checks: list[Check] = []
    for target in profiles:
        checks += _diagnose_profile(target)
    return checks


def _diagnose_profile(target: Profile) -> list[Check]:
    again = "run: defocus gimp-install" + ("" if target in find_profiles() else f" --profile {quoted(target.folder)}")
    plugin = target.plugin
    script = plugin / f"{NAME}.py"
    checks = [Check(True, f"GIMP profile {target.folder}")]
    if reason := hidden_from_gimp(target.folder):
        checks.append(Check(False, *reason.split(": ", 1)))
    if plugin.is_symlink() and not plugin.exists():
        return [*checks, Check(False, f"{plugin} is a link to {plugin.readlink()}, which is not there", again)]
    if is_foreign(plugin):
        mend = f"move {quoted(plugin)} away, then {again}"
        return [*checks, Check(False, f"{plugin} holds another plug-in of that name", mend)]
    if not script.is_file():
        return [*checks, Check(False, f"the plug-in is not in {plugin}", again)]
    checks.append(Check(True, f"plug-in in {plugin}"))
    if sys.platform != "win32" and not os.access(script, os.X_OK):
        checks.append(
            Check(
                False,
                f"{script} may not be run, so that GIMP ignores it without a word",
                f"chmod +x {quoted(script)}",
            )
        )
    source = plugin_source()
    wanted = {file: file.relative_to(source) for pattern in ("*.py", f"{LOCALE}/*.po") for file in source.glob(pattern)}
    wanted[Path(client.__file__)] = Path(CLIENT)
    stale = sorted(place.as_posix() for file, place in wanted.items() if not _same(file, plugin / place))
    if stale:
        checks.append(
            Check(
                False,
                f"the plug-in's files are not those of defocus {__version__} ({', '.join(stale)})",
                again,
            )
        )
    try:
        settings = json.loads((plugin / SETTINGS).read_text(encoding="utf-8"))
        python, version = str(settings["python"]), str(settings["version"])
        protocol = settings["protocol"]
        described = {name: settings[name] for name in ("parameters", "requests")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [*checks, Check(False, f"{plugin / SETTINGS} cannot be read ({error})", again)]
    if protocol != client.PROTOCOL:
        wrong = f"{plugin / SETTINGS} was written for protocol {protocol}, and the plug-in speaks {client.PROTOCOL}"
        return [*checks, Check(False, wrong, again)]
    if not Path(python).is_file():
        return [*checks, Check(False, f"the Python that the plug-in calls is gone: {python}", again)]
    checks.append(Check(True, f"Python {python}"))
    checks.append(_diagnose_worker(python, version, described, again))
    if target.packaging == "flatpak":
        checks.append(_diagnose_flatpak())
    elif target.packaging == "snap":
        checks.append(Check(True, f"note: {sandbox_advice('snap')}"))
    return checks


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _diagnose_worker(python: str, version: str, described: dict[str, Any], again: str) -> Check:
    """Put a picture of 64 x 64 px through the worker: random squares of 8 x 8 px, which are sharp."""
    import random

    squares = random.Random(1).randbytes(8 * 8)
    pixels = bytes(squares[8 * (y // 8) + x // 8] for y in range(64) for x in range(64))
    try:
        with WorkerClient(python, environment=clean_environment()) as worker:
            if worker.version != version:
                wrong = f"the plug-in was installed by defocus {version}, but {python} has {worker.version}"
                return Check(False, wrong, again)
            known = worker.request("describe")
            if any(known[name] != described[name] for name in described):
                return Check(False, f"the plug-in's settings are not what defocus {version} describes", again)
            print("a small picture goes through the worker; where nothing is compiled yet that takes a minute ...")
            worker.open(pixels, shape=(64, 64), dtype="uint8", name="the test picture", progress=show_progress)
            mask = Path(worker.request("focus_mask", {"output": "uint8"}, progress=show_progress)["path"]).read_bytes()
    except (WorkerError, OSError) as error:
        if "No module named" in str(error):
            return Check(False, f"the Python that the plug-in calls lacks the suite: {error}", again)
        return Check(False, f"the worker does not work: {error}", "pip install --force-reinstall napari-defocus")
    finally:
        clear_progress()
    if len(mask) != 64 * 64 or mask.count(255) < 64 * 32:
        return Check(False, "the worker calls a sharp test picture blurred", "this is a fault: please report it")
    return Check(True, f"defocus {version} answers, and a test picture came through right")


def _diagnose_flatpak() -> Check:
    flatpak = shutil.which("flatpak")
    if flatpak is None:
        return Check(True, f"note: {sandbox_advice('flatpak')}")
    command = [flatpak, "info", "--show-permissions", "org.gimp.GIMP"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if "org.freedesktop.Flatpak=talk" in shown.stdout:
        return Check(True, "GIMP's flatpak may start programs outside its sandbox")
    return Check(
        False,
        "GIMP's flatpak may not start programs outside its sandbox",
        "flatpak override --user --talk-name=org.freedesktop.Flatpak org.gimp.GIMP",
    )
