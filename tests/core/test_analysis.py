"""The whole job: known radii come back, stages agree, hints are kept, and nothing depends on the number of threads."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

import defocus
from defocus.answer.boundary import boundary_weights
from defocus.cuts.neighbors import NEIGHBORS, pair_slices
from defocus.evidence.octaves import local_evidence
from defocus.parameters import AnalysisParameters
from defocus.pictures.kind import ToldKind
from defocus.pictures.picture import as_picture, load_image
from defocus.psf.simulation import ramp, simulate_blur
from defocus.tuning import TUNING

MADE = {"noise": 1e-5, "sensor_blur": 0.0, "kind": "brightfield"}  # random numbers are no photograph


@pytest.fixture(scope="module")
def halves():
    """A texture, in focus on the left and blurred by 4 px on the right."""
    sharp = np.random.default_rng(0).uniform(0, 1, (200, 260)).astype(np.float32)
    radius = np.where(np.arange(260) < 130, 0.0, 4.0) * np.ones((200, 1))
    return simulate_blur(sharp, radius, noise=1e-5), radius


@pytest.fixture(scope="module")
def analysis(halves):
    return defocus.analyze(halves[0], **MADE)


def test_radii_and_mask_have_the_right_values_and_polarity(halves, analysis):
    _, truth = halves
    radius, mask = analysis.blur_map(), analysis.focus_mask()
    assert radius.dtype == np.float32
    assert mask.dtype == np.bool_
    assert radius.shape == mask.shape == analysis.confidence.shape == truth.shape
    away = np.abs(np.arange(260) - 130) > 25
    assert np.abs(radius - truth)[:, away].mean() < 0.3
    np.testing.assert_array_equal(mask[:, away], truth[:, away] == 0)
    assert radius.min() >= 0
    assert radius.max() <= analysis.max_radius == 8
    assert 0 < analysis.threshold < 4


@pytest.mark.parametrize("radius", [1.5, 3.0, 6.0])
def test_a_uniform_blur_is_measured_in_px_of_disc_radius(samples, radius):
    sharp = load_image(samples / "grass.png").luminance
    found = defocus.blur_map(simulate_blur(sharp, radius, noise=1e-5), **MADE)
    assert np.median(found) == pytest.approx(radius, abs=0.2)


def test_twice_the_picture_has_twice_the_radius(samples):
    sharp = load_image(samples / "gravel.png").luminance
    small = simulate_blur(sharp, 3.0)
    large = np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)
    large = simulate_blur(large, 1.0, noise=1e-6)
    ratio = np.median(defocus.blur_map(large, max_radius=12, **MADE)) / np.median(defocus.blur_map(small, **MADE))
    assert ratio == pytest.approx(2, abs=0.15)


def test_the_stages_are_the_plain_functions(halves, analysis):
    picture, _ = halves
    np.testing.assert_array_equal(defocus.blur_map(picture, **MADE), analysis.blur_map())
    np.testing.assert_array_equal(
        defocus.focus_mask(picture, threshold=2.0, **MADE), analysis.focus_mask(threshold=2.0)
    )


def test_the_ramp_of_figure_8_is_at_least_as_good_as_published(samples):
    """A mean squared error of at most 0.022 px^2 on a well textured picture."""
    sharp = load_image(samples / "grass.png").luminance
    truth = ramp(sharp.shape)
    found = defocus.blur_map(simulate_blur(sharp, truth, noise=1e-6), noise=1e-6)
    assert ((found - truth) ** 2).mean() <= 0.022


def test_hints_are_kept_and_reach_no_farther_than_their_object(halves, analysis):
    before = analysis.focus_mask()
    sharp, blurred = np.zeros((200, 260), bool), np.zeros((200, 260), bool)
    sharp[90:110, 200:220] = True
    blurred[90:110, 30:50] = True
    mask = analysis.focus_mask(in_focus=sharp, blurred=blurred)
    assert mask[sharp].all()
    assert not mask[blurred].any()
    changed = mask != before
    y, x = np.nonzero(changed)
    nearest = np.minimum(np.hypot(y - 100, x - 210), np.hypot(y - 100, x - 40))
    assert nearest.max() < 60
    matte = analysis.focus_matte(in_focus=sharp, blurred=blurred, softness=8)
    assert (matte[sharp] == 1).all()
    assert (matte[blurred] == 0).all()


def test_hints_that_make_no_sense_are_refused(analysis):
    with pytest.raises(defocus.InputError, match="shape"):
        analysis.focus_mask(in_focus=np.ones((3, 3)))
    for ragged in ([[1, 2], [3]], [[[1], 2], 3]):
        with pytest.raises(defocus.InputError, match="in-focus hint is not an array"):
            analysis.focus_mask(in_focus=ragged)
    with pytest.raises(defocus.InputError, match="both"):
        analysis.focus_mask(in_focus=np.ones((200, 260)), blurred=np.ones((200, 260)))
    with pytest.raises(defocus.InputError, match="thresold"):
        analysis.focus_mask(thresold=2)


def test_softness_is_a_band_around_the_hard_boundary(analysis):
    mask = analysis.focus_mask()
    matte = analysis.focus_matte(softness=6)
    assert matte.dtype == np.float32
    between = (matte > 0) & (matte < 1)
    assert between.any()
    edge = np.flatnonzero(np.diff(mask[100].astype(int)))
    columns = np.flatnonzero(between[100])
    assert all(np.abs(edge - column).min() <= 7 for column in columns)
    np.testing.assert_array_equal(matte[~between] > 0.5, mask[~between])


def test_a_mask_does_not_depend_on_what_was_cut_before(halves, analysis):
    wanted = defocus.analyze(halves[0], **MADE).focus_mask(threshold=3.0, smoothness=2.0)
    analysis.focus_mask(threshold=1.0)
    analysis.focus_mask(threshold=6.0, smoothness=2.0)
    np.testing.assert_array_equal(analysis.focus_mask(threshold=3.0, smoothness=2.0), wanted)


def test_a_higher_threshold_never_takes_less(analysis):
    shares = [analysis.focus_mask(threshold=threshold).mean() for threshold in (0.5, 1.5, 3.0, 5.0)]
    assert shares == sorted(shares)


def test_smoothness_and_edge_sensitivity_do_what_they_say(samples):
    analysis = defocus.analyze(load_image(samples / "cat.jpg"))
    rough, smooth = (analysis.blur_map(smoothness=value) for value in (0.0, 5.0))
    assert np.abs(np.diff(smooth, axis=1)).mean() < 0.7 * np.abs(np.diff(rough, axis=1)).mean()

    # Of two cuts, that with the heavier boundary weights has the boundary of less weight
    weights = boundary_weights(analysis.picture.color, 1.0, 1.0, TUNING)

    def boundary(mask):
        pairs = [pair_slices(mask.shape, step) for step in NEIGHBORS]
        return sum(float(w[a][mask[a] != mask[b]].sum()) for w, (a, b) in zip(weights, pairs, strict=True))

    assert boundary(analysis.focus_mask(smoothness=5.0)) < boundary(analysis.focus_mask(smoothness=0.2))


def test_a_constant_picture_has_no_evidence():
    analysis = defocus.analyze(np.full((80, 100), 0.4))
    assert analysis.confidence.max() < 0.1
    assert np.isfinite(analysis.blur_map()).all()
    assert analysis.focus_mask().shape == (80, 100)


def test_transparent_pixels_carry_no_evidence(halves):
    picture, _ = halves
    color = np.dstack([picture] * 3 + [np.ones_like(picture)]).astype(np.float32)
    color[:, :130, :3] = 0.5  # hides the sharp half ...
    color[:, :130, 3] = 0  # ... as transparent pixels do
    analysis = defocus.analyze(color, **MADE)
    assert (analysis.confidence[:, :100] == 0).all()
    assert np.median(analysis.blur_map()[:, 170:]) == pytest.approx(4, abs=0.2)


def test_what_is_hidden_of_a_photograph_does_not_change_the_rest(samples):
    picture = load_image(samples / "flower.jpg")
    before = defocus.analyze(picture)
    hidden = np.arange(picture.shape[1]) < picture.shape[1] // 2
    color = np.where(hidden[:, np.newaxis], np.float32(0.5), picture.color)
    after = defocus.analyze(as_picture(color, np.where(hidden, 0.0, 1.0) * np.ones(picture.shape)))
    away = np.arange(picture.shape[1]) > picture.shape[1] // 2 + 25
    assert np.mean(after.focus_mask()[:, away] != before.focus_mask()[:, away]) < 0.02
    assert np.median(np.abs(after.blur_map() - before.blur_map())[:, away]) < 0.1


def test_sharp_confidence_is_honest(samples):
    """Where confidence is above 0.9 at least 90 per cent of the radii are right to 0.3 px."""
    sure, right = 0, 0
    for name in ("grass.png", "gravel.png", "china.jpg", "coffee.jpg", "cat.jpg"):
        sharp = load_image(samples / name).luminance
        truth = ramp(sharp.shape)
        analysis = defocus.analyze(simulate_blur(sharp, truth, noise=1e-5), **MADE)
        confident = analysis.confidence > 0.9
        sure += np.count_nonzero(confident)
        right += np.count_nonzero(np.abs(analysis.blur_map() - truth)[confident] < 0.3)
    assert sure > 10_000
    assert right >= 0.9 * sure


def test_a_doubtful_kind_is_said_and_makes_all_less_sure(analysis):
    assert analysis.kind_doubt == ""  # it was chosen
    doubtful = dataclasses.replace(analysis, told_kind=ToldKind("brightfield", 0.6, "it may be something else"))
    assert doubtful.kind_doubt == "it may be something else"
    np.testing.assert_allclose(doubtful.confidence, 0.6 * analysis.confidence, atol=1e-6)
    np.testing.assert_array_equal(doubtful.blur_map(), analysis.blur_map())


def test_the_share_at_the_largest_radius_is_of_what_is_known(analysis):
    radius = np.zeros(analysis.shape, np.float32)
    places = np.argwhere(analysis.known)
    radius[tuple(places[: len(places) // 4].T)] = analysis.max_radius
    radius[~analysis.known] = analysis.max_radius
    assert analysis.share_at_end(radius) == pytest.approx(0.25, abs=0.001)


def test_decimated_evidence_is_the_exact_evidence_at_its_samples(samples):
    picture = load_image(samples / "cat.jpg")
    exact = local_evidence(
        as_picture(picture.color[:120, :160]), AnalysisParameters(spacing=1, noise=1e-4), TUNING.evidence
    )
    coarse = local_evidence(
        as_picture(picture.color[:120, :160]), AnalysisParameters(spacing=4, noise=1e-4), TUNING.evidence
    )
    np.testing.assert_allclose(coarse.profile, exact.profile[np.ix_(coarse.rows, coarse.columns)], rtol=1e-3, atol=1e-2)


@pytest.mark.slow
def test_one_thread_gives_what_two_give(tmp_path, samples):
    code = (
        "import sys, numpy as np, defocus\n"
        "a = defocus.analyze(defocus.load_image(sys.argv[1]))\n"
        "np.savez(sys.argv[2], map=a.blur_map(), mask=a.focus_mask(), noise=a.noise_variance, sure=a.confidence)\n"
    )
    results = []
    for threads in ("1", "2"):
        environment = {**os.environ, "NUMBA_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        processors = {0} if threads == "1" else None
        command = [sys.executable, "-c", code, str(samples / "cat.jpg"), str(tmp_path / f"{threads}.npz")]
        pin = (lambda: os.sched_setaffinity(0, {0})) if processors and hasattr(os, "sched_setaffinity") else None
        subprocess.run(command, env=environment, check=True, timeout=300, preexec_fn=pin)
        results.append(np.load(tmp_path / f"{threads}.npz"))
    for name in results[0].files:
        np.testing.assert_array_equal(results[0][name], results[1][name])


def test_progress_rises_to_one(halves):
    told = []
    analysis = defocus.analyze(halves[0], progress=lambda fraction, stage: told.append((fraction, stage)), **MADE)
    for draw in (analysis.blur_map, analysis.focus_mask):
        told.append((0.0, "next"))
        draw(progress=lambda fraction, stage: told.append((fraction, stage)))
    parts, part = [], []
    for fraction, stage in told:
        if stage == "next":
            parts.append(part)
            part = []
        part.append(fraction)
        assert stage
    parts.append(part)
    for part in parts:
        assert part == sorted(part)
        assert part[-1] == 1


def test_cancelling_leaves_the_analysis_usable(halves, analysis):
    def stop(fraction, stage):
        raise defocus.Cancelled

    for work in (analysis.blur_map, analysis.focus_mask):
        with pytest.raises(defocus.Cancelled):
            work(progress=stop)
    with pytest.raises(defocus.Cancelled):
        defocus.analyze(halves[0], progress=stop)
    assert analysis.focus_mask().any()


def test_a_picture_smaller_than_the_window_is_refused():
    with pytest.raises(defocus.InputError, match=r"30 x 40 px is smaller than the analysis window of 41 px"):
        defocus.analyze(np.zeros((40, 30)))
