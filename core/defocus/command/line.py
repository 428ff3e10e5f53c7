"""The command ``defocus``: blur maps, masks and restored pictures from the shell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from defocus import __version__
from defocus.command.batch import each_file, exit_code
from defocus.command.options import with_options
from defocus.command.work import asked, common_facts, map_facts, mask_facts, picture_writer
from defocus.errors import DefocusError
from defocus.parameters import (
    AnalysisParameters,
    MagnificationParameters,
    MapParameters,
    MaskParameters,
    RestorationParameters,
)

if TYPE_CHECKING:
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
Json = Annotated[bool, Parameter(help="Print results as JSON, one object per file and line.", negative=())]
Preview = Annotated[bool, Parameter(help="Also write STEM_blur.png, in colour with a scale in px.", negative=())]
Scheduler = Annotated[
    str | None,
    Parameter(help="Address (or scheduler file) of a running Dask cluster that shares the files; it does the work."),
]
Layer = Annotated[bool, Parameter(help="Also write STEM_layer.png: the picture with the mask as alpha.", negative=())]


@app.command(name="map")
@with_options(AnalysisParameters, MapParameters)
def map_command(
    inputs: Inputs,
    *,
    output: Output,
    preview: Preview = False,
    json: Json = False,
    dask: Scheduler = None,
    **values: Any,
) -> int:
    """Write STEM_blur.tif: the blur radius of every pixel in px, as 32-bit floats."""
    if dask is not None:
        output = output.absolute()  # workers may stand in another folder

    def write(file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        from defocus.pictures.files import write_blur_map, written_whole
        from defocus.pictures.render import with_scale

        files = [output / f"{file.stem}_blur.tif"]
        write_blur_map(files[0], result.values)
        if preview:
            files.append(output / f"{file.stem}_blur.png")
            with written_whole(files[1]) as beside:
                with_scale(result.values, analysis.max_radius).save(beside)
        return {**map_facts(analysis, result.values), "files": [str(item) for item in files]}

    return each_file(inputs, asked("blur_map", values, write), json, dask)


@app.command(name="mask")
@with_options(AnalysisParameters, MaskParameters)
def mask_command(inputs: Inputs, *, output: Output, layer: Layer = False, json: Json = False, **values: Any) -> int:
    """Write STEM_mask.png: 8 bits, 255 is in focus, 0 is not."""

    def write(file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        import numpy as np

        from defocus.pictures.files import write_picture

        picture, mask = analysis.picture, result.values
        files = [output / f"{file.stem}_mask.png"]
        write_picture(files[0], mask)
        if layer:
            files.append(output / f"{file.stem}_layer.png")
            alpha = mask if picture.alpha is None else mask * picture.alpha
            depth = min(picture.bit_depth, 16)
            write_picture(files[1], np.dstack([picture.color, alpha]), bit_depth=depth)
        return {**common_facts(analysis), **mask_facts(analysis, result), "files": [str(item) for item in files]}

    return each_file(inputs, asked("focus_mask", values, write), json)


@app.command(name="info")
@with_options(AnalysisParameters)
def info_command(inputs: Inputs, *, json: Json = False, **values: Any) -> int:
    """Print size, noise, blur radii and in-focus share of pictures; write nothing."""

    def tell(file: Path, analysis: Analysis, result: Result) -> dict[str, Any]:
        return {**map_facts(analysis, analysis.blur_map()), **mask_facts(analysis, result)}

    return each_file(inputs, asked("focus_mask", values, tell), json)


@app.command(name="deblur")
@with_options(AnalysisParameters, MapParameters, RestorationParameters)
def deblur_command(inputs: Inputs, *, output: Output, json: Json = False, **values: Any) -> int:
    """Write STEM_sharp.png: the picture with its defocus undone, in 16 bits if it came with more than 8."""
    return each_file(inputs, asked("restore", values, picture_writer(output, "sharp")), json)


@app.command(name="magnify")
@with_options(MagnificationParameters, MapParameters, AnalysisParameters)
def magnify_command(inputs: Inputs, *, output: Output, json: Json = False, **values: Any) -> int:
    """Write STEM_magnified.png: the picture with more background blur."""
    return each_file(inputs, asked("magnify", values, picture_writer(output, "magnified")), json)


@app.command(name="demo")
def demo_command(*, output: Output = Path("demo_output"), samples: Path | None = None) -> int:
    """Run everything on the sample pictures and write a page of results.

    Parameters
    ----------
    samples
        Folder of sample pictures; that of the source tree unless given.
    """
    from defocus.reports.demo import run

    return exit_code(lambda: run(output, samples))


@app.command(name="experiments")
def experiments_command(*, output: Output = Path("experiments_output")) -> int:
    """Repeat the paper's simulated experiments and write a report."""
    from defocus.reports.experiments import run

    return exit_code(lambda: run(output))


Lens = Annotated[Path, Parameter(name=["--output", "-o"], help="File to write, ending in .npz.")]


@app.command(name="calibrate")
def calibrate_command(inputs: Inputs, *, output: Lens) -> int:
    """Measure a lens's blur from pictures of a point light; use it with --psf FILE.npz."""
    from defocus.psf.calibration import calibrate

    return exit_code(lambda: calibrate(inputs, output))


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


def main() -> None:
    """Run the command line; the exit code is 1 if anything failed."""
    try:
        code = app(result_action="return_value")
    except DefocusError as error:
        print(f"defocus: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("defocus: stopped", file=sys.stderr)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
