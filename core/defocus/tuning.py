"""Tuning: every number that shapes the estimate and that nobody is asked for, with its unit, source and worth.

What people choose stands in `defocus.parameters`; what was measured once, for all pictures, stands here and nowhere
else. Each step of the method has a class of its own, and takes an object of it as an argument, so that an experiment
changes a number with `changed` and nothing else. `python benchmarks/accuracy.py --ablation` switches each part off in
turn, by the value that a number has when it does nothing; "worth" names the part, which is a row of docs/accuracy.md.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "TUNING",
    "ConfidenceTuning",
    "CullingTuning",
    "EvidenceTuning",
    "FluorescenceTuning",
    "KindTuning",
    "MapTuning",
    "MaskTuning",
    "PriorTuning",
    "ThresholdTuning",
    "Tuning",
    "TuningNumber",
    "changed",
    "describe_tuning",
]


@dataclass(frozen=True)
class TuningNumber:
    """What is known of one number.

    Attributes
    ----------
    name : str
        Step and field, such as ``"map.smoothness"``.
    value : object
    unit : str
        "" where it has none.
    source : str
        "paper", "derived" or "measured", and what it stands for.
    worth : str
        The row of docs/accuracy.md that shows what it is worth; "" where it only bounds time or memory.
    off : object
        The value with which it does nothing; None if there is none.
    """

    name: str
    value: Any
    unit: str
    source: str
    worth: str
    off: Any


def _number(default: Any, unit: str, source: str, worth: str = "", off: Any = None) -> Any:
    """Return a dataclass field that carries what is known of it."""
    return field(default=default, metadata={"unit": unit, "source": source, "worth": worth, "off": off})


@dataclass(frozen=True)
class EvidenceTuning:
    """How evidence is measured: octaves, samples, noise."""

    radius_step: float = _number(0.1, "px", "paper: distance of labels")
    octave_radius: float = _number(8.0, "px", "paper: largest radius that a window of 41 px can tell")
    web_height: int = _number(427, "px", "measured: on pictures of this size [0, 8] px is right")
    web_width: int = _number(640, "px", "measured: on pictures of this size [0, 8] px is right")
    headroom: float = _number(1.2, "", "measured: times the web size, in length, up to which [0, 8] px is kept")
    samples: int = _number(17_000, "", "derived: every fourth pixel of a web-size picture", "samples 2 px apart")
    closest_spacing: int = _number(2, "px", "measured: closer samples see the same windows again, for twice the time")
    widest_spacing: int = _number(16, "px", "derived: still well below a window of 41 px")
    wide_windows: int = _number(
        4, "", "measured: that many must fit side by side, in fewer they see little but edges", "no wide windows (map)"
    )
    frame: int = _number(4, "px", "measured: widest frame of one colour; what is wider may be part of the scene")
    frame_level: float = _number(2.5 / 255, "", "measured: range of values that is one colour, as JPEG is not exact")
    evidence_nats: float = _number(
        8.0, "nats", "measured: what tells the best radius from the worst; less is hardly evidence"
    )
    most_saturated: float = _number(
        0.01, "", "measured: a window that holds more that is cut off reads too small a radius"
    )
    least_valid: float = _number(0.5, "", "derived: a window that is mostly empty has no opinion")
    model_error: float = _number(
        8e-5,
        "variance",
        "measured: stands for what the model leaves out of photographs",
        "no floor under the noise",
        off=0.0,
    )
    noise_trust: float = _number(
        2.0,
        "",
        "measured: times the noise found; too low a value does more harm than too high",
        "noise taken once",
        off=1.0,
    )

    @property
    def web_size(self) -> int:
        """Pixels of a web-size picture."""
        return self.web_height * self.web_width


@dataclass(frozen=True)
class PriorTuning:
    """What the learned prior was fitted with: these numbers go with its weights and change only with them."""

    weights: str = _number("", "", "fitted: file of the weights; the suite's own unless given")
    samples: int = _number(17_000, "", "derived: of a web-size picture, whose cells all pictures are brought to")
    cell_width: float = _number(2.0, "samples", "measured: side of a cell on a web-size picture")
    web_diagonal: float = _number(math.hypot(427, 640), "px", "of the pictures that the prior was fitted on, mostly")

    @property
    def path(self) -> Path:
        """File of the weights."""
        return Path(self.weights) if self.weights else Path(__file__).parent / "answer" / "weights.npz"


@dataclass(frozen=True)
class MapTuning:
    """How evidence becomes the blur map (equations 14 to 16)."""

    smoothness: float = _number(
        2.0, "nats per label", "measured: lambda_0 on samples the usual distance apart, where nothing was learned"
    )
    edge_scale: float = _number(0.1, "colour", "paper: sigma_lambda of (16)")
    wide_smoothness: float = _number(
        1.6, "", "measured: times that where there are wide windows, shared by all samples around"
    )
    coarse_tie: float = _number(
        1.25, "", "measured: colours differ less between the cells of the coarse grid than between samples"
    )
    clip: float = _number(46.0, "nats", "derived: no window is surer than 1 in 10^20, as in the paper's kappa")
    wide_weight: float = _number(
        0.3, "", "measured: what windows of twice the width count", "no wide windows (map)", off=0.0
    )
    sparsity: float = _number(
        0.3, "", "measured: prior that most of a picture has little contrast", "no prior on contrast (map)", off=0.0
    )

    radius_nats: float = _number(
        2.0,
        "nats",
        "measured: what a learned log-probability counts beside the likelihood",
        "no learned radii (map)",
        off=0.0,
    )
    prior_fault: float = _number(
        0.05, "", "measured: how often the learned radii are wrong about pictures unlike those they were fitted on"
    )
    clip_learned: float = _number(15.0, "nats", "measured: no window is surer than that where something was learned")
    reach: float = _number(30.0, "samples", "measured: of the average along a surface", "no surfaces (map)", off=0.0)
    guide_radius: float = _number(0.6, "log", "measured: learned radii that change so much part surfaces")
    guide_log_odds: float = _number(12.0, "log-odds", "measured: so does the learned focus")
    guide_color: float = _number(2.0, "colour", "measured: and the colour, over all channels")
    side_slope: float = _number(40.0, "log-odds", "derived: bound by the prior moves by a fifth for what is surest")
    side_nats: float = _number(
        1.5,
        "nats",
        "measured: what the windows are surer of that side, if a radius lies a factor of e from the threshold",
    )
    side_doubt: float = _number(
        2.0,
        "log-odds",
        "derived: twice the log-odds in tanh are the difference of both sides' probabilities",
        "no doubt about sides (map)",
        off=1e-6,
    )


@dataclass(frozen=True)
class ConfidenceTuning:
    """How sure a radius is; the weights of a logistic regression, by `benchmarks.fit_confidence`."""

    doubted: float = _number(0.5, "", "derived: probability of either of two shapes that tell other radii")
    near: float = _number(0.3, "px", "derived: confidence is the probability of being right to so much")
    temper: float = _number(
        0.25, "", "measured: energies of one window are correlated, its likelihood counts them several times"
    )
    around: float = _number(3.0, "windows", "measured: across, whose average says more of a radius than one window")
    photograph: tuple[float, ...] = _number(
        (3.36, 1.05, 1.21, 0.51, -0.38, -0.02, 0.97, -1.05, -2.11, -0.76, -0.21, 0.01, 2.20, 0.14, 0.12),
        "",
        "fitted: by fit_confidence",
    )
    brightfield: tuple[float, ...] = _number(
        (2.90, 0.69, 1.58, 0.58, -0.59, 0.08, 0.0, 0.0, -2.74, -0.59, 0.39, 0.09, 1.82, 0.12, 0.33),
        "",
        "fitted: by fit_confidence",
    )
    fluorescence: tuple[float, ...] = _number(
        (-4.43, -0.49, 0.42, 0.41, 1.04, 0.01, 0.0, 0.0, -1.94, -1.41, 0.54, 0.16, 0.55, 0.15, 0.08),
        "",
        "fitted: by fit_confidence, where a Gaussian was told",
    )
    fluorescence_disc: tuple[float, ...] = _number(
        (4.64, -0.28, -0.08, 0.62, 0.0, -0.58, 0.0, 0.0, 0.05, 0.17, 1.13, 0.43, 0.67, 0.32, 0.53),
        "",
        "fitted: the same, where a disc was told",
    )


@dataclass(frozen=True)
class MaskTuning:
    """How the answer is cut into the in-focus mask (equation 18)."""

    certainty: float = _number(16.0, "nats", "measured: what a radius e times the threshold is surer of its side")
    least: float = _number(10.0, "nats", "measured: what a radius is surer of its side however near the threshold")
    near: float = _number(0.02, "log", "derived: nearer than that radii are hardly told apart")
    clip: float = _number(46.0, "nats", "derived: no sample is surer than that")
    smoothness: float = _number(20.0, "nats", "measured: lambda_0 on the usual number of samples")
    edge_scale: float = _number(0.05, "colour", "measured: sigma_lambda of the cut (18); 0.04 in the paper")
    full_cut: int = _number(600_000, "px", "derived: pixels up to which the mask is cut at full size, for speed")
    carry_scale: float = _number(
        0.05, "colour", "measured: colour difference that carries the boundary from there to full size"
    )


@dataclass(frozen=True)
class ThresholdTuning:
    """How the automatic threshold is chosen."""

    usual: float = _number(1.65, "px", "measured: on a web-size picture", "threshold 2 px for all (mask)")
    spread: float = _number(0.6, "log", "measured: how far thresholds may stray from it for little gain")
    doubt: float = _number(1.0, "log-odds", "derived: no surer than 3 to 1 is a close call")
    close_share: float = _number(0.12, "", "measured: part of a picture that must hang on it")
    pull: float = _number(0.02, "", "measured: share of wrong samples that straying so far is worth")
    evidence_nats: float = _number(
        8.0, "nats", "measured: what tells the best radius from the worst; less is hardly evidence"
    )


@dataclass(frozen=True)
class FluorescenceTuning:
    """What is different for pictures that are bright on dark; see docs/microscopy.md."""

    model_error: float = _number(
        5e-4, "", "measured: part of a window's variance that the model leaves out, as a lens's rings are no Gaussian"
    )
    least_noise: float = _number(2e-6, "variance", "derived: of a stretched picture, so that none is perfect")
    part_of_peak: float = _number(0.2, "", "measured: of the brightest in a window, what shines less is its glow")
    wide: float = _number(4.0, "", "measured: windows across, within which the ground beside what is large is sought")
    part_of_wide_peak: float = _number(0.5, "", "derived: of the brightest within that; haze is less than half of it")
    above_noise: float = _number(
        2.0,
        "",
        "derived: standard deviations of the ground's noise, above it: of the mean of 5 x 5 px ten; noise has six",
    )
    most_filled: float = _number(
        0.375,
        "",
        "measured: median radius, as a part of the largest, above which that is doubled; see docs/microscopy.md",
    )
    most_radius: float = _number(32.0, "px", "derived: up to which auto grows, so that a field holds some windows")
    usual_threshold: float = _number(
        3.5, "px", "measured: sharp fields read less, those a micrometre out of focus more; cells have soft edges"
    )
    ground_nats: float = _number(
        4.0, "nats", "measured: what has no evidence is not in focus; of less a mask of many cells swallows it"
    )
    mask_smoothness: float = _number(15.0, "nats", "measured: as in mask; cells are small")
    shape_spacing: int = _number(3, "", "derived: times as far apart lie the samples that tell a disc from a Gaussian")
    most_gain: float = _number(20.0, "nats", "derived: that one window may say for a shape; more is another fault")
    disc_gain: float = _number(5.0, "nats", "measured: a window, by which a disc must fit better; benchmarks.shapes")
    alike: float = _number(1.5, "", "measured: times as large may be the one shape's radius for a disc to be believed")


@dataclass(frozen=True)
class KindTuning:
    """How pictures without colours are told to be fluorescence; see `defocus.pictures.kind`."""

    fluorescence: tuple[float, ...] = _number(
        (0.11, -16.55, -4.37, -2.53, -0.48, 0.85, 3.56, 6.23, 2.56, -4.63, -7.28, 74.73, 4.92),
        "",
        "fitted: by fit_kind",
    )
    sure: float = _number(0.8, "", "derived: 4 to 1, or it is not told, but said that it may be")


@dataclass(frozen=True)
class CullingTuning:
    """How the sharpest part of a picture is found and judged."""

    look_side: int = _number(640, "px", "derived: length of the reduced look; pictures of the web are seen in full")
    look_samples: int = _number(3000, "", "measured: of the look; more rank no better")
    noise_spacing: int = _number(3, "", "measured: times as far apart lie the samples that tell the look's noise")
    look_decides: float = _number(1.5, "px", "derived: of the look; no parts in full size are needed from there on")
    sharpest_percent: float = _number(3.5, "%", "measured: of the area with evidence, whose radius is the sharpest")
    least_samples: int = _number(8, "", "derived: samples with evidence, below which nothing is known")
    crops: int = _number(6, "", "measured: parts in full size that decide how sharp it is")
    crop_side: int = _number(256, "px", "derived: holds some windows of 41 px side by side")
    crop_spacing: int = _number(12, "px", "derived: windows overlap still")
    crop_radius: float = _number(8.0, "px", "paper: largest radius that a window of 41 px can tell")
    sharp_radius: float = _number(1.65, "px", "measured: usual threshold of photographs of the web")
    sharp_share: float = _number(1 / 3000, "", "derived: of the diagonal; half the usual circle of confusion")
    soft: float = _number(2.0, "", "derived: times that still counts as soft: one print size smaller is sharp")
    middle: float = _number(0.4, "", "derived: of width and height, what counts as the middle of a picture")
    missed_share: float = _number(0.25, "", "derived: in focus, above which it holds the subject")
    missed_blur: float = _number(2.0, "", "derived: times as blurred as what is sharp, the middle was missed")
    border: float = _number(0.02, "", "derived: of width and height, as near lies at the border")
    motion_window: int = _number(64, "px", "derived: side of the windows whose spectra are compared")
    motion_least: float = _number(3.0, "px", "measured: shorter motion cannot be told from defocus")
    motion_most: float = _number(
        24.0, "px", "measured: what seems longer in such windows is mostly the scene's own lines"
    )
    motion_gain: float = _number(0.25, "", "measured: part of a disc's error in the spectra that motion must explain")
    motion_gain_sharp: float = _number(0.5, "", "measured: the same where the sharpest part is as sharp as can be")
    motion_sure: float = _number(6.0, "px", "measured: shorter paths must explain more, by the square")
    motion_radius: float = _number(0.8, "px", "measured: up to which it is")


@dataclass(frozen=True)
class Tuning:
    """All of it.

    Attributes
    ----------
    evidence : EvidenceTuning
    prior : PriorTuning
    threshold : ThresholdTuning
    map : MapTuning
    confidence : ConfidenceTuning
    mask : MaskTuning
    fluorescence : FluorescenceTuning
    culling : CullingTuning
    kind : KindTuning
    """

    evidence: EvidenceTuning = field(default_factory=EvidenceTuning)
    prior: PriorTuning = field(default_factory=PriorTuning)
    threshold: ThresholdTuning = field(default_factory=ThresholdTuning)
    map: MapTuning = field(default_factory=MapTuning)
    confidence: ConfidenceTuning = field(default_factory=ConfidenceTuning)
    mask: MaskTuning = field(default_factory=MaskTuning)
    fluorescence: FluorescenceTuning = field(default_factory=FluorescenceTuning)
    culling: CullingTuning = field(default_factory=CullingTuning)
    kind: KindTuning = field(default_factory=KindTuning)


TUNING = Tuning()
"""What the suite works with."""


def describe_tuning(tuning: Tuning = TUNING) -> tuple[TuningNumber, ...]:
    """Return every number with what is known of it.

    Examples
    --------
    >>> next(number for number in describe_tuning() if number.name == "map.edge_scale").value
    0.1
    """
    return tuple(
        TuningNumber(f"{step.name}.{item.name}", getattr(getattr(tuning, step.name), item.name), **item.metadata)
        for step in dataclasses.fields(tuning)
        for item in dataclasses.fields(getattr(tuning, step.name))
    )


def changed(changes: Mapping[str, Any], tuning: Tuning = TUNING) -> Tuning:
    """Return a tuning with some numbers changed.

    Parameters
    ----------
    changes : mapping
        From names such as ``"map.smoothness"`` to values.
    tuning : Tuning, optional

    Returns
    -------
    Tuning

    Examples
    --------
    >>> changed({"map.smoothness": 0.5}).map.smoothness
    0.5
    """
    for name, value in changes.items():
        step, _, item = name.partition(".")
        tuning = dataclasses.replace(tuning, **{step: dataclasses.replace(getattr(tuning, step), **{item: value})})
    return tuning
