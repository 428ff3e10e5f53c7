"""Validity: which pixels carry evidence, and how much of each window does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.pictures.picture import Picture
    from defocus.tuning import EvidenceTuning

__all__ = ["mean_at", "valid_fraction", "valid_pixels"]


def valid_pixels(picture: Picture, luminance: NDArray[np.float32], tuning: EvidenceTuning) -> NDArray[np.bool_] | None:
    """Return where pixels carry evidence; None if all do. The sharp inner edge of a frame tells nothing of the lens."""
    turns = [_lines_of_frame(np.rot90(luminance, k), tuning) for k in range(4)]
    if picture.alpha is None and not any(turns):
        return None
    valid = np.ones(picture.shape, bool) if picture.alpha is None else picture.alpha >= 0.5
    for k, lines in enumerate(turns):
        np.rot90(valid, k)[:lines] = False
    return valid


def _lines_of_frame(luminance: NDArray[np.float32], tuning: EvidenceTuning) -> int:
    """Return how many rows at the top are a frame: of one colour each, few, and something else below."""
    inner = luminance[: tuning.frame + 1, tuning.frame : -tuning.frame]
    constant = np.ptp(inner, axis=1) <= tuning.frame_level
    return 0 if constant.all() else int(constant.argmin())


def valid_fraction(
    valid: NDArray[np.bool_], window: NDArray[np.float64], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the part of each window's weight that is valid.

    Parameters
    ----------
    valid : bool (H, W)
    window : float64 (N,)
        Weights of the window along one axis.
    rows, columns : int64 (h,), (w,)
        Pixels on which windows are centred.

    Returns
    -------
    float32 (h, w)
        In [0, 1].
    """
    return mean_at(valid.astype(np.float32), window, rows, columns)


def mean_at(
    values: NDArray[np.float32], window: NDArray[np.float64], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the weighted mean of each window.

    Parameters
    ----------
    values : float32 (H, W)
    window : float64 (N,)
    rows, columns : int64 (h,), (w,)
        As in `valid_fraction`.

    Returns
    -------
    float32 (h, w)
    """
    half = len(window) // 2
    weight = (window / window.sum()).astype(np.float32)
    padded = np.pad(values, half, mode="symmetric")
    lines = sum(weight[t] * padded[:, columns + t] for t in range(len(weight)))
    return np.asarray(sum(weight[t] * lines[rows + t] for t in range(len(weight))), np.float32)
