"""Limits: what files may claim and be called, for the rooms that read them and for those that offer them."""

from __future__ import annotations

__all__ = ["LENS_FILE", "MAX_PIXELS"]

LENS_FILE = ".npz"
"""What the name of a measured lens's file ends in."""

MAX_PIXELS = 500_000_000
"""Most pixels of a file that is read unless asked otherwise: above every camera's, below what a header may claim."""
