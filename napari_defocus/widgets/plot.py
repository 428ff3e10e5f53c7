"""The plot of focus over z, drawn by matplotlib in the Qt that runs already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from defocus.effects.focus_stack import FocusCurve
    from defocus.measures import Table

__all__ = ["FocusPlot"]

_LINE_COLOR = "#8a8d93"  # seen on light and on dark
_FIRST, _SECOND = "#4a90e2", "#ff8000"


class FocusPlot:
    """In-focus share and median radius against slice, or the sharpest slice against time; a click goes there.

    Parameters
    ----------
    go_to : callable
        Called with the index of the slice, or the time, that was clicked on.

    Attributes
    ----------
    native : QWidget
        The canvas, to be put into a layout.
    """

    def __init__(self, go_to: Callable[[int], None]) -> None:
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=(2.8, 2.5), layout="constrained")
        self.native: Any = FigureCanvasQTAgg(self.figure)  # type: ignore[no-untyped-call]
        self.native.setMinimumHeight(220)
        self.native.setStyleSheet("background-color: transparent;")
        self.figure.patch.set_alpha(0.0)  # the viewer's own background, light or dark
        self._go_to = go_to
        self._count = 0
        self.figure.canvas.mpl_connect("button_press_event", self._on_click)

    def show(self, curve: FocusCurve) -> None:
        """Draw a curve."""
        left, right = self._axes(len(curve.median_radius))
        slices = range(self._count)
        left.plot(slices, 100 * curve.in_focus_share, color=_FIRST, marker=".")
        right.plot(slices, curve.median_radius, color=_SECOND, marker=".")
        if curve.sharpest is not None:
            left.axvline(curve.sharpest, color="gray", linestyle=":")
        left.set_xlabel("slice" + ("" if curve.sharpest is None else f" (sharpest: {curve.sharpest})"))
        left.set_ylabel(f"in focus, radius ≤ {curve.threshold:g} px (%)", color=_FIRST)
        right.set_ylabel("median radius (px)", color=_SECOND)
        self._done("In-focus share and median radius of each slice", "A click goes to a slice.")

    def show_times(self, table: Table) -> None:
        """Draw the sharpest slice of each time and its radius, as `defocus.timelapse.focus_over_time` tells them."""
        left, right = self._axes(len(table["sharpest"]))
        best = np.where(table["sharpest"] < 0, np.nan, table["sharpest"])
        left.plot(table["time"], best, color=_FIRST, marker=".")
        right.plot(table["time"], table["median_radius_px"], color=_SECOND, marker=".")
        left.set_xlabel("time")
        left.set_ylabel("sharpest slice", color=_FIRST)
        right.set_ylabel("its median radius (px)", color=_SECOND)
        self._done("Sharpest slice and its median radius at each time", "A click goes to a time and its slice.")

    def _axes(self, count: int) -> tuple[Any, Any]:
        """Return empty axes, left and right, for so many points."""
        from matplotlib.ticker import MaxNLocator

        self.figure.clear()
        self._count = count
        left = self.figure.add_subplot()
        right = left.twinx()
        for axes in (left, right):
            axes.set_facecolor("none")
            axes.tick_params(colors=_LINE_COLOR)
            axes.spines[:].set_color(_LINE_COLOR)
        left.xaxis.label.set_color(_LINE_COLOR)
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
        return left, right

    def _done(self, name: str, tooltip: str) -> None:
        """Show what was drawn, and say what it is."""
        for axes in self.figure.axes:
            axes.set_ylim(bottom=0)
        self.native.setAccessibleName(name)
        self.native.setToolTip(tooltip)
        self.figure.canvas.draw_idle()

    def _on_click(self, event: Any) -> None:
        if event.xdata is not None and self._count:
            self._go_to(min(max(round(event.xdata), 0), self._count - 1))
