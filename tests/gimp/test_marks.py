"""The preview in a GIMP with windows: clicked, painted on, zoomed and moved by mouse and wheel."""

import numpy as np
import pytest
from PIL import Image

import defocus
from defocus.worker.strokes import painted

from .conftest import Batch, kept_settings

pytestmark = [pytest.mark.gimp, pytest.mark.slow]


@pytest.fixture(scope="module")
def marks(gimp):
    with kept_settings(gimp):
        return Batch(gimp, "marks", window=True, timeout=600)


def test_nothing_is_complained_of(marks):
    """GTK's own assertions; those of accessibility, which is not there, are others."""
    assert "-CRITICAL" not in marks.output


def screen(marks, name):
    return np.asarray(Image.open(marks.folder / f"window-marks-{name}.png").convert("RGB")).astype(int)


def test_a_click_shows_the_blur_radius_there(marks):
    clicked = marks.facts("clicked")
    x, y = (int(at) for at in clicked["place"])
    radii = defocus.analyze(marks.image("accepted", "marks").layers[0].pixels).blur_map()
    assert clicked["radius"] == pytest.approx(radii[y, x], abs=1e-4)
    assert 3.5 < clicked["radius"] < 5.5  # out of focus by 4.5 px there
    before, after = (screen(marks, name)[535:560] for name in ("none", "clicked"))
    assert (abs(after - before) > 60).any()  # words that were not there


def test_the_brush_has_an_outline_at_the_pointer(marks):
    """A ring of black and white around (170, 118) of the dialog, 12 px of the screen in radius, as said beside it."""
    marks.facts("outlined")
    before, after = screen(marks, "clicked"), screen(marks, "outlined")
    rows, columns = np.nonzero((abs(after - before) > 20).any(axis=2)[:415, :545])
    distance = np.hypot(rows - 117.5, columns - 169.5)
    assert len(rows) > 60
    assert (abs(distance - 11) < 2).all()
    turns = np.degrees(np.arctan2(rows - 117.5, columns - 169.5)) // 45
    assert len(set(turns)) == 8  # all around


def test_the_film_takes_another_colour_and_stays_transparent(marks):
    *color, opacity = marks.facts("filmed")["film"]
    assert color[1] > max(color[0], color[2])  # green
    assert opacity == pytest.approx(0.75, abs=0.25)
    assert opacity < 1
    right = screen(marks, "filmed")[20:410, 300:540]
    assert (right[..., 1] > right[..., 0] + 10).mean() > 0.9
    assert right.std(axis=(0, 1)).min() > 2  # the picture is seen through it


def test_shift_marks_what_is_in_focus_and_control_what_is_not(marks):
    strokes = marks.facts("painted")["two"]
    assert [stroke["kind"] for stroke in strokes] == ["in_focus", "blurred"]
    assert all(len(stroke["points"]) == 3 for stroke in strokes)
    assert strokes[0]["points"][0][0] > 80 > 40 > strokes[1]["points"][0][0]  # px of the layer, 160 wide


def test_marks_are_seen_in_two_colours(marks):
    """Where the mouse went; green and blue are nowhere else."""
    none, shown = screen(marks, "none"), screen(marks, "painted")
    for channel, others in ((1, (0, 2)), (2, (0, 1))):
        leads = [
            np.min([picture[..., channel] - picture[..., other] for other in others], 0) for picture in (none, shown)
        ]
        assert np.count_nonzero(leads[0] > 25) < 20
        assert np.count_nonzero(leads[1] > 25) > 500


def test_marks_are_taken_back_one_by_one(marks):
    facts = marks.facts("painted")
    assert len(facts["three"]) == 3
    assert facts["three"][:2] == facts["two"]
    assert facts["again"] == facts["three"]  # Control+Y makes it again
    painted_on, undone = (screen(marks, name)[:420, :540] for name in ("painted", "undone"))
    assert (abs(undone - painted_on) > 30).mean() < 0.002


def test_marks_are_obeyed_exactly(marks):
    strokes = marks.facts("accepted")["strokes"]
    layer = marks.image("accepted", "marks").layers[0]
    hints = painted(strokes, layer.pixels.shape[:2])
    assert (layer.mask[hints > 0] == 255).all()
    assert (layer.mask[hints < 0] == 0).all()
    analysis = defocus.analyze(layer.pixels)
    wanted = analysis.focus_mask(in_focus=hints > 0, blurred=hints < 0)
    assert np.array_equal(layer.mask, np.where(wanted, 255, 0))
    assert not np.array_equal(wanted, analysis.focus_mask())


def test_the_wheel_zooms_where_the_mouse_is(marks):
    facts = marks.facts("zoomed")
    top, left, height, width = facts["near"]
    assert 160 / 1.5**3 - 1e-6 <= width < 160 / 1.5**2  # the frame is at most a little wider than the picture
    assert left < 102 < left + width  # the mouse is at (101.6, 30.3) of the layer
    assert top < 30 < top + height
    assert facts["fit"] is None


def test_dragging_and_the_middle_button_move_the_picture(marks):
    facts = marks.facts("zoomed")
    near, moved, back = (facts[name] for name in ("near", "moved", "back"))
    assert moved[1] < near[1]
    assert moved[1] < back[1]
    assert moved[2:] == near[2:]


def test_repeat_makes_the_same_mask_marks_and_all(marks):
    assert marks.facts("repeated")["strokes"] == marks.facts("accepted")["strokes"]
    again = marks.image("repeated", "marks-repeated").layers[0].mask
    assert np.array_equal(again, marks.image("accepted", "marks").layers[0].mask)


def test_a_channel_of_the_run_before_is_there_again_and_can_be_let_go(marks):
    assert marks.facts("with_channel")["channel"]
    image = marks.image("with_channel", "marks-channel")
    assert (image.layers[0].mask[64:] == 255).all()  # the channel rises downwards: its lower half is surely in focus
    assert not marks.facts("without channel")["channel"]


def test_a_selection_has_marching_ants(marks):
    marks.facts("ants")
    changed = {}
    for name in ("none", "ants"):
        first, second = (screen(marks, f"{name}-{moment}")[100:800, 210:980] for moment in (1, 2))
        changed[name] = (abs(second - first).max(axis=2) > 60).any(axis=0).sum(), (abs(second - first) > 60).sum()
    assert changed["none"][1] == 0
    assert changed["ants"][1] > 100
    # They run around the left half of the picture, which is shown 160 px wide: where the boundary is, they move
    assert changed["ants"][0] > 40


def test_the_mask_is_seen_upon_the_layers_below(marks):
    """There is none: the checkerboard shows where the right half was."""
    assert marks.facts("layered")["view"] == "layers"
    preview = screen(marks, "layers")[40:380, 290:520]
    squares = (abs(preview - 0x66).max(axis=2) <= 1) | (abs(preview - 0x99).max(axis=2) <= 1)
    assert squares.mean() > 0.8


def test_large_pictures_are_seen_reduced_first(marks):
    facts = marks.facts("first_look")
    (height, width, _channels), whole = facts["plain"]
    assert whole == [1600, 2000, 3]
    assert 900_000 < height * width < 1_100_000
    assert facts["selected"] == [whole]  # a selection would have to be reduced as well


def test_a_click_sets_the_focus_once_it_is_told_to(marks):
    facts = marks.facts("focused")
    x, y = facts["place"]
    assert 100 < x < 135
    assert 40 < y < 65
    assert (facts["parameters"]["focus_x"], facts["parameters"]["focus_y"]) == pytest.approx((x, y), abs=0.1)


def test_the_point_of_focus_is_marked_in_the_picture(marks):
    """Where it was clicked, near (248, 118) of the dialog, there is an orange dot in a ring of black and white."""
    marks.facts("focused")
    seen = screen(marks, "focused")
    red, green, blue = np.moveaxis(seen, 2, 0)
    rows, columns = np.nonzero((red > 240) & (abs(green - 120) < 20) & (blue < 30))
    assert 12 < len(rows) < 60
    row, column = round(rows.mean()), round(columns.mean())
    assert (row, column) == pytest.approx((118, 248), abs=12)  # the preview grew a little since
    ring = seen[row - 12 : row + 13, column - 12 : column + 13].reshape(-1, 3)
    assert (ring.min(axis=1) > 250).sum() > 20
    assert (ring.max(axis=1) < 5).sum() > 20


@pytest.mark.parametrize(("check", "file"), [("background_painted", "background"), ("sharpened_painted", "sharpened")])
def test_the_brush_marks_in_every_dialog(marks, check, file):
    """What it marks as in focus stays as it was, and what lies around it changes."""
    stroke = marks.facts(check)["strokes"][-1]
    assert stroke["kind"] == "in_focus"
    made, layer = (
        np.asarray(layer.pixels)[..., :3].astype(int) for layer in marks.image(check, f"marks-{file}").layers
    )
    under = painted([stroke], layer.shape[:2]) > 0
    changed = abs(made - layer).max(axis=2) > 2
    assert not changed[under].any()
    around = np.zeros_like(under)
    around[:, 95:] = True
    assert changed[around & ~under].mean() > 0.05


def test_the_brush_can_find_the_edge_anew(marks):
    stroke = marks.facts("rim_painted")["stroke"]
    assert stroke["kind"] == "rim"
    xs, ys = zip(*stroke["points"], strict=True)
    assert 70 < min(xs) <= max(xs) < 85
    assert 20 < min(ys) < max(ys) < 70
