"""Pixels between GIMP's buffers and raw files, in strips: large pictures need no second copy in memory."""

from pathlib import Path

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402

STRIP_ROWS = 256
_BYTES = {"u8": 1, "float": 4}
_DTYPE = {"u8": "uint8", "float": "float32"}
_BINARY = bytes(int(value >= 128) for value in range(256))


def is_8_bit(image):
    """Return whether an image's values are the 8-bit ones that files hold."""
    return image.get_precision() in (Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)


def read(drawable, path, pixel_format, size, offset=(0, 0), translate=None):
    """Write a rectangle of a drawable to a raw file; what lies outside the drawable becomes 0.

    Parameters
    ----------
    drawable : Gimp.Drawable
    path : Path
    pixel_format : str
        A babl format, such as ``"R'G'B' u8"``.
    size, offset : tuple of int
        Width and height, and the rectangle's corner in the drawable, in px.
    translate : bytes, optional
        Table through which every byte goes.
    """
    buffer = drawable.get_buffer()
    (width, height), (left, top) = size, offset
    with path.open("wb") as stream:
        for y in range(0, height, STRIP_ROWS):
            strip = Gegl.Rectangle.new(left, top + y, width, min(STRIP_ROWS, height - y))
            data = buffer.get(strip, 1.0, pixel_format, Gegl.AbyssPolicy.NONE)
            stream.write(data.translate(translate) if translate else data)


def write(drawable, path, pixel_format, channels, size, offset=(0, 0)):
    """Fill a rectangle of a drawable from a raw file, whatever is selected; the inverse of `read`.

    What lies outside the drawable is left out: a buffer must not be written beyond its ends.
    """
    buffer = drawable.get_buffer()
    (width, height), (left, top) = size, offset
    pixel_bytes = channels * _BYTES[pixel_format.split()[-1]]
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


def size_of(drawable):
    """Return width and height."""
    return drawable.get_width(), drawable.get_height()


def offset_of(layer):
    """Return where a layer's corner lies in its image, whatever the binding calls the result's parts."""
    result = layer.get_offsets()
    return result[-2], result[-1]


def read_layer(layer, path):
    """Write a layer's pixels to a raw file, as they are encoded; return the worker's shape and dtype."""
    component = "u8" if is_8_bit(layer.get_image()) else "float"
    alpha = layer.has_alpha()
    base = "Y'" if layer.is_gray() else "R'G'B'"
    channels = (1 if layer.is_gray() else 3) + alpha
    read(layer, path, f"{base}{'A' if alpha else ''} {component}", size_of(layer))
    return (layer.get_height(), layer.get_width(), channels), _DTYPE[component]


def own_values(drawable, component):
    """Return the babl format that gives the values of a mask or channel as they are stored and shown.

    Masks and the selection are linear ("Y"), channels of most images are not ("Y'"): any other format would
    bend everything between black and white.
    """
    return f"{Babl.format_get_encoding(drawable.get_format()).split()[0]} {component}"


def read_hint(channel, layer, path):
    """Write a channel or the selection over a layer as a byte a pixel, 1 where it is at least half."""
    read(channel, path, own_values(channel, "u8"), size_of(layer), offset_of(layer), _BINARY)


def read_weights(channel, layer, path):
    """Write a channel's or the selection's values over a layer, floats in [0, 1]."""
    read(channel, path, own_values(channel, "float"), size_of(layer), offset_of(layer))


def read_mask(layer, path):
    """Write the values of a layer's mask, floats in [0, 1]."""
    read(layer.get_mask(), path, own_values(layer.get_mask(), "float"), size_of(layer))


def write_mask(drawable, path, size, offset=(0, 0)):
    """Fill a rectangle of a mask or channel with a raw file of the kind that `mask_output` names."""
    component = "u8" if is_8_bit(drawable.get_image()) else "float"
    write(drawable, path, own_values(drawable, component), 1, size, offset)


def mask_output(image):
    """Return the kind of numbers in which the worker should give masks for an image."""
    return "uint8" if is_8_bit(image) else "float32"
