"""Layers as the core sees them: pixels, place, unit."""

import dask.array
import numpy as np
import pytest
import zarr
from napari.layers import Image, Labels, Layer

from defocus import InputError
from napari_defocus.layers.results import layer_data
from napari_defocus.layers.source import Source

PLACE_3D = {
    "scale": (2.0, 0.5, 0.7),
    "translate": (3.0, -4.0, 5.0),
    "rotate": (20, 30, 10),
    "shear": (0.1, 0.2, 0.3),
    "affine": np.array([[1.1, 0.1, 0, 1], [0, 0.9, 0.2, 2], [0, 0, 1.2, 3], [0, 0, 0, 1]]),
    "units": ("um", "um", "um"),
    "axis_labels": ("z", "y", "x"),
}
PLACE_2D = {
    "scale": (0.5, 0.7),
    "translate": (-4.0, 5.0),
    "rotate": 30,
    "shear": [0.2],
    "affine": np.array([[1.1, 0.1, 1], [0, 0.9, 2], [0, 0, 1]]),
    "units": ("nm", "nm"),
    "axis_labels": ("y", "x"),
}


def result(source, **options):
    return Layer.create(*layer_data(np.zeros(source.shape[-2:]), source, "test", "test", "image", **options))


@pytest.mark.parametrize(
    "place",
    [
        {"scale": (-2, 3)},
        {"scale": (2, -3), "translate": (5, 7)},
        {"scale": (-2, -3)},
        {"scale": (2, -3), "rotate": 30},
        {"scale": (-2, 3), "shear": [0.2]},
    ],
)
def test_a_result_of_a_mirrored_picture_is_mirrored_once(place):
    layer = Image(np.zeros((30, 40)), **place)
    made = result(Source.from_layer(layer))
    for point in ((0, 0), (29, 39), (12.5, 7.25)):
        np.testing.assert_allclose(made.data_to_world(point), layer.data_to_world(point), atol=1e-9)


def test_a_result_of_a_mirrored_stack_lies_in_its_slice():
    layer = Image(np.zeros((5, 30, 40)), scale=(-2, 0.5, -0.7), translate=(1, 2, 3))
    made = result(Source.from_layer(layer), index=(3,))
    for y, x in ((0, 0), (29, 39)):
        np.testing.assert_allclose(made.data_to_world((0, y, x)), layer.data_to_world((3, y, x)), atol=1e-9)


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_a_result_lies_where_its_picture_lies(channels):
    layer = Image(np.zeros((30, 40, *channels)), rgb=bool(channels), **PLACE_2D)
    made = result(Source.from_layer(layer))
    for point in ((0, 0), (29, 39), (12.5, 7.25)):
        np.testing.assert_allclose(made.data_to_world(point), layer.data_to_world(point), atol=1e-9)
    assert made.units == layer.units
    assert made.axis_labels == ("y", "x")


def test_one_slice_of_a_turned_stack_lies_in_its_own_place():
    layer = Image(np.zeros((5, 30, 40)), **PLACE_3D)
    made = result(Source.from_layer(layer), index=(3,))
    assert made.data.shape == (1, 30, 40)
    for y, x in ((0, 0), (29, 39), (12.5, 7.25)):
        np.testing.assert_allclose(made.data_to_world((0, y, x)), layer.data_to_world((3, y, x)), atol=1e-9)
    assert made.units == layer.units
    assert made.axis_labels == layer.axis_labels


def test_a_plane_for_the_whole_stack_takes_the_last_two_axes():
    layer = Image(np.zeros((5, 30, 40, 3)), rgb=True, scale=(2, 0.5, 0.7), translate=(1, 2, 3), units=("s", "um", "um"))
    made = result(Source.from_layer(layer), flat=True)
    np.testing.assert_allclose(made.scale, (0.5, 0.7))
    np.testing.assert_allclose(made.translate, (2, 3))
    assert [str(unit) for unit in made.units] == ["micrometer", "micrometer"]


def test_a_level_of_a_multiscale_layer_covers_the_same_field():
    full = np.arange(64 * 96, dtype=np.float32).reshape(64, 96)
    layer = Image([full, full[::2, ::2], full[::4, ::4]], scale=(0.5, 0.5), translate=(10, 20))
    assert Source.from_layer(layer).shape == (64, 96)
    source = Source.from_layer(layer, level=2)
    assert source.level_scale == 4
    assert source.pixel_size == pytest.approx(0.5)
    made = result(source)
    # The outer edges of the first and of the last pixel
    np.testing.assert_allclose(made.data_to_world((-0.5, -0.5)), layer.data_to_world((-0.5, -0.5)))
    np.testing.assert_allclose(made.data_to_world((15.5, 23.5)), layer.data_to_world((63.5, 95.5)))
    with pytest.raises(InputError, match="levels 0 to 2, not 3"):
        Source.from_layer(layer, level=3)


def test_lazy_layers_are_read_one_plane_at_a_time(tmp_path):
    values = np.random.default_rng(0).random((4, 20, 30))
    reads = []

    def load(block_id):
        reads.append(block_id[0])
        return values[block_id[0]][np.newaxis]

    lazy = dask.array.map_blocks(load, chunks=((1,) * 4, (20,), (30,)), dtype=float, meta=np.empty((0, 0, 0)))
    source = Source.from_layer(Image(lazy, contrast_limits=(0, 1)))
    reads.clear()
    np.testing.assert_array_equal(source.plane((2,)), values[2])
    source.key((2,))
    assert reads == [2]
    stored = zarr.open(str(tmp_path / "stack.zarr"), mode="w", shape=values.shape, chunks=(1, 20, 30), dtype=float)
    stored[:] = values
    source = Source.from_layer(Image(stored, contrast_limits=(0, 1)))
    np.testing.assert_array_equal(source.plane((3,)), values[3])


def test_painting_on_a_picture_changes_its_key():
    layer = Image(np.zeros((20, 30)))
    source = Source.from_layer(layer)
    before = source.key(())
    assert source.key(()) == before
    layer.data[3, 4] = 1
    assert source.key(()) != before


def test_other_lazy_data_of_a_layer_have_another_key():
    layer = Image(dask.array.zeros((20, 30)))
    first = Source.from_layer(layer).key(())
    assert Source.from_layer(layer).key(()) == first
    for value in range(5):  # whatever became of the memory of the one before
        layer.data = dask.array.full((20, 30), value)
        assert Source.from_layer(layer).key(()) != first


def test_the_plane_at_a_point_of_the_world():
    source = Source.from_layer(Image(np.zeros((5, 20, 30)), scale=(2, 1, 1), translate=(10, 0, 0)))
    assert source.index_at((16.6, 3, 3)) == (3,)
    assert source.index_at((99, 3, 3)) == (4,)
    assert source.index_at((7, 16.6, 3, 3)) == (3,)  # the viewer has an axis more


@pytest.mark.parametrize(
    ("units", "unit", "size"),
    [(("um", "um"), "µm", 0.6), (("pixel", "pixel"), None, 0.6), (("um", "mm"), None, 0.6)],
)
def test_the_unit_of_a_layer(units, unit, size):
    source = Source.from_layer(Image(np.zeros((20, 30)), scale=(0.4, 0.9), units=units))
    assert source.unit == unit
    assert source.pixel_size == pytest.approx(size)


def test_what_is_no_picture_is_refused():
    with pytest.raises(InputError, match="choose an image layer"):
        Source.from_layer(Labels(np.zeros((5, 5), int)))
    with pytest.raises(InputError, match="choose an image layer"):
        Source.from_layer(None)


def test_what_lies_across_the_slices_is_known(stack):
    """Scale, offset, order within the plane do not matter; shear and turns that mix slices with rows do."""
    values, _ = stack
    assert not Source.from_layer(Image(values, scale=(3, 0.2, 0.2), translate=(5, 6, 7))).oblique
    assert not Source.from_layer(Image(values, rotate=(0, 0, 0), shear=[0, 0, 0.3])).oblique  # rows against columns
    assert not Source.from_layer(Image(values[0])).oblique
    assert Source.from_layer(Image(values, shear=[0.5, 0, 0])).oblique
    skewed = np.eye(4)
    skewed[0, 1] = 0.7  # as a light sheet's stage scans
    assert Source.from_layer(Image(values, affine=skewed)).oblique
