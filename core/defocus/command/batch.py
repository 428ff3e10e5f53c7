"""What every command does with many files: one after the other, each told in a line, none stopping the others."""

from __future__ import annotations

import itertools
import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus.errors import DefocusError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from defocus.pictures.picture import Picture
    from defocus.progress import Progress

__all__ = ["each_file", "exit_code"]


def exit_code(work: Callable[[], object]) -> int:
    """Run something whose errors are one line; return the command's exit code."""
    try:
        result = work()
    except DefocusError as error:
        print(f"defocus: {error}", file=sys.stderr)
        return 1
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def each_file(
    files: list[Path],
    work: Callable[[Path, Picture, Progress], dict[str, Any]],
    json: bool,
    scheduler: str | None = None,
) -> int:
    """Do the work for each file; a file that fails is told and does not stop the others.

    Parameters
    ----------
    files : list of Path
    work : callable
        Called with each file, its picture and a progress callback; returns the facts to print.
    json : bool
        Whether to print one line of JSON for each file instead of a summary.
    scheduler : str, optional
        Address of a dask cluster that shall do the work.

    Returns
    -------
    int
        The command's exit code: 1 if any file failed.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    failed = 0
    files, clashes = _distinct(files)
    console = Console(stderr=True, soft_wrap=True)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=float(len(files)))

        def report(done: float, text: str) -> None:
            bars.update(task, completed=done, description=text)

        results = _here(files, work, report) if scheduler is None else _on_cluster(files, work, report, scheduler)
        for file, facts in itertools.chain(clashes, results):
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


def _distinct(files: list[Path]) -> tuple[list[Path], list[tuple[Path, InputError]]]:
    """Return the files whose results have names of their own, and the others with what is wrong with them."""
    by_stem: dict[str, Path] = {}
    clashes = []
    for file in files:
        first = by_stem.setdefault(file.stem, file)
        if first is not file:
            clashes.append((file, InputError(f"{file}: its results would have the same names as those of {first}")))
    return list(by_stem.values()), clashes


def _here(
    files: list[Path], work: Callable[[Path, Picture, Progress], dict[str, Any]], report: Callable[[float, str], None]
) -> Iterator[tuple[Path, dict[str, Any] | Exception]]:
    """Yield each file's results, or why it failed, in order."""
    from defocus.pictures.picture import load_image

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
        from defocus.pictures.picture import load_image
        from defocus.progress import ignore_progress

        return work(file, load_image(file), ignore_progress)

    jobs = [(file.absolute(),) for file in files]
    for done, (index, facts) in enumerate(batch(one, jobs, scheduler), start=1):
        if isinstance(facts, Exception) and not isinstance(facts, DefocusError | MemoryError):
            raise facts
        report(done, f"{done} of {len(files)} pictures")
        yield files[index], facts


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
