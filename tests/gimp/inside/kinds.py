"""Inside GIMP, with the real worker: every kind of picture, and every procedure."""

import os
import sys

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from gi.repository import Gegl, Gimp, Gio
from tools import BACKGROUND, FOLDER, MAP, MASK, SHARPEN, Report, load, ramp_channel, run, save

report = Report("kinds")
PRECISIONS = {
    "u8-linear": Gimp.Precision.U8_LINEAR,
    "u16": Gimp.Precision.U16_NON_LINEAR,
    "u16-linear": Gimp.Precision.U16_LINEAR,
    "u32": Gimp.Precision.U32_NON_LINEAR,
    "half": Gimp.Precision.HALF_NON_LINEAR,
    "float": Gimp.Precision.FLOAT_NON_LINEAR,
    "float-linear": Gimp.Precision.FLOAT_LINEAR,
    "double": Gimp.Precision.DOUBLE_NON_LINEAR,
}


def prepared(kind):
    image = load("photo-alpha.png" if "alpha" in kind else "photo.png")
    if kind.startswith("gray"):
        image.convert_grayscale()
    elif kind.startswith("indexed"):
        dither, palette = Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE
        image.convert_indexed(dither, palette, 250, False, False, "")
    elif kind in PRECISIONS:
        image.convert_precision(PRECISIONS[kind])
    return image, image.get_layers()[0]


def mask(kind):
    image, layer = prepared(kind)
    run(MASK, image, [layer], softness=6.0, noise=2.55)
    save(image, f"kind-{kind}")


def cut_out(kind, **arguments):
    """Cut out as a new layer, and as a new image where nothing else is asked for."""
    image, layer = prepared(kind)
    layer.set_opacity(40)
    run(MASK, image, [layer], output="cut-out", edge="matte", threshold=2.0, **arguments)
    save(image, f"cut-{kind}" + "".join(f"-{name}" for name in arguments))
    if arguments:
        return
    before = Gimp.get_images()
    run(MASK, image, [layer], output="new-image", edge="matte", threshold=2.0)
    (made,) = [other for other in Gimp.get_images() if other not in before]
    save(made, f"cut-image-{kind}")
    made.delete()


for kind in ("rgb", "rgb-alpha", "gray", "float"):
    report.check(f"cut {kind}", cut_out, kind)
report.check("cut plain", lambda: cut_out("rgb", decontaminate=False))
report.check("cut moved", lambda: cut_out("rgb", edge_shift=-3.0, edge_contrast=3.0))

for kind in ("rgb", "rgb-alpha", "gray", "gray-alpha", "indexed", "indexed-alpha", *PRECISIONS):
    report.check(kind, mask, kind)


def options():
    image, layer = prepared("rgb")
    run(MASK, image, [layer], threshold=2.0, edge_sensitivity=2.0, smoothness=0.5, max_radius=6.0, psf="gaussian")
    save(image, "options")


def blur_map():
    image, layer = prepared("rgb")
    run(MAP, image, [layer], output="layer-mask", noise=2.55, maximum=8.0)
    save(image, "map")


def new_picture(name, file, selected=False, alpha=False, **arguments):
    if Gimp.get_pdb().lookup_procedure(name) is None:
        return {"missing": name}
    image, layer = prepared("rgb-alpha" if alpha else "rgb")
    layer.set_offsets(4, -3)
    if selected:
        image.select_item(Gimp.ChannelOps.REPLACE, ramp_channel(image))
    run(name, image, [layer], noise=2.55, **arguments)
    save(image, file)
    return {}


def with_map(name, kind):
    """A blur map layer takes the place of what is measured; it was moved and its right half is painted black."""
    image, layer = prepared(kind)
    run(MAP, image, [layer], noise=2.55)
    (made,) = [other for other in image.get_layers() if other != layer]
    half = made.get_width() // 2
    image.select_rectangle(Gimp.ChannelOps.REPLACE, half, 0, half, made.get_height())
    Gimp.context_set_foreground(Gegl.Color.new("black"))
    made.edit_fill(Gimp.FillType.FOREGROUND)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, half, made.get_height())
    Gimp.context_set_foreground(Gegl.Color.new("#808080"))
    made.edit_fill(Gimp.FillType.FOREGROUND)
    Gimp.Selection.none(image)
    made.set_name("map")
    layer.set_offsets(4, -3)
    run(name, image, [layer], map_layer=made, noise=2.55)
    save(image, f"with-map-{name}-{kind}")


def with_file():
    """The radii of a file, in px."""
    image, layer = prepared("rgb")
    file = Gio.File.new_for_path(str(FOLDER / "radius.npy"))
    run(BACKGROUND, image, [layer], map_file=file, noise=2.55)
    save(image, "with-file")


def by_mask(selected):
    """The layer's mask, or the selection, says what is in focus: the right half, which is blurred, with a soft edge."""
    image, layer = prepared("rgb")
    half = layer.get_width() // 2
    image.select_rectangle(Gimp.ChannelOps.REPLACE, half, 0, half, layer.get_height())
    Gimp.Selection.feather(image, 8)
    if not selected:
        layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
        Gimp.Selection.none(image)
    run(BACKGROUND, image, [layer], subject="selection" if selected else "layer-mask", noise=2.55)
    save(image, f"by-mask-{selected}")


for name in (BACKGROUND, SHARPEN):
    report.check(f"with map {name} rgb", with_map, name, "rgb")
report.check("with map float", with_map, BACKGROUND, "float-linear")
report.check("with file", with_file)
report.check("by mask", by_mask, False)
report.check("by selection", by_mask, True)
report.check("options", options)
report.check("blur map", blur_map)
report.check("sharpen", new_picture, SHARPEN, "sharpen")
report.check("background", lambda: new_picture(BACKGROUND, "background", strength=3.0, selected=True, alpha=True))
report.check("again", lambda: run(MASK, *second()))


def second():
    image, layer = prepared("rgb")
    return image, [layer]
