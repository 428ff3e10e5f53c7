"""A GIMP with windows under Xvfb, driven by keys: menu entry, dialog, preview, OK, undo, repeat."""

import numpy as np
import pytest
from PIL import Image

import defocus

pytestmark = [pytest.mark.gimp, pytest.mark.slow]


def red_pixels(path):
    """Which of a screenshot's pixels have the tint of what is out of focus."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return (pixels[..., 0] - pixels[..., 1] > 60) & (pixels[..., 0] - pixels[..., 2] > 30)


def redness(path):
    """Share of a screenshot's pixels that are red."""
    return np.mean(red_pixels(path))


def test_the_menu_entry_opens_a_dialog_with_a_preview(window):
    window.facts("opened")
    assert redness(window.folder / "window-dialog.png") > 0.05


def test_the_preview_can_be_seen_in_other_ways(window):
    window.facts("views")
    before, after = (redness(window.folder / f"window-{name}.png") for name in ("dialog", "view"))
    assert after < before / 10


def test_the_preview_grows_and_shrinks_with_the_dialog(window):
    window.facts("grown")
    red = {}
    for name in ("dialog", "grown", "shrunk"):
        red[name] = np.count_nonzero(red_pixels(window.folder / f"window-{name}.png"))
    assert red["grown"] > 1.5 * red["dialog"]
    assert red["shrunk"] < red["grown"] / 1.3


def test_a_slider_moves_the_preview_and_nothing_else(window):
    window.facts("preview follows")
    before, after = (redness(window.folder / f"window-{name}.png") for name in ("dialog", "moved"))
    assert after < before / 3  # with 7.5 px nothing counts as blurred


def test_cancel_leaves_the_layer_as_it_was(window):
    window.facts("cancelled")


def test_ok_makes_the_mask_with_the_chosen_values(window):
    layer = window.image("accepted", "window").layers[0]
    wanted = defocus.analyze(layer.pixels).focus_matte(softness=4.0)
    assert np.array_equal(layer.mask, np.rint(wanted.astype(np.float64) * 255))
    assert len(np.unique(layer.mask)) > 10


def test_the_mask_is_one_undo_step(window):
    window.facts("undone")


def test_repeat_last_makes_the_same_mask(window):
    again = window.image("repeated", "window-repeated").layers[0]
    assert np.array_equal(again.mask, window.image("accepted", "window").layers[0].mask)


def screen(window, name):
    return np.asarray(Image.open(window.folder / f"window-{name}.png").convert("L")).astype(float)


def test_pictures_are_previewed_as_they_will_be(window):
    window.facts("sharpened")
    preview = screen(window, "sharpen")[40:240, 30:330]
    across = np.abs(np.diff(preview, axis=1))
    assert across[:, :130].mean() > 2 * across[:, 170:].mean()  # sharp blades, and their means over a disc


def test_the_polygon_s_options_show_when_it_is_chosen(window):
    window.facts("sharpened")
    before, after = (screen(window, name)[150:450, 380:630] for name in ("unfolded", "polygon"))
    assert (abs(after - before) > 10).mean() > 0.05


def test_the_blur_map_has_its_dialog_too(window):
    window.facts("blur map")
