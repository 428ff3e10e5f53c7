"""A reader for GIMP's own file format, small and independent of GIMP, to see from outside what stands in an
image.

Follows GIMP's public description of XCF (devel-docs/xcf.txt): versions 11 and later, with 64-bit pointers.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

_PRECISIONS = {100: ">u1", 200: ">u2", 300: ">u4", 500: ">f2", 600: ">f4", 700: ">f8"}
_CHANNELS = {0: 3, 1: 4, 2: 1, 3: 2, 4: 1, 5: 2}  # RGB, RGBA, gray, gray alpha, indexed, indexed alpha
_TILE = 64


@dataclass
class XcfLayer:
    name: str
    pixels: np.ndarray  # (H, W, channels) as stored; an indexed layer's are indices
    mask: np.ndarray | None  # (H, W) as stored
    offset: tuple[int, int]  # x, y
    group: bool
    properties: dict[int, bytes]


@dataclass
class XcfImage:
    width: int
    height: int
    base_type: int
    precision: int
    colormap: np.ndarray | None = None
    layers: list[XcfLayer] = field(default_factory=list)
    channels: dict[str, np.ndarray] = field(default_factory=dict)
    selection: np.ndarray | None = None

    @property
    def linear(self) -> bool:
        return self.precision % 100 == 0


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, layout: str):
        values = struct.unpack_from(">" + layout, self.data, self.position)
        self.position += struct.calcsize(">" + layout)
        return values if len(values) > 1 else values[0]

    def string(self) -> str:
        length = self.take("I")
        text = self.data[self.position : self.position + max(length - 1, 0)].decode()
        self.position += length
        return text

    def properties(self) -> dict[int, bytes]:
        found = {}
        while True:
            kind, length = self.take("II")
            if kind == 0:
                return found
            found[kind] = self.data[self.position : self.position + length]
            self.position += length

    def pointers(self) -> list[int]:
        found = []
        while pointer := self.take("Q"):
            found.append(pointer)
        return found

    def at(self, position: int) -> _Reader:
        other = _Reader(self.data)
        other.position = position
        return other


def _unpack_rle(data: bytes, count: int, size: int) -> bytes:
    """Undo XCF's run-length encoding: the bytes of a tile, one plane per byte of a pixel."""
    planes, position = [], 0
    for _ in range(size):
        plane = bytearray()
        while len(plane) < count:
            code = data[position]
            position += 1
            if code >= 128:
                length = 256 - code
                if length == 128:
                    length = int.from_bytes(data[position : position + 2], "big")
                    position += 2
                plane += data[position : position + length]
                position += length
            else:
                length = code + 1
                if length == 128:
                    length = int.from_bytes(data[position : position + 2], "big")
                    position += 2
                plane += data[position : position + 1] * length
                position += 1
        planes.append(np.frombuffer(bytes(plane), np.uint8))
    return np.stack(planes, axis=1).tobytes()


def _read_hierarchy(reader: _Reader, compression: int, dtype: str) -> np.ndarray:
    width, height, size = reader.take("III")
    channels = size // np.dtype(dtype).itemsize
    level = reader.at(reader.take("Q"))
    level.take("II")
    tiles = level.pointers()
    pixels = np.zeros((height, width, channels), dtype)
    columns = -(-width // _TILE)
    for number, start in enumerate(tiles):
        y, x = number // columns * _TILE, number % columns * _TILE
        rows, cols = min(_TILE, height - y), min(_TILE, width - x)
        end = start + rows * cols * size * 2 + 1024
        data = reader.data[start:end]
        if compression == 0:
            data = data[: rows * cols * size]
        elif compression == 1:
            data = _unpack_rle(data, rows * cols, size)
        else:
            data = zlib.decompressobj().decompress(data)
        pixels[y : y + rows, x : x + cols] = np.frombuffer(data, dtype).reshape(rows, cols, channels)
    return pixels.astype(np.dtype(dtype).newbyteorder("="))


def read_xcf(path: str | Path) -> XcfImage:
    """Return what an XCF file holds; groups are listed with their children, flat, topmost first."""
    reader = _Reader(Path(path).read_bytes())
    assert reader.data[:10] == b"gimp xcf v"
    version = int(reader.data[10:13])
    assert version >= 11, "older files have 32-bit pointers"
    reader.position = 14
    width, height, base_type, precision = reader.take("IIII")
    properties = reader.properties()
    image = XcfImage(width, height, base_type, precision)
    if 1 in properties:
        image.colormap = np.frombuffer(properties[1][4:], np.uint8).reshape(-1, 3)
    compression = properties[17][0]
    dtype = _PRECISIONS[precision // 100 * 100]
    layers, channels = reader.pointers(), reader.pointers()

    def channel(position: int) -> tuple[str, np.ndarray]:
        part = reader.at(position)
        part.take("II")
        name = part.string()
        part.properties()
        return name, _read_hierarchy(reader.at(part.take("Q")), compression, dtype)[..., 0]

    for position in layers:
        part = reader.at(position)
        part.take("III")
        name = part.string()
        found = part.properties()
        pixels, mask = part.take("QQ")
        image.layers.append(
            XcfLayer(
                name,
                _read_hierarchy(reader.at(pixels), compression, dtype),
                channel(mask)[1] if mask else None,
                struct.unpack(">ii", found[15]),
                29 in found,
                found,
            )
        )
    for position in channels:
        name, values = channel(position)
        image.channels[name] = values
    image.selection = image.channels.pop("Selection Mask", None)
    return image
