"""Compiled functions are kept between processes, and where they cannot be, everything works all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import numpy as np
from defocus.cuts.grid_cut import minimum_cut
seen = []
rng = np.random.default_rng(0)
minimum_cut(rng.random((9, 9)), 0.5, np.ones((4, 9, 9)), progress=lambda fraction, stage: seen.append(stage))
print(seen)
"""


@pytest.mark.slow
def test_only_the_first_process_says_that_it_compiles(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "DEFOCUS_KERNELS": "numba"}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    )
    assert "cutting the mask (compiling for this machine, once)" in first
    assert "compiling" not in second
    assert "cutting the mask" in second


KERNELS = """
import resource, sys
from defocus.compiled import compiled

@compiled(nogil=True)
def doubled(value):
    return 2 * value

@compiled(nogil=True)
def tripled(value):
    return 3 * value

if "full" in sys.argv:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
print(doubled(2), tripled(2))
"""


def run_kernels(folder, *arguments, **environment):
    """Run two compiled functions from a file; return what the process wrote to its standard error."""
    script = folder / "kernels.py"
    if not script.exists():  # old numba takes code that was written anew for changed
        script.write_text(KERNELS)
    result = subprocess.run(
        [sys.executable, str(script), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout == "4 6\n", result.stderr
    return result.stderr


def test_no_place_to_keep_compiled_code_is_told_once_and_nothing_fails(tmp_path):
    (tmp_path / "__pycache__").write_text("")  # a file: not even root can make a folder of it
    told = run_kernels(
        tmp_path, HOME="/dev/null/home", XDG_CACHE_HOME="/dev/null/cache", NUMBA_CACHE_DIR="/dev/null/numba"
    )
    assert told.startswith("defocus: compiled code is made anew")
    assert "NUMBA_CACHE_DIR" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"", lambda _: b"no"])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_damaged_compiled_code_is_replaced(tmp_path, damage, ending):
    cache = tmp_path / "cache"
    assert run_kernels(tmp_path, NUMBA_CACHE_DIR=str(cache)) == ""
    for file in cache.rglob(f"*.{ending}"):
        file.write_bytes(damage(file.read_bytes()))
    told = run_kernels(tmp_path, NUMBA_CACHE_DIR=str(cache))
    assert "damaged" in told
    assert told.count("\n") == 1
    assert run_kernels(tmp_path, NUMBA_CACHE_DIR=str(cache)) == ""


def test_a_full_disk_keeps_nothing_and_nothing_fails(tmp_path):
    told = run_kernels(tmp_path, "full", NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert "nothing can be kept" in told
    assert told.count("\n") == 1
    assert [file for file in (tmp_path / "cache").rglob("*") if file.is_file()] == []


def test_without_a_compiler_functions_are_python(tmp_path):
    assert run_kernels(tmp_path, NUMBA_DISABLE_JIT="1") == ""


def test_every_kernel_is_made_by_the_decorator_that_forgives():
    import defocus

    folder = Path(defocus.__file__).parent
    found = [file.name for file in folder.rglob("*.py") if "numba.njit(" in file.read_text(encoding="utf-8")]
    assert found == ["compiled.py"]
