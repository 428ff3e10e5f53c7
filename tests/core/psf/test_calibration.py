"""Lenses measured from pictures of a point light, against the shapes that the pictures were made of."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from defocus.analysis import analyze, blur_map
from defocus.command.line import app
from defocus.effects.restoration import restore
from defocus.errors import InputError
from defocus.evidence.spectrum import blur_spectra, blur_spectrum, fit_spectrum, gabor_bank, noise_spectrum
from defocus.paper.search import fitted_spectra
from defocus.parameters import AnalysisParameters
from defocus.pictures.picture import as_picture, load_image
from defocus.psf.calibration import CalibratedPSF, calibrate, load_psf
from defocus.psf.families import DiscPSF, GaussianPSF, PolygonPSF
from defocus.psf.simulation import simulate_blur
from defocus.psf.spot import measure_spot


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
@pytest.mark.parametrize("radius", [1.5, 3.0, 6.0, 9.5])
def test_spots_have_the_radius_they_were_made_with(psf, radius):
    measured, kernel = measure_spot(as_picture(spot_picture(psf.kernel(radius), shift=(5, -7)), measured=False))
    assert measured == pytest.approx(radius, abs=0.1)
    assert kernel.sum() == pytest.approx(1)
    half = len(kernel) // 2
    position = np.arange(len(kernel)) - half
    assert abs(kernel.sum(axis=0) @ position) < 0.05
    assert abs(kernel.sum(axis=1) @ position) < 0.05


def test_faint_skirts_and_noise_do_not_change_the_radius():
    noisy = spot_picture(DiscPSF().kernel(5.0), noise=0.02)
    assert measure_spot(as_picture(noisy))[0] == pytest.approx(5.0, abs=0.1)
    coarse = np.rint(spot_picture(GaussianPSF().kernel(8.0), noise=0.0005) / 257).astype(np.uint8)
    assert measure_spot(as_picture(coarse))[0] == pytest.approx(8.0, abs=0.1)
    small = spot_picture(DiscPSF().kernel(4.0))
    large = np.full((500, 700), np.median(small), np.uint16)
    large[300:381, 150:231] = small
    assert measure_spot(as_picture(large))[0] == pytest.approx(4.0, abs=0.1)


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def test_sparse_samples_of_a_disc_give_the_disc_between_them():
    """Logarithms of the blur spectra right within 0.2, near their zeros too, and within 0.06 above usual noise."""
    disc = DiscPSF()
    sparse = np.arange(1.0, 9.0)
    lens = CalibratedPSF(sparse, [disc.kernel(radius) for radius in sparse])
    bank = gabor_bank(41)
    radii = np.arange(0.6, 8.01, 0.1)
    wanted, found = blur_spectrum(bank, disc, radii), blur_spectrum(bank, lens, radii)
    assert rms(np.log(found / wanted)) < 0.2
    # What the likelihood compares: the spectrum of gradients of variance 0.01 and the noise of a good camera
    noise = noise_spectrum(bank, 1e-4)
    assert rms(np.log((0.01 * found + noise) / (0.01 * wanted + noise))) < 0.06
    # Pixels sample a disc of 1.5 px coarsely: it spreads as one of 1.42 px. From 2 px on that is over
    error = np.abs(found - wanted).max(axis=1) / wanted.max()
    assert error.max() < 0.1
    assert error[radii > 1.95].max() < 0.05


def test_the_fit_makes_dense_tables_of_a_measured_lens():
    """Equation (12) fitted to a lens known at eight radii comes near to the one fitted to the disc itself."""
    disc = DiscPSF()
    sparse = np.arange(1.0, 9.0)
    lens = CalibratedPSF(sparse, [disc.kernel(radius) for radius in sparse])
    bank = gabor_bank(41)
    radii = np.arange(0.5, 8.01, 0.1)
    of_lens, of_disc = (fitted_spectra(blur_spectra(bank, psf, radii)) for psf in (lens, disc))
    above = of_disc.radii >= 1
    wanted = np.log(of_disc.blur_power[above][:, of_disc.channel])
    assert rms(np.log(of_lens.blur_power[above][:, of_lens.channel]) - wanted) < 0.2
    # The eight radii alone leave the fit free to swing between them
    powers = range(-2, 5)
    alpha = fit_spectrum(sparse, blur_spectrum(bank, disc, sparse), powers)
    between = of_disc.radii[above]
    assert rms(between[:, np.newaxis] ** np.array(powers, float) @ alpha - wanted) > 1


def test_a_lens_is_asked_for_no_more_than_it_knows():
    lens = CalibratedPSF(np.array([1.0, 2.0]), [DiscPSF().kernel(1.0), DiscPSF().kernel(2.0)])
    picture = np.random.default_rng(0).random((60, 70))
    assert analyze(picture, psf=lens).max_radius == pytest.approx(3.0, abs=0.11)
    with pytest.raises(InputError, match=r"calibrated up to 3\.0 px"):
        analyze(picture, AnalysisParameters(psf=lens, max_radius=6.0))


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


def test_kernels_spread_as_far_as_their_radius_says():
    triangle = PolygonPSF(3, 20)
    measured = [triangle.kernel(radius) for radius in (1.5, 3.0, 6.0)]
    radii = np.array([2 * np.sqrt(second_moment(kernel) - 1 / 12) for kernel in measured])
    lens = CalibratedPSF(radii, measured)
    for radius in (1.2, 1.65, 2.5, 4.0, 5.5, 6.6, 9.0):
        assert 2 * np.sqrt(second_moment(lens.kernel(radius)) - 1 / 12) == pytest.approx(radius, abs=0.02)
    # At a scale that was measured the kernel is the one measured
    np.testing.assert_allclose(lens.kernel(radii[1]), measured[1], atol=2e-4)


def error_of(picture, truth, **parameters):
    # By the windows alone: what was learned knows no triangles
    found = blur_map(picture, noise=1e-5, sensor_blur=0.0, kind="brightfield", **parameters)
    return float(np.abs(found - truth).mean())


@pytest.mark.slow
def test_the_shape_that_a_picture_was_blurred_with_measures_it_best(tmp_path, samples):
    sharp = load_image(samples / "grass.png").luminance[:240, :320]
    triangle = PolygonPSF(3, 20)
    files = [write(tmp_path / f"{radius}.png", triangle, radius) for radius in (1.0, 2.0, 3.0, 4.5, 6.0, 8.0)]
    assert calibrate(files, tmp_path / "lens.npz") == 0
    lens = load_psf(tmp_path / "lens.npz")
    for radius in (3.0, 5.0):
        polygon = simulate_blur(sharp, radius, psf=triangle, noise=1e-5)
        right = error_of(polygon, radius, psf="polygon", blades=3, rotation=20)
        assert right < error_of(polygon, radius, psf="disc")
        # The measured lens counts a triangle's radius by its spread, which is 1.1 times that of its area
        corners = 2 * np.sqrt(second_moment(triangle.kernel(radius)) - 1 / 12)
        assert error_of(polygon, corners, psf=lens) < 1.2 * right + 0.01
        gaussian = simulate_blur(sharp, radius, psf=GaussianPSF(), noise=1e-5)
        assert error_of(gaussian, radius, psf="gaussian") < error_of(gaussian, radius, psf="disc")


@pytest.mark.slow
def test_a_measured_disc_is_as_good_as_the_disc_between_the_samples(samples):
    sharp = load_image(samples / "grass.png").luminance[:200, :280]
    sparse = np.arange(1.0, 7.0)
    lens = CalibratedPSF(sparse, [DiscPSF().kernel(radius) for radius in sparse])
    for radius in (2.5, 4.5):
        picture = simulate_blur(sharp, radius, psf=DiscPSF(), noise=1e-5)
        assert error_of(picture, radius, psf=lens) < error_of(picture, radius, psf="disc") + 0.02


def second_moment(kernel):
    position = np.arange(len(kernel)) - len(kernel) // 2
    return float((kernel.sum(axis=0) + kernel.sum(axis=1)) @ position**2) / 2


@pytest.mark.lengthy
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
    for command in ("mask", "map"):
        assert run(command, tmp_path / "cat.png", "-o", tmp_path / "out", "--psf", output) == 0
    assert run("deblur", tmp_path / "cat.png", "-o", tmp_path / "out", "--psf", output, "--iterations", "3") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"cat_mask.png", "cat_blur.tif", "cat_sharp.png"}
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


def reddened(values):
    """Red at its limit, though the picture as a whole is not bright."""
    levels = np.rint(values / 257).astype(float)
    return np.stack([np.minimum(2 * levels, 255), levels / 2, levels / 2], axis=-1).astype(np.uint8)


BAD = {
    "no light": (lambda values: np.full_like(values, 900), "no light"),
    "overexposed": (lambda values: np.where(values > 30000, 65535, values).astype(np.uint16), "overexposed"),
    "two lights": (doubled, "more than one"),
    "at the border": (lambda values: values[40:], "cut off"),
    "nothing but noise": (lambda values: np.random.default_rng(1).permuted(values[:20], axis=0), "no light"),
    "one colour overexposed": (reddened, "overexposed"),
    "in focus": (lambda values: np.where(np.arange(values.size).reshape(values.shape) == 3000, 40000, 900), "in focus"),
    "no ground": (lambda values: values[34:47, 34:47], "leave more of the dark"),
}


@pytest.mark.parametrize("kind", BAD)
def test_pictures_that_measure_nothing_are_refused(tmp_path, kind):
    change, words = BAD[kind]
    good = write(tmp_path / "good.png", DiscPSF(), 3.0)
    values = change(spot_picture(DiscPSF().kernel(3.0)))
    Image.fromarray(values if values.dtype == np.uint8 else values.astype(np.uint16)).save(tmp_path / "bad.png")
    with pytest.raises(InputError, match=words) as told:
        calibrate([good, tmp_path / "bad.png"], tmp_path / "lens.npz")
    assert "bad.png" in str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "lens.npz").exists()


def test_files_that_are_no_pictures_are_refused(tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    for name in ("text.png", "missing.png"):
        with pytest.raises(InputError, match=name):
            calibrate([tmp_path / name], tmp_path / "lens.npz")
    with pytest.raises(InputError, match="no pictures"):
        calibrate([], tmp_path / "lens.npz")
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


def test_a_lens_that_would_unpack_to_gigabytes_is_refused_before(tmp_path):
    shape = (64, 4001, 4001)  # 8 GB, of which the file says so in a line
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": shape})
    for name, content in (("told.npz", head.getvalue()), ("large.npz", bytes(65 << 20))):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, array in (("format", np.array(1)), ("radii", np.array([1.0, 2.0]))):
                with archive.open(f"{member}.npy", "w") as stream:
                    np.lib.format.write_array(stream, array)
            small = io.BytesIO()
            np.lib.format.write_array_header_1_0(small, {"descr": "<f8", "fortran_order": False, "shape": (65 << 17,)})
            archive.writestr("kernels.npy", content if name == "told.npz" else small.getvalue() + content)
        tracemalloc.start()
        with pytest.raises(InputError, match=f"{name}: kernels of more than 64 MB"):
            load_psf(tmp_path / name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 << 20


@pytest.mark.lengthy
def test_radii_too_far_apart_for_their_kernels_are_refused():
    kernel = np.ones((31, 31))
    with pytest.raises(InputError, match="too far apart"):
        CalibratedPSF(np.array([0.001, 2.0]), [kernel, kernel])
    assert CalibratedPSF(np.array([4.0, 40.0]), [kernel, kernel]).kernel(20.0).sum() == pytest.approx(1)


def test_a_name_that_no_file_can_have_is_one_line():
    for name in ("lens\0.npz", "lens\ud800.npz"):
        with pytest.raises(InputError, match="no name of a file") as caught:
            load_psf(name)
        assert str(caught.value).isascii()


def test_restoring_beyond_the_calibrated_scales_is_refused():
    lens = CalibratedPSF(np.array([2.0]), [DiscPSF().kernel(2.0)])
    picture = np.random.default_rng(0).random((40, 40))
    with pytest.raises(InputError, match="up to 5 px, but the blur is known up to 3 px"):
        restore(picture, np.full((40, 40), 5.0), psf=lens)
