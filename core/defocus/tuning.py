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
    "BeliefTuning",
    "EvidenceTuning",
    "FluorescenceTuning",
    "MapTuning",
    "MaskTuning",
    "Tuning",
    "TuningNumber",
    "VoteTuning",
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
    widest_spacing: int = _number(16, "px", "derived: still well below a window of 41 px")
    wide_windows: int = _number(
        4, "", "measured: that many must fit side by side, in fewer they see little but edges", "no wide windows (map)"
    )
    frame: int = _number(4, "px", "measured: widest frame of one colour; what is wider may be part of the scene")
    frame_level: float = _number(2.5 / 255, "", "measured: range of values that is one colour, as JPEG is not exact")
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

    @property
    def web_diagonal(self) -> float:
        """Diagonal of a web-size picture in px."""
        return math.hypot(self.web_height, self.web_width)


@dataclass(frozen=True)
class MapTuning:
    """How evidence becomes the blur map (equations 14 to 16)."""

    smoothness: float = _number(
        2.0, "nats per label", "measured: lambda_0 on samples the usual distance apart", "no smoothness (map)", off=1e-3
    )
    edge_scale: float = _number(0.1, "colour", "paper: sigma_lambda of (16)")
    wide_smoothness: float = _number(
        1.6,
        "",
        "measured: times that where there are wide windows, shared by all samples around",
        "no wide windows (map)",
        off=1.0,
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
    temper: float = _number(
        0.25, "", "measured: energies of one window are correlated, its likelihood counts them several times"
    )
    near: float = _number(0.3, "px", "derived: confidence is the probability of being right to so much")
    faint: float = _number(
        0.1, "", "measured: confidence below which nothing is known; flat areas keep some hundredths"
    )


@dataclass(frozen=True)
class VoteTuning:
    """How the radii alone vote for what is in focus, over thresholds and with colours (equation 17)."""

    contrast: float = _number(
        0.75,
        "",
        "measured: prior that real things have contrast, so that smooth is blurred",
        "no prior on contrast (mask)",
        off=0.0,
    )
    clip: float = _number(23.0, "nats", "derived: no window is surer than 1 in 10^10")
    smoothness: float = _number(100.0, "nats", "measured: lambda_0 on the usual number of samples")
    edge_scale: float = _number(0.04, "colour", "paper: sigma_lambda of the cut (18)")
    color_bins: int = _number(16, "", "derived: bins per channel of the colour histogram", "no colours (mask)")
    color_clip: float = _number(4.0, "nats", "measured: colours hint, they do not decide", "no colours (mask)", off=0.0)
    color_weight: float = _number(4.0, "", "measured: what colours count beside the evidence", "no colours (mask)")
    candidates: tuple[float, ...] = _number(
        (0.9, 1.1, 1.3, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.2, 2.4, 2.6, 2.9, 3.3, 3.7, 4.2),
        "px",
        "measured: thresholds that are tried on a web-size picture",
        "threshold 2 px for all (mask)",
    )
    usual_threshold: float = _number(1.65, "px", "measured: on a web-size picture", "threshold 2 px for all (mask)")
    threshold_spread: float = _number(0.25, "log", "measured: how far thresholds stray from the usual one")
    stability: float = _number(
        0.1, "", "measured: agreement with neighbouring thresholds that makes one e times as probable"
    )
    voters: int = _number(20_000, "", "derived: samples that choose the threshold, for speed")


@dataclass(frozen=True)
class MaskTuning:
    """How the belief is cut into the in-focus mask (equation 18)."""

    smoothness: float = _number(70.0, "nats", "measured: lambda_0 on the usual number of samples")
    edge_scale: float = _number(0.05, "colour", "measured: sigma_lambda of the cut (18); 0.04 in the paper")
    full_cut: int = _number(600_000, "px", "derived: pixels up to which the mask is cut at full size, for speed")
    carry_scale: float = _number(
        0.05, "colour", "measured: colour difference that carries the boundary from there to full size"
    )


@dataclass(frozen=True)
class BeliefTuning:
    """How the belief, the log-odds of being in focus, becomes mask, threshold and map; its trees are fitted."""

    table: str = _number("", "", "fitted: file of the trees; the suite's own unless given")
    mask_nats: float = _number(
        4.0, "nats", "measured: what a log-odds of one is worth in the cut, whose samples are not independent"
    )
    vote: float = _number(
        0.6,
        "log-odds",
        "measured: what the vote is worth beside the preference where nothing is fitted",
        "no vote (mask)",
        off=0.0,
    )
    caution: float = _number(
        0.15, "log-odds", "measured: by how much masks doubt what is in focus", "no caution (mask)", off=0.0
    )
    mostly: float = _number(0.75, "", "measured: not where this share of the picture is in focus")
    map_nats: float = _number(4.0, "nats", "measured: the same in the map", "no belief (map)", off=0.0)
    least_say: float = _number(
        0.5, "", "measured: what a window that belief contradicts still counts in the map", "no belief (map)", off=1.0
    )
    most_nats_in_focus: float = _number(20.0, "nats", "derived: less than half of what a sure window has")
    step_width: float = _number(0.15, "log", "derived: width of the step from in focus to blurred at the threshold")
    usual_threshold: float = _number(1.65, "px", "measured: on a web-size picture", "threshold 2 px for all (mask)")
    threshold_spread: float = _number(0.6, "log", "measured: how far thresholds may stray from it for little gain")
    threshold_pull: float = _number(0.02, "", "measured: share of wrong samples that straying so far is worth")
    odds_per_nat: float = _number(0.5, "", "measured: log-odds that a nat is worth when the threshold is moved by hand")
    evidence_nats: float = _number(
        8.0, "nats", "measured: what tells the best radius from the worst; less is hardly evidence"
    )

    @property
    def path(self) -> Path:
        """File of the trees."""
        return Path(self.table) if self.table else Path(__file__).parent / "belief" / "table.json"


@dataclass(frozen=True)
class FluorescenceTuning:
    """What is different for pictures that are bright on dark; see docs/microscopy.md."""

    model_error: float = _number(
        5e-4, "", "measured: part of a window's variance that the model leaves out, as a lens's rings are no Gaussian"
    )
    least_noise: float = _number(2e-6, "variance", "derived: of a stretched picture, so that none is perfect")
    part_of_peak: float = _number(0.2, "", "measured: of the brightest in a window, what shines less is its glow")
    above_noise: float = _number(5.0, "", "derived: standard deviations of the ground's noise, above its least values")
    most_filled: float = _number(
        0.375,
        "",
        "measured: median radius, as a part of the largest, above which that is doubled; see docs/microscopy.md",
    )
    most_radius: float = _number(32.0, "px", "derived: up to which auto grows, so that a field holds some windows")
    usual_threshold: float = _number(
        3.5, "px", "measured: sharp fields read less, those a micrometre out of focus more; cells have soft edges"
    )
    ground: float = _number(
        -1.0, "log-odds", "measured: what has no evidence is not in focus; of less a mask of many cells swallows it"
    )
    mask_smoothness: float = _number(15.0, "nats", "measured: as in mask; cells are small")


@dataclass(frozen=True)
class Tuning:
    """All of it.

    Attributes
    ----------
    evidence : EvidenceTuning
    vote : VoteTuning
    belief : BeliefTuning
    map : MapTuning
    mask : MaskTuning
    fluorescence : FluorescenceTuning
    """

    evidence: EvidenceTuning = field(default_factory=EvidenceTuning)
    vote: VoteTuning = field(default_factory=VoteTuning)
    belief: BeliefTuning = field(default_factory=BeliefTuning)
    map: MapTuning = field(default_factory=MapTuning)
    mask: MaskTuning = field(default_factory=MaskTuning)
    fluorescence: FluorescenceTuning = field(default_factory=FluorescenceTuning)

    def for_kind(self, kind: str) -> Tuning:
        """Return the tuning for a kind of picture: fluorescence has a threshold and a smoothness of its own."""
        if kind != "fluorescence":
            return self
        own = self.fluorescence
        belief = dataclasses.replace(self.belief, usual_threshold=own.usual_threshold)
        return dataclasses.replace(
            self, belief=belief, mask=dataclasses.replace(self.mask, smoothness=own.mask_smoothness)
        )


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
