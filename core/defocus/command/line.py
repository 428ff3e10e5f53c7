"""The command ``defocus``: blur maps, masks and restored pictures from the shell."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from defocus import __version__
from defocus.command.batch import Measured, each_file, exit_code
from defocus.command.cull import CullOptions, cull
from defocus.command.inputs import STANDARD, taken
from defocus.command.log import Log
from defocus.command.names import Naming, shown
from defocus.command.options import BatchOptions, Overwrite, ResultOptions, chosen, flag, part_of, with_options
from defocus.command.work import Work, asked
from defocus.command.writers import CutoutWriter, InfoWriter, MapWriter, MaskWriter, PictureWriter
from defocus.errors import DefocusError, InputError
from defocus.parameters import (
    MAX_PIXELS,
    AnalysisParameters,
    MagnificationParameters,
    MapParameters,
    MaskParameters,
    RestorationParameters,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["app", "main"]

EXIT_CODES = {
    0: "everything that was asked for is there",
    1: "a file, or all, could not be done; each is told in a line on standard error",
    2: "the command line is not understood",
    129: "ended by SIGHUP",
    130: "ended by SIGINT (Ctrl+C)",
    143: "ended by SIGTERM",
}
"""What the exit codes mean."""


class _App(App):
    """The parser, for which "-" is a name and not the beginning of an option."""

    def __call__(self, tokens: str | Iterable[str] | None = None, *arguments: Any, **options: Any) -> Any:
        words = sys.argv[1:] if tokens is None else [tokens] if isinstance(tokens, str) else list(tokens)
        return super().__call__(["./-" if word == "-" else word for word in words], *arguments, **options)


app = _App(
    name="defocus",
    version=__version__,
    help="Measure defocus blur from one photograph: blur map, in-focus mask, all-in-focus picture.",
    help_format="markdown",
    help_epilogue="Exit codes: " + "; ".join(f"{code} {text}" for code, text in EXIT_CODES.items()) + ".",
    default_parameter=Parameter(json_list=False, json_dict=False),  # a name may begin with a bracket
)

Inputs = Annotated[
    list[Path],
    Parameter(name="PICTURES", help="Picture files, folders of them, or - for standard input.", negative=()),
]
Output = Annotated[
    Path,
    Parameter(
        name=["--output", "-o"],
        help="Folder for the results, made if it is missing; - writes the first result of one picture to standard "
        "output.",
        metavar="FOLDER",
    ),
]
Folder = Annotated[
    Path, Parameter(name=["--output", "-o"], help="Folder for the results, made if it is missing.", metavar="FOLDER")
]
Gray = Annotated[
    bool,
    flag(
        "Also write STEM_gray.png, 16 bits, as tools that blur by a depth map take it: black in focus, white as "
        "far out of it as was looked for."
    ),
]
Exr = Annotated[bool, flag("Also write STEM_blur.exr, radii in px in its channel Y (needs the extra exr).")]
Preview = Annotated[bool, flag("Also write STEM_blur.png, in colour with a scale in px.")]
Scheduler = Annotated[
    str | None,
    Parameter(
        help="Address (or scheduler file) of a running Dask cluster that shares the files; it does the work.",
        metavar="ADDRESS",
    ),
]
Depth = Annotated[
    Path | None,
    Parameter(
        help="Depth scale by calibrate --spacing: also write STEM_defocus.tif, the distance from focus in um.",
        metavar="FILE",
    ),
]
MapFile = Annotated[
    Path | None,
    Parameter(
        name="--map",
        help="Blur radii in px of the pictures' size, in place of the measured ones: a TIFF as map writes it, a grey "
        "picture, NPY or NPZ.",
        metavar="FILE",
    ),
]
SubjectFile = Annotated[
    Path | None,
    Parameter(
        name="--subject",
        help="What stays as it is, of the pictures' size, in place of the measured mask: a grey mask, white on the "
        "subject, or a cut-out with transparency.",
        metavar="FILE",
    ),
]
_USUAL, _USUAL_RESULTS, _USUAL_CULLING = BatchOptions(), ResultOptions(), CullOptions()
Layer = Annotated[
    bool,
    flag("Also write STEM_layer.png: the picture with the mask as alpha, a soft rim in the subject's own colours."),
]
Psd = Annotated[
    bool, flag("Also write STEM_mask.psd: the picture as a layer, the mask as its layer mask (needs the extra psd).")
]
Tiff = Annotated[bool, flag("Also write STEM_mask.tif: the picture with the mask as a channel more.")]
Pfm = Annotated[bool, flag("Also write STEM_mask.pfm, a portable float map, as darktable's external raster masks.")]


def _write(
    inputs: list[Path],
    output: Path,
    options: ResultOptions,
    work: Callable[[Naming], Work],
    scheduler: str | None = None,
) -> int:
    """Do the work for all pictures and write the results; return the exit code."""
    with contextlib.ExitStack() as stack:
        standard = output == STANDARD
        pictures = stack.enter_context(taken(inputs, recursive=options.recursive, output=None if standard else output))
        if standard:
            if len(pictures.files) != 1:
                raise InputError(f"standard output (-o -) takes the result of one picture, not {len(pictures.files)}")
            if options.json:
                raise InputError("standard output takes the result (-o -) or what is told of it (--json), not both")
            output = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="defocus-")))
            options = dataclasses.replace(options, quiet=True)
        elif scheduler is not None:
            output = output.absolute()  # workers may stand in another folder
        naming = Naming(output, options.names, options.suffix, pictures.below)
        one = work(naming)
        measured = Measured(one, options.value_range, options.max_pixels, part_of(options))
        code = each_file(pictures, measured, options, results=one.writer.results, scheduler=scheduler)
        if standard and code == 0:
            with one.writer.results(pictures.files[0])[0].open("rb") as made:
                shutil.copyfileobj(made, sys.stdout.buffer)
                sys.stdout.buffer.flush()
        return code


def _chosen(asked_for: dict[str, bool]) -> tuple[str, ...]:
    return tuple(ending for ending, wanted in asked_for.items() if wanted)


@app.command(name="map")
@with_options(AnalysisParameters, MapParameters)
def map_command(
    inputs: Inputs,
    /,
    *,
    output: Output,
    preview: Preview = False,
    gray: Gray = False,
    exr: Exr = False,
    depth: Depth = None,
    dask: Scheduler = None,
    options: ResultOptions = _USUAL_RESULTS,
    **values: Any,
) -> int:
    """Write STEM_blur.tif: the blur radius of every pixel in px, as 32-bit floats."""
    scale = None
    if depth is not None:
        from defocus.depth import load_depth_scale

        scale = load_depth_scale(depth)
    if exr:
        from defocus.pictures.exchange import require_exr

        require_exr()
    more = _chosen({"gray.png": gray, "blur.exr": exr, "blur.png": preview})

    def work(naming: Naming) -> Work:
        return asked("blur_map", values, MapWriter(naming, options.overwrite, more, scale))

    return _write(inputs, output, options, work, dask)


@app.command(name="mask")
@with_options(AnalysisParameters, MaskParameters)
def mask_command(
    inputs: Inputs,
    /,
    *,
    output: Output,
    layer: Layer = False,
    psd: Psd = False,
    tiff: Tiff = False,
    pfm: Pfm = False,
    options: ResultOptions = _USUAL_RESULTS,
    **values: Any,
) -> int:
    """Write STEM_mask.png: 8 bits, 255 is in focus, 0 is not."""
    if psd:
        from defocus.pictures.exchange import require_psd

        require_psd()
    more = _chosen({"layer.png": layer, "mask.psd": psd, "mask.tif": tiff, "mask.pfm": pfm})

    def work(naming: Naming) -> Work:
        return asked("focus_mask", values, MaskWriter(naming, options.overwrite, more))

    return _write(inputs, output, options, work)


Trim = Annotated[bool, flag("Leave out the empty space around the subject.")]


@app.command(name="cutout")
@with_options(AnalysisParameters, MaskParameters, softness=4.0)
def cutout_command(
    inputs: Inputs,
    /,
    *,
    output: Output,
    trim: Trim = False,
    options: ResultOptions = _USUAL_RESULTS,
    **values: Any,
) -> int:
    """Write STEM_cutout.png: what is in focus, cut out, with a soft rim in the subject's own colours."""

    def work(naming: Naming) -> Work:
        return asked("focus_mask", values, CutoutWriter(naming, options.overwrite, trim))

    return _write(inputs, output, options, work)


Within = Annotated[
    Path | None,
    Parameter(help="Picture of labels (whole numbers): tell of each part of the one picture given.", metavar="FILE"),
]
TableFile = Annotated[
    Path | None, Parameter(help="Write the table to this CSV file, and one for pictures, too.", metavar="FILE")
]


@app.command(name="info")
@with_options(AnalysisParameters)
def info_command(
    inputs: Inputs,
    /,
    *,
    within: Within = None,
    table: TableFile = None,
    overwrite: Overwrite = False,
    options: BatchOptions = _USUAL,
    **values: Any,
) -> int:
    """Print size, noise, blur radii and in-focus share of pictures; of stacks a table, a row for each frame."""
    from defocus.command.tables import asks_for_table, tabulated

    def in_log(work: Callable[[], Any]) -> Any:
        with Log(options.log, verbose=options.verbose).gathering():
            return work()

    work = asked("focus_mask", values, InfoWriter())
    with taken(inputs, recursive=options.recursive) as pictures:
        files = pictures.files
        if in_log(lambda: asks_for_table(files, within, table, options)):
            return exit_code(lambda: in_log(lambda: tabulated(files, within, table, options, overwrite, values)))
        measured = Measured(work, options.value_range, options.max_pixels, part_of(options))
        return each_file(pictures, measured, options)


@app.command(name="cull")
def cull_command(inputs: Inputs, /, *, dask: Scheduler = None, options: CullOptions = _USUAL_CULLING) -> int:
    """Judge pictures: how sharp the sharpest part is, where it lies, and whether that is sharp, soft, missed, moved."""
    return cull(inputs, options, dask)


@app.command(name="deblur")
@with_options(AnalysisParameters, MapParameters, RestorationParameters)
def deblur_command(
    inputs: Inputs,
    /,
    *,
    output: Output,
    map_file: MapFile = None,
    options: ResultOptions = _USUAL_RESULTS,
    **values: Any,
) -> int:
    """Write STEM_sharp.png: the picture with its defocus undone, in 16 bits if it came with more than 8."""

    def work(naming: Naming) -> Work:
        return asked("restore", values, PictureWriter(naming, options.overwrite, "sharp.png"), map_file)

    return _write(inputs, output, options, work)


@app.command(name="magnify")
@with_options(MagnificationParameters, MapParameters, AnalysisParameters)
def magnify_command(
    inputs: Inputs,
    /,
    *,
    output: Output,
    map_file: MapFile = None,
    subject: SubjectFile = None,
    options: ResultOptions = _USUAL_RESULTS,
    **values: Any,
) -> int:
    """Write STEM_magnified.png: the picture with more background blur."""

    def work(naming: Naming) -> Work:
        return asked("magnify", values, PictureWriter(naming, options.overwrite, "magnified.png"), map_file, subject)

    return _write(inputs, output, options, work)


@app.command(name="schema")
def schema_command() -> None:
    """Print the JSON schema of what --json prints."""
    import json

    from defocus.command.facts import schema

    print(json.dumps(schema(), indent=2))


@app.command(name="completion")
def completion_command(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print what completes commands and options in a shell; docs/cli.md says where it belongs.

    Parameters
    ----------
    shell
        bash, zsh or fish.
    """
    from defocus.command.completion import completion

    print(completion(app, shell))


@app.command(name="man")
def man_command() -> None:
    """Print the manual page: `defocus man | man -l -` shows it."""
    from defocus.command.manual import manual

    print(manual(app, EXIT_CODES), end="")


Samples = Annotated[
    Path | None,
    Parameter(help="Folder of sample pictures; that of the source tree unless given.", metavar="FOLDER"),
]


@app.command(name="demo")
def demo_command(*, output: Folder = Path("demo_output"), samples: Samples = None, overwrite: Overwrite = False) -> int:
    """Run everything on the sample pictures and write a page of results."""
    from defocus.reports.demo import run

    return exit_code(lambda: run(_fresh(output, overwrite), samples))


@app.command(name="experiments")
def experiments_command(*, output: Folder = Path("experiments_output"), overwrite: Overwrite = False) -> int:
    """Repeat the paper's simulated experiments and write a report."""
    from defocus.reports.experiments import run

    return exit_code(lambda: run(_fresh(output, overwrite)))


def _fresh(folder: Path, overwrite: bool) -> Path:
    """Return a folder for a report; one that holds something is refused unless it may be overwritten."""
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise InputError(f"{folder}: is not empty (--overwrite replaces what is in it)")
    return folder


Lens = Annotated[
    Path, Parameter(name=["--output", "-o"], help="File to write: .npz for a lens, .json for depth.", metavar="FILE")
]
Lights = Annotated[list[Path], Parameter(name="PICTURES", help="Pictures, or one stack.", negative=())]
Spacing = Annotated[
    float | None,
    Parameter(help="Distance of the slices of a stack (one TIFF) in um: measures depth, not a lens.", metavar="UM"),
]
By = Annotated[
    Literal["beads", "map"], Parameter(help="Measure each bead of that stack, or draw the map of any thin specimen.")
]


@app.command(name="calibrate")
def calibrate_command(
    inputs: Lights, /, *, output: Lens, spacing: Spacing = None, by: By = "beads", overwrite: Overwrite = False
) -> int:
    """Measure a lens from pictures of a point light, for --psf; or depth from a stack, with --spacing, for --depth."""
    from defocus.command.work import calibrate_depth_file
    from defocus.pictures.files import refuse_existing
    from defocus.psf.calibration import calibrate

    def run() -> object:
        if any(file.exists() and output.exists() and file.samefile(output) for file in inputs):
            raise InputError(f"{output}: is one of the inputs, and would be lost")
        if output.exists() and not overwrite:
            raise refuse_existing(output)
        return calibrate(inputs, output) if spacing is None else calibrate_depth_file(inputs, output, spacing, by)

    return exit_code(run)


Align = Annotated[bool, flag("Shift the pictures against each other first (needs the extra stack).")]
Around = Annotated[
    int,
    Parameter(help="Of a series over time: so many slices on either side of the sharpest.", metavar="N"),
]
MaxPixels = Annotated[int, Parameter(help="Files with more pixels are refused before they are read.", metavar="N")]
Series = Annotated[int | None, Parameter(help="Of a file that holds several pictures: which one, from 0.", metavar="N")]
Channel = Annotated[
    str | None,
    Parameter(
        help="Of a file with channels: by which one the focus is found, by number from 0, or name.", metavar="NAME"
    ),
]


@app.command(name="stack")
@with_options(AnalysisParameters, MapParameters)
def stack_command(
    inputs: Lights,
    /,
    *,
    output: Folder,
    align: Align = False,
    around: Around = 0,
    series: Series = None,
    channel: Channel = None,
    max_pixels: MaxPixels = MAX_PIXELS,
    overwrite: Overwrite = False,
    **values: Any,
) -> int:
    """Combine a focus stack: composite.png, height.tif, index.png and curve.csv, which names the sharpest picture.

    Of one file with time and depth write the sharpest slice of each time instead, of all channels, and focus.csv.
    """
    from defocus.command.stack import stack_pictures
    from defocus.pictures.part import Part

    def run() -> None:
        with taken(inputs, recursive=False, output=output) as pictures:
            parameters = chosen(AnalysisParameters, values), chosen(MapParameters, values)
            told = stack_pictures(
                pictures.files, output, *parameters, align=align, max_pixels=max_pixels, overwrite=overwrite,
                part=Part(series, None, channel), around=around,
            )  # fmt: skip
        print(told)

    return exit_code(run)


Profile = Annotated[
    Path | None, Parameter(help="GIMP profile folder, if it is not in the usual place.", metavar="FOLDER")
]


@app.command(name="gimp-install")
def gimp_install_command(*, profile: Profile = None) -> int:
    """Copy the GIMP plug-in into every GIMP 3 profile."""
    from defocus.gimp.install import install

    return exit_code(lambda: install(profile))


@app.command(name="gimp-uninstall")
def gimp_uninstall_command(*, profile: Profile = None) -> int:
    """Remove the GIMP plug-in from every GIMP 3 profile."""
    from defocus.gimp.install import uninstall

    return exit_code(lambda: uninstall(profile))


@app.command(name="gimp-doctor")
def gimp_doctor_command(*, profile: Profile = None) -> int:
    """Check each link from GIMP to the suite, and say what is wrong and how to mend it."""
    from defocus.gimp.doctor import doctor

    return exit_code(lambda: 0 if doctor(profile) else 1)


class _Stopped(BaseException):
    """A signal asked the program to end: what it was writing is removed on the way out."""


def _stop(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough: the next would disturb the tidying up
    raise _Stopped(number)


def main() -> None:
    """Run the command line; the exit code is 1 if anything failed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may hold anything
            stream.reconfigure(errors="backslashreplace")
    for name in ("SIGTERM", "SIGHUP", "SIGINT"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _stop)
    try:
        code = app(result_action="return_value")
        if sys.stdout is not None:
            sys.stdout.flush()
    except DefocusError as error:
        code = _told(str(error), 1)
    except _Stopped as error:
        from defocus.pictures.files import remove_unfinished

        remove_unfinished()
        code = _told("stopped", 128 + error.args[0])
    except OSError as error:  # of standard output, mostly: files have their own errors
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1 if isinstance(error, BrokenPipeError) else _told(f"cannot go on ({error})", 1)
    except Exception as error:
        with Log().gathering() as log:
            text = log.fault("a fault in the suite", error)
        code = _told(text, 1)
    sys.exit(code if isinstance(code, int) else 0)


def _told(text: str, code: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        print(f"defocus: {shown(text)}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    main()
