"""Pictures: arrays and files in and out, and the step between pixels and samples.

`picture` turns arrays and files into a `Picture`, `files` and `png` write results whole or not at all, `sampling` goes
between the pixel grid and the grid of samples, `render` and `preview` draw results for people.
"""

from __future__ import annotations

from defocus.pictures.picture import Picture, as_picture, load_image

__all__ = ["Picture", "as_picture", "load_image"]
