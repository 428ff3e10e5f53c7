"""Another name of `defocus.psf.calibration`, where lenses are measured."""

from __future__ import annotations

from defocus.psf.calibration import CalibratedPSF, calibrate, load_psf

__all__ = ["CalibratedPSF", "calibrate", "load_psf"]
