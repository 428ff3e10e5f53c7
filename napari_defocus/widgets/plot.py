"""The plot of focus over z, drawn by matplotlib in the Qt that runs already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from defocus.effects.focus_stack import FocusCurve

__all__ = ["FocusPlot"]

_LINE_COLOR = "#8a8d93"  # seen on light and on dark


class FocusPlot:
    """In-focus share and median radius against slice; a click goes to a slice.

    Parameters
    ----------
    go_to : callable
        Called with the index of the slice that was clicked on.

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
        self.native.setAccessibleName("In-focus share and median radius of each slice")
        self.native.setToolTip("A click goes to a slice.")
        self.native.setStyleSheet("background-color: transparent;")
        self.figure.patch.set_alpha(0.0)  # the viewer's own background, light or dark
        self._go_to = go_to
        self._count = 0
        self.figure.canvas.mpl_connect("button_press_event", self._on_click)

    def show(self, curve: FocusCurve) -> None:
        """Draw a curve."""
        self.figure.clear()
        slices = range(len(curve.median_radius))
        self._count = len(slices)
        left = self.figure.add_subplot()
        right = left.twinx()
        share_color, radius_color = "#4a90e2", "#ff8000"
        left.plot(slices, 100 * curve.in_focus_share, color=share_color, marker=".")
        right.plot(slices, curve.median_radius, color=radius_color, marker=".")
        if curve.sharpest is not None:
            left.axvline(curve.sharpest, color="gray", linestyle=":")
        left.set_xlabel("slice" + ("" if curve.sharpest is None else f" (sharpest: {curve.sharpest})"))
        left.set_ylabel(f"in focus, radius ≤ {curve.threshold:g} px (%)", color=share_color)
        right.set_ylabel("median radius (px)", color=radius_color)
        for axes in (left, right):
            axes.set_facecolor("none")
            axes.tick_params(colors=_LINE_COLOR)
            axes.spines[:].set_color(_LINE_COLOR)
        left.xaxis.label.set_color(_LINE_COLOR)
        left.set_ylim(bottom=0)
        right.set_ylim(bottom=0)
        self.figure.canvas.draw_idle()

    def _on_click(self, event: Any) -> None:
        if event.xdata is not None and self._count:
            self._go_to(min(max(round(event.xdata), 0), self._count - 1))
