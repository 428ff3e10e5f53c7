"""The suite's worker process, as the plug-in finds and starts it. Knows nothing of layers and dialogs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from defocus_client import PROTOCOL, WorkerClient, WorkerError, clean_environment
from problem import REINSTALL, Problem

Settings = dict[str, Any]

SETTINGS = Path(__file__).with_name("settings.json")


def load_settings() -> Settings:
    """Return what `defocus gimp-install` wrote down: which Python to call, and the described parameters.

    Raises
    ------
    Problem
        If the file is missing, damaged or written by another version.
    """
    try:
        settings: Settings = json.loads(SETTINGS.read_text(encoding="utf-8"))
        if settings["protocol"] != PROTOCOL:
            raise Problem(f"The plug-in's files are of different versions. {REINSTALL}")
        settings["python"], settings["parameters"], settings["requests"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(f"The plug-in is not completely installed ({SETTINGS.name}: {error}). {REINSTALL}") from error
    return settings


def start_worker(settings: Settings) -> WorkerClient:
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
        where = parent or tempfile.gettempdir()
        raise Problem(f"Temporary files cannot be made in {where}: {error.strerror or error}.") from error
    if in_flatpak and shutil.which("flatpak-spawn"):
        outside = ["flatpak-spawn", "--host", "--watch-bus", python, "-P", "-m", "defocus.worker"]
        with contextlib.suppress(WorkerError):
            return WorkerClient(python, parent_folder=parent, environment=environment, command=outside)
        raise Problem(
            "GIMP's flatpak sandbox keeps the plug-in from starting defocus. Allow it with: flatpak override "
            "--user --talk-name=org.freedesktop.Flatpak org.gimp.GIMP, then start GIMP again."
        )
    raise Problem(f"Defocus could not be started: {problem}. {REINSTALL}")
