"""The package's own code of its kernels: numba's results without numba, and numba wherever it does not fit."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from llvmlite.binding import llvm_version_info

from defocus import native
from defocus.answer.aggregation import _along
from defocus.compiled import Kernel, compiled

ROOT = Path(__file__).resolve().parents[2]
reads_it = pytest.mark.skipif(llvm_version_info < (22,), reason="an older LLVM than the one that wrote the code")

EVERYTHING = """
import hashlib, sys
from pathlib import Path
import numpy as np
import defocus
from defocus.effects.foreground import unmixed_colors

def tell(*arrays):
    print(*(hashlib.sha256(np.ascontiguousarray(array)).hexdigest() for array in arrays))

samples = Path(sys.argv[1])
picture = defocus.load_image(samples / "coffee.jpg").color[100:260, 150:350]
analysis = defocus.analyze(picture)
radius = analysis.blur_map()
tell(radius, analysis.focus_mask(), analysis.focus_matte(threshold=2.0, softness=3.0), analysis.confidence)
tell(defocus.restore(picture, radius, iterations=3), defocus.magnify(picture, radius, strength=2.0))
tell(*unmixed_colors(picture, np.clip(radius / radius.max(), 0, 1)))
tell(defocus.analyze(defocus.load_image(samples / "cells.png").luminance[:160, :160]).blur_map())
rng = np.random.default_rng(0)
large = np.kron(rng.random((40, 50)), np.ones((40, 40))).astype(np.float32)
tell(defocus.analyze(large + rng.normal(0, 0.02, large.shape)).focus_mask(threshold=1.0))
print("numba" in sys.modules)
"""


def said(script, *arguments, **environment):
    """Run a script in a process of its own; return its lines."""
    command = [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout.splitlines(), done.stderr


def in_the_archive():
    with zipfile.ZipFile(native.ARCHIVE) as archive:
        return json.loads(archive.read("kernels.json"))


@reads_it
@pytest.mark.slow
def test_results_are_numbas_to_the_last_bit_and_numba_is_not_loaded(tmp_path):
    (*ours, loaded), _ = said(EVERYTHING, ROOT / "sample_data", NUMBA_CACHE_DIR=str(tmp_path))
    (*numbas, there), _ = said(EVERYTHING, ROOT / "sample_data", DEFOCUS_KERNELS="numba")
    assert (loaded, there) == ("False", "True")
    assert ours == numbas
    assert len(ours) == 5


@pytest.mark.parametrize("name", sorted(in_the_archive()))
def test_the_archive_was_made_from_the_kernels_as_they_are(name):
    module, _, function = name.rpartition(".")
    kernel = getattr(importlib.import_module(f"defocus.{module}"), function)
    assert kernel.stamp == in_the_archive()[name]["stamp"], "run packaging/kernels.py"


def kept_file(folder):
    (file,) = folder.rglob("*along*.o")
    return file


ALONG = """
import numpy as np
from defocus.answer.aggregation import _along
values = np.arange(12, dtype=np.float32).reshape(6, 2)
_along(values, np.full(6, 0.5, np.float32), 1, 1, 6, 5, 1, 1)
print(values.tolist())
"""
FILTERED = "[[0.0, 1.0], [1.0, 2.0], [2.5, 3.5], [4.25, 5.25], [6.125, 7.125], [8.0625, 9.0625]]"


@reads_it
@pytest.mark.parametrize("damage", [lambda code: code[: len(code) // 2], lambda _: b"", lambda code: code[:-1] + b"!"])
def test_damaged_code_is_told_and_replaced(tmp_path, damage):
    def run():
        (values,), told = said(ALONG, NUMBA_CACHE_DIR=str(tmp_path))
        assert values == FILTERED
        return told

    assert run() == ""
    right = kept_file(tmp_path).read_bytes()
    kept_file(tmp_path).write_bytes(damage(right))
    assert "is damaged" in run()
    assert run() == ""
    assert kept_file(tmp_path).read_bytes() == right


@reads_it
def test_without_a_place_for_it_code_is_made_and_that_is_told():
    (values,), told = said(ALONG, NUMBA_CACHE_DIR="/dev/null/nowhere")
    assert values == FILTERED
    assert "nothing can be kept" in told
    assert "NUMBA_CACHE_DIR" in told
    assert told.count("\n") == 1


@reads_it
def test_code_that_was_kept_is_not_made_again(tmp_path):
    said(ALONG, NUMBA_CACHE_DIR=str(tmp_path))
    script = f"from defocus import native\nnative.optimized = exit\n{ALONG}"
    assert said(script, NUMBA_CACHE_DIR=str(tmp_path))[0] == [FILTERED]


def test_other_kinds_of_arguments_are_numbas(monkeypatch):
    asked = []
    kernel = Kernel(_along.function, _along.options)
    monkeypatch.setattr(kernel, "numba", lambda *arguments: asked.append(native.kinds(arguments)))
    wide = np.ones((6, 4), np.float32)
    for values in (np.ones((6, 2)), wide[:, :2], np.asfortranarray(wide)):
        kernel(values, np.ones(6, np.float32), 1, 1, 6, 5, 1, 1)
    assert [kinds[0] for kinds in asked] == ["f8 2C", "f4 2A", "f4 2F"]
    wide.flags.writeable = False
    kernel(wide, np.ones(6, np.float32), 1, 1, 6, 5, 1, 1)
    assert asked[-1][0] == "f4 2Cr"


def changed(source, folder, monkeypatch):
    """Return the stamp of `filtered` in a module with this source."""
    name = f"changed_{hashlib.sha256(source.encode()).hexdigest()[:8]}"
    (folder / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(folder)
    return importlib.import_module(name).filtered.stamp


def test_a_change_of_the_source_its_constants_or_what_it_calls_is_noticed(tmp_path, monkeypatch):
    source = (
        "from defocus.compiled import compiled\n"
        "_STEP = 2\n\n\n@compiled(nogil=True)\ndef _inner(x):\n    return x + 1\n\n\n"
        "@compiled(nogil=True)\ndef filtered(x):\n    return _STEP * _inner(x)\n\n\n# The end\nafter = 1\n"
    )
    first = changed(source, tmp_path, monkeypatch)
    for old, new in (
        ("_STEP = 2", "_STEP = 3"),
        ("x + 1", "x + 2"),
        ("_STEP * ", "_STEP + "),
        ("nogil=True)\ndef filt", "nogil=False)\ndef filt"),
    ):
        assert changed(source.replace(old, new), tmp_path, monkeypatch) != first
    for old, new in (("after = 1", "after = 2"), ("from defocus", "\n\nfrom defocus")):
        assert changed(source.replace(old, new), tmp_path, monkeypatch) == first


def test_code_of_another_source_is_left_aside():
    assert native.shipped("answer.aggregation._along", lambda: "another") is None
    assert native.shipped("answer.aggregation._along", lambda: _along.stamp) is not None


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_without_the_archive_numba_compiles(tmp_path, monkeypatch, content):
    if content is not None:
        (tmp_path / "kernels.zip").write_bytes(content)
    monkeypatch.setattr(native, "ARCHIVE", tmp_path / "kernels.zip")
    native.contents.cache_clear()
    try:
        assert native.shipped("answer.aggregation._along", lambda: _along.stamp) is None
    finally:
        native.contents.cache_clear()


def test_code_that_this_llvm_does_not_know_is_numbas(tmp_path, monkeypatch):
    with zipfile.ZipFile(native.ARCHIVE) as archive, zipfile.ZipFile(tmp_path / "kernels.zip", "w") as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name) if name.endswith(".json") else b"BC\xc0\xdeof tomorrow")
    monkeypatch.setattr(native, "ARCHIVE", tmp_path / "kernels.zip")
    kernel = Kernel(_along.function, _along.options)
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    kernel(values, np.full(6, 0.5, np.float32), 1, 1, 6, 5, 1, 1)
    assert str(values.tolist()) == FILTERED


def test_a_kernel_that_fails_says_so():
    @compiled(nogil=True)
    def inverse(x):
        return 1 // x

    with pytest.raises(ZeroDivisionError):
        inverse(0)
