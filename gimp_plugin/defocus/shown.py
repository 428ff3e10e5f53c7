"""Shown: what the worker answers to a preview, as the result will look in its image.

The selection limits it, the layer's own opacity and mask let through what they let through, and what lies below a mask
is seen where somebody wants that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("GdkPixbuf", "2.0")
gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
from below import Below  # noqa: E402
from gi.repository import GdkPixbuf, Gimp, GLib  # noqa: E402

if TYPE_CHECKING:
    from canvas import Crop

_NEAREST = GdkPixbuf.InterpType.NEAREST
_SEEN = 2  # of 255; a change that is smaller is none
_SAMPLES = 20_000  # pixels that are looked at to say whether anything changes
_ANYTHING = 0.002  # share of them below which nothing does
_HARDLY = 0.05  # share of what changes below which hardly any of it lies in the selection


class Shown:
    """Makes pictures for the screen; to be used in GIMP's main thread. `close` it.

    Attributes
    ----------
    changed : float
        Which part of what was seen last changes visibly.
    changed_inside : float
        Which part of that lies within the selection.
    """

    def __init__(self, layer: Gimp.Layer) -> None:
        self.layer = layer
        self.changed = self.changed_inside = 1.0
        self._below: Below | None = None  # made when it is to be seen

    def before(self, data: bytes, size: tuple[int, int], crop: Crop, *, opaque: bool) -> Any:
        """Return a part of the layer as it is, from its own colours."""
        own = pixels.shown_colors(self.layer, data, size)
        return _pixbuf(own, size) if opaque else self._with_opacity(own, size, crop)

    def mask(self, data: bytes, size: tuple[int, int], channels: int, crop: Crop, *, own: bool) -> Any:
        """Return a picture of a mask or map; with four channels it is the layer with its mask upon what lies below."""
        shown = pixels.shown_colors(self.layer, data, size, channels) if own else data
        if channels == 3:
            return _pixbuf(shown, size)
        if self._below is None:
            self._below = Below(self.layer)
        return self._below.under(_pixbuf(shown, size, 4), crop)

    def picture(
        self,
        data: bytes,
        before: bytes,
        size: tuple[int, int],
        crop: Crop,
        selection: Gimp.Channel | None,
        *,
        masked: bool,
    ) -> Any:
        """Return a part of a new picture, which changes only inside the selection if there is one.

        The layer's mask hides of it what it hides of the layer, if it is to be so (`masked`).
        """
        limit = None if selection is None else self._values(selection, size, crop, pixels.offset_of(self.layer))
        self.changed, self.changed_inside = changes(before, data, limit)
        new = pixels.shown_colors(self.layer, data, size)
        if limit is not None:
            ground = _pixbuf(pixels.shown_colors(self.layer, before, size), size).copy()
            above = _pixbuf(with_opacity(new, limit), size, 4)
            above.composite(ground, 0, 0, *size, 0.0, 0.0, 1.0, 1.0, _NEAREST, 255)
            new = _packed(ground)
        return self._with_opacity(new, size, crop, masked=masked)

    def close(self) -> None:
        """Let go of what was made for it."""
        if self._below is not None:
            self._below.close()

    def _values(self, channel: Gimp.Channel, size: tuple[int, int], crop: Crop, offset: tuple[int, int]) -> bytes:
        return pixels.read_part(channel, pixels.value_format(channel, "u8"), crop, size, offset)

    def _with_opacity(self, colors: bytes, size: tuple[int, int], crop: Crop, *, masked: bool = True) -> Any:
        """Return a picture of the layer with the opacity that the layer and its mask have."""
        opacities = []
        if self.layer.has_alpha():
            opacities.append(pixels.read_part(self.layer, "A u8", crop, size))
        mask = self.layer.get_mask()
        if masked and mask is not None and self.layer.get_apply_mask():
            opacities.append(self._values(mask, size, crop, (0, 0)))
        if not opacities:
            return _pixbuf(colors, size)
        first, *others = opacities
        for other in others:
            first = bytes(one * two // 255 for one, two in zip(first, other, strict=True))
        return _pixbuf(with_opacity(colors, first), size, 4)


def changes(before: bytes, after: bytes, limit: bytes | None) -> tuple[float, float]:
    """Return which part of the pixels changes visibly, and which part of those lies where the limit lets them.

    Parameters
    ----------
    before, after : bytes
        RGB.
    limit : bytes or None
        A byte a pixel; None lets all of them.
    """
    count = len(before) // 3
    step = max(1, count // _SAMPLES)
    step += step % 2 == 0  # or columns of the picture would be left out
    seen = changed = inside = 0
    for place in range(0, count, step):
        seen += 1
        at = 3 * place
        if max(abs(before[at + part] - after[at + part]) for part in range(3)) > _SEEN:
            changed += 1
            inside += limit is None or limit[place] > 127
    return changed / max(seen, 1), inside / max(changed, 1)


def nothing_changes(changed: float) -> bool:
    """Return whether so small a part of the pixels is none."""
    return changed < _ANYTHING


def hardly_inside(inside: float) -> bool:
    """Return whether so small a part of what changes is hardly any."""
    return inside < _HARDLY


def with_opacity(colors: bytes, opacity: bytes) -> bytes:
    """Return RGBA from RGB and a byte of opacity a pixel."""
    made = bytearray(4 * len(opacity))
    for channel in range(3):
        made[channel::4] = colors[channel::3]
    made[3::4] = opacity
    return bytes(made)


def _pixbuf(data: bytes, size: tuple[int, int], channels: int = 3) -> Any:
    layout = channels == 4, 8, *size, channels * size[0]
    return GdkPixbuf.Pixbuf.new_from_bytes(GLib.Bytes.new(data), GdkPixbuf.Colorspace.RGB, *layout)


def _packed(pixbuf: Any) -> bytes:
    """Return a pixbuf's RGB without what fills its rows up."""
    data, stride, width = bytes(pixbuf.get_pixels()), pixbuf.get_rowstride(), pixbuf.get_width()
    return b"".join(data[row * stride : row * stride + 3 * width] for row in range(pixbuf.get_height()))
