"""Keywords: the fields of the parameter classes as keyword arguments, so that help and type checkers know them.

What each means, its unit and its range stand in `defocus.parameters`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from defocus.psf import PSF

__all__ = [
    "AnalysisKeywords",
    "BlurMapKeywords",
    "FocusMaskKeywords",
    "MagnificationKeywords",
    "MapKeywords",
    "MaskKeywords",
    "RestorationKeywords",
]


class AnalysisKeywords(TypedDict, total=False):
    """Fields of `defocus.parameters.AnalysisParameters`."""

    kind: Literal["auto", "photograph", "fluorescence", "brightfield"]
    psf: str | PSF
    blades: int
    rotation: float
    obstruction: float
    sensor_blur: float
    noise: Literal["auto"] | float
    window: int
    max_radius: Literal["auto"] | float
    spacing: Literal["auto"] | int
    method: Literal["standard", "paper"]


class MapKeywords(TypedDict, total=False):
    """Fields of `defocus.parameters.MapParameters`."""

    smoothness: float
    edge_sensitivity: float
    unknown: Literal["drawn", "nan"]


class MaskKeywords(TypedDict, total=False):
    """Fields of `defocus.parameters.MaskParameters`."""

    threshold: Literal["auto"] | float
    edge_sensitivity: float
    smoothness: float
    softness: float


class BlurMapKeywords(AnalysisKeywords, MapKeywords, total=False):
    """Fields of both steps of `defocus.blur_map`."""


class FocusMaskKeywords(AnalysisKeywords, MaskKeywords, total=False):
    """Fields of both steps of `defocus.focus_mask`."""


class RestorationKeywords(TypedDict, total=False):
    """Fields of `defocus.parameters.RestorationParameters`."""

    strength: float
    iterations: int


class MagnificationKeywords(TypedDict, total=False):
    """Fields of `defocus.parameters.MagnificationParameters`."""

    strength: float
    threshold: Literal["auto"] | float
    focus_from: float
    focus_x: Literal["auto"] | float
    focus_y: Literal["auto"] | float
    bokeh_blades: int
    bokeh_rotation: float
    cats_eye: float
    highlights: float
    grain: float
