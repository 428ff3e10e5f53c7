"""Layers: what is read from a viewer and what is put into it.

`source` is the picture that a layer shows, `results` updates or adds layers beside it, `hints` reads what was painted,
`export` writes files, `samples` makes what File > Open Sample offers.
"""

from __future__ import annotations

__all__ = ["export", "hints", "results", "samples", "source"]
