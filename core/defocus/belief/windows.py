"""Windows: the numbers of each sample's own windows, of all radii at once."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from defocus.belief.names import MASSES, THRESHOLDS, WINDOW
from defocus.compiled import compiled
from defocus.parallel import available_threads
from defocus.tuning import TUNING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.tuning import EvidenceTuning

__all__ = ["window_numbers", "window_scale"]

_CONTRAST = 0.75  # as in the mask's cost
_TEMPER = 0.25  # energies of one window are correlated, so its log-likelihood counts its data several times
_CLIP = 23.0  # nats


@compiled(nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp"})
def _of_windows(profile, log_gradient_variance, radii, splits, masses, at, out):  # type: ignore[no-untyped-def]
    """Numbers of the windows of one row of samples; out[number, sample]."""
    count, size = profile.shape
    kinds = len(splits)
    for i in range(count):
        plain = profile[i]
        logs = log_gradient_variance[i]
        for k in range(2 * kinds):
            out[k, i] = np.float32(1e9)  # least cost from the threshold below up to this one
        # One run over the radii keeps the least cost between neighbouring thresholds
        best = 0
        best_cost = np.float32(1e9)
        plain_best = 0
        span = np.float32(0)
        kind = 0
        rest = np.float32(1e9)
        plain_rest = np.float32(1e9)
        for r in range(size):
            while kind < kinds and r >= splits[kind]:
                kind += 1
            value = plain[r]
            cost = value - np.float32(_CONTRAST) * logs[r]
            span = max(span, value)
            if value < plain[plain_best]:
                plain_best = r
            if cost < best_cost:
                best_cost = cost
                best = r
            if kind < kinds:
                out[kind, i] = min(out[kind, i], cost)
                out[kinds + kind, i] = min(out[kinds + kind, i], value)
            else:
                rest = min(rest, cost)
                plain_rest = min(plain_rest, value)
        total = np.float32(0)
        mean = np.float32(0)
        weighted = np.float32(0)
        mass = np.zeros(len(masses), np.float32)
        for r in range(size):
            value = np.float32(_TEMPER) * plain[r]
            if value > np.float32(20):
                continue
            p = np.exp(-value)
            total += p
            mean += p * radii[r]
            weighted += p * value
            for m in range(len(masses)):
                if r < masses[m]:
                    mass[m] += p
        # Least costs above each threshold from the right, below it from the left
        above = np.empty(2 * kinds, np.float32)
        for k in range(kinds - 1, -1, -1):
            above[k] = rest
            above[kinds + k] = plain_rest
            rest = min(rest, out[k, i])
            plain_rest = min(plain_rest, out[kinds + k, i])
        low = np.float32(1e9)
        plain_low = np.float32(1e9)
        clip = np.float32(_CLIP)
        for k in range(kinds):
            low = min(low, out[k, i])
            plain_low = min(plain_low, out[kinds + k, i])
            out[k, i] = min(max(above[k] - low, -clip), clip)
            out[kinds + k, i] = min(max(above[kinds + k] - plain_low, -clip), clip)
        n = 2 * kinds
        out[n, i] = radii[best]
        out[n + 1, i] = radii[plain_best]
        out[n + 2, i] = mean / total
        out[n + 3, i] = np.log(total) + weighted / total
        for m in range(len(masses)):
            out[n + 4 + m, i] = mass[m] / total
        n += 4 + len(masses)
        out[n, i] = span
        out[n + 1, i] = logs[plain_best]
        for k in range(3):
            out[n + 2 + k, i] = logs[at[k]]


def window_scale(shape: tuple[int, int], tuning: EvidenceTuning = TUNING.evidence) -> float:
    """Return by how much radii that look sharp grow on pictures larger than those of the web."""
    return max(1.0, math.hypot(*shape) / tuning.web_diagonal) ** 0.5


def window_numbers(
    profile: NDArray[np.float32],
    log_gradient_variance: NDArray[np.float32],
    radii: NDArray[np.float64],
    scale: float,
    threads: int | None,
) -> NDArray[np.float32]:
    """Return the numbers of `defocus.belief.names.WINDOW`.

    Parameters
    ----------
    profile, log_gradient_variance : float32 (h, w, R)
        As in `defocus.evidence.Evidence`.
    radii : float64 (R,)
        In px.
    scale : float
        From `window_scale`.
    threads : int or None
        As many as there are cores unless given; the result does not depend on it.

    Returns
    -------
    float32 (number, h, w)
    """
    height, width, size = profile.shape

    def place(values: tuple[float, ...], lowest: int, highest: int) -> NDArray[np.int64]:
        return np.clip(np.searchsorted(radii, np.array(values) * scale + 1e-6), lowest, highest)

    splits, masses, at = place(THRESHOLDS, 1, size - 1), place(MASSES, 1, size - 1), place((0, 2, 4), 1, size) - 1
    relative = (radii / scale).astype(np.float32)
    out = np.empty((height, len(WINDOW), width), np.float32)

    def row(y: int) -> None:
        _of_windows(profile[y], log_gradient_variance[y], relative, splits, masses, at, out[y])

    with ThreadPoolExecutor(threads or available_threads()) as pool:
        list(pool.map(row, range(height), chunksize=16))
    return np.moveaxis(out, 1, 0)
