"""Image layers as the core sees them: planes of pixels, and where those lie in the world."""

from __future__ import annotations

import hashlib
import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

__all__ = ["CHANNEL_LABELS", "Source", "short_unit"]

CHANNEL_LABELS = ("c", "ch", "channel", "channels")
"""What axes of channels are called."""

_LEVEL = 0.5  # slices over a whole picture, up to which what is seen is one of them
_PREFERRED_PIXELS = 32_000_000  # of a multiscale layer, take the finest level with at most so many in a plane


@dataclass(frozen=True, eq=False)
class Source:
    """An image layer as it was when it was asked about, so that a thread need not touch the layer itself.

    Attributes
    ----------
    name : str
    layer_id : str
        Napari's unique id of the layer.
    data : array-like (..., H, W) or (..., H, W, 3 or 4)
        numpy, dask, zarr or anything else that is sliced like an array; of a multiscale layer one level.
    rgb : bool
        Whether the last axis holds colours.
    transform : napari.utils.transforms.Affine
        From `data` to the layer's physical coordinates: scale, rotation, shear and translation in one.
    affine : napari.utils.transforms.Affine
        The layer's extra transform from there to the world.
    units, axis_labels : tuple
        One of each for every axis but that of colour.
    level_scale : float
        Pixels of the full-resolution data per pixel of `data`; 1 unless the layer is multiscale.
    display : dict
        Colormap, contrast limits and the like, for results that are pictures again.
    """

    name: str
    layer_id: str
    data: Any
    rgb: bool
    transform: Any
    affine: Any
    units: tuple[Any, ...]
    axis_labels: tuple[str, ...]
    level_scale: float = 1.0
    display: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_layer(cls, layer: Image, level: int | None = None) -> Source:
        """Describe an image layer.

        Parameters
        ----------
        layer : napari.layers.Image
        level : int, optional
            Resolution level of a multiscale layer, 0 the finest; by default the finest with at most
            32 megapixels in a plane.

        Raises
        ------
        InputError
            If the layer is no image, has fewer than two axes or has no such level.
        """
        from napari.layers import Image
        from napari.utils.transforms import Affine

        if not isinstance(layer, Image):
            raise InputError("choose an image layer first")
        data: Any = layer.data
        transform = Affine(scale=layer.scale, translate=layer.translate, rotate=layer.rotate, shear=_shear(layer))
        level_scale = 1.0
        if layer.multiscale:
            levels = list(data)
            if level is None:
                fits = (_plane_pixels(one, layer.rgb) <= _PREFERRED_PIXELS for one in levels)
                level = next((i for i, fit in enumerate(fits) if fit), len(levels) - 1)
            if not 0 <= level < len(levels):
                raise InputError(f"{layer.name} has resolution levels 0 to {len(levels) - 1}, not {level}")
            data = levels[level]
            factors = np.array(levels[0].shape[: layer.ndim]) / np.array(data.shape[: layer.ndim])
            level_scale = math.sqrt(factors[-1] * factors[-2])
            # The first pixel of a level covers `factors` full-resolution pixels and lies at their centre
            transform = transform.compose(Affine(scale=factors, translate=(factors - 1) / 2))
        if layer.ndim < 2:
            raise InputError(f"{layer.name} has {layer.ndim} axis; a picture has two at least")
        display = {
            name: getattr(layer, name)
            for name in ("gamma", "interpolation2d", "blending")
            + (() if layer.rgb else ("colormap", "contrast_limits"))
        }
        return cls(
            layer.name,
            str(layer.unique_id),
            data,
            bool(layer.rgb),
            transform,
            layer.affine,
            tuple(layer.units),
            tuple(layer.axis_labels),
            level_scale,
            display,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without the axis of colour."""
        return tuple(int(size) for size in (self.data.shape[:-1] if self.rgb else self.data.shape))

    @property
    def ndim(self) -> int:
        """Number of axes, without that of colour."""
        return len(self.shape)

    @property
    def stack_shape(self) -> tuple[int, ...]:
        """Shape of the axes before the last two; empty for a single picture."""
        return self.shape[:-2]

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Go through the indices of all planes."""
        return itertools.product(*(range(size) for size in self.stack_shape))

    def index_at(self, point: Sequence[float]) -> tuple[int, ...]:
        """Return the index of the plane nearest to a point of the world."""
        if not self.stack_shape:
            return ()
        at = self.transform.inverse(self.affine.inverse(np.asarray(point)[-self.ndim :]))[: len(self.stack_shape)]
        return tuple(int(i) for i in np.clip(np.rint(at), 0, np.array(self.stack_shape) - 1))

    @property
    def _linear(self) -> NDArray[np.float64]:
        """How steps along the axes lead through the world."""
        return np.asarray(self.affine.linear_matrix) @ np.asarray(self.transform.linear_matrix)

    @property
    def oblique(self) -> bool:
        """Whether what is seen of a stack lies across its slices, as where it is sheared along the sliced axes."""
        count = len(self.stack_shape)
        if not count:
            return False
        to_data = np.linalg.inv(self._linear)
        # Slices that a pixel at the far end of the picture lies away from the one in its first corner
        away = np.abs(to_data[:count, count:]) @ (np.array(self.shape[count:]) / np.abs(to_data[count:, count:]).max())
        return bool((away > _LEVEL).any())

    def drift_px(self, place: int) -> float:
        """Return by how many px the last slice along an axis lies beside the first, seen from straight above."""
        step = np.linalg.lstsq(self._linear[:, -2:], self._linear[:, place], rcond=None)[0]
        return float(np.abs(step).max() * (self.shape[place] - 1))

    def plane(self, index: tuple[int, ...]) -> NDArray[Any]:
        """Load one plane, (H, W) or (H, W, channels)."""
        return np.asarray(self.data[index] if index else self.data)

    def channel(self, index: tuple[int, ...] | None) -> str:
        """Return the name of the channel that a plane belongs to, as in "channel 1"; "" where there are no channels."""
        if index is None:
            return ""
        named = zip(self.axis_labels, index, strict=False)
        return " ".join(f"channel {at}" for label, at in named if label.lower() in CHANNEL_LABELS)

    def key(self, index: tuple[int, ...]) -> object:
        """Return something that is equal for equal pixels, so that an analysis can be used again.

        Arrays in memory are told by their contents, since they may be painted on; lazy ones by what they are,
        since reading them may take long.
        """
        if not isinstance(self.data, np.ndarray):
            return self.layer_id, _Same(self.data), index
        values = np.ascontiguousarray(self.plane(index))
        digest = hashlib.blake2b(values.reshape(-1).view(np.uint8).data, digest_size=16).hexdigest()
        return digest, values.shape, str(values.dtype)

    @property
    def unit(self) -> str | None:
        """Short name of the unit of the last two axes, as in "µm"; None if it is the pixel or they differ."""
        vertical, horizontal = self.units[-2:]
        if vertical != horizontal or str(horizontal) in ("pixel", "dimensionless", ""):
            return None
        return short_unit(horizontal)

    @property
    def pixel_size(self) -> float:
        """Side of a full-resolution pixel in the layer's unit: the geometric mean if it is not square."""
        rows, columns = np.abs(self.transform.scale[-2:]) / self.level_scale
        return float(math.sqrt(rows * columns))

    def stack_metadata(self) -> dict[str, Any]:
        """Return what puts a layer of this shape in the same place of the world."""
        return self._metadata(self.transform, self.affine, range(self.ndim))

    def slice_metadata(self, index: Sequence[int]) -> dict[str, Any]:
        """Return the same for one plane as a stack of one, (1, ..., H, W): seen at its own slice only."""
        from napari.utils.transforms import Affine

        shift = np.zeros(self.ndim)
        shift[: len(index)] = index
        return self._metadata(self.transform.compose(Affine(translate=shift)), self.affine, range(self.ndim))

    def plane_metadata(self) -> dict[str, Any]:
        """Return the same for a plane (H, W) that belongs to the whole stack: the last two axes of each."""
        last = [self.ndim - 2, self.ndim - 1]
        return self._metadata(self.transform.set_slice(last), self.affine.set_slice(last), last)

    def _metadata(self, transform: Any, affine: Any, axes: Sequence[int]) -> dict[str, Any]:
        linear = np.asarray(transform.linear_matrix)
        # Of a diagonal matrix napari gives the scale with its signs, and a rotation that carries them once more
        diagonal = np.array_equal(linear, np.diag(np.diag(linear)))
        return {
            "scale": transform.scale,
            "translate": transform.translate,
            "rotate": np.eye(len(axes)) if diagonal else transform.rotate,
            "shear": np.zeros(len(axes) * (len(axes) - 1) // 2) if diagonal else _shear(transform),
            "affine": np.asarray(affine.affine_matrix),
            "units": tuple(self.units[axis] for axis in axes),
            "axis_labels": tuple(self.axis_labels[axis] for axis in axes),
        }


def short_unit(unit: Any) -> str:
    """Return how a unit of pint is written, as in "µm"."""
    return f"{unit:~P}".replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}")  # pint writes either


class _Same:
    """Equal for one and the same object, which it keeps alive: an id alone is given to another object later."""

    def __init__(self, thing: object) -> None:
        self._thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._thing is self._thing

    def __hash__(self) -> int:
        return id(self._thing)


def _plane_pixels(data: Any, rgb: bool) -> int:
    height, width = data.shape[-3:-1] if rgb else data.shape[-2:]
    return int(height) * int(width)


def _shear(holder: Any) -> NDArray[np.float64]:
    """Return a shear as n (n - 1) / 2 values; napari gives n of them where there is none."""
    shear = np.asarray(holder.shear, float)
    ndim = len(holder.scale)
    return shear if shear.any() else np.zeros(ndim * (ndim - 1) // 2)
