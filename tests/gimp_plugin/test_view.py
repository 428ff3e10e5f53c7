"""Which part of a picture is seen, and where a place of the screen lies in it; and the strokes of the brush."""

import pytest


@pytest.fixture
def view(plugin):
    return plugin.view.View((600, 400), (420, 340))


def test_all_is_seen_in_the_middle_until_somebody_zooms(view):
    assert view.fits
    assert view.crop == (0, 0, 600, 400)
    assert view.shown == (420, 280)
    assert view.place(0, 30) == pytest.approx((0, 0))
    assert view.place(420, 310) == pytest.approx((600, 400))
    assert not view.holds(view.place(10, 5))
    view.resize((840, 680))
    assert view.shown == (840, 560)


@pytest.mark.parametrize("at", [(210, 170), (13, 200), (400, 40)])
def test_what_is_under_the_mouse_stays_there(view, at):
    place = view.place(*at)
    view.zoom(8, at)
    assert view.place(*at) == pytest.approx(place)
    view.zoom(0.7, at)
    assert view.place(*at) == pytest.approx(place)


def test_what_is_seen_never_leaves_the_picture(view):
    view.zoom(4)
    for move in ((5000, 5000), (-5000, -5000), (1, 3)):
        view.pan(*move)
        left, top, width, height = view.crop
        assert 0 <= left <= left + width <= 600 + 1e-9
        assert 0 <= top <= top + height <= 400 + 1e-9
    assert view.shown == (420, 340)
    view.resize((100, 100))
    left, top, width, height = view.crop
    assert left + width <= 600
    assert view.shown == (100, 100)


def test_a_pan_moves_by_pixels_of_the_screen(view):
    view.zoom(4)
    before = view.place(200, 150)
    view.pan(-40, 24)
    assert view.place(160, 174) == pytest.approx(before)


def test_there_is_an_end_to_zooming(view):
    for _ in range(40):
        view.zoom(1.5)
    assert view.scale == 16
    for _ in range(40):
        view.zoom(1 / 1.5)
    assert view.fits
    view.natural()
    assert view.scale == 1


def test_small_pictures_are_seen_whole(plugin):
    view = plugin.view.View((60, 40), (420, 340))
    assert view.scale == 7
    view.natural()
    assert view.fits


def test_strokes_are_drawn_on_and_taken_back_one_by_one(plugin):
    marks = plugin.marks.Marks()
    assert not marks
    marks.begin("in_focus", 8, (10, 10))
    assert not marks.extend((11, 10))  # too near to say anything
    assert marks.extend((20, 10))
    written = marks.written()
    marks.begin("blurred", 4, (50, 50))
    assert marks.extend((55, 50))
    assert [stroke["kind"] for stroke in marks.written()] == ["in_focus", "blurred"]
    assert written == [{"kind": "in_focus", "radius": 8, "points": [[10, 10], [20, 10]]}]
    marks.undo()
    assert marks.written() == written
    assert marks.undo()
    assert not marks.undo()
    assert not marks


def test_strokes_come_back_until_another_is_drawn(plugin):
    marks = plugin.marks.Marks()
    for place in (10, 20, 30):
        marks.begin("in_focus", 1, (place, 0))
    everything = marks.written()
    assert not marks.redo()
    marks.undo()
    marks.undo()
    assert marks.redo()
    assert marks.written() == everything[:2]
    marks.begin("blurred", 1, (40, 0))
    assert not marks.redo()  # what was taken back belongs to what came after it


def test_a_request_has_an_end(plugin):
    marks = plugin.marks.Marks()
    marks.begin("in_focus", 1, (0, 0))
    assert sum(marks.extend((place, 0)) for place in range(1, 70_000)) < 60_000
