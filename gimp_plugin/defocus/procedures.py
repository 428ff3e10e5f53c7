"""The procedures: their names and arguments, what each asks the worker for and makes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gimp", "3.0")
import pixels  # noqa: E402
import results  # noqa: E402
from gi.repository import Gimp  # noqa: E402
from options import (  # noqa: E402
    Choice,
    Flag,
    Number,
    Option,
    assign_mnemonics,
    from_parameters,
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
_MEASUREMENT = ("kind", "psf", "noise", "max_radius")  # and what belongs to one shape of blur


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
    is_mask = False  # whether a preview can be seen in several ways
    needs_threshold = False  # whether it matters what counts as in focus, which takes a moment to find out

    def __init__(self, parameters: dict[str, list[Control]]) -> None:
        shown = [
            control["name"]
            for control in parameters["analysis"]
            if control["name"] in _MEASUREMENT or control.get("applies_to")
        ]
        self.options = self.own_options(parameters) + from_parameters(parameters, "analysis", shown)
        for option in self.options:
            if option.name == "kind":
                # What people open in GIMP is a photograph, also where it is grey and deep
                option.default = "photograph"
        assign_mnemonics(self.options)

    def own_options(self, parameters: dict[str, list[Control]]) -> list[Option]:
        return from_parameters(parameters, self.group)

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

    def note(self, answer: Answer, measured: dict[str, Any]) -> str:
        """Return what to say below the preview."""
        levels = noise_levels(measured["noise_variance"])
        said = _("Noise: {levels:.2g} of 255 levels.").format(levels=levels)
        if answer.get("known_share") == 0:
            said += " " + _("Nothing is known of its blur: there is nothing but flat areas or noise.")
        saturated = answer.get("saturated_share", 0)
        if saturated > _MUCH_SATURATED:
            said += " " + _("{share:.1f} % are saturated and tell nothing.").format(share=100 * saturated)
        return said

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
        scale = _("White or yellow: blur radius {maximum:.3g} px or more.").format(maximum=answer["maximum"])
        return f"{scale} {super().note(answer, measured)}"

    def in_own_colors(self, config: Gimp.ProcedureConfig) -> bool:
        return self.value(config, "output") == "gray"

    def check(self, image: Gimp.Image, config: Gimp.ProcedureConfig) -> None:
        super().check(image, config)
        if self.value(config, "output") != "layer-mask":
            results.refuse_indexed(image)
        if self.value(config, "output") == "color" and image.get_base_type() == Gimp.ImageBaseType.GRAY:
            raise Problem("A grey image cannot hold colours: choose the grey layer, or convert it first.")

    def arguments(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        output = self.value(config, "output")
        maximum = self.value(config, "maximum")
        arguments: dict[str, Any] = {"parameters": values_of(self.options, config, "map")}
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
        title = _("Blur map, 0 to {maximum:.3g} px").format(maximum=answer["maximum"])
        # Grey values are the map's; colours are to be seen as they are meant
        made = results.made_layer(layer, answer, f"{title}: {layer.get_name()}", own_space=output == "gray")
        return lambda: results.put_above(layer, made)


class _NewPicture(Procedure):
    """A new layer above, from the worker's picture."""

    title = ""

    def own_options(self, parameters: dict[str, list[Control]]) -> list[Option]:
        return [
            *from_parameters(parameters, self.group),
            Flag(
                "limit-to-selection",
                "Show inside the selection only",
                "Give the new layer a mask from the active selection, if there is one.",
                True,
            ),
        ]

    def check(self, image: Gimp.Image, config: Gimp.ProcedureConfig) -> None:
        super().check(image, config)
        results.refuse_indexed(image)

    def arguments(self, new_file: NewFile, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> dict[str, Any]:
        return {
            "parameters": values_of(self.options, config, self.group),
            "alpha": True,
            "output": pixels.mask_output(layer.get_image()),
        }

    def prepare(self, layer: Gimp.Layer, answer: Answer, config: Gimp.ProcedureConfig, first: bool) -> Attach:
        made = results.made_layer(layer, answer, f"{self.title}: {layer.get_name()}")
        limited = self.value(config, "limit-to-selection") and used_selection(layer.get_image())

        def attach() -> None:
            results.put_above(layer, made)
            if limited:
                made.add_mask(made.create_mask(Gimp.AddMaskType.SELECTION))
                made.set_edit_mask(False)

        return attach


class Sharpen(_NewPicture):
    """Sharpen out-of-focus areas."""

    name = "plug-in-defocus-sharpen"
    label = _("_Sharpen Out-of-Focus Areas...")
    blurb = _("Undo defocus, everywhere by as much as there is")
    help = _("Measures the blur at every pixel and undoes it by deconvolution; the result is a new layer.")
    request = "restore"
    group = "restoration"
    title = _("Sharpened")


class Magnify(_NewPicture):
    """Blur the background more."""

    name = "plug-in-defocus-blur-background"
    label = _("Blur Back_ground More...")
    blurb = _("Enlarge the defocus that the picture has")
    help = _(
        "Measures the blur at every pixel and enlarges it as a wider aperture would, keeping what is in "
        "focus; the result is a new layer."
    )
    request = "magnify"
    needs_threshold = True
    group = "magnification"
    title = _("Background blurred")
