"""A real GIMP 3 for the tests: the machine's own, or one in a root folder of its own that is built once.

Debian's trixie has GIMP 3. Where the tests run as root on Debian a root folder with it is built by mmdebstrap
in a cache folder outside the project (about a minute, 0.7 GB) and entered in a private mount namespace, so
that nothing stays mounted whatever happens. The suite's own Python is mounted into it at its own place.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROGRAMS = ["gimp", "python3-gi", "python3-numpy", "xdotool", "x11-utils", "imagemagick", "openbox"]
PACKAGES = [*_PROGRAMS, "xvfb", "xauth", "dbus", "dbus-x11", "fonts-dejavu-core"]
_OPTIONS = [
    "--variant=apt",
    "--mode=root",
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=force-unsafe-io",
    *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")),
]
PROJECT = Path(__file__).resolve().parents[2]
_COMMANDS = ("gimp-console-3.2", "gimp-console-3.0", "gimp-console-3", "gimp-console")
_GIMPRC = "(show-welcome-dialog no)\n(check-updates no)\n(undo-levels 20)\n"

# Runs in a new mount namespace: $1 the root, $2 the shared folder, then the command
_ENTER = """
set -e
root=$1; shared=$2; shift 2
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs tmpfs "$root/tmp"
printf '%s\\n' "$DEFOCUS_PLACES" "$shared" | while read -r place; do
    mkdir -p "$root$place"
    mount --bind "$place" "$root$place"
done
# Debian's own Python, of another version than the root's, and a bin folder whose links lead to it
python=${DEFOCUS_PYTHON%%:*}; library=${DEFOCUS_PYTHON#*:}
if [ -n "$python" ] && [ ! -s "$root$python" ]; then
    touch "$root$python"; mount --bind "$python" "$root$python"
    mkdir -p "$root$library"; mount --bind "$library" "$root$library"
    programs=$DEFOCUS_PREFIX/bin
    mount -t tmpfs tmpfs "$root$programs"
    cp -a "$programs/." "$root$programs/"
    for name in python python3; do ln -sf "$python" "$root$programs/$name"; done
fi
mkdir -p "$root/tmp/full"; mount -t tmpfs -o size=32k tmpfs "$root/tmp/full"
cd "$shared"
exec chroot "$root" env -i "$@"
"""


class Unavailable(Exception):  # noqa: N818 - no error: it says why tests are left out
    """There is no GIMP 3, and none can be built."""


class RealGimp:
    """Runs scripts inside GIMP's own Python.

    Parameters
    ----------
    folder : Path
        Where GIMP's profile is kept and scripts exchange files; visible inside under the same path.
    root : Path or None
        The root folder to enter; None for the machine's own GIMP.
    command : str
        The console program's name.
    """

    def __init__(self, folder: Path, root: Path | None, command: str) -> None:
        self.folder = folder
        self.root = root
        self.command = command
        self.profile = folder / "profile with späces"
        self.profile.mkdir(parents=True)
        (self.profile / "gimprc").write_text(_GIMPRC)
        (folder / "home").mkdir()

    def run(self, arguments: list[str], *, timeout: float, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program where GIMP is, with a clean environment."""
        variables = {
            "PATH": f"{os.environ['PATH']}:/usr/bin:/bin" if self.root is None else "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "GIMP3_DIRECTORY": str(self.profile),
            "DEFOCUS_TEST_FOLDER": str(self.folder),
            "DEFOCUS_TEST_CODE": str(Path(__file__).parent),
            **environment,
        }
        limited = ["timeout", "--kill-after=5", str(timeout), *arguments]
        pairs = [f"{name}={value}" for name, value in variables.items()]
        if self.root is None:
            command = ["env", "-i", *pairs, *limited]
        else:
            inner = ["bash", "-c", _ENTER, "enter", str(self.root), str(self.folder), *pairs, *limited]
            command = ["unshare", "--mount", "--fork", "--pid", "--kill-child", *inner]
        places = {str(PROJECT), sys.prefix, sys.base_prefix} - {"/usr", "/usr/local"}
        own = sys.base_prefix == "/usr" and sys.prefix != sys.base_prefix
        system_python = f"{Path(sys.executable).resolve()}:{sysconfig.get_path('stdlib')}" if own else ""
        return subprocess.run(
            command,
            env={
                **os.environ,
                "DEFOCUS_PLACES": "\n".join(sorted(places, key=len)),
                "DEFOCUS_PYTHON": system_python,
                "DEFOCUS_PREFIX": sys.prefix,
            },
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout + 30,
            check=False,
        )

    def batch(self, script: Path, *, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script through GIMP's Python batch interpreter, without a display."""
        arguments = [self.command, "-i", "--no-data", *_python(script)]
        return self.run(arguments, timeout=timeout, **environment)

    def window(
        self, script: Path, *, timeout: float = 200, screen: str = "1280x900", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script through GIMP's Python batch interpreter, with GIMP's window on a display of its own."""
        arguments = [self.command.replace("-console", ""), "--no-splash", *_python(script)]
        # Dialogs hang without a window manager
        inner = ["sh", "-c", 'openbox & sleep 1; exec "$@"', "gimp", *arguments]
        shown = ["xvfb-run", "-a", "-s", f"-screen 0 {screen}x24", "dbus-run-session", "--", *inner]
        return self.run(shown, timeout=timeout, **environment)


def _python(script: Path) -> list[str]:
    """Return the arguments that make GIMP run a script and end."""
    code = f"exec(compile(open({str(script)!r}).read(), {str(script)!r}, 'exec'))"
    return ["--batch-interpreter=python-fu-eval", "-b", code, "--quit"]


@functools.cache
def machine_command() -> str | None:
    """Return the machine's own GIMP 3 console program, if there is one."""
    for name in _COMMANDS:
        if shutil.which(name):
            shown = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
            if " 3." in shown.stdout:
                return name
    return None


def cannot_build() -> str:
    """Return why a root folder with GIMP cannot be built here, or an empty string."""
    if sys.platform != "linux" or not Path("/etc/debian_version").exists():
        return "there is no GIMP 3, and one can be built on Debian only"
    if os.geteuid() != 0:
        return "there is no GIMP 3, and only root can build one"
    return ""


@contextlib.contextmanager
def alone(cache: Path) -> Iterator[None]:
    """Wait until no other process that tests builds anything in a folder."""
    import fcntl  # not on every system, as nothing that is built here

    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when it closes, whatever happens
        yield


def built_root(cache: Path) -> Path:
    """Return a root folder with GIMP 3, building it if it is not there yet."""
    with alone(cache):
        return _built_root(cache)


def _built_root(cache: Path) -> Path:
    stamp_text = hashlib.sha256(repr((_OPTIONS, PACKAGES)).encode()).hexdigest()[:12]
    root = cache / f"trixie-{stamp_text}"
    stamp = cache / f"trixie-{stamp_text}.complete"
    if stamp.exists():
        return root
    if shutil.which("mmdebstrap") is None:
        subprocess.run(["apt-get", "update", "-q"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", "mmdebstrap"],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    shutil.rmtree(root, ignore_errors=True)
    command = ["mmdebstrap", *_OPTIONS, f"--include={','.join(PACKAGES)}", "trixie", str(root)]
    with (cache / "build.log").open("wb") as log:
        made = subprocess.run(command, stdout=log, stderr=log, check=False)
    if made.returncode:
        raise RuntimeError(f"mmdebstrap failed: {(cache / 'build.log').read_text(errors='replace')[-3000:]}")
    stamp.touch()
    return root


def cache_folder() -> Path:
    """Return the folder for what is built once: ``$DEFOCUS_TEST_CACHE``, or one in the user's cache."""
    given = os.environ.get("DEFOCUS_TEST_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "defocus-tests"


def find_or_build(folder: Path) -> RealGimp:
    """Return the machine's GIMP 3, or one built in a root folder, with an empty profile in `folder`."""
    command = machine_command()
    if command is not None:
        return RealGimp(folder, None, command)
    reason = cannot_build()
    if reason:
        raise Unavailable(reason)
    return RealGimp(folder, built_root(cache_folder()), "gimp-console-3.0")
