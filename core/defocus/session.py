"""Session: one held picture, and everything that can be asked of it, by name.

The worker, napari and the command line all ask a session. What there is to ask stands in one table, `REQUESTS`; hosts
make their interfaces, and the documentation its tables, from it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from defocus.errors import InputError
from defocus.parameters import (
    PARAMETERS,
    AnalysisParameters,
    MagnificationParameters,
    MapParameters,
    MaskParameters,
)
from defocus.progress import ignore_progress, sub_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from defocus.analysis import Analysis
    from defocus.pictures.picture import Picture
    from defocus.progress import Progress

    Run = Callable[["Session", "Question", Progress], NDArray[Any]]

__all__ = ["REQUESTS", "RESULT_FACTS", "Question", "Request", "Result", "Session"]

_HINTS = ("in_focus", "blurred")  # all that rests on what is in focus moves with them
_MAP_PART = 0.4  # of the progress of what needs a map first
_AROUND = 3  # px around a point of focus whose radii count
_DEPTH, _DEPTH_PX = 0.25, 0.5  # half the range of radii that such a focus holds: of the radius, and px at least
_LEAST_THRESHOLD = 0.1  # px, of masks


@dataclass(frozen=True)
class Request:
    """One thing that can be asked of a picture.

    Attributes
    ----------
    name : str
    title : str
        What it is called where people choose it.
    result : {"radius", "unit", "picture"}
        float32 (H, W) in px; float32 (H, W) in [0, 1]; or a picture, float32 (H, W, 3), in [0, 1] unless it is wide.
    run : callable
        Called with session, question and progress.
    step : str
        Which of `defocus.parameters.PARAMETERS` it takes; "" for none.
    needs_map : bool
        Whether a blur map is drawn first, by `MapParameters` of its own.
    hints : tuple of str
        Names of the masks, bool (H, W), that it may be given.
    """

    name: str
    title: str
    result: Literal["radius", "unit", "picture"]
    run: Run
    step: str = ""
    needs_map: bool = False
    hints: tuple[str, ...] = ()

    @property
    def parameters(self) -> type[Any] | None:
        """The class of its parameters."""
        return PARAMETERS[self.step] if self.step else None


@dataclass(frozen=True)
class Question:
    """A request with its arguments.

    Attributes
    ----------
    request : str
        Name in `REQUESTS`.
    parameters : object, optional
        Of the request's class; its defaults unless given.
    map_parameters : MapParameters
        How the map is drawn, for requests that need one.
    hints : mapping of str to bool (H, W)
    radius : array_like (H, W), optional
        For requests that need a map: radii in px to work with in place of the measured map. What they say is in
        focus is the subject of "magnify".
    subject : array_like (H, W), optional
        For "magnify": matte in [0, 1] of what stays, in place of the mask. What hints mark as the other side stays, or
        not, as they say.
    """

    request: str
    parameters: Any = None
    map_parameters: MapParameters = field(default_factory=MapParameters)
    hints: Mapping[str, ArrayLike] = field(default_factory=dict)
    radius: ArrayLike | None = None
    subject: ArrayLike | None = None


@dataclass(frozen=True)
class Result:
    """What came of a question.

    Attributes
    ----------
    values : float32 array
        See `Request.result`.
    facts : mapping
        Numbers and words that belong to it, the same for every host; `RESULT_FACTS` tells what they are.
    """

    values: NDArray[np.float32]
    facts: Mapping[str, float | str | None] = field(default_factory=dict)

    @property
    def threshold(self) -> float | None:
        """For masks: the radius in px up to which pixels count as in focus."""
        found = self.facts.get("threshold")
        return None if found is None else float(found)


def _digest(hint: ArrayLike | None) -> bytes:
    """Return what tells a mask from others."""
    import numpy as np

    return b"" if hint is None else hashlib.sha256(np.packbits(np.asarray(hint, bool)).tobytes()).digest()


def _blur_map(session: Session, question: Question, progress: Progress) -> NDArray[Any]:
    return session.blur_map(question.parameters, question.hints, progress=progress)


def _focus_mask(session: Session, question: Question, progress: Progress) -> NDArray[Any]:
    hints = question.hints
    return session.held.focus_matte(
        question.parameters, in_focus=hints.get("in_focus"), blurred=hints.get("blurred"), progress=progress
    )


def _confidence(session: Session, question: Question, progress: Progress) -> NDArray[Any]:
    chosen = question.parameters or MapParameters()
    return session.held.confidence if chosen == MapParameters() else session.held.map_confidence(chosen)


def _restore(session: Session, question: Question, progress: Progress) -> NDArray[Any]:
    from defocus.effects.restoration import restore
    from defocus.pictures.wide import changed_as_clipped

    analysis, radius, rest = session.mapped(question, progress)
    restored = restore(analysis.picture, radius, question.parameters, psf=analysis.psf, progress=rest)
    return changed_as_clipped(restored, analysis.picture.color, session.wide)


def _magnify(session: Session, question: Question, progress: Progress) -> NDArray[Any]:
    from defocus.effects.magnification import magnify
    from defocus.pictures.wide import changed_in_full_range

    analysis, radius, rest = session.mapped(question, progress)
    chosen = session.focused(question, radius)
    subject = session.subject(question, chosen, radius, progress=sub_progress(rest, 0, 0.3))
    last = sub_progress(rest, 0.3, 1)

    def change(color: NDArray[np.float32]) -> NDArray[np.float32]:
        return magnify(
            dataclasses.replace(analysis.picture, color=color), radius, chosen, subject=subject, progress=last
        )

    return changed_in_full_range(change, analysis.picture.color, session.wide)


REQUESTS: Mapping[str, Request] = {
    request.name: request
    for request in (
        Request("blur_map", "Blur map", "radius", _blur_map, "map", hints=_HINTS),
        Request("focus_mask", "In-focus mask", "unit", _focus_mask, "mask", hints=_HINTS),
        Request("confidence", "Confidence", "unit", _confidence, "map"),
        Request("restore", "All in focus", "picture", _restore, "restoration", needs_map=True, hints=_HINTS),
        Request("magnify", "Blur the background", "picture", _magnify, "magnification", needs_map=True, hints=_HINTS),
    )
}
"""All that can be asked of a picture."""


RESULT_FACTS: Mapping[str, str] = {
    "known_share": "part of the pixels whose windows tell their blur",
    "saturated_share": "part of the pixels that are as bright as the picture can be, and tell nothing",
    "kind_doubt": "what else the picture may be than it was taken for, in words, where that is in doubt; else empty",
    "end_share": "part of what is known, in [0, 1], whose radius is the largest looked for and may be larger",
    "shape_doubt": "what else the blur may be, in words, where its shape tells another radius; else empty",
    "threshold": "masks: the radius in px up to which pixels count as in focus",
    "threshold_reason": "masks: why it is that radius, where it was chosen automatically",
    "other_threshold": "masks: a radius in px that was nearly chosen instead; none if it was no close call",
    "in_focus_share": "masks: the part in focus, of the opaque pixels; of fluorescence, of those that are known",
}
"""What the facts of a result mean."""

MUCH_SATURATED = 0.005
"""Share of a picture that is saturated, above which people are told."""

MUCH_AT_END = 0.05
"""Share of what is known whose radius is the largest looked for, above which people are told."""


class Session:
    """Holds the analysis of one picture and its last blur map, and answers requests.

    Attributes
    ----------
    wide : float32 (H, W, 3) or None
        The colours before they were clipped to [0, 1]; results that are pictures are made of them.
    """

    def __init__(self) -> None:
        self._analysis: Analysis | None = None
        self._kept: tuple[Picture, AnalysisParameters] | None = None  # what to analyse again if the new one fails
        self._last_map: tuple[Any, NDArray[np.float32]] | None = None
        self._last_subject: tuple[tuple[float, float], NDArray[np.float32]] | None = None
        self.wide: NDArray[np.float32] | None = None

    @property
    def held(self) -> Analysis:
        """The analysis.

        Raises
        ------
        InputError
            If no picture was opened yet.
        """
        if self._analysis is None and self._kept is not None:
            from defocus.analysis import analyze

            self._analysis = analyze(*self._kept, progress=ignore_progress)
        if self._analysis is None:
            raise InputError("there is no picture yet: open one first")
        return self._analysis

    @property
    def is_open(self) -> bool:
        """Whether there is a picture."""
        return self._analysis is not None or self._kept is not None

    def open(
        self,
        image: ArrayLike | Picture | None = None,
        parameters: AnalysisParameters | None = None,
        *,
        source: str = "the picture",
        wide: NDArray[np.float32] | None = None,
        progress: Progress = ignore_progress,
    ) -> Analysis:
        """Analyse a picture, or the held one anew, and hold it.

        Parameters
        ----------
        image : array_like or Picture, optional
            None keeps the picture.
        parameters : AnalysisParameters, optional
        source : str
            What to call an array in messages.
        wide : float32 (H, W, 3), optional
            The colours that `image` was clipped from; see `defocus.pictures.wide`.
        progress : callable, optional

        Returns
        -------
        Analysis

        Raises
        ------
        InputError
            If the picture cannot be used.

        Notes
        -----
        Whatever is raised, the picture that was held stays. Its evidence makes room for that of the new one, and is
        measured again when it is asked for.
        """
        from defocus.analysis import analyze
        from defocus.pictures.picture import as_picture

        chosen = parameters or AnalysisParameters()
        if image is not None:
            picture = as_picture(image, source=source)
        elif self._analysis is None and self._kept is not None:
            picture = self._kept[0]
        else:
            picture = self.held.picture
        if min(picture.shape) >= chosen.window and self._analysis is not None:  # else analyze refuses it
            self._kept = self._analysis.picture, self._analysis.parameters
            self._analysis, self._last_map, self._last_subject = None, None, None  # room for the new one
        kept_wide = self.wide if image is None else wide
        self._analysis = analyze(picture, chosen, progress=progress)
        self.wide = kept_wide  # with the picture that it belongs to, should the new one be refused
        self._kept, self._last_map, self._last_subject = None, None, None
        return self._analysis

    def answer(self, question: Question, *, progress: Progress = ignore_progress) -> Result:
        """Return what a request gives.

        Raises
        ------
        InputError
            If there is no such request, no picture yet, or a parameter cannot be used.
        """
        import numpy as np

        if question.request not in REQUESTS:
            raise InputError(f"unknown request {question.request!r}; known are {', '.join(REQUESTS)}")
        request = REQUESTS[question.request]
        analysis = self.held
        values = np.asarray(request.run(self, question, progress), np.float32)
        facts: dict[str, float | str | None] = {}
        if request.result != "picture":
            facts = {"known_share": analysis.known_share, "saturated_share": analysis.saturated_share}
            facts |= {"shape_doubt": analysis.shape_doubt, "kind_doubt": analysis.kind_doubt}
        if request.result == "radius":
            facts["end_share"] = analysis.share_at_end(values)
        if request.step == "mask":
            chosen = question.parameters.threshold if question.parameters else "auto"
            if chosen == "auto":
                facts |= {"threshold": analysis.threshold, "threshold_reason": analysis.threshold_reason}
                facts["other_threshold"] = analysis.other_threshold
            else:
                facts |= {"threshold": float(chosen), "threshold_reason": "", "other_threshold": None}
            facts["in_focus_share"] = analysis.share_of(values)
        return Result(values, facts)

    def blur_map(
        self,
        parameters: MapParameters | None = None,
        hints: Mapping[str, ArrayLike] | None = None,
        *,
        progress: Progress = ignore_progress,
    ) -> NDArray[np.float32]:
        """Return the blur map, drawn anew only if its parameters or hints are not those of the last one."""
        chosen = parameters or MapParameters()
        marked = {name: (hints or {}).get(name) for name in _HINTS}
        made_for = chosen, tuple(_digest(hint) for hint in marked.values())
        if self._last_map is None or self._last_map[0] != made_for:
            in_focus, blurred = marked["in_focus"], marked["blurred"]
            self._last_map = made_for, self.held.blur_map(chosen, in_focus=in_focus, blurred=blurred, progress=progress)
        return self._last_map[1]

    def mapped(self, question: Question, progress: Progress) -> tuple[Analysis, NDArray[np.float32], Progress]:
        """Return analysis, map and the rest of the progress for a request that needs a map first.

        Raises
        ------
        InputError
            If the question brings a map that cannot be used.
        """
        if question.radius is not None:
            from defocus.psf.varying_blur import checked_radius_map

            return self.held, checked_radius_map(question.radius, self.held.shape), progress
        chosen = dataclasses.replace(question.map_parameters, unknown="drawn")  # effects need a radius everywhere
        radius = self.blur_map(chosen, question.hints, progress=sub_progress(progress, 0, _MAP_PART))
        return self.held, radius, sub_progress(progress, _MAP_PART, 1)

    def focused(self, question: Question, radius: NDArray[np.float32]) -> MagnificationParameters:
        """Return the parameters of "magnify" with the range of focus that "auto" or a point means, given the map.

        Raises
        ------
        InputError
            If the point lies outside of the picture, or is half given.
        """
        import numpy as np

        chosen = question.parameters or MagnificationParameters()
        if chosen.threshold == "auto":
            end = max(self.held.threshold, chosen.focus_from)
            chosen = dataclasses.replace(chosen, threshold=end)
        if chosen.focus_x == "auto" and chosen.focus_y == "auto":
            return chosen
        if chosen.focus_x == "auto" or chosen.focus_y == "auto":
            raise InputError("focus_x and focus_y name one point: give both, or none")
        x, y = int(chosen.focus_x), int(chosen.focus_y)
        if not (x < radius.shape[1] and y < radius.shape[0]):
            raise InputError(f"the focus must lie within {radius.shape[1]} x {radius.shape[0]} px, not at ({x}, {y})")
        there = float(np.median(radius[max(0, y - _AROUND) : y + _AROUND + 1, max(0, x - _AROUND) : x + _AROUND + 1]))
        if there <= self.held.threshold:  # what is in focus already
            return dataclasses.replace(chosen, focus_from=0.0, threshold=self.held.threshold)
        width = max(_DEPTH_PX, _DEPTH * there)
        return dataclasses.replace(chosen, focus_from=max(0.0, there - width), threshold=min(64.0, there + width))

    def subject(
        self,
        question: Question,
        chosen: MagnificationParameters,
        radius: NDArray[np.float32],
        *,
        progress: Progress = ignore_progress,
    ) -> NDArray[np.float32]:
        """Return the matte of what "magnify" keeps, float32 (H, W): the mask of its range of focus, with a soft rim.

        Parameters
        ----------
        question : Question
        chosen : MagnificationParameters
            From `focused`.
        radius : float32 (H, W)
            In px. The mask is read from it if the question brings a map of its own, else from the answer.
        progress : callable, optional
        """
        import numpy as np

        from defocus.answer.boundary import checked_hints
        from defocus.effects.subject import subject_matte

        held, hints = self.held, question.hints
        ends = float(chosen.focus_from), float(chosen.threshold)
        measured = question.subject is None and question.radius is None
        if measured and not hints and self._last_subject is not None and self._last_subject[0] == ends:
            return self._last_subject[1]
        marked = checked_hints(held.shape, *(hints.get(name) for name in _HINTS))
        if question.subject is not None:
            from defocus.effects.magnification import checked_subject

            matte = checked_subject(question.subject, held.shape)
            contradicted = (marked != 0) & ((marked > 0) != (matte >= 0.5))
            return np.where(contradicted, marked > 0, matte)
        if question.radius is not None:
            inside = (radius >= np.float32(chosen.focus_from)) & (radius <= np.float32(chosen.threshold))
            mask = (inside | (marked > 0)) & (marked >= 0)
            return subject_matte(mask, held.picture.color, marked, progress=progress)
        least = MaskParameters(threshold=max(_LEAST_THRESHOLD, float(chosen.threshold)))
        first = sub_progress(progress, 0, 0.4)
        mask = held.focus_mask(least, in_focus=marked > 0, blurred=marked < 0, progress=first)
        if chosen.focus_from >= _LEAST_THRESHOLD:
            nearer = held.focus_mask(MaskParameters(threshold=chosen.focus_from))
            mask = mask & ~nearer | (marked > 0)
        matte = subject_matte(mask, held.picture.color, marked, progress=sub_progress(progress, 0.4, 1))
        if not hints:
            self._last_subject = ends, matte
        return matte

    def close(self) -> None:
        """Forget the picture."""
        self._analysis, self._kept, self._last_map, self._last_subject = None, None, None, None
