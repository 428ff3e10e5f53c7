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
from defocus.pictures.tiff import ome_sizes
from napari_defocus.layers.results import layer_data, result_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.types import LayerDataTuple
    from numpy.typing import NDArray

    from napari_defocus.layers.source import Source

__all__ = ["cut_out", "description", "file_name", "save_result"]

_OME = (".ome.tif", ".ome.tiff")
_OME_ZARR = (".ome.zarr", ".zarr")
_OME_AXES = {"t": "T", "time": "T", "z": "Z", "c": "C", "ch": "C", "channel": "C", "channels": "C"}
_MOST_AXES = 5
_UM_PER_CM = 10_000.0


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
    if _is_mask(layer) and np.squeeze(layer.data).ndim == 2:
        return f"{stem}.png"
    return f"{stem}{'.ome.tif' if _micrometers(layer)[-1] and layer.ndim <= _MOST_AXES else '.tif'}"


def save_result(layer: Layer, path: str | Path) -> None:
    """Write a result whole or not at all, with its `description` inside.

    Parameters
    ----------
    layer : napari.layers.Layer
        A mask becomes 8 bits, a matte 16, white is what it marks; maps become TIFFs of 32-bit floats in their unit,
        pictures TIFFs with their values as they are.
    path : path-like
        Ending in .tif, .ome.tif, .ome.zarr, or in .png for one slice of a mask or a matte. TIFFs hold the size of the
        pixels where the layer has a unit of length; OME-Zarr, a new folder, scale and translation with their units.

    Raises
    ------
    DefocusError
        If the file's name ends otherwise, or it cannot be written.
    """
    file = Path(path)
    data = np.squeeze(_values(layer))
    suffix = file.suffix.lower()
    if file.name.lower().endswith(_OME_ZARR):
        _write_zarr(layer, file)
    elif suffix in (".tif", ".tiff"):
        _write_tiff(layer, file)
    elif suffix == ".png" and _is_mask(layer) and data.ndim == 2:
        from PIL import Image, PngImagePlugin

        words = PngImagePlugin.PngInfo()
        words.add_text("Description", description(layer))
        with written_whole(file) as beside:
            Image.fromarray(_whole(data)).save(beside, pnginfo=words)
    elif suffix == ".png":
        raise InputError(f"{file.name}: a PNG holds one slice of a mask; name the file .tif")
    else:
        raise InputError(f"{file.name or 'the file'}: the name must end in .png or .tif, or .ome.zarr")


def _values(layer: Layer) -> NDArray[Any]:
    """Return what a layer holds; once, where it is the same along an axis so that it is seen at all its places."""
    data = np.asarray(layer.data)
    repeated = result_of(layer).get("repeated_axis")
    return data if repeated is None else data.take([0], repeated)


def _write_tiff(layer: Layer, file: Path) -> None:
    """Write a TIFF with the size of its pixels; one named .ome.tif has its axes and the layer's name, too."""
    import tifffile

    data = _values(layer)
    is_color = bool(getattr(layer, "rgb", False))
    values = _whole(data) if _is_mask(layer) else data
    sizes = _micrometers(layer)
    about: dict[str, Any] = {"photometric": "rgb" if is_color else "minisblack", "compression": "zlib"}
    if sizes[-1] and sizes[-2]:
        per_cm = [_UM_PER_CM / size for size in (sizes[-1], sizes[-2])]  # x first
        about |= {"resolution": tuple(per_cm), "resolutionunit": "CENTIMETER"}
    if file.name.lower().endswith(_OME):
        axes = _axes(layer)
        metadata: dict[str, Any] = {
            "axes": axes + ("S" if is_color else ""),
            "Name": layer.name,
            "Description": description(layer),
            "Channel": {"Name": layer.name if "C" not in axes else _channel_names(layer, data.shape[axes.index("C")])},
        }
        metadata |= ome_sizes({axis: size for axis, size in zip(axes, sizes, strict=True) if axis in "XYZ" and size})
        with written_whole(file) as beside:
            tifffile.imwrite(beside, values, ome=True, metadata=metadata, **about)
        return
    with written_whole(file) as beside:
        tifffile.imwrite(beside, np.squeeze(values), description=description(layer), metadata=None, **about)


def _write_zarr(layer: Layer, folder: Path) -> None:
    """Write OME-Zarr 0.5, one resolution, whole or not at all; a folder that is there already is not replaced."""
    import shutil
    import tempfile

    try:
        import zarr
    except ImportError as error:
        raise InputError("OME-Zarr needs the package zarr") from error
    if folder.exists():
        raise InputError(f"{folder.name} is there already: choose another name")
    if getattr(layer, "rgb", False):
        raise InputError("OME-Zarr holds channels, not colours: write a TIFF")
    data = _values(layer)
    values = _whole(data) if _is_mask(layer) else data
    axes = [_zarr_axis(axis, unit) for axis, unit in zip(_axes(layer), layer.units, strict=True)]
    transforms = [
        {"type": "scale", "scale": [abs(float(scale)) for scale in layer.scale]},
        {"type": "translation", "translation": [float(shift) for shift in layer.translate]},
    ]
    image = {"name": layer.name, "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": transforms}]}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".defocus-") as beside:
        group = zarr.open_group(Path(beside) / "new", mode="w", zarr_format=3)
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
        group.attrs["defocus"] = json.loads(description(layer))
        names = [axis["name"] for axis in axes]
        array = group.create_array("0", shape=values.shape, dtype=values.dtype, dimension_names=names)
        array[...] = values
        shutil.move(Path(beside) / "new", folder)


def _zarr_axis(axis: str, unit: Any) -> dict[str, str]:
    """Return how OME-Zarr describes an axis."""
    kind = {"T": "time", "C": "channel"}.get(axis, "space")
    about = {"name": axis.lower(), "type": kind}
    known = str(unit) not in ("pixel", "dimensionless", "")
    return {**about, "unit": str(unit)} if known and kind != "channel" else about


def _channel_names(layer: Layer, count: int) -> list[str]:
    return [f"{layer.name}, channel {number}" for number in range(count)]


def _axes(layer: Layer) -> str:
    """Return the axes of a layer as OME names them, by the names that they have; else as they usually come."""
    usual = "TCZYX"[-layer.ndim :] if layer.ndim <= _MOST_AXES else ""
    if not usual:
        raise InputError(f"{layer.name} has {layer.ndim} axes, and OME-TIFF at most {_MOST_AXES}: name the file .tif")
    named = [str(label).strip().lower() for label in layer.axis_labels[:-2]]
    known = [_OME_AXES.get(label) for label in named]
    if None in known or len(set(known)) < len(known):
        return usual
    return "".join(str(axis) for axis in known) + "YX"


def _micrometers(layer: Layer) -> list[float | None]:
    """Return the size of a layer's pixels in um along each axis; None where it has no unit of length."""
    found: list[float | None] = []
    for scale, unit in zip(layer.scale, layer.units, strict=True):
        length = abs(float(scale)) * unit
        found.append(float(length.to("micrometer").magnitude) if length.is_compatible_with("micrometer") else None)
    return found


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
