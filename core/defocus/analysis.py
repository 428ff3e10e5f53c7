"""Analysis: the evidence of one picture, measured once, and the maps and masks that are drawn from it."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from defocus.answer import Answer
from defocus.answer.boundary import checked_hints
from defocus.answer.matte import soft_edge
from defocus.errors import InputError
from defocus.evidence import Evidence, measured_evidence
from defocus.evidence.radii import octaves_and_radii, sample_spacing
from defocus.memory import require_memory
from defocus.paper.estimator import PublishedAnswer
from defocus.parameters import (
    AnalysisParameters,
    MapParameters,
    MaskParameters,
    split_changes,
    takes_fields,
    with_changes,
)
from defocus.pictures.kind import ToldKind, kind_of, told_kind
from defocus.pictures.picture import Picture, as_picture
from defocus.progress import ignore_progress, sub_progress
from defocus.tuning import TUNING, Tuning

if TYPE_CHECKING:
    from typing import Any, Unpack

    from numpy.typing import ArrayLike, NDArray

    from defocus.keywords import (
        AnalysisKeywords,
        BlurMapKeywords,
        FocusMaskKeywords,
        MapKeywords,
        MaskKeywords,
    )
    from defocus.pictures.kind import Kind
    from defocus.pictures.stretched import Stretched
    from defocus.progress import Progress
    from defocus.psf import PSF

__all__ = ["Analysis", "analyze", "blur_map", "focus_mask"]

_OPAQUE = 0.5
_RIM = 3  # px across, that a mask of fluorescence is widened by to meet the end of what is known
# Bytes that measuring and the least that can be drawn take, beside the picture; a third less than was seen
_OF_PIXEL, _OF_SAMPLE_AND_RADIUS = 8, 16


@dataclasses.dataclass(frozen=True)
class Analysis:
    """Local evidence of one picture; draws maps and masks from it without measuring again.

    Made by `analyze`.

    Attributes
    ----------
    picture : Picture
        What was analysed.
    parameters : AnalysisParameters
        With the kind and the blur shape that "auto" meant.
    evidence : Evidence
        How well every radius explains every sample's surroundings.
    tuning : Tuning
    seen : Stretched
        The picture as the evidence was measured.
    told_kind : ToldKind, optional
        What `kind="auto"` told of the picture; None if the kind was chosen.

    Examples
    --------
    >>> analysis = defocus.analyze(np.random.default_rng(0).random((96, 128)))
    >>> analysis
    <Analysis of the picture: 128 x 96 px, photograph, radii up to 8 px at every 2 px>
    >>> analysis.blur_map().shape, analysis.focus_mask(threshold=2.0).dtype
    ((96, 128), dtype('bool'))
    """

    picture: Picture
    parameters: AnalysisParameters
    evidence: Evidence
    tuning: Tuning
    seen: Stretched
    told_kind: ToldKind | None = None

    def __repr__(self) -> str:
        """Say what was analysed in one line; arrays would fill pages."""
        height, width = self.shape
        return (
            f"<Analysis of {self.picture.source}: {width} x {height} px, {self.kind}, "
            f"radii up to {self.max_radius:g} px at every {self.evidence.spacing} px>"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is made from the rest when it is asked for: some of it cannot be pickled."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in px."""
        return self.picture.shape

    @property
    def max_radius(self) -> float:
        """Largest radius looked for, in px."""
        return float(self.evidence.radii[-1])

    @property
    def kind(self) -> Kind:
        """What the picture was taken for; see `AnalysisParameters.kind`."""
        kind = self.parameters.kind
        return kind_of(self.picture) if kind == "auto" else kind

    @property
    def kind_doubt(self) -> str:
        """Why the picture may be of another kind, which would be read otherwise; empty where there is no such doubt."""
        return self.told_kind.doubt if self.told_kind else ""

    @property
    def psf(self) -> PSF:
        """Shape of the blur, without the sensor's."""
        return self.parameters.blur_shape()

    @property
    def noise_variance(self) -> float:
        """Noise variance that was used, for intensities in [0, 1]."""
        return self.evidence.noise_variance / self.seen.gain**2

    @property
    def threshold(self) -> float:
        """The radius in px that ``threshold="auto"`` means for this picture."""
        return self.answer.auto.radius

    @property
    def threshold_reason(self) -> str:
        """Why `threshold` is what it is, in one line."""
        return self.answer.auto.reason

    @property
    def other_threshold(self) -> float | None:
        """A radius in px that was nearly chosen instead and gives another mask; None if it was no close call."""
        return self.answer.other_threshold

    @property
    def saturated_share(self) -> float:
        """Part of the pixels, in [0, 1], that are as bright as the picture can be; they tell nothing of their blur."""
        return self.answer.saturated_share

    @property
    def shape_doubt(self) -> str:
        """Why the blur may have another shape, and then be of another size; empty where there is no such doubt."""
        return self.evidence.shape_doubt

    @property
    def has_evidence(self) -> bool:
        """Whether any pixel says something of its blur; in a flat picture none does."""
        return self.answer.has_evidence

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Which pixels have something to tell of their blur, bool (H, W).

        Noise, flat, saturated and transparent areas and frames have not; nor has the ground of fluorescence. What a
        map says of them follows from their surroundings, and for photographs from what was learned. It is kept,
        and cannot be written to.
        """
        return _read_only(self.answer.known)

    @cached_property
    def known_share(self) -> float:
        """Which part of the pixels is `known`, in [0, 1]; 0 if there is no evidence at all."""
        return float(self.known.mean()) if self.has_evidence else 0.0

    def share_of(self, mask: NDArray[Any]) -> float:
        """Return the mean of a mask or matte (H, W) where shares are taken.

        That is over the opaque pixels; in fluorescence, whose ground is no specimen, over those that are known. A
        boundary there follows the steepest light, while what is known ends a px farther out, with the light itself:
        that rim is as the mask is beside it.
        """
        counted = self.picture.alpha >= _OPAQUE if self.picture.alpha is not None else None
        if self.kind == "fluorescence":
            from scipy import ndimage

            counted, mask = self.known, ndimage.maximum_filter(mask, _RIM)
        return float(mask[counted].mean() if counted is not None and counted.any() else mask.mean())

    def share_at_end(self, radius: NDArray[Any]) -> float:
        """Return which part of what is known has the largest radius that was looked for, and so at least that.

        Parameters
        ----------
        radius : float (H, W)
            In px; a blur map.
        """
        known = radius[self.known] if self.has_evidence else np.zeros(0)
        return float((known >= self.max_radius - self.tuning.confidence.near).mean()) if known.size else 0.0

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """How sure the default blur map is, float32 (H, W) in [0, 1].

        The probability that the radius is right to 0.3 px. Flat and transparent areas have little, and so has a radius
        at the end of what was looked for, which is "at least". Where it is in doubt what kind of picture it is, it is
        that times the probability of the kind. It cannot be written to: it is kept.
        """
        return _read_only(self.answer.confidence())

    def map_confidence(self, parameters: MapParameters) -> NDArray[np.float32]:
        """Return how sure the map of some parameters is, as `confidence`; quick if that map was the last one drawn."""
        return self.answer.confidence(dataclasses.replace(parameters, unknown="drawn"))

    @cached_property
    def answer(self) -> Answer | PublishedAnswer:
        """What all that can be asked is read from: the one place that asks for the method."""
        made_from = self.seen, self.evidence, self.kind, self.tuning
        if self.parameters.method == "paper":
            return PublishedAnswer(*made_from)
        return Answer(*made_from, kind_probability=self.told_kind.probability if self.told_kind else 1.0)

    @takes_fields(MapParameters)
    def blur_map(
        self,
        parameters: MapParameters | None = None,
        *,
        in_focus: ArrayLike | None = None,
        blurred: ArrayLike | None = None,
        progress: Progress = ignore_progress,
        **changes: Unpack[MapKeywords],
    ) -> NDArray[np.float32]:
        """Return the blur radius of every pixel.

        Parameters
        ----------
        parameters : MapParameters, optional
        in_focus, blurred : bool (H, W), optional
            Pixels that surely are in focus, and surely are not; the map moves as the mask does.
        progress : callable, optional
        **changes
            Fields of `MapParameters` that differ from `parameters`.

        Returns
        -------
        float32 (H, W)
            Disc radius in px; 0 is in focus. NaN where nothing is known, if ``unknown="nan"``.
        """
        chosen = with_changes(parameters or MapParameters(), changes)
        drawn = dataclasses.replace(chosen, unknown="drawn")
        radius = self.answer.radius(drawn, checked_hints(self.shape, in_focus, blurred), progress)
        if chosen.unknown == "nan":
            radius[~self.known] = np.nan
        return radius

    @takes_fields(MaskParameters)
    def focus_mask(
        self,
        parameters: MaskParameters | None = None,
        *,
        in_focus: ArrayLike | None = None,
        blurred: ArrayLike | None = None,
        progress: Progress = ignore_progress,
        **changes: Unpack[MaskKeywords],
    ) -> NDArray[np.bool_]:
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
            True in focus.

        Raises
        ------
        InputError
            If a hint has another shape than the picture, the hints contradict each other, or `softness` is given, which
            makes a matte: see `focus_matte`.
        """
        chosen = with_changes(parameters or MaskParameters(), changes)
        if chosen.softness > 0:
            raise InputError("a mask is hard: call focus_matte for one with a soft edge")
        hints = checked_hints(self.shape, in_focus, blurred)
        mask = self.answer.mask(chosen, hints, progress)
        progress(1.0, "cutting the mask")
        return mask

    @takes_fields(MaskParameters)
    def focus_matte(
        self,
        parameters: MaskParameters | None = None,
        *,
        in_focus: ArrayLike | None = None,
        blurred: ArrayLike | None = None,
        progress: Progress = ignore_progress,
        **changes: Unpack[MaskKeywords],
    ) -> NDArray[np.float32]:
        """Return the in-focus mask with a soft edge, as wide as `softness` says.

        Parameters
        ----------
        parameters : MaskParameters, optional
        in_focus, blurred : bool (H, W), optional
            As for `focus_mask`.
        progress : callable, optional
        **changes
            Fields of `MaskParameters` that differ from `parameters`.

        Returns
        -------
        float32 (H, W)
            In [0, 1], 1 in focus; without softness nothing lies between.

        Raises
        ------
        InputError
            As `focus_mask`.
        """
        chosen = with_changes(parameters or MaskParameters(), changes)
        hints = checked_hints(self.shape, in_focus, blurred)
        mask = self.answer.mask(chosen, hints, sub_progress(progress, 0, 0.9))
        matte = mask.astype(np.float32)
        if chosen.softness > 0:
            rest = sub_progress(progress, 0.9, 1)
            matte = soft_edge(mask, self.picture.color, chosen.softness, progress=rest)
            matte[hints > 0] = 1
            matte[hints < 0] = 0
        progress(1.0, "softening the edge")
        return matte


@takes_fields(AnalysisParameters)
def analyze(
    image: ArrayLike | Picture,
    parameters: AnalysisParameters | None = None,
    *,
    tuning: Tuning | None = None,
    progress: Progress = ignore_progress,
    **changes: Unpack[AnalysisKeywords],
) -> Analysis:
    """Measure the evidence for each blur radius at every pixel: the expensive part, done once.

    Parameters
    ----------
    image : array_like (H, W) or (H, W, 1 to 4), or Picture
        See `defocus.as_picture`.
    parameters : AnalysisParameters, optional
    tuning : Tuning, optional
        For experiments, in place of what the suite works with; see `defocus.tuning`.
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
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> analysis = analyze(rng.random((64, 80)))
    >>> analysis.blur_map().shape
    (64, 80)
    """
    chosen = with_changes(parameters or AnalysisParameters(), changes)
    tuning = TUNING if tuning is None else tuning
    picture = as_picture(image)
    told = told_kind(picture, tuning.kind) if chosen.kind == "auto" else None
    chosen = dataclasses.replace(chosen, kind=told.name) if told else chosen
    _require_memory(picture, chosen, tuning)
    evidence, seen, chosen = measured_evidence(picture, chosen, tuning, progress=progress)
    return Analysis(picture, chosen, evidence, tuning, seen, told)


def _read_only(values: NDArray[Any]) -> NDArray[Any]:
    """Return what is kept as what nobody changes unawares."""
    view = values.view()
    view.flags.writeable = False
    return view


def _require_memory(picture: Picture, parameters: AnalysisParameters, tuning: Tuning) -> None:
    """Raise `InputError` if a picture cannot be measured within the memory that is there."""
    height, width = picture.shape
    spacing = sample_spacing(parameters, picture.shape, tuning.evidence)
    radii = len(octaves_and_radii(parameters, picture.shape, tuning.evidence)[1])
    values = (height // spacing) * (width // spacing) * radii
    require_memory(
        height * width * _OF_PIXEL + values * _OF_SAMPLE_AND_RADIUS,
        f"{picture.source}: measuring {width} x {height} px, {radii} radii at every {spacing} px,",
        instead="a larger spacing takes less, and so does defocus.dask",
    )


@takes_fields(AnalysisParameters, MapParameters)
def blur_map(image: ArrayLike | Picture, **changes: Unpack[BlurMapKeywords]) -> NDArray[np.float32]:
    """Return the blur radius of every pixel of a picture, float32 (H, W), disc radius in px.

    Parameters
    ----------
    image : array_like (H, W) or (H, W, 1 to 4), or Picture
    **changes
        Fields of `AnalysisParameters` and `MapParameters`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> blur_map(rng.random((64, 80)), max_radius=4, smoothness=2).shape
    (64, 80)
    """
    ours, theirs = split_changes(changes, AnalysisParameters, MapParameters)
    return analyze(image, **ours).blur_map(**theirs)


@takes_fields(AnalysisParameters, MaskParameters)
def focus_mask(
    image: ArrayLike | Picture,
    *,
    in_focus: ArrayLike | None = None,
    blurred: ArrayLike | None = None,
    **changes: Unpack[FocusMaskKeywords],
) -> NDArray[np.bool_]:
    """Return the in-focus mask of a picture, bool (H, W), True in focus.

    Parameters
    ----------
    image : array_like (H, W) or (H, W, 1 to 4), or Picture
    in_focus, blurred : bool (H, W), optional
        See `Analysis.focus_mask`.
    **changes
        Fields of `AnalysisParameters` and `MaskParameters`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> mask = focus_mask(rng.random((64, 80)), threshold=2.0)
    >>> mask.shape, mask.dtype
    ((64, 80), dtype('bool'))
    """
    ours, theirs = split_changes(changes, AnalysisParameters, MaskParameters)
    return analyze(image, **ours).focus_mask(in_focus=in_focus, blurred=blurred, **theirs)
