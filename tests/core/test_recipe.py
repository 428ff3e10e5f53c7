"""The recipe for conda-forge asks for what the package asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import defocus

ROOT = Path(__file__).parents[2]
_OTHER_NAMES = {"matplotlib": "matplotlib-base"}  # of packages, in conda-forge


@pytest.fixture(scope="module")
def recipe():
    return yaml.safe_load((ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8"))


def test_it_requires_what_the_package_requires(recipe):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {f"python {project['requires-python']}"}
    for line in (*project["dependencies"], *project["optional-dependencies"]["napari"]):
        plain, _, _ = line.partition(";")  # conda-forge builds for every Python by itself
        name, version = re.fullmatch(r"([\w-]+)(?:\[.*\])?(.*)", plain.strip()).groups()
        wanted.add(f"{_OTHER_NAMES.get(name.lower(), name.lower())} {version}")
    assert set(recipe["requirements"]["run"]) == wanted


def test_it_names_the_same_program_version_and_home(recipe):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (program,) = recipe["build"]["python"]["entry_points"]
    name, _, target = program.partition(" = ")
    assert project["scripts"] == {name: target}
    assert recipe["context"]["version"] == defocus.__version__.partition(".dev")[0]
    assert recipe["about"]["summary"] == project["description"]
    assert recipe["about"]["homepage"] == project["urls"]["Homepage"]


def test_before_a_commit_the_versions_check_that_make_lint_takes():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    asked = {pin for hook in hooks for pin in hook.get("additional_dependencies", [])}
    assert len(asked) == 2
    assert asked <= set((ROOT / "tests" / "constraints.txt").read_text(encoding="utf-8").splitlines())
