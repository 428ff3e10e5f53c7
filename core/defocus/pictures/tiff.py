"""TIFF: which of a file's pictures is meant, what its channels are, and how large its pixels are.

A TIFF may hold several series (pictures, thumbnails, resolutions), and a series planes along time and depth, channels
of a microscope, colours and opacity. What is not one picture is chosen by `Part`, or refused with a list; a thumbnail
is never taken in the place of the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from defocus.errors import InputError
from defocus.pictures.part import PixelSize, channel_number, chosen_channel, chosen_plane, in_order, micrometers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from tifffile import TiffFile, TiffPage, TiffPageSeries

    from defocus.pictures.part import Part

__all__ = [
    "channel_names",
    "chosen_series",
    "ome_sizes",
    "one_picture",
    "pixel_size",
    "planes_of",
    "series_of",
    "stack_of",
]

_ALPHA = (1, 2)  # of the tag ExtraSamples: opacity, associated or not; 0 says nothing
_RGB, _WHITE_IS_ZERO = 2, 0  # of the tag PhotometricInterpretation
_EXTRA_SAMPLES, _MAX_SAMPLE = 338, 281  # tags
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_UNITS = {2: 25400.0, 3: 10000.0}  # um of the tag's units
_LISTED = 12  # of a list in a message, as many as can be read


def chosen_series(tiff: TiffFile, name: str, part: Part) -> TiffPageSeries:
    """Return the series that is meant.

    Raises
    ------
    InputError
        If there are several to choose from, or the one that was chosen is not there; lists them.
    """
    everything = list(tiff.series)
    if part.series is not None:
        if not 0 <= part.series < len(everything):
            raise InputError(f"{name}: there is no series {part.series}; it holds {_list(everything)}")
        return everything[part.series]
    pictures = [one for one in everything if not _reduced(one)]
    if len(pictures) == 1 or len(everything) == 1:
        return (pictures or everything)[0]
    if not pictures:
        raise InputError(f"{name}: holds nothing but reduced pictures: {_list(everything)}: choose one with --series")
    raise InputError(f"{name}: holds {len(pictures)} pictures, {_list(everything)}: choose one with --series")


def _reduced(series: TiffPageSeries) -> bool:
    """Whether a series is a smaller copy or something beside the picture, by what the file says of it."""
    page = series.keyframe
    return bool(page.is_reduced or page.is_mask or series.name.lower() in ("thumbnail", "label", "macro"))


def _list(series: list[TiffPageSeries]) -> str:
    words = [
        f"{number}: {one.name or 'unnamed'} {' x '.join(map(str, one.shape))}" for number, one in enumerate(series)
    ]
    return "; ".join([*words[:_LISTED], *(["..."] if len(words) > _LISTED else [])])


def one_picture(tiff: TiffFile, series: TiffPageSeries, values: NDArray[Any], name: str, part: Part) -> NDArray[Any]:
    """Return one picture of a series, (H, W) or (H, W, 2 to 4): grey or RGB, with opacity only if the file says so.

    Parameters
    ----------
    tiff : TiffFile
    series : TiffPageSeries
        From `chosen_series`.
    values : array
        What it holds.
    name : str
    part : Part

    Raises
    ------
    InputError
        If there are several planes or channels to choose from, or the one that was chosen is not there; lists them.
    """
    keyframe = series.keyframe
    values, rest = chosen_plane(values, series.axes, name, part)
    if "C" in rest:
        values = chosen_channel(values, rest, "C", channel_names(tiff), name, part)
        rest = [one for one in rest if one != "C"]
    if "S" in rest:  # the only one that is left
        values = _samples(values, keyframe, name, part)
    return _upside(values, keyframe)


def _samples(values: NDArray[Any], page: TiffPage, name: str, part: Part) -> NDArray[Any]:
    """Return the samples of a page (S, H, W) as colours, with opacity behind them where the file says so."""
    count = len(values)
    colors = 3 if page.photometric == _RGB else 1
    tag = page.tags.get(_EXTRA_SAMPLES)
    kinds = [] if tag is None else [int(one) for one in np.atleast_1d(tag.value)]
    if part.channel is not None:
        return np.asarray(values[channel_number(part.channel, [], count, name)])
    alpha = [colors + place for place, kind in enumerate(kinds) if kind in _ALPHA and colors + place < count]
    if colors == 1 and count > 1 + len(alpha):
        raise InputError(
            f"{name}: holds {count} samples of which nothing says that they are colours or opacity: "
            f"choose one with --channel 0 to {count - 1}"
        )
    chosen = np.moveaxis(values[[*range(min(colors, count)), *alpha[:1]]], 0, -1)
    return chosen[..., 0] if chosen.shape[-1] == 1 else chosen


def _upside(values: NDArray[Any], page: TiffPage) -> NDArray[Any]:
    """Return values that rise with the light, of as many bits as the file says."""
    if page.photometric != _WHITE_IS_ZERO or values.dtype.kind not in "ub":
        return values
    if values.dtype.kind == "b":
        return ~values
    bits = page.bitspersample if isinstance(page.bitspersample, int) else 8 * values.dtype.itemsize
    white = 2**bits - 1
    tag = page.tags.get(_MAX_SAMPLE)
    if tag is not None:
        white = min(white, int(np.max(tag.value)))
    most = int(values.max(initial=0))
    return np.asarray(values.dtype.type(max(white, most)) - values)


def stack_of(tiff: TiffFile, series: TiffPageSeries, values: NDArray[Any], name: str, part: Part) -> NDArray[Any]:
    """Return the slices of a series, (Z, H, W): of one channel, along the one axis that is left.

    Parameters
    ----------
    tiff : TiffFile
    series : TiffPageSeries
        From `chosen_series`.
    values : array
        What it holds.
    name : str
    part : Part

    Raises
    ------
    InputError
        If there are several channels to choose from, or more axes than one.
    """
    axes = list(series.axes)
    if "C" in axes:
        values = chosen_channel(values, axes, "C", channel_names(tiff), name, part)
        axes.remove("C")
    stack = np.squeeze(values)
    if stack.ndim != 3:
        raise InputError(f"{name}: holds an array of shape {stack.shape}, but a stack is Z x H x W")
    return _upside(stack, series.keyframe)


def planes_of(
    tiff: TiffFile, series: TiffPageSeries, values: NDArray[Any], name: str, part: Part
) -> list[tuple[str, NDArray[Any]]]:
    """Return name, or number, and planes (planes, H, W) of each channel of a series; "" where there are none.

    Parameters
    ----------
    tiff : TiffFile
    series : TiffPageSeries
        From `chosen_series`.
    values : array
        What it holds.
    name : str
    part : Part
    """
    axes = list(series.axes)
    names: list[str] = [""]
    if "C" in axes:
        place = axes.index("C")
        known = channel_names(tiff)
        count = values.shape[place]
        known = known if len(known) == count else [str(number) for number in range(count)]
        chosen = range(count) if part.channel is None else [channel_number(part.channel, known, count, name)]
        names = [known[number] for number in chosen]
        values = np.moveaxis(values.take(list(chosen), place), place, 0)
    else:
        values = values[np.newaxis]
    values = _upside(values.reshape(len(names), -1, *values.shape[-2:]), series.keyframe)
    return list(zip(names, values, strict=True))


def series_of(
    tiff: TiffFile, series: TiffPageSeries, values: NDArray[Any], name: str, part: Part
) -> tuple[NDArray[Any], list[str]]:
    """Return a series as (T, Z, C, H, W), and the names of its channels, none where the file does not say.

    Parameters
    ----------
    tiff : TiffFile
    series : TiffPageSeries
        From `chosen_series`.
    values : array
        What it holds.
    name : str
    part : Part
    """
    found, names = in_order(values, series.axes, channel_names(tiff), name)
    return _upside(found, series.keyframe), names


def _pixels(tiff: TiffFile) -> dict[str, Any]:
    """Return what OME metadata say of the first picture's pixels; empty if there are none."""
    import tifffile

    if not tiff.is_ome or tiff.ome_metadata is None:
        return {}
    try:
        image = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]
        pixels = (image[0] if isinstance(image, list) else image)["Pixels"]
    except (KeyError, TypeError, IndexError, ValueError, SyntaxError):
        return {}
    return pixels if isinstance(pixels, dict) else {}


def ome_sizes(sizes: Mapping[str, float]) -> dict[str, Any]:
    """Return the sizes of pixels as `tifffile.imwrite` takes them for OME, what `pixel_size` reads.

    Parameters
    ----------
    sizes : mapping of str to float
        In um, of the axes X, Y and Z.
    """
    told = ({f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"} for axis, size in sizes.items())
    return {name: value for one in told for name, value in one.items()}


def channel_names(tiff: TiffFile) -> list[str]:
    """Return the names of the channels, as OME or ImageJ keep them; empty where a file does not say."""
    channels = _pixels(tiff).get("Channel", [])
    channels = channels if isinstance(channels, list) else [channels]
    names = [str(one.get("Name", "")) for one in channels if isinstance(one, dict)]
    return names if all(names) else []


def pixel_size(tiff: TiffFile) -> PixelSize | None:
    """Return the size of the pixels by OME metadata, by ImageJ's, or by the resolution with a unit; None without."""
    pixels = _pixels(tiff)
    if "PhysicalSizeX" in pixels and "PhysicalSizeY" in pixels:
        sizes = {}
        for axis in "XYZ":
            value = pixels.get(f"PhysicalSize{axis}")
            factor = micrometers(str(pixels.get(f"PhysicalSize{axis}Unit", "µm")))
            sizes[axis] = None if value is None or factor is None else float(value) * factor
        if sizes["X"] and sizes["Y"]:
            return PixelSize(sizes["Y"], sizes["X"], sizes["Z"])
        return None
    page = tiff.pages.first
    factor = _UNITS.get(int(page.tags[_RESOLUTION_UNIT].value)) if _RESOLUTION_UNIT in page.tags else None
    apart = None
    if tiff.is_imagej and tiff.imagej_metadata:
        factor = micrometers(str(tiff.imagej_metadata.get("unit", ""))) or factor
        apart = tiff.imagej_metadata.get("spacing")
    if factor is None or _X_RESOLUTION not in page.tags or _Y_RESOLUTION not in page.tags:
        return None
    per_unit = [page.tags[tag].value for tag in (_Y_RESOLUTION, _X_RESOLUTION)]
    if any(above <= 0 or below <= 0 for above, below in per_unit):
        return None
    y, x = (factor * below / above for above, below in per_unit)
    return PixelSize(y, x, None if apart is None else float(apart) * factor)
