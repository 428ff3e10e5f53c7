"""Inside GIMP, with the stand-in worker: every output, every combination, every refusal."""

import os
import sys

sys.path.insert(0, os.environ["DEFOCUS_TEST_CODE"] + "/inside")

from gi.repository import Gimp
from tools import (
    BACKGROUND,
    FOLDER,
    MAP,
    MASK,
    SELECT,
    Report,
    add_ramp_mask,
    call,
    load,
    ramp_channel,
    run,
    save,
    use_python,
)

report = Report("modes")
use_python(FOLDER / "stub-python")
CHOSEN = {"threshold": 4.025, "softness": 3.0}


def masks(output, existing, prepared):
    image = load("ramp.png")
    layer = image.get_layers()[0]
    if prepared == "mask":
        add_ramp_mask(layer)
    if prepared == "selection":
        image.select_item(Gimp.ChannelOps.REPLACE, ramp_channel(image))
    run(MASK, image, [layer], output=output, existing=existing, selection_use="ignore", **CHOSEN)
    save(image, f"mode-{output}-{existing}-{prepared}")
    if output == "layer-mask":
        assert not layer.get_edit_mask()


for output in ("layer-mask", "new-layer", "selection", "channel"):
    for existing in ("replace", "intersect", "add", "subtract"):
        for prepared in {"selection": ("selection",), "channel": ()}.get(output, ("mask",)):
            report.check(f"{output} {existing} {prepared}", masks, output, existing, prepared)
    report.check(f"{output} replace none", masks, output, "replace", "none")
report.check("layer-mask add none", masks, "layer-mask", "add", "none")


def cut_out():
    image = load("ramp.png")
    layer = image.get_layers()[0]
    run(MASK, image, [layer], output="cut-out", decontaminate=False, **CHOSEN)
    assert image.get_selected_layers() == [layer]
    save(image, "cut-out")


def new_image(output):
    image = load("ramp.png")
    layer = image.get_layers()[0]
    layer.set_offsets(7, -3)
    before = Gimp.get_images()
    run(MASK, image, [layer], output=output, decontaminate=False, **CHOSEN)
    (made,) = [other for other in Gimp.get_images() if other not in before]
    save(made, output)
    assert image.get_layers() == [layer]
    assert layer.get_mask() is None
    made.delete()


def select_in_focus():
    image = load("ramp.png")
    run(SELECT, image, image.get_layers(), threshold=4.025)
    hard = Gimp.Selection.bounds(image)
    values = [Gimp.Selection.value(image, x, y) for y in range(0, 60, 6) for x in range(0, 80, 8)]
    Gimp.Selection.none(image)  # it would limit the next one
    run(SELECT, image, image.get_layers(), **CHOSEN)
    save(image, "select-in-focus")
    return {"bounds": list(hard)[-5:], "values": values}


report.check("cut-out", cut_out)
report.check("new-image", new_image, "new-image")
report.check("new-image-mask", new_image, "new-image-mask")
report.check("select in focus", select_in_focus)


def extracted(**arguments):
    """The edge is GIMP's within the band, and the suite's answer stands outside it."""
    image = load("ramp.png")
    layer = image.get_layers()[0]
    before = Gimp.get_images()
    run(MASK, image, [layer], edge="extract", threshold=4.025, softness=3.0, **arguments)
    assert Gimp.get_images() == before, "an image is left"
    assert Gimp.Selection.is_empty(image)
    save(image, "extracted-inverted" if arguments else "extracted")


report.check("extracted", extracted)
report.check("extracted inverted", lambda: extracted(invert=True))


def wide_gamut(name, output, **arguments):
    """What is measured and what is stored are the layer's own values, whatever they mean as colours."""
    image = load("ramp.png")
    image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())
    run(name, image, image.get_layers(), output=output, **arguments)
    save(image, f"adobe-{output}")


for output in ("layer-mask", "channel", "selection"):
    report.check(f"adobe {output}", wide_gamut, MASK, output, **CHOSEN)
report.check("adobe gray", wide_gamut, MAP, "gray")


def selection_use(use, prepared):
    image = load("ramp.png")
    layer = image.get_layers()[0]
    if prepared == "mask":
        add_ramp_mask(layer)
    image.select_item(Gimp.ChannelOps.REPLACE, ramp_channel(image))
    run(MASK, image, [layer], selection_use=use, **CHOSEN)
    assert not Gimp.Selection.is_empty(image)
    save(image, f"use-{use}-{prepared}")


for use in ("limit", "in-focus", "blurred", "ignore"):
    report.check(f"selection {use} none", selection_use, use, "none")
report.check("selection limit mask", selection_use, "limit", "mask")


def limited_output(output):
    image = load("ramp.png")
    layer = image.get_layers()[0]
    image.select_item(Gimp.ChannelOps.REPLACE, ramp_channel(image))
    run(MASK, image, [layer], output=output, **CHOSEN)
    save(image, f"limited-{output}")


for output in ("selection", "channel"):
    report.check(f"limited {output}", limited_output, output)


def hint_channels():
    image = load("ramp.png")
    layer = image.get_layers()[0]
    layer.set_offsets(3, -5)
    sharp, blurred = ramp_channel(image, "sharp"), ramp_channel(image, "blurred")
    Gimp.Drawable.invert(sharp, False)
    run(MASK, image, [layer], in_focus_channel=sharp, blurred_channel=blurred, invert=True)
    save(image, "hints")


report.check("hint channels", hint_channels)


def placed(output):
    """A layer that is larger than the image on two sides and ends inside it on the others."""
    image = load("ramp.png")
    layer = image.get_layers()[0]
    layer.set_offsets(-20, 7)
    run(MASK, image, [layer], output=output, **CHOSEN)
    save(image, f"placed-{output}")


for output in ("layer-mask", "selection", "channel", "new-layer"):
    report.check(f"placed {output}", placed, output)


def returned(name, **arguments):
    """What a script gets back is what was made, and the image that holds it."""
    image = load("ramp.png")
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", image.get_layers())
    for argument, value in arguments.items():
        config.set_property(argument, value)
    before = image.get_layers()
    result = procedure.run(config)
    assert result.index(0) == Gimp.PDBStatusType.SUCCESS, Gimp.get_pdb().get_last_error()
    made, where = result.index(1), result.index(2)
    new = [layer for layer in image.get_layers() if layer not in before]
    elsewhere = [layer for other in Gimp.get_images() if other != image for layer in other.get_layers()]
    known = {
        "mask": before[0].get_mask(),
        "selection": image.get_selection(),
        **{channel.get_name(): channel for channel in image.get_channels()},
        **dict(zip(("layer",), new, strict=False)),
        **dict(zip(("new",), elsewhere, strict=False)),
    }
    found = [what for what, thing in known.items() if thing is not None and thing == made]
    assert made.get_image() == where
    for other in Gimp.get_images():
        other.delete()
    return {"found": found}


for name, output in (
    (MASK, "layer-mask"),
    (SELECT, "selection"),
    (MASK, "channel"),
    (MASK, "new-image"),
    (MAP, "gray"),
):
    report.check(f"returned {output}", returned, name, output=output)
report.check("returned cut-out", returned, MASK, output="cut-out")
report.check("returned picture", returned, BACKGROUND)


def keeps_mask(limited):
    """A new picture hides what the layer's mask hides, and shows nothing outside the selection."""
    image = load("ramp.png")
    layer = image.get_layers()[0]
    add_ramp_mask(layer)
    if limited:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 40, 60)
    run(BACKGROUND, image, [layer])
    save(image, f"keeps-mask-{limited}")


report.check("keeps mask", keeps_mask, False)
report.check("keeps mask limited", keeps_mask, True)


def empty_group(image, layer):
    group = Gimp.GroupLayer.new(image, "empty")
    image.insert_layer(group, None, 0)
    return [group]


def second_run():
    image = load("ramp.png")
    layer = image.get_layers()[0]
    run(MASK, image, [layer], **CHOSEN)
    layer.set_edit_mask(True)
    assert image.get_selected_drawables() == [layer.get_mask()]
    run(MASK, image, image.get_selected_drawables(), threshold=7.025, existing="intersect")
    save(image, "second")
    assert not layer.get_edit_mask()


report.check("second run", second_run)


def several_layers():
    image = load("ramp.png")
    below = image.get_layers()[0]
    above = below.copy()
    image.insert_layer(above, None, 0)
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    inside = below.copy()
    image.insert_layer(inside, group, 0)
    Gimp.Drawable.invert(above, False)
    run(MASK, image, [below, above, inside, group], **CHOSEN)
    for layer, name in ((below, "below"), (above, "above"), (inside, "inside"), (group, "group")):
        layer.set_name(name)
    save(image, "several")


report.check("several layers", several_layers)


def several_into_selection():
    image = load("ramp.png")
    below = image.get_layers()[0]
    above = below.copy()
    image.insert_layer(above, None, 0)
    Gimp.Drawable.invert(above, False)
    run(MASK, image, [below, above], output="selection", threshold=2.02)
    assert not image.get_channels()
    save(image, "several-selection")


report.check("several into selection", several_into_selection)


def blur_map(output, maximum, precision=None):
    image = load("ramp.png")
    if precision is not None:
        image.convert_precision(precision)
    layer = image.get_layers()[0]
    layer.set_offsets(5, 6)
    run(MAP, image, [layer], output=output, maximum=maximum)
    save(image, f"map-{output}-{maximum:g}-{'deep' if precision else '8'}")


report.check("map gray", blur_map, "gray", 0)
report.check("map gray maximum", blur_map, "gray", 5)
report.check("map color", blur_map, "color", 0)
report.check("map mask", blur_map, "layer-mask", 0)
report.check("map gray deep", blur_map, "gray", 0, Gimp.Precision.FLOAT_LINEAR)
report.check("map mask deep", blur_map, "layer-mask", 0, Gimp.Precision.FLOAT_LINEAR)


def refused(make, name=MASK, **arguments):
    """The call must fail with one message, and leave image, layer and undo as they were."""
    image = load("ramp.png")
    layer = image.get_layers()[0]
    drawables = make(image, layer)
    count = len(image.get_layers()), len(image.get_channels())
    status, message = call(name, image, drawables, **arguments)
    assert status != "success"
    assert (len(image.get_layers()), len(image.get_channels())) == count
    assert layer.get_mask() is None
    assert not image.undo_group_end(), "an undo group was left open"
    return {"message": message}


def text_layer(image, layer):
    text = Gimp.TextLayer.new(image, "words", Gimp.fonts_get_list("")[0], 20, Gimp.Unit.pixel())
    image.insert_layer(text, None, 0)
    return [text]


def indexed(image, layer):
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 64, False, False, "")
    return [layer]


def gray(image, layer):
    image.convert_grayscale()
    return [layer]


def refused_map(make):
    image = load("ramp.png")
    image.convert_grayscale()
    layer = image.get_layers()[0]
    status, message = call(BACKGROUND, image, [layer], map_layer=make(image, layer))
    assert status != "success"
    assert len(image.get_layers()) == 1
    return {"message": message}


def colored_map():
    image = load("ramp.png")
    layer = image.get_layers()[0]
    status, message = call(BACKGROUND, image, [layer.copy()], map_layer=layer)
    assert status != "success"
    return {"message": message}


report.check("refuse coloured map", colored_map)
report.check("refuse text", refused, text_layer)
report.check("refuse empty group", refused, empty_group)
report.check("refuse channel", refused, lambda image, layer: [ramp_channel(image)])
report.check("refuse hints without selection", lambda: refused(lambda image, layer: [layer], selection_use="in-focus"))
report.check("refuse low", lambda: refused(lambda image, layer: [layer], threshold=-1.0))
report.check("refuse high", lambda: refused(lambda image, layer: [layer], softness=101.0))
report.check("refuse half a point", lambda: refused(lambda image, layer: [layer], BACKGROUND, focus_x=20.0))
report.check("refuse far point", lambda: refused(lambda image, layer: [layer], BACKGROUND, focus_x=20.0, focus_y=60.0))
report.check("refuse no mask", lambda: refused(lambda image, layer: [layer], BACKGROUND, subject="layer-mask"))
report.check("refuse map of itself", lambda: refused_map(lambda image, layer: layer))
report.check("refuse map indexed", lambda: refused(indexed, MAP))
report.check("refuse map color gray", lambda: refused(gray, MAP, output="color"))


def foreign_channel():
    image, other = load("ramp.png"), load("ramp.png")
    layer = image.get_layers()[0]
    status, message = call(MASK, image, [layer], in_focus_channel=ramp_channel(other))
    assert status != "success"
    assert layer.get_mask() is None
    return {"message": message}


report.check("refuse foreign channel", foreign_channel)


def described():
    """The procedures are documented where scripts look for them."""
    facts = {}
    for name in Gimp.get_pdb().query_procedures("plug-in-defocus-.*", "", "", "", "", "", "", ""):
        procedure = Gimp.get_pdb().lookup_procedure(name)
        facts[name] = {
            "blurb": procedure.get_blurb(),
            "help": procedure.get_help(),
            "menus": procedure.get_menu_paths(),
            "arguments": {spec.name: spec.get_blurb() or "" for spec in procedure.get_arguments()},
        }
    return facts


report.check("described", described)
report.check("version", lambda: {"version": Gimp.version()})
