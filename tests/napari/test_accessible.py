"""Every control of every dock has a name for screen readers, and says what it is for when the pointer rests on it."""

from __future__ import annotations

import numpy as np
import pytest

DOCKS = (
    "Blur map",
    "In-focus mask",
    "Restore or magnify",
    "Focus over z",
    "Table of focus",
    "Many pictures",
)


def controls_of(dock):
    """Yield the controls that people move, press or write into, but not their parts."""
    from qtpy import QtWidgets

    kinds = (
        QtWidgets.QAbstractButton,
        QtWidgets.QComboBox,
        QtWidgets.QAbstractSpinBox,
        QtWidgets.QAbstractSlider,
        QtWidgets.QLineEdit,
        QtWidgets.QTableWidget,
        QtWidgets.QProgressBar,
    )

    def inside_another(one):
        parent = one.parentWidget()
        while parent is not None and parent is not dock:
            if isinstance(parent, kinds) or "View" in type(parent).__name__:
                return True
            parent = parent.parentWidget()
        return False

    for one in dock.findChildren(QtWidgets.QWidget):
        if isinstance(one, kinds) and not isinstance(one, QtWidgets.QScrollBar) and not inside_another(one):
            yield one


def explained(one, dock):
    """Whether it, or what it lies in, has a tooltip: Qt asks the parents where it has none of its own."""
    while one is not None and one is not dock:
        if one.toolTip():
            return True
        one = one.parentWidget()
    return False


def named(one):
    text = getattr(one, "text", None)
    is_button = type(one).__name__ in ("QPushButton", "QCheckBox", "QToolButton")
    return bool(one.accessibleName() or (is_button and text is not None and one.text()))


@pytest.mark.parametrize("name", DOCKS)
def test_no_control_is_without_name_or_tooltip(viewer, open_widget, name):
    viewer.add_image(np.zeros((2, 3, 60, 80)), name="series", axis_labels=("t", "z", "y", "x"))
    dock = open_widget(name).native
    found = list(controls_of(dock))
    assert len(found) > 12

    def told(one):
        holder = one.parentWidget().accessibleName() or type(one.parentWidget()).__name__
        return f"{type(one).__name__} {one.accessibleName() or getattr(one, 'text', str)()!r} in {holder}"

    unnamed = [told(one) for one in found if not named(one)]
    unexplained = [told(one) for one in found if not explained(one, dock)]
    assert (unnamed, unexplained) == ([], [])
