"""Every output and every way to combine, against the formula of a stand-in worker and an XCF read from
outside."""

import numpy as np
import pytest

pytestmark = [pytest.mark.gimp, pytest.mark.slow]

WIDTH, HEIGHT = 80, 60
RAMP_X = np.broadcast_to(np.rint(np.linspace(0, 255, WIDTH)), (HEIGHT, WIDTH))
RAMP_Y = np.broadcast_to(np.rint(np.linspace(0, 255, HEIGHT))[:, None], (HEIGHT, WIDTH))
# The stand-in takes ten times the luminance for the radius in px, and 0.71 and 0.31 for a soft mask's two
# values
RADIUS = 10 * (0.299 * RAMP_X + 0.587 * RAMP_Y + 0.114 * 40) / 255
SOFT = np.where(RADIUS <= 4.025, 0.71, 0.31)


def combined(how, old, new):
    table = {
        "intersect": np.minimum(old, new),
        "add": np.maximum(old, new),
        "subtract": np.minimum(old, 1 - new),
    }
    return table.get(how, new)


def agrees(stored, wanted):
    """Whether 8-bit values are the wanted ones, rounded to nearest, ties either way."""
    assert stored.dtype == np.uint8
    assert stored.shape == wanted.shape
    return bool((abs(stored - 255 * wanted) <= 0.5 + 1e-3).all())


def masked(image):
    (mask,) = [layer.mask for layer in image.layers if layer.mask is not None]
    return mask


@pytest.mark.parametrize("existing", ["replace", "intersect", "add", "subtract"])
@pytest.mark.parametrize("output", ["layer-mask", "new-layer"])
def test_masks_meet_the_mask_that_is_there(modes, output, existing):
    image = modes.image(f"{output} {existing} mask", f"mode-{output}-{existing}-mask")
    assert agrees(image.layers[0].mask, combined(existing, RAMP_X / 255, SOFT))
    if output == "layer-mask":
        assert len(image.layers) == 1
    else:
        copy, original = image.layers
        assert copy.name == f"In focus: {original.name}"
        assert np.array_equal(copy.pixels[..., :3], original.pixels[..., :3])
        assert np.array_equal(original.mask, RAMP_X)


@pytest.mark.parametrize("check", ["layer-mask replace none", "layer-mask add none", "new-layer replace none"])
def test_layers_without_a_mask_get_one(modes, check):
    image = modes.image(check, "mode-" + check.replace(" ", "-"))
    assert agrees(masked(image), SOFT)
    assert image.layers[-1].pixels.shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("existing", ["replace", "intersect", "add", "subtract"])
def test_selections_meet_the_selection_that_is_there(modes, existing):
    image = modes.image(f"selection {existing} selection", f"mode-selection-{existing}-selection")
    assert agrees(image.selection, combined(existing, RAMP_Y / 255, SOFT))
    assert set(image.channels) == {"ramp"}
    assert image.layers[0].mask is None


def test_selections_and_channels_can_be_new(modes):
    image = modes.image("selection replace none", "mode-selection-replace-none")
    assert agrees(image.selection, SOFT)
    image = modes.image("channel replace none", "mode-channel-replace-none")
    (name,) = image.channels
    assert name == f"In focus: {image.layers[0].name}"
    assert agrees(image.channels[name], SOFT)


def test_a_layer_can_be_cut_out(modes):
    copy, original = modes.image("cut-out", "cut-out").layers
    assert copy.name == f"In focus: {original.name}"
    assert copy.mask is None
    assert agrees(copy.pixels[..., 3], SOFT)
    assert np.array_equal(copy.pixels[..., :3], original.pixels[..., :3])


@pytest.mark.parametrize("output", ["new-image", "new-image-mask"])
def test_what_is_in_focus_can_become_an_image(modes, output):
    image = modes.image(output, output)
    (layer,) = image.layers
    assert (image.width, image.height) == (WIDTH, HEIGHT)
    assert layer.offset == (0, 0)
    assert np.array_equal(layer.pixels[..., 0], RAMP_X)
    assert agrees(layer.pixels[..., 3] if output == "new-image" else layer.mask, SOFT)
    assert (layer.mask is None) == (output == "new-image")


def test_select_in_focus_selects(modes):
    """The selection is the image's own, the one with the marching ants."""
    facts = modes.facts("select in focus")
    sharp = RADIUS <= 4.025
    rows, columns = np.flatnonzero(sharp.any(axis=1)), np.flatnonzero(sharp.any(axis=0))
    assert facts["bounds"] == [True, columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    assert np.array_equal(np.reshape(facts["values"], (10, 10)), 255 * sharp[::6, ::8])
    image = modes.image("select in focus", "select-in-focus")
    assert agrees(image.selection, SOFT)
    assert image.layers[0].mask is None


def test_the_edge_can_be_left_to_gimp_s_foreground_extraction(modes):
    mask = masked(modes.image("extracted", "extracted")).astype(float)
    hard = RADIUS <= 4.025
    padded = np.pad(hard, 3, mode="edge")
    near = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
    inside, outside = near.all(axis=(2, 3)), ~near.any(axis=(2, 3))
    assert (mask[inside] == 255).all()
    assert (mask[outside] == 0).all()
    band = ~inside & ~outside
    assert len(np.unique(mask[band])) > 5
    inverted = masked(modes.image("extracted inverted", "extracted-inverted")).astype(float)
    assert abs(inverted + mask - 255).max() <= 1


@pytest.mark.parametrize("output", ["layer-mask", "channel", "selection"])
def test_masks_hold_their_values_in_every_colour_space(modes, output):
    image = modes.image(f"adobe {output}", f"adobe-{output}")
    values = {"layer-mask": image.layers[0].mask, "selection": image.selection}.get(output)
    assert agrees(next(iter(image.channels.values())) if values is None else values, SOFT)


def test_blur_maps_hold_their_values_in_every_colour_space(modes):
    pixels = modes.image("adobe gray", "adobe-gray").layers[0].pixels
    assert (abs(pixels[..., :3] - 25.5 * RADIUS[..., None]) <= 0.501).all()


def test_an_active_selection_limits_the_change(modes):
    selected = RAMP_Y / 255
    image = modes.image("selection limit none", "use-limit-none")
    assert agrees(masked(image), selected * SOFT + (1 - selected))
    image = modes.image("selection limit mask", "use-limit-mask")
    assert agrees(masked(image), selected * SOFT + (1 - selected) * RAMP_X / 255)
    image = modes.image("selection ignore none", "use-ignore-none")
    assert agrees(masked(image), SOFT)
    image = modes.image("limited selection", "limited-selection")
    assert agrees(image.selection, selected * SOFT)
    image = modes.image("limited channel", "limited-channel")
    assert agrees(image.channels[f"In focus: {image.layers[0].name}"], selected * SOFT)


@pytest.mark.parametrize("use", ["in-focus", "blurred"])
def test_the_selection_can_be_a_hint(modes, use):
    hint = RAMP_Y >= 128
    sharp = (RADIUS <= 4.025) | hint if use == "in-focus" else (RADIUS <= 4.025) & ~hint
    image = modes.image(f"selection {use} none", f"use-{use}-none")
    assert agrees(masked(image), np.where(sharp, 0.71, 0.31))


def test_channels_can_be_hints_and_lie_where_the_image_has_them(modes):
    image = modes.image("hint channels", "hints")
    # The layer lies 5 px above and 3 px to the right of the channels' corner; outside them there is no hint
    sharp, blurred = np.zeros((2, HEIGHT, WIDTH), bool)
    sharp[5:, : WIDTH - 3] = (255 - RAMP_Y)[: HEIGHT - 5, 3:] >= 128
    blurred[5:, : WIDTH - 3] = RAMP_Y[: HEIGHT - 5, 3:] >= 128
    wanted = ((RADIUS <= 3.0) | sharp) & ~blurred
    assert np.array_equal(masked(image) == 0, wanted)  # inverted
    assert set(np.unique(masked(image))) == {0, 255}


@pytest.mark.parametrize("output", ["layer-mask", "new-layer", "selection", "channel"])
def test_layers_may_lie_anywhere(modes, output):
    image = modes.image(f"placed {output}", f"placed-{output}")
    assert (image.width, image.height) == (WIDTH, HEIGHT)
    if output in ("layer-mask", "new-layer"):
        assert agrees(image.layers[0].mask, SOFT)
        assert all(layer.offset == (-20, 7) for layer in image.layers)
        return
    wanted = np.zeros((HEIGHT, WIDTH))
    wanted[7:, : WIDTH - 20] = SOFT[: HEIGHT - 7, 20:]
    (values,) = [image.selection] if output == "selection" else image.channels.values()
    assert agrees(values, wanted)


def test_a_second_run_works_although_the_mask_is_the_edit_target(modes):
    image = modes.image("second run", "second")
    assert agrees(image.layers[0].mask, np.minimum(np.rint(SOFT * 255 + 1e-9) / 255, RADIUS <= 7.025))


def test_several_layers_and_groups_are_treated_in_turn(modes):
    image = modes.image("several layers", "several")
    layers = {layer.name: layer for layer in image.layers}
    inverted = 10 - RADIUS
    for name in ("below", "inside", "group"):
        assert agrees(layers[name].mask, SOFT), name
    assert agrees(layers["above"].mask, np.where(inverted <= 4.025, 0.71, 0.31))
    assert layers["group"].group


def test_several_layers_make_one_selection(modes):
    image = modes.image("several into selection", "several-selection")
    assert agrees(image.selection, ((RADIUS <= 2.02) | (10 - RADIUS <= 2.02)).astype(float))


def test_blur_maps_say_their_scale(modes):
    image = modes.image("map gray", "map-gray-0-8")
    made, original = image.layers
    assert made.name == f"Blur map, 0 to 10 px: {original.name}"
    assert made.offset == original.offset == (5, 6)
    assert (made.pixels[..., 3] == 255).all()
    assert (abs(made.pixels[..., :3] - 25.5 * RADIUS[..., None]) <= 0.501).all()

    image = modes.image("map gray maximum", "map-gray-5-8")
    assert image.layers[0].name.startswith("Blur map, 0 to 5 px")
    assert (abs(image.layers[0].pixels[..., 0] - np.minimum(51 * RADIUS, 255)) <= 0.501).all()

    image = modes.image("map color", "map-color-0-8")
    pixels = image.layers[0].pixels.astype(float)
    order = np.argsort(RADIUS, axis=None)
    lightness = (pixels[..., :3] @ [0.2126, 0.7152, 0.0722]).ravel()[order]
    assert lightness[-1] > 4 * lightness[0]
    assert (np.diff(lightness) > -2).all()

    image = modes.image("map mask", "map-layer-mask-0-8")
    assert agrees(masked(image), RADIUS / 10)


def test_blur_maps_keep_their_depth_in_deep_images(modes):
    # A float mask is linear, as masks are: the values are the map's. A layer's are encoded, and stored
    # linearly here
    image = modes.image("map mask deep", "map-layer-mask-0-deep")
    assert image.linear
    np.testing.assert_allclose(masked(image), RADIUS / 10, atol=1e-5)
    image = modes.image("map gray deep", "map-gray-0-deep")
    encoded = RADIUS / 10
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(image.layers[0].pixels[..., 0], linear, atol=1e-4)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("refuse text", "is a text layer: turn it into pixels first"),
        ("refuse channel", "“ramp” is not a layer"),
        ("refuse empty group", "The group “empty” is empty"),
        ("refuse hints without selection", "Nothing is selected"),
        ("refuse foreign channel", "belongs to another image"),
        ("refuse low", "In focus up to (px) must be from 0.1 to 64 or 0 for auto, not -1."),
        ("refuse high", "Softness (px) must be from 0 to 100, not 101."),
        ("refuse half a point", "“Focus at x” and “Focus at y” name one point: give both, or none."),
        ("refuse far point", "the focus must lie within 80 x 60 px, not at (20, 60)"),
        ("refuse no mask", "has no mask that could say what is in focus"),
        ("refuse map of itself", "cannot be the blur map of itself"),
        ("refuse coloured map", "has colours: a blur map is grey"),
        ("refuse map indexed", "convert it first (Image > Mode > RGB)"),
        ("refuse map color gray", "A grey image cannot hold colours"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_message(modes, check, said):
    message = modes.facts(check)["message"]
    assert said in message
    assert "\n" not in message


def test_procedures_are_documented_for_scripts(modes):
    facts = modes.facts("described")
    assert {"plug-in-defocus-in-focus-mask", "plug-in-defocus-blur-map"} <= set(facts)
    for name, procedure in facts.items():
        elsewhere = {"plug-in-defocus-in-focus-mask": ["<Image>/Layer/Mask"]}.get(name, [])
        if name == "plug-in-defocus-select-in-focus":
            assert procedure["menus"] == ["<Image>/Select"]
        else:
            assert procedure["menus"] == ["<Image>/Filters/Defocus", *elsewhere], name
        assert procedure["blurb"]
        assert procedure["help"]
        assert all(procedure["arguments"].values()), name
    mask = facts["plug-in-defocus-in-focus-mask"]["arguments"]
    assert "From 0 to 100" in mask["softness"]
    assert "0 is auto. From 0.1 to 64." in mask["threshold"]


@pytest.mark.parametrize(
    ("output", "what"),
    [
        ("layer-mask", "mask"),
        ("selection", "selection"),
        ("channel", "In focus: Background"),
        ("new-image", "new"),
        ("cut-out", "layer"),
        ("gray", "layer"),
        ("picture", "layer"),
    ],
)
def test_scripts_get_back_what_was_made(modes, output, what):
    assert modes.facts(f"returned {output}")["found"] == [what]


@pytest.mark.parametrize("limited", [False, True])
def test_a_new_picture_hides_what_the_layer_hides(modes, limited):
    image = modes.image("keeps mask limited" if limited else "keeps mask", f"keeps-mask-{limited}")
    made, layer = image.layers
    wanted = layer.mask.copy()
    assert wanted[0, 0] == 0
    assert wanted[0, -1] == 255
    if limited:
        wanted[:, 40:] = 0
    assert np.array_equal(made.mask, wanted)
