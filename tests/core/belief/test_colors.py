"""Colours: those of the first mask win over others."""

from __future__ import annotations

import numpy as np
import pytest

from defocus.belief.colors import color_log_odds


def test_colours_of_the_first_mask_win_over_others():
    rng = np.random.default_rng(1)
    mask = np.arange(40) < 20
    mask = np.broadcast_to(mask, (30, 40))
    red, blue = np.array([0.8, 0.2, 0.1]), np.array([0.1, 0.2, 0.8])
    color = np.where(mask[..., None], red, blue) + rng.normal(0, 0.02, (30, 40, 3))
    speaks = color_log_odds(np.array([[red, blue, [0.1, 0.9, 0.1]]], np.float32), color.astype(np.float32), mask)
    assert speaks[0, 0] > 4
    assert speaks[0, 1] < -4
    assert speaks[0, 2] == pytest.approx(0, abs=0.5)  # a colour of neither
    assert not color_log_odds(color.astype(np.float32), color.astype(np.float32), np.ones((30, 40), bool)).any()
