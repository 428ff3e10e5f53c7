"""The procedures: their names and arguments, what each asks the worker for and makes of the answer.

Here is what all have in common, and the blur map; those that make masks and new pictures are in files of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
import results  # noqa: E402
from gi.repository import Gimp  # noqa: E402
from options import (  # noqa: E402
    Choice,
    Named,
    NamedChannel,
    Number,
    Option,
    Title,
    assign_mnemonics,
    from_parameters,
    grouped,
    noise_levels,
    values_of,
)
from problem import Problem  # noqa: E402
from words import translated as _  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from defocus_client import WorkerClient
    from options import Control
    from results import Answer, Attach

    NewFile = Callable[[], Path]

FILTERS = "<Image>/Filters/Defocus"
_MAP = ("smoothness", "edge_sensitivity")  # a layer holds a value everywhere
_MUCH_SATURATED = 0.005  # share of a layer above which that is told
_MUCH_AT_END = 0.05  # share of a map's known radii above which that is told
_MEASUREMENT = ("kind", "psf", "noise", "max_radius")  # and what belongs to one shape of blur
BY_HINT = {"in-focus": "in-focus-channel", "blurred": "blurred-channel"}
HINT_CHANNELS = tuple(BY_HINT.values())
MAP_IS = "defocus-blur-map"  # by what a layer says that it is a map, and which radius in px is white
_SAVED = 1  # flags of a parasite that goes into files with its layer
_NOTHING = 0.002  # share in focus below which nothing is, and everything above the rest


class Procedure:
    """One procedure.

    `options` are its arguments; `arguments` gives those of the worker's request for a layer; `prepare` makes
    what the answer becomes in GIMP, unattached, and returns a function that attaches it.
    """

    name = ""
    label = ""
    blurb = ""
    help = ""
    menus: tuple[str, ...] = (FILTERS,)
    request = ""
    group = ""
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()  # of the options, as `options.grouped` takes them
    is_mask = False  # whether the result is a mask
    is_picture = False  # whether the result is the picture, changed
    takes_focus = False  # whether a click can say what becomes the sharpest
    needs_threshold = False  # whether it matters what counts as in focus, which takes a moment to find out

    def __init__(self, parameters: dict[str, list[Control]]) -> None:
        shown = [
            control["name"]
            for control in parameters["analysis"]
            if control["name"] in _MEASUREMENT or control.get("applies_to")
        ]
        hints: list[Option] = [
            NamedChannel("in-focus-channel", "Surely in focus", "A channel that is white where all is in focus."),
            NamedChannel("blurred-channel", "Surely blurred", "A channel that is white where all is blurred."),
        ]
        self.options = self.own_options(parameters) + hints + from_parameters(parameters, "analysis", shown)
        for option in self.options:
            if option.name == "kind":
                # What people open in GIMP is a photograph, also where it is grey and deep
                option.default = "photograph"
        # Of the groups that a dialog shows, the first is not folded, and the letters of what is seen at once come first
        (_first, seen), *folded = grouped(self.options, self.groups)
        self.titles = {title: Title(title) for title, _members in folded}
        assign_mnemonics([*seen, *self.titles.values(), *(option for _title, members in folded for option in members)])

    def own_options(self, parameters: dict[str, list[Control]]) -> list[Option]:
        return from_parameters(parameters, self.group)

    @property
    def named(self) -> list[str]:
        """Names of the options that name something of the image, which GIMP's memory of arguments leaves out."""
        return [option.name for option in self.options if isinstance(option, Named)]

    def value(self, config: Gimp.ProcedureConfig, name: str) -> Any:
        return next(option for option in self.options if option.name == name).value(config)

    def settings(self, config: Gimp.ProcedureConfig) -> list[Any]:
        """Return all values, to see whether any was changed."""
        return [option.value(config) for option in self.options]

    def analysis(self, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        return values_of(self.options, config, "analysis")

    def check(self, image: Gimp.Image, config: Gimp.ProcedureConfig) -> None:
        """Raise `Problem` if these settings cannot be carried out in this image."""
        self.settings(config)
        for name in self.named:
            channel = self.value(config, name)
            if channel is not None and channel.get_image() != image:
                raise Problem(_("“{name}” belongs to another image.", name=channel.get_name()))

    def note(self, answer: Answer, measured: dict[str, Any]) -> str:
        """Return what to say below the preview.

        Parameters
        ----------
        answer : dict
            The facts of the result.
        measured : dict
            Those of the measurement.
        """
        # What a run before found out of the threshold means nothing here if it is not asked for
        kept = {name: value for name, value in measured.items() if self.needs_threshold or "threshold" not in name}
        facts = {**kept, **answer}
        said = []
        if facts.get("known_share") == 0:
            said.append(_("Nothing is known of its blur: there is nothing but flat areas or noise."))
        elif facts.get("threshold") is not None:
            if facts.get("in_focus_share", 1) < _NOTHING:
                said.append(_("Nothing is in focus."))
            elif facts.get("in_focus_share", 0) > 1 - _NOTHING:
                said.append(_("Everything is in focus."))
            said.append(_("In focus: blur radius up to {threshold:.2g} px.", threshold=facts["threshold"]))
        if "noise_variance" in facts:
            levels = noise_levels(facts["noise_variance"])
            said.append(_("Noise: {levels:.2g} of 255 levels.", levels=levels))
        saturated = facts.get("saturated_share", 0)
        if saturated > _MUCH_SATURATED:
            said.append(_("{share:.1f} % are saturated and tell nothing.", share=100 * saturated))
        at_end = facts.get("end_share", 0)
        if at_end > _MUCH_AT_END:
            said.append(_("{share:.0f} % read the largest radius: that is at least their blur.", share=100 * at_end))
        if facts.get("kind_doubt"):
            said.append(_("The kind of picture is in doubt: choose it."))
        if facts.get("shape_doubt"):
            said.append(_("Disc or Gaussian is in doubt: choose the blur shape, or take radii with caution."))
        return " ".join(said)

    def remarks(self, config: Gimp.ProcedureConfig, measured: dict[str, Any]) -> list[str]:
        """Return what else is to be said of these settings below the preview."""
        return []

    def other_threshold(self, facts: dict[str, Any], config: Gimp.ProcedureConfig) -> float | None:
        """Return the threshold in px that auto nearly took, None where that was no close call or is not asked."""
        automatic = self.needs_threshold and self.value(config, "threshold") == "auto"
        other = facts.get("other_threshold") if automatic else None
        return round(float(other), 2) if other else None

    def hints(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        """Return the arguments that say what surely is in focus, or surely not; they are written to new files."""
        arguments: dict[str, Any] = {}
        written = []
        for hint, source in self.hint_sources(layer, config).items():
            if source is not None:
                path = new_file()
                pixels.read_hint(source, layer, path)
                arguments[hint.replace("-", "_")] = path.name
                written.append(path)
        if len(written) == len(BY_HINT) and _meet(*written):
            raise Problem(_("Some pixels are marked as surely in focus and as surely blurred: mark them once."))
        return arguments

    def hint_sources(self, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Gimp.Channel | None]:
        """Return what says what surely is in focus, and what surely not."""
        return {hint: self.value(config, option) for hint, option in BY_HINT.items()}

    def subject(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        """Return the arguments of a mask of what the procedure takes for in focus."""
        named = {option.parameter: option.value(config) for option in self.options}
        return {
            "parameters": {"threshold": named.get("threshold", "auto")},
            **self.hints(new_file, layer, config),
        }

    def focus(self, config: Gimp.ProcedureConfig) -> tuple[float, float] | None:
        """Return the point that is to be the sharpest, in px of the layer, if one is."""
        return None

    def limit(self, image: Gimp.Image, config: Gimp.ProcedureConfig) -> Gimp.Channel | None:
        """Return the selection if the result is to be seen inside it only."""
        return None

    def hidden_by_mask(self, config: Gimp.ProcedureConfig) -> bool:
        """Return whether the layer's mask hides of a new picture what it hides of the layer."""
        return True

    def probed(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        """Return the arguments of the question for the radius at a place."""
        return {}

    def in_own_colors(self, config: Gimp.ProcedureConfig) -> bool:
        """Return whether the result has the colours of the layer's space; else a preview is shown as it is."""
        return True

    def arguments(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        """Return the request's arguments; pixels that go along are written to new files."""
        raise NotImplementedError

    def refined(
        self,
        worker: WorkerClient,
        layer: Gimp.Layer,
        config: Gimp.ProcedureConfig,
        arguments: dict[str, Any],
        answer: Answer,
    ) -> Answer:
        """Return the answer after what GIMP itself adds to it."""
        return answer

    def prepare(self, layer: Gimp.Layer, answer: Answer, config: Gimp.ProcedureConfig, first: bool) -> Attach:
        raise NotImplementedError


def _meet(one: Path, other: Path) -> bool:
    """Return whether two files of a byte a pixel, 0 or 1, mark the same pixel."""
    first, second = (int.from_bytes(path.read_bytes(), "little") for path in (one, other))
    return first & second != 0


def used_selection(image: Gimp.Image) -> Gimp.Channel | None:
    """Return the selection if anything is selected, else None."""
    return None if Gimp.Selection.is_empty(image) else image.get_selection()


class BlurMap(Procedure):
    """Blur map layer."""

    name = "plug-in-defocus-blur-map"
    label = _("_Blur Map Layer...")
    blurb = _("Show how far every pixel is out of focus")
    help = _(
        "Measures the blur radius of every pixel and shows it: as a grey layer, white at the radius that "
        "the layer's name says, or in colours; or as a layer mask, for "
        "filters that blur or sharpen by a mask."
    )
    request = "blur_map"
    group = "map"
    groups = (("", ("output", "maximum")), ("Edges", ("smoothness", "edge-sensitivity")))

    def own_options(self, parameters: dict[str, list[Control]]) -> list[Option]:
        maximum = {
            "name": "maximum",
            "label": "White at (px)",
            "help": "The blur radius that is shown as white; auto takes the largest radius looked for.",
            "default": "auto",
            "minimum": 0.1,
            "maximum": 128.0,
            "step": 0.5,
            "choices": ["auto"],
        }
        return [
            *from_parameters(parameters, "map", _MAP),
            Choice(
                "output",
                "Output",
                "What the map becomes.",
                [("gray", "Grey layer"), ("color", "Coloured layer"), ("layer-mask", "Layer mask")],
                "gray",
            ),
            Number("request", maximum),
        ]

    def note(self, answer: Answer, measured: dict[str, Any]) -> str:
        scale = _("White or yellow: blur radius {maximum:.3g} px or more.", maximum=answer["maximum"])
        return f"{scale} {super().note(answer, measured)}"

    def in_own_colors(self, config: Gimp.ProcedureConfig) -> bool:
        return self.value(config, "output") == "gray"

    def check(self, image: Gimp.Image, config: Gimp.ProcedureConfig) -> None:
        super().check(image, config)
        if self.value(config, "output") != "layer-mask":
            results.refuse_indexed(image)
        if self.value(config, "output") == "color" and image.get_base_type() == Gimp.ImageBaseType.GRAY:
            raise Problem(_("A grey image cannot hold colours: choose the grey layer, or convert it first."))

    def arguments(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        output = self.value(config, "output")
        maximum = self.value(config, "maximum")
        arguments: dict[str, Any] = {
            "parameters": values_of(self.options, config, "map"),
            **self.hints(new_file, layer, config),
        }
        if maximum != "auto":
            arguments["maximum"] = maximum
        if output == "color":
            arguments["output"] = "color"
        else:
            arguments["output"] = "uint8" if pixels.is_8_bit(layer.get_image()) else "unit"
        return arguments

    def prepare(self, layer: Gimp.Layer, answer: Answer, config: Gimp.ProcedureConfig, first: bool) -> Attach:
        output = self.value(config, "output")
        if output == "layer-mask":
            mask = results.made_mask(layer, answer["path"])
            return lambda: results.put_mask(layer, mask)
        title = _("Blur map, 0 to {maximum:.3g} px", maximum=answer["maximum"])
        # Grey values are the map's; colours are to be seen as they are meant
        made = results.made_layer(layer, answer, f"{title}: {layer.get_name()}", own_space=output == "gray")
        if output == "gray":
            told = str(float(answer["maximum"])).encode()
            made.attach_parasite(Gimp.Parasite.new(MAP_IS, _SAVED, told))
        return lambda: results.put_above(layer, made)
