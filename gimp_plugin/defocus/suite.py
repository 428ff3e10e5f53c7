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
from problem import Problem, reinstall
from words import heard
from words import translated as _

Settings = dict[str, Any]

_STAY_SECONDS = 60.0
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
            different = _("The files of the plug-in are of different versions.")
            raise Problem(f"{different} {reinstall()}")
        settings["python"], settings["parameters"], settings["requests"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = _("The plug-in is not completely installed ({file}: {error}).", file=SETTINGS.name, error=error)
        raise Problem(f"{text} {reinstall()}") from error
    return settings


def _fits(greeting: dict[str, Any], settings: Settings) -> bool:
    """Return whether a worker that waits is the one that would be started."""
    held = greeting.get("held") or {}
    return held.get("python") == settings["python"] and greeting.get("version") == settings.get("version")


def leave_worker(worker: WorkerClient, settings: Settings, held: dict[str, Any]) -> None:
    """Let a worker wait a minute for the next run, which has it, and what it holds, without waiting."""
    worker.stay(_STAY_SECONDS, {**held, "python": settings["python"]})


def start_worker(settings: Settings) -> WorkerClient:
    """Return a `WorkerClient` on the recorded Python: the one of the last run, if that waits, or a new one.

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
    kept = WorkerClient.waiting(lambda greeting: _fits(greeting, settings), parent_folder=parent)
    if kept is not None:
        return kept
    try:
        return WorkerClient(python, parent_folder=parent, environment=environment)
    except WorkerError as error:
        if error.kind == "version":
            text = heard(str(error))
            raise Problem(f"{text[0].upper()}{text[1:]}.") from error
        if error.kind != "start":
            raise
        problem = error
    except OSError as error:
        where = parent or tempfile.gettempdir()
        reason = error.strerror or error
        text = _("Temporary files cannot be made in {where}: {reason}.", where=where, reason=reason)
        raise Problem(text) from error
    if in_flatpak and shutil.which("flatpak-spawn"):
        outside = ["flatpak-spawn", "--host", "--watch-bus", python, "-P", "-m", "defocus.worker"]
        with contextlib.suppress(WorkerError):
            return WorkerClient(python, parent_folder=parent, environment=environment, command=outside)
        text = _(
            "GIMP's flatpak sandbox keeps the plug-in from starting defocus. Allow it with: {command}, then start "
            "GIMP again.",
            command="flatpak override --user --talk-name=org.freedesktop.Flatpak org.gimp.GIMP",
        )
        raise Problem(text)
    raise Problem(f"{_('Defocus could not be started: {problem}.', problem=problem)} {reinstall()}")
