"""Point spread functions: what blur looks like, how it is measured, and what it does to a picture.

`families` holds the shapes that can be chosen by name, `calibration` and `spot` measure one from pictures of a point
light, `varying_blur` applies a blur that changes from pixel to pixel, `simulation` makes pictures with known answers.
"""

from __future__ import annotations

from defocus.psf.families import FAMILIES, PSF, DiscPSF, Family, GaussianPSF, PolygonPSF, SensorPSF, as_psf

__all__ = ["FAMILIES", "PSF", "DiscPSF", "Family", "GaussianPSF", "PolygonPSF", "SensorPSF", "as_psf"]
