"""Trees: a sum of small regression trees, and the table that holds them."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.compiled import compiled
from defocus.parallel import run_parts
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["TABLE", "UNKNOWN", "Trees", "read_table", "sum_of_trees", "trees_of"]

TABLE = TUNING.belief.path
"""The fitted trees."""

UNKNOWN = -1000.0
"""Stands for a number that is not known: less than all that are."""

_STRIP = 4  # rows of samples done at a time


@dataclass(frozen=True)
class Trees:
    """A sum of regression trees.

    Attributes
    ----------
    names : tuple of str
        The numbers that are asked for.
    number : int16 (T, N)
        Which number each node of each tree asks for.
    threshold : float32 (T, N)
        Up to which the way goes left.
    left, right : int16 (T, N)
        The next node; where negative, ``-1 - leaf``.
    value : float32 (T, N + 1)
        What each leaf adds.
    offset : float
        Added to the sum.
    """

    names: tuple[str, ...]
    number: NDArray[np.int16]
    threshold: NDArray[np.float32]
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    value: NDArray[np.float32]
    offset: float = 0.0


@functools.cache
def read_table(file: Path = TABLE) -> tuple[Trees, ...]:
    """Return the fitted passes."""
    with file.open(encoding="utf-8") as opened:
        passes: list[dict[str, Any]] = json.load(opened)["photograph"]
    return tuple(trees_of(part["names"], part["trees"], float(part["offset"])) for part in passes)


def trees_of(names: list[str], trees: list[list[list[float]]], offset: float = 0.0) -> Trees:
    """Return trees as arrays.

    Parameters
    ----------
    names : list of str
    trees : list
        Of each tree the numbers, thresholds, left and right children of its nodes, and the values of its leaves.
    offset : float, optional
    """
    size = max(len(tree[0]) for tree in trees)
    kinds = np.int16, np.float32, np.int16, np.int16, np.float32
    arrays = [np.zeros((len(trees), size + (part == 4)), kind) for part, kind in enumerate(kinds)]
    for row, tree in enumerate(trees):
        for array, part in zip(arrays, tree, strict=True):
            array[row, : len(part)] = part
    number, threshold, left, right, value = arrays
    return Trees(tuple(names), number, threshold, left, right, value, offset)


@compiled(nogil=True)
def _add_up(planes, unknown, number, threshold, left, right, value, offset, out):  # type: ignore[no-untyped-def]
    """Sum of the trees at each sample of some rows."""
    count, rows, columns = planes.shape
    sample = np.empty(count, np.float32)
    for y in range(rows):
        for x in range(columns):
            for n in range(count):
                known = planes[n, y, x]
                sample[n] = unknown if np.isnan(known) else known
            total = offset
            for tree in range(len(number)):
                node = np.int16(0)
                while node >= 0:
                    goes_left = sample[number[tree, node]] <= threshold[tree, node]
                    node = left[tree, node] if goes_left else right[tree, node]
                total += value[tree, -1 - node]
            out[y, x] = total


def sum_of_trees(trees: Trees, planes: NDArray[np.float32], *, threads: int | None = None) -> NDArray[np.float32]:
    """Return the sum of the trees at each sample.

    Parameters
    ----------
    trees : Trees
    planes : float32 (F, h, w)
        The numbers of each sample, as in ``trees.names``; NaN where one is not known.
    threads : int, optional
        As many as there are cores unless given; the result does not depend on it.

    Returns
    -------
    float32 (h, w)
    """
    out = np.empty(planes.shape[1:], np.float32)
    arrays = trees.number, trees.threshold, trees.left, trees.right, trees.value

    def strip(first: int) -> None:
        part = slice(first, first + _STRIP)
        _add_up(planes[:, part], np.float32(UNKNOWN), *arrays, np.float32(trees.offset), out[part])

    run_parts(strip, range(0, len(out), _STRIP), threads=threads)
    return out
