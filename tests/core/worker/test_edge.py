"""The edge of a mask, moved, made steeper, found anew in a band, and the colours of what it cuts out."""

import numpy as np
import pytest
from scipy import ndimage

from defocus.worker.edge import contrasted, cut_out, found_anew, shifted

SHAPE = (70, 90)


def blobs(seed=3):
    random = np.random.default_rng(seed)
    return ndimage.gaussian_filter(random.normal(size=SHAPE), 4) > 0.02


@pytest.mark.parametrize("shift", [1, 2.5, 6])
@pytest.mark.lengthy
def test_a_hard_edge_moves_by_so_many_px(shift):
    mask = blobs()
    inside, outside = np.argwhere(mask), np.argwhere(~mask)
    places = np.argwhere(np.ones(SHAPE, bool))

    def nearest(others):  # by brute force
        return np.array([np.hypot(*(others - place).T).min() for place in places]).reshape(SHAPE)

    assert np.array_equal(shifted(mask.astype(np.float32), shift), nearest(inside) <= shift)
    assert np.array_equal(shifted(mask.astype(np.float32), -shift), ~(nearest(outside) <= shift))


@pytest.mark.parametrize("shift", [2, 3.5, -2, -3.5])
def test_a_soft_edge_moves_as_it_is(shift):
    x, y = np.arange(SHAPE[1]), np.arange(SHAPE[0])[:, None]
    along = (x + y) / np.sqrt(2)  # askew
    ramp = np.clip((60 - along) / 12 + 0.5, 0, 1).astype(np.float32)
    moved = np.clip((60 + shift - along) / 12 + 0.5, 0, 1)
    inner = np.s_[12:-12, 12:-12]
    assert abs(shifted(ramp, shift) - moved)[inner].max() < 0.07  # a grid has no way that is just across
    assert abs(ramp - moved)[inner].max() > 0.15
    rising = (moved > 0.1) & (moved < 0.9)
    assert abs((shifted(ramp, shift) - moved)[rising].mean()) < 0.02  # a quarter of a px


def test_a_mask_without_an_edge_has_none_to_move():
    for value in (0, 1):
        whole = np.full(SHAPE, value, np.float32)
        assert np.array_equal(shifted(whole, 5), whole)
    assert np.array_equal(shifted(blobs().astype(np.float32), 0), blobs())


def test_large_masks_move_in_parts_as_whole():
    mask = np.zeros((1200, 40), np.float32)
    mask[500:510, 10:20] = 1  # its edge moves over the line between two parts, at 512
    wanted = ndimage.distance_transform_edt(mask == 0) <= 7
    assert np.array_equal(shifted(mask, 7), wanted)


def test_contrast_leaves_the_middle():
    mask = np.array([[0, 0.2, 0.4, 0.5, 0.6, 0.8, 1]], np.float32)
    assert np.allclose(contrasted(mask, 2), [[0, 0, 0.3, 0.5, 0.7, 1, 1]])
    assert np.allclose(contrasted(mask, 1), mask)


def soft_disc(far):
    """Return an opacity, 1 in a disc, and a mask that misses its edge by some px."""
    y, x = np.indices(SHAPE)
    distance = np.hypot(y - 35, x - 45)
    return np.clip((20 - distance) / 4 + 0.5, 0, 1).astype(np.float32), (distance < 20 + far).astype(np.float32)


def two_sides():
    return np.array([0.8, 0.3, 0.1], np.float32), np.array([0.1, 0.4, 0.2], np.float32)


def mixed(alpha):
    front, back = two_sides()
    random = np.random.default_rng(5)
    return np.clip(
        alpha[..., None] * front + (1 - alpha[..., None]) * back + random.normal(0, 0.01, (*SHAPE, 3)), 0, 1
    ).astype(np.float32)


def test_a_painted_band_follows_the_colours():
    truth, mask = soft_disc(3)
    band = abs(np.hypot(*(np.indices(SHAPE) - [[[35]], [[45]]])) - 20) < 7
    band[:, :45] = False  # painted along the right half only
    found = found_anew(mask, mixed(truth), band, 8)
    assert np.array_equal(found[~band], mask[~band])
    before, after = (abs(values - truth)[band].mean() for values in (mask, found))
    assert after < before / 2
    assert found.min() >= 0
    assert found.max() <= 1
    soft = ndimage.gaussian_filter(mask, 3)
    assert np.array_equal(found_anew(soft, mixed(truth), band, 8)[~band], soft[~band])


def test_what_is_cut_out_has_the_subject_s_colours_alone():
    truth, _ = soft_disc(0)
    color = mixed(truth)
    own = cut_out(color, truth)
    soft = (truth > 0.1) & (truth < 1)
    front, _ = two_sides()
    assert np.array_equal(own[~((truth > 0) & (truth < 1))], color[~((truth > 0) & (truth < 1))])
    assert abs(own - front)[soft].mean() < 0.03
    assert abs(color - front)[soft].mean() > 0.1


def test_a_hard_cut_out_loses_the_background_at_its_rim():
    truth, _ = soft_disc(0)
    color, hard = mixed(truth), (truth >= 0.5).astype(np.float32)
    own = cut_out(color, hard)
    rim = (truth >= 0.5) & (truth < 0.95)
    front, _ = two_sides()
    assert abs(own - front)[rim].mean() < abs(color - front)[rim].mean() / 2


def test_colours_beyond_white_stay_where_nothing_is_mixed():
    truth, _ = soft_disc(0)
    color = mixed(truth)
    wide = color * 3
    own = cut_out(color, truth, wide)
    assert np.array_equal(own[truth == 1], wide[truth == 1])
    assert own[(truth > 0) & (truth < 1)].max() <= 1
