"""Inside GIMP, with the real worker: colour spaces, depths, values beyond [0, 1], live filters, changed layers."""

import os
import struct
import sys

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from gi.repository import Babl, Gegl, Gimp
from tools import BACKGROUND, MASK, SETTINGS, SHARPEN, Report, load, run, save

report = Report("colors")


def display_p3():
    """Return Apple's Display P3, whose primaries are wider than sRGB's, as an ICC profile."""

    def xyz(*values):
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(65536 * value)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(256 * 2.2), 0)
    text = b"Display P3"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + bytes(78)
    tags = {
        b"desc": description + bytes(-len(description) % 4),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.5151, 0.2412, -0.0011),
        b"gXYZ": xyz(0.2920, 0.6922, 0.0419),
        b"bXYZ": xyz(0.1571, 0.0666, 0.7841),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    place, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data
    size = place + len(body)
    date = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    light = struct.pack(">iii", 63190, 65536, 54061)
    head = struct.pack(">I", size) + b"test" + struct.pack(">I", 0x02400000) + b"mntrRGB XYZ " + date + b"acsp"
    head += bytes(24) + struct.pack(">I", 0) + light
    return head + bytes(128 - len(head)) + table + body


PROFILES = {
    "srgb": Gimp.ColorProfile.new_rgb_srgb(),
    "adobe": Gimp.ColorProfile.new_rgb_adobe(),
    "p3": Gimp.ColorProfile.new_from_icc_profile(display_p3()),
}
DEPTHS = {
    "8": Gimp.Precision.U8_NON_LINEAR,
    "16": Gimp.Precision.U16_NON_LINEAR,
    "float": Gimp.Precision.FLOAT_NON_LINEAR,
    "linear": Gimp.Precision.FLOAT_LINEAR,
}
# Left, top, and value: in the sharp half, and in the one that is out of focus
BEYOND = ((10, 20, 4.0), (10, 60, -0.1), (30, 90, 1.5), (120, 40, 3.0))


def colors(profile, depth):
    image = load("photo.png")
    image.set_color_profile(PROFILES[profile])
    image.convert_precision(DEPTHS[depth])
    layer = image.get_layers()[0]
    if depth in ("float", "linear"):
        buffer = layer.get_buffer()
        for left, top, value in BEYOND:
            stored = "RGB float" if depth == "linear" else "R'G'B' float"
            name = Babl.get_name(Babl.format_with_space(stored, layer.get_format()))
            buffer.set(Gegl.Rectangle.new(left, top, 8, 8), name, struct.pack("3f", value, value, value) * 64)
        buffer.flush()
        layer.update(0, 0, layer.get_width(), layer.get_height())
    run(BACKGROUND, image, [layer], strength=3.0)
    run(SHARPEN, image, [layer], iterations=10)
    assert image.get_selected_layers() == [layer], "the photograph does not stay selected"
    save(image, f"colors-{profile}-{depth}")


for profile in PROFILES:
    for depth in DEPTHS:
        report.check(f"{profile} {depth}", colors, profile, depth)


def shown(profile):
    """Colours of a wide space as the preview shows them, and as GIMP itself converts them to sRGB."""
    sys.path.append(str(SETTINGS.parent))
    import pixels

    image = load("photo.png")
    image.set_color_profile(PROFILES[profile])
    layer = image.get_layers()[0]
    width, height = layer.get_width(), layer.get_height()
    values = bytes(
        level for y in range(height) for x in range(width) for level in (60 + x % 130, 70 + y, 90 + (x * y) % 100)
    )
    whole, own = Gegl.Rectangle.new(0, 0, width, height), pixels.color_format(layer, 3, "u8")
    buffer = layer.get_buffer()
    buffer.set(whole, own, values)
    buffer.flush()
    converted = pixels.shown_colors(layer, values, (width, height))
    back = pixels.shown_colors(layer, converted, (width, height), back=True)
    image.convert_color_profile(PROFILES["srgb"], Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC, False)
    by_gimp = bytes(layer.get_buffer().get(whole, 1.0, "R'G'B' u8", Gegl.AbyssPolicy.NONE))
    return {
        name: list(data) for name, data in (("own", values), ("shown", converted), ("back", back), ("gimp", by_gimp))
    }


for profile in PROFILES:
    report.check(f"shown {profile}", shown, profile)


def filtered():
    """A live filter that blurs all: nothing is in focus any more. The layer itself keeps its pixels and its filter."""
    image = load("photo.png")
    layer = image.get_layers()[0]
    effect = Gimp.DrawableFilter.new(layer, "gegl:gaussian-blur", "blur")
    effect.get_config().set_property("std-dev-x", 3.0)
    effect.get_config().set_property("std-dev-y", 3.0)
    layer.append_filter(effect)
    run(MASK, image, [layer], threshold=1.5, noise=0.5)
    assert len(layer.get_filters()) == 1
    assert image.get_layers() == [layer]
    save(image, "filtered")
    effect.set_visible(False)
    effect.update()
    run(MASK, image, [layer], threshold=1.5, noise=0.5)
    save(image, "filter-hidden")


report.check("filtered", filtered)
