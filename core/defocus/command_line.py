"""The command ``defocus``: blur maps, masks and restored pictures from the shell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from defocus import __version__
from defocus.command_batch import each_file, facts_of, has_evidence, redraw, size_of, told
from defocus.command_options import chosen, with_options
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
    from defocus.image import Picture
    from defocus.progress import Progress

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
    analysis_parameters = chosen(AnalysisParameters, values)
    map_parameters = chosen(MapParameters, values)

    def work(file: Path, picture: Picture, progress: Progress) -> dict[str, Any]:
        from defocus.analysis import analyze
        from defocus.files import write_blur_map, written_whole
        from defocus.progress import sub_progress
        from defocus.render import with_scale

        analysis = analyze(picture, analysis_parameters, progress=sub_progress(progress, 0, 0.7))
        radius = analysis.blur_map(map_parameters, progress=sub_progress(progress, 0.7, 1))
        files = [output / f"{file.stem}_blur.tif"]
        write_blur_map(files[0], radius)
        if preview:
            files.append(output / f"{file.stem}_blur.png")
            with written_whole(files[1]) as beside:
                with_scale(radius, analysis.max_radius).save(beside)
        return {**facts_of(analysis, radius), "files": [str(item) for item in files]}

    if dask is not None:
        output = output.absolute()  # workers may stand in another folder
    return each_file(inputs, work, json, dask)


@app.command(name="mask")
@with_options(AnalysisParameters, MaskParameters)
def mask_command(inputs: Inputs, *, output: Output, layer: Layer = False, json: Json = False, **values: Any) -> int:
    """Write STEM_mask.png: 8 bits, 255 is in focus, 0 is not."""
    analysis_parameters = chosen(AnalysisParameters, values)
    mask_parameters = chosen(MaskParameters, values)

    def work(file: Path, picture: Picture, progress: Progress) -> dict[str, Any]:
        import numpy as np

        from defocus.analysis import analyze
        from defocus.files import write_picture
        from defocus.progress import sub_progress

        analysis = analyze(picture, analysis_parameters, progress=sub_progress(progress, 0, 0.7))
        mask = np.asarray(analysis.focus_mask(mask_parameters, progress=sub_progress(progress, 0.7, 1)), np.float32)
        files = [output / f"{file.stem}_mask.png"]
        write_picture(files[0], mask)
        if layer:
            files.append(output / f"{file.stem}_layer.png")
            alpha = mask if picture.alpha is None else mask * picture.alpha
            depth = min(picture.bit_depth, 16)
            write_picture(files[1], np.dstack([picture.color, alpha]), bit_depth=depth)
        threshold = analysis.threshold if mask_parameters.threshold == "auto" else mask_parameters.threshold
        return {
            **size_of(picture),
            "noise_variance": analysis.noise_variance,
            "evidence": has_evidence(analysis),
            "threshold_px": round(float(threshold), 3),
            "in_focus_share": round(float(mask.mean()), 4),
            "files": [str(item) for item in files],
        }

    return each_file(inputs, work, json=json)


@app.command(name="info")
@with_options(AnalysisParameters)
def info_command(inputs: Inputs, *, json: Json = False, **values: Any) -> int:
    """Print size, noise, blur radii and in-focus share of pictures; write nothing."""
    parameters = chosen(AnalysisParameters, values)

    def work(file: Path, picture: Picture, progress: Progress) -> dict[str, Any]:
        from defocus.analysis import analyze
        from defocus.progress import sub_progress

        analysis = analyze(picture, parameters, progress=sub_progress(progress, 0, 0.7))
        facts = facts_of(analysis, analysis.blur_map())
        facts["threshold_px"] = round(analysis.threshold, 3)
        facts["in_focus_share"] = round(float(analysis.focus_mask().mean()), 4)
        progress(1.0, "done")
        return facts

    return each_file(inputs, work, json=json)


@app.command(name="deblur")
@with_options(AnalysisParameters, MapParameters, RestorationParameters)
def deblur_command(inputs: Inputs, *, output: Output, json: Json = False, **values: Any) -> int:
    """Write STEM_sharp.png: the picture with its defocus undone, in 16 bits if it came with more than 8."""
    analysis_parameters, map_parameters = chosen(AnalysisParameters, values), chosen(MapParameters, values)
    parameters = chosen(RestorationParameters, values)

    def work(file: Path, picture: Picture, progress: Progress) -> dict[str, Any]:
        from defocus.restoration import restore

        def draw(values: Any, radius: Any, analysis: Analysis, progress: Progress) -> Any:
            return restore(values, radius, parameters, psf=analysis.psf, progress=progress)

        return redraw(file, output, "sharp", picture, analysis_parameters, map_parameters, draw, progress)

    return each_file(inputs, work, json=json)


@app.command(name="magnify")
@with_options(MagnificationParameters, MapParameters, AnalysisParameters)
def magnify_command(inputs: Inputs, *, output: Output, json: Json = False, **values: Any) -> int:
    """Write STEM_magnified.png: the picture with more background blur."""
    parameters = chosen(MagnificationParameters, values)
    analysis_parameters, map_parameters = chosen(AnalysisParameters, values), chosen(MapParameters, values)

    def work(file: Path, picture: Picture, progress: Progress) -> dict[str, Any]:
        from defocus.magnification import magnify

        def draw(values: Any, radius: Any, _: Analysis, progress: Progress) -> Any:
            return magnify(values, radius, parameters, progress=progress)

        return redraw(file, output, "magnified", picture, analysis_parameters, map_parameters, draw, progress)

    return each_file(inputs, work, json=json)


@app.command(name="demo")
def demo_command(*, output: Output = Path("demo_output"), samples: Path | None = None) -> int:
    """Run everything on the sample pictures and write a page of results.

    Parameters
    ----------
    samples
        Folder of sample pictures; that of the source tree unless given.
    """
    from defocus.demo import run

    return told(lambda: run(output, samples))


@app.command(name="experiments")
def experiments_command(*, output: Output = Path("experiments_output")) -> int:
    """Repeat the paper's simulated experiments and write a report."""
    from defocus.experiments import run

    return told(lambda: run(output))


Lens = Annotated[Path, Parameter(name=["--output", "-o"], help="File to write, ending in .npz.")]


@app.command(name="calibrate")
def calibrate_command(inputs: Inputs, *, output: Lens) -> int:
    """Measure a lens's blur from pictures of a point light; use it with --psf FILE.npz."""
    from defocus.calibration import calibrate

    return told(lambda: calibrate(inputs, output))


Profile = Annotated[Path | None, Parameter(help="GIMP profile folder, if it is not in the usual place.")]


@app.command(name="gimp-install")
def gimp_install_command(*, profile: Profile = None) -> int:
    """Copy the GIMP plug-in into every GIMP 3 profile."""
    from defocus.gimp_install import install

    return told(lambda: install(profile))


@app.command(name="gimp-uninstall")
def gimp_uninstall_command(*, profile: Profile = None) -> int:
    """Remove the GIMP plug-in from every GIMP 3 profile."""
    from defocus.gimp_install import uninstall

    return told(lambda: uninstall(profile))


@app.command(name="gimp-doctor")
def gimp_doctor_command(*, profile: Profile = None) -> int:
    """Check each link from GIMP to the suite, and say what is wrong and how to mend it."""
    from defocus.gimp_install import doctor

    return told(lambda: 0 if doctor(profile) else 1)


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
