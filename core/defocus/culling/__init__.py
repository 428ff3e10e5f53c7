"""Culling: how sharp a picture's sharpest part is, where it lies, what went wrong; bursts and folders."""

from __future__ import annotations

from defocus.culling.sharpness import Sharpness, sharpness, sharpness_of_file

__all__ = ["Sharpness", "sharpness", "sharpness_of_file"]
