"""Texture: how much a picture varies within the cells of the sample grid, at distances from one pixel to four."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from defocus.belief.boxes import box_mean
from defocus.compiled import compiled
from defocus.parallel import run_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PLANES", "local_texture", "texture_numbers"]

PLANES = 8  # energies at 1, 2 and 4 px, of the Laplacian, the largest at 1 px; least and largest value; crispness
_STRIP = 64  # rows of cells done at a time
_STEP = 4 / 255  # luminance by which a neighbour must be brighter


@compiled(nogil=True)
def _is_crisp(luminance, y, x):  # type: ignore[no-untyped-def]
    """Whether six or more of the eight neighbours are brighter, or if the brighter ones do not hang together."""
    height, width = luminance.shape
    if y < 1 or x < 1 or y >= height - 1 or x >= width - 1:
        return 0
    least = luminance[y, x] + np.float32(_STEP)
    ring = (
        luminance[y, x + 1] > least,
        luminance[y + 1, x + 1] > least,
        luminance[y + 1, x] > least,
        luminance[y + 1, x - 1] > least,
        luminance[y, x - 1] > least,
        luminance[y - 1, x - 1] > least,
        luminance[y - 1, x] > least,
        luminance[y - 1, x + 1] > least,
    )
    brighter = 0
    changes = 0
    before = ring[7]
    for neighbor in ring:
        brighter += neighbor
        changes += neighbor != before
        before = neighbor
    return 1 if brighter >= 6 or changes > 2 else 0


@compiled(nogil=True, error_model="numpy")
def _texture(luminance, spacing, first, last, out):  # type: ignore[no-untyped-def]
    """Mean energies of the differences within each cell of the rows of cells first..last."""
    height, width = luminance.shape
    columns = out.shape[2]
    for row in range(first, last):
        top = row * spacing
        bottom = min(top + spacing, height)
        for column in range(columns):
            left = column * spacing
            right = min(left + spacing, width)
            near = np.float32(0)
            middle = np.float32(0)
            far = np.float32(0)
            bend = np.float32(0)
            largest = np.float32(0)
            low = luminance[top, left]
            high = low
            crisp = 0
            for y in range(top, bottom):
                for x in range(left, right):
                    here = luminance[y, x]
                    low = min(low, here)
                    high = max(high, here)
                    # At the far borders the difference is taken backwards, which has the same energy
                    down = luminance[y + 1 if y + 1 < height else y - 1, x] - here
                    across = luminance[y, x + 1 if x + 1 < width else x - 1] - here
                    energy = down * down + across * across
                    near += energy
                    largest = max(largest, energy)
                    down = luminance[y + 2 if y + 2 < height else y - 2, x] - here
                    across = luminance[y, x + 2 if x + 2 < width else x - 2] - here
                    middle += down * down + across * across
                    down = luminance[y + 4 if y + 4 < height else y - 4, x] - here
                    across = luminance[y, x + 4 if x + 4 < width else x - 4] - here
                    far += down * down + across * across
                    above = luminance[max(y - 1, 0), x]
                    below = luminance[min(y + 1, height - 1), x]
                    before = luminance[y, max(x - 1, 0)]
                    after = luminance[y, min(x + 1, width - 1)]
                    laplacian = above + below + before + after - np.float32(4) * here
                    bend += laplacian * laplacian
                    crisp += _is_crisp(luminance, y, x)
            count = np.float32((bottom - top) * (right - left))
            out[0, row, column] = near / count
            out[1, row, column] = middle / count
            out[2, row, column] = far / count
            out[3, row, column] = bend / count
            out[4, row, column] = largest
            out[5, row, column] = low
            out[6, row, column] = high
            out[7, row, column] = np.float32(crisp) / count


def local_texture(luminance: NDArray[np.float32], spacing: int) -> NDArray[np.float32]:
    """Return how much a picture varies within each cell of `spacing` x `spacing` px.

    Windows of evidence are wide; this tells where within them the content lies.

    Parameters
    ----------
    luminance : float32 (H, W)
        In [0, 1], at least 9 px on a side.
    spacing : int
        Of the samples in px.

    Returns
    -------
    float32 (8, h, w)
        Mean energy of the differences to the pixels 1, 2 and 4 px below and to the right, and of the Laplacian;
        largest energy of the differences 1 px apart; least and largest value; share of pixels whose local binary
        pattern is one that blur makes rare (Yi, Eramian, IEEE TIP 2016, https://doi.org/10.1109/TIP.2016.2528042).
    """
    height, width = luminance.shape
    rows, columns = -(-height // spacing), -(-width // spacing)
    out = np.empty((PLANES, rows, columns), np.float32)
    source = np.ascontiguousarray(luminance, np.float32)

    def strip(first: int) -> None:
        _texture(source, spacing, first, min(first + _STRIP, rows), out)

    run_parts(strip, range(0, rows, _STRIP))
    return out


def texture_numbers(texture: NDArray[np.float32], noise: float) -> list[NDArray[np.float32]]:
    """Return the numbers of `defocus.belief.names.TEXTURE`, each float32 (h, w)."""
    floor = np.float32(max(noise, 1e-7))
    near, middle, far, bend, largest, low, high, crisp = texture
    # White noise alone has energies 4, 4, 4 and 20 times its variance
    boxed = {b: [box_mean(plane, b) + floor for plane in (near, middle, far)] for b in (3, 9)}
    bends = {b: box_mean(bend, b) + 5 * floor for b in (3, 9)}
    around = np.log(box_mean(near, 25) + floor)
    near3 = np.log(boxed[3][0])
    # A sharp edge takes one pixel for its whole height, a blurred one as many as its disc is wide
    ranges = [ndimage.maximum_filter(high, b) - ndimage.minimum_filter(low, b) for b in (3, 7)]
    steepest = [np.sqrt(ndimage.maximum_filter(largest, b) + floor) for b in (3, 7)]
    widths = [np.log((r + np.sqrt(floor)) / s) for r, s in zip(ranges, steepest, strict=True)]
    return [
        np.log(near + floor),
        near3,
        np.log(boxed[9][0]),
        around,
        np.log(largest + floor),
        np.log(bends[3]),
        *[np.log(boxed[b][0] / boxed[b][1]) for b in (3, 9)],
        *[np.log(boxed[b][1] / boxed[b][2]) for b in (3, 9)],
        *[np.log(bends[b] / boxed[b][0]) for b in (3, 9)],
        near3 - around,
        *widths,
        *[np.log(r + np.sqrt(floor)) for r in ranges],
        *[box_mean(crisp, b) for b in (1, 5)],
    ]
