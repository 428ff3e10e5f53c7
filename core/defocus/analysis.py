"""The whole job in stages: measure the local evidence once, then draw maps and masks from it as often as wanted."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from defocus.errors import InputError
from defocus.image import Picture, as_picture
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters
from defocus.progress import ignore_progress, sub_progress
from defocus.psf import PSF, psf_from_name

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from defocus.progress import Progress

__all__ = ["Analysis", "analyze", "blur_map", "focus_mask"]

_RADIUS_STEP = 0.1


def _interpolate(values, rows, columns, shape):
    """Linear interpolation of samples at (rows, columns) to every pixel."""
    y = np.clip(np.interp(np.arange(shape[0]), rows, np.arange(len(rows))), 0, len(rows) - 1)
    x = np.clip(np.interp(np.arange(shape[1]), columns, np.arange(len(columns))), 0, len(columns) - 1)
    y0 = np.minimum(y.astype(int), max(len(rows) - 2, 0))
    x0 = np.minimum(x.astype(int), max(len(columns) - 2, 0))
    y1, x1 = np.minimum(y0 + 1, len(rows) - 1), np.minimum(x0 + 1, len(columns) - 1)
    fy, fx = (y - y0)[:, None].astype(np.float32), (x - x0)[None].astype(np.float32)
    top = values[y0][:, x0] * (1 - fx) + values[y0][:, x1] * fx
    bottom = values[y1][:, x0] * (1 - fx) + values[y1][:, x1] * fx
    return (top * (1 - fy) + bottom * fy).astype(np.float32)


@dataclass(frozen=True)
class Analysis:
    """Local evidence for every blur radius; makes maps and masks without measuring again."""

    picture: Picture
    parameters: AnalysisParameters
    noise_variance: float
    radii: NDArray[np.float64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    cost: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in px."""
        return self.picture.shape

    @property
    def max_radius(self) -> float:
        """Largest radius looked for in px."""
        return float(self.radii[-1])

    @property
    def threshold(self) -> float:
        """The radius in px that ``threshold="auto"`` means for this picture."""
        return 2.0

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """How much evidence each pixel had, float32 (H, W) in [0, 1]."""
        spread = 1 - np.exp(-(self.cost.mean(axis=2) - self.cost.min(axis=2)) / 10)
        return _interpolate(spread, self.rows, self.columns, self.shape)

    def blur_map(
        self, parameters: MapParameters | None = None, *, progress: Progress = ignore_progress, **changes: Any
    ) -> NDArray[np.float32]:
        """Return the blur radius of every pixel, float32 (H, W), disc radius in px."""
        chosen = dataclasses.replace(parameters or MapParameters(), **changes)
        from defocus import labeling

        color = self.picture.color[np.ix_(self.rows, self.columns)]
        weights = labeling.contrast_weights(color, 3 * chosen.smoothness, 0.1 / chosen.edge_sensitivity)
        labels = labeling.coherent_labels(self.cost, weights, progress=progress)
        return _interpolate(self.radii[labels].astype(np.float32), self.rows, self.columns, self.shape)

    def focus_mask(
        self,
        parameters: MaskParameters | None = None,
        *,
        in_focus: ArrayLike | None = None,
        blurred: ArrayLike | None = None,
        progress: Progress = ignore_progress,
        **changes: Any,
    ) -> NDArray[np.bool_] | NDArray[np.float32]:
        """Return the in-focus mask, bool (H, W), or float32 in [0, 1] where softness is asked for."""
        chosen = dataclasses.replace(parameters or MaskParameters(), **changes)
        from defocus import grid_cut, labeling

        progress(0.0, "cutting the mask")
        threshold = self.threshold if chosen.threshold == "auto" else float(chosen.threshold)
        sharp = self.radii <= threshold + 1e-9
        cost_focus = self.cost[..., sharp].min(axis=2)
        cost_blur = self.cost[..., ~sharp].min(axis=2) if not sharp.all() else np.full_like(cost_focus, 1e3)
        difference = _interpolate(cost_blur - cost_focus, self.rows, self.columns, self.shape)
        for hint, sign in ((in_focus, 1.0), (blurred, -1.0)):
            if hint is None:
                continue
            where = np.asarray(hint, bool)
            if where.shape != self.shape:
                raise InputError(f"a hint of shape {where.shape} for a picture of {self.shape}")
            difference[where] = sign * 1e6
        weights = labeling.contrast_weights(
            self.picture.color, 30 * chosen.smoothness, 0.04 / chosen.edge_sensitivity
        )
        mask = grid_cut.minimum_cut(np.maximum(difference, 0), np.maximum(-difference, 0), weights)
        progress(1.0, "cutting the mask")
        if chosen.softness == 0:
            return mask
        return mask.astype(np.float32)


def analyze(
    image: ArrayLike | Picture,
    parameters: AnalysisParameters | None = None,
    *,
    progress: Progress = ignore_progress,
    **changes: Any,
) -> Analysis:
    """Measure the evidence for each blur radius at every pixel."""
    from defocus.likelihood import local_energies, profile_likelihood
    from defocus.spectrum import blur_spectra, gabor_bank

    chosen = dataclasses.replace(parameters or AnalysisParameters(), **changes)
    picture = as_picture(image)
    height, width = picture.shape
    if min(height, width) < chosen.window:
        raise InputError(
            f"{picture.source}: {width} x {height} px is smaller than the analysis window of {chosen.window} px"
        )
    psf = chosen.psf if isinstance(chosen.psf, PSF) else psf_from_name(chosen.psf, chosen.blades, chosen.rotation)
    top = 8.0 if chosen.max_radius == "auto" else float(chosen.max_radius)
    radii = np.arange(round(top / _RADIUS_STEP) + 1) * _RADIUS_STEP
    spectra = blur_spectra(gabor_bank(chosen.window), psf, radii)
    spacing = max(1, round(math.sqrt(height * width / 80_000))) if chosen.spacing == "auto" else int(chosen.spacing)
    rows, columns = np.arange(spacing // 2, height, spacing), np.arange(spacing // 2, width, spacing)
    noise = 1e-4 if chosen.noise == "auto" else float(chosen.noise)
    energies = local_energies(picture.luminance, spectra, rows, columns, progress=sub_progress(progress, 0, 0.3))
    profile, scale = profile_likelihood(energies, spectra, noise, progress=sub_progress(progress, 0.3, 1))
    cost = profile - scale
    cost -= cost.min(axis=2, keepdims=True)
    return Analysis(picture, chosen, noise, radii, rows, columns, np.minimum(cost, 46.0))


def blur_map(image: ArrayLike | Picture, **changes: Any) -> NDArray[np.float32]:
    """Return the blur radius of every pixel of a picture, float32 (H, W), disc radius in px."""
    return analyze(image, **changes).blur_map()


def focus_mask(image: ArrayLike | Picture, **changes: Any) -> NDArray[np.bool_] | NDArray[np.float32]:
    """Return the in-focus mask of a picture."""
    return analyze(image).focus_mask(**changes)
