"""The command ``defocus``: blur maps, masks and restored pictures from the shell."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from defocus import __version__
from defocus.command.batch import each_file, exit_code
from defocus.command.log import Log
from defocus.command.options import BatchOptions, Overwrite, with_options
from defocus.command.work import asked, common_facts, map_facts, mask_facts, named, picture_writer
from defocus.errors import DefocusError, InputError
from defocus.parameters import (
    AnalysisParameters,
    MagnificationParameters,
    MapParameters,
    MaskParameters,
    RestorationParameters,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from defocus.analysis import Analysis
    from defocus.session import Result

__all__ = ["app", "main"]

app = App(
    name="defocus",
    version=__version__,
    help="Measure defocus blur from one photograph: blur map, in-focus mask, all-in-focus picture.",
    help_format="markdown",
)

Inputs = Annotated[list[Path], Parameter(help="Picture files.", negative=())]
Output = Annotated[Path, Parameter(name=["--output", "-o"], help="Folder for the results; made if it is missing.")]
Preview = Annotated[bool, Parameter(help="Also write STEM_blur.png, in colour with a scale in px.", negative=())]
Scheduler = Annotated[
    str | None,
    Parameter(help="Address (or scheduler file) of a running Dask cluster that shares the files; it does the work."),
]
Depth = Annotated[
    Path | None,
    Parameter(help="Depth scale by calibrate --spacing: also write STEM_defocus.tif, the distance from focus in um."),
]
_USUAL = BatchOptions()
Within = Annotated[
    Path | None, Parameter(help="Picture of labels (whole numbers): tell of each part of the one picture given.")
]
TableFile = Annotated[Path | None, Parameter(help="Write the table to this CSV file, and one for pictures, too.")]
Layer = Annotated[
    bool,
    Parameter(
        help="Also write STEM_layer.png: the picture with the mask as alpha, a soft rim in the subject's own colours.",
        negative=(),
    ),
]


@app.command(name="map")
@with_options(AnalysisParameters, MapParameters)
def map_command(
    inputs: Inputs,
    *,
    output: Output,
    preview: Preview = False,
    depth: Depth = None,
    dask: Scheduler = None,
    options: BatchOptions = _USUAL,
    **values: Any,
) -> int:
    """Write STEM_blur.tif: the blur radius of every pixel in px, as 32-bit floats."""
    if dask is not None:
        output = output.absolute()  # workers may stand in another folder
    scale = None
    if depth is not None:
        from defocus.depth import load_depth_scale

        scale = load_depth_scale(depth)
    results = named(output, "blur.tif", *(["defocus.tif"] if scale else []), *(["blur.png"] if preview else []))

    def write(file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        from defocus.pictures.files import write_blur_map, written_whole
        from defocus.pictures.render import with_scale

        files = results(file)
        write_blur_map(files[0], result.values, overwrite=options.overwrite)
        if scale:
            write_blur_map(files[1], scale.defocus(result.values), overwrite=options.overwrite)
        if preview:
            with written_whole(files[-1], overwrite=options.overwrite) as beside:
                with_scale(result.values, analysis.max_radius).save(beside)
        return {**map_facts(analysis, result.values), "files": [str(item) for item in files]}

    return each_file(inputs, asked("blur_map", values, write), options, results=results, scheduler=dask)


@app.command(name="mask")
@with_options(AnalysisParameters, MaskParameters)
def mask_command(
    inputs: Inputs, *, output: Output, layer: Layer = False, options: BatchOptions = _USUAL, **values: Any
) -> int:
    """Write STEM_mask.png: 8 bits, 255 is in focus, 0 is not."""
    results = named(output, "mask.png", *(["layer.png"] if layer else []))

    def write(file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        import numpy as np

        from defocus.effects.foreground import subject_colors
        from defocus.pictures.files import write_picture

        picture, mask = analysis.picture, result.values
        files = results(file)
        write_picture(files[0], mask, overwrite=options.overwrite)
        if layer:
            alpha = mask if picture.alpha is None else mask * picture.alpha
            depth = min(picture.bit_depth, 16)
            colors = np.dstack([subject_colors(picture.color, mask), alpha])
            write_picture(files[1], colors, bit_depth=depth, overwrite=options.overwrite)
        return {**common_facts(analysis), **mask_facts(analysis, result), "files": [str(item) for item in files]}

    return each_file(inputs, asked("focus_mask", values, write), options, results=results)


@app.command(name="info")
@with_options(AnalysisParameters)
def info_command(
    inputs: Inputs, *, within: Within = None, table: TableFile = None, options: BatchOptions = _USUAL, **values: Any
) -> int:
    """Print size, noise, blur radii and in-focus share of pictures; of stacks a table, a row for each frame."""
    from defocus.command.tables import asks_for_table, tabulated

    def in_log(work: Callable[[], Any]) -> Any:
        with Log(options.log, verbose=options.verbose).gathering():
            return work()

    if in_log(lambda: asks_for_table(inputs, within, table, options)):
        return exit_code(lambda: in_log(lambda: tabulated(inputs, within, table, options, values)))

    def tell(file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        return {**map_facts(analysis, analysis.blur_map()), **mask_facts(analysis, result)}

    return each_file(inputs, asked("focus_mask", values, tell), options)


@app.command(name="deblur")
@with_options(AnalysisParameters, MapParameters, RestorationParameters)
def deblur_command(inputs: Inputs, *, output: Output, options: BatchOptions = _USUAL, **values: Any) -> int:
    """Write STEM_sharp.png: the picture with its defocus undone, in 16 bits if it came with more than 8."""
    write = picture_writer(output, "sharp.png", options.overwrite)
    return each_file(inputs, asked("restore", values, write), options, results=named(output, "sharp.png"))


@app.command(name="magnify")
@with_options(MagnificationParameters, MapParameters, AnalysisParameters)
def magnify_command(inputs: Inputs, *, output: Output, options: BatchOptions = _USUAL, **values: Any) -> int:
    """Write STEM_magnified.png: the picture with more background blur."""
    write = picture_writer(output, "magnified.png", options.overwrite)
    return each_file(inputs, asked("magnify", values, write), options, results=named(output, "magnified.png"))


@app.command(name="demo")
def demo_command(
    *, output: Output = Path("demo_output"), samples: Path | None = None, overwrite: Overwrite = False
) -> int:
    """Run everything on the sample pictures and write a page of results.

    Parameters
    ----------
    samples
        Folder of sample pictures; that of the source tree unless given.
    """
    from defocus.reports.demo import run

    return exit_code(lambda: run(_fresh(output, overwrite), samples))


@app.command(name="experiments")
def experiments_command(*, output: Output = Path("experiments_output"), overwrite: Overwrite = False) -> int:
    """Repeat the paper's simulated experiments and write a report."""
    from defocus.reports.experiments import run

    return exit_code(lambda: run(_fresh(output, overwrite)))


def _fresh(folder: Path, overwrite: bool) -> Path:
    """Return a folder for a report; one that holds something is refused unless it may be overwritten."""
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise InputError(f"{folder}: is not empty (--overwrite replaces what is in it)")
    return folder


Lens = Annotated[Path, Parameter(name=["--output", "-o"], help="File to write: .npz for a lens, .json for depth.")]
Spacing = Annotated[
    float | None, Parameter(help="Distance of the slices of a stack (one TIFF) in um: measures depth, not a lens.")
]
By = Annotated[
    Literal["beads", "map"], Parameter(help="Measure each bead of that stack, or draw the map of any thin specimen.")
]


@app.command(name="calibrate")
def calibrate_command(
    inputs: Inputs, *, output: Lens, spacing: Spacing = None, by: By = "beads", overwrite: Overwrite = False
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


Profile = Annotated[Path | None, Parameter(help="GIMP profile folder, if it is not in the usual place.")]


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
        print(f"defocus: {text}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    main()
