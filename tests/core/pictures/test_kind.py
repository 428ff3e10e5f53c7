"""Kind: colours make a photograph, a dark ground fluorescence, a ground of another level brightfield; never bits."""

from __future__ import annotations

import numpy as np
import pytest

from defocus.pictures.kind import kind_of
from defocus.pictures.picture import as_picture, load_image


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("flower.jpg", "photograph"),
        ("china.jpg", "photograph"),
        ("grass.png", "photograph"),
        ("gravel.png", "photograph"),
        ("cells.png", "fluorescence"),
        ("object.png", "photograph"),
    ],
)
def test_samples_are_what_they_are(samples, name, kind):
    assert kind_of(load_image(samples / name)) == kind


def test_fluorescence_and_photographs_of_the_measured_sets(shared):
    for file in (shared / "data" / "microscopy_dev").glob("sharp_*"):
        assert kind_of(load_image(file)) == "fluorescence", file.name
    for file in sorted((shared / "data" / "cuhk_dev" / "image").iterdir())[:10]:
        assert kind_of(load_image(file)) == "photograph", file.name


def test_bright_spots_on_dark_in_8_bits_are_no_photograph():
    dark = np.zeros((80, 90), np.uint8)
    dark[30:50, 40:60] = 200
    assert kind_of(as_picture(dark)) == "fluorescence"
    assert kind_of(as_picture(np.stack([dark, dark // 2, dark], axis=2))) == "photograph"
    assert kind_of(as_picture(np.full((50, 50), 7, np.uint8))) == "photograph"


def test_transmitted_light_is_no_fluorescence():
    """Brightfield is dark on bright, phase contrast both on grey."""
    rng = np.random.default_rng(0)
    ground = rng.normal(30000, 300, (120, 140))
    absorbing = ground.copy()
    absorbing[20:60, 30:90] *= rng.uniform(0.3, 1, (40, 60))
    assert kind_of(as_picture(absorbing.astype(np.uint16))) == "brightfield"
    phase = ground + 8000 * (rng.random(ground.shape) > 0.9) - 8000 * (rng.random(ground.shape) > 0.9)
    assert kind_of(as_picture(phase.astype(np.uint16))) == "brightfield"


@pytest.mark.parametrize("name", ["gravel.png", "object.png", "cells.png"])
def test_the_kind_of_number_has_no_say(samples, name):
    values = load_image(samples / name).luminance.astype(float)
    numbers = (
        np.rint(values * 255).astype(np.uint8),
        np.rint(values * 65535).astype(np.uint16),
        np.rint(500 + 3000 * values).astype(np.uint16),
        values.astype(np.float32),
        values / 1000,
    )
    assert len({kind_of(as_picture(number)) for number in numbers}) == 1


def test_what_is_transparent_has_no_say():
    values = np.random.default_rng(0).normal(30000, 6000, (120, 140))
    values[:, :60] = 500
    values[40:60, 20:40] = 40000
    assert kind_of(as_picture(values)) == "photograph"
    values[:, 60:] = np.nan
    assert kind_of(as_picture(values)) == "fluorescence"
