"""Texture: how much a picture varies within the cells of the sample grid, at distances from one pixel to four."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from defocus.compiled import compiled
from defocus.parallel import run_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PLANES", "local_texture", "texture_features"]

PLANES = 8  # energies at 1, 2 and 4 px, of the Laplacian, the largest at 1 px; least and largest value; crispness
_STRIP = 64  # rows of cells done at a time
_STEP = 4 / 255  # luminance by which a neighbour must be brighter


@compiled(nogil=True, error_model="numpy")
def _texture(luminance, spacing, first, last, out):  # type: ignore[no-untyped-def]
    """Mean energies of the differences within each cell of the rows of cells first..last."""
    height, width = luminance.shape
    down = (0, 1, 1, 1, 0, -1, -1, -1)  # once around a pixel
    right = (1, 1, 0, -1, -1, -1, 0, 1)
    for row in range(first, last):
        top = row * spacing
        bottom = top + spacing if top + spacing < height else height
        for column in range(out.shape[2]):
            left = column * spacing
            end = left + spacing if left + spacing < width else width
            near = np.float32(0)
            middle = np.float32(0)
            far = np.float32(0)
            bend = np.float32(0)
            largest = np.float32(0)
            low = high = luminance[top, left]
            crisp = 0
            for y in range(top, bottom):
                for x in range(left, end):
                    here = luminance[y, x]
                    low = here if here < low else low
                    high = here if here > high else high
                    # At the far borders the difference is taken backwards, which has the same energy
                    below = luminance[y + 1 if y + 1 < height else y - 1, x] - here
                    beside = luminance[y, x + 1 if x + 1 < width else x - 1] - here
                    energy = below * below + beside * beside
                    near += energy
                    largest = energy if energy > largest else largest
                    below = luminance[y + 2 if y + 2 < height else y - 2, x] - here
                    beside = luminance[y, x + 2 if x + 2 < width else x - 2] - here
                    middle += below * below + beside * beside
                    below = luminance[y + 4 if y + 4 < height else y - 4, x] - here
                    beside = luminance[y, x + 4 if x + 4 < width else x - 4] - here
                    far += below * below + beside * beside
                    laplacian = luminance[y - 1 if y > 0 else 0, x] + luminance[y + 1 if y + 1 < height else y, x]
                    laplacian += luminance[y, x - 1 if x > 0 else 0]
                    laplacian += luminance[y, x + 1 if x + 1 < width else x]
                    laplacian -= np.float32(4) * here
                    bend += laplacian * laplacian
                    if 0 < y < height - 1 and 0 < x < width - 1:
                        # Whether six or more of the eight neighbours are brighter, or the brighter ones do not hang
                        # together
                        least = here + np.float32(_STEP)
                        brighter = 0
                        changes = 0
                        before = luminance[y - 1, x + 1] > least
                        for k in range(8):
                            now = luminance[y + down[k], x + right[k]] > least
                            brighter += now
                            changes += now != before
                            before = now
                        crisp += brighter >= 6 or changes > 2
            count = np.float32((bottom - top) * (end - left))
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


def _extreme(kind: np.ufunc, values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the largest or least value around each, in squares of `side`. Without scipy, whose import takes longer."""
    for _ in range(2):
        length = len(values)
        padded = np.pad(values, ((side // 2, side // 2), (0, 0)), mode="edge")
        values = padded[:length].copy()
        for k in range(1, side):
            kind(values, padded[k : k + length], out=values)
        values = values.T
    return values


def texture_features(texture: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """Return what the prior is told of the texture, float32 (9, h, w).

    Logarithms of the five energies; of the range of values in 3 x 3 cells; of that range by the steepest step in 3 x 3
    and 7 x 7 cells, as a sharp edge takes one pixel for its whole height and a blurred one as many as its disc is wide;
    and the crisp share.

    Parameters
    ----------
    texture : float32 (8, h, w)
        From `local_texture`.
    noise : float
        Noise variance, below which energies say nothing.
    """
    floor = np.float32(max(noise, 1e-7))
    low, high = texture[5], texture[6]
    out = np.empty((9, *low.shape), np.float32)
    np.log(texture[:5] + floor, out=out[:5])
    for i, side in enumerate((3, 7)):
        extent = _extreme(np.maximum, high, side) - _extreme(np.minimum, low, side) + np.sqrt(floor)
        steepest = np.sqrt(_extreme(np.maximum, texture[4], side) + floor)
        out[6 + i] = np.log(extent / steepest)
        if side == 3:
            out[5] = np.log(extent)
    out[8] = texture[7]
    return out
