"""Closing the dialog stops at once, OK takes over what the preview has, and a changed layer is measured anew."""

import numpy as np
import pytest

from .conftest import Batch, kept_settings
from .test_modes import RADIUS

pytestmark = [pytest.mark.gimp, pytest.mark.slow]


@pytest.fixture(scope="module")
def closing(gimp):
    with kept_settings(gimp):
        return Batch(gimp, "closing", window=True, timeout=280)


@pytest.mark.parametrize("way", ["escape", "cancel", "window's X"])
def test_closing_stops_the_worker_at_once(closing, way):
    seconds = closing.facts(way)
    print(way, seconds)
    assert max(seconds.values()) < 10  # the worker would have been busy for a minute


def test_switching_the_preview_off_stops_it_and_on_starts_it_again(closing):
    assert closing.facts("switched off")["worker"] < 10


@pytest.mark.parametrize("preview", ["finished preview", "running preview"])
def test_ok_takes_over_what_the_preview_computes(closing, preview):
    assert closing.facts(preview)["computed"] == 1


def test_a_layer_that_changed_meanwhile_is_measured_anew(closing):
    layer = closing.image("changed", "changed").layers[0]
    flipped = RADIUS[:, ::-1]
    sure = abs(flipped - 3) > 0.05
    assert np.array_equal((layer.mask > 127)[sure], (flipped <= 3)[sure])


def test_a_layer_that_was_deleted_meanwhile_is_told_and_kills_nothing(closing):
    assert closing.facts("removed") == {"asked": 0}
