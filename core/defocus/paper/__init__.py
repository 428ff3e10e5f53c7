"""The estimator as published in 2013: `estimator` has the two verbs of `defocus.estimate`, `search` its candidates."""

from __future__ import annotations

__all__ = ["estimator", "search"]
