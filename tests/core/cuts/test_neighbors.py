"""Neighbours: which ties are left, one pair at a time."""

from __future__ import annotations

import numpy as np

from defocus.cuts.neighbors import NEIGHBORS, contrast_weights, untie


def test_only_what_is_chosen_on_both_ends_stays_tied():
    rng = np.random.default_rng(0)
    color, chosen = rng.random((7, 9, 3)).astype(np.float32), rng.random((7, 9)) < 0.6
    whole = contrast_weights(color, 3.0, 0.5)
    found = whole.copy()
    untie(found, chosen)
    for plane, before, (down, right) in zip(found, whole, NEIGHBORS, strict=True):
        for y in range(7):
            for x in range(9):
                inside = y + down < 7 and 0 <= x + right < 9
                both = inside and chosen[y, x] and chosen[y + down, x + right]
                assert plane[y, x] == (before[y, x] if both else 0)
