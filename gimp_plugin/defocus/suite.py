"""The suite's worker process, as the plug-in finds and starts it. Knows nothing of layers and dialogs."""

import contextlib
import json
import os
import shutil
from pathlib import Path

from defocus_client import PROTOCOL, WorkerClient, WorkerError, clean_environment

SETTINGS = Path(__file__).with_name("settings.json")
REINSTALL = "Run “defocus gimp-install” in a terminal to mend this; “defocus gimp-doctor” tells more."


class Problem(Exception):  # noqa: N818 - it names what the user is told
    """Something to tell the user in one message."""


def load_settings():
    """Return what `defocus gimp-install` wrote down: which Python to call, and the described parameters.

    Raises
    ------
    Problem
        If the file is missing, damaged or written by another version.
    """
    try:
        settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
        if settings["protocol"] != PROTOCOL:
            raise Problem(f"The plug-in's files are of different versions. {REINSTALL}")
        settings["python"], settings["parameters"], settings["requests"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(f"The plug-in is not completely installed ({SETTINGS.name}: {error}). {REINSTALL}") from error
    return settings


def start_worker(settings):
    """Return a `WorkerClient` on the recorded Python.

    Inside flatpak the recorded Python is tried as it is (it works if it lies in the home folder and brings
    its own libraries), and then outside the sandbox, if GIMP may start programs there.

    Raises
    ------
    Problem
        If it cannot be started, with the mend.
    """
    python = settings["python"]
    in_flatpak = Path("/.flatpak-info").exists()
    # Inside a sandbox /tmp may be private; the application's cache folder has one path on both sides
    parent = os.environ.get("XDG_CACHE_HOME") if in_flatpak else None
    environment = clean_environment()
    try:
        return WorkerClient(python, parent_folder=parent, environment=environment)
    except WorkerError as error:
        if error.kind == "version":
            raise Problem(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
        if error.kind != "start":
            raise
        problem = error
    except OSError as error:
        raise Problem(f"Temporary files cannot be made: {error.strerror or error}.") from error
    if in_flatpak and shutil.which("flatpak-spawn"):
        outside = ["flatpak-spawn", "--host", "--watch-bus", python, "-P", "-m", "defocus.worker"]
        with contextlib.suppress(WorkerError):
            return WorkerClient(python, parent_folder=parent, environment=environment, command=outside)
        raise Problem(
            "GIMP's flatpak sandbox keeps the plug-in from starting defocus. Allow it with: flatpak override "
            "--user --talk-name=org.freedesktop.Flatpak org.gimp.GIMP, then start GIMP again."
        )
    raise Problem(f"Defocus could not be started: {problem}. {REINSTALL}")


def message_of(error):
    """Return one readable line for anything that can go wrong."""
    if isinstance(error, Problem):
        return str(error)
    if isinstance(error, WorkerError):
        text = str(error)
        hint = f" {REINSTALL}" if error.kind in ("request", "unavailable") else ""
        return f"Defocus: {text}{'' if text.endswith('.') else '.'}{hint}"
    if isinstance(error, MemoryError):
        return "Defocus: there is not enough memory for this picture."
    if isinstance(error, OSError):
        return f"Defocus: temporary files cannot be written: {error.strerror or error}."
    return f"Defocus: a fault in the plug-in: {type(error).__name__}: {error}"
