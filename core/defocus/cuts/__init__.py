"""Cuts: solvers on the grid of 8-neighbours, which know nothing of blur.

`neighbors` says who is whose neighbour and at what weight (16), `grid_flow` and `grid_cut` find minimum cuts,
`labeling` coherent labels by them, `refinement` values between the labels, and `reference` does the same slowly with
PyMaxflow, as published.
"""

from __future__ import annotations

__all__ = ["grid_cut", "grid_flow", "labeling", "neighbors", "reference", "refinement"]
