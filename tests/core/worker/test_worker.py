import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from defocus import __version__
from defocus.parallel import available_threads
from defocus.parameters import MaskParameters, describe
from defocus.worker.client import (
    PROTOCOL,
    ProtocolMismatchError,
    WorkerCancelledError,
    WorkerClient,
    WorkerError,
    clean_environment,
)
from defocus.worker.fields import FIELDS

STUB = [sys.executable, str(Path(__file__).with_name("stub_worker.py"))]


def ramp(height=40, width=60, channels=3, dtype="float32"):
    values = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width))
    if dtype == "uint8":
        values = np.rint(values * 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(values[..., None], channels, axis=2))


def array_of(result):
    return np.fromfile(result["path"], result["dtype"]).reshape(result["shape"])


def message_of(kind, worker, *request):
    with pytest.raises(WorkerError) as caught:
        worker.request(*request)
    assert caught.value.kind == kind
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def worker(folder):
    with WorkerClient(command=STUB, parent_folder=folder) as client:
        yield client


@pytest.fixture
def opened(worker):
    picture = ramp()
    worker.open(picture.tobytes(), shape=picture.shape, dtype="float32")
    return worker


def test_open_reports_what_was_measured_and_deletes_the_pixels(worker):
    picture = ramp(channels=4, dtype="uint8")
    stages = []
    answer = worker.open(
        picture.tobytes(),
        shape=picture.shape,
        dtype="uint8",
        parameters={"noise": 1e-5},
        progress=lambda fraction, stage: stages.append((fraction, stage)),
    )
    assert answer == {
        "shape": [40, 60],
        "noise_variance": 1e-5,
        "max_radius": 10.0,
        "threshold": 3.0,
        "other_threshold": None,
        "known_share": 0.75,
        "saturated_share": 0.0,
        "kind": "photograph",
        "psf": "auto",
        "shape_doubt": "",
        "kind_doubt": "",
    }
    assert stages == [(0.0, "filtering"), (1.0, "likelihoods")]
    assert [path.name for path in worker.folder.iterdir()] == ["worker.log"]
    # Opened again without pixels: the same picture with other parameters
    assert worker.open(parameters={"noise": 1e-3})["noise_variance"] == 1e-3


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_pixels_arrive_as_they_were(worker, channels, dtype):
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    picture = np.random.default_rng(1).uniform(0, 0.05, (30, 50, channels))  # dark: must not be stretched
    picture = (picture * white).astype(dtype)
    worker.open(picture.tobytes(), shape=picture.shape, dtype=dtype)
    scaled = picture.astype(np.float64) / white
    color = scaled[..., : channels - (channels in (2, 4))]
    expected = 10 * (color[..., 0] if color.shape[2] == 1 else color @ [0.299, 0.587, 0.114])
    np.testing.assert_allclose(array_of(worker.request("blur_map")), expected, atol=1e-5)
    if channels in (2, 4):
        np.testing.assert_allclose(array_of(worker.request("confidence")), scaled[..., -1], atol=1e-6)


def test_masks_follow_parameters_and_hints(opened):
    picture = ramp()
    mask = opened.request("focus_mask")
    assert mask["threshold"] == 3.0
    assert mask["dtype"] == "float32"
    assert np.array_equal(array_of(mask), picture[..., 0] <= 0.3)
    assert np.array_equal(array_of(opened.request("focus_mask", {"invert": True})), picture[..., 0] > 0.3)
    chosen = opened.request("focus_mask", {"parameters": {"threshold": 6.0}})
    assert chosen["threshold"] == 6.0
    assert np.array_equal(array_of(chosen), picture[..., 0] <= 0.6)

    in_focus = np.zeros((40, 60), np.uint8)
    in_focus[:5] = 200
    blurred = np.zeros((40, 60), np.uint8)
    blurred[-5:] = 1
    arguments = {}
    for name, hint in (("in_focus", in_focus), ("blurred", blurred)):
        path = opened.new_file()
        path.write_bytes(hint.tobytes())
        arguments[name] = path.name
    hinted = array_of(opened.request("focus_mask", arguments))
    assert hinted[:5].all()
    assert not hinted[-5:].any()
    assert np.array_equal(hinted[5:-5], picture[5:-5, :, 0] <= 0.3)


def test_integer_results_are_rounded_to_nearest(opened):
    soft = array_of(opened.request("focus_mask", {"parameters": {"softness": 2}}))
    np.testing.assert_allclose(np.unique(soft), [0.31, 0.71], rtol=1e-6)
    for name, white in (("uint8", 255), ("uint16", 65535)):
        result = opened.request("focus_mask", {"parameters": {"softness": 2}, "output": name})
        assert result["dtype"] == name
        assert set(np.unique(array_of(result))) == {round(0.31 * white), round(0.71 * white)}
    gray = opened.request("blur_map", {"output": "uint8", "maximum": 5.0})
    assert gray["maximum"] == 5.0
    expected = np.rint(np.clip(ramp()[..., 0] * 2, 0, 1) * 255)
    assert abs(array_of(gray).astype(int) - expected).max() <= 1  # float32 luminance on a rounding edge


def test_a_map_can_be_had_in_units_and_in_colours(opened):
    unit = array_of(opened.request("blur_map", {"output": "unit", "maximum": 5.0}))
    np.testing.assert_allclose(unit, np.clip(ramp()[..., 0] * 2, 0, 1), atol=1e-6)
    color = array_of(opened.request("blur_map", {"output": "color"}))
    assert color.shape == (40, 60, 3)
    assert color.dtype == np.uint8
    lightness = color[0] @ [0.2126, 0.7152, 0.0722]
    assert lightness[-1] > 4 * lightness[0]
    assert (np.diff(lightness) > -1).all()


@pytest.mark.parametrize("how", ["replace", "intersect", "add", "subtract"])
@pytest.mark.parametrize("limited", [False, True])
def test_masks_are_combined_as_soft_sets(opened, how, limited):
    random = np.random.default_rng(2)
    old = random.uniform(size=(40, 60)).astype(np.float32)
    limit = random.uniform(size=(40, 60)).astype(np.float32)
    new = array_of(opened.request("focus_mask", {"parameters": {"softness": 2}}))
    arguments = {"parameters": {"softness": 2}, "combine": how}
    for name, values in [("existing", old)] + [("limit", limit)] * limited:
        path = opened.new_file()
        path.write_bytes(values.tobytes())
        arguments[name] = path.name
    combined = array_of(opened.request("focus_mask", arguments))
    for y, x in random.integers(0, (40, 60), (50, 2)):
        a, b = float(old[y, x]), float(new[y, x])
        wanted = {"replace": b, "intersect": min(a, b), "add": max(a, b), "subtract": min(a, 1 - b)}[how]
        if limited:
            wanted = limit[y, x] * wanted + (1 - limit[y, x]) * a
        assert combined[y, x] == pytest.approx(wanted, abs=1e-6)


def test_outside_the_limit_stands_what_was_asked_for(opened):
    for outside in (0, 1):
        path = opened.new_file()
        path.write_bytes(np.zeros((40, 60), np.float32).tobytes())
        mask = opened.request("focus_mask", {"limit": path.name, "outside": outside})
        assert (array_of(mask) == outside).all()


def test_preview_shows_the_picture_where_in_focus_and_red_elsewhere(opened):
    preview = opened.request("preview", {"of": "focus_mask", "size": [20, 1000]})
    assert preview["shape"] == [20, 30, 3]
    assert preview["threshold"] == 3.0
    picture = array_of(preview).astype(int)
    wanted = ramp().reshape(20, 2, 30, 2, 3).mean(axis=(1, 3)) * 255
    assert abs(picture[:, :8] - wanted[:, :8]).max() <= 1
    assert (picture[:, 12:, 0] - picture[:, 12:, 1] > 60).all()
    gray = opened.request("preview", {"of": "blur_map", "size": [40, 60]})
    assert abs(array_of(gray)[..., 1].astype(int) - ramp()[..., 1] * 255).max() <= 1
    assert "of must be picture, blur_map, " in message_of("request", opened, "preview", {"of": "describe"})


def test_masks_can_be_seen_in_five_ways(opened):
    picture = ramp()[..., 0]
    shown = {
        view: array_of(opened.request("preview", {"of": "focus_mask", "size": [40, 60], "view": view}))
        for view in ("black", "white", "mask")
    }
    assert (shown["black"][picture > 0.31] == 0).all()
    assert (shown["white"][picture > 0.31] == 255).all()
    assert np.array_equal(shown["mask"][..., 0] == 255, picture <= 0.3)
    layers = array_of(opened.request("preview", {"of": "focus_mask", "size": [40, 60], "view": "layers"}))
    assert np.array_equal(layers[..., 3], shown["mask"][..., 0])
    assert abs(layers[..., :3] - 255 * ramp()).max() < 1
    film = {"of": "focus_mask", "size": [40, 60], "film": [0, 0, 1]}
    blue = array_of(opened.request("preview", film))[picture > 0.31].astype(int)
    assert (blue[:, 2] > blue[:, 0] + 100).all()
    assert "view must be" in message_of("request", opened, "preview", {"of": "focus_mask", "view": "3d"})


@pytest.mark.parametrize("size", [[40, 60], [10, 15]])  # as large as the picture, and computed reduced
def test_pictures_are_previewed_without_their_opacity(opened, size):
    asked = {"of": "magnify", "alpha": True, "size": size, "parameters": {"threshold": 20.0}}
    shown = opened.request("preview", asked)
    assert shown["shape"] == [*size, 3]
    step = 40 // size[0]
    wanted = 255 * ramp()[::step, :, :].reshape(size[0], size[1], step, 3).mean(axis=2)
    assert abs(array_of(shown) - wanted).max() < 2


def test_the_picture_itself_is_previewed_part_for_part_as_results_are(opened):
    whole = array_of(opened.request("preview", {"of": "picture", "size": [40, 60]}))
    assert np.array_equal(whole, np.rint(ramp() * 255))
    part = {"size": [20, 20], "crop": [10, 20, 20, 20]}
    assert np.array_equal(array_of(opened.request("preview", {"of": "picture", **part})), whole[10:30, 20:40])
    white = {"of": "focus_mask", "view": "white", "parameters": {"threshold": 5}, **part}
    kept = array_of(opened.request("preview", white))
    assert np.array_equal(kept[:, :9], whole[10:30, 20:29])  # in focus, and nothing else is shown there


def test_the_film_is_as_opaque_as_somebody_wants(opened):
    ask = {"of": "focus_mask", "size": [40, 60], "parameters": {"threshold": 5}}
    picture = np.rint(ramp() * 255)
    for opacity in (0.0, 0.25, 1.0):
        seen = array_of(opened.request("preview", {**ask, "film": [0, 1, 0, opacity]})).astype(int)
        wanted = (1 - opacity) * picture[:, -1] + opacity * np.array([0, 255, 0])
        assert np.abs(seen[:, -1] - wanted).max() <= 1


def test_hints_go_along_with_the_preview_of_a_picture(opened):
    """It is computed reduced, from the map that the hints move; the stand-in's map notes which hints it was given."""
    stroke = {"kind": "in_focus", "radius": 3, "points": [[50, 20]]}
    ask = {"of": "magnify", "size": [20, 30], "parameters": {"strength": 4}}
    without = array_of(opened.request("preview", ask)).astype(int)
    marked = array_of(opened.request("preview", {**ask, "strokes": [stroke]})).astype(int)
    assert abs(marked - without)[:, 20:].max() > 2


def test_a_part_of_the_picture_is_previewed_as_the_whole_shows_it(opened):
    """As large as the picture and twice as large, a part is the same part of the whole."""
    for asked in ({"of": "focus_mask", "size": [40, 60]}, {"of": "blur_map", "size": [40, 60]}):
        whole = array_of(opened.request("preview", asked))
        part = array_of(opened.request("preview", {**asked, "size": [20, 30], "crop": [8, 10, 20, 30]}))
        assert np.array_equal(part, whole[8:28, 10:40])
        large = array_of(opened.request("preview", {**asked, "size": [40, 60], "crop": [8, 10, 20, 30]}))
        assert np.array_equal(large, part.repeat(2, axis=0).repeat(2, axis=1))
    picture = {"of": "magnify", "size": [20, 30], "crop": [8, 10, 20, 30], "parameters": {"threshold": 20.0}}
    assert abs(array_of(opened.request("preview", picture)) - 255 * ramp()[8:28, 10:40]).max() < 2
    for crop in ([0, 0, 41, 60], [-1, 0, 4, 4], [0, 0, 0, 5], [1, 2, 3], "all"):
        assert "crop" in message_of("request", opened, "preview", {"of": "focus_mask", "crop": crop})


def test_the_radius_at_a_place_is_told(opened):
    assert opened.request("probe", {"x": 30.7, "y": 5})["radius"] == pytest.approx(10 * ramp()[5, 30, 0], abs=1e-4)
    assert "within the picture" in message_of("request", opened, "probe", {"x": 60, "y": 5})


def own_map(worker, values, **more):
    path = worker.new_file()
    path.write_bytes(np.ascontiguousarray(values).tobytes())
    return {"map": path.name, **more}


def test_a_matte_of_one_s_own_is_what_stays(opened):
    """The right half, whatever was measured; the preview shows the same subject."""
    matte = np.where(np.arange(60) < 30, 0, 1).astype(np.float32) * np.ones((40, 1), np.float32)
    picture = np.clip(ramp() + 0.2 * (np.indices((40, 60)).sum(axis=0) % 2)[..., np.newaxis], 0, 1).astype(np.float32)
    opened.open(picture.tobytes(), shape=picture.shape, dtype="float32")

    def asked(values):
        path = opened.new_file()
        path.write_bytes(np.ascontiguousarray(values, np.float32).tobytes())
        return {"parameters": {"strength": 4}, "subject": path.name}

    change = np.abs(array_of(opened.request("magnify", asked(matte))) - picture).max(axis=2)
    assert not change[:, 30:].any()
    assert change[:, 10:25].mean() > 0.01
    seen = {"of": "magnify", "view": "mask", "size": [40, 60]}
    shown = array_of(opened.request("preview", {**asked(matte), **seen}))[..., 0]
    np.testing.assert_array_equal(shown, (255 * matte).astype(np.uint8))
    assert "subject holds values that are no numbers" in message_of("request", opened, "magnify", asked(matte * np.nan))


def test_a_map_of_one_s_own_takes_the_place_of_the_measured_one(opened, tmp_path):
    """By the measurement all of the picture is out of focus but its left end; by the map only its upper half is."""
    checked = (np.indices((40, 60)).sum(axis=0) % 2)[..., np.newaxis]
    picture = np.clip(ramp() + 0.2 * checked, 0, 1).astype(np.float32)
    opened.open(picture.tobytes(), shape=picture.shape, dtype="float32")
    upper = np.where(np.arange(40) < 20, 0.5, 0)[:, None].repeat(60, axis=1).astype(np.float32)
    ask = {"parameters": {"threshold": 1.0, "strength": 4}}
    made = array_of(opened.request("magnify", {**ask, **own_map(opened, upper, map_white=8)}))
    change = np.abs(made - picture).max(axis=(1, 2))
    assert change[24:].max() < 1e-6
    assert change[:16].min() > 0.05
    # As bytes, and in px in a file, it is the same map
    as_bytes = np.where(upper > 0, 255, 0).astype(np.uint8)
    again = array_of(opened.request("magnify", {**ask, **own_map(opened, as_bytes, map_dtype="uint8", map_white=4)}))
    assert np.array_equal(again, made)
    np.save(tmp_path / "radius.npy", 8 * upper)
    there = {"map_path": str(tmp_path / "radius.npy")}
    assert np.array_equal(array_of(opened.request("magnify", {**ask, **there})), made)
    # White is the largest radius looked for unless somebody says so; what is told of a place is the map's
    assert opened.request("probe", {"x": 50, "y": 5, **own_map(opened, upper)})["radius"] == pytest.approx(5)
    assert opened.request("probe", {"x": 50, "y": 5, **there})["radius"] == pytest.approx(4)
    # The preview shows it, too, and one of another map is another preview
    seen = {"of": "magnify", "size": [20, 30], **ask}
    mine, measured = (array_of(opened.request("preview", {**seen, **more})) for more in (there, {}))
    before = array_of(opened.request("preview", {"of": "picture", "size": [20, 30]})).astype(int)
    assert np.abs(mine.astype(int) - before)[12:].max() <= 1
    assert np.abs(measured.astype(int) - before)[12:].max() > 3
    np.save(tmp_path / "radius.npy", np.zeros((40, 60), np.float32))
    assert np.array_equal(array_of(opened.request("magnify", {**ask, **there})), picture)


def test_the_mask_of_a_changed_picture_is_what_it_takes_for_in_focus(opened):
    """Between both ends of the range, by the map that is used, measured or one's own; both rise to the right."""
    ask = {"of": "magnify", "size": [40, 60], "view": "mask", "parameters": {"threshold": 6.0, "focus_from": 3.0}}
    radii = 10 * ramp()[0, :, 0]  # as the stand-in measures
    inner, outer = (radii > 3.6) & (radii < 5.4), (radii < 2.4) | (radii > 6.6)
    falling = own_map(opened, ramp()[:, ::-1, 0], map_white=10)
    for more, across in (({}, slice(None)), (falling, slice(None, None, -1))):
        row = array_of(opened.request("preview", {**ask, **more}))[20, across, 0]
        assert (row[inner] > 200).all()
        assert (row[outer] < 50).all()
    # Sharpening has no range of its own: the measured threshold, 3 px, or that in the map
    for more, across in (({}, slice(None)), (own_map(opened, ramp()[:, ::-1, 0], map_white=10), slice(None, None, -1))):
        row = array_of(opened.request("preview", {"of": "restore", "size": [40, 60], "view": "mask", **more}))[
            20, across, 0
        ]
        assert (row[radii < 2.4] > 200).all()
        assert (row[radii > 3.6] < 50).all()


def test_a_map_that_cannot_be_used_is_refused(opened, tmp_path):
    np.save(tmp_path / "small.npy", np.zeros((4, 6)))
    assert "shape (4, 6)" in message_of("input", opened, "restore", {"map_path": str(tmp_path / "small.npy")})
    assert "absent.npy" in message_of("input", opened, "restore", {"map_path": str(tmp_path / "absent.npy")})
    short = own_map(opened, np.zeros(5, np.float32))
    assert "map holds 5 values" in message_of("request", opened, "restore", short)
    both = own_map(opened, np.zeros((40, 60), np.float32), map_path="x.npy")
    assert "not both" in message_of("request", opened, "restore", both)
    nothing = own_map(opened, np.full((40, 60), np.nan, np.float32))
    assert "no numbers" in message_of("request", opened, "magnify", nothing)


def test_strokes_bind_the_mask_and_are_painted_over_other_hints(opened):
    path = opened.new_file()
    hint = np.zeros((40, 60), np.uint8)
    hint[:, 50:] = 1
    path.write_bytes(hint.tobytes())
    strokes = [{"kind": "blurred", "radius": 3, "points": [[5, 5], [5, 30]]}]
    strokes += [
        {"kind": "in_focus", "radius": 2, "points": [[40, 20]]},
        {"kind": "blurred", "radius": 1, "points": [[55, 9]]},
    ]
    mask = array_of(opened.request("focus_mask", {"strokes": strokes, "in_focus": path.name}))
    assert (mask[5:30, 3:7] == 0).all()
    assert mask[20, 40] == 1
    assert mask[9, 55] == 0
    assert mask[20, 55] == 1
    assert mask[35, 5] == 1
    assert "stroke" in message_of("input", opened, "focus_mask", {"strokes": [{}]})


def two_sided(worker, alpha=None):
    """Open a picture of two colours that mix between its halves; the stand-in takes the left for in focus."""
    share = np.broadcast_to(np.clip((163 - np.arange(320)) / 8, 0, 1)[None, :, None], (240, 320, 1))
    picture = (share * (0.1, 0.2, 0.1) + (1 - share) * (0.5, 0.9, 0.5)).astype(np.float32)
    if alpha is not None:
        picture = np.dstack([picture, np.full((240, 320), alpha, np.float32)])
    worker.open(picture.tobytes(), shape=picture.shape, dtype="float32")
    return picture


def test_what_is_cut_out_comes_with_the_subject_s_own_colours(worker):
    picture = two_sided(worker, alpha=0.5)
    ask = {"parameters": {"threshold": 4.0}, "rim": "matte"}
    mask = array_of(worker.request("focus_mask", ask))
    cut = array_of(worker.request("focus_mask", {**ask, "colors": True}))
    assert cut.shape == (240, 320, 4)
    assert np.allclose(cut[..., 3], 0.5 * mask, atol=1e-6)
    soft = (mask > 0.1) & (mask < 0.9)
    assert soft.any()
    before, after = (abs(values[soft][:, :3] - picture[0, 0, :3]).mean() for values in (picture, cut))
    assert after < 0.6 * before
    assert np.array_equal(cut[:, :150, :3], picture[:, :150, :3])
    levels = array_of(worker.request("focus_mask", {**ask, "colors": True, "output": "uint8"}))
    assert abs(levels - 255 * np.clip(cut, 0, 1)).max() <= 0.5001


def test_a_cut_out_is_previewed_with_the_colours_it_will_have(worker):
    two_sided(worker)
    ask = {"parameters": {"threshold": 4.0}, "rim": "matte", "colors": True}
    cut = array_of(worker.request("focus_mask", ask))
    wanted = 255 * (cut[..., :3] * cut[..., 3:] + 1 - cut[..., 3:])
    see = {**ask, "of": "focus_mask", "view": "white"}
    whole = array_of(worker.request("preview", {**see, "size": [240, 320]}))
    assert abs(whole - wanted).max() < 1
    part = array_of(worker.request("preview", {**see, "size": [240, 320], "crop": [10, 140, 30, 40]}))
    assert abs(part[4::8, 4::8] - wanted[10:40, 140:180]).mean() < 1.5
    small = array_of(worker.request("preview", {**see, "size": [120, 160]}))
    assert abs(small - wanted.reshape(120, 2, 160, 2, 3).mean(axis=(1, 3))).mean() < 1.5


def test_the_edge_can_be_moved_and_made_steeper_but_not_over_hints(opened):
    hard = array_of(opened.request("focus_mask", {}))
    moved = array_of(opened.request("focus_mask", {"shift": 3}))
    assert np.array_equal(moved[:, 3:], hard[:, :-3])
    assert np.array_equal(array_of(opened.request("focus_mask", {"shift": -3}))[:, :-3], hard[:, 3:])
    soft = {"parameters": {"softness": 2.0}}
    values = array_of(opened.request("focus_mask", soft))
    steeper = array_of(opened.request("focus_mask", {**soft, "contrast": 2.0}))
    assert np.allclose(steeper, np.clip((values - 0.5) * 2 + 0.5, 0, 1), atol=1e-6)
    edge = int(hard[0].sum())
    stroke = {"kind": "blurred", "radius": 0.6, "points": [[edge + 1.5, 20.5]]}
    marked = array_of(opened.request("focus_mask", {"shift": 3, "strokes": [stroke]}))
    assert marked[20, edge + 1] == 0
    assert marked[5, edge + 1] == 1
    assert "shift" in message_of("request", opened, "focus_mask", {"shift": 1000})
    assert "contrast" in message_of("request", opened, "focus_mask", {"contrast": 0})
    assert "rim" in message_of("request", opened, "focus_mask", {"rim": "hair"})


def test_a_band_that_was_painted_follows_the_colours(worker):
    two_sided(worker)
    stroke = {"kind": "rim", "radius": 12, "points": [[160, 40], [160, 120]]}
    ask = {"parameters": {"threshold": 4.0}}
    before = array_of(worker.request("focus_mask", ask))
    after = array_of(worker.request("focus_mask", {**ask, "strokes": [stroke]}))
    assert set(np.unique(before)) == {0, 1}
    share = np.clip((163 - np.arange(320)) / 8, 0, 1)
    assert abs(after[60:100] - share).mean() < 0.75 * abs(before[60:100] - share).mean()
    assert np.array_equal(after[140:], before[140:])


def test_a_trimap_leaves_the_boundary_open(opened):
    trimap = array_of(opened.request("focus_mask", {"trimap": 4}))
    boundary = int(np.count_nonzero(ramp()[0, :, 0] <= 0.3))
    wanted = np.where(np.arange(60) < boundary - 4, 1, np.where(np.arange(60) < boundary + 4, 0.5, 0))
    assert np.array_equal(trimap, np.broadcast_to(wanted, (40, 60)).astype(np.float32))


def test_a_matte_that_others_made_meets_what_is_there_as_a_mask_does(opened):
    matte = np.random.default_rng(5).random((40, 60), dtype=np.float32)
    path = opened.new_file()
    path.write_bytes(matte.tobytes())
    given = array_of(opened.request("focus_mask", {"matte": path.name, "invert": True}))
    assert np.array_equal(given, 1 - matte)


def test_what_a_preview_showed_is_not_computed_again(opened):
    def stages(name, arguments):
        told = []
        opened.request(name, arguments, progress=lambda fraction, stage: told.append(stage))
        return told

    chosen = {"parameters": {"smoothness": 2.0}}
    assert "cutting the mask" in stages("preview", {"of": "focus_mask", **chosen})
    assert stages("focus_mask", {**chosen, "invert": True, "output": "uint8"}) == []
    assert "cutting the mask" in stages("focus_mask", {"parameters": {"smoothness": 3.0}})


def test_values_beyond_black_and_white_are_measured_clipped_and_come_back(worker):
    picture = ramp(height=60, width=90)
    picture[10:20, 40:50] = 3.5
    picture[30:40, 5:15] = -0.25
    worker.open(picture.tobytes(), shape=picture.shape, dtype="float32")
    radius = array_of(worker.request("blur_map"))
    np.testing.assert_allclose(radius, 10 * np.clip(picture[..., 0], 0, 1), atol=1e-5)
    kept = array_of(worker.request("magnify", {"parameters": {"threshold": 20.0}}))
    assert np.array_equal(kept, picture)
    result = array_of(worker.request("restore", {"map_parameters": {"smoothness": 0.05}}))  # no radius above 1 px
    assert np.array_equal(result, picture)


def test_describe_gives_the_controls_of_the_parameter_classes(worker):
    facts = worker.request("describe")
    assert facts["version"] == worker.version == __version__
    assert facts["protocol"] == PROTOCOL
    assert {"open", "focus_mask", "blur_map", "confidence", "describe", "close"} <= set(facts["requests"])
    assert set(facts["parameters"]) == {"analysis", "map", "mask", "restoration", "magnification"}
    threshold = facts["parameters"]["mask"][0]
    control = describe(MaskParameters)[0]
    assert threshold["name"] == control.name == "threshold"
    assert (threshold["minimum"], threshold["maximum"]) == (control.minimum, control.maximum)
    assert threshold["choices"] == ["auto"]
    assert threshold["help"] == control.help


def test_wrong_requests_are_refused_and_the_worker_lives_on(worker):
    assert "no picture yet" in message_of("request", worker, "focus_mask")
    assert "no picture yet" in message_of("request", worker, "open")
    assert "unknown request" in message_of("request", worker, "dance")
    picture = ramp()
    path = worker.new_file()
    path.write_bytes(picture.tobytes()[:-4])
    short = {"file": path.name, "shape": picture.shape, "dtype": "float32"}
    assert "file holds 7199 values" in message_of("request", worker, "open", short)
    assert "no file" in message_of("request", worker, "open", {**short, "file": "absent.raw"})
    for outside in ("../secret", "/etc/passwd", "", 5):
        assert "private folder" in message_of("request", worker, "open", {**short, "file": outside})
    assert "dtype must be uint8, " in message_of("request", worker, "open", {**short, "dtype": "object"})
    worker.open(picture.tobytes(), shape=picture.shape, dtype="float32")
    assert "threshold must be" in message_of("input", worker, "focus_mask", {"parameters": {"threshold": -1}})
    assert "unknown mask parameter" in message_of("request", worker, "focus_mask", {"parameters": {"treshold": 1}})
    assert "must be an object" in message_of("request", worker, "focus_mask", {"parameters": 3})
    assert "output must be float32, uint8 or uint16, not 'int8'" in message_of(
        "request", worker, "focus_mask", {"output": "int8"}
    )
    assert "output must be" in message_of("request", worker, "focus_mask", {"output": "color"})
    assert "combine must be" in message_of("request", worker, "focus_mask", {"combine": "xor"})
    assert array_of(worker.request("focus_mask")).shape == (40, 60)


NAN, INFINITY = float("nan"), float("inf")
WRONG = {  # for each field what was once taken, or ended in a traceback
    "open": {
        "shape": [[40], [40, -60], [40, 60.0], [True, 60], "40", [40, 60, 3, 1]],
        "dtype": ["int64", 5, ["uint8"]],
        "name": ["a\0b", "\ud800", 5, ["x"]],
        "bit_depth": [12, "8", True, 8.0],
        "parameters": [3, "x", []],
        "threshold": [0, "no"],
    },
    "focus_mask": {
        "trimap": ["x", -5, 1e30, 10**6, True, 2.5, NAN],
        "invert": [1, "yes", [0]],
        "combine": ["xor", 1],
        "outside": ["1", -0.1, 2, NAN, INFINITY, [1]],
        "output": ["int8", "color", 8],
        "strokes": ["x", {"kind": "in_focus"}, 5],
        "existing": ["", ".", "..", "a/b", "C:x", "a\0b", "\udfff", 5, "worker.log"],
        "matte": ["../secret"],
        "limit": [["a"]],
        "in_focus": [False],
        "parameters": [3],
    },
    "blur_map": {"maximum": ["1", -1, NAN, INFINITY, 1e31, True], "output": ["rgb"]},
    "restore": {
        "alpha": [1, "yes"],
        "map_parameters": ["x"],
        "map": ["../secret", 5],
        "map_dtype": ["uint16", 8],
        "map_white": [-1, 129, NAN, "8"],
        "map_path": [5, "a\0b"],
        "subject": ["../secret", 0.5],
    },
    "preview": {
        "of": ["dance", 5, ["blur_map"]],
        "size": [[0, 5], [5], 5, [5.0, 5], [10**9, 5], "55"],
        "crop": [[0, 0, 1], "abcd", [0, 0, NAN, 1], [None, 0, 1, 1], [0, 0, True, 1]],
        "view": ["pretty", 1],
        "film": ["abc", -1, [0.1, 0.2, None], [1], [1, 0, INFINITY], [2, 0, 0], [True, 0, 0]],
    },
    "probe": {"x": ["1", NAN, True], "y": [[1], 1e31]},
}


def test_every_field_is_checked_and_the_error_names_it(opened, folder):
    assert set(WRONG) | {"describe", "magnify", "confidence"} == set(FIELDS)
    for request, fields in WRONG.items():
        base = {"of": "focus_mask", "size": [20, 30]} if request == "preview" else {}
        for field, values in fields.items():
            for value in values:
                path = opened.new_file()
                path.write_bytes(b"left over")
                other = {"file": path.name} if request == "open" else {"blurred": path.name}
                message = message_of("request", opened, request, {**base, **other, field: value})
                assert message.startswith(f"{field} must "), (request, field, value, message)
                assert message.isascii()
                assert len(message) < 200
                if request != "probe":
                    assert not path.exists(), (request, field, value)  # nobody else would remove it
                path.unlink(missing_ok=True)
    assert "Traceback" not in opened.log()
    assert array_of(opened.request("focus_mask")).shape == (40, 60)  # with what it held


@pytest.mark.parametrize("field", ["matte", "existing", "limit"])
@pytest.mark.parametrize("odd", [NAN, INFINITY])
def test_masks_that_hold_no_numbers_are_refused(opened, field, odd):
    path = opened.new_file()
    values = np.zeros((40, 60), np.float32)
    values[3, 4] = odd
    path.write_bytes(values.tobytes())
    assert f"{field} holds values that are no numbers" in message_of(
        "request", opened, "focus_mask", {field: path.name}
    )


def test_null_is_what_is_not_given(opened):
    given = {"invert": None, "trimap": None, "existing": None, "combine": None, "parameters": None}
    assert np.array_equal(array_of(opened.request("focus_mask", given)), array_of(opened.request("focus_mask")))


def test_parameters_that_no_text_can_be_are_one_line(opened):
    for lens in ("lens\0.npz", "lens\ud800.npz"):
        picture = ramp()
        with pytest.raises(WorkerError) as caught:
            opened.open(picture.tobytes(), shape=picture.shape, dtype="float32", parameters={"psf": lens})
        assert caught.value.kind == "input"
    assert "Traceback" not in opened.log()


def test_faults_are_told_by_kind(opened):
    assert "memory" in message_of("memory", opened, "focus_mask", {"parameters": {"smoothness": 7.0}})
    picture = ramp()
    opened.open(picture.tobytes(), shape=picture.shape, dtype="float32")  # let go of after running out of memory
    assert "ValueError: surprise" in message_of("internal", opened, "focus_mask", {"parameters": {"smoothness": 7.1}})
    assert "Traceback" in opened.log()
    assert "full" in message_of("disk", opened, "focus_mask", {"parameters": {"smoothness": 7.2}})
    picture = np.full((30, 30), np.nan, np.float32)
    with pytest.raises(WorkerError, match=r"^the layer: .*NaN") as caught:
        opened.open(picture.tobytes(), shape=picture.shape, dtype="float32", name="the layer")
    assert caught.value.kind == "input"


def test_a_full_disk_leaves_no_half_written_result(folder):
    # A file size limit stands for the full disk: writes beyond it fail in the same place
    limited = [sys.executable, "-c", "import resource, signal, subprocess, sys; "
               "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); "
               "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
               "sys.exit(subprocess.call(sys.argv[1:]))", *STUB]  # fmt: skip
    with WorkerClient(command=limited, parent_folder=folder) as worker:
        picture = ramp(channels=1, height=200, dtype="uint8")
        worker.open(picture.tobytes(), shape=picture.shape, dtype="uint8")
        message_of("disk", worker, "focus_mask")
        assert [path.name for path in worker.folder.iterdir()] == ["worker.log"]
        small = worker.request("focus_mask", {"output": "uint8"})
        assert Path(small["path"]).stat().st_size == 12000


def test_the_death_of_the_worker_is_told_and_cleaned_up(opened, folder):
    assert "exit code 3" in message_of("died", opened, "focus_mask", {"parameters": {"smoothness": 8}})
    assert not opened.alive
    assert list(folder.iterdir()) == []
    message_of("died", opened, "focus_mask")


def wait_for(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_cancel_from_another_thread_ends_the_request_at_once(opened, folder):
    pid = opened._process.pid
    sleeping = threading.Event()
    threading.Thread(target=lambda: (sleeping.wait(), opened.cancel())).start()
    with pytest.raises(WorkerCancelledError):
        opened.request("focus_mask", {"parameters": {"smoothness": 9}}, progress=lambda fraction, stage: sleeping.set())
    assert wait_for(lambda: not Path(f"/proc/{pid}").exists()) or sys.platform != "linux"
    assert wait_for(lambda: list(folder.iterdir()) == [])
    with pytest.raises(WorkerCancelledError):
        opened.request("focus_mask")


def test_an_exception_in_progress_ends_the_worker(opened, folder):
    def stop(fraction, stage):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened.request("focus_mask", {"parameters": {"smoothness": 9}}, progress=stop)
    assert not opened.alive
    assert list(folder.iterdir()) == []


def test_closing_ends_the_worker_in_the_middle_of_its_work(opened, folder):
    process = opened._process
    opened._send({"id": 99, "request": "focus_mask", "parameters": {"smoothness": 9}})
    assert opened._receive()["event"] == "progress"
    opened.close()
    assert process.returncode == 0  # by itself, not killed
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_the_worker_ends_and_cleans_up_when_its_host_is_killed(folder):
    host = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\n"
            "from defocus.worker.client import WorkerClient\n"
            "client = WorkerClient(command=sys.argv[2:], parent_folder=sys.argv[1])\n"
            "client.open(bytes(3000), shape=(30, 100), dtype='uint8')\n"
            "client._send({'id': 5, 'request': 'focus_mask', 'parameters': {'smoothness': 9}})\n"
            "print(client._process.pid, flush=True)\n"
            "time.sleep(60)",
            str(folder),
            *STUB,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with host:
        pid = int(host.stdout.readline())
        os.kill(pid, 0)
        assert len(list(folder.iterdir())) == 1
        host.send_signal(signal.SIGKILL)
        host.wait()

        def gone():
            status = Path(f"/proc/{pid}/status")
            return not status.exists() or "State:\tZ" in status.read_text()

        assert wait_for(gone)
    assert list(folder.iterdir()) == []


def test_a_python_that_is_missing_or_lacks_the_suite_is_named(folder):
    with pytest.raises(WorkerError, match="/no/such/python cannot be run: No such file") as caught:
        WorkerClient("/no/such/python", parent_folder=folder)
    assert caught.value.kind == "start"
    with pytest.raises(WorkerError, match=r"No module named.*is napari-defocus installed") as caught:
        WorkerClient(command=[sys.executable, "-S", "-I", "-m", "defocus.worker"], parent_folder=folder)
    assert caught.value.kind == "start"
    with pytest.raises(WorkerError, match="something unexpected") as caught:
        WorkerClient(command=[sys.executable, "-c", "print('hello')"], parent_folder=folder)
    assert caught.value.kind == "version"
    assert list(folder.iterdir()) == []


def test_another_protocol_is_refused_with_the_mend(folder):
    with pytest.raises(ProtocolMismatchError, match="update the suite"):
        WorkerClient(command=[*STUB, "--old"], parent_folder=folder)
    newer = json.dumps({"event": "ready", "protocol": PROTOCOL + 1, "version": "9.0"})
    with pytest.raises(ProtocolMismatchError, match=r"defocus 9\.0.*defocus gimp-install"):
        WorkerClient(command=[sys.executable, "-c", f"print('''{newer}''')"], parent_folder=folder)
    assert list(folder.iterdir()) == []


def test_the_client_needs_only_the_standard_library():
    import ast

    import defocus.worker.client

    tree = ast.parse(Path(defocus.worker.client.__file__).read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= set(sys.stdlib_module_names)


def test_bundled_python_variables_do_not_reach_the_worker(monkeypatch):
    bundles = ("DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "LD_PRELOAD", "GIO_EXTRA_MODULES", "PYTHONSTARTUP")
    for name in ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "GI_TYPELIB_PATH", *bundles):
        monkeypatch.setenv(name, "/opt/host")
    monkeypatch.setenv("DEFOCUS_TEST", "kept")
    environment = clean_environment()
    assert "/opt/host" not in environment.values()
    assert environment["DEFOCUS_TEST"] == "kept"


# ---- what nobody sane would send


def conversation(folder, *lines, files=None):
    """Send raw lines to a worker, each after the last answer; return those answers, without progress."""
    process = subprocess.Popen(
        [*STUB, "--folder", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    answers = [json.loads(process.stdout.readline())]
    for name, content in (files or {}).items():
        (folder / name).write_bytes(content)
    for line in lines:
        process.stdin.write(line)
        process.stdin.flush()
        answers.append(json.loads(process.stdout.readline()))
        while answers[-1]["event"] == "progress":
            answers[-1] = json.loads(process.stdout.readline())
    process.stdin.close()
    process.wait(20)
    process.stdout.close()
    assert answers[0]["event"] == "ready"
    assert not folder.exists()
    return answers[1:]


CLOSE = b'{"id": 9, "request": "close"}\n'


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_nested_brackets_are_an_error_and_the_worker_lives_on(folder, depth):
    nested, last = conversation(folder / "x", b"[" * depth + b"\n", CLOSE)
    assert nested["kind"] == "request"
    assert last == {"id": 9, "event": "result", "result": {}}


def test_a_line_without_end_is_an_error_and_takes_no_time(folder):
    begin = time.monotonic()
    long, last = conversation(folder / "x", b"7" * 40_000_000 + b"\n", CLOSE)
    assert "bytes at most" in long["message"]
    assert last["event"] == "result"
    assert time.monotonic() - begin < 20  # it took minutes when every piece was joined to all before it


@pytest.mark.parametrize("number", ["../../outside", "a", None, -1, 1.5, True, 2**60, [1], {"a": 1}])
def test_only_whole_numbers_count_requests(folder, number):
    picture = ramp()
    opening = {"id": 1, "request": "open", "shape": picture.shape, "dtype": "float32", "file": "in.raw"}
    requests = [opening, {"id": number, "request": "confidence"}]
    lines = [json.dumps(item).encode() + b"\n" for item in requests]
    opened, answer, _ = conversation(folder / "x", *lines, CLOSE, files={"in.raw": picture.tobytes()})
    assert opened["event"] == "result"
    assert answer["id"] == number
    if number is not True:  # a number, to Python
        assert answer["kind"] == "request"
    assert list(folder.iterdir()) == []


def test_a_folder_that_holds_something_is_not_taken(folder):
    (folder / "thesis.txt").write_text("years of work")
    process = subprocess.run(
        [*STUB, "--folder", str(folder)], input=CLOSE, capture_output=True, check=False, timeout=60
    )
    assert process.returncode != 0
    assert b"not empty" in process.stderr
    assert (folder / "thesis.txt").read_text() == "years of work"


def test_folders_that_appear_in_the_private_one_stay(folder):
    with WorkerClient(command=STUB, parent_folder=folder) as client:
        inner = client.folder / "inner"
        inner.mkdir()
        (inner / "kept").write_text("")
        client._process.stdin.close()
        client._process.wait(20)
        assert [item.name for item in client.folder.iterdir()] == ["inner"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("busy", [False, True])
def test_a_signal_ends_the_worker_and_removes_its_folder(folder, number, busy):
    picture = ramp()
    client = WorkerClient(command=STUB, parent_folder=folder)
    client.open(picture.tobytes(), shape=picture.shape, dtype="float32")
    if busy:
        client._send({"id": 50, "request": "focus_mask", "parameters": {"smoothness": 9}})
        client._receive()
    client._process.send_signal(number)
    assert client._process.wait(20) == 128 + number
    assert list(folder.iterdir()) == []
    client.close()


def test_an_open_that_fails_keeps_the_picture(opened):
    before = array_of(opened.request("blur_map"))
    broken = np.full((40, 60), np.nan, np.float32)
    for pixels, shape, parameters in ((broken, (40, 60), {}), (ramp(), (40, 60, 3), {"window": 40})):
        with pytest.raises(WorkerError) as caught:
            opened.open(pixels.tobytes(), shape=shape, dtype="float32", parameters=parameters)
        assert caught.value.kind == "input"
        np.testing.assert_array_equal(array_of(opened.request("blur_map")), before)


def test_a_client_that_cannot_write_says_so_in_a_line(folder, opened):
    with pytest.raises(WorkerError, match="temporary files cannot be made") as caught:
        WorkerClient(command=STUB, parent_folder=folder / "missing")
    assert caught.value.kind == "disk"
    (opened.folder / f"input-{opened._last_id + 1}.raw").mkdir()
    with pytest.raises(WorkerError, match="temporary files") as caught:
        opened.open(ramp().tobytes(), shape=(40, 60, 3), dtype="float32")
    assert caught.value.kind == "disk"
    assert opened.request("blur_map")["shape"] == [40, 60]


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads of a process as Linux does")
def test_threads_of_matrices_are_one_unless_somebody_says_otherwise(folder):
    """As in the command line: numpy's others begin when it is loaded, which it is when the worker is ready."""
    known = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    counts = []
    for told in (known, known | {"OPENBLAS_NUM_THREADS": "2"}):
        with WorkerClient(parent_folder=folder, environment=told) as client:
            counts.append(psutil.Process(client._process.pid).num_threads())
    assert counts[1] - counts[0] == min(2, available_threads()) - 1
