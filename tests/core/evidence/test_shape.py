"""Disc or Gaussian: told where the picture tells, doubted where it can't, never taken for the other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, signal

import defocus
from benchmarks.shapes import scenes
from defocus.psf import DiscPSF


def flat_cells(deviation, radius, *, seed=2, photons=1500):
    """Counts of round cells of one light each, as sharp as a Gaussian of some deviation leaves them."""
    rng = np.random.default_rng(seed)
    field = np.zeros((300, 300))
    y, x = np.mgrid[:300, :300]
    for _ in range(20):
        row, column = rng.uniform(15, 285, 2)
        field[(y - row) ** 2 + (x - column) ** 2 < radius**2] = rng.uniform(0.4, 1)
    light = ndimage.gaussian_filter(field, deviation)
    return (100 + rng.poisson(photons * light / light.max() + 12) + rng.normal(0, 1.5, light.shape)).astype(np.uint16)


@pytest.mark.parametrize("radius", [6.0, 8.0])
def test_a_disc_is_told_and_its_radius_is_right(radius):
    analysis = defocus.analyze(next(scenes("nuclei", "disc", radius)), kind="fluorescence")
    assert isinstance(analysis.psf, DiscPSF)
    assert not analysis.shape_doubt
    assert np.median(analysis.blur_map()[analysis.known]) == pytest.approx(radius, rel=0.06)


@pytest.mark.parametrize("kind", ["nuclei", "beads"])
@pytest.mark.parametrize("radius", [2.0, 6.0])
def test_a_gaussian_is_no_disc(kind, radius):
    analysis = defocus.analyze(next(scenes(kind, "gaussian", radius)), kind="fluorescence")
    assert analysis.parameters.psf == "gaussian"
    assert not analysis.shape_doubt


def test_what_may_be_flat_cells_or_blurred_beads_stays_sharp_and_is_doubted():
    counts = flat_cells(1.0, 5.0)
    analysis = defocus.analyze(counts, kind="fluorescence")
    assert analysis.parameters.psf == "gaussian"
    assert "5.0 px" in analysis.shape_doubt
    assert np.median(analysis.blur_map()[analysis.known]) < 3
    sure = defocus.analyze(counts, kind="fluorescence", psf="gaussian")
    assert not sure.shape_doubt  # it was chosen
    np.testing.assert_allclose(analysis.confidence, sure.confidence / 2, atol=1e-6)


def test_no_shape_is_told_beyond_what_was_looked_for():
    """By a disc of 6 px, where 4 are looked for, it would be a disc that fits better."""
    analysis = defocus.analyze(next(scenes("nuclei", "disc", 6.0)), kind="fluorescence", max_radius=4)
    assert analysis.parameters.psf == "gaussian"
    assert np.percentile(analysis.confidence[analysis.known], 95) < 0.3


def test_beads_blurred_by_a_disc_are_never_said_surely_to_be_sharp():
    analysis = defocus.analyze(next(scenes("beads", "disc", 4.0)), kind="fluorescence")
    assert "4.0 px" in analysis.shape_doubt
    assert analysis.confidence.max() <= 0.5


@pytest.mark.parametrize("spacing", [16, 32])
def test_samples_that_lie_far_apart_tell_the_shape_too(spacing):
    analysis = defocus.analyze(next(scenes("nuclei", "gaussian", 3.0)), kind="fluorescence", spacing=spacing)
    assert analysis.parameters.psf == "gaussian"


def test_a_field_of_a_usual_camera_is_measured():
    """2048 x 2048 px, as most scientific cameras have, without any choice."""
    counts = np.tile(next(scenes("nuclei", "gaussian", 2.0)), (6, 6))[:2048, :2048]
    analysis = defocus.analyze(counts)
    assert analysis.kind == "fluorescence"
    assert np.median(analysis.blur_map()[analysis.known]) == pytest.approx(2.0, abs=0.5)


def test_a_stack_has_one_shape():
    field = np.zeros((200, 200))
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:200, :200]
    for row, column in rng.uniform(20, 180, (12, 2)):
        field[(y - row) ** 2 + (x - column) ** 2 < 9**2] = 1
    field *= np.clip(1 + 0.5 * rng.standard_normal(field.shape), 0.1, None)
    shapes = []
    slices = [signal.fftconvolve(field, DiscPSF().kernel(radius), mode="same") for radius in (6.0, 1.0, 6.0)]
    counts = np.array([100 + rng.poisson(2000 * np.clip(one, 0, None) + 12) for one in slices]).astype(np.uint16)
    assert defocus.analyze(counts[0], kind="fluorescence").parameters.psf == "disc"  # of its own

    def measure(z, parameters, map_parameters, progress):
        from defocus.stack import SliceMap

        shapes.append(parameters.psf)
        analysis = defocus.analyze(counts[z], parameters)
        return SliceMap(analysis.blur_map(map_parameters), analysis.noise_variance, analysis.max_radius)

    from defocus.parameters import AnalysisParameters
    from defocus.stack import focus_over_z

    focus_over_z(counts, AnalysisParameters(kind="fluorescence"), measure=measure)
    assert set(shapes) == {"gaussian"}
