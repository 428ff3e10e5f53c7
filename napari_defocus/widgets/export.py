"""The rows that write a result to a file, which is named after the result and never overwritten unasked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit, PushButton

from napari_defocus.layers.export import file_name, save_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer

__all__ = ["Export"]


class Export:
    """A file and a button that writes a layer to it.

    Parameters
    ----------
    layer : callable
        Returns the layer to write, or raises an error that says why there is none.
    say : callable
        Called with one line for the person.
    text : str
        Of the button.

    Attributes
    ----------
    file : FileEdit
    button : PushButton
    """

    def __init__(self, layer: Callable[[], Layer], say: Callable[[str], None], text: str) -> None:
        self._layer, self._say, self._text = layer, say, text
        self._suggested = ""
        self._asked: Path | None = None  # about this file the person was asked
        self._save: Callable[[Any, Path], None] = save_result
        self.file = FileEdit(
            mode=FileDialogMode.OPTIONAL_FILE,
            label="File",
            filter="*.png *.tif *.csv",
            tooltip="Where to write the result: .tif or .ome.tif, or .png for a mask.",
        )
        self.button = PushButton(text=text, tooltip="Write the result, and what it was made by, to the file above.")
        self.file.changed.connect(self._forget)

    def suggest(self, layer: Layer) -> None:
        """Name the file after a layer, unless the person named one."""
        self.suggest_name(file_name(layer))

    def suggest_name(self, name: str) -> None:
        """Name the file, unless the person named one."""
        suggested = str(Path.cwd() / name)
        if str(self.file.value) in (".", "", self._suggested) and suggested != self._suggested:
            self._suggested = suggested
            self.file.value = Path(suggested)

    def write_with(self, save: Callable[[Any, Path], None]) -> None:
        """Let something else write what is there to a file."""
        self._save = save

    def write(self) -> None:
        """Write the layer; if the file is there already, say so first and write when asked again."""
        layer, file = self._layer(), Path(str(self.file.value))
        if file.is_file() and self._asked != file:
            self._asked = file
            self.button.text = "Overwrite it"
            self._say(f"{file.name} is there already. Press {self.button.text}, or choose another file.")
            return
        if not file.parent.is_dir() and self._asked != file:
            self._asked = file
            self.button.text = "Make the folder"
            self._say(f"There is no folder {file.parent}. Press {self.button.text}, or choose another.")
            return
        self._forget()
        self._save(layer, file)
        self._say(f"wrote {file.name}")

    def _forget(self) -> None:
        self._asked = None
        self.button.text = self._text
