"""Kernels: their sums, areas and moments, known from geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import convolve2d
from scipy.stats import norm

import defocus
from defocus import InputError
from defocus.psf.calibration import CalibratedPSF
from defocus.psf.families import FAMILIES, PSF, AnnulusPSF, DiscPSF, GaussianPSF, PolygonPSF, SensorPSF, as_psf
from defocus.psf.simulation import simulate_blur

SHAPES = [
    DiscPSF(),
    GaussianPSF(),
    PolygonPSF(5),
    PolygonPSF(6, 17.0),
    PolygonPSF(3),
    SensorPSF(DiscPSF(), 0.7),
    AnnulusPSF(0.5),
]
PIXEL = 1 / 12  # variance of a pixel's own extent: light that falls on a pixel counts as if at its middle


def moments(kernel):
    """Mean and covariance of a kernel in px, about its middle pixel."""
    y, x = np.indices(kernel.shape) - np.reshape([s // 2 for s in kernel.shape], (2, 1, 1))
    return np.array([(kernel * x).sum(), (kernel * y).sum()]), np.array(
        [[(kernel * x * x).sum(), (kernel * x * y).sum()], [(kernel * x * y).sum(), (kernel * y * y).sum()]]
    )


@pytest.mark.parametrize("psf", SHAPES, ids=repr)
def test_every_kernel_is_a_kernel(psf):
    assert isinstance(psf, PSF)
    for radius in (0, 0.2, 0.5, 0.51, 1, 2.3, 5, 8, 13.7):
        kernel = psf.kernel(radius)
        assert kernel.dtype == np.float64
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2 == 1
        assert kernel.min() >= 0
        assert kernel.sum() == pytest.approx(1, abs=1e-12)
    if not isinstance(psf, SensorPSF):
        np.testing.assert_array_equal(psf.kernel(0), [[1]])


@pytest.mark.parametrize("psf", [p for p in SHAPES if p != PolygonPSF(3)], ids=repr)
@pytest.mark.parametrize("radius", [1.5, 3, 5.2, 8])
def test_no_kernel_moves_the_picture_and_larger_ones_spread_more(psf, radius):
    middle, covariance = moments(psf.kernel(radius))
    np.testing.assert_allclose(middle, 0, atol=0.02)
    _, larger = moments(psf.kernel(radius + 0.5))
    assert np.trace(larger) > np.trace(covariance)


@pytest.mark.parametrize("psf", [DiscPSF(), GaussianPSF()], ids=repr)
@pytest.mark.parametrize("radius", [3, 3.7, 5, 8])
def test_disc_and_gaussian_have_a_quarter_of_the_squared_radius_as_variance(psf, radius):
    _, covariance = moments(psf.kernel(radius))
    np.testing.assert_allclose(np.diag(covariance), radius**2 / 4 + PIXEL, rtol=0.012)
    np.testing.assert_allclose(covariance[0, 1], 0, atol=1e-9)


@pytest.mark.parametrize("radius", [0.7, 1, 2])
def test_small_kernels_are_exact_integrals_over_the_columns_of_pixels(radius):
    edges = np.arange(-3, 4) - 0.5
    inside = np.clip(edges / radius, -1, 1)
    columns = np.diff(inside * np.sqrt(1 - inside**2) + np.arcsin(inside)) / np.pi
    kernel = DiscPSF().kernel(radius)
    half = len(kernel) // 2
    np.testing.assert_allclose(kernel.sum(axis=0), columns[3 - half : 3 + half + 1], atol=4e-3)
    kernel = GaussianPSF().kernel(radius)
    half = len(kernel) // 2
    edges = np.arange(-half, half + 2) - 0.5
    np.testing.assert_allclose(kernel.sum(axis=0), np.diff(norm(scale=radius / 2).cdf(edges)), atol=1e-3)


@pytest.mark.parametrize("radius", [2.5, 4.0, 6.3])
def test_the_disc_is_the_area_that_it_covers(radius):
    kernel = DiscPSF().kernel(radius)
    assert kernel.max() == pytest.approx(1 / (math.pi * radius**2), rel=3e-3)
    half = len(kernel) // 2
    y, x = np.indices(kernel.shape) - half
    farthest = np.hypot(abs(x) + 0.5, abs(y) + 0.5)
    nearest = np.hypot(np.maximum(abs(x) - 0.5, 0), np.maximum(abs(y) - 0.5, 0))
    np.testing.assert_allclose(kernel[farthest < radius], kernel.max())
    assert (kernel[nearest > radius] == 0).all()
    rim = (farthest > radius) & (nearest < radius)
    # An independent count of the rim: random points
    rng = np.random.default_rng(0)
    points = rng.uniform(-half - 0.5, half + 0.5, (400_000, 2))
    points = points[np.hypot(*points.T) <= radius]
    count, *_ = np.histogram2d(*points.T, bins=np.arange(-half - 0.5, half + 1))
    np.testing.assert_allclose(kernel[rim], (count / len(points))[rim], atol=8e-4)


@pytest.mark.parametrize("blades", [3, 5, 6, 9])
def test_a_polygon_has_the_area_of_the_disc_and_its_corners_where_it_should(blades):
    radius = 9.0
    kernel = PolygonPSF(blades, 20.0).kernel(radius)
    # Inside, each pixel weighs 1 / area
    assert kernel.max() == pytest.approx(1 / (math.pi * radius**2), rel=3e-3)
    corner = radius * math.sqrt(2 * math.pi / (blades * math.sin(2 * math.pi / blades)))  # of a polygon of that area
    half = len(kernel) // 2
    for k in range(blades):
        angle = math.radians(20) + 2 * math.pi * k / blades
        towards = np.array([math.sin(angle), math.cos(angle)])
        inside, outside = (np.rint(half + (corner + step) * towards).astype(int) for step in (-2.0, 1.5))
        assert kernel[tuple(inside)] > 0
        if (outside >= 0).all() and (outside < len(kernel)).all():
            assert kernel[tuple(outside)] == 0
    # and the side midway between two corners lies nearer
    angle = math.radians(20) + math.pi / blades
    apothem = corner * math.cos(math.pi / blades)
    beyond = np.rint(half + (apothem + 1.5) * np.array([math.sin(angle), math.cos(angle)])).astype(int)
    assert kernel[tuple(beyond)] == 0


def test_a_polygon_of_many_blades_is_a_disc_and_turning_by_one_blade_changes_nothing():
    np.testing.assert_allclose(PolygonPSF(100).kernel(6.0), DiscPSF().kernel(6.0), atol=1e-3)
    np.testing.assert_allclose(PolygonPSF(6, 60).kernel(5), PolygonPSF(6).kernel(5), atol=1e-3)
    assert np.abs(PolygonPSF(6, 30).kernel(5) - PolygonPSF(6).kernel(5)).max() > 2e-3


def test_variances_of_shape_and_sensor_add():
    for shape in (DiscPSF(), GaussianPSF(), PolygonPSF(6, 10)):
        for radius in (0.0, 2.0, 5.0):
            _, alone = moments(shape.kernel(radius))
            _, together = moments(SensorPSF(shape, 0.6).kernel(radius))
            np.testing.assert_allclose(np.diag(together - alone), 0.6**2 + PIXEL, rtol=0.02)


def test_the_sensor_is_a_convolution():
    kernel = SensorPSF(DiscPSF(), 0.5).kernel(3.0)
    expected = convolve2d(DiscPSF().kernel(3.0), GaussianPSF().kernel(1.0))
    np.testing.assert_allclose(kernel, expected, atol=1e-12)
    np.testing.assert_array_equal(SensorPSF(DiscPSF(), 0.0).kernel(3.0), DiscPSF().kernel(3.0))


@pytest.mark.parametrize("psf", SHAPES, ids=repr)
def test_what_calls_itself_isotropic_is(psf):
    kernel = psf.kernel(4.3)
    same = all(np.allclose(kernel, turned) for turned in (kernel.T, kernel[::-1], kernel[:, ::-1]))
    assert same or not psf.isotropic


def test_names_of_families():
    assert as_psf("disc") == DiscPSF()
    assert as_psf("gaussian") == GaussianPSF()
    assert as_psf("polygon", blades=7, rotation=12.0) == PolygonPSF(7, 12.0)
    own = PolygonPSF(4)
    assert as_psf(own) is own
    with pytest.raises(InputError, match="'star'"):
        as_psf("star")


@pytest.mark.parametrize("radius", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("psf", SHAPES, ids=repr)
def test_impossible_radii_are_refused(psf, radius):
    with pytest.raises(InputError, match="radius"):
        psf.kernel(radius)


def test_two_blades_are_no_polygon():
    with pytest.raises(InputError, match="3 blades"):
        PolygonPSF(2)


@pytest.mark.parametrize(("radius", "obstruction"), [(5.0, 0.4), (8.0, 0.7), (3.0, 0.0)])
def test_a_ring_has_the_light_of_a_disc_less_its_middle(radius, obstruction):
    whole, middle = DiscPSF().kernel(radius), DiscPSF().kernel(max(radius * obstruction, 1e-6))
    expected = whole.copy()
    edge = (len(whole) - len(middle)) // 2
    expected[edge : edge + len(middle), edge : edge + len(middle)] -= obstruction**2 * middle
    expected /= expected.sum()
    np.testing.assert_allclose(AnnulusPSF(obstruction).kernel(radius), expected, atol=2e-3)


def test_every_family_takes_its_parameters_from_the_analysis():
    from defocus.parameters import AnalysisParameters, describe

    known = {control.name: control for control in describe(AnalysisParameters)}
    for name, family in FAMILIES.items():
        for parameter in family.parameters:
            assert name in known[parameter].applies_to
    assert AnalysisParameters(psf="annulus", obstruction=0.5).blur_shape() == AnnulusPSF(0.5)
    assert AnalysisParameters(psf="polygon", blades=7, rotation=12.0).blur_shape() == PolygonPSF(7, 12.0)


class Given:
    """A PSF that gives what it is told to."""

    isotropic = True

    def __init__(self, kernel):
        self.given = kernel

    def kernel(self, radius):
        return self.given


@pytest.mark.parametrize(
    "kernel",
    [None, "x", np.full((3, 3), np.nan), np.zeros((3, 3)), np.ones(3), np.ones((2, 2)), np.ones((3, 5)), -np.eye(3)],
)
def test_a_kernel_that_is_none_is_one_line_wherever_it_is_used(kernel):
    picture, radius = np.random.default_rng(0).uniform(0, 1, (60, 70)), np.full((60, 70), 2.0)
    uses = (
        lambda psf: defocus.analyze(picture, psf=psf),
        lambda psf: defocus.analyze(picture, psf=psf, sensor_blur=0.0),
        lambda psf: defocus.restore(picture, radius, psf=psf),
        lambda psf: simulate_blur(picture, 2.0, psf=psf),
        lambda psf: CalibratedPSF([2.0], [psf.kernel(2.0)]),
    )
    for use in uses:
        with pytest.raises(InputError, match=r"kernel") as caught:
            use(Given(kernel))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("psf", [None, 3, [1], object()])
def test_what_is_no_psf_is_told(psf):
    picture = np.zeros((50, 60))
    uses = [as_psf, *([] if psf is None else [lambda psf: defocus.restore(picture, picture, psf=psf)])]
    for use in uses:
        with pytest.raises(InputError, match=r"psf|PSF"):
            use(psf)
