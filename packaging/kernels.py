"""Compile the kernels that travel with the package, as far as no processor matters: `core/defocus/kernels.zip`.

    python packaging/kernels.py            # write it anew, as is due when a kernel changes; with Python 3.11
    python packaging/kernels.py --check    # is what numba makes now what stands there? exit code 1 if not

The suite is used once, in small, with every call of a kernel looked at; numba then compiles each kernel for the kinds
of arguments that it was called with. What numba hands to LLVM is kept, joined with what the kernel calls, less what
Python would need to call it. Kernels that make arrays by themselves stay with numba: memory is numpy's.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["DEFOCUS_KERNELS"] = "numba"

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core import codegen

from defocus import native
from defocus.compiled import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"
_RETURNED = ("none", "int64", "float64")
_OUTSIDE = ("memset", "memcpy", "memmove")  # what LLVM itself may call
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same kernels make the same file


def use_the_suite() -> None:
    """Call every kernel with the kinds of arguments that it is called with."""
    import defocus
    from defocus.effects.foreground import unmixed_colors

    rng = np.random.default_rng(0)
    color = rng.random((120, 150, 3), np.float32)
    color[:, 80:] = color[:, 80:].mean(axis=1, keepdims=True) + color[:, 80:] / 50
    unmixed_colors(color, np.linspace(0, 1, color[..., 0].size, dtype=np.float32).reshape(color.shape[:2]))
    for picture in (color, color[..., 0]):
        analysis = defocus.analyze(picture, max_radius=4.0)
        analysis.focus_matte(threshold=2.0, softness=3.0)
        radius = analysis.blur_map()
        defocus.restore(picture, radius, iterations=2)
        defocus.magnify(picture, radius, strength=2.0)
        defocus.analyze(picture, method="paper", max_radius=4.0).blur_map()
        defocus.sharpness(picture)
    defocus.analyze(defocus.load_image(SAMPLES / "cells.png")).blur_map()
    large = np.kron(rng.random((40, 50)), np.ones((40, 40))).astype(np.float32)
    large += rng.normal(0, 0.02, large.shape).astype(np.float32)
    defocus.analyze(large).focus_mask(threshold=1.0)


def calls_of_kernels() -> dict[Kernel, dict[tuple[str, ...], tuple[Any, ...]]]:
    """Return the numba types of each kernel's calls, by their kinds."""
    seen: dict[Kernel, dict[tuple[str, ...], tuple[Any, ...]]] = {}
    call = Kernel.__call__

    def watched(self: Kernel, *arguments: Any) -> Any:
        seen.setdefault(self, {})[native.kinds(arguments)] = tuple(numba.typeof(value) for value in arguments)
        return call(self, *arguments)

    Kernel.__call__ = watched  # type: ignore[method-assign]
    try:
        use_the_suite()
    finally:
        Kernel.__call__ = call  # type: ignore[method-assign]
    return seen


class Texts:
    """Keeps the text of every module that numba hands to LLVM, with the library that it belongs to."""

    def __enter__(self) -> Texts:
        self._add = codegen.CPUCodeLibrary.add_ir_module
        add = self._add

        def kept(library: Any, module: Any) -> None:
            library.__dict__.setdefault("texts", []).append(codegen.cgutils.normalize_ir_text(str(module)))
            add(library, module)

        codegen.CPUCodeLibrary.add_ir_module = kept
        return self

    def __exit__(self, *_: object) -> None:
        codegen.CPUCodeLibrary.add_ir_module = self._add

    def of(self, library: Any, seen: set[int]) -> Iterator[str]:
        """Go through the modules of a library and of those that it is linked with."""
        if id(library) not in seen:
            seen.add(id(library))
            yield from library.__dict__.get("texts", [])
            for other in library._linking_libraries:  # noqa: SLF001 (there is no other way to it)
                yield from self.of(other, seen)


def bitcode(texts: Iterator[str], function: str, entry: str) -> bytes | None:
    """Return one kernel's code without anything that it does not use; None if it needs numba when it runs."""
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(opt=3)
    whole = llvm.parse_assembly("")
    for text in texts:
        module = llvm.parse_assembly(text)
        defined = [of.name for of in module.functions if not of.is_declaration]
        if any(name.startswith(("_ZN7cpython", "cfunc.")) for name in defined):
            continue  # what Python and C would call it by
        module.triple, module.data_layout = "", str(machine.target_data)
        for of in module.functions:
            passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(3)).getFunctionPassManager()
            if not of.is_declaration:
                passes.add_refprune_pass()
                passes.run(of, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(3)))
        whole.link_in(module)
    whole.link_in(llvm.parse_assembly(_entry(whole.get_function(function), entry)))
    for of in whole.functions:
        if not of.is_declaration and of.name != entry:
            of.linkage = "internal"
    tidy = llvm.create_new_module_pass_manager()
    tidy.add_global_dead_code_eliminate_pass()
    tidy.add_strip_dead_prototype_pass()
    tidy.add_strip_symbols_pass()
    tidy.run(whole, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(0)))
    outside = [of.name for of in whole.functions if of.is_declaration and not of.name.startswith("llvm.")]
    if any(name not in _OUTSIDE for name in outside):
        print(f"  needs {', '.join(name[:40] for name in outside)}")
        return None
    for kind, values in (("function", whole.functions), ("value", whole.global_variables)):
        for number, of in enumerate([of for of in values if of.name != entry and not of.is_declaration]):
            of.name = f"{entry}.{kind}{number}"
    whole.triple, whole.data_layout, whole.name = "", "", entry
    whole.verify()
    return bytes(llvm.parse_assembly(str(whole)).as_bitcode())


def _entry(function: Any, entry: str) -> str:
    """Return the text of a function that takes the arguments from memory, eight bytes each, and calls the kernel."""
    kinds = [str(argument.type) for argument in function.arguments]
    result = kinds[0]
    lines = [f"declare i32 @{function.name}({', '.join(kinds)})".replace(f"@{function.name}", f'@"{function.name}"')]
    lines += [
        "define void @NRT_MemInfo_call_dtor(ptr %owner) {",  # arrays have no owner here, whom nobody lets go
        "  ret void",
        "}",
        f"define i32 @{entry}(ptr %words) {{",
        "  %failure = alloca ptr",
        "  store ptr null, ptr %failure",
        "  %nothing = alloca i64",
        f"  %place.at = getelementptr i64, ptr %words, i64 {len(kinds) - 2}",
        "  %place.given = load ptr, ptr %place.at",
        "  %absent = icmp eq ptr %place.given, null",
        "  %place = select i1 %absent, ptr %nothing, ptr %place.given",
    ]
    words = []
    for number, kind in enumerate(kinds[2:]):
        lines += [
            f"  %at{number} = getelementptr i64, ptr %words, i64 {number}",
            f"  %word{number} = load {kind}, ptr %at{number}",
        ]
        words.append(f"{kind} %word{number}")
    given = ", ".join([f"{result} %place", f"{kinds[1]} %failure", *words])
    lines += [f'  %code = call i32 @"{function.name}"({given})', "  ret i32 %code", "}"]
    return "\n".join(lines)


def made() -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what the archive says, and its files."""
    contents: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    with Texts() as texts:
        calls = calls_of_kernels()
        for kernel in sorted(calls, key=lambda kernel: kernel.name):
            codes = []
            for kinds, types in sorted(calls[kernel].items()):
                print(f"{kernel.name}({', '.join(kinds)})", flush=True)
                dispatcher = kernel.dispatcher(kept=False)
                dispatcher.compile(types)
                (compiled,) = dispatcher.overloads.values()
                entry = f"defocus_{kernel.name.replace('.', '_')}_{len(codes)}"
                returned = str(compiled.signature.return_type)
                code = None
                if returned in _RETURNED:
                    code = bitcode(texts.of(compiled.library, set()), compiled.fndesc.llvm_func_name, entry)
                if code is None:
                    continue
                files[f"{entry}.bc"] = code
                codes.append({"kinds": list(kinds), "file": f"{entry}.bc", "returns": returned})
            if codes:
                contents[kernel.name] = {"stamp": kernel.stamp, "codes": codes}
    return contents, files


def main() -> int:
    """Write or check; return the exit code."""
    if os.environ.get("PYTHONHASHSEED") != "0":  # numba goes through sets of names
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder  # read when numba makes its first cache
        numba.config.CACHE_DIR = folder
        contents, files = made()
    if sys.argv[1:] == ["--check"]:
        with zipfile.ZipFile(native.ARCHIVE) as archive:
            there = {name: archive.read(name) for name in archive.namelist()}
        said = json.loads(there.pop("kernels.json"))
        same = said == contents and there == files
        print("the same" if same else "not the same: run packaging/kernels.py")
        return int(not same)
    with zipfile.ZipFile(native.ARCHIVE, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        texts = {"kernels.json": json.dumps(contents, indent=1, sort_keys=True).encode()}
        for name, content in {**texts, **dict(sorted(files.items()))}.items():
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), content, zipfile.ZIP_DEFLATED)
    print(
        f"{native.ARCHIVE.name}: {len(files)} codes of {len(contents)} kernels, {native.ARCHIVE.stat().st_size} bytes"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
