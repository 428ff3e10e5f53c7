"""The plugin's functions without a viewer: against the core itself, for every kind of layer."""

import dask.array
import numpy as np
import pytest
from napari.layers import Image, Labels, Layer

import defocus
import napari_defocus
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters
from napari_defocus.layers.export import cut_out, description, save_result
from napari_defocus.layers.source import Source

QUICK = AnalysisParameters(window=21, spacing=4)


@pytest.fixture(scope="module")
def analysis(scene):
    return defocus.analyze(scene[0], QUICK)


def test_map_is_the_cores_in_px_and_in_the_layers_unit(scene, analysis):
    layer = Image(scene[0], name="scene", scale=(0.5, 0.5), units=("um", "um"))
    before = layer.data.copy()
    data, metadata, kind = napari_defocus.blur_map_layer(layer, analysis=QUICK)
    np.testing.assert_array_equal(data, analysis.blur_map())
    assert (kind, metadata["name"], data.dtype) == ("image", "scene blur radius (px)", np.float32)
    low, high = metadata["contrast_limits"]
    assert low == 0
    assert np.percentile(data, 98) <= high <= analysis.max_radius  # what the values ask for, not all that could be
    assert metadata["metadata"]["defocus"]["maximum"] == analysis.max_radius
    physical, metadata, _ = napari_defocus.blur_map_layer(layer, analysis=QUICK, unit="layer")
    np.testing.assert_allclose(physical, data * 0.5)
    assert metadata["metadata"]["defocus"]["unit"] == "µm"
    np.testing.assert_array_equal(layer.data, before)
    with pytest.raises(defocus.InputError, match="no unit"):
        napari_defocus.blur_map_layer(Image(scene[0]), unit="layer")


def test_map_tells_the_sharp_half_from_the_blurred_one(scene):
    data, _, _ = napari_defocus.blur_map_layer(Image(scene[0]))
    assert np.median(data[:, :60]) < 1.0
    assert np.median(data[:, 100:]) == pytest.approx(4.0, abs=0.4)


def test_mask_matte_and_inversion(scene, analysis):
    layer = Image(scene[0], name="scene")
    data, metadata, kind = napari_defocus.focus_mask_layer(layer, analysis=QUICK)
    mask = analysis.focus_mask()
    assert (kind, metadata["name"], data.dtype) == ("labels", "scene in focus", np.uint8)
    np.testing.assert_array_equal(data, mask)
    inverted, metadata, _ = napari_defocus.focus_mask_layer(layer, analysis=QUICK, invert=True)
    assert metadata["name"] == "scene not in focus"
    np.testing.assert_array_equal(inverted, ~mask)
    soft, metadata, kind = napari_defocus.focus_mask_layer(layer, MaskParameters(softness=4), analysis=QUICK)
    assert (kind, metadata["name"], soft.dtype) == ("image", "scene focus matte", np.float32)
    np.testing.assert_allclose(soft, analysis.focus_matte(softness=4), atol=1e-6)


def test_hints_bind_the_mask_where_they_are_painted(scene):
    layer = Image(scene[0])
    hints = np.zeros(scene[0].shape[:2], np.uint8)
    hints[50:70, 120:140] = 1
    hints[50:70, 20:40] = 2
    data, _, _ = napari_defocus.focus_mask_layer(layer, analysis=QUICK, hints=Labels(hints))
    assert data[50:70, 120:140].all()
    assert not data[50:70, 20:40].any()
    with pytest.raises(defocus.InputError, match="hints of shape"):
        napari_defocus.focus_mask_layer(layer, hints=hints[1:])


def test_gray_rgb_and_rgba_give_layers_of_the_pictures_size(scene):
    rgb = scene[0]
    alpha = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    opaque = napari_defocus.blur_map_layer(Image(np.concatenate([rgb, alpha], 2)), analysis=QUICK)[0]
    np.testing.assert_array_equal(opaque, napari_defocus.blur_map_layer(Image(rgb), analysis=QUICK)[0])
    for gray in (rgb[..., 1], rgb[..., 1].astype(np.uint16) * 257, rgb[..., 1].astype(float) * 3 - 100):
        assert napari_defocus.blur_map_layer(Image(gray), analysis=QUICK)[0].shape == rgb.shape[:2]


def test_stacks_plane_by_plane_numpy_and_dask_alike(stack):
    values, _ = stack
    stages = []
    whole, metadata, _ = napari_defocus.blur_map_layer(
        Image(values), analysis=QUICK, progress=lambda fraction, stage: stages.append((fraction, stage))
    )
    assert whole.shape == values.shape
    fractions = [fraction for fraction, _ in stages]
    assert fractions == sorted(fractions)
    assert stages[-1][1].startswith("slice 4 of 4: ")
    lazy = Image(dask.array.from_array(values, chunks=(1, 96, 128)), scale=(3, 1, 1))
    one, metadata, _ = napari_defocus.blur_map_layer(lazy, analysis=QUICK, index=(2,))
    np.testing.assert_array_equal(one[0], whole[2])
    np.testing.assert_allclose(metadata["translate"], (6, 0, 0))
    with pytest.raises(defocus.InputError, match="needs 1 indices for a plane, not 2"):
        napari_defocus.blur_map_layer(lazy, index=(2, 1))


def test_focus_over_z_of_a_two_step_surface(stack):
    values, best = stack
    maps, picture, heights = (
        Layer.create(*result)
        for result in napari_defocus.focus_over_z_layers(Image(values, name="s"), keep_maps=True, analysis=QUICK)
    )
    assert maps.data.shape == values.shape
    inner = np.s_[10:-10, [*range(10, 54), *range(74, 118)]]
    assert heights.data.dtype == np.float32
    assert (np.abs(heights.data - best) < 0.3)[inner].mean() > 0.9
    assert (picture.data == np.take_along_axis(values, np.rint(heights.data)[None].astype(int), 0)[0]).all()
    about = heights.metadata["defocus"]
    assert (about["axis"], about["fixed"]) == (-3, (None,))
    curve = heights.metadata["defocus"]["curve"]
    assert curve.sharpest in (1, 2)
    assert curve.in_focus_share[[1, 2]].min() > curve.in_focus_share[[0, 3]].max()
    with pytest.raises(defocus.InputError, match="no stack"):
        napari_defocus.focus_over_z_layers(Image(values[0]))


def test_focus_over_another_axis_of_a_time_series(stack):
    values, best = stack
    series = np.stack([values[:, ::-1], values], axis=1)  # z, time, y, x
    _, heights = napari_defocus.focus_over_z_layers(Image(series), axis=-4, index=(0, 1), analysis=QUICK)
    inner = np.s_[10:-10, [*range(10, 54), *range(74, 118)]]
    assert (np.abs(heights[0] - best) < 0.3)[inner].mean() > 0.9
    about = heights[1]["metadata"]["defocus"]
    assert (about["axis"], about["fixed"]) == (-4, (None, 1))


@pytest.mark.parametrize("verb", [napari_defocus.restored_layer, napari_defocus.magnified_layer])
def test_pictures_come_back_in_their_own_type_and_range(scene, verb):
    rgba = np.concatenate([scene[0], np.full((*scene[0].shape[:2], 1), 200, np.uint8)], 2)
    data, metadata, _ = verb(Image(rgba), analysis=QUICK)
    assert (data.shape, data.dtype, metadata["rgb"]) == (rgba.shape, np.uint8, True)
    np.testing.assert_array_equal(data[..., 3], 200)
    # The picture is the same picture, sharper or softer, not a rescaled one
    assert np.abs(data[..., :3].mean((0, 1)) - scene[0].mean((0, 1))).max() < 5
    gray = scene[0][..., 1].astype(np.uint16) * 16
    data, metadata, _ = verb(Image(gray, colormap="green", contrast_limits=(5, 4000)), analysis=QUICK)
    assert (data.shape, data.dtype) == (gray.shape, np.uint16)
    assert abs(data.mean() / gray.mean() - 1) < 0.03
    assert metadata["contrast_limits"] == [5, 4000]
    assert metadata["colormap"].name == "green"


def test_cut_out_and_files(scene, analysis, tmp_path):
    import tifffile
    from PIL import Image as PillowImage

    layer = Image(scene[0], name="scene", scale=(2, 2))
    mask = Layer.create(*napari_defocus.focus_mask_layer(layer, analysis=QUICK))
    data, metadata, _ = cut_out(Source.from_layer(layer), mask)
    np.testing.assert_array_equal(data[..., :3], scene[0])
    np.testing.assert_array_equal(data[..., 3], mask.data * 255)
    np.testing.assert_allclose(metadata["scale"], (2, 2))
    save_result(mask, tmp_path / "mask.png")
    np.testing.assert_array_equal(np.asarray(PillowImage.open(tmp_path / "mask.png")), mask.data * 255)
    matte = Layer.create(*napari_defocus.focus_mask_layer(layer, MaskParameters(softness=4), analysis=QUICK))
    save_result(matte, tmp_path / "matte.tif")
    written = tifffile.imread(tmp_path / "matte.tif")
    np.testing.assert_allclose(written / 65535, matte.data, atol=1e-5)
    with pytest.raises(defocus.InputError, match=r"must end in \.png or \.tif"):
        save_result(mask, tmp_path / "mask.jpg")
    with pytest.raises(defocus.DefocusError, match="cannot be written"):
        save_result(mask, tmp_path / "mask.png" / "mask.png")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mask.png", "matte.tif"]


def test_a_file_that_cannot_be_finished_leaves_the_old_one(scene, tmp_path, monkeypatch):
    import tifffile

    mask = Layer.create(*napari_defocus.focus_mask_layer(Image(scene[0], name="scene"), analysis=QUICK))
    file = tmp_path / "mask.tif"
    file.write_bytes(b"old")

    def full(path, *arguments, **options):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(defocus.DefocusError, match="No space left"):
        save_result(mask, file)
    assert file.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["mask.tif"]


def test_confidence_is_the_cores_and_named_so(scene, analysis):
    data, metadata, kind = napari_defocus.confidence_layer(Image(scene[0], name="scene"), analysis=QUICK)
    np.testing.assert_array_equal(data, analysis.confidence)
    assert (kind, metadata["name"], metadata["contrast_limits"]) == ("image", "scene confidence", (0, 1))


def test_a_new_request_of_the_core_is_shown_without_a_line_in_the_plugin(scene, monkeypatch):
    from defocus import session
    from defocus.session import Question, Request
    from napari_defocus.engine import LocalEngine
    from napari_defocus.functions import computed_layer
    from napari_defocus.requests import LayerRequest, Run

    new = Request("valid", "Evidence here", "unit", lambda session, question, progress: session.held.confidence > 0.5)
    monkeypatch.setitem(session.REQUESTS, "valid", new)
    request = LayerRequest(Source.from_layer(Image(scene[0], name="scene")), Question("valid"), QUICK)
    data, metadata, kind = computed_layer(request, Run(LocalEngine()))
    assert (metadata["name"], kind, data.dtype) == ("scene evidence here", "image", np.float32)


def test_a_result_says_what_it_was_made_by_and_its_file_too(scene, analysis, tmp_path):
    import json

    import tifffile
    from PIL import Image as PillowImage

    parameters = MaskParameters(threshold=2.5, smoothness=0.5)
    mask = Layer.create(*napari_defocus.focus_mask_layer(Image(scene[0], name="scene"), parameters, analysis=QUICK))
    about = mask.metadata["defocus"]
    assert about["version"] == defocus.__version__
    assert about["parameters"] == {"threshold": 2.5, "edge_sensitivity": 1.0, "smoothness": 0.5, "softness": 0.0}
    assert about["analysis"]["window"] == 21
    assert (about["noise_variance"], about["threshold"]) == (pytest.approx(analysis.noise_variance), 2.5)
    save_result(mask, tmp_path / "mask.png")
    with PillowImage.open(tmp_path / "mask.png") as opened:
        kept = json.loads(opened.text["Description"])
    assert kept["parameters"] == about["parameters"]
    radius = Layer.create(*napari_defocus.blur_map_layer(Image(scene[0], name="scene"), analysis=QUICK))
    save_result(radius, tmp_path / "map.tif")
    with tifffile.TiffFile(tmp_path / "map.tif") as opened:
        assert json.loads(opened.pages[0].description)["unit"] == "px"
        np.testing.assert_array_equal(opened.asarray(), radius.data)
    assert json.loads(description(radius))["noise_variance"] == about["noise_variance"]


@pytest.mark.parametrize("request_name", ["map", "depth", "mask", "restored"])
def test_the_python_and_the_command_of_a_result_make_it_again(scene, tmp_path, request_name):
    import shlex

    import tifffile
    from PIL import Image as PillowImage

    from defocus.command.line import app
    from defocus.depth import DepthScale
    from napari_defocus.reproduce import as_command, as_python

    layer, scale = Image(scene[0], name="scene"), DepthScale(0.7, 0.3, 2.0, 0.1)
    made = {
        "map": lambda: napari_defocus.blur_map_layer(layer, MapParameters(smoothness=0.5), analysis=QUICK),
        "depth": lambda: napari_defocus.blur_map_layer(layer, analysis=QUICK, depth=scale),
        "mask": lambda: napari_defocus.focus_mask_layer(
            layer, MaskParameters(threshold=3.0), analysis=QUICK, invert=True
        ),
        "restored": lambda: napari_defocus.restored_layer(layer, analysis=QUICK),
    }[request_name]()
    about = made[1]["metadata"]["defocus"]
    names = {"picture": scene[0]}
    exec(as_python(about), names)
    expected = made[0] / 255 if request_name == "restored" else made[0]
    np.testing.assert_allclose(
        np.clip(names["values"], 0, 1 if request_name in ("mask", "restored") else 99), expected, atol=0.003
    )
    PillowImage.fromarray(scene[0]).save(tmp_path / "scene.png")
    scale.save(tmp_path / "scope.json")
    files = {"PICTURE": tmp_path / "scene.png", "SCALE": tmp_path / "scope.json", "FOLDER": tmp_path}
    if request_name == "mask":  # which the command line cannot invert
        with pytest.raises(defocus.InputError, match="copy as Python"):
            as_command(about)
        about = {**about, "inverted": False}
    command = " ".join(str(files.get(word, word)) for word in as_command(about).split(" "))
    assert app(shlex.split(command)[1:], result_action="return_value") == 0
    if request_name == "map":
        np.testing.assert_allclose(tifffile.imread(tmp_path / "scene_blur.tif"), made[0], atol=1e-6)
    if request_name == "depth":
        np.testing.assert_allclose(tifffile.imread(tmp_path / "scene_defocus.tif"), made[0], atol=1e-6)
    if request_name == "mask":
        written = np.asarray(PillowImage.open(tmp_path / "scene_mask.png")) / 255
        np.testing.assert_array_equal(1 - written, made[0])


def test_all_slices_are_cut_at_one_threshold(stack):
    values, _ = stack
    data, metadata, _ = napari_defocus.focus_mask_layer(Image(values), analysis=QUICK)
    analyses = [defocus.analyze(plane, QUICK) for plane in values]
    one = float(np.median([analysis.threshold for analysis in analyses]))
    assert metadata["metadata"]["defocus"]["threshold"] == pytest.approx(one)
    for plane, analysis in zip(data, analyses, strict=True):
        np.testing.assert_array_equal(plane, analysis.focus_mask(threshold=one))


def test_results_of_channels_have_their_own_names(stack):
    values, _ = stack
    layer = Image(np.stack([values[1], values[2]]), name="cells", axis_labels=("c", "y", "x"))
    results = [napari_defocus.blur_map_layer(layer, analysis=QUICK, index=(channel,)) for channel in (0, 1)]
    assert [result[1]["name"] for result in results] == [
        "cells channel 0 blur radius (px)",
        "cells channel 1 blur radius (px)",
    ]
    with pytest.raises(defocus.InputError, match="slices 0 to 1 along axis 0, not 2"):
        napari_defocus.blur_map_layer(layer, index=(2,))
    for index in ((1.0,), ("0",), (None,)):
        with pytest.raises(defocus.InputError, match="has slices 0 to 1"):
            napari_defocus.blur_map_layer(layer, index=index)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((50, 60), np.nan), "NaN"),
        (np.zeros((10, 12)), "smaller than the analysis window"),
    ],
)
def test_bad_pictures_are_named(array, message):
    with pytest.raises(defocus.InputError, match=message) as caught:
        napari_defocus.blur_map_layer(Image(array, name="strange", contrast_limits=(0, 1)))
    assert "strange" in str(caught.value)


def test_heights_in_the_unit_of_the_layer_and_as_a_surface(stack):
    values, best = stack
    layer = Image(values, name="s", scale=(2.5, 0.5, 0.5), translate=(10, 0, 0), units=("um", "um", "um"))
    surface, _, heights = (
        Layer.create(*result)
        for result in napari_defocus.focus_over_z_layers(layer, unit="layer", surface=True, analysis=QUICK)
    )
    (in_slices,) = napari_defocus.focus_over_z_layers(layer, analysis=QUICK)[1:]
    np.testing.assert_allclose(heights.data, in_slices[0] * 2.5, rtol=1e-6)
    assert heights.metadata["defocus"]["unit"] == "µm"
    assert type(surface).__name__ == "Surface"
    # A vertex lies in the world where its pixel and its height are
    vertices, faces, shown = surface.data
    corner = surface.data_to_world(vertices[-1])
    assert corner[1:] == pytest.approx(((best.shape[0] - 1) * 0.5, (best.shape[1] - 1) * 0.5))
    assert corner[0] == pytest.approx(10 + heights.data[-1, -1])
    assert shown[-1] == pytest.approx(heights.data[-1, -1])
    assert len(faces) == 2 * (best.shape[0] - 1) * (best.shape[1] - 1)
    with pytest.raises(defocus.InputError, match="no unit of its own along axis"):
        napari_defocus.focus_over_z_layers(Image(values), unit="layer", analysis=QUICK)
