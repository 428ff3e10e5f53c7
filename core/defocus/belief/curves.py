"""Curves: a sum of one piecewise-linear curve per number, and the table that holds them."""

from __future__ import annotations

import functools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.compiled import compiled
from defocus.parallel import available_threads
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["TABLE", "Curves", "read_table", "sum_of_curves"]

TABLE = TUNING.belief.path
"""The fitted curves."""


@dataclass(frozen=True)
class Curves:
    """A sum of piecewise-linear curves.

    Attributes
    ----------
    names : tuple of str
        The number that each curve is of.
    knots, values : float32 (F, K)
        Where each curve bends, rising, and its values there; beyond the outermost knots it is constant.
    offset : float
        Added to the sum.
    """

    names: tuple[str, ...]
    knots: NDArray[np.float32]
    values: NDArray[np.float32]
    offset: float


@functools.cache
def read_table(file: Path = TABLE) -> tuple[Curves, ...]:
    """Return the fitted passes."""
    with file.open(encoding="utf-8") as opened:
        passes: list[dict[str, Any]] = json.load(opened)["photograph"]
    return tuple(
        Curves(
            tuple(part["curves"]),
            np.array([curve[0] for curve in part["curves"].values()], np.float32),
            np.array([curve[1] for curve in part["curves"].values()], np.float32),
            float(part["offset"]),
        )
        for part in passes
    )


@compiled(nogil=True, error_model="numpy")
def _add_up(planes, knots, values, offset, out):  # type: ignore[no-untyped-def]
    """Sum of the curves at the samples of one row; numbers that are not known have no say."""
    size = knots.shape[1]
    out[:] = offset
    for f in range(len(planes)):
        for i in range(planes.shape[1]):
            value = planes[f, i]
            if np.isnan(value):
                continue
            k = 0
            while k < size - 2 and value >= knots[f, k + 1]:
                k += 1
            part = (value - knots[f, k]) / (knots[f, k + 1] - knots[f, k])
            part = min(max(part, np.float32(0)), np.float32(1))
            out[i] += values[f, k] + part * (values[f, k + 1] - values[f, k])


def sum_of_curves(curves: Curves, planes: NDArray[np.float32], *, threads: int | None = None) -> NDArray[np.float32]:
    """Return the sum of the curves of the numbers of each sample.

    Parameters
    ----------
    curves : Curves
    planes : float32 (F, h, w)
        NaN where a number is not known.
    threads : int, optional
        As many as there are cores unless given; the result does not depend on it.

    Returns
    -------
    float32 (h, w)
    """
    _, height, width = planes.shape
    out = np.empty((height, width), np.float32)

    def row(y: int) -> None:
        _add_up(planes[:, y], curves.knots, curves.values, np.float32(curves.offset), out[y])

    with ThreadPoolExecutor(threads or available_threads()) as pool:
        list(pool.map(row, range(height), chunksize=16))
    return out
