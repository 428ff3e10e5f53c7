"""The published estimator: its data term and cut costs, window by window and label by label."""

from __future__ import annotations

import math

import numpy as np
import pytest

from defocus import analyze, as_picture, load_image
from defocus.cuts.neighbors import contrast_weights
from defocus.cuts.reference import alpha_expansion, energy, maxflow_cut
from defocus.evidence.octaves import local_evidence
from defocus.paper.estimator import PublishedAnswer, candidate_data_term
from defocus.paper.search import candidates, fitted_spectra
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters
from defocus.pictures.sampling import cell_means, interpolate
from defocus.pictures.stretched import unstretched
from defocus.psf.simulation import ramp, simulate_blur
from defocus.tuning import TUNING

KAPPA = [1e-20, 1e-12, 1e-7, 1e-3, 1e-1, 1, 1e-1, 1e-3, 1e-7, 1e-12, 1e-20]
PAPER = AnalysisParameters(method="paper", spacing=4)


@pytest.fixture(scope="module")
def halves(samples):
    """Sharp on the left, a disc of 5 px on the right, a hole in the middle of the left."""
    texture = load_image(samples / "grass.png").luminance[:160, :240]
    sharp_left = np.where(np.arange(240) < 120, texture, simulate_blur(texture, 5.0))
    noisy = sharp_left + np.random.default_rng(0).normal(0, 1e-3, texture.shape)
    alpha = np.ones(texture.shape, np.float32)
    alpha[40:110, 20:90] = 0
    return as_picture(np.clip(noisy, 0, 1), alpha)


@pytest.fixture(scope="module")
def evidence(halves):
    return local_evidence(halves, PAPER, TUNING.evidence)


@pytest.fixture(scope="module")
def mask_of(halves, evidence):
    return PublishedAnswer(unstretched(halves), evidence, "photograph", TUNING)


@pytest.fixture(scope="module")
def radius(halves, evidence):
    return PublishedAnswer(unstretched(halves), evidence, "photograph", TUNING).radius(MapParameters())


def literal_data_term(evidence):
    found, costs = candidates(
        evidence.energies, fitted_spectra(evidence.spectra), evidence.noise_variance, method="alternating"
    )
    labels = len(evidence.radii)
    out = np.empty((*evidence.shape, labels))
    for j in range(evidence.shape[0]):
        for i in range(evidence.shape[1]):
            probability = [0.0] * labels
            for k in range(3):
                if math.isfinite(costs[j, i, k]):
                    label = min(range(labels), key=lambda a: abs(a / 10 - found[j, i, k]))
                    likelihood = math.exp(costs[j, i, 0] - costs[j, i, k])
                    for step, share in zip(range(-5, 6), KAPPA, strict=True):
                        if 0 <= label + step < labels:
                            probability[label + step] += likelihood * share
            total = sum(probability)
            if total == 0 or evidence.valid_fraction[j, i] < 0.5:
                probability, total = [1.0] * labels, labels
            out[j, i] = [-math.log(max(p / total, 1e-20)) for p in probability]
    return out


def test_the_data_term_is_the_candidates_spread_by_kappa(evidence):
    np.testing.assert_allclose(evidence.radii, np.arange(81) / 10)
    found = candidate_data_term(evidence)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, literal_data_term(evidence), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.exp(-found.astype(float)).sum(axis=2), 1, atol=1e-5)


def test_windows_without_evidence_have_no_opinion(evidence, mask_of):
    term = candidate_data_term(evidence)
    hidden = evidence.valid_fraction < 0.5
    assert hidden.any()
    np.testing.assert_allclose(term[hidden], math.log(81), rtol=1e-6)
    assert (np.ptp(term[~hidden], axis=1) > 1).all()
    np.testing.assert_allclose(mask_of.preference(MaskParameters())[hidden], 0, atol=1e-6)


@pytest.mark.parametrize("threshold", [0.5, 2.0, 4.3])
def test_the_cut_costs_are_equation_17(evidence, mask_of, threshold):
    probability = np.exp(-candidate_data_term(evidence).astype(float))
    radii = [k / 10 for k in range(81)]
    expected = np.empty(evidence.shape)
    for j in range(evidence.shape[0]):
        for i in range(evidence.shape[1]):
            near = max(p for p, r in zip(probability[j, i], radii, strict=True) if r <= threshold)
            far = max(p for p, r in zip(probability[j, i], radii, strict=True) if r > threshold)
            expected[j, i] = -math.log(far) + math.log(near)
    found = mask_of.preference(MaskParameters(threshold=threshold))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_preference_is_positive_where_it_is_sharp(evidence, mask_of):
    preference = mask_of.preference(MaskParameters())
    opaque = evidence.valid_fraction > 0.9
    left, right = evidence.columns < 95, evidence.columns > 145
    assert (preference[:, left][opaque[:, left]] > 0).mean() > 0.9
    assert (preference[:, right] < 0).mean() > 0.9


def test_the_map_has_both_radii(halves, radius):
    assert radius.shape == halves.shape
    assert radius.dtype == np.float32
    assert np.median(radius[:, :95]) < 1
    assert np.median(radius[:, 150:]) == pytest.approx(5, abs=0.2)


def test_the_map_has_less_energy_than_constant_ones_and_than_the_best_of_each_window(halves, evidence, radius):
    term = candidate_data_term(evidence)
    weights = contrast_weights(cell_means(halves.color, 4), 20.0 * 0.1, 0.1)  # lambda_0 = 20 a px, 10 labels a px
    found = radius[np.ix_(evidence.rows, evidence.columns)]
    least = energy(np.rint(found * 10).astype(int), term, weights)
    for label in range(0, 81, 5):
        assert energy(np.full(evidence.shape, label), term, weights) > least
    assert energy(term.argmin(axis=2), term, weights) > least


def test_the_ramp_of_figure_8(samples):
    """The paper's own figure is 0.022 px^2, with a window at every pixel."""
    texture = load_image(samples / "grass.png").luminance
    blurred = simulate_blur(texture, ramp(texture.shape), noise=1e-6)
    radius = analyze(blurred, method="paper", noise=1e-6, spacing=4).blur_map()
    assert ((radius - ramp(texture.shape)) ** 2).mean() < 0.08


def test_the_whole_job_by_the_papers_method(halves):
    analysis = analyze(halves, method="paper", spacing=4)
    assert analysis.threshold == 2.0
    assert analysis.noise_variance == 1e-4
    mask = analysis.focus_mask()
    assert mask[:, :110].mean() > 0.95
    assert mask[:, 130:].mean() < 0.05
    assert analysis.has_evidence
    assert analysis.confidence[:, :20].mean() > 0.5


def test_hints_move_the_map_with_the_mask(halves):
    analysis = analyze(halves, method="paper", spacing=4)
    blurred = np.zeros(halves.shape, bool)
    blurred[8:30, 30:80] = True
    assert (analysis.blur_map()[blurred] <= 2).mean() > 0.9
    assert (analysis.blur_map(blurred=blurred)[blurred] > 2).all()


def test_the_map_is_what_expansion_moves_reach_and_the_mask_what_one_cut_finds(halves, evidence, mask_of, radius):
    """No single expansion lowers the map's energy any more, and the mask is PyMaxflow's minimum."""
    term = candidate_data_term(evidence)
    weights = contrast_weights(cell_means(halves.color, 4), 20.0 * 0.1, 0.1)
    labels = np.rint(radius[np.ix_(evidence.rows, evidence.columns)] * 10).astype(np.int16)
    least = energy(labels, term, weights)
    again = alpha_expansion(term, weights, cycles=1, start=labels)
    assert energy(again, term, weights) == pytest.approx(least, rel=1e-9)
    wanted = interpolate(mask_of.preference(MaskParameters()), evidence.rows, evidence.columns, halves.shape)
    expected = maxflow_cut(wanted, contrast_weights(halves.color, 1000.0, 0.04))
    np.testing.assert_array_equal(mask_of.mask(MaskParameters(), np.zeros(halves.shape, np.int8)), expected)
