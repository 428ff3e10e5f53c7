"""Between the pixel grid and the grid of samples at which evidence is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.compiled import compiled
from defocus.parallel import run_parts
from defocus.progress import ignore_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.progress import Progress

__all__ = ["cell_means", "interpolate", "interpolate_along_edges", "nearest_known", "sample_positions"]

_STRIP = 256  # rows done at a time: temporary arrays stay small on large pictures


def sample_positions(length: int, spacing: int) -> NDArray[np.int64]:
    """Return the pixels at the middles of cells of `spacing` px that cover `length` px, int64 (h,)."""
    return np.minimum(np.arange(0, length, spacing) + spacing // 2, length - 1)


def nearest_known(known: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return where the nearest known place of each place lies, rows and columns, int32 (H, W) each.

    Parameters
    ----------
    known : bool (H, W)
        True somewhere.

    Examples
    --------
    >>> values = np.array([[7, 0, 0, 9]])
    >>> values[nearest_known(values > 0)]
    array([[7, 7, 9, 9]])
    """
    from scipy import ndimage

    rows, columns = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return rows, columns


def cell_means(
    values: NDArray[np.float32], spacing: int, *, progress: Progress = ignore_progress
) -> NDArray[np.float32]:
    """Return the mean of each cell of `spacing` x `spacing` px; the last may be smaller.

    Parameters
    ----------
    values : float32 (H, W) or (H, W, C)
    spacing : int
    progress : callable, optional

    Returns
    -------
    float32 (h, w) or (h, w, C)
    """
    height, width = values.shape[:2]
    y, x = np.arange(0, height, spacing), np.arange(0, width, spacing)
    area = np.outer(np.diff(np.append(y, height)), np.diff(np.append(x, width))).astype(np.float32)
    area = area.reshape(area.shape + (1,) * (values.ndim - 2))
    means = np.empty((len(y), len(x), *values.shape[2:]), np.float32)
    cells = max(1, _STRIP // spacing)  # rows of cells done at a time

    def strip(first: int) -> None:
        part = values[first * spacing : (first + cells) * spacing]
        sums = np.add.reduceat(part, np.arange(0, len(part), spacing), axis=0, dtype=np.float32)
        means[first : first + cells] = np.add.reduceat(sums, x, axis=1, dtype=np.float32)

    run_parts(strip, range(0, len(y), cells), progress=progress, stage="reducing the picture")
    means /= area
    return means


def _fractions(
    length: int, positions: NDArray[np.floating | np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each pixel the sample before it and how far it is on the way to the next, in [0, 1]."""
    place = np.interp(np.arange(length), positions, np.arange(len(positions)))
    first = np.clip(place.astype(np.int64), 0, max(len(positions) - 2, 0))
    return first, (place - first).astype(np.float32)


def interpolate(
    values: NDArray[np.float32],
    rows: NDArray[np.floating | np.integer],
    columns: NDArray[np.floating | np.integer],
    shape: tuple[int, int],
) -> NDArray[np.float32]:
    """Return samples at (rows, columns) interpolated linearly to every pixel.

    Parameters
    ----------
    values : float32 (h, w)
    rows, columns : (h,), (w,)
        Where the samples lie, in px; beyond the outermost ones their values are kept.
    shape : (H, W)

    Returns
    -------
    float32 (H, W)
    """
    x, along_x = _fractions(shape[1], columns)
    y, along_y = _fractions(shape[0], rows)
    values = values.astype(np.float32, copy=False)
    right = np.minimum(x + 1, len(columns) - 1)
    below = np.minimum(y + 1, len(rows) - 1)
    out = np.empty(shape, np.float32)
    for top in range(0, shape[0], _STRIP):
        part = slice(top, min(top + _STRIP, shape[0]))
        first, last = int(y[part][0]), int(below[part][-1]) + 1
        wide = values[first:last]
        wide = wide[:, x] * (1 - along_x) + wide[:, right] * along_x
        weight = along_y[part, np.newaxis]
        out[part] = wide[y[part] - first] * (1 - weight) + wide[below[part] - first] * weight
    return out


@compiled(nogil=True, error_model="numpy")
def _edge_weighted(values, means, color, first_row, first_column, rows, columns, spacing, sharpness, out):  # type: ignore[no-untyped-def]
    """Mean of the 4 x 4 samples around each pixel, weighted by nearness and by likeness of colour.

    Samples are repeated at their borders, so that each pixel has the four rows and columns from its first ones on.
    """
    for y in range(out.shape[0]):
        seen = -1
        low = high = np.float32(0)
        for x in range(out.shape[1]):
            # Most pixels of a mask have samples of one value, and need no weights; neighbours have the same samples
            if first_column[x] != seen:
                seen = first_column[x]
                low = high = values[first_row[y], seen]
                for row in range(first_row[y], first_row[y] + 4):
                    for column in range(seen, seen + 4):
                        value = values[row, column]
                        low = value if value < low else low
                        high = value if value > high else high
            if low == high:
                out[y, x] = low
                continue
            total = np.float32(0)
            weights = np.float32(1e-20)
            for row in range(first_row[y], first_row[y] + 4):
                for column in range(seen, seen + 4):
                    down = np.float32(y - rows[row]) / spacing[0]
                    right = np.float32(x - columns[column]) / spacing[1]
                    unlike = np.float32(0)
                    for c in range(3):
                        difference = color[y, x, c] - means[row, column, c]
                        unlike += difference * difference
                    # Bell-shaped like Gaussians, at a fraction of their price
                    likeness = np.float32(1) / (np.float32(1) + sharpness * unlike)
                    nearness = np.float32(1) / (np.float32(1) + down * down + right * right)
                    weight = nearness * nearness * likeness * likeness
                    total += weight * values[row, column]
                    weights += weight
            out[y, x] = total / weights


def interpolate_along_edges(
    values: NDArray[np.float32],
    color: NDArray[np.float32],
    means: NDArray[np.float32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    edge_scale: float,
    *,
    progress: Progress = ignore_progress,
) -> NDArray[np.float32]:
    """Return samples interpolated to every pixel so that they change where the colour does.

    Joint bilateral upsampling (Kopf, Cohen, Lischinski, Uyttendaele, SIGGRAPH 2007,
    https://doi.org/10.1145/1276377.1276497).

    Parameters
    ----------
    values : float32 (h, w)
    color : float32 (H, W, 3)
        The picture, RGB in [0, 1].
    means : float32 (h, w, 3)
        Mean colour around each sample.
    rows, columns : int (h,), (w,)
        Where the samples lie.
    edge_scale : float
        Colour difference that halves a sample's weight, about.
    progress : callable, optional

    Returns
    -------
    float32 (H, W)
    """
    height, width = color.shape[:2]
    y, _ = _fractions(height, rows)
    x, _ = _fractions(width, columns)
    out = np.empty((height, width), np.float32)
    sharpness = np.float32(0.5 / edge_scale**2)
    around = (1, 2)
    values = np.pad(np.asarray(values, np.float32), (around, around), mode="edge")
    means = np.pad(means, (around, around, (0, 0)), mode="edge")
    spacing = np.array([max(float(at[1] - at[0]), 1) if len(at) > 1 else 1 for at in (rows, columns)], np.float32)
    rows, columns = np.pad(rows, around, mode="edge"), np.pad(columns, around, mode="edge")

    def strip(top: int) -> None:
        part = slice(top, min(top + _STRIP, height))
        _edge_weighted(values, means, color[part], y[part], x, rows - top, columns, spacing, sharpness, out[part])

    run_parts(strip, range(0, height, _STRIP), progress=progress, stage="drawing at full size")
    return out
