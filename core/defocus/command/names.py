"""Names: what a result is called and where it lies, from the picture that it belongs to and from what was asked."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["USUAL_NAMES", "Naming", "checked_pattern", "shown"]

USUAL_NAMES = "{stem}_{what}"
_FIELDS = ("stem", "name", "folder", "what")


def checked_pattern(pattern: str) -> str:
    """Return a pattern of names.

    Raises
    ------
    InputError
        If it is none, or names something that is not known.
    """
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None}
        pattern.format(**dict.fromkeys(_FIELDS, "x"))
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise InputError(f"names: {pattern!r} is no pattern of names ({error})") from error
    if not fields & {"stem", "name"}:
        raise InputError(f"names: {pattern!r} gives every picture's results one name: it needs {{stem}} or {{name}}")
    return pattern


def shown(name: object) -> str:
    r"""Return a name as one line shows it: what is no printable character is written as Python would.

    Examples
    --------
    >>> shown("two\nlines.jpg")
    'two\\nlines.jpg'
    """
    return "".join(
        one if one.isprintable() or "\udc80" <= one <= "\udcff" else one.encode("unicode_escape").decode()
        for one in str(name)
    )


@dataclass(frozen=True)
class Naming:
    """What the results of each picture are called.

    Attributes
    ----------
    output : Path
        Folder of all results.
    pattern : str
        See `defocus.command.options.ResultOptions`.
    suffix : str or None
        In place of "_WHAT" in the name of the first result.
    below : mapping of Path to Path
        In which folder below `output` the results of a picture lie, where it was found by walking a folder.
    """

    output: Path
    pattern: str = USUAL_NAMES
    suffix: str | None = None
    below: Mapping[Path, Path] = field(default_factory=dict)

    def __call__(self, file: Path, *endings: str) -> list[Path]:
        """Return the places of a picture's results.

        Parameters
        ----------
        file : Path
        *endings : str
            Kind and ending of each, as "mask.png".

        Raises
        ------
        InputError
            If two of them would have one name.
        """
        folder = self.output / self.below.get(file, Path())
        places = [folder / self._name(file, ending, first=not index) for index, ending in enumerate(endings)]
        if len(set(places)) < len(places):
            raise InputError(
                f"names: {self.pattern!r} gives two results of {file.name} one name: {{what}} tells them apart"
            )
        return places

    def _name(self, file: Path, ending: str, *, first: bool) -> str:
        what, _, kind = ending.partition(".")
        pattern = self.pattern
        if first and self.suffix is not None:
            pattern = pattern.replace("_{what}", "").replace("{what}", "") + self.suffix.replace("{", "{{").replace(
                "}", "}}"
            )
        name = pattern.format(stem=file.stem, name=file.name, folder=file.absolute().parent.name, what=what)
        return f"{name}.{kind}"
