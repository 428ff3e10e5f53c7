"""Restoration undoes a blur that is known, and does no harm where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import pytest
from scipy import ndimage

from defocus.effects import map_error, restoration, restoration_solver
from defocus.effects.restoration import restore
from defocus.effects.unsure_blur import EncodedBlur, LayeredInverse, UnsureBlur
from defocus.errors import InputError
from defocus.pictures.picture import as_picture, load_image
from defocus.psf.families import DiscPSF
from defocus.psf.simulation import simulate_blur


def psnr(picture, truth):
    return -10 * np.log10(np.mean((np.asarray(picture, float) - truth) ** 2))


def judge(picture, radius):
    """What one picture tells of a map."""
    (told,) = map_error.map_errors([picture], radius, DiscPSF())
    return told


@pytest.fixture(scope="module")
def texture(samples):
    return load_image(samples / "grass.png").luminance[:96, :140].copy()


@pytest.mark.parametrize("radius", [2.0, 4.0, 6.5])
def test_known_blur_is_undone(texture, radius):
    blurred = simulate_blur(texture, radius, noise=1e-6)
    assert psnr(restore(blurred, np.full(texture.shape, radius)), texture) > psnr(blurred, texture) + 3


def test_the_wrong_shape_of_blur_is_worse(texture):
    from defocus.psf.families import GaussianPSF

    blurred = simulate_blur(texture, 3.0, psf=GaussianPSF(), noise=1e-6)
    radius = np.full(texture.shape, 3.0)
    assert psnr(restore(blurred, radius, psf=GaussianPSF()), texture) > psnr(restore(blurred, radius), texture) + 0.5


def test_a_map_of_zeros_returns_the_picture():
    picture = np.random.default_rng(0).random((40, 50, 3), dtype=np.float32)
    np.testing.assert_array_equal(restore(picture, np.zeros((40, 50))), picture)


@pytest.mark.parametrize("estimated", [0.0, 0.6, 1.0])
def test_what_is_in_focus_is_never_harmed(texture, estimated):
    """The left half is sharp, the right one blurred by 4 px; even if the sharp half's radius is taken too high."""
    middle = texture.shape[1] // 2
    picture = texture.copy()
    picture[:, middle:] = simulate_blur(texture[:, middle:], 4.0, noise=1e-6)
    radius = np.full(texture.shape, 4.0)
    radius[:, :middle] = estimated
    restored = restore(picture, radius)
    np.testing.assert_array_equal(restored[:, :middle], picture[:, :middle])
    right = np.s_[:, middle:]
    assert psnr(restored[right], texture[right]) > psnr(picture[right], texture[right]) + 1.5


def test_a_map_that_is_slightly_wrong_still_gains(texture):
    blurred = simulate_blur(texture, 4.0, noise=1e-6)
    radius = 4 + 0.15 * np.sin(np.arange(texture.shape[1]) / 8) * np.ones((len(texture), 1))
    assert psnr(restore(blurred, radius), texture) > psnr(blurred, texture) + 2


def test_highlights_and_borders_do_not_ring():
    """A saturated light on an even ground: away from it and at the borders all stays even."""
    sharp = np.full((90, 90), 0.3)
    sharp[40:44, 40:44] = 30.0  # far brighter than can be recorded
    radius = 5.0
    blurred = np.clip(simulate_blur(sharp / 30, radius) * 30, 0, 1).astype(np.float32)
    restored = restore(blurred, np.full(sharp.shape, radius))
    assert restored.min() >= 0
    assert restored.max() <= 1
    distance = np.hypot(*(np.indices(sharp.shape) - 41.5))
    assert np.abs(restored[distance > 2.5 * radius] - 0.3).max() < 0.06
    ramp = np.linspace(0.2, 0.8, 90) * np.ones((90, 1))
    assert np.abs(restore(simulate_blur(ramp, radius), np.full(sharp.shape, radius)) - ramp).max() < 0.04


def test_tiles_equal_the_whole(texture, monkeypatch):
    radius = np.broadcast_to(np.linspace(0, 4, texture.shape[1]), texture.shape)
    blurred = simulate_blur(texture, radius, noise=1e-6)
    whole = restore(blurred, radius)
    monkeypatch.setattr(restoration, "_TILE", 96)  # tiles overlap by 28 px
    tiled = restore(blurred, radius)
    assert not np.array_equal(tiled, whole)
    assert np.sqrt(np.mean((tiled - whole) ** 2)) < 0.01
    assert abs(psnr(tiled, texture) - psnr(whole, texture)) < 0.2


def test_the_energy_never_rises(texture):
    picture = simulate_blur(0.8 * texture, 3.0, noise=1e-5).astype(np.float32)[np.newaxis]
    radius = np.full(texture.shape, 3.0, np.float32)
    blur = UnsureBlur(radius, 0.05, DiscPSF())
    padded = np.pad(radius, blur.margin, mode="edge")
    inverse = LayeredInverse(padded, 0.05, DiscPSF(), np.ones(padded.shape, bool))
    smoothness, floor = 1e-4, restoration_solver.SMALLEST_GRADIENT
    known = np.ones(texture.shape, bool)
    course = [
        solution.astype(float)
        for solution, _ in restoration_solver.rounds(blur, inverse, picture, known, smoothness, 30, 1e-3)
    ]

    def energy(solution):
        misfit = ((blur.forward(solution.astype(np.float32)) - picture) ** 2).sum() / 2
        steps = [np.abs(np.diff(solution, axis=axis)) for axis in (1, 2)]
        return misfit + smoothness * sum(
            np.where(step < floor, step**2 / (2 * floor) + floor / 2, step).sum() for step in steps
        )

    energies = [energy(solution) for solution in course]
    assert len(energies) > 4
    assert all(after <= before * (1 + 1e-4) for before, after in pairwise(energies))
    assert energies[-1] < energies[0]


def test_the_unsure_blur_and_its_adjoint():
    rng = np.random.default_rng(1)
    blur = UnsureBlur(rng.uniform(0, 4, (20, 31)).astype(np.float32), 0.2, DiscPSF(), active=rng.random((20, 31)) > 0.3)
    sharp = rng.random((1, *blur.padded_shape), dtype=np.float32)
    pictures = rng.random((2, 1, 20, 31), dtype=np.float32)
    assert (blur.forward(sharp) * pictures).sum() / 2 == pytest.approx((sharp * blur.adjoint(pictures)).sum(), rel=1e-4)


def srgb(light):
    """The standard's own formula."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def srgb_decoded(values):
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4)


def photograph_of(scene, radius):
    """8 bits, encoded after the light of a scene, given as it is encoded, was blurred."""
    return np.rint(255 * srgb(simulate_blur(srgb_decoded(scene), radius, noise=1e-6))).astype(np.uint8)


def test_the_blur_of_an_encoded_picture_is_that_of_its_light():
    """As the standard decodes and encodes, and as small differences say."""
    rng = np.random.default_rng(2)
    even = UnsureBlur(rng.uniform(0, 3, (18, 23)).astype(np.float32), 0.1, DiscPSF())
    blur = EncodedBlur(even)
    scene = rng.random((1, 18 + 2 * blur.margin, 23 + 2 * blur.margin), dtype=np.float32)
    light = even.forward(srgb_decoded(scene).astype(np.float32))
    np.testing.assert_allclose(blur.forward(scene), srgb(light), atol=2e-6)
    change = rng.normal(size=scene.shape).astype(np.float32)
    step = np.float32(2e-3)
    moved = (blur.forward(scene + step * change) - blur.forward(scene - step * change)) / (2 * step)
    blurred, near = blur.near(scene)
    np.testing.assert_array_equal(blurred, blur.forward(scene))
    np.testing.assert_allclose(near.forward(change), moved, atol=0.02)
    pictures = rng.random((2, 1, 18, 23), dtype=np.float32)
    assert (near.forward(change) * pictures).sum() / 2 == pytest.approx(
        (change * near.adjoint(pictures)).sum(), rel=1e-4
    )


def test_light_is_unblurred_where_light_was_blurred(samples, monkeypatch):
    """In photographs; if their values were, less would be gained."""
    scene = load_image(samples / "coffee.jpg").luminance[100:260, 200:440]
    radius = np.full(scene.shape, 4.0)
    picture = photograph_of(scene, 4.0)
    restored = restore(picture, radius)
    assert psnr(restored, scene) > psnr(picture / 255, scene) + 2
    monkeypatch.setattr(restoration, "_USUAL", 0.0)
    assert psnr(restored, scene) > psnr(restore(picture, radius), scene) + 0.5


@pytest.mark.parametrize("bits", ["8", "float"])
def test_the_picture_tells_which_of_both_was_blurred(samples, monkeypatch, bits):
    """A ramp, as the light, or the values, of a scene are blurred, and a map that is wrong by some per cent."""
    scene = load_image(samples / "coffee.jpg").luminance[:300]
    radius = np.linspace(0, 8, scene.shape[1]) * np.ones((len(scene), 1))
    picture = simulate_blur(scene, radius, noise=1e-6).astype(np.float32)
    light = srgb(simulate_blur(srgb_decoded(scene), radius, noise=1e-6)).astype(np.float32)
    wrong = radius * (1 + 0.04 * np.sin(np.arange(scene.shape[1]) / 20))
    told = []

    def noted(level, *_):
        told.append(level.display)
        return np.zeros_like(level.luminance)

    monkeypatch.setattr(restoration, "_solve", noted)
    restore(np.rint(255 * picture).astype(np.uint8) if bits == "8" else picture, wrong)
    assert told
    assert not any(told)
    if bits == "8":
        told.clear()
        restore(np.rint(255 * light).astype(np.uint8), wrong)
        assert told
        assert all(told)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_a_map_that_is_wrong_by_a_fifth_does_no_harm(texture, factor):
    """The picture tells that the map is wrong; then less is restored, but nothing spoilt."""
    blurred = simulate_blur(texture, 4.0, noise=1e-6)
    assert psnr(restore(blurred, np.full(texture.shape, 4.0 * factor)), texture) > psnr(blurred, texture)


def test_large_radii_are_restored_in_a_reduced_picture(samples):
    sharp = load_image(samples / "grass.png").luminance[:192, :288]
    sharp = ndimage.zoom(sharp, 2, order=3).clip(0, 1)
    blurred = simulate_blur(sharp, 14.0, noise=1e-6)
    assert psnr(restore(blurred, np.full(sharp.shape, 14.0)), sharp) > psnr(blurred, sharp) + 1


def test_radii_that_are_not_sure_keep_most_of_their_gain_in_a_reduced_picture(samples, monkeypatch):
    """Radii of 7.5 px that may be off by 15 %: full size, which takes far longer, gains little more."""
    monkeypatch.setattr(restoration, "_BEST", 0.15)
    sharp = load_image(samples / "grass.png").luminance[:256, :320]
    blurred = np.rint(255 * simulate_blur(sharp, 7.5, noise=1e-5)).astype(np.uint8)
    radius = np.full(sharp.shape, 7.5)
    solved = []
    tile = restoration._solve
    monkeypatch.setattr(restoration, "_solve", lambda level, *rest: solved.append(level.factor) or tile(level, *rest))
    reduced = restore(blurred, radius)
    assert 2 in solved
    solved.clear()
    monkeypatch.setattr(restoration, "_UNSURE", np.inf)
    whole = restore(blurred, radius)
    assert solved == [1]
    gains = [psnr(picture, sharp) - psnr(blurred / 255, sharp) for picture in (reduced, whole)]
    assert gains[0] > 0.75 * gains[1] > 0.75


def test_the_maps_error_is_measured(samples):
    """Maps that are exact, and off by 5 and by 12 %."""
    sharp = load_image(samples / "grass.png").luminance
    blurred = simulate_blur(sharp, 5.0, noise=1e-6).astype(np.float32)
    found = [judge(blurred, np.full(sharp.shape, 5 * off, np.float32)) for off in (1, 1.05, 1.12)]
    assert found[0].error < 0.02 < found[1].error < found[2].error
    assert found[2].error > 0.05
    assert found[0].noise == pytest.approx(1e-6, rel=1)


@pytest.mark.parametrize("shape", [(33, 48), (97, 113), (64, 200)])
def test_windows_of_one_radius_are_those_that_hold_one(shape):
    """Pixel by pixel; every window with its right and lower neighbour, which gradients need, lies inside."""
    grid = np.random.default_rng(0).uniform(1.3, 3.3, np.array(shape) // 32 + 2)
    radius = ndimage.zoom(grid, 32, order=1, grid_mode=True, mode="nearest")[: shape[0], : shape[1]].astype(np.float32)
    expected = []
    for y, x in product(range(0, shape[0] - 32, 16), range(0, shape[1] - 32, 16)):
        window = radius[y : y + 32, x : x + 32].astype(float)
        if window.min() >= 1.5 and window.max() <= 12 and np.ptp(window) <= 0.35 * window.mean() + 0.3:
            expected.append((y, x, window.mean(), 0.65 * window.std() / window.mean()))
    assert expected
    corners, radii, spreads = map_error._windows(radius)
    found = np.column_stack([corners, radii, spreads])
    np.testing.assert_allclose(found, np.reshape(expected, (-1, 4)), rtol=1e-5)


def test_doubt_lies_where_its_window_does():
    corners = np.array([(y, x) for y in range(0, 65, 16) for x in range(0, 97, 16)])
    doubted = (corners == (16, 48)).all(axis=1)
    doubt = 1 - map_error._spread(1 - doubted.astype(float), corners, (97, 129))
    middle = [(np.indices(doubt.shape)[axis] * doubt).sum() / doubt.sum() for axis in (0, 1)]
    np.testing.assert_allclose(middle, (31.5, 63.5), atol=0.1)


def test_every_radius_is_restored_in_its_place(samples):
    """Three bands, two of which are restored in a picture reduced by 2 and by 4."""
    sharp = ndimage.zoom(load_image(samples / "grass.png").luminance[:128, :96], 4, order=3).clip(0, 1)
    bands = {3.0: np.s_[:160], 14.0: np.s_[160:320], 28.0: np.s_[320:]}
    radius = np.zeros(sharp.shape, np.float32)
    blurred = np.zeros(sharp.shape, np.float32)
    for band, rows in bands.items():
        radius[rows] = band
        blurred[rows] = simulate_blur(sharp, band, noise=1e-6)[rows]
    restored = restore(blurred, radius)
    for rows in bands.values():
        part = slice((rows.start or 0) + 40, (rows.stop or len(sharp)) - 40)  # beside a band is another matter
        assert psnr(restored[part], sharp[part]) > psnr(blurred[part], sharp[part]) + 0.5


def test_what_is_not_believed_tells_nothing_of_the_rest(samples):
    """A fifth of the picture is in focus, though the map denies it; the other one's radii are 5 % off."""
    sharp = load_image(samples / "grass.png").luminance
    blurred = simulate_blur(sharp, 5.0, noise=1e-6).astype(np.float32)
    radius = np.full(sharp.shape, 5 * 1.05, np.float32)
    alone = judge(blurred[:, 116:], radius[:, 116:])
    picture = blurred.copy()
    picture[:, :96] = sharp[:, :96]
    radius[:, 76:116] = 0  # windows that see both halves are another matter
    judged = judge(picture, radius)
    assert judged.belief[:, :60].mean() < 0.5
    assert judged.error == pytest.approx(alone.error, rel=0.25)


def test_what_is_sharper_than_the_map_says_is_not_believed(samples):
    """The map says 5 px everywhere, but the left half is in focus."""
    sharp = load_image(samples / "grass.png").luminance
    picture = simulate_blur(sharp, 5.0, noise=1e-6).astype(np.float32)
    picture[:, :240] = sharp[:, :240]
    radius = np.full(sharp.shape, 5.0, np.float32)
    judged = judge(picture, radius)
    assert judged.belief[:, :200].mean() < 0.5
    assert judged.belief[:, 280:].mean() > 0.9
    assert np.abs(restore(picture, radius) - picture)[:, :180].mean() < 0.02


def test_a_photograph_is_sharpened_alike_in_8_and_16_bits(samples):
    photograph = np.asarray(load_image(samples / "cat.jpg").color[60:220, 220:420])
    eight = np.rint(255 * photograph).astype(np.uint8)
    radius = np.full(eight.shape[:2], 3.0, np.float32)
    results = [restore(values, radius) for values in (eight, eight.astype(np.uint16) * 257, eight / 255)]
    assert np.abs(results[0] - eight / 255).max() > 0.02
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], atol=1e-4)


@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_every_layout_comes_back_as_it_was(channels):
    shape = (48, 50) if channels is None else (48, 50, channels)
    image = np.random.default_rng(5).random(shape, dtype=np.float32)
    restored = restore(image, np.full((48, 50), 2.0))
    assert restored.shape == shape
    assert restored.dtype == np.float32
    assert not np.array_equal(restored, image)
    if channels in (2, 4):
        np.testing.assert_array_equal(restored[..., -1], image[..., -1])
    if channels is None:
        np.testing.assert_array_equal(restore(as_picture(image), np.full((48, 50), 2.0))[..., 1], restored)


@dataclass(frozen=True)
class Short(DiscPSF):
    """A blur that is known up to 3 px."""

    largest_radius: float = 3.0


@pytest.mark.parametrize(
    ("radius", "message"),
    [
        (np.zeros((40, 51)), "shape"),
        (np.full((40, 50), np.nan), "NaN"),
        (np.full((40, 50), -1.0), "negative"),
        (np.full((40, 50), 3.5), "known up to 3 px"),
    ],
)
def test_bad_maps(radius, message):
    with pytest.raises(InputError, match=message):
        restore(np.zeros((40, 50)), radius, psf=Short())


def test_cancel(texture):
    class StopHereError(Exception):
        pass

    seen = []

    def progress(fraction, stage):
        seen.append(fraction)
        if fraction > 0.3:
            raise StopHereError

    with pytest.raises(StopHereError):
        restore(texture, np.full(texture.shape, 4.0), progress=progress)
    assert len(seen) > 1
    assert seen[-1] < 1
