"""How controls lie in a dock: in rows with their labels in line, as narrow as they can be."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, Container, FloatSlider, Label, PushButton
from magicgui.widgets.bases import ButtonWidget

__all__ = ["AUTO", "elide", "labelled", "name_parts", "row", "shortcut", "stacked", "unknown_choice", "wrap"]

AUTO = "auto"
"""The choice of leaving out what is unknown in fluorescence only."""

_LABEL_WIDTH = 120  # px; longer labels wrap


def row(*widgets: Any, **about: Any) -> Container:  # type: ignore[type-arg]
    """Return controls side by side, without margins."""
    made = Container(widgets=list(widgets), layout="horizontal", labels=False, **about)
    made.margins = (0, 0, 0, 0)
    return made


def wrap(label: Label) -> None:
    """Let a label take the width that there is, break its lines there, and never ask for more."""
    native = label.native
    policy = native.sizePolicy()
    policy.setHorizontalPolicy(policy.Policy.Ignored)
    policy.setVerticalPolicy(policy.Policy.Preferred)
    policy.setHeightForWidth(True)
    native.setSizePolicy(policy)
    native.setWordWrap(True)


def stacked(*widgets: Any, **about: Any) -> Container:  # type: ignore[type-arg]
    """Return controls one below the other, without margins."""
    made = Container(widgets=list(widgets), labels=False, **about)
    made.margins = (0, 0, 0, 0)
    return made


def labelled(control: Any) -> Any:
    """Return a control with its label before it, or above it if it is a slider; those with text of their own as is."""
    if isinstance(control, ButtonWidget) or getattr(control, "slider", None) is not None:
        return control
    text = Label(value=control.label, tooltip=control.tooltip)
    control.native.setAccessibleName(control.label)  # for screen readers
    control.native.setToolTip(control.tooltip or "")  # of all its parts
    if isinstance(control, FloatSlider):
        return stacked(text, control)
    if isinstance(control, Label):
        wrap(control)
    text.native.setWordWrap(True)
    text.min_width = text.max_width = _LABEL_WIDTH
    control.native.setMinimumWidth(1)  # whatever it holds: a dock is not widened by that
    return row(text, control)


def name_parts(native: Any) -> None:
    """Give the parts of controls that have no name of their own that of the control, for screen readers.

    Parameters
    ----------
    native : QWidget
        That holds the controls.
    """
    from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit

    for kind in (QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit):
        for part in native.findChildren(kind):
            holder = part.parentWidget()
            while not part.accessibleName() and holder is not None and holder is not native:
                part.setAccessibleName(holder.accessibleName())
                holder = holder.parentWidget()


def unknown_choice() -> ComboBox:
    """Return a choice of what a map shows where nothing is known; its value is a word of `AUTO`, "drawn", "nan"."""
    return ComboBox(
        label="What is unknown",
        choices=[("left out in fluorescence", AUTO), ("drawn by what lies around", "drawn"), ("left out", "nan")],
        tooltip="Where no window tells its blur: transparent (NaN), or drawn by the radius of the surroundings. "
        "Of fluorescence most is ground.",
    )


def elide(box: ComboBox) -> None:
    """Let a list of choices be narrower than its longest name, which is then shortened by dots."""
    native = box.native
    native.setSizeAdjustPolicy(native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    native.setMinimumContentsLength(8)


def shortcut(dock: Container, button: PushButton, *keys: str) -> None:  # type: ignore[type-arg]
    """Let keys press a button while the keyboard is in its dock, and say the first of them in its tooltip.

    Elsewhere they do nothing, so that several docks may have the same ones.
    """
    from qtpy.QtCore import Qt
    from qtpy.QtGui import QAction, QKeySequence

    action = QAction(button.text, dock.native)
    action.setShortcuts([QKeySequence(one) for one in keys])
    action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    action.triggered.connect(button.native.click)
    dock.native.addAction(action)
    shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    button.tooltip = f"{button.tooltip} ({shown})"
