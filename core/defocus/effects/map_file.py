"""Map files: blur radii, and mattes of subjects, that people bring along, as this program and others write them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.parameters import MAX_PIXELS
from defocus.pictures.picture import load_image
from defocus.pictures.reading import read_array
from defocus.psf.varying_blur import checked_radius_map

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_blur_map", "read_subject"]

_OF_PIXEL, _HEAD = 16, 4096  # bytes that no number, and no description of an array of numbers, is longer than


def read_blur_map(file: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Read blur radii from a file.

    Parameters
    ----------
    file : Path
        A TIFF as `defocus.pictures.files.write_blur_map` writes it, another grey picture whose values are radii in px,
        an NPY file, or an NPZ file that holds one array or one that is called "radius".
    shape : (int, int)
        Height and width of the picture that the map belongs to.

    Returns
    -------
    float32 (H, W)
        In px.

    Raises
    ------
    InputError
        If the file cannot be read, has another size than the picture, or values that are no radii; names it.
    """
    numpy_file = file.suffix.lower() in (".npy", ".npz")
    values = _of_numpy(file, shape[0] * shape[1]) if numpy_file else read_array(file, MAX_PIXELS)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2:
        raise InputError(f"{file.name}: a blur map has one radius for each pixel, this has shape {values.shape}")
    try:
        return checked_radius_map(values, shape)
    except InputError as error:
        raise InputError(f"{file.name}: {error}") from error


def read_subject(file: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Read the matte of a subject from a file.

    Parameters
    ----------
    file : Path
        A mask, grey, white on the subject; or a cut-out, whose opacity is the matte.
    shape : (int, int)
        Height and width of the picture that the matte belongs to.

    Returns
    -------
    float32 (H, W)
        In [0, 1].

    Raises
    ------
    InputError
        If the file cannot be read, has another size than the picture, or is coloured and wholly opaque; names it.
    """
    held = load_image(file, measured=False)
    if held.shape != shape:
        raise InputError(f"{file.name}: the subject has shape {held.shape}, the picture {shape}")
    if held.alpha is not None:
        return np.asarray(held.alpha, np.float32)
    if not held.gray and np.ptp(held.color, axis=2).max() > 0:
        raise InputError(
            f"{file.name}: a subject is a grey mask or a cut-out with transparency, not a coloured picture"
        )
    return np.asarray(held.luminance, np.float32)


def _of_numpy(file: Path, pixels: int) -> NDArray[Any]:
    """Return the one array of a file of NumPy's."""
    try:
        held = np.load(file, allow_pickle=False, mmap_mode="r")
        if isinstance(held, np.lib.npyio.NpzFile):
            with held:
                name = "radius" if "radius" in held.files else held.files[0] if len(held.files) == 1 else None
                if name is None:
                    raise InputError(f"{file.name}: holds {len(held.files)} arrays and none that is called radius")
                if held.zip is not None and held.zip.getinfo(f"{name}.npy").file_size > _OF_PIXEL * pixels + _HEAD:
                    raise InputError(f"{file.name}: holds far more than the picture's {pixels} pixels")
                held = held[name]
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{file.name}: cannot be read as a file of NumPy's") from error
    if held.size > pixels:
        raise InputError(f"{file.name}: the blur map has shape {held.shape}, more than the picture's {pixels} pixels")
    return np.asarray(held)
