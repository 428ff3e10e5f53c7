"""The experiments' report: one page that holds its own plots and opens without a network."""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Section", "curves", "likelihood_surfaces", "new_figure", "page", "pictures"]

_RADIUS = "blur radius r (px)"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;max-width:1100px;padding:0 1em;color:#222}"
    "img{max-width:100%}figure{margin:1em 0}figcaption{font-size:14px;color:#555}"
    "table{border-collapse:collapse;margin:1em 0}td,th{padding:.25em .8em;border-bottom:1px solid #ddd;"
    "text-align:right}td:first-child,th:first-child{text-align:left}"
)


@dataclass
class Section:
    """One experiment: what it shows, its numbers and its plots.

    Attributes
    ----------
    title, text : str
    head : sequence of str
        Column titles of the table of numbers.
    rows : list of sequences
        Cells of the table; a float is shown with two decimals.
    figures : list of (caption, figure)
        Matplotlib figures.
    """

    title: str
    text: str
    head: Sequence[str] = ()
    rows: list[Sequence[Any]] = field(default_factory=list)
    figures: list[tuple[str, Any]] = field(default_factory=list)


def new_figure(width: float, height: float, columns: int = 1, **options: Any) -> tuple[Any, Any]:
    """Return a matplotlib figure of some inches, and its axes in an array (columns,).

    Parameters
    ----------
    width, height : float
        In inches.
    columns : int
        Number of axes, side by side.
    **options
        For matplotlib's `Figure.subplots`.

    Raises
    ------
    InputError
        If matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError('the plots need matplotlib: pip install "napari-defocus[plots]"') from error
    # A figure of its own, not pyplot's: no window system is touched
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False, **options)[0]


def likelihood_surfaces(
    names: Sequence[str],
    radii: NDArray[np.floating],
    variances: NDArray[np.floating],
    surfaces: Sequence[NDArray[np.floating]],
    truth: float,
) -> Any:
    """Return a figure of log p over r and s as surfaces above and contours below.

    Parameters
    ----------
    names : sequence of str
        One for each surface.
    radii : float (R,)
        In px.
    variances : float (S,)
    surfaces : sequence of float (S, R)
        log p, 0 at the best.
    truth : float
        True radius in px.
    """
    figure, _ = new_figure(5.2 * len(names), 8.4)
    figure.clear()
    base = np.log10(variances)
    floor = -60.0
    for column, (name, surface) in enumerate(zip(names, surfaces, strict=True)):
        shown = np.maximum(surface, floor)
        solid = figure.add_subplot(2, len(names), column + 1, projection="3d")
        across, along = np.meshgrid(radii, base)
        solid.plot_surface(across, along, shown, cmap="viridis", rstride=1, cstride=1, linewidth=0)
        solid.view_init(35, -70)
        solid.set(title=name, xlabel="r (px)", ylabel="log10 s", zlabel="log p")
        flat = figure.add_subplot(2, len(names), len(names) + column + 1)
        drawn = flat.contourf(radii, base, shown, levels=np.linspace(floor, 0, 25), cmap="viridis")
        flat.contour(radii, base, shown, levels=[-3, -1], colors="white", linewidths=0.8)
        flat.axvline(truth, color="red", linestyle="--", label="true radius")
        flat.legend(loc="upper left")
        flat.set(xlabel=_RADIUS, ylabel="log10 of the gradient variance s")
        figure.colorbar(drawn, ax=flat, label="log p, less its maximum (nats)", ticks=np.arange(floor, 1, 20))
    return figure


def curves(
    names: Sequence[str], radii: NDArray[np.floating], profiles: Sequence[NDArray[np.floating]], truth: float
) -> Any:
    """Return a figure of log p against r, one panel each, with the true radius marked.

    Parameters
    ----------
    names : sequence of str
        Titles of the panels.
    radii : float (R,)
        In px.
    profiles : sequence of float (R,)
        log p in nats, less its maximum.
    truth : float
        The true radius in px.
    """
    figure, axes = new_figure(4.2 * len(names), 3.4, len(names))
    for axis, name, profile in zip(axes, names, profiles, strict=True):
        axis.plot(radii, profile)
        axis.axvline(truth, color="red", linestyle="--", label="true radius")
        axis.set(title=name, xlabel=_RADIUS, ylabel="log p, less its maximum (nats)")
        axis.set_ylim(min(-1.0, max(float(np.min(profile)), -40.0)) * 1.05, 0.5)
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
    return figure


def pictures(panels: Sequence[tuple[str, NDArray[Any], float | None]]) -> Any:
    """Return a figure of pictures in a row.

    Parameters
    ----------
    panels : sequence of (title, values, largest)
        Values up to `largest` px in colour, or a grey picture in [0, 1] if that is None; NaN is grey.
    """
    figure, axes = new_figure(3.6 * len(panels), 3.2, len(panels))
    shown = None
    for axis, (title, values, largest) in zip(axes, panels, strict=True):
        if largest is None:
            axis.imshow(values, cmap="gray", vmin=0, vmax=1)
        else:
            axis.set_facecolor("0.6")
            shown = axis.imshow(values, cmap="viridis", vmin=0, vmax=largest)
        axis.set_title(title, fontsize=10)
        axis.set(xticks=[], yticks=[])
    if shown is not None:
        figure.colorbar(shown, ax=axes, label=_RADIUS, shrink=0.8)
    return figure


def _cell(value: Any) -> str:
    return html.escape(f"{value:.2f}" if isinstance(value, float) else str(value))


def page(title: str, opening: str, sections: Sequence[Section]) -> str:
    """Return the report as HTML that refers to nothing outside itself."""
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title><style>{_STYLE}</style>",
        f"<h1>{html.escape(title)}</h1><p>{html.escape(opening)}</p>",
    ]
    for section in sections:
        parts.append(f"<h2>{html.escape(section.title)}</h2><p>{html.escape(section.text)}</p>")
        if section.rows:
            parts.append("<table><tr>" + "".join(f"<th>{html.escape(name)}" for name in section.head) + "</tr>")
            parts += ["<tr>" + "".join(f"<td>{_cell(value)}" for value in row) + "</tr>" for row in section.rows]
            parts.append("</table>")
        for caption, figure in section.figures:
            stream = io.BytesIO()
            figure.savefig(stream, format="png", dpi=90)
            data = base64.b64encode(stream.getvalue()).decode()
            text = html.escape(caption)
            parts.append(f"<figure><img alt='{text}' src='data:image/png;base64,{data}'>")
            parts.append(f"<figcaption>{text}</figcaption></figure>")
    parts.append("</html>")
    return "\n".join(parts)
