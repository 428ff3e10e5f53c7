"""Run ``make demo`` and ``make test`` on bare Debian systems: what a newcomer's machine has, and nothing else.

Each release gets a root folder made by mmdebstrap with make, git, Python and pip, once, in a cache folder outside the
project. Every run works in a copy of it, in a private mount namespace, so that nothing is left mounted whatever
happens. Needs root and Debian::

    python3 tests/bare/machines.py [bookworm] [trixie] [--only demo|test]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
RELEASES = ("bookworm", "trixie")
PACKAGES = ("make", "git", "python3", "python3-pip")
_TRIMMED = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")]
# What a machine needs to reach the network by: the rest of its settings stays outside
_PASSED = ("PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PLACES = ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt")
_MINUTES = 40.0

# Runs in a new mount namespace: $1 the root, $2 the project's folder in it, then the command
_ENTER = """
set -e
root=$1; shift
inside=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"  # a mount of its own, as / is everywhere
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
printf '%s\\n' "$BARE_PLACES" | while read -r place; do
    [ -n "$place" ] || continue
    if [ -d "$place" ]; then mkdir -p "$root$place"; else mkdir -p "$root${place%/*}"; touch "$root$place"; fi
    mount --bind -o ro "$place" "$root$place"
done
exec chroot "$root" sh -c 'cd "$1"; shift; exec "$@"' bare "$inside" "$@"
"""


def cache_folder() -> Path:
    """Return where root folders are kept: ``$DEFOCUS_TEST_CACHE``, or a folder in the user's cache."""
    given = os.environ.get("DEFOCUS_TEST_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "defocus-tests"


def base_root(release: str) -> Path:
    """Return the bare root folder of a release, made if it is not there yet."""
    root = cache_folder() / f"bare-{release}"
    complete = root.with_suffix(".complete")
    if complete.exists():
        return root
    if shutil.which("mmdebstrap") is None:
        subprocess.run(["apt-get", "update", "-q"], check=True)
        subprocess.run(["apt-get", "install", "-q", "-y", "--no-install-recommends", "mmdebstrap"], check=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    options = ["--variant=minbase", "--mode=root", '--aptopt=APT::Install-Recommends "false"', *_TRIMMED]
    subprocess.run(["mmdebstrap", *options, f"--include={','.join(PACKAGES)}", release, str(root)], check=True)
    complete.touch()
    return root


def copied_project(root: Path) -> Path:
    """Copy what a clone of the working tree would hold into a root; return its place inside, which has a space."""
    inside = Path("/root/a folder/napari-defocus")
    target = root / inside.relative_to("/")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, target / name)
    return inside


def run(root: Path, inside: Path, command: list[str], log: Path) -> int:
    """Run a command inside a root; all that it says goes to a file. Return its exit code."""
    passed = {name: value for name, value in os.environ.items() if name.upper() in _PASSED}
    environment = {
        **passed,
        "BARE_PLACES": "\n".join(place for place in _PLACES if Path(place).exists()),
        "DEBIAN_FRONTEND": "noninteractive",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "CI": "true",
    }
    space = ["unshare", "--mount", "--fork", "--pid", "--kill-child"]
    with log.open("ab") as out:
        out.write(f"$ {' '.join(command)}\n".encode())
        out.flush()
        started = subprocess.run(
            [*space, "sh", "-c", _ENTER, "enter", str(root), str(inside), *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            timeout=60 * _MINUTES,
            check=False,
        )
    return started.returncode


def check(release: str, targets: list[str]) -> bool:
    """Run the targets on a fresh copy of a release's bare system; print how each went."""
    root = cache_folder() / f"run-{release}"
    log = cache_folder() / f"bare-{release}.log"
    log.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(base_root(release)), str(root)], check=True)
    inside, good = copied_project(root), True
    for target in targets:
        begin = time.monotonic()
        code = run(root, inside, ["make", target], log)
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        verdict = "passed" if code == 0 else f"failed ({code})"
        seconds = time.monotonic() - begin
        print(f"{release}: make {target} {verdict} in {seconds:.0f} s: {lines[-1].strip()}", flush=True)
        good = good and code == 0
    print(f"{release}: all that was said is in {log}", flush=True)
    shutil.rmtree(root, ignore_errors=True)
    return good


def main() -> int:
    """Run what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Run make demo and make test on bare Debian systems.")
    parser.add_argument("releases", nargs="*", metavar="RELEASE", help=f"of {', '.join(RELEASES)}; all unless given")
    parser.add_argument("--only", action="append", metavar="TARGET", help="make targets in place of demo and test")
    given = parser.parse_args()
    unknown = [release for release in given.releases if release not in RELEASES]
    if unknown:
        parser.error(f"{', '.join(unknown)}: not one of {', '.join(RELEASES)}")
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        print("bare systems can be built by root on Debian only", file=sys.stderr)
        return 1
    results = [check(release, given.only or ["demo", "test"]) for release in given.releases or RELEASES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
