"""Cull: what the command of that name does with many pictures, beside measuring each."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from defocus.command.batch import each_file
from defocus.command.facts import VERSION
from defocus.command.inputs import STANDARD, taken
from defocus.command.names import shown
from defocus.command.options import BatchOptions, Jobs, Overwrite, flag, part_of
from defocus.errors import DefocusError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from defocus.command.inputs import Pictures
    from defocus.pictures.part import Part
    from defocus.progress import Progress

    Facts = dict[str, Any]

__all__ = ["CullOptions", "cull"]

_WIDEST = 100_000  # characters of a line
_FEW = 6  # pictures that are done before other processes have begun
_COLUMNS = ("input", "verdict", "sharpest_radius_px", "sharpest_radius_share", "in_focus_share", "confidence", "reason")
_STYLES = {"sharp": "green", "soft": "yellow", "missed": "magenta", "motion": "red", "blurred": "red"}


def _folder(text: str) -> Any:
    return Parameter(help=text, metavar="FOLDER", group="Sorting")


@Parameter(name="*", group="Files")
@dataclass(frozen=True)
class CullOptions(BatchOptions):
    """What culling can be told.

    Attributes
    ----------
    recursive, jobs, quiet, json, value_range, max_pixels, series, page, channel, verbose, log
        See `BatchOptions`.
    csv : Path or None
        Table to write.
    sheet : Path or None
        Contact sheet to write.
    overwrite : bool
        Whether both may replace files.
    sort : str or None
        Order of the table.
    best_of : int
        Pictures of each burst that are marked; 0 marks none.
    gap : float
        Seconds between two pictures of a burst at most.
    move, copy, link : Path or None
        Folder to sort the pictures into, by their verdict.
    dry_run : bool
        Only show what would be moved.
    xmp : bool
        Write sidecars.
    cache : bool
        Use what earlier runs found.
    """

    jobs: Jobs = 0
    value_range: Annotated[tuple[float, float] | None, Parameter(parse=False)] = None
    csv: Annotated[Path | None, Parameter(help="Table to write.", metavar="FILE")] = None
    sheet: Annotated[
        Path | None,
        Parameter(help="Contact sheet to write: one page (HTML) with what is sharpest boxed.", metavar="FILE"),
    ] = None
    overwrite: Overwrite = False
    cache: Annotated[
        bool,
        Parameter(help="Use what earlier runs found of the same files.", negative="--no-cache", show_default=False),
    ] = True
    sort: Annotated[
        Literal["verdict", "radius", "share", "name"] | None,
        Parameter(help="Print a sorted table at the end, in place of lines as they come.", group="Sorting"),
    ] = None
    best_of: Annotated[
        int, Parameter(help="Mark the best so many of each burst; 0 marks none.", metavar="N", group="Sorting")
    ] = 0
    gap: Annotated[
        float,
        Parameter(
            help="Seconds between two pictures of a burst at most; without times names count.",
            metavar="SECONDS",
            group="Sorting",
        ),
    ] = 2.0
    move: Annotated[Path | None, _folder("Move each picture into FOLDER/VERDICT.")] = None
    copy: Annotated[Path | None, _folder("Copy each picture into FOLDER/VERDICT.")] = None
    link: Annotated[Path | None, _folder("Link each picture into FOLDER/VERDICT.")] = None
    dry_run: Annotated[bool, flag("Show what would be done and do nothing.", group="Sorting")] = False
    xmp: Annotated[
        bool, flag("Write rating and label into XMP sidecars; other programs' fields stay.", group="Sorting")
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(one is not None for one in (self.move, self.copy, self.link)) > 1:
            raise InputError("move, copy and link: choose one")
        if self.best_of < 0:
            raise InputError(f"best-of must be 0 or more, not {self.best_of}")
        for place in (self.csv, self.sheet):
            if place is not None and place.exists() and not self.overwrite:
                raise InputError(f"{place}: is there already (--overwrite replaces it)")


@dataclass(frozen=True)
class Culled:
    """Judges one picture; can be sent to another process.

    Attributes
    ----------
    max_pixels : int
    part : Part
        Of a TIFF: which of its pictures, planes and channels.
    """

    max_pixels: int
    part: Part

    def __call__(self, file: Path, progress: Progress) -> Facts:
        """Return the facts of a picture."""
        from defocus.culling import sharpness_of_file

        return sharpness_of_file(file, max_pixels=self.max_pixels, part=self.part, progress=progress).facts()


def cull(inputs: list[Path], options: CullOptions, scheduler: str | None) -> int:
    """Judge pictures, and do with them what the options say; return the exit code."""
    if STANDARD in inputs and (options.xmp or options.move or options.copy or options.link):
        raise InputError("standard input (-) cannot be moved, copied, linked or given a sidecar")
    target = options.move or options.copy or options.link
    with taken(inputs, recursive=options.recursive, output=target) as pictures:
        found: dict[Path, Facts] = {}
        code = _judge(pictures, options, scheduler, found)
        rows = _ordered(_marked(found, options), options.sort)
        if _waits(options):
            _print(rows, pictures, options)
        if options.csv is not None and not options.dry_run:
            _write_csv(options.csv, rows, pictures, overwrite=options.overwrite)
        if options.sheet is not None and not options.dry_run:
            from defocus.culling.sheet import write_sheet

            write_sheet(options.sheet, rows, overwrite=options.overwrite)
        return _sorted_out(rows, pictures, options) or code


def _waits(options: CullOptions) -> bool:
    """Return whether results are printed at the end, as their order or marks follow from all."""
    return options.sort is not None or options.best_of > 0


def _judge(pictures: Pictures, options: CullOptions, scheduler: str | None, found: dict[Path, Facts]) -> int:
    """Judge the pictures, but for those that earlier runs judged."""
    from defocus.culling.kept import Kept
    from defocus.tuning import TUNING

    kept = Kept(None, f"{TUNING!r} {part_of(options)!r}") if options.cache else None
    known = {}
    if kept is not None:
        known = {file: facts for file in pictures.files if (facts := kept.get(file)) is not None}

    def see(file: Path, facts: Facts) -> None:
        found[file] = facts
        if kept is not None and file not in known:
            kept.put(file, facts)

    shown_as_they_come = dataclasses.replace(options, csv=None, sheet=None)
    if _waits(options):
        shown_as_they_come = dataclasses.replace(shown_as_they_come, quiet=True, json=False)
    if options.jobs == 0 and len(pictures.files) - len(known) <= _FEW:
        shown_as_they_come = dataclasses.replace(shown_as_they_come, jobs=1)
    try:
        return each_file(
            pictures,
            Culled(options.max_pixels, part_of(options)),
            shown_as_they_come,
            scheduler=scheduler,
            line=_line,
            see=see,
            known=known,
        )
    finally:
        if kept is not None:
            kept.close()


def _line(name: str, facts: Facts) -> str:
    radius = facts["sharpest_radius_px"]
    measured = "        " if radius is None else f"{radius:5.2f} px"
    return f"{facts['verdict']:11} {measured}  {shown(name)}: {facts['reason']}"


def _marked(found: dict[Path, Facts], options: CullOptions) -> dict[Path, Facts]:
    """Return the facts with bursts and the best of each, if they are asked for."""
    if not options.best_of:
        return found
    from defocus.culling.bursts import best_of, bursts, taken_at

    groups = bursts(list(found), {file: taken_at(file) for file in found}, options.gap)
    best = best_of(groups, found, options.best_of)
    return {file: {**facts, "burst": groups[file], "best": file in best} for file, facts in found.items()}


def _ordered(found: Mapping[Path, Facts], sort: str | None) -> list[tuple[Path, Facts]]:
    from defocus.culling.bursts import rank

    def key(row: tuple[Path, Facts]) -> Any:
        file, facts = row
        if sort == "name":
            return str(file)
        if sort == "share":
            return -facts["in_focus_share"]
        if sort == "radius":
            return rank(facts)[1]
        return rank(facts)

    return sorted(found.items(), key=key)


def _print(rows: list[tuple[Path, Facts]], pictures: Pictures, options: CullOptions) -> None:
    if options.json:
        for file, facts in rows:
            print(json.dumps({"version": VERSION, "input": pictures.name(file), **facts}))
        return
    if options.quiet:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("picture", "verdict", "sharpest", "in focus", "burst" if options.best_of else "", "why"):
        if name:
            table.add_column(name, overflow="fold", justify="right" if name in ("sharpest", "in focus") else "left")
    for file, facts in rows:
        radius = facts["sharpest_radius_px"]
        cells = [
            shown(Path(pictures.name(file)).name),
            Text(facts["verdict"], _STYLES.get(facts["verdict"], "")),
            "" if radius is None else f"{radius:.2f} px",
            f"{100 * facts['in_focus_share']:.0f} %",
        ]
        if options.best_of:
            cells.append(("* " if facts["best"] else "  ") + shown(facts["burst"]))
        table.add_row(*(Text(one) if isinstance(one, str) else one for one in (*cells, facts["reason"])))
    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    console = Console(width=_WIDEST, color_system=None, highlight=False)  # a line for each picture, for other programs
    with console.capture() as captured:
        console.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _write_csv(place: Path, rows: list[tuple[Path, Facts]], pictures: Pictures, *, overwrite: bool) -> None:
    from defocus.pictures.files import written_whole

    names = [*_COLUMNS[:-1]]
    for _, facts in rows[:1]:
        names += [name for name in facts if name not in names and name != "reason"]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [*names, "reason"], extrasaction="ignore")
    writer.writeheader()
    for file, facts in rows:
        flat = {name: " ".join(map(str, value)) if isinstance(value, list) else value for name, value in facts.items()}
        writer.writerow({"input": pictures.name(file), **flat})
    with written_whole(place, overwrite=overwrite) as beside:
        beside.write_text(buffer.getvalue(), encoding="utf-8", errors="surrogateescape", newline="")


def _sorted_out(rows: list[tuple[Path, Facts]], pictures: Pictures, options: CullOptions) -> int:
    """Write sidecars and sort the pictures into folders; return the exit code."""
    from defocus.culling.sorting import carry_out, plan
    from defocus.culling.xmp import sidecar, write_sidecar

    failed = 0
    target = options.move or options.copy or options.link
    verdicts = {file: facts["verdict"] if facts.get("best", True) else "not best" for file, facts in rows}
    steps = [] if target is None else plan(verdicts, target, pictures.below, sidecars=True)
    if options.xmp:
        for file, facts in rows:
            if options.dry_run:
                print(f"would write {shown(sidecar(file))}")
                continue
            try:
                write_sidecar(file, facts)
            except DefocusError as error:
                print(f"defocus: {shown(error)}", file=sys.stderr)
                failed = 1
        if target is not None and not options.dry_run:
            steps = plan(verdicts, target, pictures.below, sidecars=True)
    how: Literal["move", "copy", "link"] = "move" if options.move else "copy" if options.copy else "link"
    if not options.quiet and not options.json:
        for step in steps:
            print(f"{'would ' if options.dry_run else ''}{how} {shown(step.source)} -> {shown(step.target)}")
    if not options.dry_run:
        carry_out(steps, how)
    return failed
