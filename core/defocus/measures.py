"""Measures: tables of how sharp the parts of a picture are, and the frames of a series; a row for each.

A table is a mapping from the name of a column to its values, all of one length; `write_table` writes it as CSV, and
pandas takes it as it is. Names end in their unit.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.pictures.files import written_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    Table = dict[str, NDArray[Any]]

__all__ = ["as_csv", "frame_row", "frame_table", "label_table", "write_table"]

_LEAST_KNOWN = 0.1  # of a part, below which its verdict is that it is unknown
_FAR = 3.5  # robust standard deviations from the median of all frames that make an outlier
_LEAST_SPREAD = 0.1  # of the median radius, or of a px if that is less, below which frames do not differ
_NORMAL = 1.4826  # standard deviations in a median absolute deviation
_DIGITS = 5  # of a number in a CSV


def label_table(labels: ArrayLike, radius: ArrayLike, confidence: ArrayLike, threshold: float) -> Table:
    """Tell how sharp each labelled part of a picture is.

    Parameters
    ----------
    labels : integer array (H, W)
        0 is no part.
    radius : float array (H, W)
        Blur radius in px, or any unit; NaN where nothing is known, as of ``blur_map(unknown="nan")``.
    confidence : float array (H, W)
        In [0, 1].
    threshold : float
        Largest radius that counts as in focus.

    Returns
    -------
    dict of str to array
        Columns ``label``; ``pixels``; ``known_share`` of them, in [0, 1]; ``median_radius_px``, NaN where nothing is
        known; ``in_focus_share`` of what is known, NaN where nothing is; mean ``confidence`` of what is known, 0 where
        nothing is; ``verdict``: "in focus" where the median is at most the threshold, "out of focus", or "unknown"
        where less than a tenth is known. One row for each label, in their order.

    Raises
    ------
    InputError
        If the shapes differ, or labels are no whole numbers.

    Examples
    --------
    >>> table = label_table([[1, 1, 2, 2]], [[0.5, 1.5, 4.0, np.nan]], [[0.8, 0.8, 0.6, 0.0]], 2.0)
    >>> table["median_radius_px"], table["verdict"]
    (array([1., 4.]), array(['in focus', 'out of focus'], dtype='<U12'))
    """
    parts, radii, sure = np.asarray(labels), np.asarray(radius, np.float64), np.asarray(confidence, np.float64)
    if parts.dtype.kind not in "uib":
        raise InputError(f"labels are whole numbers, not {parts.dtype}")
    if parts.shape != radii.shape:
        raise InputError(f"labels of shape {parts.shape} for a picture of {radii.shape}")
    if sure.shape != radii.shape:
        raise InputError(f"a confidence of shape {sure.shape} for a map of {radii.shape}")
    inside = parts != 0
    names, number = np.unique(parts[inside].astype(np.int64), return_inverse=True)
    values, weights = radii[inside], sure[inside]
    known = np.isfinite(values)
    pixels = np.bincount(number, minlength=len(names))
    counts = np.bincount(number[known], minlength=len(names))
    within = np.bincount(number[known], values[known] <= threshold, len(names))
    sums = np.bincount(number[known], weights[known], len(names))
    order = np.lexsort((values[known], number[known]))
    parted = np.split(values[known][order], np.cumsum(counts)[:-1]) if len(names) else []
    median = np.array([np.median(part) if part.size else np.nan for part in parted], float)
    least = np.maximum(counts, 1)
    share = counts / np.maximum(pixels, 1)
    sharp = np.where(median <= threshold, "in focus", "out of focus")
    return {
        "label": names,
        "pixels": pixels,
        "known_share": share,
        "median_radius_px": median,
        "in_focus_share": np.where(counts > 0, within / least, np.nan),
        "confidence": sums / least,
        "verdict": np.where((share < _LEAST_KNOWN) | (counts == 0), "unknown", sharp),
    }


def frame_row(radius: ArrayLike, confidence: ArrayLike, threshold: float) -> dict[str, Any]:
    """Return how sharp one frame of a series is, as a row of a table; see `frame_table`.

    Parameters
    ----------
    radius : float array (H, W)
        Blur radius in px; NaN where nothing is known.
    confidence : float array (H, W)
        In [0, 1].
    threshold : float
        Largest radius that counts as in focus.
    """
    radii, sure = np.asarray(radius), np.asarray(confidence)
    known = np.isfinite(radii)
    some = bool(known.any())
    return {
        "known_share": float(known.mean()),
        "median_radius_px": float(np.median(radii[known])) if some else np.nan,
        "in_focus_share": float((radii[known] <= threshold).mean()) if some else np.nan,
        "threshold_px": float(threshold),
        "confidence": float(sure[known].mean()) if some else 0.0,
    }


def frame_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Put the rows of a series together, and mark the frames that are unlike the others.

    Parameters
    ----------
    rows : sequence of mapping
        What `frame_row` says of each frame, after the columns that tell which frame it is.

    Returns
    -------
    dict of str to array
        Those columns, and ``outlier``: whether the median radius lies far from that of the others, by 3.5 robust
        standard deviations and a third of it or of a px at least, or nothing is known of the frame while something is
        of most.
    """
    if not rows:
        return {}
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    radius = np.asarray(table["median_radius_px"], float)
    known = np.isfinite(radius)
    usual = float(np.median(radius[known])) if known.any() else 0.0
    spread = _NORMAL * float(np.median(np.abs(radius[known] - usual))) if known.any() else 0.0
    away = np.abs(np.where(known, radius, usual) - usual)
    far = away > _FAR * max(spread, _LEAST_SPREAD * max(usual, 1.0))
    table["outlier"] = far | (~known & (known.mean() > 0.5))
    return table


def as_csv(table: Mapping[str, ArrayLike]) -> str:
    """Return a table as CSV: a line of names, then one for each row; what is not known is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table)
    for row in zip(*(np.asarray(column).tolist() for column in table.values()), strict=True):
        writer.writerow([_plain(value) for value in row])
    return out.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.{_DIGITS}g}"
    return str(value).lower() if isinstance(value, bool) else value


def write_table(path: Path, table: Mapping[str, ArrayLike], *, overwrite: bool) -> None:
    """Write a table as CSV, whole or not at all.

    Parameters
    ----------
    path : Path
    table : mapping
    overwrite : bool

    Raises
    ------
    DefocusError
        If the file cannot be written, or is there and may not be replaced.
    """
    with written_whole(path, overwrite=overwrite) as beside:
        beside.write_text(as_csv(table), encoding="utf-8")
