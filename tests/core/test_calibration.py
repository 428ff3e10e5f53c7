"""Lenses measured from pictures of a point light, against the shapes that the pictures were made of."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from defocus.analysis import blur_map
from defocus.calibration import CalibratedPSF, calibrate, load_psf, measure_spot
from defocus.command_line import app
from defocus.errors import InputError
from defocus.image import as_picture, load_image
from defocus.psf import DiscPSF, GaussianPSF, PolygonPSF
from defocus.restoration import restore
from defocus.simulation import simulate_blur
from defocus.spectrum import blur_spectrum, gabor_bank


def spot_picture(kernel, shift=(0, 0), peak=0.8, noise=0.002, size=81):
    """A light of a given shape off the middle of a dark picture, as 16-bit numbers."""
    values = np.full((size, size), 0.02)
    half = len(kernel) // 2
    y, x = size // 2 + shift[0] - half, size // 2 + shift[1] - half
    values[y : y + len(kernel), x : x + len(kernel)] += peak * kernel / kernel.max()
    values += np.random.default_rng(3).normal(0, noise, values.shape)
    return np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16)


def write(path, psf, radius, **options):
    Image.fromarray(spot_picture(psf.kernel(radius), **options)).save(path)
    return path


@pytest.mark.parametrize("psf", [DiscPSF(), PolygonPSF(6, 10), GaussianPSF()], ids=["disc", "hexagon", "gaussian"])
@pytest.mark.parametrize("radius", [1.5, 3.0, 6.0])
def test_spots_have_the_radius_they_were_made_with(psf, radius):
    measured, kernel = measure_spot(as_picture(spot_picture(psf.kernel(radius), shift=(5, -7))))
    # A polygon of the disc's area spreads a little farther than the disc
    assert measured == pytest.approx(radius, abs=0.1 if not isinstance(psf, PolygonPSF) else 0.15)
    assert kernel.sum() == pytest.approx(1)
    half = len(kernel) // 2
    position = np.arange(len(kernel)) - half
    assert abs(kernel.sum(axis=0) @ position) < 0.05
    assert abs(kernel.sum(axis=1) @ position) < 0.05


def test_sparse_samples_of_a_disc_give_the_disc_between_them():
    """Spectra within 6 % of the unblurred one everywhere, and within 10 % of their own where they count."""
    disc = DiscPSF()
    sparse = np.arange(1.0, 9.0)
    lens = CalibratedPSF(sparse, [disc.kernel(radius) for radius in sparse])
    bank = gabor_bank(41)
    radii = np.arange(0.6, 8.01, 0.1)
    wanted, found = blur_spectrum(bank, disc, radii), blur_spectrum(bank, lens, radii)
    unblurred = wanted.max(axis=0)
    assert (np.abs(found - wanted) / unblurred).max() < 0.06
    weight = wanted / unblurred
    assert np.sqrt(np.average(np.log(found / wanted) ** 2, weights=weight)) < 0.1


def test_kernels_sum_to_one_and_grow_with_the_radius():
    lens = CalibratedPSF(np.array([2.0, 5.0]), [DiscPSF().kernel(2.0), DiscPSF().kernel(5.0)])
    spread = []
    for radius in (0.0, 0.4, 1.0, 2.0, 3.5, 5.0, 7.0):
        kernel = lens.kernel(radius)
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2 == 1
        assert kernel.sum() == pytest.approx(1)
        assert kernel.min() >= 0
        position = np.arange(len(kernel)) - len(kernel) // 2
        spread.append(kernel.sum(axis=0) @ position**2)
    assert (np.diff(spread) >= 0).all()
    assert lens.kernel(0.0).shape == (1, 1)
    with pytest.raises(InputError, match=r"calibrated up to 7\.5 px"):
        lens.kernel(7.6)


def error_of(picture, truth, **parameters):
    return float(np.abs(blur_map(picture, noise=1e-5, sensor_blur=0.0, **parameters) - truth).mean())


@pytest.mark.slow
def test_the_shape_that_a_picture_was_blurred_with_measures_it_best(tmp_path, samples):
    sharp = load_image(samples / "grass.png").luminance[:240, :320]
    hexagon = PolygonPSF(3, 20)
    files = [write(tmp_path / f"{radius}.png", hexagon, radius) for radius in (1.0, 2.0, 3.0, 4.5, 6.0, 8.0)]
    assert calibrate(files, tmp_path / "lens.npz") == 0
    lens = load_psf(tmp_path / "lens.npz")
    for radius in (3.0, 5.0):
        polygon = simulate_blur(sharp, radius, psf=hexagon, noise=1e-5)
        right = error_of(polygon, radius, psf="polygon", blades=3, rotation=20)
        assert right < error_of(polygon, radius, psf="disc")
        # The measured lens counts a triangle's radius by its spread, which is 1.1 times that of its area
        corners = 2 * np.sqrt(second_moment(hexagon.kernel(radius)) - 1 / 12)
        assert error_of(polygon, corners, psf=lens) < error_of(polygon, corners, psf="disc") + 0.02
        gaussian = simulate_blur(sharp, radius, psf=GaussianPSF(), noise=1e-5)
        assert error_of(gaussian, radius, psf="gaussian") < error_of(gaussian, radius, psf="disc")


def second_moment(kernel):
    position = np.arange(len(kernel)) - len(kernel) // 2
    return float((kernel.sum(axis=0) + kernel.sum(axis=1)) @ position**2) / 2


def test_the_command_line_measures_and_uses_a_lens(tmp_path, samples, capsys):
    files = [write(tmp_path / f"{radius}.png", DiscPSF(), radius) for radius in (2.0, 4.0, 8.0)]
    output = tmp_path / "lens.npz"

    def run(*arguments):
        return app([str(item) for item in arguments], result_action="return_value", exit_on_error=False)

    assert run("calibrate", *files, "-o", output) == 0
    told = capsys.readouterr().out
    assert "4.0.png: blur radius 4.0" in told
    assert "3 scales" in told
    Image.open(samples / "cat.jpg").crop((80, 60, 240, 180)).save(tmp_path / "cat.png")
    assert run("mask", tmp_path / "cat.png", "-o", tmp_path / "out", "--psf", output) == 0
    assert run("deblur", tmp_path / "cat.png", "-o", tmp_path / "out", "--psf", output, "--iterations", "3") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"cat_mask.png", "cat_sharp.png"}
    with pytest.raises(InputError, match=r"none\.npz"):
        run("map", tmp_path / "cat.png", "-o", tmp_path / "out", "--psf", tmp_path / "none.npz")


def test_pictures_of_one_scale_are_averaged(tmp_path):
    files = [write(tmp_path / f"{shift}.png", DiscPSF(), 4.0, shift=(shift, 0), noise=0.01) for shift in (0, 3, 6)]
    calibrate(files, tmp_path / "lens.npz")
    assert len(load_psf(tmp_path / "lens.npz").radii) == 1


def cut_off(values):
    return values[30:]


def doubled(values):
    return np.maximum(values, np.roll(values, 25, axis=1))


BAD = {
    "no light": (lambda values: np.full_like(values, 900), "no light"),
    "overexposed": (lambda values: np.where(values > 30000, 65535, values).astype(np.uint16), "overexposed"),
    "two lights": (doubled, "more than one"),
    "at the border": (lambda values: values[40:], "cut off"),
}


@pytest.mark.parametrize("kind", BAD)
def test_pictures_that_measure_nothing_are_refused(tmp_path, kind):
    change, words = BAD[kind]
    good = write(tmp_path / "good.png", DiscPSF(), 3.0)
    Image.fromarray(change(spot_picture(DiscPSF().kernel(3.0)))).save(tmp_path / "bad.png")
    with pytest.raises(InputError, match=words) as told:
        calibrate([good, tmp_path / "bad.png"], tmp_path / "lens.npz")
    assert "bad.png" in str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "lens.npz").exists()


def test_files_that_hold_no_lens_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("not a lens")
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    np.savez(tmp_path / "broken.npz", format=1, radii=np.array([2.0, 1.0]), kernels=np.ones((2, 3, 3)))
    for name in ("text.npz", "other.npz", "broken.npz", "missing.npz"):
        with pytest.raises(InputError, match=name):
            load_psf(tmp_path / name)
    with pytest.raises(InputError, match=r"\.npz"):
        calibrate([], tmp_path / "lens.txt")


def test_restoring_beyond_the_calibrated_scales_is_refused():
    lens = CalibratedPSF(np.array([2.0]), [DiscPSF().kernel(2.0)])
    picture = np.random.default_rng(0).random((40, 40))
    with pytest.raises(InputError, match="up to 5 px, but the blur is known up to 3 px"):
        restore(picture, np.full((40, 40), 5.0), psf=lens)
