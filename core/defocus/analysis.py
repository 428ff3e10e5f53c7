"""The whole job in stages: measure the local evidence once, then draw maps and masks from it as often as wanted."""

from __future__ import annotations

import dataclasses
import itertools
import math
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from defocus.errors import InputError
from defocus.evidence import Evidence, local_evidence, usual_spacing
from defocus.image import Picture, as_picture
from defocus.parameters import AnalysisParameters, MapParameters, MaskParameters
from defocus.progress import ignore_progress, sub_progress
from defocus.psf import as_psf
from defocus.resample import cell_means, interpolate, interpolate_along_edges

if TYPE_CHECKING:
    from typing import Any

    from _typeshed import DataclassInstance
    from numpy.typing import ArrayLike, NDArray

    from defocus.progress import Progress
    from defocus.psf import PSF
    from defocus.segmentation import Recut

__all__ = ["Analysis", "analyze", "blur_map", "focus_mask"]

_Parameters = TypeVar("_Parameters", bound="DataclassInstance")

_MAP_EDGE_SCALE = 0.1  # sigma_lambda of equation (16)
_MAP_SMOOTHNESS = 2.0  # per label, on samples the usual distance apart
_WIDE_SMOOTHNESS = 1.6  # times that where there are wide windows, which all samples around share
_USUAL_SAMPLES = 17_000
_COARSE_TIE = 1.25  # two cells of n x n samples touch along n; colours differ less between cells than between samples
_MAP_CLIP = 46.0  # nats: no window is surer than 1 in 10^20
_WIDE = 0.3  # what windows of twice the width count in the map
_SPARSITY = 0.3  # strength of the prior that most of a picture has little contrast
_TEMPER = 0.25  # energies of one window are correlated, so its log-likelihood counts its data several times
_SURE = 1e6  # nats of a hint
_VOTERS = 20_000  # samples that choose the threshold
_FULL_CUT = 600_000  # pixels up to which the mask is cut at full size
_MASK_EDGE_SCALE = 0.05  # colour difference that carries the boundary from there to the full-size picture


@dataclasses.dataclass(frozen=True)
class Analysis:
    """Local evidence of one picture; draws maps and masks from it without measuring again.

    Made by `analyze`.

    Attributes
    ----------
    picture : Picture
        What was analysed.
    parameters : AnalysisParameters
    evidence : Evidence
        How well every radius explains every sample's surroundings.
    """

    picture: Picture
    parameters: AnalysisParameters
    evidence: Evidence

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in px."""
        return self.picture.shape

    @property
    def max_radius(self) -> float:
        """Largest radius looked for, in px."""
        return float(self.evidence.radii[-1])

    @property
    def psf(self) -> PSF:
        """Shape of the blur, without the sensor's."""
        return as_psf(self.parameters.psf, self.parameters.blades, self.parameters.rotation)

    @property
    def noise_variance(self) -> float:
        """Noise variance that was used, for intensities in [0, 1]."""
        return self.evidence.noise_variance

    @cached_property
    def _sample_color(self) -> NDArray[np.float32]:
        return cell_means(self.picture.color, self.evidence.spacing)

    @cached_property
    def _map_costs(self) -> NDArray[np.float32]:
        cost = self.evidence.profile + np.float32(_SPARSITY) * self.evidence.log_variance
        if self.evidence.wide is not None:
            wide = np.float32(_WIDE) * self.evidence.wide
            for y, x in itertools.product((0, 1), (0, 1)):
                part = cost[y::2, x::2]
                part += wide[: part.shape[0], : part.shape[1]]
        cost -= cost.min(axis=2, keepdims=True)
        return np.minimum(cost, np.float32(_MAP_CLIP), out=cost)

    @cached_property
    def _focus_cost(self) -> NDArray[np.float32]:
        from defocus.segmentation import focus_cost

        return focus_cost(self.evidence.profile, self.evidence.log_variance)

    @cached_property
    def _recut(self) -> Recut:
        from defocus.segmentation import Recut

        return Recut()

    @cached_property
    def _thresholds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from defocus.segmentation import coarse_weights, probable_thresholds

        evidence, color = self.evidence, self._sample_color
        # The vote needs many cuts, but no fine boundaries: every second sample will do where there are many
        step = max(1, round(math.sqrt(color.shape[0] * color.shape[1] / _VOTERS)))
        return probable_thresholds(
            self._focus_cost[::step, ::step],
            evidence.radii,
            coarse_weights(np.ascontiguousarray(color[::step, ::step]), 1.0, 1.0),
            math.hypot(*self.shape),
        )

    @property
    def threshold(self) -> float:
        """The radius in px that ``threshold="auto"`` means for this picture: the mean of its probable thresholds."""
        if self.parameters.method == "paper":
            return 2.0
        thresholds, probabilities = self._thresholds
        return float(thresholds @ probabilities)

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """How sure the blur map is, float32 (H, W) in [0, 1].

        The share of each pixel's posterior probability that lies within 0.3 px of its radius in the default map. Flat
        and transparent areas have little.
        """
        evidence = self.evidence
        radius = self._sample_map(MapParameters(), ignore_progress)
        probability = np.exp(np.float32(-_TEMPER) * self._map_costs)
        near = np.abs(evidence.radii.astype(np.float32) - radius[..., np.newaxis]) <= 0.3
        share = (probability * near).sum(axis=2) / probability.sum(axis=2)
        share[evidence.share < 0.5] = 0
        return interpolate(share, evidence.rows, evidence.columns, self.shape)

    def _sample_map(self, parameters: MapParameters, progress: Progress) -> NDArray[np.float32]:
        """Radius in px at each sample."""
        from defocus.labeling import coherent_labels, contrast_weights
        from defocus.refinement import refined_labels

        evidence, costs, color = self.evidence, self._map_costs, self._sample_color
        edge_scale = _MAP_EDGE_SCALE / parameters.edge_sensitivity
        # A finer grid has more samples to an area than to a boundary
        smoothness = parameters.smoothness * _MAP_SMOOTHNESS * usual_spacing(self.shape) / evidence.spacing
        if evidence.wide is not None:
            smoothness *= _WIDE_SMOOTHNESS
        # Which radius an area has shows on a coarse grid; where exactly it ends, on all samples
        step = max(2, round(2 * math.sqrt(math.prod(evidence.shape) / _USUAL_SAMPLES)))
        rows, columns = (np.arange(0, size, step) for size in evidence.shape)
        summed = np.add.reduceat(np.add.reduceat(costs, rows, axis=0), columns, axis=1)
        weights = contrast_weights(cell_means(color, step), _COARSE_TIE * step * smoothness, edge_scale)
        labels = coherent_labels(summed, weights, progress=progress)
        labels = labels.repeat(step, axis=0).repeat(step, axis=1)[: evidence.shape[0], : evidence.shape[1]]
        found = refined_labels(costs, labels, contrast_weights(color, smoothness, edge_scale))
        return np.interp(found, np.arange(len(evidence.radii)), evidence.radii).astype(np.float32)

    def blur_map(
        self, parameters: MapParameters | None = None, *, progress: Progress = ignore_progress, **changes: Any
    ) -> NDArray[np.float32]:
        """Return the blur radius of every pixel.

        Parameters
        ----------
        parameters : MapParameters, optional
        progress : callable, optional
        **changes
            Fields of `MapParameters` that differ from `parameters`.

        Returns
        -------
        float32 (H, W)
            Disc radius in px; 0 is in focus.
        """
        chosen = with_changes(parameters or MapParameters(), changes)
        if self.parameters.method == "paper":
            from defocus.paper import coherent_map

            return coherent_map(self.picture, self.evidence, chosen, progress=progress)
        radius = self._sample_map(chosen, sub_progress(progress, 0, 0.4))
        result = interpolate_along_edges(
            radius,
            self.picture.color,
            self._sample_color,
            self.evidence.rows,
            self.evidence.columns,
            _MAP_EDGE_SCALE / chosen.edge_sensitivity,
            progress=sub_progress(progress, 0.4, 1),
        )
        progress(1.0, "drawing the map")
        return result

    def focus_mask(
        self,
        parameters: MaskParameters | None = None,
        *,
        in_focus: ArrayLike | None = None,
        blurred: ArrayLike | None = None,
        progress: Progress = ignore_progress,
        **changes: Any,
    ) -> NDArray[np.bool_] | NDArray[np.float32]:
        """Return the in-focus mask.

        Parameters
        ----------
        parameters : MaskParameters, optional
        in_focus, blurred : bool (H, W), optional
            Pixels that surely are in focus, and surely are not: hard constraints, as from brush strokes.
        progress : callable, optional
        **changes
            Fields of `MaskParameters` that differ from `parameters`.

        Returns
        -------
        bool (H, W)
            True in focus; with softness, float32 (H, W) in [0, 1] instead.

        Raises
        ------
        InputError
            If a hint has another shape than the picture, or the hints contradict each other.
        """
        chosen = with_changes(parameters or MaskParameters(), changes)
        hints = self._hints(in_focus, blurred)
        progress(0.0, "cutting the mask")
        if self.parameters.method == "paper":
            from defocus.paper import focus_preference_of

            threshold = self.threshold if chosen.threshold == "auto" else float(chosen.threshold)
            preference = focus_preference_of(self.evidence, threshold)
            mask = self._cut_full(preference, None, hints, chosen, sub_progress(progress, 0, 0.9))
        else:
            preference = self._preference(chosen)
            coarse = self._cut_samples(preference, chosen)
            progress(0.3, "cutting the mask")
            mask = self._cut_full(preference, coarse, hints, chosen, sub_progress(progress, 0.3, 0.9))
        progress(0.9, "cutting the mask")
        if chosen.softness == 0:
            progress(1.0, "cutting the mask")
            return mask
        from defocus.matte import soft_edge

        matte = soft_edge(mask, self.picture.color, chosen.softness)
        matte[hints > 0] = 1
        matte[hints < 0] = 0
        progress(1.0, "softening the edge")
        return matte

    def _hints(self, in_focus: ArrayLike | None, blurred: ArrayLike | None) -> NDArray[np.int8]:
        """+1 surely in focus, -1 surely not, 0 unknown."""
        hints = np.zeros(self.shape, np.int8)
        for name, hint, sign in (("in-focus", in_focus, 1), ("blurred", blurred, -1)):
            if hint is None:
                continue
            where = np.asarray(hint, bool)
            if where.shape != self.shape:
                raise InputError(f"the {name} hint has shape {where.shape}, the picture {self.shape}")
            if (hints[where] == -sign).any():
                raise InputError("some pixels are hinted both in focus and blurred")
            hints[where] = sign
        return hints

    def _preference(self, chosen: MaskParameters) -> NDArray[np.float32]:
        """How much each sample prefers being in focus, in nats."""
        from defocus.segmentation import focus_preference

        evidence = self.evidence
        if chosen.threshold == "auto":
            thresholds, probabilities = self._thresholds
        else:
            thresholds, probabilities = np.array([float(chosen.threshold)]), np.ones(1)
        result = np.zeros(evidence.shape, np.float32)
        for threshold, probability in zip(thresholds, probabilities, strict=True):
            if probability > 0.01:
                result += np.float32(probability) * focus_preference(self._focus_cost, evidence.radii, threshold)
        result[evidence.share < 0.5] = 0
        return result

    def _cut_samples(self, preference: NDArray[np.float32], chosen: MaskParameters) -> NDArray[np.bool_]:
        """Cut on the grid of samples; a second and third time with what the first says of colours."""
        from defocus.segmentation import coarse_weights, color_preference, cut

        weights = coarse_weights(self._sample_color, chosen.smoothness, chosen.edge_sensitivity)
        mask = cut(preference, weights)
        for _ in range(2):
            mask = cut(preference + color_preference(self._sample_color, self._sample_color, mask), weights)
        return mask

    def _cut_full(
        self,
        preference: NDArray[np.float32],
        coarse: NDArray[np.bool_] | None,
        hints: NDArray[np.int8],
        chosen: MaskParameters,
        progress: Progress,
    ) -> NDArray[np.bool_]:
        """Cut at full size, on large pictures at about a megapixel and then along the full-size picture's edges."""
        from defocus.segmentation import coarse_weights, color_preference

        evidence, color = self.evidence, self.picture.color
        step = max(1, math.ceil(math.sqrt(self.shape[0] * self.shape[1] / _FULL_CUT)))
        small = color if step == 1 else cell_means(color, step)
        rows, columns = evidence.rows / step, evidence.columns / step
        wanted = interpolate(preference, rows, columns, small.shape[:2])
        if coarse is not None:
            wanted += color_preference(small, self._sample_color, coarse)
        if hints.any():
            sure = cell_means(hints.astype(np.float32), step)
            wanted[sure != 0] = np.sign(sure[sure != 0]) * np.float32(_SURE)

        def weights() -> NDArray[np.float32]:
            if self.parameters.method == "paper":
                from defocus.paper import cut_weights

                return cut_weights(small, chosen)
            return coarse_weights(small, chosen.smoothness, chosen.edge_sensitivity)

        made_for = chosen.smoothness, chosen.edge_sensitivity
        mask = self._recut.cut(wanted, weights, made_for, sub_progress(progress, 0.1, 0.5 if step > 1 else 1))
        if step > 1:
            rows, columns = (
                np.minimum(np.arange(count) * step + step // 2, size - 1)
                for count, size in zip(mask.shape, self.shape, strict=True)
            )
            near = mask.astype(np.float32)
            finish = sub_progress(progress, 0.5, 1)
            mask = interpolate_along_edges(near, color, small, rows, columns, _MASK_EDGE_SCALE, progress=finish) > 0.5
            mask[hints > 0] = True
            mask[hints < 0] = False
        return mask


def with_changes(parameters: _Parameters, changes: dict[str, Any]) -> _Parameters:
    """Return a parameter object with some fields changed; an unknown field is an `InputError`."""
    known = {item.name for item in dataclasses.fields(parameters)}
    for name in changes:
        if name not in known:
            raise InputError(f"no parameter is called {name!r}: there are {', '.join(sorted(known))}")
    return dataclasses.replace(parameters, **changes)


def analyze(
    image: ArrayLike | Picture,
    parameters: AnalysisParameters | None = None,
    *,
    progress: Progress = ignore_progress,
    **changes: Any,
) -> Analysis:
    """Measure the evidence for each blur radius at every pixel: the expensive part, done once.

    Parameters
    ----------
    image : array_like (H, W) or (H, W, 1 to 4), or Picture
        See `defocus.as_picture`.
    parameters : AnalysisParameters, optional
    progress : callable, optional
        Called as ``progress(fraction, stage)``; raise from it to cancel.
    **changes
        Fields of `AnalysisParameters` that differ from `parameters`.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        If the image cannot be used, is smaller than the window, or a parameter is out of range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> analysis = analyze(rng.random((64, 80)))
    >>> analysis.blur_map().shape
    (64, 80)
    """
    chosen = with_changes(parameters or AnalysisParameters(), changes)
    picture = as_picture(image)
    return Analysis(picture, chosen, local_evidence(picture, chosen, progress=progress))


def blur_map(image: ArrayLike | Picture, **changes: Any) -> NDArray[np.float32]:
    """Return the blur radius of every pixel of a picture, float32 (H, W), disc radius in px.

    `changes` are fields of `AnalysisParameters` and `MapParameters`; see `analyze` and `Analysis.blur_map`.
    """
    ours, theirs = _split(changes)
    return analyze(image, **ours).blur_map(**theirs)


def focus_mask(image: ArrayLike | Picture, **changes: Any) -> NDArray[np.bool_] | NDArray[np.float32]:
    """Return the in-focus mask of a picture, bool (H, W), True in focus.

    `changes` are fields of `AnalysisParameters` and `MaskParameters`, and the hints `in_focus` and `blurred`; see
    `analyze` and `Analysis.focus_mask`.
    """
    ours, theirs = _split(changes)
    return analyze(image, **ours).focus_mask(**theirs)


def _split(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part keyword arguments into those of the analysis and those of the step after it."""
    names = {item.name for item in dataclasses.fields(AnalysisParameters)}
    return (
        {name: value for name, value in changes.items() if name in names},
        {name: value for name, value in changes.items() if name not in names},
    )
