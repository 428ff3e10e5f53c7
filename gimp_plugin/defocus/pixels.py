"""Pixels between GIMP's buffers and raw files, in strips: large pictures need no second copy in memory.

Values travel as they are stored, in the layer's own colour space: GIMP's plain formats mean sRGB, and converting to it
would clip the colours of wider spaces.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    Size = tuple[int, int]

STRIP_ROWS = 256
_BYTES = {"u8": 1, "float": 4}
_DTYPE = {"u8": "uint8", "float": "float32"}
_BINARY = bytes(int(value >= 128) for value in range(256))
_INVERTED = bytes(int(value < 128) for value in range(256))
_AFAR = 64  # px; the longer side of a picture that is looked at as a whole
_GRAY = 3  # of 255; parts of a colour that differ by no more are grey


def is_8_bit(image: Gimp.Image) -> bool:
    """Return whether an image's values are the 8-bit ones that files hold."""
    return image.get_precision() in (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)


def component_of(image: Gimp.Image) -> str:
    """Return the kind of numbers in which values of an image travel."""
    return "u8" if is_8_bit(image) else "float"


def own_format(drawable: Gimp.Drawable, encoding: str) -> str:
    """Return the name of a babl encoding in a drawable's own colour space."""
    return Babl.get_name(Babl.format_with_space(encoding, drawable.get_format()))


def color_format(drawable: Gimp.Drawable, channels: int, component: str) -> str:
    """Return the format of 1 to 4 channels of a drawable's colours, encoded as its image encodes them.

    Images whose precision is called perceptual have sRGB's curve whatever their profile says. Linear ones have none:
    sRGB's is taken, for the pure powers of many profiles lose what is below black.
    """
    stored = Babl.format_get_encoding(drawable.get_format()).split()[0]
    curve = "~" if "~" in stored or stored in ("RGB", "RGBA", "Y", "YA") else "'"
    colors = {1: "Y'", 2: "Y'A", 3: "R'G'B'", 4: "R'G'B'A"}[channels].replace("'", curve)
    return own_format(drawable, f"{colors} {component}")


def value_format(drawable: Gimp.Drawable, component: str) -> str:
    """Return the format that gives the values of a mask or channel as they are stored and shown.

    Masks and the selection are linear ("Y"), channels of most images are not ("Y'"): any other format would
    bend everything between black and white.
    """
    return own_format(drawable, f"{Babl.format_get_encoding(drawable.get_format()).split()[0]} {component}")


@contextmanager
def _writing(path: Path) -> Iterator[BinaryIO]:
    """Open a raw file; what goes wrong names its folder, whose disk may be full."""
    try:
        with path.open("wb") as stream:
            yield stream
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path.parent.parent)) from error


def _strips(
    drawable: Gimp.Drawable, pixel_format: str, size: Size, offset: Size, translate: bytes | None = None
) -> Iterator[bytes]:
    buffer = drawable.get_buffer()
    (width, height), (left, top) = size, offset
    for y in range(0, height, STRIP_ROWS):
        strip = Gegl.Rectangle.new(left, top + y, width, min(STRIP_ROWS, height - y))
        data = buffer.get(strip, 1.0, pixel_format, Gegl.AbyssPolicy.NONE)
        yield data.translate(translate) if translate else bytes(data)


def read(
    drawable: Gimp.Drawable,
    path: Path,
    pixel_format: str,
    size: Size,
    offset: Size = (0, 0),
    translate: bytes | None = None,
) -> None:
    """Write a rectangle of a drawable to a raw file; what lies outside the drawable becomes 0.

    Parameters
    ----------
    drawable : Gimp.Drawable
    path : Path
    pixel_format : str
        The name of a babl format.
    size, offset : tuple of int
        Width and height, and the rectangle's corner in the drawable, in px.
    translate : bytes, optional
        Table through which every byte goes.
    """
    with _writing(path) as stream:
        for data in _strips(drawable, pixel_format, size, offset, translate):
            stream.write(data)


def write(
    drawable: Gimp.Drawable, path: str | Path, pixel_format: str, pixel_bytes: int, size: Size, offset: Size = (0, 0)
) -> None:
    """Fill a rectangle of a drawable from a raw file, whatever is selected; the inverse of `read`.

    What lies outside the drawable is left out: a buffer must not be written beyond its ends.
    """
    buffer = drawable.get_buffer()
    (width, height), (left, top) = size, offset
    row_bytes = width * pixel_bytes
    first, last = max(0, -left), min(width, drawable.get_width() - left)
    top_row, bottom_row = max(0, -top), min(height, drawable.get_height() - top)
    if first >= last or top_row >= bottom_row:
        return
    with Path(path).open("rb") as stream:
        stream.seek(top_row * row_bytes)
        for y in range(top_row, bottom_row, STRIP_ROWS):
            rows = min(STRIP_ROWS, bottom_row - y)
            data = stream.read(rows * row_bytes)
            if last - first < width:
                data = b"".join(
                    data[row * row_bytes + first * pixel_bytes : row * row_bytes + last * pixel_bytes]
                    for row in range(rows)
                )
            buffer.set(Gegl.Rectangle.new(left + first, top + y, last - first, rows), pixel_format, data)
    buffer.flush()
    drawable.update(left + first, top + top_row, last - first, bottom_row - top_row)


def size_of(drawable: Gimp.Drawable) -> Size:
    """Return width and height."""
    return drawable.get_width(), drawable.get_height()


def offset_of(layer: Gimp.Drawable) -> Size:
    """Return where a layer's corner lies in its image, whatever the binding calls the result's parts."""
    result = layer.get_offsets()
    return result[-2], result[-1]


@contextmanager
def _shown(layer: Gimp.Layer) -> Iterator[tuple[Gimp.Layer, Size]]:
    """Give what a layer shows, and where its corner lies there: a copy with the live filters applied, if it has any."""
    if isinstance(layer, Gimp.GroupLayer) or is_plain(layer):
        yield layer, (0, 0)
        return
    copy = layer.copy()
    try:
        copy.merge_filters()
        (left, top), (copy_left, copy_top) = offset_of(layer), offset_of(copy)
        yield copy, (left - copy_left, top - copy_top)
    finally:
        copy.delete()


def _layer_channels(layer: Gimp.Layer) -> int:
    return (1 if layer.is_gray() else 3) + layer.has_alpha()


def read_layer(layer: Gimp.Layer, path: Path) -> tuple[tuple[int, int, int], str, bytes]:
    """Write a layer's pixels to a raw file, as they are encoded; return shape, dtype and `fingerprint`."""
    component, channels = component_of(layer.get_image()), _layer_channels(layer)
    digest = hashlib.sha256(repr((size_of(layer), channels, component)).encode())
    with _shown(layer) as (shown, corner), _writing(path) as stream:
        for data in _strips(shown, color_format(shown, channels, component), size_of(layer), corner):
            stream.write(data)
            digest.update(data)
    return (layer.get_height(), layer.get_width(), channels), _DTYPE[component], digest.digest()


def is_plain(layer: Gimp.Layer) -> bool:
    """Return whether a layer shows its own pixels: no live filter is on it, and it is no group."""
    return not isinstance(layer, Gimp.GroupLayer) and not any(item.get_visible() for item in layer.get_filters())


def read_reduced(layer: Gimp.Layer, path: Path, scale: float) -> tuple[tuple[int, int, int], str]:
    """Write a layer's pixels, reduced by a factor below 1, to a raw file; return shape and dtype."""
    component, channels = component_of(layer.get_image()), _layer_channels(layer)
    width, height = (max(1, round(size * scale)) for size in size_of(layer))
    whole = Gegl.Rectangle.new(0, 0, width, height)
    data = layer.get_buffer().get(whole, scale, color_format(layer, channels, component), Gegl.AbyssPolicy.CLAMP)
    with _writing(path) as stream:
        stream.write(bytes(data))
    return (height, width, channels), _DTYPE[component]


def fingerprint(layer: Gimp.Layer) -> bytes:
    """Return what tells whether a layer's pixels are still those that `read_layer` wrote."""
    component, channels = component_of(layer.get_image()), _layer_channels(layer)
    digest = hashlib.sha256(repr((size_of(layer), channels, component)).encode())
    with _shown(layer) as (shown, corner):
        for data in _strips(shown, color_format(shown, channels, component), size_of(layer), corner):
            digest.update(data)
    return digest.digest()


def read_hint(channel: Gimp.Channel, layer: Gimp.Layer, path: Path, *, inverted: bool = False) -> None:
    """Write a channel, the selection or a layer's own mask as a byte a pixel, 1 where it is at least half, or less."""
    kept = _INVERTED if inverted else _BINARY
    read(channel, path, value_format(channel, "u8"), size_of(layer), _offset_in(channel, layer), kept)


def read_weights(channel: Gimp.Channel, layer: Gimp.Layer, path: Path) -> None:
    """Write the values of a channel, the selection or a layer's own mask over a layer, floats in [0, 1]."""
    read(channel, path, value_format(channel, "float"), size_of(layer), _offset_in(channel, layer))


def _offset_in(channel: Gimp.Channel, layer: Gimp.Layer) -> Size:
    """Return where a layer begins in a channel: a layer's own mask begins with it, all others with the image."""
    return (0, 0) if isinstance(channel, Gimp.LayerMask) else offset_of(layer)


def read_map(drawable: Gimp.Drawable, layer: Gimp.Layer, path: Path) -> str:
    """Write a map's grey values over a layer, as they are encoded, white is 1 (or 255); return the kind of numbers."""
    component = component_of(drawable.get_image())
    if isinstance(drawable, Gimp.Channel):
        pixel_format, corner = value_format(drawable, component), (0, 0)
    else:
        pixel_format, corner = color_format(drawable, 1, component), offset_of(drawable)
    left, top = offset_of(layer)
    read(drawable, path, pixel_format, size_of(layer), (left - corner[0], top - corner[1]))
    return _DTYPE[component]


def is_colored(drawable: Gimp.Drawable) -> bool:
    """Return whether a layer, looked at from afar, has colours."""
    if drawable.is_gray():
        return False
    scale = min(1.0, _AFAR / max(size_of(drawable)))
    width, height = (max(1, round(size * scale)) for size in size_of(drawable))
    whole = Gegl.Rectangle.new(0, 0, width, height)
    data = bytes(drawable.get_buffer().get(whole, scale, color_format(drawable, 3, "u8"), Gegl.AbyssPolicy.CLAMP))
    parts = data[0::3], data[1::3], data[2::3]
    return any(max(pixel) - min(pixel) > _GRAY for pixel in zip(*parts, strict=True))


def write_mask(drawable: Gimp.Drawable, path: str | Path, size: Size, offset: Size = (0, 0)) -> None:
    """Fill a rectangle of a mask or channel with a raw file of the kind that `mask_output` names."""
    component = component_of(drawable.get_image())
    write(drawable, path, value_format(drawable, component), _BYTES[component], size, offset)


def write_colors(drawable: Gimp.Drawable, path: str | Path, channels: int, dtype: str, *, own_space: bool) -> None:
    """Fill a layer with encoded colours, of its own space or of sRGB."""
    component = "u8" if dtype == "uint8" else "float"
    pixel_format = color_format(drawable, channels, component) if own_space else f"R'G'B' {component}"
    write(drawable, path, pixel_format, channels * _BYTES[component], size_of(drawable))


def shown_colors(layer: Gimp.Layer, data: bytes, size: Size, channels: int = 3, *, back: bool = False) -> bytes:
    """Return RGB or RGBA colours of a layer's own space, a byte each, as sRGB, which is what screens are taken for.

    Or `back`, from sRGB to the layer's space.
    """
    own, srgb = color_format(layer, channels, "u8"), f"R'G'B'{'A' if channels == 4 else ''} u8"
    if layer.is_gray() or own == srgb:
        return data
    source, target = (srgb, own) if back else (own, srgb)
    whole = Gegl.Rectangle.new(0, 0, *size)
    buffer = Gegl.Buffer.new(source, 0, 0, *size)
    buffer.set(whole, source, data)
    return bytes(buffer.get(whole, 1.0, target, Gegl.AbyssPolicy.NONE))


def mask_output(image: Gimp.Image) -> str:
    """Return the kind of numbers in which the worker should give masks and pictures for an image."""
    return _DTYPE[component_of(image)]


def read_part(
    drawable: Gimp.Drawable,
    pixel_format: str,
    crop: tuple[float, float, float, float],
    size: Size,
    offset: Size = (0, 0),
) -> bytes:
    """Return a part of a drawable, scaled to a size; what lies outside the drawable becomes 0.

    Parameters
    ----------
    drawable : Gimp.Drawable
    pixel_format : str
        The name of a babl format.
    crop : tuple of float
        Left, top, width and height of the part in px.
    size : tuple of int
        Width and height of what is returned.
    offset : tuple of int
        Where the corner from which `crop` counts lies in the drawable, in px.
    """
    left, top, across, _down = crop
    scale = size[0] / across
    corner = round((left + offset[0]) * scale), round((top + offset[1]) * scale)
    part = Gegl.Rectangle.new(*corner, *size)
    return bytes(drawable.get_buffer().get(part, scale, pixel_format, Gegl.AbyssPolicy.NONE))
