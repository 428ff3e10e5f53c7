"""Native: kernels whose code travels with the package, as LLVM's bitcode, which is the same for every processor.

`packaging/kernels.py` has numba compile the kernels for the kinds of arguments that they are called with, and keeps
what numba hands to LLVM: before anything that depends on a processor was done. Here LLVM, which numba brings, makes it
fit this processor by the same steps as numba does, so that results are the same to the last bit; that takes a tenth of
a second a kernel, once, and then what it made is kept. The file `kernels.zip` holds ``kernels.json``, which says from
which source each kernel was made, and one file of bitcode for each kernel and each kind of arguments.

`DEFOCUS_KERNELS=numba` in the environment leaves all this aside.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import logging
import os
import struct
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.state import cache_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Tell = Callable[[str, Exception], object]

__all__ = ["ARCHIVE", "Shipped", "address", "contents", "kinds", "optimized", "shipped", "stamp"]

ARCHIVE = Path(__file__).with_name("kernels.zip")
SWITCH = "DEFOCUS_KERNELS"

_LOG = logging.getLogger(__name__)
# How a number travels: eight bytes each
_CODES = {
    "int": "q",
    "i8": "q",
    "i4": "i4x",
    "u8": "Q",
    "u1": "B7x",
    "bool": "?7x",
    "b1": "?7x",
    "float": "d",
    "f8": "d",
    "f4": "f4x",
}
_RETURNS: dict[str, Any] = {"int64": ctypes.c_int64, "float64": ctypes.c_double, "none": None}
_TAG = b"defocus kernel 1\n"


def kinds(arguments: Sequence[Any]) -> tuple[str, ...]:
    """Return of what kind each argument is, as finely as numba tells them apart.

    Examples
    --------
    >>> kinds([np.zeros((2, 3), np.float32), 7, np.float32(1), np.zeros((4, 4))[:, 1]])
    ('f4 2C', 'int', 'f4', 'f8 1A')
    """
    return tuple([_kind(argument) for argument in arguments])


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        flags = value.flags
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        kind = f"{value.dtype.str[1:]} {value.ndim}{layout}"
        if not flags.writeable:
            kind += "r"
        return kind if flags.aligned and value.dtype.isnative else f"{kind} strange"
    if isinstance(value, np.generic):
        return value.dtype.str[1:]
    return type(value).__name__


def stamp(function: Callable[..., Any], options: dict[str, Any], called: Sequence[str]) -> str:
    """Return what a kernel's code follows from, in brief.

    Parameters
    ----------
    function : callable
        At the top of its module.
    options : dict
        Of `numba.njit`.
    called : sequence of str
        Stamps of the kernels that it calls.

    Raises
    ------
    OSError
        If its source is not there.
    """
    code = function.__code__
    said = [_source(code.co_filename, code.co_firstlineno)]
    for name in sorted(set(code.co_names)):
        value = function.__globals__.get(name)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, bool | int | float | str | tuple):
            said.append(f"{name} = {value!r}")
    for name, value in sorted(options.items()):
        said.append(f"{name}: {sorted(value) if isinstance(value, set) else value}")
    return hashlib.sha256("\n".join([*said, *called]).encode()).hexdigest()[:32]


@functools.cache
def _lines(file: str) -> list[str]:
    with open(file, encoding="utf-8") as source:  # noqa: PTH123 (a line ends alike on every system)
        return source.read().split("\n")


def _source(file: str, first: int) -> str:
    """Return a function's lines, from its decorator on: those that begin in the first column end it."""
    begun, taken = False, []
    for line in _lines(file)[first - 1 :]:
        if begun and line[:1] not in ("", " ", ")", "#"):
            break
        begun = begun or line.startswith("def ")
        taken.append(line)
    return "\n".join(taken).rstrip("#\n ")


@functools.cache
def contents() -> dict[str, Any]:
    """Return what the archive has; nothing where it cannot be used."""
    usual = sys.maxsize > 2**32 and sys.byteorder == "little"
    if not usual or os.environ.get(SWITCH) == "numba":
        return {}
    try:
        with zipfile.ZipFile(ARCHIVE) as archive:
            found: dict[str, Any] = json.loads(archive.read("kernels.json"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        _LOG.info("%s cannot be read: %s", ARCHIVE, error)
        return {}
    return found


def shipped(name: str, stamped: Callable[[], str]) -> Shipped | None:
    """Return the package's code of a kernel; None if it has none, or one of another source.

    Parameters
    ----------
    name : str
        Such as ``"answer.texture._texture"``.
    stamped : callable
        Returns the `stamp` of the kernel as it is.
    """
    entry = contents().get(name)
    try:
        if entry is None or entry["stamp"] != stamped():
            return None
    except OSError:
        return None
    return Shipped(name, {tuple(of["kinds"]): (of["file"], of["returns"]) for of in entry["codes"]})


@dataclass(frozen=True)
class Shipped:
    """The package's code of one kernel.

    Attributes
    ----------
    name : str
    codes : dict
        File in the archive and kind of the result for each kind of arguments.
    """

    name: str
    codes: dict[tuple[str, ...], tuple[str, str]]

    def load(self, kinds: tuple[str, ...], tell: Tell) -> Callable[[Sequence[Any]], Any] | None:
        """Return a function of the arguments; None if there is no code for such ones.

        Parameters
        ----------
        kinds : tuple of str
        tell : callable
            Told why code cannot be kept.
        """
        if kinds not in self.codes:
            return None
        file, returns = self.codes[kinds]
        entry = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_char_p)(address(file, tell))
        form = struct.Struct("<" + "".join(_form(kind) for kind in kinds) + "Q")
        arrays, result = [" " in kind for kind in kinds], _RETURNS[returns]

        def call(arguments: Sequence[Any]) -> Any:
            words: list[Any] = []
            for value, is_array in zip(arguments, arrays, strict=True):
                if is_array:
                    words += 0, 0, value.size, value.itemsize, value.__array_interface__["data"][0]
                    words += value.shape
                    words += value.strides
                else:
                    words.append(value)
            place = None if result is None else result()
            code = entry(form.pack(*words, 0 if place is None else ctypes.addressof(place)))
            if code:
                raise RuntimeError(f"{self.name} ended with code {code}")
            return None if place is None else place.value

        return call


def _form(kind: str) -> str:
    """Return how an argument is packed: an array as numba takes it apart, without owners."""
    if " " in kind:
        dimensions = int(kind.partition(" ")[2].rstrip("CFAr"))
        return "QQqqQ" + 2 * dimensions * "q"
    return _CODES[kind]


@functools.cache
def _machine() -> tuple[Any, Any, str]:
    """Return LLVM's target machine, an engine, and what names this processor and this LLVM."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple, processor = llvm.get_process_triple(), llvm.get_host_cpu_name()
    features = llvm.get_host_cpu_features().flatten()
    # As numba's own compiler for this machine does
    relocation = "static" if triple.startswith(("x86", "i686")) else "default"
    options = {"cpu": processor, "features": features, "reloc": relocation, "codemodel": "jitdefault", "jit": True}
    machine = llvm.Target.from_triple(triple).create_target_machine(opt=3, **options)
    empty = llvm.parse_assembly("")
    empty.triple = triple
    # The engine takes a machine of its own
    own = llvm.Target.from_triple(triple).create_target_machine(opt=3, **options)
    engine = llvm.create_mcjit_compiler(empty, own)
    return machine, engine, f"{triple} {processor} {features} {llvm.llvm_version_info}"


def optimized(bitcode: bytes) -> bytes:
    """Return a kernel's code for this processor: an object file.

    Parameters
    ----------
    bitcode : bytes
    """
    import llvmlite.binding as llvm

    machine, engine, _ = _machine()
    module = llvm.parse_bitcode(bitcode)
    module.triple = llvm.get_process_triple()
    module.data_layout = str(engine.target_data)
    # numba's two rounds: the first, which only makes things ready, without optimisation
    for speed in (0, 3):
        tuning = llvm.create_pipeline_tuning_options(speed)
        tuning.loop_vectorization, tuning.slp_vectorization = speed > 0, False
        builder = llvm.create_pass_builder(machine, tuning)
        passes = builder.getModulePassManager()
        if speed == 0:
            passes.add_loop_rotate_pass()
            passes.add_instruction_combine_pass()
            passes.add_jump_threading_pass()
        passes.add_refprune_pass()
        passes.run(module, builder)
    module.verify()
    return bytes(machine.emit_object(module))


def address(file: str, tell: Tell) -> int:
    """Return where a kernel's code lies in memory, made or read from what was kept."""
    import llvmlite.binding as llvm

    _, engine, here = _machine()
    with zipfile.ZipFile(ARCHIVE) as archive:
        bitcode = archive.read(file)
    key = hashlib.sha256(here.encode() + bitcode).hexdigest()
    place = _folder() / f"{Path(file).stem}-{key[:16]}.o"
    code = _kept(place, tell)
    if code is None:
        code = optimized(bitcode)
        _keep(place, code, tell)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    found = engine.get_function_address(Path(file).stem)
    if not found:
        raise RuntimeError(f"{file} has no entry")
    return int(found)


def _folder() -> Path:
    """Return where code is kept: where numba is told to keep its own, or among what can be made anew."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    try:
        return Path(given) / "defocus" if given else cache_folder() / "kernels"
    except RuntimeError:  # no home at all
        return Path(os.devnull) / "kernels"


def _kept(place: Path, tell: Tell) -> bytes | None:
    """Return code that was kept, if it is whole: damaged code would end the process."""
    try:
        content = place.read_bytes()
    except OSError:
        return None
    head = len(_TAG) + hashlib.sha256().digest_size
    code = content[head:]
    if content[:head] == _TAG + hashlib.sha256(code).digest():
        return code
    tell(f"what is kept in {place.parent} is damaged", ValueError(place.name))
    return None


def _keep(place: Path, code: bytes, tell: Tell) -> None:
    """Write code for the next process, whole or not at all."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".defocus-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_TAG + hashlib.sha256(code).digest() + code)
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        tell(f"nothing can be kept in {place.parent}; NUMBA_CACHE_DIR may name another folder", error)
