"""Belief: how probable it is that each sample is in focus, fitted on photographs whose focus is known.

One verb, `log_odds.focus_log_odds`: a sum of curves (`curves`) of the numbers (`names`) of each sample's windows
(`windows`), its texture and place (`texture`, `numbers`), and in a second pass of its surroundings (`surroundings`).
`threshold` says which radius it means. The curves stand in ``table.json``, written by
``python -m benchmarks.fit_belief``.
"""

from __future__ import annotations

__all__ = ["boxes", "curves", "log_odds", "names", "numbers", "surroundings", "texture", "threshold", "windows"]
