"""The iris: its area, its width and its direction, against geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from defocus.effects.iris import Iris
from defocus.psf.families import DiscPSF, PolygonPSF


def test_in_the_middle_it_is_the_plain_shape():
    np.testing.assert_array_equal(Iris(0, 0.0, 0.9).kernel(7.3), DiscPSF().kernel(7.3))
    np.testing.assert_array_equal(Iris(5, 20.0, 0.9).kernel(7.3), PolygonPSF(5, 20.0).kernel(7.3))
    np.testing.assert_array_equal(Iris(0, 0.0, 0.0).kernel(7.3, (0.6, 0.8)), DiscPSF().kernel(7.3))


@pytest.mark.parametrize("amount", [0.3, 0.6, 0.9])
def test_a_cat_s_eye_is_where_two_discs_overlap(amount):
    """Its area is that of the lens of two circles, its width along the way to the middle 1 - amount of the disc's."""
    radius = 20.0
    kernel = Iris(0, 0.0, amount).kernel(radius, (0.0, 1.0))
    assert kernel.sum() == pytest.approx(1)
    apart = 2 * amount * radius
    lens = 2 * radius**2 * math.acos(apart / 2 / radius) - apart / 2 * math.sqrt(4 * radius**2 - apart**2)
    assert 1 / kernel.max() == pytest.approx(lens, rel=0.01)
    open_ = kernel > kernel.max() / 2
    assert open_.any(axis=0).sum() == pytest.approx(2 * radius * (1 - amount), abs=1.5)
    assert open_.any(axis=1).sum() == pytest.approx(2 * radius * math.sqrt(1 - amount**2), abs=1.5)
    rows, columns = np.indices(kernel.shape) - len(kernel) // 2
    assert (kernel * rows).sum() == pytest.approx(0, abs=1e-6)
    assert (kernel * columns).sum() == pytest.approx(0, abs=1e-6)


def test_it_turns_with_the_place():
    down, right = (Iris(0, 0.0, 0.6).kernel(12.0, place) for place in ((1.0, 0.0), (0.0, 1.0)))
    np.testing.assert_allclose(down, right.T, atol=1e-9)
    assert np.abs(down - right).max() > 1e-4


def test_blades_are_cut_off_too():
    plain, cut = (Iris(6, 0.0, 0.7).kernel(15.0, (0.0, away)) for away in (0.0, 0.9))
    assert cut.sum() == pytest.approx(1)
    assert (cut > 0).sum() < 0.7 * (plain > 0).sum()
    assert not (cut > 0)[plain == 0].any()
