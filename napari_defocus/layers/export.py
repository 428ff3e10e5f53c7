"""Masks and pictures cut out by them, as layers and files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from defocus.errors import InputError
from defocus.pictures.picture import as_picture
from napari_defocus.layers.results import layer_data, result_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.types import LayerDataTuple

    from napari_defocus.layers.source import Source

__all__ = ["cut_out", "save_mask"]


def cut_out(source: Source, mask: Layer) -> LayerDataTuple:
    """Return a copy of the picture, RGBA, whose opacity is the mask (times its own, if it had one).

    Parameters
    ----------
    source : Source
    mask : napari.layers.Labels or napari.layers.Image
        A result of `focus_mask_layer`.

    Returns
    -------
    LayerDataTuple
        uint8 for a picture of that type, float32 in [0, 1] for others; named "NAME cut out".
    """
    index = result_of(mask)["index"]
    planes = [index] if index is not None else list(source.indices())
    masks = np.asarray(mask.data)
    kind = np.uint8 if source.data.dtype == np.uint8 else np.float32
    white = 255 if kind is np.uint8 else 1
    result = np.empty((*source.stack_shape, *source.shape[-2:], 4) if index is None else (*masks.shape[-2:], 4), kind)
    for one in planes:
        picture = as_picture(source.plane(one), source=source.name)
        alpha = masks[(0,) * len(one) if index is not None else one].astype(np.float32)
        if picture.alpha is not None:
            alpha = alpha * picture.alpha
        plane = np.concatenate([picture.color, alpha[..., np.newaxis]], axis=2) * white
        result[() if index is not None else one] = np.rint(plane) if white == 255 else plane
    return layer_data(result, source, "cut_out", "cut out", "image", index=index, rgb=True)


def save_mask(mask: Layer, path: str | Path) -> None:
    """Write a mask to a PNG or TIFF file: 8 bits for a hard mask, 16 for a matte; white is in focus.

    Raises
    ------
    InputError
        If the file's name ends otherwise, or it cannot be written; or for a stack in a PNG.
    """
    file = Path(path)
    data = np.squeeze(np.asarray(mask.data))
    values = (data * 255).astype(np.uint8) if data.dtype.kind in "iu" else np.rint(data * 65535).astype(np.uint16)
    suffix = file.suffix.lower()
    try:
        if suffix in (".tif", ".tiff"):
            import tifffile

            tifffile.imwrite(file, values, photometric="minisblack", compression="zlib")
        elif suffix == ".png" and values.ndim == 2:
            from PIL import Image

            Image.fromarray(values).save(file)
        elif suffix == ".png":
            raise InputError(f"{file.name}: a PNG holds one slice; name the file .tif for the stack")
        else:
            raise InputError(f"{file.name or 'the file'}: the name must end in .png or .tif")
    except OSError as error:
        raise InputError(f"{file.name}: cannot be written ({error.strerror or error})") from error
