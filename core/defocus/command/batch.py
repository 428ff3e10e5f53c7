"""What every command does with many files: one after the other, each told in a line, none stopping the others."""

from __future__ import annotations

import contextlib
import itertools
import json as json_format
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus.command.log import Log
from defocus.command.options import BatchOptions, part_of
from defocus.errors import DefocusError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from defocus.pictures.picture import Picture
    from defocus.progress import Progress

    Work = Callable[[Path, Picture, Progress], dict[str, Any]]
    Found = tuple[Path, dict[str, Any] | Exception]

__all__ = ["each_file", "exit_code"]

_MUCH_SATURATED = 0.005  # share of a picture above which that is told
_NOTHING = 0.002  # share in focus below which a picture has nothing in focus, and everything above the rest


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
    work: Work,
    options: BatchOptions | None = None,
    *,
    results: Callable[[Path], list[Path]] | None = None,
    scheduler: str | None = None,
) -> int:
    """Do the work for each file; a file that fails, for whatever reason, is told and does not stop the others.

    Parameters
    ----------
    files : list of Path
    work : callable
        Called with each file, its picture and a progress callback; returns the facts to print.
    options : BatchOptions, optional
    results : callable, optional
        Called with each file before the work begins; returns what will be written for it.
    scheduler : str, optional
        Address of a dask cluster that shall do the work.

    Returns
    -------
    int
        The command's exit code: 1 if any file failed.

    Raises
    ------
    InputError
        If two results would have the same name, or one the name of an input; nothing was done then.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    options = options or BatchOptions()
    files, existing = _without_clashes(files, results, options.overwrite)
    failed, answers = 0, _Answers(stop_if_closed=results is None)
    with Log(options.log, verbose=options.verbose).gathering() as log:
        console = Console(file=log.screen, soft_wrap=True)
        columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
        bars = Progress(*columns, console=console, transient=True)
        # Where nobody watches, rich before 14.3 prints an empty line for bars that are switched off
        with bars if console.is_terminal else contextlib.nullcontext():
            task = bars.add_task("", total=float(len(files)))

            def report(done: float, text: str) -> None:
                bars.update(task, completed=done, description=text)

            if scheduler is None:
                found = _here(files, work, report, options)
            else:
                found = _on_cluster(files, work, report, options, scheduler)
            for file, facts in itertools.chain(existing, found):
                if isinstance(facts, Exception):
                    failed += 1
                    text = _reason(file, facts, log)
                    if options.json:
                        answers.tell(json_format.dumps({"input": str(file), "error": text}), console)
                    _say(console, text)
                elif options.json:
                    answers.tell(json_format.dumps({"input": str(file), **facts}), console)
                else:
                    answers.tell(_summary(file, facts), console)
                if answers.enough:
                    break
    return 1 if failed or answers.lost else 0


class _Answers:
    """Prints results; if they cannot be printed, says so once and lets the work go on."""

    def __init__(self, *, stop_if_closed: bool) -> None:
        self.lost = self.enough = False
        self._stop_if_closed = stop_if_closed

    def tell(self, text: str, console: Console) -> None:
        if self.lost:
            return
        try:
            print(text, flush=True)
        except BrokenPipeError:  # whoever read them has enough, and they are all that there is of some commands
            self.lost, self.enough = True, self._stop_if_closed
        except OSError as error:
            self.lost = True
            _say(console, f"results cannot be printed ({error.strerror or error})")
        if self.lost:  # what is left in the buffer would fail again when Python ends
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(console: Console, text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a full disk or a closed terminal ends no work
        console.print(f"defocus: {text}", markup=False, highlight=False)


def _reason(file: Path, error: Exception, log: Log) -> str:
    """Return why a file failed, in one line that names it."""
    if isinstance(error, MemoryError):
        return f"{file.name}: not enough memory"
    if not isinstance(error, DefocusError):
        return log.fault(str(file), error)
    reason = " ".join(str(error).split())
    return reason if file.name in reason else f"{file.name}: {reason}"


def _without_clashes(
    files: list[Path], results: Callable[[Path], list[Path]] | None, overwrite: bool
) -> tuple[list[Path], list[tuple[Path, DefocusError]]]:
    """Return the files to work on, and those whose results are there already, with what to say of them.

    Raises `InputError` where results would lie in each other's place, or in that of an input.
    """
    if results is None:
        return files, []
    from defocus.pictures.files import refuse_existing

    places = {_place(file) for file in files}
    owners: dict[Path, Path] = {}
    free, existing = [], []
    for file in files:
        written = results(file)
        for item in written:
            place = _place(item)
            if owners.setdefault(place, file) is not file:
                raise InputError(f"{file}: its results would have the same names as those of {owners[place]}")
            if place in places or any(_is_same(item, other) for other in files):
                raise InputError(f"{file}: its result would replace the input {item}: choose another output folder")
        taken = [item for item in written if os.path.lexists(item)]
        if taken and not overwrite:
            existing.append((file, refuse_existing(taken[0])))
        else:
            free.append(file)
    return free, existing


def _place(file: Path) -> Path:
    """Return where a name lies, whatever it points at."""
    return Path(os.path.realpath(file.parent)) / file.name


def _is_same(one: Path, other: Path) -> bool:
    """Return whether two names are those of one file."""
    with contextlib.suppress(OSError):
        return one.samefile(other)
    return False


def _load(file: Path, options: BatchOptions) -> Picture:
    from defocus.pictures.picture import load_image

    return load_image(file, limits=options.value_range, max_pixels=options.max_pixels, part=part_of(options))


def _here(
    files: list[Path], work: Work, report: Callable[[float, str], None], options: BatchOptions
) -> Iterator[Found]:
    """Yield each file's results, or why it failed, in order."""
    for number, file in enumerate(files):

        def progress(fraction: float, stage: str, file: Path = file, number: int = number) -> None:
            report(number + fraction, f"{file.name}: {stage}")

        try:
            yield file, work(file, _load(file, options), progress)
        except Exception as error:  # its own failure, whatever it is
            yield file, error


def _on_cluster(
    files: list[Path], work: Work, report: Callable[[float, str], None], options: BatchOptions, scheduler: str
) -> Iterator[Found]:
    """Yield each file's results as they come from the workers."""
    if scheduler.endswith(".json"):
        try:  # a client waits for a file that is not there, or not whole, without end
            json_format.loads(Path(scheduler).read_text(encoding="utf-8"))["address"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{scheduler}: no scheduler file of Dask ({' '.join(str(error).split())})") from error
    try:
        from defocus.dask import batch
    except ImportError as error:
        raise InputError(f'--dask needs the extra "dask": pip install "napari-defocus[dask]" ({error})') from error

    def one(file: Path) -> dict[str, Any]:
        from defocus.progress import ignore_progress

        return work(file, _load(file, options), ignore_progress)

    jobs = [(file.absolute(),) for file in files]
    for done, (index, facts) in enumerate(batch(one, jobs, scheduler), start=1):
        report(done, f"{done} of {len(files)} pictures")
        yield files[index], facts


def _summary(file: Path, facts: dict[str, Any]) -> str:
    parts = [f"{facts['width']} x {facts['height']} px"]
    if facts.get("black") or facts.get("white") not in (None, 1.0, 255.0, 65535.0):
        parts.append(f"black {facts['black']:g}, white {facts['white']:g}")
    if "noise_variance" in facts:
        parts.append(f"noise variance {facts['noise_variance']:.1e}")
    if "radius_px_median" in facts:
        low, middle, high = (facts[f"radius_px_{name}"] for name in ("percentile_5", "median", "percentile_95"))
        parts.append(f"blur radius {middle:.2f} px (5 % below {low:.2f}, 5 % above {high:.2f})")
    if "in_focus_share" in facts:
        share, up_to = facts["in_focus_share"], f"(up to {facts['threshold_px']:.2f} px)"
        words = "nothing" if share < _NOTHING else "everything" if share > 1 - _NOTHING else f"{100 * share:.1f} %"
        parts.append(f"{words} in focus {up_to}")
    if facts.get("kind") == "fluorescence" and facts.get("evidence"):
        parts.append(f"taken for fluorescence, with evidence in {100 * facts['evidence_share']:.1f} % of it")
    if facts.get("evidence") is False:
        parts.append("no evidence of blur anywhere: nothing but flat areas or noise")
    if facts.get("saturated_share", 0) > _MUCH_SATURATED:
        parts.append(f"{100 * facts['saturated_share']:.1f} % saturated, which tells nothing")
    if facts.get("other_threshold_px"):
        parts.append(f"a close call: up to {facts['other_threshold_px']:.2f} px gives another mask")
    text = f"{file.name}: {', '.join(parts)}"
    return f"{text} -> {', '.join(Path(item).name for item in facts['files'])}" if "files" in facts else text
