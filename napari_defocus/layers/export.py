"""Results as files and as opacity: masks, mattes and maps, with what they were made by."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.pictures.files import written_whole
from defocus.pictures.picture import as_picture
from napari_defocus.layers.results import layer_data, result_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from napari_defocus.layers.source import Source

__all__ = ["cut_out", "description", "file_name", "save_result"]


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
    return layer_data(result, source, "cut_out", "cut out", "image", index=index, facts={"is_picture": True}, rgb=True)


def description(layer: Layer) -> str:
    """Return, as JSON, what a result was made by: version, every parameter, and the numbers that were measured."""
    about = {name: value for name, value in result_of(layer).items() if name not in ("source", "index")}
    return json.dumps(about, default=_plain)


def file_name(layer: Layer) -> str:
    """Return a name for the file of a result: the layer's, without what file systems refuse."""
    stem = re.sub(r"[^\w.+-]+", "_", layer.name).strip("_.") or "result"
    return f"{stem}{'.png' if _is_mask(layer) and np.squeeze(layer.data).ndim == 2 else '.tif'}"


def save_result(layer: Layer, path: str | Path) -> None:
    """Write a result whole or not at all, with its `description` inside.

    Parameters
    ----------
    layer : napari.layers.Layer
        A mask becomes 8 bits, a matte 16, white is what it marks; maps become TIFFs of 32-bit floats in their unit,
        pictures TIFFs with their values as they are.
    path : path-like
        Ending in .tif, or in .png for one slice of a mask or a matte.

    Raises
    ------
    DefocusError
        If the file's name ends otherwise, or it cannot be written.
    """
    file = Path(path)
    data = np.squeeze(np.asarray(layer.data))
    suffix = file.suffix.lower()
    if suffix in (".tif", ".tiff"):
        import tifffile

        is_color = bool(getattr(layer, "rgb", False))
        values = _whole(data) if _is_mask(layer) else data
        with written_whole(file) as beside:
            tifffile.imwrite(
                beside,
                values,
                photometric="rgb" if is_color else "minisblack",
                compression="zlib",
                description=description(layer),
                metadata=None,
            )
    elif suffix == ".png" and _is_mask(layer) and data.ndim == 2:
        from PIL import Image, PngImagePlugin

        words = PngImagePlugin.PngInfo()
        words.add_text("Description", description(layer))
        with written_whole(file) as beside:
            Image.fromarray(_whole(data)).save(beside, pnginfo=words)
    elif suffix == ".png":
        raise InputError(f"{file.name}: a PNG holds one slice of a mask; name the file .tif")
    else:
        raise InputError(f"{file.name or 'the file'}: the name must end in .png or .tif")


def _is_mask(layer: Layer) -> bool:
    return result_of(layer).get("kind") in ("focus_mask", "focus_matte")


def _whole(mask: NDArray[Any]) -> NDArray[Any]:
    """Return a mask in 8 bits, or a matte in 16."""
    return (mask * 255).astype(np.uint8) if mask.dtype.kind in "iu" else np.rint(mask * 65535).astype(np.uint16)


def _plain(value: object) -> object:
    """Return what JSON can hold of a value that it cannot."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value.tolist() if hasattr(value, "tolist") else str(value)
