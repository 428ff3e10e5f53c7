"""The command ``defocus``: blur maps and masks of many pictures in one process."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from defocus import __version__
from defocus.command_options import chosen, with_options
from defocus.errors import DefocusError, InputError
from defocus.parameters import (
    AnalysisParameters,
    MagnificationParameters,
    MapParameters,
    MaskParameters,
    RestorationParameters,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        return {**_facts(analysis, radius), "files": [str(item) for item in files]}

    if dask is not None:
        output = output.absolute()  # workers may stand in another folder
    return _each(inputs, work, json, dask)


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
            **_size(picture),
            "noise_variance": analysis.noise_variance,
            "threshold_px": round(float(threshold), 3),
            "in_focus_share": round(float(mask.mean()), 4),
            "files": [str(item) for item in files],
        }

    return _each(inputs, work, json)


@app.command(name="info")
@with_options(AnalysisParameters)
def info_command(inputs: Inputs, *, json: Json = False, **values: Any) -> int:
    """Print size, noise, blur radii and in-focus share of pictures; write nothing."""
    parameters = chosen(AnalysisParameters, values)

    def work(file: Path, picture: Picture, progress: Progress) -> dict[str, Any]:
        from defocus.analysis import analyze
        from defocus.progress import sub_progress

        analysis = analyze(picture, parameters, progress=sub_progress(progress, 0, 0.7))
        facts = _facts(analysis, analysis.blur_map())
        facts["threshold_px"] = round(analysis.threshold, 3)
        facts["in_focus_share"] = round(float(analysis.focus_mask().mean()), 4)
        progress(1.0, "done")
        return facts

    return _each(inputs, work, json)


@app.command(name="deblur")
@with_options(AnalysisParameters, RestorationParameters)
def deblur_command(inputs: Inputs, *, output: Output, json: Json = False, **values: Any) -> int:
    """Write STEM_sharp.png: the picture with its defocus undone, in 16 bits if it came with more than 8."""
    analysis_parameters = chosen(AnalysisParameters, values)
    parameters = chosen(RestorationParameters, values)

    def work(file: Path, picture: Picture, progress: Progress) -> dict[str, Any]:
        from defocus.restoration import restore

        return _redraw(file, output, "sharp", picture, analysis_parameters, restore, parameters, progress)

    return _each(inputs, work, json)


@app.command(name="magnify")
@with_options(MagnificationParameters, AnalysisParameters)
def magnify_command(inputs: Inputs, *, output: Output, json: Json = False, **values: Any) -> int:
    """Write STEM_magnified.png: the picture with more background blur."""
    parameters = chosen(MagnificationParameters, values)
    # The aperture's blades and rotation are those of the new blur
    others = {name: value for name, value in values.items() if name not in ("blades", "rotation")}
    analysis_parameters = chosen(AnalysisParameters, others)

    def work(file: Path, picture: Picture, progress: Progress) -> dict[str, Any]:
        from defocus.magnification import magnify

        return _redraw(file, output, "magnified", picture, analysis_parameters, magnify, parameters, progress)

    return _each(inputs, work, json)


@app.command(name="demo")
def demo_command(*, output: Output = Path("demo_output"), samples: Path | None = None) -> int:
    """Run everything on the sample pictures and write a page of results.

    Parameters
    ----------
    samples
        Folder of sample pictures; that of the source tree unless given.
    """
    from defocus.demo import run

    return _told(lambda: run(output, samples))


@app.command(name="experiments")
def experiments_command(*, output: Output = Path("experiments_output")) -> int:
    """Repeat the paper's simulated experiments and write a report."""
    from defocus.experiments import run

    return _told(lambda: run(output))


@app.command(name="calibrate")
def calibrate_command(inputs: Inputs, *, output: Annotated[Path, Parameter(name=["--output", "-o"])]) -> int:
    """Measure a lens's blur from pictures of a point light; use it with --psf FILE.npz."""
    from defocus.calibration import calibrate

    return _told(lambda: calibrate(inputs, output))


Profile = Annotated[Path | None, Parameter(help="GIMP profile folder, if it is not in the usual place.")]


@app.command(name="gimp-install")
def gimp_install_command(*, profile: Profile = None) -> int:
    """Copy the GIMP plug-in into every GIMP 3 profile."""
    from defocus.gimp_install import install

    return _told(lambda: install(profile))


@app.command(name="gimp-uninstall")
def gimp_uninstall_command(*, profile: Profile = None) -> int:
    """Remove the GIMP plug-in from every GIMP 3 profile."""
    from defocus.gimp_install import uninstall

    return _told(lambda: uninstall(profile))


@app.command(name="gimp-doctor")
def gimp_doctor_command(*, profile: Profile = None) -> int:
    """Check each link from GIMP to the suite, and say what is wrong and how to mend it."""
    from defocus.gimp_install import doctor

    return _told(lambda: 0 if doctor(profile) else 1)


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


def _told(work: Callable[[], object]) -> int:
    """Run something whose errors are one line."""
    try:
        result = work()
    except DefocusError as error:
        print(f"defocus: {error}", file=sys.stderr)
        return 1
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _each(
    files: list[Path],
    work: Callable[[Path, Picture, Progress], dict[str, Any]],
    json: bool,
    scheduler: str | None = None,
) -> int:
    """Do the work for each file; a file that fails is told and does not stop the others."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    failed = 0
    console = Console(stderr=True, soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=float(len(files)))

        def report(done: float, text: str) -> None:
            bars.update(task, completed=done, description=text)

        results = _here(files, work, report) if scheduler is None else _on_cluster(files, work, report, scheduler)
        for file, facts in results:
            if isinstance(facts, Exception):
                failed += 1
                reason = str(facts) or "not enough memory"
                text = reason if file.name in reason else f"{file.name}: {reason}"
                if json:
                    print(json_format.dumps({"input": str(file), "error": text}), flush=True)
                console.print(f"defocus: {text}", markup=False, highlight=False)
            elif json:
                print(json_format.dumps({"input": str(file), **facts}), flush=True)
            else:
                bars.console.file.flush()
                print(_summary(file, facts), flush=True)
    return 1 if failed else 0


def _here(
    files: list[Path], work: Callable[[Path, Picture, Progress], dict[str, Any]], report: Callable[[float, str], None]
) -> Iterator[tuple[Path, dict[str, Any] | Exception]]:
    """Yield each file's results, or why it failed, in order."""
    from defocus.image import load_image

    for number, file in enumerate(files):

        def progress(fraction: float, stage: str, file: Path = file, number: int = number) -> None:
            report(number + fraction, f"{file.name}: {stage}")

        try:
            yield file, work(file, load_image(file), progress)
        except (DefocusError, MemoryError) as error:
            yield file, error


def _on_cluster(
    files: list[Path],
    work: Callable[[Path, Picture, Progress], dict[str, Any]],
    report: Callable[[float, str], None],
    scheduler: str,
) -> Iterator[tuple[Path, dict[str, Any] | Exception]]:
    """Yield each file's results as they come from the workers."""
    try:
        from defocus.dask import batch
    except ImportError as error:
        raise InputError(f'--dask needs the extra "dask": pip install "napari-defocus[dask]" ({error})') from error

    def one(file: Path) -> dict[str, Any]:
        from defocus.image import load_image
        from defocus.progress import ignore_progress

        return work(file, load_image(file), ignore_progress)

    jobs = [(file.absolute(),) for file in files]
    for done, (index, facts) in enumerate(batch(one, jobs, scheduler), start=1):
        if isinstance(facts, Exception) and not isinstance(facts, DefocusError | MemoryError):
            raise facts
        report(done, f"{done} of {len(files)} pictures")
        yield files[index], facts


def _size(picture: Picture) -> dict[str, Any]:
    return {"width": picture.shape[1], "height": picture.shape[0]}


def _facts(analysis: Any, radius: Any) -> dict[str, Any]:
    """Return what a person wants to know of a blur map."""
    import numpy as np

    confident = float(analysis.confidence.max())
    low, middle, high = (round(float(value), 3) for value in np.percentile(radius, (5, 50, 95)))
    return {
        **_size(analysis.picture),
        "noise_variance": analysis.noise_variance,
        "radius_px_percentile_5": low,
        "radius_px_median": middle,
        "radius_px_percentile_95": high,
        "evidence": confident > 0,
    }


def _summary(file: Path, facts: dict[str, Any]) -> str:
    parts = [f"{facts['width']} x {facts['height']} px"]
    if "noise_variance" in facts:
        parts.append(f"noise variance {facts['noise_variance']:.1e}")
    if "radius_px_median" in facts:
        low, middle, high = (facts[f"radius_px_{name}"] for name in ("percentile_5", "median", "percentile_95"))
        parts.append(f"blur radius {middle:.2f} px (5 % below {low:.2f}, 5 % above {high:.2f})")
    if "in_focus_share" in facts:
        parts.append(f"{100 * facts['in_focus_share']:.1f} % in focus (up to {facts['threshold_px']:.2f} px)")
    if facts.get("evidence") is False:
        parts.append("no evidence of blur anywhere: the picture is flat")
    text = f"{file.name}: {', '.join(parts)}"
    return f"{text} -> {', '.join(Path(item).name for item in facts['files'])}" if "files" in facts else text


def _redraw(
    file: Path,
    output: Path,
    ending: str,
    picture: Picture,
    analysis_parameters: AnalysisParameters,
    draw: Callable[..., Any],
    parameters: object,
    progress: Progress,
) -> dict[str, Any]:
    """Write a picture that is computed from another and its blur map."""
    import numpy as np

    from defocus.analysis import analyze
    from defocus.files import write_picture
    from defocus.progress import sub_progress

    analysis = analyze(picture, analysis_parameters, progress=sub_progress(progress, 0, 0.3))
    values = picture.color[..., 0] if picture.gray else picture.color
    result = draw(values, analysis.blur_map(), parameters, progress=sub_progress(progress, 0.3, 1))
    if picture.alpha is not None:
        result = np.dstack([result, picture.alpha])
    path = output / f"{file.stem}_{ending}.png"
    write_picture(path, result, bit_depth=min(picture.bit_depth, 16))
    return {**_size(picture), "noise_variance": analysis.noise_variance, "files": [str(path)]}
