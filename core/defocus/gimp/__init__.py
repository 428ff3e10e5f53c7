"""The way into GIMP: `profiles` finds its folders, `install` copies the plug-in there, `doctor` checks it.

`prepare` compiles what the worker needs, so that the first picture in GIMP takes seconds.
"""

from __future__ import annotations

__all__ = ["doctor", "install", "prepare", "profiles"]
