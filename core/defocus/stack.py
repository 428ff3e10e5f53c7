"""Focus over z: the slices of a stack measured one by one and put together, without a host.

`focus_over_z` says which slice is the sharpest and how sure that is, and where between the slices every pixel is.
`defocus.effects.focus_stack.composite` then takes every pixel of any channel from there.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from defocus.effects.detail_curve import detail_curve
from defocus.effects.detail_peak import refined_heights
from defocus.effects.focus_stack import FocusCurve, focus_curve, height_map
from defocus.errors import InputError
from defocus.parameters import NOISE_RANGE, SPACING_RANGE, AnalysisParameters, MapParameters
from defocus.pictures.intensity import value_range
from defocus.pictures.kind import kind_of
from defocus.pictures.picture import as_picture
from defocus.progress import ignore_progress, sub_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from defocus.pictures.picture import Picture
    from defocus.progress import Progress

    Measure = Callable[[int, AnalysisParameters, MapParameters, Progress], "SliceMap"]

__all__ = ["THRESHOLD_PX", "FocusOverZ", "SliceMap", "Slices", "curve_table", "focus_over_z"]

THRESHOLD_PX = 2.0
"""Largest radius in px that counts as in focus, unless somebody says another."""

_LOOKING, _NOISE, _MAPS = 0.1, 0.2, 0.9  # of the progress, where each part ends
_SPARSER = 1.5  # times as far apart lie the samples of a stack as those of a picture
_NOISE_SPACING = 16  # px between the windows that tell the noise


@dataclass(frozen=True, eq=False)
class SliceMap:
    """What is measured of one slice.

    Attributes
    ----------
    radius : float32 (H, W)
        Blur radius in px; NaN where nothing is known.
    noise_variance : float
        For intensities in [0, 1].
    max_radius : float
        The largest radius that was looked for, in px.
    """

    radius: NDArray[np.float32]
    noise_variance: float
    max_radius: float


class Slices(Protocol):
    """What has slices: an array (Z, H, W), a list of pictures, or anything that loads them when asked."""

    def __len__(self) -> int: ...

    def __getitem__(self, z: int, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class FocusOverZ:
    """What the slices of a stack say together.

    Attributes
    ----------
    curve : FocusCurve
        Of each slice how much is in focus; the sharpest, how sure that is, and a verdict in one line.
    heights : float32 (H, W)
        Where between the slices every pixel is sharpest: 3.4 lies between the slices 3 and 4. Pixels of which nothing
        is known take the height of the nearest that is.
    known : bool (H, W)
        Which pixels have a height of their own.
    radii : float32 (Z, H, W)
        The blur maps, in px, NaN where nothing is known.
    parameters : AnalysisParameters
        What all slices were measured by: one kind, one noise, one spacing.
    noise_variance : float
        For intensities in [0, 1], of the last slice.
    max_radius : float
        The largest radius that was looked for, in px.
    """

    curve: FocusCurve
    heights: NDArray[np.float32]
    known: NDArray[np.bool_]
    radii: NDArray[np.float32]
    parameters: AnalysisParameters
    noise_variance: float
    max_radius: float

    def best_slices(self, around: int) -> range:
        """Return the indices of the sharpest slice and so many on either side, as far as there are.

        Raises
        ------
        InputError
            If no slice is the sharpest.
        """
        best = self.curve.sharpest
        if best is None:
            raise InputError(self.curve.verdict)
        return range(max(0, best - around), min(len(self.radii), best + around + 1))


def focus_over_z(
    slices: Slices,
    parameters: AnalysisParameters | None = None,
    map_parameters: MapParameters | None = None,
    *,
    threshold: float = THRESHOLD_PX,
    measure: Measure | None = None,
    radius_scale: float = 1.0,
    source: str = "the stack",
    progress: Progress = ignore_progress,
) -> FocusOverZ:
    """Measure every slice of a stack, and find the sharpest slice and the height of every pixel.

    Parameters
    ----------
    slices : sequence of array (H, W) or (H, W, 3 or 4)
        Or one array (Z, H, W), also of dask or zarr; slices are loaded one by one.
    parameters : AnalysisParameters, optional
        ``kind="auto"`` is fluorescence where that is what the brightest slice shows, else brightfield: nobody composed
        the slices of a stack, so that what was learned from photographs does not count.
    map_parameters : MapParameters, optional
    threshold : float
        Largest radius in px that counts as in focus.
    measure : callable, optional
        Measures a slice, as a host may do in another process: called with its index, the parameters, those of the map
        and a progress callback, it returns a `SliceMap`. By default it is done here.
    radius_scale : float
        Px of the picture in full resolution for each px of the slices, by which radii are multiplied.
    source : str
        Name for messages.
    progress : callable, optional

    Returns
    -------
    FocusOverZ

    Raises
    ------
    InputError
        If there are fewer than two slices, they have different shapes, or one cannot be measured.

    Examples
    --------
    >>> from defocus.psf.simulation import simulate_blur
    >>> sharp = np.random.default_rng(0).random((64, 64), np.float32)
    >>> stack = [simulate_blur(sharp, np.full((64, 64), radius, np.float32)) for radius in (3, 1.5, 0, 1.5)]
    >>> focus_over_z(stack).curve.sharpest
    2
    """
    depth = len(slices)
    if depth < 2:
        raise InputError(f"{source}: a stack needs two slices at least")
    chosen = parameters or AnalysisParameters()
    drawn = dataclasses.replace(map_parameters or MapParameters(), unknown="nan")
    pictures = _Pictures(slices, source, sub_progress(progress, 0, _LOOKING / 2))
    detail = detail_curve(pictures.all(sub_progress(progress, _LOOKING / 2, _LOOKING), "looking at"))
    brightest = int(detail.light.argmax())
    measure = measure or pictures.measured
    if chosen.kind == "auto":
        found = kind_of(pictures.one(brightest))
        chosen = dataclasses.replace(chosen, kind="fluorescence" if found == "fluorescence" else "brightfield")
    chosen = _with_one_noise(chosen, drawn, pictures.shape, depth, measure, sub_progress(progress, _LOOKING, _NOISE))
    radii = np.empty((depth, *pictures.shape), np.float32)
    measuring = sub_progress(progress, _NOISE, _MAPS)
    for z in range(depth):
        one = measure(z, chosen, drawn, _of_slice(measuring, z, depth, f"slice {z + 1} of {depth}"))
        radii[z] = one.radius
    radii *= np.float32(radius_scale)
    known = np.isfinite(radii)
    filled = np.where(known, radii, np.float32(one.max_radius * radius_scale))
    curve = focus_curve(filled, known, threshold, detail)
    coarse = height_map(filled, known)
    rest = sub_progress(progress, _MAPS, 1)
    heights, fine = refined_heights(coarse, pictures.all(rest, "detail of"), detail)
    nearest = np.rint(coarse).astype(int)[np.newaxis]
    seen = fine | np.take_along_axis(known, nearest, axis=0)[0]
    return FocusOverZ(curve, heights, seen, radii, chosen, one.noise_variance, one.max_radius)


def curve_table(curve: FocusCurve) -> dict[str, NDArray[Any]]:
    """Return a curve as a table with a row for each slice, for `defocus.measures.write_table`."""
    slices = np.arange(len(curve.detail))
    return {
        "slice": slices,
        "detail": curve.detail,
        "in_focus_share": curve.in_focus_share,
        "median_radius_px": curve.median_radius,
        "known_share": curve.known_share,
        "sharpest": slices == (-1 if curve.sharpest is None else curve.sharpest),
    }


class _Pictures:
    """The slices as pictures of one range."""

    def __init__(self, slices: Slices, source: str, progress: Progress) -> None:
        self._slices, self._source = slices, source
        ranges, shapes = [], []
        for z in range(len(slices)):
            progress(z / len(slices), f"range of slice {z + 1} of {len(slices)}")
            values = np.asarray(slices[z])
            if values.ndim not in (2, 3):
                raise InputError(f"{source}: a slice of shape {values.shape} is no picture")
            shapes.append(values.shape)
            ranges.append(value_range(values[..., :3] if values.ndim == 3 else values))
        if len(set(shapes)) > 1:
            raise InputError(f"{source}: slices of different shapes, {shapes[0]} and {max(set(shapes) - {shapes[0]})}")
        self.shape: tuple[int, int] = shapes[0][:2]
        self._limits = min(low for low, _ in ranges), max(high for _, high in ranges)

    def one(self, z: int) -> Picture:
        """Return one of them."""
        return as_picture(np.asarray(self._slices[z]), source=self._source, limits=self._limits)

    def all(self, progress: Progress, what: str) -> Iterator[Picture]:
        """Go through them."""
        for z in range(len(self._slices)):
            progress(z / len(self._slices), f"{what} slice {z + 1} of {len(self._slices)}")
            yield self.one(z)

    def measured(
        self, z: int, parameters: AnalysisParameters, map_parameters: MapParameters, progress: Progress
    ) -> SliceMap:
        """Measure one of them here."""
        from defocus.analysis import analyze  # which loads the compiler

        values = np.asarray(self._slices[z])
        analysis = analyze(as_picture(values, source=self._source), parameters, progress=sub_progress(progress, 0, 0.6))
        radius = analysis.blur_map(map_parameters, progress=sub_progress(progress, 0.6, 1))
        return SliceMap(radius, analysis.noise_variance, analysis.max_radius)


def _of_slice(progress: Progress, z: int, depth: int, words: str) -> Progress:
    part = sub_progress(progress, z / depth, (z + 1) / depth)
    return lambda fraction, stage: part(fraction, f"{words}: {stage}")


def _with_one_noise(
    parameters: AnalysisParameters,
    map_parameters: MapParameters,
    shape: tuple[int, int],
    depth: int,
    measure: Measure,
    progress: Progress,
) -> AnalysisParameters:
    """Return parameters with what is one for the whole stack: the noise of its camera, and samples farther apart.

    Which slice a pixel belongs to is found in its finest detail; what the maps add is which detail to trust.
    """
    from defocus.evidence.radii import sample_spacing  # whose package loads the compiler
    from defocus.tuning import TUNING

    chosen = parameters
    if chosen.kind == "fluorescence" and chosen.tells_shape:
        chosen = dataclasses.replace(chosen, psf="gaussian")  # one shape for all slices, or radii would jump
    if chosen.spacing == "auto":
        wider = sample_spacing(chosen, shape, TUNING.evidence) * _SPARSER
        chosen = dataclasses.replace(chosen, spacing=min(round(wider), SPACING_RANGE[1]))
    if chosen.noise == "auto" and chosen.kind != "fluorescence":
        few = dataclasses.replace(chosen, spacing=max(int(chosen.spacing), _NOISE_SPACING))
        some = sorted({round((depth - 1) * part) for part in (0.2, 0.5, 0.8)})
        found = [
            measure(z, few, map_parameters, _of_slice(progress, number, len(some), "measuring the noise"))
            for number, z in enumerate(some)
        ]
        noise = float(np.clip(np.median([one.noise_variance for one in found]), *NOISE_RANGE))
        chosen = dataclasses.replace(chosen, noise=noise)
    return chosen
