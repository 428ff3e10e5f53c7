"""Wide pictures: what is not changed comes back exactly, highlights keep their light."""

import numpy as np
import pytest

from defocus.pictures.wide import changed_as_clipped, changed_in_full_range, split_wide


def wide_picture():
    random = np.random.default_rng(2)
    return random.uniform(-0.1, 4, (20, 30, 3)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_colours_are_clipped_and_kept(channels):
    values = np.concatenate([wide_picture(), np.full((20, 30, 1), 0.5, np.float32)], 2)[..., -channels:]
    values[0, 0, 0] = 3
    clipped, wide = split_wide(values)
    assert clipped.min() >= 0
    assert clipped.max() <= 1
    colors = channels - (channels in (2, 4))
    np.testing.assert_array_equal(wide, np.broadcast_to(values[..., :colors], (20, 30, 3)))


def test_ordinary_pictures_are_left_alone():
    values = np.random.default_rng(0).random((20, 30, 3), dtype=np.float32)
    assert split_wide(values) == (values, None) or split_wide(values)[1] is None
    values[3, 4] = np.nan
    assert np.isnan(split_wide(values)[0][3, 4]).all()  # for others to refuse


def test_what_is_not_changed_comes_back_exactly():
    wide = wide_picture()
    clipped = np.clip(wide, 0, 1)
    result = clipped.copy()
    result[:, 15:] *= 0.75
    added = changed_as_clipped(result, clipped, wide)
    np.testing.assert_array_equal(added[:, :15], wide[:, :15])
    np.testing.assert_allclose(added[:, 15:], (wide - 0.25 * clipped)[:, 15:], atol=1e-6)

    def dim(color):
        assert color.min() >= 0
        assert color.max() <= 1
        color = color.copy()
        color[:, 15:] *= 0.5
        return color

    full = changed_in_full_range(dim, clipped, wide)
    np.testing.assert_array_equal(full[:, :15], wide[:, :15])
    halved = np.where(wide > 0, 0.5 * wide, wide)  # what was below black is not changed either
    np.testing.assert_allclose(full[:, 15:], halved[:, 15:], atol=1e-6)
