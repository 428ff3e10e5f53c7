"""Kind: colours make a photograph, a dark ground or many bits a picture of science."""

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
        ("cells.png", "microscope"),
    ],
)
def test_samples_are_what_they_are(samples, name, kind):
    assert kind_of(load_image(samples / name)) == kind


def test_fluorescence_and_photographs_of_the_measured_sets(shared):
    for file in (shared / "data" / "microscopy_dev").iterdir():
        assert kind_of(load_image(file)) == "microscope", file.name
    for file in sorted((shared / "data" / "cuhk_dev" / "image").iterdir())[:10]:
        assert kind_of(load_image(file)) == "photograph", file.name


def test_bright_spots_on_dark_in_8_bits_are_no_photograph():
    dark = np.zeros((80, 90), np.uint8)
    dark[30:50, 40:60] = 200
    assert kind_of(as_picture(dark)) == "microscope"
    assert kind_of(as_picture(np.stack([dark, dark // 2, dark], axis=2))) == "photograph"
    assert kind_of(as_picture(np.full((50, 50), 7, np.uint8))) == "photograph"
