"""The answer: map, mask, threshold, hints and confidence say the same; noise, saturation and kinds of number."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import defocus
from defocus.parameters import MaskParameters
from defocus.pictures.picture import load_image
from defocus.psf.simulation import simulate_blur

THRESHOLDS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)


@pytest.fixture(scope="module")
def flower(samples):
    return defocus.analyze(load_image(samples / "flower.jpg"))


def eight_bits(values):
    return np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["flower.jpg", "cat.jpg", "china.jpg", "object.png", "ramp.png", "uniform.png"])
@pytest.mark.lengthy
def test_the_mask_at_any_threshold_is_where_the_map_is_at_most_that(samples, name):
    analysis = defocus.analyze(load_image(samples / name))
    radius = analysis.blur_map()
    differ = [np.mean(analysis.focus_mask(threshold=t) != (radius <= t)) for t in THRESHOLDS]
    assert np.mean(differ) <= 0.02
    assert max(differ) <= 0.10
    auto = analysis.focus_mask()
    assert np.mean(auto != (radius <= analysis.threshold)) <= 0.03
    np.testing.assert_array_equal(auto, analysis.focus_mask(threshold=analysis.threshold))


def test_what_differs_lies_along_boundaries(flower):
    radius = flower.blur_map()
    for threshold in (1.0, 2.5, 5.0):
        mask, below = flower.focus_mask(threshold=threshold), radius <= threshold
        near = ndimage.binary_dilation(below, iterations=15) & ndimage.binary_dilation(~below, iterations=15)
        assert np.mean((mask != below)[~near]) < 0.01


@pytest.mark.parametrize("name", ["flower.jpg", "coffee.jpg", "cells.png"])
@pytest.mark.lengthy
def test_a_larger_threshold_removes_nothing(samples, name):
    analysis = defocus.analyze(load_image(samples / name))
    thresholds = [0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.5, 5.0, analysis.max_radius]
    masks = [analysis.focus_mask(threshold=threshold) for threshold in thresholds]
    for k in range(len(thresholds) - 1):
        assert not (masks[k] & ~masks[k + 1]).any(), thresholds[k : k + 2]
    assert masks[0].mean() < masks[2].mean()
    assert masks[-1].all()


@pytest.mark.parametrize("name", ["uniform", "ramp", "object"])
@pytest.mark.lengthy
def test_masks_are_right_against_simulated_truth(samples, name):
    import tifffile

    truth = tifffile.imread(samples / f"{name}_radius.tif")
    analysis = defocus.analyze(load_image(samples / f"{name}.png"))
    for threshold in (1.0, 2.0, 3.0, 4.0, 6.0):
        away = np.abs(truth - threshold) >= 0.3
        assert np.mean((analysis.focus_mask(threshold=threshold) != (truth <= threshold))[away]) <= 0.1, threshold


def test_what_is_unknown_may_be_left_out(flower):
    radius, left_out = flower.blur_map(), flower.blur_map(unknown="nan")
    np.testing.assert_array_equal(np.isnan(left_out), ~flower.known)
    assert 0 < flower.known_share < 1
    np.testing.assert_array_equal(left_out[flower.known], radius[flower.known])
    assert not np.isnan(flower.blur_map()).any()


def test_a_hint_moves_mask_and_map(flower):
    mask, radius = flower.focus_mask(), flower.blur_map()
    sharp, blurred = np.zeros(mask.shape, bool), np.zeros(mask.shape, bool)
    inside, outside = (ndimage.distance_transform_edt(side) for side in (mask, ~mask))
    y, x = np.unravel_index(inside.argmax(), mask.shape)
    blurred[max(y - 8, 0) : y + 8, max(x - 8, 0) : x + 8] = True
    y, x = np.unravel_index(outside.argmax(), mask.shape)
    sharp[max(y - 8, 0) : y + 8, max(x - 8, 0) : x + 8] = True
    assert sharp.any()
    assert blurred.any()
    hinted = flower.focus_mask(in_focus=sharp, blurred=blurred)
    moved = flower.blur_map(in_focus=sharp, blurred=blurred)
    assert (moved[sharp] <= flower.threshold).all()
    assert (moved[blurred] > flower.threshold).all()
    changed = hinted != mask
    np.testing.assert_array_equal((moved <= flower.threshold)[changed], hinted[changed])
    apart = ~changed & ~sharp & ~blurred
    np.testing.assert_array_equal(moved[apart], radius[apart])
    assert (flower.blur_map() == radius).all()


NOISE = {
    "Poisson 500": lambda rng: rng.poisson(500, (256, 300)).astype(np.uint16),
    "Poisson 20": lambda rng: rng.poisson(20, (256, 300)).astype(np.uint16),
    "vignetting": lambda rng: rng.poisson(500 * np.linspace(0.4, 1, 300) * np.ones((256, 1))).astype(np.uint16),
    "8 bits": lambda rng: np.clip(rng.normal(128, 5, (256, 300)), 0, 255).astype(np.uint8),
    "colour": lambda rng: np.clip(rng.normal(128, 5, (256, 300, 3)), 0, 255).astype(np.uint8),
    "constant": lambda _: np.full((256, 300), 77, np.uint8),
}


CHOSEN = [pytest.param(kind, marks=pytest.mark.lengthy) for kind in ("photograph", "brightfield", "fluorescence")]


@pytest.mark.parametrize("kind", ["auto", *CHOSEN])
@pytest.mark.parametrize("name", NOISE)
def test_noise_is_no_evidence(name, kind):
    analysis = defocus.analyze(NOISE[name](np.random.default_rng(7)), kind=kind)
    if (name, kind) == ("vignetting", "fluorescence"):  # where the light itself is seen, as far out of focus as it is
        assert not analysis.focus_mask().any()
        return
    assert not analysis.has_evidence
    assert analysis.known_share == 0
    assert not analysis.known.any()
    assert (analysis.confidence == 0).all()
    assert "no evidence" in analysis.threshold_reason
    for threshold in ("auto", 0.5, 8.0):
        assert not analysis.focus_mask(threshold=threshold).any()
    assert (analysis.blur_map() == analysis.max_radius).all()


@pytest.mark.parametrize("blur", [0.0, 3.0])
@pytest.mark.lengthy
def test_the_kind_of_number_changes_nothing(samples, blur):
    scene = load_image(samples / "coffee.jpg").luminance
    scene = simulate_blur(scene, blur) if blur else scene
    noisy = np.clip(scene + np.random.default_rng(0).normal(0, 0.003, scene.shape), 0, 1)
    kinds = [
        eight_bits(noisy),
        np.rint(noisy * 65535).astype(np.uint16),
        np.rint(100 + 2500 * noisy).astype(np.uint16),
        np.rint(10000 + 2500 * noisy).astype(np.uint16),
        noisy.astype(np.float32),
    ]
    analyses = [defocus.analyze(kind) for kind in kinds]
    masks, radii = [a.focus_mask() for a in analyses], [a.blur_map() for a in analyses]
    for mask, radius in zip(masks[1:], radii[1:], strict=True):
        assert np.mean(mask != masks[0]) < 0.03
        assert np.median(np.abs(radius - radii[0])) < 0.1


@pytest.mark.lengthy
def test_a_grey_copy_has_the_answer_of_its_colours(samples):
    color = load_image(samples / "flower.jpg")
    gray = defocus.analyze((color.luminance).astype(np.float32))
    assert np.mean(gray.focus_mask() != defocus.analyze(color).focus_mask()) < 0.03


def cells(sigma, top, seed=3):
    rng = np.random.default_rng(seed)
    field = np.zeros((320, 320))
    y, x = np.mgrid[:320, :320]
    for _ in range(26):
        row, column = rng.uniform(20, 300, 2)
        field[(y - row) ** 2 + (x - column) ** 2 < rng.uniform(7, 12) ** 2] = rng.uniform(0.5, 1)
    field *= 1 + 0.2 * ndimage.gaussian_filter(rng.standard_normal(field.shape), 1.5) / 0.19
    blurred = ndimage.gaussian_filter(field, sigma)
    limit = np.percentile(blurred, 100 - top) if top else np.inf
    return np.minimum(rng.poisson(3000 * blurred + 100), 3000 * limit + 100).astype(np.uint16)


@pytest.mark.parametrize("sigma", [2.0, 4.0])
@pytest.mark.lengthy
def test_what_is_saturated_is_counted_and_not_read_as_sharp(sigma):
    assert defocus.analyze(cells(sigma, 0)).saturated_share < 0.001
    for top in (2, 5):
        analysis = defocus.analyze(cells(sigma, top))
        assert analysis.saturated_share == pytest.approx(top / 100, abs=0.025)
        assert analysis.known_share < 0.05
        if top == 2:  # then something is left that tells
            assert np.median(analysis.blur_map()[analysis.known]) == pytest.approx(2 * sigma, rel=0.2)
        assert analysis.focus_mask().mean() < 0.02


@pytest.mark.parametrize("top", [0, 0.5, 2])
def test_what_is_cut_off_is_in_focus_if_its_surroundings_are(top):
    """A sharp cell stays whole where its brightest pixels are cut off, and nothing of the dark ground joins it."""
    counts = cells(0.4, top)
    mask = defocus.focus_mask(counts, kind="fluorescence")
    bodies = counts > 1000
    assert mask[bodies].mean() > 0.95
    assert not mask[~ndimage.binary_dilation(bodies, iterations=4)].any()


def test_of_a_photograph_nothing_is_known_beside_what_is_cut_off():
    grain = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((200, 260)), 1)
    light = np.clip(0.45 + 0.12 * grain / grain.std(), 0, 1)
    light[60:110, 90:170] = 1
    analysis = defocus.analyze(eight_bits(light), kind="photograph")
    assert analysis.saturated_share == pytest.approx(50 * 80 / light.size, rel=0.2)
    assert not analysis.known[50:120, 80:180].any()
    assert analysis.known[:30].all()


@pytest.mark.parametrize("name", ["gravel.png", "grass.png", "coffee.jpg"])
@pytest.mark.lengthy
def test_what_is_sharp_everywhere_comes_out_so(samples, name):
    assert defocus.focus_mask(load_image(samples / name)).mean() > 0.85


@pytest.mark.parametrize("name", ["gravel.png", "grass.png", "coffee.jpg"])
@pytest.mark.lengthy
def test_of_what_is_blurred_everywhere_nothing_is_in_focus(samples, name):
    color = load_image(samples / name).color
    blurred = np.stack([simulate_blur(color[..., c], 5.0, noise=1e-5, seed=c) for c in range(3)], axis=2)
    assert defocus.focus_mask(eight_bits(blurred)).mean() < 0.02


@pytest.mark.lengthy
def test_what_was_learned_from_photographs_does_not_count_under_a_microscope():
    """A photograph's subject stands in its middle; under a microscope a patch is as sharp in a corner."""
    rng = np.random.default_rng(1)
    blurred = simulate_blur(rng.uniform(0, 1, (300, 420)).astype(np.float32), 6.0)
    ground = 0.4 + 0.2 * (blurred - blurred.mean()) / blurred.std()
    patch = rng.uniform(0.2, 0.9, (100, 100)).astype(np.float32)
    shares = []
    for top, left in ((100, 160), (20, 20)):
        picture = ground.copy()
        picture[top : top + 100, left : left + 100] = patch
        noisy = np.clip(picture + rng.normal(0, 0.003, picture.shape), 0, 1)
        analysis = defocus.analyze(noisy.astype(np.float32), kind="brightfield")
        assert "absolute" in analysis.threshold_reason
        shares.append(analysis.focus_mask()[top + 15 : top + 85, left + 15 : left + 85].mean())
    assert min(shares) > 0.95


def test_where_there_is_nothing_to_see_confidence_is_low():
    """A flat area may well have the radius of its surroundings, which is as probable as on the pictures of the fit."""
    rng = np.random.default_rng(2)
    picture = np.full((240, 320, 3), 0.6)
    picture[:, 200:] = rng.uniform(0, 1, (240, 120, 1))
    analysis = defocus.analyze(eight_bits(picture))
    assert analysis.confidence[:, :150].mean() < 0.4
    assert analysis.confidence[:, 230:].mean() > 0.5
    assert not analysis.known[:, :150].any()
    assert analysis.known[:, 230:].all()


def test_edge_sensitivity_is_read(flower):
    assert (flower.focus_mask(MaskParameters(edge_sensitivity=5.0)) != flower.focus_mask()).any()
