"""Belief: how probable it is that each sample is in focus, fitted on photographs whose focus is known.

One verb, `log_odds.focus_log_odds`: a sum of small trees (`trees`) of the numbers (`names`) of each sample's windows
(`windows`), its texture, colour and place (`texture`, `saliency`, `numbers`), of what the radii alone vote for
(`vote`), and in a second pass of its surroundings (`surroundings`). `threshold` says which radius it means. The trees
stand in ``table.json``, written by ``python -m benchmarks.fit_belief``.
"""

from __future__ import annotations

__all__ = [
    "boxes",
    "log_odds",
    "names",
    "numbers",
    "saliency",
    "surroundings",
    "texture",
    "threshold",
    "trees",
    "vote",
    "windows",
]
