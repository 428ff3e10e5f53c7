"""OME-Zarr: folders that hold a picture in chunks, with the size of its pixels and the names of its channels.

Versions 0.4 and 0.5, of which only the finest resolution is read. Nothing is loaded but the plane that is meant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.pictures.part import PixelSize, channel_number, chosen_channel, chosen_plane, in_order, micrometers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from defocus.pictures.part import Part

    Check = Callable[[str, int, int, int], None]

__all__ = ["ZarrPicture", "is_zarr", "open_zarr"]

_MARKS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
_NAMES = {"t": "T", "z": "Z", "c": "C", "y": "Y", "x": "X"}


def is_zarr(path: Path) -> bool:
    """Whether a path is a folder in which zarr keeps a group or an array."""
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


@dataclass(frozen=True)
class ZarrPicture:
    """One picture of an OME-Zarr folder, not loaded.

    Attributes
    ----------
    name : str
        Of the folder.
    array : zarr.Array (..., H, W)
        Its finest resolution.
    axes : str
        A letter for each axis, as in "CZYX".
    channels : list of str
        Names of the channels; empty where the folder does not say.
    pixel_size : PixelSize or None
    """

    name: str
    array: Any
    axes: str
    channels: list[str]
    pixel_size: PixelSize | None

    def plane(self, part: Part, check: Check) -> NDArray[Any]:
        """Return one plane, (H, W).

        Parameters
        ----------
        part : Part
        check : callable
            Called with name, width, height and bytes of a pixel before it is loaded; raises what it refuses.

        Raises
        ------
        InputError
            If there are several planes or channels to choose from, or the one that was chosen is not there.
        """
        leading = self.array.shape[:-2]
        # What is chosen of the planes' numbers is chosen of them
        numbers = np.arange(math.prod(leading)).reshape(*leading, 1, 1)
        left, rest = chosen_plane(numbers, self.axes, self.name, part)
        if "C" in rest:
            left = chosen_channel(left, rest, "C", self.channels, self.name, part)
        elif part.channel not in (None, 0, "0"):
            raise InputError(f"{self.name}: there is no channel {part.channel}; it has one")
        check(self.name, self.array.shape[-1], self.array.shape[-2], self.array.dtype.itemsize)
        index = np.unravel_index(int(left.squeeze()), leading) if leading else ()
        return self._loaded(tuple(int(one) for one in index))

    def planes(self, part: Part, check: Check) -> list[tuple[str, NDArray[Any]]]:
        """Return name, or number, and planes (planes, H, W) of each channel that is meant; "" where there are none."""
        shape = self.array.shape
        check(self.name, shape[-1], math.prod(shape[:-1]), self.array.dtype.itemsize)
        if "C" not in self.axes:
            return [("", self._loaded(()).reshape(-1, *shape[-2:]))]
        place = self.axes.index("C")
        count = shape[place]
        names = self.channels if len(self.channels) == count else [str(number) for number in range(count)]
        chosen = range(count) if part.channel is None else [channel_number(part.channel, names, count, self.name)]
        whole = (slice(None),) * place
        return [(names[one], self._loaded((*whole, one)).reshape(-1, *shape[-2:])) for one in chosen]

    def stack(self, part: Part, check: Check) -> NDArray[Any]:
        """Return the slices of the channel that is meant, (Z, H, W)."""
        found = self.planes(part, check)
        along = [size for axis, size in zip(self.axes[:-2], self.array.shape, strict=False) if axis != "C" and size > 1]
        if len(found) > 1:
            shown = "; ".join(f"{number}: {word}" for number, (word, _) in enumerate(found))
            raise InputError(f"{self.name}: holds {len(found)} channels, {shown}: choose one with --channel")
        if len(along) != 1:
            raise InputError(f"{self.name}: holds an array of shape {self.array.shape}, but a stack is Z x H x W")
        return found[0][1]

    def series(self, check: Check) -> tuple[NDArray[Any], list[str]]:
        """Return it as (T, Z, C, H, W), and the names of its channels, none where the folder does not say."""
        shape = self.array.shape
        check(self.name, shape[-1], math.prod(shape[:-1]), self.array.dtype.itemsize)
        return in_order(self._loaded(()), self.axes, self.channels, self.name)

    def _loaded(self, index: tuple[Any, ...]) -> NDArray[Any]:
        try:
            return np.asarray(self.array[index] if index else self.array[...])
        except Exception as error:  # codecs of damaged chunks raise anything
            raise InputError(f"{self.name}: damaged ({' '.join(str(error).split())})") from error


def open_zarr(folder: Path, part: Part) -> ZarrPicture:
    """Return the picture of an OME-Zarr folder; `part` says which, if there are several.

    Raises
    ------
    InputError
        If the package zarr is not installed, the folder is damaged or holds no picture by OME's rules, or several of
        which `part` does not say which.
    """
    try:
        import zarr
    except ImportError as error:
        raise InputError(
            f"{folder.name}: OME-Zarr needs the package zarr: pip install 'napari-defocus[dask]'"
        ) from error
    try:
        group: Any = zarr.open_group(str(folder), mode="r")
        held: dict[str, Any] = dict(group.attrs)
        about = held.get("ome", held)  # since 0.5 there is a room for it
        images = about["multiscales"]
        names = [str(one.get("name") or "unnamed") for one in images]
        number = part.series if part.series is not None else 0
        if part.series is None and len(images) > 1:
            listed = "; ".join(f"{place}: {name}" for place, name in enumerate(names))
            raise InputError(f"{folder.name}: holds {len(images)} pictures, {listed}: choose one with --series")
        if not 0 <= number < len(images):
            raise InputError(f"{folder.name}: there is no series {number}; it has 0 to {len(images) - 1}")
        image = images[number]
        axes = [one if isinstance(one, dict) else {"name": one} for one in image["axes"]]
        finest = image["datasets"][0]
        array: Any = group[finest["path"]]
        letters = "".join(_NAMES.get(str(axis["name"]), "Q") for axis in axes)
        if letters[-2:] != "YX" or len(letters) != len(array.shape) or len(set(letters)) < len(letters):
            raise InputError(f"{folder.name}: has axes {', '.join(str(axis['name']) for axis in axes)}, not ... y, x")
        steps = [_scale(image, axes), _scale(finest, axes)]
        sizes = {
            letter: _size(axis, first * second)
            for letter, axis, first, second in zip(letters, axes, *steps, strict=True)
        }
        size = PixelSize(sizes["Y"], sizes["X"], sizes.get("Z")) if sizes["Y"] and sizes["X"] else None
        return ZarrPicture(folder.name, array, letters, _channels(about), size)
    except InputError:
        raise
    except Exception as error:  # a stranger's folder may hold anything
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(f"{folder.name}: no picture by the rules of OME-Zarr, or damaged ({reason})") from error


def _scale(holder: dict[str, Any], axes: list[dict[str, Any]]) -> list[float]:
    """Return the scale along each axis that one part of the metadata gives; 1 where it gives none."""
    for one in holder.get("coordinateTransformations", []):
        if one.get("type") == "scale" and len(one["scale"]) == len(axes):
            return [float(value) for value in one["scale"]]
    return [1.0] * len(axes)


def _size(axis: dict[str, Any], scale: float) -> float | None:
    """Return a step along an axis in um; None where it has no unit of length."""
    factor = micrometers(str(axis.get("unit", "")))
    return scale * factor if factor is not None and math.isfinite(scale) and scale > 0 else None


def _channels(about: dict[str, Any]) -> list[str]:
    """Return the names of the channels; empty if any has none."""
    names = [str(one.get("label", "")) for one in about.get("omero", {}).get("channels", [])]
    return names if all(names) else []
