"""Answer: what is known of each sample's radius; map, mask, threshold and confidence are readings of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from defocus.answer.boundary import CutGrid, WarmCut, boundary_weights
from defocus.answer.confidence import confidence_features, costs_around, probability_right
from defocus.answer.features import prior_features, size_scale
from defocus.answer.network import CENTERS, learned_prior, radius_shares
from defocus.answer.radii import (
    Learned,
    Samples,
    coherent_radii,
    likelihood_costs,
    surface_radii,
    two_sided_radii,
)
from defocus.answer.threshold import Threshold, absolute_threshold, nearly_chosen, parting_threshold
from defocus.evidence.octaves import LEAST_SAMPLES
from defocus.evidence.radii import OFFSET
from defocus.evidence.validity import mean_at
from defocus.parameters import MapParameters, MaskParameters
from defocus.pictures.sampling import cell_means, interpolate, interpolate_along_edges
from defocus.progress import ignore_progress, sub_progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from defocus.evidence import Evidence
    from defocus.pictures.kind import Kind
    from defocus.pictures.picture import Picture
    from defocus.pictures.stretched import Stretched
    from defocus.progress import Progress
    from defocus.tuning import Tuning

__all__ = ["Answer"]

_HALF = 0.5  # of what lies around is known: so is what lies between
_STAGE = "finding the radius of every surface"
_BEYOND = 1.25  # times the threshold is the radius of what was marked as blurred: no effect takes it for a close call
_TIE = 1e-3  # px: what has just the radius of the threshold is in focus


def _nearest(places: NDArray[np.floating], size: int) -> NDArray[np.int64]:
    """Return the nearest place of each of `size` samples, int64 (size,)."""
    return np.abs(np.arange(size)[:, np.newaxis] - places).argmin(axis=1)


@dataclass
class Answer:
    """What is known of the blur of one picture.

    Attributes
    ----------
    seen : Stretched
        The picture as it was measured.
    evidence : Evidence
    kind : {"photograph", "fluorescence", "brightfield"}
        Only photographs have a learned prior.
    tuning : Tuning
    kind_probability : float, optional
        That the picture is of that kind.
    """

    seen: Stretched
    evidence: Evidence
    kind: Kind
    tuning: Tuning
    kind_probability: float = 1.0
    _coherent: dict[MapParameters, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    _maps: dict[MapParameters, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    _warm: WarmCut = field(default_factory=WarmCut, repr=False)

    @cached_property
    def picture(self) -> Picture:
        """The picture that boundaries follow, as it came."""
        return self.seen.source

    @cached_property
    def sample_color(self) -> NDArray[np.float32]:
        """Mean colour around each sample, float32 (h, w, 3)."""
        return cell_means(self.picture.color, self.evidence.spacing)

    @cached_property
    def cut_grid(self) -> CutGrid:
        """Where masks are cut."""
        return CutGrid(self.picture.color, self.seen.gain, self.tuning)

    @cached_property
    def known_samples(self) -> NDArray[np.bool_]:
        """Which samples have windows that tell some radius from others, bool (h, w).

        Those of noise and of flat areas do not, nor do those that are mostly transparent, nor those that hold something
        saturated: what is cut off at the top looks sharper than it is.
        """
        return np.asarray(self._told_samples & (self._saturated_fraction <= self.tuning.evidence.most_saturated))

    @property
    def judged_samples(self) -> NDArray[np.bool_]:
        """Which samples have a confidence above 0, bool (h, w).

        What is saturated or mostly transparent has none, nor has the ground of fluorescence, nor anything where there
        is no evidence at all; flat areas have some, as far as their surroundings tell their radius.
        """
        evidence, tuning = self.evidence, self.tuning.evidence
        if not self.has_evidence or self.kind == "fluorescence":
            return self.known_samples
        clear = evidence.valid_fraction >= tuning.least_valid
        return np.asarray(clear & (self._saturated_fraction <= tuning.most_saturated))

    @cached_property
    def _told_samples(self) -> NDArray[np.bool_]:
        """The same whether or not something is saturated."""
        tuning, evidence = self.tuning.evidence, self.evidence
        return np.asarray(evidence.tells(tuning.evidence_nats) & (evidence.valid_fraction >= tuning.least_valid))

    @cached_property
    def _saturated_fraction(self) -> NDArray[np.float32]:
        """Part of each window that is saturated, float32 (h, w)."""
        if self.seen.saturated is None:
            return np.zeros(self.evidence.shape, np.float32)
        window = self.evidence.spectra.bank.window
        return mean_at(self.seen.saturated.astype(np.float32), window, self.evidence.rows, self.evidence.columns)

    @property
    def saturated_share(self) -> float:
        """Part of the pixels that are as bright as the picture can be, in [0, 1]."""
        return 0.0 if self.seen.saturated is None else float(self.seen.saturated.mean())

    @cached_property
    def has_evidence(self) -> bool:
        """Whether any window tells some radius from others."""
        return int(np.count_nonzero(self._told_samples)) >= LEAST_SAMPLES

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Which pixels have windows that tell their blur, bool (H, W); of fluorescence only what shines."""
        evidence = self.evidence
        if evidence.shining is None:
            return self.at_pixels(self.known_samples.astype(np.float32)) >= _HALF
        return self._bodies(self.known_samples, evidence.shining)

    @cached_property
    def likelihood(self) -> NDArray[np.float32]:
        """What each radius costs each sample by its windows alone, float32 (h, w, R) in nats."""
        return likelihood_costs(self.evidence, self.tuning.map)

    @cached_property
    def learned(self) -> Learned:
        """What the learned prior says of every sample."""
        prior, evidence = self.tuning.prior, self.evidence
        features, step = prior_features(evidence, self.seen.picture.luminance, prior)
        log_odds, log_probability = learned_prior(features, prior.path)
        rows, columns = (np.arange(count) * step + (step - 1) / 2 for count in log_odds.shape)
        shares = radius_shares(evidence.radii / size_scale(self.seen.picture.shape, prior))
        probability = np.exp(log_probability)
        fault = np.float32(self.tuning.map.prior_fault)
        costs = -np.log(np.moveaxis((1 - fault) * probability + fault / len(CENTERS), 0, 2)) @ shares.T
        near = (_nearest(places, size) for places, size in zip((rows, columns), evidence.shape, strict=True))
        sizes = np.tensordot(np.log(CENTERS + OFFSET).astype(np.float32), probability, 1)
        return Learned(
            interpolate(log_odds, rows, columns, evidence.shape),
            costs[np.ix_(*near)],
            interpolate(sizes, rows, columns, evidence.shape),
        )

    @property
    def log_odds(self) -> NDArray[np.float32] | None:
        """Learned log-odds that each sample is in focus, float32 (h, w); None for what is no photograph."""
        return self.learned.log_odds if self.kind == "photograph" and self.has_evidence else None

    @cached_property
    def auto(self) -> Threshold:
        """The radius up to which things count as in focus unless somebody says another."""
        radii, tuning = self.evidence.radii, self.tuning
        if not self.has_evidence:
            return Threshold(
                min(tuning.threshold.usual, float(radii[-1])), "no evidence: nothing is known to be in focus"
            )
        if self.log_odds is None:
            usual = tuning.fluorescence.usual_threshold if self.kind == "fluorescence" else tuning.threshold.usual
            return absolute_threshold(usual, radii)
        scale = size_scale(self.seen.picture.shape, tuning.prior)
        return parting_threshold(self.log_odds, self.likelihood, radii, scale, tuning.threshold)

    @cached_property
    def other_threshold(self) -> float | None:
        """A radius in px that was nearly chosen instead and gives another mask; None if it was no close call."""
        if self.log_odds is None:
            return None
        return nearly_chosen(self.log_odds, self.sample_radii(), self.auto.radius, self.tuning.threshold)

    def sample_radii(
        self, parameters: MapParameters | None = None, progress: Progress = ignore_progress
    ) -> NDArray[np.float32]:
        """Return the radius at each sample, float32 (h, w) in px: the one field that all else reads."""
        chosen = parameters or MapParameters()
        if not self.has_evidence:
            return np.full(self.evidence.shape, self.evidence.radii[-1], np.float32)
        if chosen not in self._coherent:
            progress(0.0, _STAGE)
            color = self.sample_color * np.float32(self.seen.gain)  # contrasts are those of the stretched picture
            samples = Samples(self.evidence, color, self.picture.shape)
            if self.log_odds is None:
                found = coherent_radii(self.likelihood, samples, chosen, self.tuning, progress)
            else:
                progress(0.3, _STAGE)
                found = surface_radii(self.likelihood, self.learned, samples, chosen, self.tuning)
                progress(0.9, _STAGE)
                found = two_sided_radii(found, self.log_odds, self.auto.radius, self.tuning.map)
            if len(self._coherent) > 1:  # the default and the last one
                self._coherent.pop(list(self._coherent)[-1])
            self._coherent[chosen] = found
        return self._coherent[chosen]

    def radius(
        self,
        parameters: MapParameters,
        hints: NDArray[np.int8] | None = None,
        progress: Progress = ignore_progress,
    ) -> NDArray[np.float32]:
        """Return the blur radius of every pixel, float32 (H, W) in px.

        Parameters
        ----------
        parameters : MapParameters
        hints : int8 (H, W), optional
            From `defocus.answer.boundary.checked_hints`. What the mask gains by them has at most the radius of the
            automatic threshold, what it loses more than that.
        progress : callable, optional
        """
        result = self._drawn(parameters, progress).copy()
        self._move(result, hints)
        progress(1.0, "drawing the map")
        return result

    def _move(self, radius: NDArray[np.float32], hints: NDArray[np.int8] | None) -> None:
        """Move a map to where hints move the mask, in place."""
        if hints is None or not hints.any():
            return
        chosen = MaskParameters()
        before, after = self.mask(chosen, np.zeros_like(hints)), self.mask(chosen, hints)
        gained, lost = (after & ~before) | (hints > 0), (before & ~after) | (hints < 0)
        radius[gained] = np.minimum(radius[gained], np.float32(self.auto.radius))
        radius[lost] = np.maximum(radius[lost], np.float32(self.auto.radius * _BEYOND))

    def _drawn(self, parameters: MapParameters, progress: Progress = ignore_progress) -> NDArray[np.float32]:
        """Return the map of some parameters; the default one is kept, as masks are cut from it."""
        progress(0.0, _STAGE)
        if parameters in self._maps:
            return self._maps[parameters]
        result = interpolate_along_edges(
            self.sample_radii(parameters, sub_progress(progress, 0, 0.4)),
            self.picture.color,
            self.sample_color,
            self.evidence.rows,
            self.evidence.columns,
            self.tuning.map.edge_scale / (parameters.edge_sensitivity * self.seen.gain),
            progress=sub_progress(progress, 0.4, 1),
        )
        if parameters == MapParameters() and self.cut_grid.step == 1:
            self._maps[parameters] = result
        return result

    @cached_property
    def _grid_radius(self) -> NDArray[np.float32]:
        """The default map on the grid on which masks are cut, float32 (H, W) in px."""
        grid, evidence = self.cut_grid, self.evidence
        if grid.step == 1:
            return self._drawn(MapParameters())
        return interpolate_along_edges(
            self.sample_radii(),
            grid.color,
            self.sample_color,
            evidence.rows // grid.step,
            evidence.columns // grid.step,
            self.tuning.map.edge_scale / self.seen.gain,
        )

    def mask(
        self, parameters: MaskParameters, hints: NDArray[np.int8], progress: Progress = ignore_progress
    ) -> NDArray[np.bool_]:
        """Return which pixels are in focus: where the map is at most the threshold, but for its boundary's raggedness.

        Parameters
        ----------
        parameters : MaskParameters
        hints : int8 (H, W)
            From `defocus.answer.boundary.checked_hints`.
        progress : callable, optional

        Returns
        -------
        bool (H, W)
        """
        progress(0.0, "cutting the mask")
        grid = self.cut_grid
        threshold = self.auto.radius if parameters.threshold == "auto" else float(parameters.threshold)
        wanted = self._preference(threshold)
        grid.bind(wanted, hints)
        chosen = parameters.smoothness, parameters.edge_sensitivity * self.seen.gain
        fine = self._warm.cut(
            wanted,
            lambda: boundary_weights(grid.color, *chosen, self.tuning),
            chosen,
            sub_progress(progress, 0.4, 0.65 if grid.step > 1 else 1),
        )
        return grid.at_full_size(fine, hints, sub_progress(progress, 0.65, 1))

    def _preference(self, threshold: float) -> NDArray[np.float32]:
        """Return how much each cell of the cut's grid prefers being in focus, float32 (H, W) in nats.

        Never falls as the threshold rises. Nothing is in focus where there is no evidence at all, and nothing of the
        ground of fluorescence; what is cut off there is as its surroundings are. All is up to the largest radius.
        """
        radius, tuning = self._grid_radius, self.tuning.mask
        if not self.has_evidence:
            return np.full(radius.shape, -tuning.clip, np.float32)
        if threshold >= self.evidence.radii[-1] - _TIE:
            return np.full(radius.shape, tuning.clip, np.float32)
        wanted = np.log((threshold + _TIE + OFFSET) / (radius + np.float32(OFFSET)))
        sides = wanted / (np.abs(wanted) + np.float32(tuning.near))
        wanted = np.clip(
            wanted * np.float32(tuning.certainty) + sides * np.float32(tuning.least), -tuning.clip, tuning.clip
        )
        if self._grid_ground is not None:
            wanted[self._grid_ground] = -self.tuning.fluorescence.ground_nats
        return np.asarray(wanted, np.float32)

    @cached_property
    def _grid_ground(self) -> NDArray[np.bool_] | None:
        """Which cells of the cut's grid are ground of fluorescence, whatever the threshold, bool (H, W); or None."""
        shining, cut_off = self.evidence.shining, self.evidence.cut_off
        if shining is None or cut_off is None:
            return None
        samples = self.known_samples | self.evidence.at_samples(cut_off)
        return ~self._bodies(samples, shining | cut_off, self.cut_grid.step)

    def _bodies(self, samples: NDArray[np.bool_], shining: NDArray[np.bool_], step: int = 1) -> NDArray[np.bool_]:
        """Return which pixels shine where at least half of the shining samples around are some of these.

        Samples may lie farther apart than a body is wide, so its outline is that of its light.

        Parameters
        ----------
        samples : bool (h, w)
        shining : bool (H, W)
        step : int
            Side in px of the cells that are asked for.

        Returns
        -------
        bool (H, W), of such cells
        """
        rows, columns = self.evidence.rows, self.evidence.columns
        cells = shining if step == 1 else cell_means(shining.astype(np.float32), step) >= _HALF
        around, chosen = (
            interpolate(here.astype(np.float32), rows / step, columns / step, cells.shape)
            for here in (self.evidence.at_samples(shining), samples)
        )
        return np.asarray(cells & (around > 0) & (chosen >= _HALF * around))

    def confidence_features(self, parameters: MapParameters | None = None) -> NDArray[np.float32]:
        """Return what the confidence of each sample is made from, float32 (h, w, 15)."""
        learned = None if self.log_odds is None else self.learned.costs
        evidence, tuning = self.evidence, self.tuning.confidence
        across = round(tuning.around * evidence.spectra.bank.size / evidence.spacing) | 1
        around = costs_around(self.likelihood, self.judged_samples, max(across, 3))
        return confidence_features(
            self.likelihood, around, learned, self.sample_radii(parameters), evidence.radii, tuning
        )

    def confidence(self, parameters: MapParameters | None = None) -> NDArray[np.float32]:
        """Return how sure the map is, float32 (H, W) in [0, 1]: the probability of being right to 0.3 px."""
        kind = "fluorescence_disc" if self.evidence.told_disc else self.kind
        sure = probability_right(self.confidence_features(parameters), kind, self.tuning.confidence)
        sure[~self.judged_samples] = 0
        if self.evidence.shape_doubt:
            sure *= np.float32(self.tuning.confidence.doubted)
        sure *= np.float32(self.kind_probability)  # by another kind it would be another radius
        if self.evidence.shining is None:
            return self.at_pixels(sure)
        # The ground has none, and takes none from bodies that lie between samples
        around = self.at_pixels(self.known_samples.astype(np.float32))
        return np.divide(self.at_pixels(sure), around, out=np.zeros_like(around), where=self.known)

    def at_pixels(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return samples' values, float32 (h, w), interpolated linearly to every pixel, float32 (H, W)."""
        return interpolate(values, self.evidence.rows, self.evidence.columns, self.picture.shape)
