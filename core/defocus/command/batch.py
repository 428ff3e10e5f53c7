"""What every command does with many files: each told in a line, none stopping the others."""

from __future__ import annotations

import contextlib
import itertools
import json as json_format
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from defocus.command.facts import VERSION, summary
from defocus.command.log import Log
from defocus.command.names import shown
from defocus.command.options import BatchOptions, ResultOptions
from defocus.errors import DefocusError, InputError
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console

    from defocus.command.inputs import Pictures
    from defocus.command.work import Work
    from defocus.pictures.part import Part
    from defocus.progress import Progress

    One = Callable[[Path, Progress], dict[str, Any]]
    Found = tuple[Path, dict[str, Any] | Exception]
    Report = Callable[[float, str], None]

__all__ = ["Measured", "each_file", "exit_code", "settled"]


@dataclass(frozen=True)
class Measured:
    """Loads a picture and does the work with it; can be sent to another process.

    Attributes
    ----------
    work : Work
    value_range : tuple of float or None
        Black and white; None finds them out.
    max_pixels : int
    part : Part
        Of a TIFF: which of its pictures, planes and channels.
    """

    work: Work
    value_range: tuple[float, float] | None
    max_pixels: int
    part: Part

    def __call__(self, file: Path, progress: Progress) -> dict[str, Any]:
        """Do so for one picture; return the facts to print."""
        from defocus.pictures import picture

        loaded = picture.load_image(file, limits=self.value_range, max_pixels=self.max_pixels, part=self.part)
        return self.work(file, loaded, progress)


def exit_code(work: Callable[[], object]) -> int:
    """Run something whose errors are one line; return the command's exit code."""
    try:
        result = work()
    except DefocusError as error:
        print(f"defocus: {shown(error)}", file=sys.stderr)
        return 1
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def each_file(
    pictures: Pictures,
    one: One,
    options: BatchOptions,
    *,
    results: Callable[[Path], list[Path]] | None = None,
    scheduler: str | None = None,
    line: Callable[[str, dict[str, Any]], str] = summary,
    see: Callable[[Path, dict[str, Any]], None] | None = None,
    known: Mapping[Path, dict[str, Any]] | None = None,
) -> int:
    """Do the work for each file; a file that fails, for whatever reason, is told and does not stop the others.

    Parameters
    ----------
    pictures : Pictures
    one : callable
        Called with each file and a progress callback; returns the facts to print. Sent to other processes if there
        are several jobs.
    options : BatchOptions
    results : callable, optional
        Called with each file before the work begins; returns what will be written for it.
    scheduler : str, optional
        Address of a dask cluster that shall do the work.
    line : callable, optional
        Called with a name and facts; returns the line for people.
    see : callable, optional
        Called with each file that was done and its facts.
    known : mapping of Path to dict, optional
        Facts of files that need no work any more.

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
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    files, finished = (pictures.files, []) if results is None else settled(pictures, results, options)
    known = known or {}
    files = [file for file in files if file not in known]
    failed, answers = 0, _Answers(stop_if_closed=results is None)
    with Log(options.log, verbose=options.verbose).gathering() as log:
        console = Console(file=log.screen, soft_wrap=True)
        columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
        bars = Progress(*columns, console=console, transient=True)
        failed += _told_finished(finished, pictures, options, answers, console)
        # Where nobody watches, rich before 14.3 prints an empty line for bars that are switched off
        with bars if console.is_terminal and not options.quiet else contextlib.nullcontext():
            task = bars.add_task("", total=float(len(files)))

            def report(done: float, text: str) -> None:
                bars.update(task, completed=done, description=escape(text))

            for file, facts in itertools.chain(known.items(), _found(files, one, options, scheduler, report)):
                name = pictures.name(file)
                if isinstance(facts, Exception):
                    failed += 1
                    text = _reason(name, facts, log)
                    if options.json:
                        answers.tell(_as_json(name, {"error": text}), console)
                    _say(console, text)
                else:
                    if see is not None:
                        see(file, facts)
                    if options.json:
                        answers.tell(_as_json(name, facts), console)
                    elif not options.quiet:
                        answers.tell(line(Path(name).name, facts), console)
                if answers.enough:
                    break
    return 1 if failed or answers.lost else 0


def _found(
    files: list[Path], one: One, options: BatchOptions, scheduler: str | None, report: Report
) -> Iterator[Found]:
    """Yield what becomes of the files, wherever the work is done."""
    if scheduler is not None:
        return _on_cluster(files, one, report, scheduler)
    from defocus.parallel import available_threads

    jobs = min(options.jobs or available_threads(), len(files))
    if jobs > 1:
        from defocus.command.processes import in_processes

        return in_processes(files, one, jobs, report)
    return _here(files, one, report)


def _as_json(name: str, facts: dict[str, Any]) -> str:
    return json_format.dumps({"version": VERSION, "input": name, **facts})


def _told_finished(
    finished: list[tuple[Path, Path]], pictures: Pictures, options: BatchOptions, answers: _Answers, console: Console
) -> int:
    """Tell of the files whose results are there already, in one line; return how many failures they are."""
    from defocus.pictures.files import refuse_existing

    if not finished or (isinstance(options, ResultOptions) and options.skip_existing):
        return 0
    if options.json:
        for file, taken in finished:
            answers.tell(_as_json(pictures.name(file), {"error": str(refuse_existing(taken))}), console)
    file, taken = finished[0]
    more = "--overwrite replaces what is there, --skip-existing goes on with the rest"
    if len(finished) == 1:
        _say(console, f"{shown(Path(pictures.name(file)).name)}: {shown(taken)} is there already ({more})")
    else:
        _say(console, f"{len(finished)} pictures have their results already, as {shown(taken)} ({more})")
    return len(finished)


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


def _reason(name: str, error: Exception, log: Log) -> str:
    """Return why a file failed, in one line that names it."""
    called = Path(name).name
    if isinstance(error, MemoryError):
        return f"{shown(called)}: not enough memory"
    if not isinstance(error, DefocusError):
        return log.fault(shown(name), error)
    text = str(error)
    reason = shown(text) if called in text else f"{shown(called)}: {' '.join(text.split())}"
    return shown(reason)


def settled(
    pictures: Pictures, results: Callable[[Path], list[Path]], options: BatchOptions
) -> tuple[list[Path], list[tuple[Path, Path]]]:
    """Return the files to work on, and those whose results are all there already, with the first of these.

    Files found by walking a folder that are results of others are neither.

    Raises
    ------
    InputError
        If results would lie in each other's place, or in that of an input.
    """
    overwrite = isinstance(options, ResultOptions) and options.overwrite
    place = _Places()
    written = {file: [(item, place(item)) for item in results(file)] for file in pictures.files}
    made = {there for items in written.values() for _, there in items}
    files = [file for file in pictures.files if file not in pictures.below or place(file) not in made]
    inputs = {place(file) for file in files}
    same = {one for file in files if (one := _identity(file)) is not None}
    owners: dict[Path, Path] = {}
    free: list[Path] = []
    finished: list[tuple[Path, Path]] = []
    for file in files:
        for item, there in written[file]:
            if owners.setdefault(there, file) is not file:
                raise InputError(
                    f"{pictures.name(file)}: its results would have the same names as those of "
                    f"{pictures.name(owners[there])} (--names '{{name}}_{{what}}' may tell them apart)"
                )
            if there in inputs or _identity(item) in same:
                raise InputError(
                    f"{pictures.name(file)}: its result would replace the input {item}: choose another output folder"
                )
        if not overwrite and written[file] and all(os.path.lexists(item) for item, _ in written[file]):
            finished.append((file, written[file][0][0]))
        else:
            free.append(file)
    return free, finished


class _Places:
    """Where names lie, whatever they point at; a folder is looked up once."""

    def __init__(self) -> None:
        self._folders: dict[Path, Path] = {}

    def __call__(self, file: Path) -> Path:
        folder = file.parent
        if folder not in self._folders:
            self._folders[folder] = Path(os.path.realpath(folder))
        return self._folders[folder] / file.name


def _identity(file: Path) -> tuple[int, int] | None:
    """Return what is the same for all names of one file; None if there is none."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _here(files: list[Path], one: One, report: Report) -> Iterator[Found]:
    """Yield each file's results, or why it failed, in order."""
    for number, file in enumerate(files):

        def progress(fraction: float, stage: str, file: Path = file, number: int = number) -> None:
            report(number + fraction, f"{shown(file.name)}: {stage}")

        try:
            yield file, one(file, progress)
        except Exception as error:  # its own failure, whatever it is
            yield file, error


def _on_cluster(files: list[Path], one: One, report: Report, scheduler: str) -> Iterator[Found]:
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

    jobs = [(file.absolute(), ignore_progress) for file in files]
    for done, (index, facts) in enumerate(batch(one, jobs, scheduler), start=1):
        report(done, f"{done} of {len(files)} pictures")
        yield files[index], facts
