"""Build wheel and sdist, check them, and run the core's tests against what is installed from them, outside the tree.

    python packaging/installed.py release v0.1.0           # does the tag fit version, changelog, citation?
    python packaging/installed.py build                    # dist/, checked by twine
    python packaging/installed.py test                     # the wheel in dist/, in an environment of its own
    python packaging/installed.py test --from PACKAGE      # what a package index has

Needs nothing but Python; what it installs goes into temporary environments.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
NEEDED = ("CHANGELOG.md", "docs/method.md", "tests/core/test_house.py", "sample_data/flower.jpg", "Makefile")

# What the core's tests import beside the package; the rest of the group "test" belongs to napari's and to style
NEEDED_BY_TESTS = ("pytest>=8.3", "hypothesis>=6.100", "jsonschema>=4", "psutil>=5.9", "setuptools>=77")


def run(*command: object, folder: Path = ROOT) -> None:
    """Run a command that must not fail."""
    print("+", *command, flush=True)
    subprocess.run([str(word) for word in command], cwd=folder, check=True)


def environment(folder: Path) -> Path:
    """Make a virtual environment; return its Python."""
    venv.create(folder, with_pip=True)
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def release(tag: str) -> None:
    """Refuse a tag that does not fit what the tree says of its version."""
    version = tag.removeprefix("v")
    said = {
        "core/defocus/__init__.py": f'__version__ = "{version}"',
        "CHANGELOG.md": f"## [{version}] - ",
        "CITATION.cff": f"version: {version}\n",
    }
    missing = [f"{name} lacks {text!r}" for name, text in said.items() if text not in (ROOT / name).read_text("utf-8")]
    if tag == version or missing:
        raise SystemExit("\n".join(missing) or f"{tag}: a tag begins with v")
    print(f"{tag} fits")


def build() -> None:
    """Write dist/, and refuse what lacks something."""
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        python = environment(Path(folder))
        run(python, "-m", "pip", "install", "-q", "build", "twine")
        run(python, "-m", "build", "--outdir", DIST)
        run(python, "-m", "twine", "check", "--strict", *DIST.iterdir())
    (source,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    with tarfile.open(source) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    lacking = [name for name in NEEDED if name not in held]
    if lacking:
        raise SystemExit(f"{source.name} lacks {', '.join(lacking)}")
    with zipfile.ZipFile(wheel) as archive:
        strangers = [name for name in archive.namelist() if not re.match(r"(defocus|napari_defocus)", name)]
    if strangers:
        raise SystemExit(f"{wheel.name} holds {', '.join(strangers[:5])}")
    for file in (source, wheel):
        print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")


def weigh(folder: Path) -> None:
    """Print what an environment takes on the disk, and what takes most of it."""
    sizes: dict[str, int] = {}
    (packages,) = [*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]
    for file in packages.rglob("*"):
        if file.is_file() and not file.is_symlink():
            part = file.relative_to(packages).parts[0]
            sizes[part] = sizes.get(part, 0) + file.stat().st_size
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    told = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in largest)
    print(f"the environment: {sum(sizes.values()) / 1e6:.0f} MB; of these {told}", flush=True)


def test(package: str | None, selected: list[str]) -> None:
    """Install the wheel, or what an index has, and run the core's tests in a folder without the sources."""
    wheels = list(DIST.glob("*.whl"))
    if package is None and len(wheels) != 1:
        raise SystemExit("there is no wheel in dist/: run build first")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = environment(folder / "venv")
        run(python, "-m", "pip", "install", "-q", package or wheels[0])
        weigh(folder / "venv")
        run(python, "-m", "pip", "install", "-q", *NEEDED_BY_TESTS)
        run(python, "-m", "pip", "check")
        # Tests, and the files beside them that they read; without core/ nothing but what is installed can be imported
        tree = folder / "tree"
        tree.mkdir()
        for part in ("tests", "sample_data", "docs", "gimp_plugin", "benchmarks", "examples"):
            shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml", "setup.py"):
            shutil.copy(ROOT / file, tree)
        place = subprocess.run(
            [python, "-c", "import defocus; print(defocus.__file__)"],
            cwd=tree,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        if folder / "venv" not in Path(place).parents:
            raise SystemExit(f"{place} is not the installed one")
        # What reads the sources themselves is the tree's business
        apart = [f"--ignore=tests/core/{name}" for name in ("test_house.py", "test_recipe.py")]
        apart.append("--deselect=tests/core/test_shipped.py::test_the_source_tree_has_its_own")
        run(python, "-m", "pytest", "-q", *(selected or ["tests/core", "-m", "not slow"]), *apart, folder=tree)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("release").add_argument("tag")
    commands.add_parser("build")
    testing = commands.add_parser("test")
    testing.add_argument("--from", dest="package")
    testing.add_argument("tests", nargs="*", help="the core's but the slow ones unless given")
    options = parser.parse_args()
    if options.command == "release":
        release(options.tag)
    elif options.command == "build":
        build()
    else:
        test(options.package, options.tests)


if __name__ == "__main__":
    main()
