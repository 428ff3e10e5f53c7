"""The varying blur is what its definition says, and its adjoint is exact."""

from __future__ import annotations

import numpy as np
import pytest

from defocus.errors import InputError
from defocus.psf.families import DiscPSF, PolygonPSF
from defocus.psf.varying_blur import VaryingBlur, checked_radius_map, kernel_bank


def map_of(shape, seed=0):
    """Radii from 0 to 5 px with a jump, so that some pixels stand before others."""
    radius = np.random.default_rng(seed).uniform(1, 5, shape)
    radius[:, : shape[1] // 3] = 0.2
    return radius.astype(np.float32)


def slowly(planes, radius, psf):
    """The definition, pixel by pixel: kernels mixed of the bank's neighbours, nothing from what stands in front."""
    radii, kernels, _ = kernel_bank(psf, float(radius.max()))
    half = kernels.shape[1] // 2
    depth = np.pad(radius, half, mode="edge")
    out = np.zeros((len(planes), *radius.shape))
    for y, x in np.ndindex(radius.shape):
        k = max(j for j in range(len(radii)) if radii[j] <= radius[y, x])
        upper = min(k + 1, len(radii) - 1)
        share = (radius[y, x] - radii[k]) / (radii[upper] - radii[k]) if upper > k else 0
        kernel = (1 - share) * kernels[k].astype(float) + share * kernels[upper]
        window = np.s_[y : y + 2 * half + 1, x : x + 2 * half + 1]
        kernel = kernel * (depth[window] >= 0.5 * radius[y, x])
        for c, plane in enumerate(planes):
            out[c, y, x] = (kernel * plane[window]).sum() / kernel.sum()
    return out


def smooth(shape):
    """Radii that nowhere vary so much that a pixel stands before another."""
    return np.add.outer(np.linspace(1.2, 2, shape[0]), np.linspace(0, 1.5, shape[1])).astype(np.float32)


@pytest.mark.parametrize("psf", [DiscPSF(), PolygonPSF(5, 20)])
@pytest.mark.parametrize("made", [map_of, smooth])
def test_blur_is_its_definition(psf, made):
    radius = made((14, 17))
    blur = VaryingBlur(radius, psf)
    planes = np.random.default_rng(1).random((2, *blur.padded_shape), dtype=np.float32)
    np.testing.assert_allclose(blur.forward(planes), slowly(planes, radius, psf), atol=2e-6)


@pytest.mark.parametrize("psf", [DiscPSF(), PolygonPSF(5, 20)])
@pytest.mark.parametrize("made", [map_of, smooth])
def test_adjoint_is_exact(psf, made):
    rng = np.random.default_rng(2)
    blur = VaryingBlur(made((70, 45)), psf)
    planes = rng.standard_normal((3, *blur.padded_shape)).astype(np.float32)
    pictures = rng.standard_normal((3, *blur.shape)).astype(np.float32)
    one = np.einsum("cyx,cyx->", blur.forward(planes), pictures, dtype=float)
    other = np.einsum("cyx,cyx->", planes, blur.adjoint(pictures), dtype=float)
    assert abs(one - other) < 1e-6 * np.linalg.norm(planes) * np.linalg.norm(pictures)


def test_a_flat_picture_stays_flat_and_threads_do_not_matter():
    radius = map_of((66, 40))
    one, two = VaryingBlur(radius, DiscPSF(), threads=1), VaryingBlur(radius, DiscPSF(), threads=2)
    np.testing.assert_allclose(one.forward(np.ones((1, *one.padded_shape))), 1, atol=1e-5)
    planes = np.random.default_rng(4).random((1, *one.padded_shape))
    np.testing.assert_array_equal(one.forward(planes), two.forward(planes))
    np.testing.assert_array_equal(one.adjoint(np.ones((1, *one.shape))), two.adjoint(np.ones((1, *one.shape))))


def test_light_of_the_subject_stays_out_of_its_surroundings():
    radius = np.full((30, 30), 4.0, np.float32)
    radius[:, :15] = 0
    blur = VaryingBlur(radius, DiscPSF())
    planes = np.zeros((1, *blur.padded_shape), np.float32)
    planes[..., : blur.margin + 15] = 1
    np.testing.assert_array_equal(blur.forward(planes)[0], radius == 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda radius: radius[:-1], r"shape \(9, 12\), the picture \(10, 12\)"),
        (lambda radius: np.where(radius > 2, np.nan, radius), "NaN"),
        (lambda radius: radius - 3, "negative"),
        (lambda radius: radius * 100, "up to 5 px"),
        (lambda _: [["a"]], "must hold radii in px"),
    ],
)
def test_bad_maps(change, message):
    radius = np.full((10, 12), 2.5, np.float32)
    with pytest.raises(InputError, match=message):
        checked_radius_map(change(radius), (10, 12), largest=5.0)
