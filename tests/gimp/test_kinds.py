"""Masks and pictures made inside GIMP are exactly those that the Python API makes of the same pixels."""

import numpy as np
import pytest
from scipy import ndimage

import defocus
from defocus import as_picture
from defocus.effects.foreground import subject_colors
from defocus.effects.subject import subject_matte
from defocus.parameters import AnalysisParameters, MagnificationParameters, MapParameters
from defocus.session import Question, Session

pytestmark = [pytest.mark.gimp, pytest.mark.slow]

SRGB_BREAK = 0.0031308
NOISE = (2.55 / 255) ** 2  # GIMP is told levels of 255


def encoded(linear):
    """The sRGB curve."""
    return np.where(linear <= SRGB_BREAK, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def picture_of(image, layer):
    """What GIMP shows of a stored layer, as an array for the Python API: 8-bit integers, or floats."""
    pixels = layer.pixels
    if image.base_type == 2:
        color = image.colormap[pixels[..., 0]]
        return np.dstack([color, pixels[..., 1]]) if pixels.shape[2] == 2 else color
    if pixels.dtype == np.uint8 and not image.linear:
        return pixels
    white = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    values = pixels.astype(np.float64) / white
    colors = 3 if pixels.shape[2] > 2 else 1
    if image.linear:
        values[..., :colors] = encoded(values[..., :colors])
    return np.clip(values, 0, 1).astype(np.float32)


def stored(values, mask):
    """Values in [0, 1] as a mask of the same depth holds them."""
    if mask.dtype.kind == "u":
        return np.rint(values.astype(np.float64) * np.iinfo(mask.dtype).max)
    return values.astype(mask.dtype)


INTEGERS = ["rgb", "rgb-alpha", "gray", "gray-alpha", "indexed", "indexed-alpha"]


@pytest.mark.parametrize("kind", INTEGERS)
def test_8_bit_masks_agree_exactly(kinds, kind):
    image = kinds.image(kind, f"kind-{kind}")
    layer = image.layers[0]
    picture = picture_of(image, layer)
    assert picture.shape[2] == {"rgb": 3, "gray": 1, "indexed": 3}[kind.split("-")[0]] + ("alpha" in kind)
    wanted = defocus.analyze(picture, noise=NOISE).focus_matte(softness=6.0)
    # The nearest level, and either of two that are as near: 251.5 is 251.49999 in doubles
    assert np.abs(layer.mask - 255 * wanted.astype(np.float64)).max() <= 0.5 + 1e-4
    assert len(np.unique(layer.mask)) > 10  # soft, so that a bent scale would show


@pytest.mark.parametrize("kind", ["u8-linear", "u16", "u16-linear", "u32", "half", "float", "float-linear", "double"])
def test_deep_masks_agree_to_their_depth(kinds, kind):
    image = kinds.image(kind, f"kind-{kind}")
    layer = image.layers[0]
    expected = {"u8": "u1", "u16": "u2", "u32": "u4", "half": "f2", "float": "f4", "double": "f8"}
    assert layer.pixels.dtype == layer.mask.dtype == np.dtype(expected[kind.split("-")[0]])
    assert image.linear == kind.endswith("linear")
    wanted = defocus.analyze(picture_of(image, layer), noise=NOISE).focus_matte(softness=6.0).astype(np.float64)
    white = np.iinfo(layer.mask.dtype).max if layer.mask.dtype.kind == "u" else 1
    got = layer.mask.astype(np.float64) / white
    step = {"u1": 1 / 255, "u2": 1 / 65535, "f2": 1e-3}.get(expected[kind.split("-")[0]], 1e-6)
    # Encoded anew from linear pixels by another program: a few values may fall to the other side of an edge
    different = np.mean(abs(got - wanted) > step)
    assert different < (2e-3 if kind.endswith("linear") else 1e-9)
    assert len(np.unique(layer.mask)) > 10


def cut_by_hand(original):
    """Return what is to be cut out of a picture: by the suite's functions, called one by one."""
    mask = defocus.analyze(original, kind="photograph").focus_mask(threshold=2.0)
    color = as_picture(original).color
    matte = subject_matte(mask, color)
    return subject_colors(color, matte), matte


@pytest.mark.parametrize("file", ["cut-rgb", "cut-image-rgb", "cut-rgb-alpha", "cut-float"])
def test_cut_outs_have_the_subject_s_own_colours(kinds, file):
    image = kinds.image(f"cut {file.removeprefix('cut-').removeprefix('image-')}", file)
    original = kinds.image(
        "cut rgb-alpha" if "alpha" in file else "cut rgb", "cut-rgb-alpha" if "alpha" in file else "cut-rgb"
    )
    made, source = image.layers[0], original.layers[-1].pixels
    assert made.mask is None
    assert made.name == f"In focus: {original.layers[-1].name}"
    color, matte = cut_by_hand(source)
    alpha = matte * (source[..., 3] / 255 if source.shape[2] == 4 else 1)
    white = 255 if made.pixels.dtype == np.uint8 else 1
    step = 0.501 if white == 255 else 1e-5
    assert (abs(made.pixels[..., 3].astype(float) - alpha * white) <= step).mean() > 0.9999
    seen = alpha > 0
    assert (abs(made.pixels[..., :3].astype(float) - color * white)[seen] <= step).mean() > 0.9999
    mixed = (matte > 0.1) & (matte < 0.9) & seen
    assert mixed.sum() > 20
    assert abs(color - source[..., :3] / 255)[mixed].max() > 0.03  # and are not the picture's


def test_cut_outs_keep_the_picture_s_colours_where_that_is_wanted(kinds):
    made, original = kinds.image("cut plain", "cut-rgb-decontaminate").layers
    assert np.array_equal(made.pixels[..., :3], original.pixels[..., :3])
    gray = kinds.image("cut gray", "cut-gray").layers
    assert gray[0].pixels.shape[2] == 2
    solid = gray[0].pixels[..., 1] == 255
    assert solid.any()
    # Grey travels as three equal colours, which GIMP makes grey again
    assert abs(gray[0].pixels[solid, 0].astype(int) - gray[1].pixels[solid, 0]).max() <= 1


def test_the_edge_can_be_moved_and_made_steeper(kinds):
    plain, moved = (
        kinds.image(check, file).layers[0].pixels[..., 3]
        for check, file in (
            ("cut plain", "cut-rgb-decontaminate"),
            ("cut moved", "cut-rgb-edge_shift-edge_contrast"),
        )
    )
    soft = [np.count_nonzero((alpha > 0) & (alpha < 255)) for alpha in (plain, moved)]
    assert soft[1] < soft[0]
    deep = ndimage.distance_transform_edt(plain > 127)
    assert (moved[deep > 5] == 255).all()
    assert (moved[deep < 1.5] < 128).all()


def test_all_options_reach_the_analysis(kinds):
    image = kinds.image("options", "options")
    analysis = defocus.analyze(image.layers[0].pixels, psf="gaussian", max_radius=6.0)
    wanted = analysis.focus_mask(threshold=2.0, edge_sensitivity=2.0, smoothness=0.5)
    assert np.array_equal(image.layers[0].mask, np.where(wanted, 255, 0))
    assert 0.1 < wanted.mean() < 0.9


def test_blur_maps_agree(kinds):
    image = kinds.image("blur map", "map")
    radii = defocus.analyze(image.layers[0].pixels, noise=NOISE).blur_map()
    wanted = np.clip(radii / 8.0, 0, 1) * 255
    assert (abs(image.layers[0].mask - wanted) <= 0.501).all()
    assert np.median(image.layers[0].mask[:, 120:]) > 2 * np.median(image.layers[0].mask[:, :60])


def result_layers(kinds, check, module):
    if "missing" in kinds.facts(check):
        pytest.fail(f"GIMP has no procedure for {module}")
    return kinds.image(check, check).layers


def test_sharpened_pictures_agree(kinds):
    made, original = result_layers(kinds, "sharpen", "restoration")
    assert made.name == f"Sharpened: {original.name}"
    assert made.offset == original.offset == (4, -3)
    radii = defocus.analyze(original.pixels, noise=NOISE).blur_map()
    wanted = np.clip(defocus.restore(original.pixels, radii), 0, 1) * 255
    assert (abs(made.pixels[..., :3] - wanted) <= 0.501).all()
    assert (made.pixels[..., 3] == 255).all()
    changed = abs(made.pixels[..., :3].astype(int) - original.pixels[..., :3]).max(axis=2) > 2
    assert changed[:, 90:].mean() > 0.01  # the half that is out of focus ...
    assert not changed[:, :60].any()  # ... and only that


def test_magnified_pictures_agree_and_keep_alpha_and_selection(kinds):
    made, original = result_layers(kinds, "background", "magnification")
    assert made.name == f"Background blurred: {original.name}"
    session = Session()
    session.open(defocus.as_picture(original.pixels), AnalysisParameters(noise=NOISE))
    wanted = session.answer(Question("magnify", MagnificationParameters(strength=3.0), MapParameters(), {})).values
    seen = original.pixels[..., 3] > 0
    assert (abs(made.pixels[..., :3] - np.clip(wanted, 0, 1) * 255)[seen] <= 0.501).all()
    assert np.array_equal(made.pixels[..., 3], original.pixels[..., 3])
    selected = np.rint(np.linspace(0, 255, 120))
    assert np.array_equal(made.mask[3:, 0], selected[: 120 - 3])  # the layer begins 3 px above the image
    assert original.mask is None


def answered(original, request, **more):
    session = Session()
    session.open(defocus.as_picture(original), AnalysisParameters(noise=NOISE))
    return np.clip(session.answer(Question(request, **more)).values, 0, 1)


BY = "plug-in-defocus-"


@pytest.mark.parametrize(("name", "request_name"), [("blur-background", "magnify"), ("sharpen", "restore")])
def test_a_layer_can_be_the_blur_map(kinds, name, request_name):
    """It says which radius is white, and lies where the image has it, not where the photograph was moved to."""
    image = kinds.image(f"with map {BY}{name} rgb", f"with-map-{BY}{name}-rgb")
    layers = {layer.name.split(":")[0]: layer for layer in image.layers}
    photograph, painted_map = layers["Background"], layers["map"]
    made = next(layer for layer in image.layers if layer.name.endswith(": Background"))
    analysis = defocus.analyze(photograph.pixels, noise=NOISE)
    levels = np.zeros((120, 160), np.float32)  # the photograph was moved by (4, -3): beyond the map all is in focus
    levels[3:, :156] = painted_map.pixels[:117, 4:, 0]
    assert set(np.unique(levels)) <= {0, 127, 128}
    radius = levels / np.float32(255) * np.float32(analysis.max_radius)
    wanted = 255 * answered(photograph.pixels, request_name, radius=radius)
    assert (abs(made.pixels[..., :3] - wanted) <= 0.501).all()
    changed = abs(made.pixels[..., :3].astype(int) - photograph.pixels[..., :3]).max(axis=2) > 2
    assert changed[10:, :60].mean() > 0.3  # which is sharp, but called blurred
    assert not changed[:, 100:].any()  # and the blurred half is called sharp


def test_a_map_keeps_its_values_in_deep_images(kinds):
    image = kinds.image("with map float", f"with-map-{BY}blur-background-float-linear")
    layers = {layer.name.split(":")[0]: layer for layer in image.layers}
    stored_map = layers["map"].pixels[..., 0].astype(np.float64)
    levels = np.zeros((120, 160))
    levels[3:, :156] = encoded(stored_map)[:117, 4:]
    photograph = picture_of(image, layers["Background"])
    analysis = defocus.analyze(photograph, noise=NOISE)
    wanted = answered(photograph, "magnify", radius=(levels * analysis.max_radius).astype(np.float32))
    made = picture_of(image, next(layer for layer in image.layers if layer.name.endswith(": Background")))
    assert abs(made[..., :3] - wanted).max() < 2e-3


def test_a_file_can_be_the_blur_map(kinds):
    made, photograph = kinds.image("with file", "with-file").layers
    wanted = 255 * answered(photograph.pixels, "magnify", radius=np.load(kinds.folder / "radius.npy"))
    assert (abs(made.pixels[..., :3] - wanted) <= 0.501).all()


@pytest.mark.parametrize("check", ["by mask", "by selection"])
def test_the_mask_or_the_selection_can_be_the_subject(kinds, check):
    """It is the blurred half that stays as it was, with its soft edge, and the result shows all of the picture."""
    image = kinds.image(check, f"by-mask-{check == 'by selection'}")
    made, photograph = image.layers
    assert made.mask is None
    values = photograph.mask if check == "by mask" else image.selection
    assert len(np.unique(values)) > 8
    hints = {"in_focus": values >= 128, "blurred": values < 128}
    wanted = 255 * answered(photograph.pixels, "magnify", hints=hints, subject=values / np.float32(255))
    assert (abs(made.pixels[..., :3] - wanted) <= 0.501).all()
    changed = abs(made.pixels[..., :3].astype(int) - photograph.pixels[..., :3]).max(axis=2) > 2
    assert not changed[:, 100:].any()
    assert changed[:, :70].mean() > 0.3
