"""The way into GIMP: `profiles` finds its folders, `install` copies the plug-in there, `doctor` checks it."""

from __future__ import annotations

__all__ = ["doctor", "install", "profiles"]
