"""The plugin's functions without a viewer: against the core itself, for every kind of layer."""

import dask.array
import numpy as np
import pytest
from napari.layers import Image, Labels, Layer

import defocus
import napari_defocus
from defocus.parameters import AnalysisParameters, MaskParameters
from napari_defocus.layers.export import cut_out, save_mask
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
    assert (kind, metadata["name"], data.dtype) == ("image", "scene blur radius", np.float32)
    assert metadata["contrast_limits"] == (0, analysis.max_radius)
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
    inverted, _, _ = napari_defocus.focus_mask_layer(layer, analysis=QUICK, invert=True)
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
    assert (heights.data == best)[inner].mean() > 0.9
    assert (picture.data == np.take_along_axis(values, heights.data[None].astype(int), 0)[0]).all()
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
    assert (heights[0] == best)[inner].mean() > 0.9


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
    save_mask(mask, tmp_path / "mask.png")
    np.testing.assert_array_equal(np.asarray(PillowImage.open(tmp_path / "mask.png")), mask.data * 255)
    matte = Layer.create(*napari_defocus.focus_mask_layer(layer, MaskParameters(softness=4), analysis=QUICK))
    save_mask(matte, tmp_path / "matte.tif")
    written = tifffile.imread(tmp_path / "matte.tif")
    np.testing.assert_allclose(written / 65535, matte.data, atol=1e-5)
    with pytest.raises(defocus.InputError, match=r"must end in \.png or \.tif"):
        save_mask(mask, tmp_path / "mask.jpg")
    with pytest.raises(defocus.InputError, match="cannot be written"):
        save_mask(mask, tmp_path / "missing" / "mask.png")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mask.png", "matte.tif"]


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
